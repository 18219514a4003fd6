//! What the contracts promise: the built-in ones load and their examples go round, records become payloads or rejects,
//! mistakes are all reported with their places, and decoding agrees with apache-avro.

mod shipped;
mod mistakes;
mod read;
mod resolution;

use super::{Contracts, Tree, builtin};
use std::sync::OnceLock;

fn contracts() -> &'static Contracts {
    static CONTRACTS: OnceLock<Contracts> = OnceLock::new();
    CONTRACTS.get_or_init(builtin)
}

fn text(text: &str) -> Tree {
    Tree::Text(text.into())
}

fn record(fields: &[(&str, Tree)]) -> Tree {
    Tree::Record(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

/// The bytes of a value as apache-avro writes them.
fn datum(schema: &apache_avro::Schema, value: apache_avro::types::Value) -> Vec<u8> {
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(schema).build().expect("a writer");
    writer.write_value_to_vec(value).expect("the value fits")
}
