//! What the contracts promise: the built-in ones load and their examples go round, records become payloads or rejects,
//! mistakes are all reported with their places, and decoding agrees with apache-avro.

mod builtin;
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
