//! The embedded broker.

use crate::cli::exit::{Exit, Stop};
use crate::config::{Config, Sources, load};
use crate::contracts::Contracts;
use crate::engine::layout::LETTERS_TOPIC;
use crate::ingest::{Tail, TailFrom};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A broker inside this process. It lives as long as this value.
pub(super) struct Embedded {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Embedded {
    /// Starts it on a free port of the loopback interface, with the topics of the contracts.
    pub(super) fn start(contracts: &Contracts) -> Result<Self, Stop> {
        let refused = |error: rdkafka::error::KafkaError| {
            Stop::new(Exit::Broker, format!("the embedded broker does not start: {error}"))
        };
        let cluster = MockCluster::new(1).map_err(refused)?;
        for topic in contracts.topics() {
            cluster.create_topic(&topic.name, topic.partitions, 1).map_err(refused)?;
        }
        Ok(Self { cluster })
    }

    /// Its address, for other clients.
    pub(super) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// The configuration of everything that speaks to it. Commits come often: there is no transaction to pay for, and a
    /// day of the city waits for four hops.
    pub(super) fn config(&self) -> Result<Config, Stop> {
        let set = [
            "application.id=demo",
            "application.instance=demo",
            "application.clock=declared",
            "lanes.commit_interval_ms=20",
            "memory.mib=512",
            "http.listen=",
        ];
        let mut set: Vec<String> = set.map(str::to_owned).into();
        set.push(format!("kafka.bootstrap={}", self.address()));
        match load(&Sources { set, ..Sources::default() }) {
            (Some(config), _) => Ok(config),
            (None, mistakes) => {
                let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                Err(Stop::new(Exit::Config, told.join("; ")))
            }
        }
    }

    /// Dead letters by code, as far as the broker still has them.
    pub(super) fn letters(&self) -> Result<BTreeMap<String, u64>, Stop> {
        let mut tail = Tail::open(&self.config()?.kafka, &[LETTERS_TOPIC], TailFrom::Beginning)?;
        let mut letters = BTreeMap::new();
        let deadline = Instant::now() + Duration::from_secs(3);
        while !tail.has_caught_up() && Instant::now() < deadline {
            let Some(record) = tail.poll(Duration::from_millis(50))? else { continue };
            let code = record.headers.iter().find(|(name, _)| name == "letter_code");
            let code = code.map_or_else(String::new, |(_, code)| String::from_utf8_lossy(code).into_owned());
            *letters.entry(code).or_insert(0) += 1;
        }
        Ok(letters)
    }
}
