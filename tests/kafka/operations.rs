//! What an operator meets, on a broker of its own, for it goes away in between: another time stamp, no pack, poison,
//! a future date, the broker's absence, another clock.

mod on_kafka {
    use crate::harness::*;
    use crate::runtime::on_kafka::{publish_builtin_pack, until};
    use ieum::config::ClockKind;
    use ieum::contracts::{Contracts, builtin};
    use ieum::engine::lane::io::{Outgoing, Polled};
    use ieum::engine::layout::{CONTROL_LOG, HOUSEHOLDS_LOG, LETTERS_TOPIC};
    use ieum::engine::message::{ControlMessage, decode};
    use ieum::publish::Plain;
    use ieum::runtime::admin::{Admin, Difference};
    use ieum::runtime::{CLOCK_DIFFERS, LaneState, Runtime, RuntimeOptions, Status, TOPICS_DIFFER};
    use ieum::types::StreamTime;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    const SIGNALS: &str = "signals.arrears";

    fn start(corner: &Corner, contracts: &Arc<Contracts>) -> Runtime {
        Runtime::start(corner.config.clone(), Arc::clone(contracts), RuntimeOptions::default())
    }

    fn refused(corner: &Corner, contracts: &Arc<Contracts>) -> (&'static str, String) {
        let runtime = start(corner, contracts);
        let ended = until(&runtime, |status| status.ended.is_some()).ended.unwrap();
        assert!(runtime.status().lanes.is_empty(), "something was consumed");
        (ended.code, ended.detail)
    }

    fn signal(changes: &[(&str, serde_json::Value)]) -> Vec<u8> {
        let mut signal = serde_json::json!({
            "source": "NHIS", "source_key": "debt-1", "person": "p1", "kind": "health_insurance",
            "months": 3, "amount_krw": 240_000, "as_of": "2026-03-01",
        });
        for (name, value) in changes {
            signal[*name] = value.clone();
        }
        signal.to_string().into_bytes()
    }

    /// What nobody can handle, each with what is wrong with it.
    fn poison() -> Vec<(&'static str, Option<Vec<u8>>)> {
        vec![
            ("undecodable bytes", Some(b"\xff\x00\x17".to_vec())),
            ("an unknown schema id", Some(b"\x00\x00\x00\x27\x0f\x02".to_vec())),
            ("a missing required field", Some(signal(&[("kind", serde_json::Value::Null)]))),
            ("a date in 2424", Some(signal(&[("as_of", "2424-01-01".into())]))),
            ("a negative amount", Some(signal(&[("amount_krw", (-5).into())]))),
            ("an unknown kind", Some(signal(&[("kind", "steam".into())]))),
            ("a record of 10 MB", Some(vec![b'{'; 10 << 20])),
            ("no owner", Some(signal(&[("person", serde_json::Value::Null)]))),
            ("a null value", None),
        ]
    }

    fn send(corner: &Corner, values: &[Option<Vec<u8>>]) -> Vec<i64> {
        let mut producer = Plain::open(corner.kafka()).unwrap();
        for value in values {
            let (key, value) = (Some(&b"k"[..]), value.as_deref());
            producer.send(&Outgoing { topic: SIGNALS, partition: 0, key, value, headers: &[] }).unwrap();
        }
        producer.flush(PATIENCE).unwrap().offsets
    }

    fn header<'r>(record: &'r Polled, name: &str) -> &'r str {
        let found = record.headers.iter().find(|(header, _)| header == name);
        std::str::from_utf8(&found.unwrap_or_else(|| panic!("no {name}")).1).unwrap()
    }

    /// Letters by the offset of their record, once there are so many.
    fn letters(corner: &Corner, count: usize) -> BTreeMap<i64, Polled> {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let found = corner.committed_records(LETTERS_TOPIC);
            if found.len() >= count {
                assert_eq!(found.len(), count, "a record has two letters");
                return found
                    .into_iter()
                    .map(|it| (header(&it, "letter_offset").parse().unwrap(), it))
                    .collect();
            }
            assert!(Instant::now() < deadline, "{} of {count} letters", found.len());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn now() -> StreamTime {
        StreamTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap())
    }

    /// How far the households stage has come: the earliest of its partitions, and the latest.
    fn reached(corner: &Corner, partitions: usize) -> Option<(StreamTime, StreamTime)> {
        let mut reached = BTreeMap::new();
        for record in corner.committed_records(CONTROL_LOG) {
            if let Ok(ControlMessage::Reached { stage, partition, through }) =
                decode(record.value.as_deref().unwrap_or_default())
                && stage == "households"
            {
                reached.insert(partition, through);
            }
        }
        (reached.len() == partitions).then(|| {
            let times = || reached.values().copied();
            (times().min().unwrap(), times().max().unwrap())
        })
    }

    #[test]
    fn an_operator_is_told_what_holds_a_process_and_it_goes_on_by_itself() {
        let own = OwnBroker::start();
        let contracts = Arc::new(builtin());
        let state = tempfile::tempdir().unwrap();
        let mut corner = own.corner();
        corner.config.state.dir = state.path().to_owned();
        corner.config.application.clock = ClockKind::Append;

        // Time stamps of its writers are no time.
        let admin = Admin::open(corner.kafka()).unwrap();
        admin.apply(&admin.plan(&contracts).unwrap(), 1).unwrap();
        let stamped = Difference::Setting {
            topic: HOUSEHOLDS_LOG.into(),
            name: "message.timestamp.type",
            found: None,
            wanted: String::from("CreateTime"),
        };
        admin.apply(&[stamped], 1).unwrap();
        let (code, detail) = refused(&corner, &contracts);
        assert_eq!(code, TOPICS_DIFFER);
        assert!(detail.contains("ieum.households has message.timestamp.type=CreateTime"), "{detail}");
        admin.apply(&admin.plan(&contracts).unwrap(), 1).unwrap();

        // Without a pack it takes records in and says for what it waits.
        let runtime = start(&corner, &contracts);
        until(&runtime, |status| {
            !status.waiting.is_empty()
                && status.waiting.iter().all(|why| why.contains("waits for a rule pack"))
        });
        publish_builtin_pack(&corner, &contracts);
        until(&runtime, Status::is_ready);

        // Poison: each found once, with its place and cause; what is good goes on behind it.
        let began = now();
        let poison = poison();
        let mut values: Vec<_> = poison.iter().map(|(_, value)| value.clone()).collect();
        values.push(Some(signal(&[])));
        let offsets = send(&corner, &values);
        let found = letters(&corner, poison.len());
        for (offset, (wrong, value)) in offsets.iter().zip(&poison) {
            let letter = found.get(offset).unwrap_or_else(|| panic!("no letter for {wrong}"));
            assert!(header(letter, "letter_code").starts_with("IEUM-"), "{wrong}");
            assert_eq!(
                (header(letter, "letter_topic"), header(letter, "letter_stage")),
                (SIGNALS, "intake"),
                "{wrong}"
            );
            assert!(!header(letter, "letter_text").is_empty(), "{wrong}");
            let bytes = letter.value.as_ref().map_or(0, Vec::len);
            let whole = value.as_ref().map_or(0, Vec::len);
            assert!(
                if whole > 1 << 20 { bytes < 1 << 20 } else { bytes >= whole },
                "{wrong}: {bytes} of {whole}"
            );
        }
        let codes: BTreeSet<&str> = found.values().map(|letter| header(letter, "letter_code")).collect();
        assert!(codes.len() >= 6, "{codes:?}");

        // Time is the broker's: it moves, and a date in 2424 does not move it.
        let partitions = usize::try_from(contracts.topic(HOUSEHOLDS_LOG).unwrap().partitions).unwrap();
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let times = reached(&corner, partitions);
            if let Some((earliest, latest)) = times {
                assert!(latest <= now(), "{latest} is still to come");
                if earliest > began {
                    break;
                }
            }
            assert!(Instant::now() < deadline, "time stands at {times:?}");
        }

        // The broker goes away and comes back; again, for what a client heard of one outage must not reach into the next.
        for _ in 0..2 {
            own.stop();
            let status = until(&runtime, |status| !status.is_ready());
            assert!(status.ended.is_none(), "{}", status.to_json());
            own.resume();
            until(&runtime, Status::is_ready);
        }
        send(&corner, &[None]);
        letters(&corner, poison.len() + 1);
        let status = runtime.stop();
        assert!(status.ended.is_none(), "{status:?}");
        assert!(status.lanes.iter().all(|lane| lane.state == LaneState::Stopped), "{status:?}");

        corner.config.application.clock = ClockKind::Declared;
        let (code, detail) = refused(&corner, &contracts);
        assert_eq!(code, CLOCK_DIFFERS, "{detail}");
    }
}
