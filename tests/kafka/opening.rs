//! A first start on topics that were filled before: what is known of households is read before what is said of them.

mod on_kafka {
    use crate::harness::*;
    use crate::runtime::on_kafka::until;
    use ieum::config::ClockKind;
    use ieum::contracts::{Contracts, builtin};
    use ieum::engine::lane::io::Outgoing;
    use ieum::engine::layout::HOUSEHOLDS_LOG;
    use ieum::engine::message::{HouseholdMessage, decode};
    use ieum::publish::Plain;
    use ieum::runtime::admin::Admin;
    use ieum::runtime::{Runtime, RuntimeOptions};
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const HOUSEHOLDS: usize = 3_000;
    /// Their topic comes before the register's in every order: without a wait they are read first.
    const ACTIONS: usize = 600;

    /// An entry of each household in the register, and what was done for some of them, each topic's partitions in turn.
    fn fill(corner: &Corner, contracts: &Contracts) {
        let mut producer = Plain::open(corner.kafka()).unwrap();
        let mut send = |topic: &str, number: usize, value: serde_json::Value| {
            let count = usize::try_from(contracts.topic(topic).unwrap().partitions).unwrap();
            let (key, value) = (number.to_string(), value.to_string());
            let record = Outgoing {
                topic,
                partition: i32::try_from(number % count).unwrap(),
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &[],
            };
            patiently(|| producer.send(&record)).unwrap();
            if number % 2_000 == 1_999 {
                producer.flush(PATIENCE).unwrap();
            }
        };
        for number in 0..ACTIONS {
            let action = serde_json::json!({
                "action_id": format!("act-{number}"), "household": format!("hh-{number}"), "episode": "ep",
                "alert_revision": 1, "action": "claimed", "actor": "worker", "acted_at": "2026-03-01T00:00:00Z",
            });
            send("casework.actions", number, action);
        }
        for number in 0..HOUSEHOLDS {
            let facts = serde_json::json!({
                "source": "REG", "source_key": format!("facts-{number}"), "household": format!("hh-{number}"),
                "valid_from": "2026-01-01", "size": 1,
            });
            send("registry.households", number, facts);
        }
        producer.flush(PATIENCE).unwrap();
    }

    #[test]
    fn registers_are_read_first() {
        let own = OwnBroker::start();
        let contracts = Arc::new(builtin());
        let mut corner = own.corner();
        corner.config.application.clock = ClockKind::Declared;
        let admin = Admin::open(corner.kafka()).unwrap();
        admin.apply(&admin.plan(&contracts).unwrap(), 1).unwrap();
        fill(&corner, &contracts);

        let options = RuntimeOptions { stages: vec!["intake".into()], ..RuntimeOptions::default() };
        let runtime = Runtime::start(corner.config.clone(), Arc::clone(&contracts), options);
        until(&runtime, |status| status.waiting.iter().any(|why| why.contains("registers are read first")));
        let deadline = Instant::now() + 2 * PATIENCE;
        let log = loop {
            let log = corner.committed_records(HOUSEHOLDS_LOG);
            if log.len() >= HOUSEHOLDS + ACTIONS {
                break log;
            }
            assert!(Instant::now() < deadline, "{} of {}", log.len(), HOUSEHOLDS + ACTIONS);
            std::thread::sleep(Duration::from_millis(100));
        };
        until(&runtime, |status| status.is_ready());
        assert!(runtime.stop().ended.is_none());

        // In each partition of the log: (the last entry, the first action).
        let mut places: BTreeMap<i32, (Option<i64>, Option<i64>)> = BTreeMap::new();
        let (mut entries, mut actions) = (0, 0);
        for record in &log {
            let (last, first) = places.entry(record.at.partition).or_default();
            match decode(record.value.as_deref().unwrap()).unwrap() {
                HouseholdMessage::Facts { .. } => {
                    entries += 1;
                    *last = Some(record.offset).max(*last);
                }
                HouseholdMessage::Action { .. } => {
                    actions += 1;
                    first.get_or_insert(record.offset);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((entries, actions), (HOUSEHOLDS, ACTIONS));
        for (partition, (last, first)) in places {
            assert!(first.is_none_or(|first| last < Some(first)), "{partition}: {last:?}, {first:?}");
        }
    }
}
