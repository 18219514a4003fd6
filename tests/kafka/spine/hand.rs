//! Records made by hand: households whose every day a scenario decides, beside the city or without one.

use ieum::contracts::Contracts;
use ieum::sim::city::RawRecord;
use ieum::types::{Day, SmolStr};
use serde_json::{Value, json};

/// A record of a topic, encoded by its contract.
pub(super) fn record(contracts: &Contracts, topic: &str, body: &Value) -> RawRecord {
    let contract = contracts.topic(topic).unwrap();
    let tree = contract.from_json(body.to_string().as_bytes()).unwrap();
    let value = Some(contract.encode(&tree).unwrap());
    raw(topic, value)
}

/// A record of a topic with these very bytes.
pub(super) fn raw(topic: &str, value: Option<Vec<u8>>) -> RawRecord {
    let topic = SmolStr::new(topic);
    RawRecord { topic, key: None, value, at: Default::default(), about: None, poison: None }
}

/// An elder alone, with one meter that a source reads each day.
pub(super) struct Elder<'a> {
    pub(super) contracts: &'a Contracts,
    /// Also the pseudonym of household and meter.
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    pub(super) kind: &'a str,
    pub(super) region: &'a str,
}

impl Elder<'_> {
    fn dong(&self) -> String {
        format!("{}10100", self.region)
    }

    /// What registries say.
    pub(super) fn registered(&self, from: Day) -> [RawRecord; 2] {
        let facts = json!({
            "source": "MOIS", "source_key": format!("{}-facts", self.name), "household": self.name,
            "valid_from": from.0, "size": 1, "oldest_born": "1940-05-01", "youngest_born": "1940-05-01",
            "dong": self.dong(), "sigungu": self.region,
        });
        let link = json!({
            "source": "MOIS", "source_key": format!("{}-link", self.name), "subject_kind": "service_point",
            "subject": self.name, "household": self.name, "valid_from": from.0,
        });
        let of = |topic, key: String, body| {
            // A compacted topic takes no record without a key.
            RawRecord { key: Some(key.into_bytes()), ..record(self.contracts, topic, body) }
        };
        let name = self.name;
        [
            of("registry.households", format!("{name}/MOIS/{name}-facts"), &facts),
            of("registry.subjects", format!("service_point:{name}/MOIS/{name}-link"), &link),
        ]
    }

    /// A day's reading.
    pub(super) fn reading(&self, on: Day, used: i64) -> RawRecord {
        let body = json!({
            "source": self.source, "source_key": format!("{}-{}", self.name, on.0), "region": self.region,
            "service_point": self.name, "kind": self.kind, "use": used, "read_on": on.0,
        });
        record(self.contracts, "signals.meter", &body)
    }

    /// A supply is cut.
    pub(super) fn cutoff(&self, kind: &str, on: Day) -> RawRecord {
        let body = json!({
            "source": "KEPCO", "source_key": format!("{}-cut-{kind}", self.name), "service_point": self.name,
            "kind": kind, "mode": "cut", "occurred_at": on.start().0,
        });
        record(self.contracts, "signals.cutoff", &body)
    }

    /// A neighbour tells of them.
    pub(super) fn report(&self, on: Day) -> RawRecord {
        let body = json!({
            "source": "REPORT_APP", "source_key": format!("{}-report", self.name), "service_point": self.name,
            "reporter_role": "neighbour", "crisis_types": [], "reported_at": on.start().0,
        });
        record(self.contracts, "reports.neighbour", &body)
    }

    /// An outage of the dong begins, or ends.
    pub(super) fn outage(&self, kind: &str, on: Day) -> RawRecord {
        let body = json!({
            "source": self.source, "source_key": format!("{}-outage-{kind}", self.name), "kind": kind,
            "outage_id": format!("{}-outage", self.name), "utility": self.kind, "dong": [self.dong()],
            "occurred_at": on.start().0,
        });
        record(self.contracts, "signals.outage", &body)
    }
}
