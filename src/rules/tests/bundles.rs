//! A pack travels as bytes and is the same pack on the other side.

use super::{CONTRACTS, base};
use crate::contracts::Contracts;
use crate::rules::{bundle, load};

fn pairs(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

#[test]
fn a_pack_survives_the_journey_through_chunks() {
    let files: Vec<_> = base().into_iter().collect();
    let bytes = bundle::encode(pairs(&files), &CONTRACTS);
    let joined: Vec<u8> = bundle::chunks(&bytes).concat();
    let back = bundle::compile(&joined).expect("a pack");
    assert_eq!(back.hash, load(pairs(&files), &CONTRACTS).0.expect("a pack").hash);
}

#[test]
fn a_pack_is_the_same_pack_for_a_binary_with_other_contracts() {
    let files: Vec<_> = base().into_iter().collect();
    let mut topics: Vec<(String, String)> =
        CONTRACTS.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let at = topics.iter().position(|(path, _)| path.ends_with("topic.toml")).expect("a topic");
    topics[at].1.push_str("# another word\n");
    let older = Contracts::parse(pairs(&topics)).expect("they load");
    let published = load(pairs(&files), &older).0.expect("a pack").hash;
    assert_ne!(published, load(pairs(&files), &CONTRACTS).0.expect("a pack").hash);
    let back = bundle::compile(&bundle::encode(pairs(&files), &older)).expect("a pack");
    assert_eq!(back.hash, published);
}

#[test]
fn a_pack_that_this_binary_does_not_understand_says_where() {
    let mut files = base();
    files.insert("crisis/odd.yaml".to_owned(), "rule: crisis.odd\nkind: oracle\n".to_owned());
    let files: Vec<_> = files.into_iter().collect();
    let error = bundle::compile(&bundle::encode(pairs(&files), &CONTRACTS)).expect_err("no such kind");
    assert!(error.to_string().contains("crisis/odd.yaml"), "{error}");
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
    assert!(matches!(bundle::compile(&[]), Err(bundle::BundleError::Empty)));
    assert!(matches!(bundle::compile(&[9, 0]), Err(bundle::BundleError::Format(9))));
    assert!(matches!(bundle::compile(&[2, 200]), Err(bundle::BundleError::Body(_))));
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
