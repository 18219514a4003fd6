//! `ieum state unpark`: an entity that was parked after a defect is taken back.

use super::connect::Connect;
use super::exit::{Exit, Outcome};
use super::output;
use crate::contracts::builtin;
use crate::engine::lane::UNPARK_HEADER;
use crate::engine::lane::io::Outgoing;
use crate::engine::layout::{AREAS_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use crate::engine::message::{AreaMessage, HouseholdMessage, SubjectMessage, encode};
use crate::publish::Plain;
use crate::types::SmolStr;
use std::time::Duration;

/// Take an entity back that was parked (IEUM-L010), once the defect is mended.
///
/// It appends one record to the stage's log: what is due of the entity happens, and it is decided anew. What came
/// meanwhile lies in dead-letters and is sent again by whoever has it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum state unpark households h-000123 --config ieum.toml\n  \
                        ieum state unpark identity person:p-000123")]
pub(super) struct Unpark {
    /// Stage whose task parked it; a letter names it.
    #[arg(value_name = "STAGE", value_parser = ["identity", "households", "areas"])]
    stage: String,
    /// The entity: the key of the letter's record.
    #[arg(value_name = "ENTITY")]
    entity: String,
    #[command(flatten)]
    connect: Connect,
}

pub(super) fn run(args: &Unpark) -> Outcome {
    let kafka = args.connect.config()?.kafka;
    let (topic, value) = match args.stage.as_str() {
        "identity" => (SUBJECTS_LOG, encode(&SubjectMessage::Continue)),
        "areas" => (AREAS_LOG, encode(&AreaMessage::Continue)),
        _ => (HOUSEHOLDS_LOG, encode(&HouseholdMessage::Continue)),
    };
    let partition = Layout::new(builtin().layout()).partition(topic, &args.entity);
    let mut producer = Plain::open(&kafka)?;
    producer.send(&Outgoing {
        topic,
        partition,
        key: Some(args.entity.as_bytes()),
        value: Some(&value),
        headers: &[(SmolStr::new_static(UNPARK_HEADER), b"1".to_vec())],
    })?;
    producer.flush(Duration::from_secs(30))?;
    output::note(format_args!("{topic}/{partition}: {} is taken back when its task reads this", args.entity));
    Ok(Exit::Ok)
}
