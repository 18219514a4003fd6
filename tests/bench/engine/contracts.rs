//! Bytes to payload by the compiled program, beside apache-avro's reader of the same bytes; and what else every event
//! passes on its way: the records of stage logs and changelogs, the partitioner.

use crate::measure::median_ns;
use crate::row;
use crate::town::Town;
use apache_avro::{GenericSingleObjectReader, Schema};
use ieum::engine::layout::{HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use ieum::engine::message::{HouseholdMessage, SubjectMessage, decode, encode};
use ieum::engine::state::Record;
use ieum::sim::pipeline::LogRecord;
use ieum::types::SmolStr;
use std::sync::Arc;

const SCHEMAS: [(&str, &str); 4] = [
    ("signals.meter", include_str!("../../../topics/signals.meter/v1.avsc")),
    ("signals.arrears", include_str!("../../../topics/signals.arrears/v1.avsc")),
    ("signals.cutoff", include_str!("../../../topics/signals.cutoff/v1.avsc")),
    ("registry.households", include_str!("../../../topics/registry.households/v1.avsc")),
];

/// Two marker bytes and a fingerprint.
const SINGLE_OBJECT_HEADER: usize = 10;

pub(crate) fn run(town: &Town) {
    println!("\ndecode, nanoseconds a record (median)");
    for (name, schema) in SCHEMAS {
        let topic = town.contracts.topic(name).expect("a topic of the contracts");
        let records = town.log(name);
        let mut at = Ring::new(&records);
        let ours = median_ns(|| {
            let record = at.next();
            topic.read(record.key.as_deref(), record.value.as_deref()).map(drop)
        });
        let schema = Schema::parse_str(schema).expect("a schema");
        // Its own fingerprint of a schema with logical types is not the specification's, which records carry.
        let first = records.iter().find_map(|record| record.value.as_deref()).expect("a record with a value");
        let header = first[..SINGLE_OBJECT_HEADER].to_vec();
        let reader = GenericSingleObjectReader::builder().schema(schema).header(header).build();
        let reader = reader.expect("a reader");
        reader.read_value(&mut &*first).expect("it reads what the city wrote");
        let mut at = Ring::new(&records);
        let theirs = median_ns(|| {
            let record = at.next();
            reader.read_value(&mut record.value.as_deref().unwrap_or_default()).map(drop)
        });
        row(&format!("read {name}"), ours, &format!("apache-avro {theirs:.0}: {:.1} x", theirs / ours));
    }
}

/// The codecs of stage logs and changelogs, and the partitioner.
pub(crate) fn codecs(town: &Town) {
    println!("\ncodecs, nanoseconds a record (median)");
    messages::<SubjectMessage>(&town.log(SUBJECTS_LOG), SUBJECTS_LOG);
    messages::<HouseholdMessage>(&town.log(HOUSEHOLDS_LOG), HOUSEHOLDS_LOG);
    for (log, stage) in [(SUBJECTS_LOG, "identity"), (HOUSEHOLDS_LOG, "households")] {
        let records: Vec<Arc<Record>> =
            town.state(log).iter().map(|(_, record)| record).step_by(7).take(4096).collect();
        let bytes: Vec<Vec<u8>> = records.iter().map(|record| record.to_bytes()).collect();
        let mean = bytes.iter().map(Vec::len).sum::<usize>() / bytes.len().max(1);
        let mut at = Ring::new(&records);
        row(
            &format!("encode state of {stage}"),
            median_ns(|| at.next().to_bytes()),
            &format!("{mean} bytes"),
        );
        let mut at = Ring::new(&bytes);
        row(&format!("decode state of {stage}"), median_ns(|| Record::from_bytes(at.next())), "");
    }
    let layout = Layout::new([(SmolStr::new(HOUSEHOLDS_LOG), 12)]);
    let keys: Vec<String> = (0..4096).map(|n| format!("household-{n:020}")).collect();
    let mut at = Ring::new(&keys);
    row("partition of a key", median_ns(|| layout.partition(HOUSEHOLDS_LOG, at.next())), "SHA-256");
}

fn messages<M: serde::de::DeserializeOwned + serde::Serialize>(records: &[LogRecord], log: &str) {
    let bytes: Vec<&[u8]> = records.iter().filter_map(|record| record.value.as_deref()).collect();
    let bytes: Vec<&[u8]> = bytes.into_iter().step_by(7).take(4096).collect();
    let messages: Vec<M> = bytes.iter().map(|bytes| decode(bytes).expect("a message of its log")).collect();
    let mean = bytes.iter().map(|bytes| bytes.len()).sum::<usize>() / bytes.len().max(1);
    let mut at = Ring::new(&messages);
    row(&format!("encode {log}"), median_ns(|| encode(at.next())), &format!("{mean} bytes"));
    let mut at = Ring::new(&bytes);
    row(&format!("decode {log}"), median_ns(|| decode::<M>(at.next()).map(drop)), "");
}

/// Goes round: each call meets another record, as in life.
struct Ring<'a, T> {
    items: &'a [T],
    at: usize,
}

impl<'a, T> Ring<'a, T> {
    fn new(items: &'a [T]) -> Self {
        assert!(!items.is_empty(), "the city says something of every kind");
        Self { items, at: 0 }
    }

    fn next(&mut self) -> &'a T {
        self.at = if self.at + 1 < self.items.len() { self.at + 1 } else { 0 };
        &self.items[self.at]
    }
}
