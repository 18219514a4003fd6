//! A pack travels as bytes and is the same pack on the other side.

use super::{CONTRACTS, base};
use crate::rules::{bundle, load};

fn pairs(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

#[test]
fn a_pack_survives_the_journey_through_chunks() {
    let files: Vec<_> = base().into_iter().collect();
    let bytes = bundle::encode(pairs(&files));
    let joined: Vec<u8> = bundle::chunks(&bytes).concat();
    let back = bundle::decode(&joined).expect("a pack");
    assert_eq!(back.len(), 3, "rules and params travel, tests stay behind");

    let hash = |files: &[(String, String)]| load(pairs(files), &CONTRACTS).0.expect("a pack").hash;
    assert_eq!(hash(&back), hash(&files));
}

#[test]
fn chunks_stay_below_their_limit_and_lose_nothing() {
    let bytes = vec![7; bundle::CHUNK_BYTES * 2 + 1];
    let lengths: Vec<_> = bundle::chunks(&bytes).iter().map(|chunk| chunk.len()).collect();
    assert_eq!(lengths, [bundle::CHUNK_BYTES, bundle::CHUNK_BYTES, 1]);
    assert_eq!(bundle::chunks(&[]).len(), 1);
}

#[test]
fn bytes_that_are_no_pack_are_refused() {
    assert_eq!(bundle::decode(&[]), Err(bundle::BundleError::Empty));
    assert_eq!(bundle::decode(&[9, 0]), Err(bundle::BundleError::Format(9)));
    assert!(matches!(bundle::decode(&[1, 200]), Err(bundle::BundleError::Body(_))));
}

#[test]
fn the_hash_sees_every_file_and_no_test() {
    let hash = |change: &dyn Fn(&mut std::collections::BTreeMap<String, String>)| {
        let mut files = base();
        change(&mut files);
        let files: Vec<_> = files.into_iter().collect();
        load(pairs(&files), &CONTRACTS).0.expect("a pack").hash
    };
    let plain = hash(&|_| {});
    for name in ["crisis/base.yaml", "suppress/base.yaml", "params/base.yaml"] {
        let changed = hash(&|files| files.get_mut(name).expect("a file").push_str("# another word\n"));
        assert_ne!(plain, changed, "{name}");
    }
    assert_eq!(plain, hash(&|files| files.get_mut("crisis/base.test.yaml").expect("a file").push('\n')));
}
