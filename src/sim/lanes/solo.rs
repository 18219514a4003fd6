//! What one task alone, without lanes, transactions or faults, makes of a log: the measure of what lanes did with it.

use crate::engine::effect::{Input, Output};
use crate::engine::lane::io::{Polled, TopicPartition};
use crate::engine::lane::{
    Entry, LaneConfig, PANICKED, PARKED, Parked, TOO_LARGE, UNPARK_HEADER, letter_text,
};
use crate::engine::letter::Letter;
use crate::engine::state::{MemoryState, Record};
use crate::engine::task::Stage;
use crate::types::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What was said under each key of an output partition, in order: value and headers.
pub type Told = BTreeMap<(SmolStr, i32, Option<Vec<u8>>), Vec<(Vec<u8>, Vec<(SmolStr, Vec<u8>)>)>>;

/// Orders outputs by key.
pub fn told(outputs: impl IntoIterator<Item = Output>) -> Told {
    let mut told = Told::new();
    for output in outputs {
        let Output { topic, partition, key, value, headers } = output;
        told.entry((topic, partition, key)).or_default().push((value, headers));
    }
    told
}

/// Runs a fresh task over one partition's log.
///
/// # Errors
/// A record that the task would not handle, and why.
pub fn solo(
    stage: &dyn Stage,
    config: &LaneConfig,
    at: &TopicPartition,
    log: &[Polled],
) -> Result<(Vec<Output>, MemoryState), String> {
    let (mut task, mut state) = (stage.task(at), MemoryState::default());
    let (mut outputs, mut parked) = (Vec::new(), BTreeSet::new());
    for record in log {
        let input = Input {
            topic: &at.topic,
            partition: at.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        let letter = |code| {
            let text = letter_text(code);
            config.letters.write(&Letter { stage: stage.name(), code, text, input: input.clone() })
        };
        let entity = record.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned());
        if record.headers.iter().any(|(name, _)| name == UNPARK_HEADER) {
            if let Some(entity) = entity.filter(|entity| parked.remove(entity)) {
                state.apply(&[(Parked::key(&entity), None)]);
            }
            continue;
        }
        if entity.as_ref().is_some_and(|entity| parked.contains(entity)) {
            outputs.push(letter(PARKED));
            continue;
        }
        let refused = match catch_unwind(AssertUnwindSafe(|| task.handle(&input, &state))) {
            Ok(Ok(effects)) => {
                let most = config.max_message_bytes;
                let loud = effects.outputs.iter().find(|output| output.value.len() > most);
                let large = effects.delta.iter().filter_map(|(_, record)| record.as_ref());
                let large = large.map(|record| record.to_bytes().len()).find(|size| *size > most);
                if loud.is_none() && large.is_none() {
                    state.apply(&effects.delta);
                    outputs.extend(effects.outputs);
                    continue;
                }
                TOO_LARGE
            }
            Ok(Err(blocked)) => return Err(format!("at {}: {blocked}", record.offset)),
            Err(_) => PANICKED,
        };
        outputs.push(letter(refused));
        if let (Some(entity), true) = (entity, stage.changelog().is_some()) {
            let mark = Parked { offset: record.offset, timestamp_ms: record.timestamp_ms };
            state.apply(&[(Parked::key(&entity), Some(Arc::new(Record::Parked(mark))))]);
            parked.insert(entity);
        }
        task = stage.task(at);
        let of_tasks = state.iter().filter(|(key, _)| Parked::entity(key).is_none());
        task.rebuild(&mut of_tasks.collect::<Vec<_>>().into_iter());
    }
    Ok((outputs, state))
}

/// The state that committed changelog records lead to.
pub(super) fn changelog_state(records: &[Polled]) -> MemoryState {
    let mut state = MemoryState::default();
    for record in records {
        let key = record.key.as_deref().unwrap_or_default();
        if let Ok(Entry::Data(key, value)) = Entry::read(key, record.value.as_deref()) {
            state.apply(&[(key, value)]);
        }
    }
    state
}
