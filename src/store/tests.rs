use super::*;
use crate::engine::job::Job;
use crate::engine::state::{MemoryState, StateRead, Sub};
use std::path::Path;

fn key(n: u32) -> Key {
    Key::new(format!("e{n:04}"), Sub::Head)
}

fn record(n: u32) -> Arc<Record> {
    Arc::new(Record::Job(Job::Other { kind: "t".into(), cursor: n.to_be_bytes().to_vec() }))
}

fn at(sequence: u64) -> StorePosition {
    StorePosition {
        changelog_next: sequence.cast_signed() * 10,
        input_next: 0,
        stream_time_ms: 0,
        sequence,
        marker_offset: -1,
        committed_at_ms: 0,
    }
}

fn owner() -> Owner {
    Owner(String::from("ieum/cluster/stage/0"))
}

fn open(dir: &Path) -> LocalStore {
    LocalStore::open(dir, &owner(), StoreOptions::default())
}

const ENGINES: [StoreEngine; 2] = [StoreEngine::Tables, StoreEngine::Sled];

fn kept_by(engine: StoreEngine) -> StoreOptions {
    StoreOptions { engine, ..StoreOptions::default() }
}

/// Every key of `numbers` gets its number plus the sequence.
fn commit(store: &mut LocalStore, sequence: u64, numbers: std::ops::Range<u32>) {
    let delta: Vec<_> = numbers.map(|n| (key(n), Some(record(n + sequence as u32)))).collect();
    store.apply(&delta, at(sequence));
}

/// The directory as a kill would leave it: whatever is on disk now, without the store's own closing. A copy takes a while, in
/// which the writer may put files in the place of others; what a kill leaves is of one moment.
fn killed(dir: &Path) -> tempfile::TempDir {
    loop {
        let copy = tempfile::tempdir().unwrap();
        let before = names(dir);
        match copy_dir(dir, copy.path()) {
            Ok(()) if names(dir) == before => return copy,
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }
}

/// All files below a directory.
fn names(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(names(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[test]
fn a_new_store_has_no_position_and_an_applied_commit_is_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    assert_eq!((store.position(), store.fault()), (None, None));
    commit(&mut store, 1, 0..3);
    store.apply(&[(key(1), None)], at(2));
    assert_eq!(store.position(), Some(at(2)));
    assert_eq!(store.get(&key(0)), Some(record(1)));
    assert_eq!(store.get(&key(1)), None);
    assert_eq!(store.scan(None, 9), vec![(key(0), record(1)), (key(2), record(3))]);
}

#[test]
fn a_closed_store_is_found_again_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    commit(&mut store, 1, 0..2000);
    store.apply(&[(key(7), None)], at(2));
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.position(), Some(at(2)));
    assert_eq!(store.get(&key(1999)), Some(record(2000)));
    assert_eq!(store.get(&key(7)), None);
    assert_eq!(store.scan(None, 5000).len(), 1999);
}

#[test]
fn a_killed_store_comes_back_at_a_position_that_its_data_agrees_with() {
    ENGINES.into_iter().for_each(killed_and_opened_again);
}

fn killed_and_opened_again(engine: StoreEngine) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { batch_bytes: 2_000, ..kept_by(engine) };
    let mut store = LocalStore::open(dir.path(), &owner(), options);
    for sequence in 1..=40 {
        commit(&mut store, sequence, 0..50);
        if sequence % 8 == 0 {
            store.flush();
        }
        if sequence % 5 != 0 {
            continue;
        }
        let copy = killed(dir.path());
        let found = LocalStore::open(copy.path(), &owner(), kept_by(engine));
        let seen = found.position().map_or(0, |position| position.sequence);
        assert!(seen <= sequence, "{seen} after {sequence}");
        for n in 0..50 {
            let expected = (seen > 0).then(|| record(n + seen as u32));
            assert_eq!(found.get(&key(n)), expected, "key {n} at {seen}");
        }
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    commit(&mut store, 3, 0..10);
    store.flush();
    commit(&mut store, 4, 0..10);
    let copy = killed(dir.path());
    let found = open(copy.path());
    assert_eq!(found.position(), Some(at(3)));
    assert_eq!(found.get(&key(9)), Some(record(12)));
}

#[test]
fn damaged_files_are_set_aside_and_the_store_begins_anew() {
    let tables = &["0000000001-0000000001.table"][..];
    let ways = [(StoreEngine::Tables, tables), (StoreEngine::Sled, &["conf", "db"])];
    for ((engine, names), damage) in ways.into_iter().flat_map(|way| [(way, &b"garbage"[..]), (way, &[])]) {
        let dir = tempfile::tempdir().unwrap();
        let open = |dir: &Path| LocalStore::open(dir, &owner(), kept_by(engine));
        let mut store = open(dir.path());
        commit(&mut store, 1, 0..5000);
        drop(store);
        let database = dir.path().join("0000000001");
        for name in names {
            std::fs::write(database.join(name), damage).unwrap();
        }
        let mut store = open(dir.path());
        assert_eq!(store.fault(), None, "{damage:?}");
        assert_eq!(store.get(&key(1)), None);
        commit(&mut store, 1, 0..10);
        store.flush();
        assert_eq!(store.fault(), None, "{damage:?}");
        drop(store);
        assert_eq!(open(dir.path()).position(), Some(at(1)), "{damage:?}");
    }
}

#[test]
fn a_record_that_does_not_decode_is_told_before_it_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    commit(&mut store, 1, 0..3);
    drop(store);
    let db = database::open(StoreEngine::Tables, &dir.path().join("0000000001"), 0).unwrap();
    db.write(vec![([b"k".as_slice(), &key(1).to_bytes()].concat(), Some(vec![9, 9, 9]))]).unwrap();
    drop(db);
    let mut store = open(dir.path());
    assert_eq!(store.get(&key(0)), Some(record(1)));
    assert_eq!(store.fault(), None);
    assert_eq!(store.get(&key(1)), None);
    assert!(matches!(store.fault(), Some(StoreFault::Corrupt(_))));
    store.wipe();
    assert_eq!((store.fault(), store.position(), store.scan(None, 9)), (None, None, vec![]));
}

#[test]
fn foreign_content_is_wiped() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    commit(&mut store, 1, 0..3);
    drop(store);
    let store =
        LocalStore::open(dir.path(), &Owner(String::from("other/cluster/stage/0")), StoreOptions::default());
    assert_eq!((store.position(), store.fault()), (None, None));
    assert_eq!(store.get(&key(1)), None);
}

#[test]
fn a_place_that_cannot_be_written_is_unusable() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let store = open(&file.join("below"));
    assert!(matches!(store.fault(), Some(StoreFault::Unusable(_))), "{:?}", store.fault());
}

#[test]
fn a_bloated_database_is_written_anew_and_nothing_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        batch_bytes: 1,
        rebuild_ratio: 1,
        rebuild_floor_bytes: 1,
        cache_bytes: 0,
        ..kept_by(StoreEngine::Sled)
    };
    let mut store = LocalStore::open(dir.path(), &owner(), options);
    for sequence in 1..=5 {
        commit(&mut store, sequence, 0..200);
        store.flush();
    }
    assert_eq!(store.fault(), None);
    assert!(!dir.path().join("0000000001").exists());
    assert_eq!(store.get(&key(199)), Some(record(204)));
    drop(store);
    let store = LocalStore::open(dir.path(), &owner(), kept_by(StoreEngine::Sled));
    assert_eq!(store.position(), Some(at(5)));
    assert_eq!(store.scan(None, 1000).len(), 200);
}

#[test]
fn files_that_did_not_grow_are_not_looked_through_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned(), owner(), (StoreEngine::Sled, 1 << 20));
    let mut writes = Writes::new();
    (0..200).for_each(|n| drop(writes.insert(key(n), Some(record(n)))));
    disk.write(&writes, at(1));
    assert!(disk.rebuild_if_bloated((u64::MAX, 1)));
    assert!(!disk.rebuild_if_bloated((u64::MAX, 1)));
}

#[test]
fn a_store_reads_like_memory_whatever_is_on_disk() {
    ENGINES.into_iter().for_each(reads_like_memory);
}

fn reads_like_memory(engine: StoreEngine) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { cache_bytes: 4_000, batch_bytes: 3_000, ..kept_by(engine) };
    let mut store = LocalStore::open(dir.path(), &owner(), options);
    let mut model = MemoryState::default();
    let mut random = 0x2545_f491_u32;
    for sequence in 1..200 {
        let mut delta: Writes = BTreeMap::new();
        for _ in 0..7 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let n = (random >> 16) % 300;
            delta.insert(key(n), (random >> 8).is_multiple_of(4).then(|| record(random)));
        }
        let delta: Vec<_> = delta.into_iter().collect();
        model.apply(&delta);
        store.apply(&delta, at(sequence));
        if sequence % 50 == 0 {
            store.flush();
        }
        let n = random % 300;
        assert_eq!(store.get(&key(n)), model.get(&key(n)));
        assert_eq!(store.scan(Some(&key(n)), 11), model.scan(Some(&key(n)), 11), "after {n} at {sequence}");
    }
    assert_eq!(store.scan(None, 9999), model.scan(None, 9999));
}

#[test]
fn a_directory_that_this_process_has_open_is_held_and_free_again_with_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    commit(&mut first, 1, 0..3);
    let second = open(dir.path());
    assert!(matches!(second.fault(), Some(StoreFault::Held(_))), "{:?}", second.fault());
    assert_eq!((second.position(), first.fault()), (None, None));
    // One that was never let in does not let others in by going.
    drop(second);
    assert!(matches!(open(dir.path()).fault(), Some(StoreFault::Held(_))));
    drop(first);
    let third = open(dir.path());
    assert_eq!((third.position(), third.fault()), (Some(at(1)), None));
}

#[test]
fn what_another_engine_keeps_is_begun_anew() {
    for (before, now) in [(StoreEngine::Sled, StoreEngine::Tables), (StoreEngine::Tables, StoreEngine::Sled)]
    {
        let dir = tempfile::tempdir().unwrap();
        let mut store = LocalStore::open(dir.path(), &owner(), kept_by(before));
        commit(&mut store, 1, 0..10);
        drop(store);
        let mut store = LocalStore::open(dir.path(), &owner(), kept_by(now));
        assert_eq!((store.position(), store.fault(), store.get(&key(1))), (None, None, None), "{now:?}");
        commit(&mut store, 1, 0..10);
        drop(store);
        // sled lets go of a closed database in the background; nobody holds a copy.
        let copy = killed(dir.path());
        assert!(Contents::read(&copy.path().join("0000000001")).is_err(), "{now:?}");
        let contents = Contents::read(&copy.path().join("0000000002")).unwrap();
        assert_eq!((contents.records.len(), contents.position, contents.unreadable), (10, Some(at(1)), 0));
    }
}

/// Keys are ordered as their bytes are, but for months before 1970.
#[test]
fn a_month_before_1970_is_found_on_disk() {
    for engine in ENGINES {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes: 0, ..kept_by(engine) };
        let mut store = LocalStore::open(dir.path(), &owner(), options);
        let month = |month: i16| Key::new("e", Sub::Daily(month));
        let delta: Vec<_> = [-7, -1, 0, 8].map(|n| (month(n), Some(record(n as u32)))).into();
        store.apply(&delta, at(1));
        store.flush();
        // What was handed over last is in memory still.
        store.apply(&[(key(1), Some(record(1)))], at(2));
        store.flush();
        for (key, record) in &delta {
            assert_eq!(&store.get(key), record, "{engine:?} {key:?}");
        }
    }
}
