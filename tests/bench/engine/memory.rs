//! What a household takes: stored, and in the indexes that a task holds in memory for all its households.

use crate::town::Town;
use ieum::engine::layout::{HOUSEHOLDS_LOG, SUBJECTS_LOG};
use ieum::engine::state::Record;
use ieum::types::SmolStr;
use std::mem::size_of;

/// Of the places in the nodes of a BTreeSet that grew in no order, about so many in a hundred are taken.
const FILLED: usize = 68;
/// Entries of the indexes: what is due, what is waited for, and who lies where. Names of up to 23 bytes are in them.
const DUE: usize = size_of::<(u64, SmolStr, Option<(SmolStr, u32)>)>();
const WAIT: usize = size_of::<(SmolStr, Option<SmolStr>, u64, SmolStr)>();
const PLACE: usize = size_of::<[SmolStr; 3]>();
const HOUSEHOLDS: usize = 1_000_000;

pub(crate) fn run(town: &Town) {
    println!("\nmemory and disk, bytes a household");
    let stored = |log: &str| -> usize {
        town.state(log).iter().map(|(key, record)| key.to_bytes().len() + record.to_bytes().len()).sum()
    };
    let (identity, households) = (stored(SUBJECTS_LOG), stored(HOUSEHOLDS_LOG));
    let (mut at_stake, mut due, mut waits, mut areas) = (0, 0, 0, 0);
    for (_, record) in town.state(HOUSEHOLDS_LOG).iter() {
        let Record::Household(head) = &*record else { continue };
        due += usize::from(head.waits.iter().any(|wait| wait.day.is_some()));
        waits += head.waits.iter().map(|wait| wait.sources.len()).sum::<usize>();
        if !head.waits.is_empty() || !head.episodes.is_empty() {
            at_stake += 1;
            let fields = head.facts.iter().flat_map(|version| &version.fields);
            areas += fields.filter(|(_, value)| value.as_text().is_some()).count();
        }
    }
    let each = |bytes: usize| bytes as f64 / town.households as f64;
    let entries = due + waits + areas;
    let indexes = each((due * DUE + waits * WAIT + areas * PLACE) * 100 / FILLED);
    println!("stored by identity                 {:>9.0}", each(identity));
    println!("stored by households               {:>9.0}", each(households));
    println!(
        "indexes of households, in memory   {indexes:>9.0}  {:.2} entries; {:.0} % of households wait or have an episode; a million: {:.0} MB",
        each(entries),
        100.0 * each(at_stake),
        indexes * HOUSEHOLDS as f64 / 1e6
    );
}
