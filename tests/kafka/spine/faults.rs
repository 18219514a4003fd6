//! A smaller city under what goes wrong in operation: processes that come and go, stores that vanish or rot, poison.

mod on_kafka {
    use crate::harness::PATIENCE;
    use crate::spine::fields::{field, int, text};
    use crate::spine::hand::{self, raw};
    use crate::spine::verify::Posted;
    use crate::spine::world::World;
    use ieum::contracts::codes::{
        BAD_JSON, BAD_KEY, DATE_RANGE, MISSING_FIELD, NO_OWNER, NULL_VALUE, NUMBER_RANGE, TOO_LARGE,
        UNDECODABLE, UNKNOWN_KIND, UNKNOWN_SCHEMA, WRONG_ENCODING,
    };
    use ieum::contracts::{Contracts, Tree};
    use ieum::engine::letter::{LETTER_HEAD_BYTES, LETTER_WHOLE_BYTES};
    use ieum::sim::city::{Plan, Poison, RawRecord};
    use ieum::sim::rng::Rng;
    use serde_json::json;
    use sha2::{Digest, Sha256};
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    fn plan(days: u32) -> Plan {
        Plan { seed: 19, households: 4_000, days, ..Plan::default() }
    }

    #[test]
    fn a_second_process_joins_and_leaves_again_and_again() {
        let mut world = World::new(plan(60));
        world.start("a");
        (0..12).for_each(|_| world.day());
        for round in 0..4 {
            // They take turns in who stays.
            let (stays, comes) = if round % 2 == 0 { ("a", "b") } else { ("b", "a") };
            world.start(comes);
            let deadline = Instant::now() + 2 * PATIENCE;
            while !["identity", "households"].iter().all(|stage| world.runs(comes, stage)) {
                world.day();
                assert!(Instant::now() < deadline, "{comes} gets no task: {}", world.status(comes));
            }
            assert!(["identity", "households"].iter().all(|stage| world.runs(stays, stage)));
            world.day();
            world.stop(stays);
            world.day();
        }
        let outcome = world.verify();
        println!("{} events, {} alerts", world.raw.len(), outcome.alerts.len());
        assert!(outcome.alerts.len() >= 20, "{}", outcome.alerts.len());
    }

    #[test]
    fn a_store_that_is_deleted_stale_or_rotten_changes_nothing() {
        let mut world = World::new(plan(40));
        let state = world.state("a");
        let old = world.dir.path().join("old");
        let days = |world: &mut World, count: u32| (0..count).for_each(|_| world.day());
        world.start("a");
        days(&mut world, 4);
        world.stop("a");
        copy(&state, &old);

        world.start("a");
        days(&mut world, 4);
        world.kill("a");
        std::fs::remove_dir_all(&state).unwrap();
        world.start("a");
        days(&mut world, 4);
        world.stop("a");

        // One from days ago.
        std::fs::remove_dir_all(&state).unwrap();
        copy(&old, &state);
        world.start("a");
        days(&mut world, 4);
        world.kill("a");

        let files = databases(&state);
        assert!(files.len() >= 4, "{files:?}");
        let mut rng = Rng::new(11);
        files.iter().for_each(|file| rot(file, &mut rng));
        world.start("a");
        days(&mut world, 4);

        let outcome = world.verify();
        println!("{} events, {} alerts", world.raw.len(), outcome.alerts.len());
        assert!(outcome.alerts.len() >= 20, "{}", outcome.alerts.len());
        let log = std::fs::read_to_string(world.dir.path().join("a.log")).unwrap();
        assert!(log.contains("quarantine") || log.contains("store wiped"), "{log}");
    }

    #[test]
    fn each_poisoned_record_is_one_letter_with_its_bytes_and_cause() {
        let mut world = World::new(Plan { poison_per_10_000: 150, households: 1_000, ..plan(10) });
        world.start("a");
        let made = by_hand(&world.contracts);
        for day in 0..10 {
            if day % 3 == 1 {
                let poison = made.iter().map(|(record, _)| record.clone());
                world.by_hand.entry(world.now.day()).or_default().extend(poison);
            }
            world.day();
        }
        let counted = world.metrics("a");
        let outcome = world.verify();

        let code_of_bytes: BTreeMap<_, _> =
            made.iter().map(|(record, code)| ((&record.topic, &record.key, &record.value), *code)).collect();
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for (origin, record) in &world.raw {
            let by_hand = code_of_bytes.get(&(&record.topic, &record.key, &record.value)).copied();
            let Some(code) = record.poison.map(code_of).or(by_hand) else {
                assert!(!outcome.letters.contains_key(origin), "{origin:?} is sound");
                continue;
            };
            let letter = outcome.letters.get(origin).unwrap_or_else(|| panic!("no letter of {origin:?}"));
            check(letter, record, code);
            *expected.entry(code).or_default() += 1;
        }
        println!("{} events, letters by cause {expected:?}", world.raw.len());
        let poisoned: u64 = expected.values().sum();
        assert!(poisoned * 100 >= world.raw.len() as u64, "{poisoned} of {}", world.raw.len());
        assert_eq!(expected.len(), 12, "{expected:?}");
        for (code, count) in expected {
            assert_eq!(total(&counted, code), count, "{code} in\n{counted}");
        }
    }

    /// What the city's poison does not do, each with its cause.
    fn by_hand(contracts: &Contracts) -> Vec<(RawRecord, &'static str)> {
        let mut rng = Rng::new(3);
        let mut noise = |size: usize| -> Option<Vec<u8>> {
            let mut bytes: Vec<u8> = std::iter::repeat_with(|| rng.next_u64().to_be_bytes())
                .take(size.div_ceil(8))
                .flatten()
                .collect();
            bytes.truncate(size);
            bytes[0] = 0xfe;
            Some(bytes)
        };
        let arrears = json!({
            "source": "KAIT", "source_key": "hand", "person": "p-hand", "kind": "telecom", "amount_krw": 200_000,
            "as_of": "2026-03-01",
        });
        let cutoff = json!({
            "source": "KEPCO", "source_key": "hand", "service_point": "p-hand", "kind": "electricity",
            "mode": "cut", "occurred_at": "2424-03-01T00:00:00+09:00",
        });
        let meter = json!({
            "source": "KEPCO", "source_key": "hand", "kind": "electricity", "use": 3, "read_on": "2026-03-01",
        });
        let torn = |record: RawRecord| {
            let value = record.value.map(|value| value[..value.len() - 1].to_vec());
            RawRecord { value, ..record }
        };
        let removal = RawRecord { key: Some(b"nobody".to_vec()), ..raw("registry.subjects", None) };
        let mut made = vec![
            (raw("signals.cutoff", noise(10_000_000)), TOO_LARGE),
            (raw("signals.welfare", noise((11 << 20) - 4_096)), TOO_LARGE),
            (raw("signals.welfare", noise(LETTER_WHOLE_BYTES)), WRONG_ENCODING),
            (hand::record(contracts, "signals.arrears", &arrears), MISSING_FIELD),
            (hand::record(contracts, "signals.cutoff", &cutoff), DATE_RANGE),
            (torn(hand::record(contracts, "signals.cutoff", &cutoff)), UNDECODABLE),
            (hand::record(contracts, "signals.meter", &meter), NO_OWNER),
            (removal, BAD_KEY),
        ];
        let signals =
            ["signals.cutoff", "signals.meter", "signals.welfare", "signals.outage", "reports.neighbour"];
        made.extend(signals.map(|topic| (raw(topic, None), NULL_VALUE)));
        made
    }

    fn code_of(poison: Poison) -> &'static str {
        match poison {
            Poison::Undecodable => WRONG_ENCODING,
            Poison::UnknownSchemaId => UNKNOWN_SCHEMA,
            Poison::MissingField => BAD_JSON,
            Poison::FarDate => DATE_RANGE,
            Poison::NegativeAmount => NUMBER_RANGE,
            Poison::UnknownKind => UNKNOWN_KIND,
            Poison::NoOwner => NO_OWNER,
            Poison::NullValue => NULL_VALUE,
        }
    }

    fn check(letter: &Posted, record: &RawRecord, code: &str) {
        let body = &letter.body;
        let bytes = |name| match field(body, name) {
            Tree::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        };
        assert_eq!(text(body, "code").as_deref(), Some(code), "{body:?}");
        assert_eq!(text(body, "stage").as_deref(), Some("intake"));
        assert_eq!(bytes("key"), record.key);
        let size = record.value.as_ref().map_or(0, Vec::len);
        let is_cut = size > LETTER_WHOLE_BYTES;
        let kept = if is_cut { LETTER_HEAD_BYTES } else { size };
        assert_eq!(bytes("value"), record.value.as_ref().map(|value| value[..kept].to_vec()));
        assert_eq!(*field(body, "truncated"), Tree::Bool(is_cut));
        assert_eq!(int(body, "value_bytes"), i64::try_from(size).ok());
        let hash = record
            .value
            .as_ref()
            .map(|value| Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert_eq!(text(body, "value_sha256"), Some(hash.unwrap_or_default()));
    }

    /// What the counter of letters says of a code.
    fn total(metrics: &str, code: &str) -> u64 {
        let label = format!("code=\"{code}\"");
        let lines = metrics.lines().filter(|line| line.starts_with("ieum_dead_letters_total{"));
        let of_code = lines.filter(|line| line.contains(&label));
        of_code.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            match path.is_dir() {
                true => copy(&path, &to.join(name)),
                false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
            }
        }
    }

    /// The files in which stores keep their data, of either engine.
    fn databases(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(databases(&path));
            } else if path.extension().is_some_and(|kind| kind == "table") || path.ends_with("db") {
                found.push(path);
            }
        }
        found
    }

    /// Overwrites half of a file with noise.
    fn rot(file: &Path, rng: &mut Rng) {
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 4..bytes.len() * 3 / 4;
        bytes[middle].iter_mut().for_each(|byte| *byte = rng.next_u64().to_be_bytes()[0]);
        std::fs::write(file, bytes).unwrap();
    }
}
