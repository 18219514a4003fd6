use crate::replay::form::{Decoder, Encoder, FormError, Frame, Header};
use crate::replay::truth::Truth;
use crate::sim::city::{Cause, Spell};
use crate::sim::ground::Ground;
use crate::sim::pipeline::LogRecord;
use crate::types::{Day, PackHash, SmolStr};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn header() -> Header {
    Header { topic: "ieum.households".into(), partitions: 3, contracts: String::from("c0") }
}

fn record() -> impl Strategy<Value = (i32, LogRecord)> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..20));
    (0..3_i32, any::<i64>(), any::<i64>(), bytes(), bytes(), any::<bool>()).prop_map(
        |(partition, offset, timestamp_ms, key, value, has_header)| {
            let headers = has_header.then(|| (SmolStr::new("h"), vec![7])).into_iter().collect();
            (partition, LogRecord { offset, timestamp_ms, key, value, headers })
        },
    )
}

fn written(records: &[(i32, LogRecord)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(header(), &mut out);
    encoder.pack(PackHash([7; 32]), vec![1, 2, 3], &mut out);
    for (partition, record) in records {
        encoder.record(*partition, record.clone(), &mut out);
    }
    encoder.end(&mut out);
    out
}

/// Reads a file that comes in pieces of so many bytes.
fn read(file: &[u8], piece: usize) -> Result<Vec<Frame>, FormError> {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for bytes in file.chunks(piece.max(1)) {
        decoder.push(bytes);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    decoder.finish()?;
    Ok(frames)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read_in_whatever_pieces_it_comes(
        records in prop::collection::vec(record(), 0..6), piece in 1..80_usize
    ) {
        let frames = read(&written(&records), piece).expect("a whole file");
        prop_assert_eq!(&frames[0], &Frame::Header(header()));
        prop_assert_eq!(&frames[1], &Frame::Pack { hash: PackHash([7; 32]), content: vec![1, 2, 3] });
        let again: Vec<(i32, LogRecord)> = frames.iter().filter_map(|frame| match frame.clone() {
            Frame::Record { partition, offset, timestamp_ms, key, value, headers } => {
                Some((partition, LogRecord { offset, timestamp_ms, key, value, headers }))
            }
            _ => None,
        }).collect();
        prop_assert_eq!(again, records);
    }

    /// No byte can change, go or be added without notice.
    #[test]
    fn a_file_that_is_not_as_it_was_written_is_refused(
        records in prop::collection::vec(record(), 1..4), at in any::<prop::sample::Index>(), bit in 0..8_u8
    ) {
        let file = written(&records);
        let at = at.index(file.len());
        prop_assert!(read(&file[..at], 64).is_err(), "cut off at {}", at);
        let mut changed = file.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(read(&changed, 64).is_err(), "changed at {}", at);
        prop_assert!(read(&[file.as_slice(), &[0]].concat(), 64).is_err());
    }
}

#[test]
fn a_foreign_file_and_one_of_another_format_are_told_apart() {
    assert_eq!(read(b"{\"not\": \"a log\"}", 64), Err(FormError::Foreign));
    assert_eq!(read(b"", 64), Err(FormError::Foreign));
    assert_eq!(read(b"ieum-log\x09....", 64), Err(FormError::Format(9)));
    let file = written(&[]);
    assert_eq!(read(&file[..file.len() - 1], 64), Err(FormError::CutOff(0)));
}

#[test]
fn the_truth_is_the_same_in_its_file() {
    let spell = |household, from: i32| Spell {
        household,
        cause: Cause::Debt,
        severity: 2,
        from: Day(from),
        to: Day(from + 40),
    };
    let spells = [(spell(9, 20_500), Some(Day(20_510))), (spell(4, 20_520), None)];
    let names = BTreeMap::from([(SmolStr::new("hh-a"), 9), (SmolStr::new("prov-b"), 4)]);
    let truth = Truth { ground: Ground::new(spells, Day(20_600)), names };
    assert_eq!(Truth::from_json(&truth.to_json()), Ok(truth.clone()));
    let other = truth.to_json().replace("ieum-truth/1", "ieum-truth/2");
    assert!(Truth::from_json(&other).is_err_and(|told| told.contains("ieum-truth/2")));
    assert!(Truth::from_json("{}").is_err());
}
