use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(n: u16) -> Vec<u8> {
    format!("kH-{n:05}").into_bytes()
}

fn apply(model: &mut Model, batch: &Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn all(tables: &Tables) -> Model {
    tables.page(&[], &[u8::MAX], usize::MAX).unwrap().into_iter().collect()
}

fn tidy_all(tables: &Tables) {
    while tables.tidy().unwrap() {}
}

/// So many keys with values of one byte each.
fn batch(keys: std::ops::Range<u16>, value: u8) -> Batch {
    keys.map(|n| (key(n), Some(vec![value; 300]))).collect()
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a database is told in a test.
#[derive(Clone, Debug)]
enum Step {
    Write(BTreeMap<u16, Option<(u8, usize)>>),
    Tidy,
    Reopen,
    /// Reads a page from a key on.
    Page(u16, usize),
}

fn step() -> impl Strategy<Value = Step> {
    // Some values are larger than a block.
    let value =
        prop::option::weighted(0.8, (any::<u8>(), prop_oneof![9 => 0..400_usize, 1 => 4000..9000_usize]));
    prop_oneof![
        5 => prop::collection::btree_map(0..300_u16, value, 0..60).prop_map(Step::Write),
        6 => Just(Step::Tidy),
        1 => Just(Step::Reopen),
        2 => (0..310_u16, 0..40_usize).prop_map(|(from, limit)| Step::Page(from, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was written, merged and opened again reads like an ordered map.
    #[test]
    fn tables_read_like_a_map(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(dir.path()).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Write(writes) => {
                    let batch: Batch = writes
                        .into_iter()
                        .map(|(n, value)| (key(n), value.map(|(byte, length)| vec![byte; length])))
                        .collect();
                    apply(&mut model, &batch);
                    tables.write(batch).unwrap();
                }
                Step::Tidy => drop(tables.tidy().unwrap()),
                Step::Reopen => {
                    drop(tables);
                    tables = Tables::open(dir.path()).unwrap();
                }
                Step::Page(from, limit) => {
                    let page = tables.page(&key(from), &key(200), limit).unwrap();
                    let expected: Vec<_> = model
                        .range(key(from)..key(200).max(key(from)))
                        .take(limit)
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect();
                    prop_assert_eq!(page, expected);
                }
            }
        }
        for n in 0..310 {
            prop_assert_eq!(tables.get(&key(n)).unwrap(), model.get(&key(n)).cloned());
        }
        prop_assert_eq!(&all(&tables), &model);
        tidy_all(&tables);
        prop_assert_eq!(&all(&tables), &model);
        // All that was not stored is gone from the files, but for what the newest tables still say.
        prop_assert!(due(&tables.tables().iter().map(|table| table.bytes).collect::<Vec<_>>()) == 0);
    }

    /// Tables that are left alone are few, and no large one lies above a small one for long.
    #[test]
    fn a_plan_leaves_few_tables(batches in prop::collection::vec(1..50_u64, 1..400)) {
        let mut sizes: Vec<u64> = Vec::new();
        let mut written = 0;
        for size in &batches {
            sizes.insert(0, *size);
            while let count @ 1.. = due(&sizes) {
                let merged: u64 = sizes.drain(..count).sum();
                written += merged;
                sizes.insert(0, merged);
            }
            prop_assert!(sizes.len() < MOST_TABLES, "{sizes:?}");
            let newer: u64 = sizes[..sizes.len() - 1].iter().sum();
            prop_assert!(newer < sizes[sizes.len() - 1] || sizes.len() == 1, "{sizes:?}");
        }
        // Each writing again is into a table of at least twice the size.
        let total: u64 = batches.iter().sum();
        prop_assert!(written <= total * (u64::from(total.ilog2()) + 1), "{written} of {total}");
    }
}

#[test]
fn a_merge_goes_on_beside_new_batches_and_leaves_what_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    let mut model = Model::new();
    let mut write = |batch: Batch| {
        apply(&mut model, &batch);
        tables.write(batch).unwrap();
    };
    for value in 0..4 {
        write(batch(0..3000, value));
    }
    // A first step, of several.
    assert!(tables.tidy().unwrap());
    assert_eq!(tables.tables().len(), 4);
    write(batch(2000..3500, 9));
    write(vec![(key(5), None)]);
    tidy_all(&tables);
    assert!(tables.tables().len() < 4, "{:?}", files(dir.path()));
    assert_eq!(tables.get(&key(5)).unwrap(), None);
    assert_eq!(tables.get(&key(6)).unwrap(), Some(vec![3; 300]));
    assert_eq!(all(&tables), model);
}

#[test]
fn a_removed_key_takes_no_room_once_nothing_older_is_below() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    tables.write(batch(0..2000, 1)).unwrap();
    tables.write((0..2000).map(|n| (key(n), None)).collect()).unwrap();
    assert_eq!(all(&tables), Model::new());
    tables.write(batch(0..2000, 1)).unwrap();
    tables.write((0..2000).map(|n| (key(n), None)).collect()).unwrap();
    tidy_all(&tables);
    assert!(tables.bytes().unwrap() < 1000, "{} bytes", tables.bytes().unwrap());
}

#[test]
fn what_a_crash_left_of_a_batch_or_a_merge_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    for value in 0..4 {
        tables.write(batch(0..100, value)).unwrap();
    }
    for name in files(dir.path()) {
        fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
    }
    tidy_all(&tables);
    drop(tables);
    let whole = files(dir.path());
    assert_eq!(whole.len(), 2, "{whole:?}");
    // As if the merge had its name and the others theirs still, and a batch were half written.
    for name in files(copy.path()) {
        fs::copy(copy.path().join(&name), dir.path().join(&name)).unwrap();
    }
    fs::write(dir.path().join("0000000005-0000000005.unfinished"), b"half").unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    assert_eq!(files(dir.path()), whole);
    assert_eq!(tables.get(&key(7)).unwrap(), Some(vec![3; 300]));
}

#[test]
fn a_batch_that_is_missing_in_between_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    for value in 0..3 {
        tables.write(batch(0..10, value)).unwrap();
    }
    drop(tables);
    fs::remove_file(dir.path().join("0000000002-0000000002.table")).unwrap();
    assert!(matches!(Tables::open(dir.path()), Err(Failure::Damaged(_))));
}

/// Every byte of a table counts: one that differs is told where it is read, or does not matter to what is read.
#[test]
fn a_damaged_byte_is_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::open(dir.path()).unwrap();
    let mut model = Model::new();
    let written: Batch = (0..40).map(|n| (key(n), Some(vec![n as u8; 200]))).collect();
    apply(&mut model, &written);
    tables.write(written).unwrap();
    drop(tables);
    let path = dir.path().join("0000000001-0000000001.table");
    let sound = fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(7).chain(sound.len() - 16..sound.len()) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, bytes).unwrap();
        let read = Tables::open(dir.path())
            .and_then(|tables| Ok((tables.page(&[], &[u8::MAX], 99)?, tables.get(&key(3))?)));
        assert!(matches!(read, Err(Failure::Damaged(_))), "byte {at} of {}: {:?}", sound.len(), read.is_ok());
    }
    for length in [0, 5, 16, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        let opened = Tables::open(dir.path()).map(|tables| all(&tables));
        assert!(matches!(opened, Err(Failure::Damaged(_))), "cut at {length}: {opened:?}");
    }
}

#[test]
fn tables_that_are_open_are_locked() {
    let dir = tempfile::tempdir().unwrap();
    let first = Tables::open(dir.path()).unwrap();
    assert!(matches!(Tables::open(dir.path()), Err(Failure::Locked)));
    drop(first);
    assert!(Tables::open(dir.path()).is_ok());
}
