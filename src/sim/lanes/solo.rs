//! What one task alone, without lanes, transactions or faults, makes of a log: the measure of what lanes did with it.

use crate::engine::effect::{Blocked, Effects, Input, Output};
use crate::engine::lane::io::{Polled, TopicPartition};
use crate::engine::lane::{
    Entry, LaneConfig, PANICKED, PARKED, Parked, TOO_LARGE, UNFIT, UNIT_FAILED, UNPARK_HEADER, letter_text,
    unit_text,
};
use crate::engine::letter::Letter;
use crate::engine::state::{MemoryState, Record};
use crate::engine::task::{Stage, Task};
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

/// What a task could not do, at whom (none: the record's own), and what of it does not fit.
type Failed = (&'static str, Option<SmolStr>, Option<String>);

/// Runs a fresh task over one partition's log. Whatever fails, a fresh task is handed the record again, with one more
/// entity parked.
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
        let input = record.input();
        let letter = |code, detail: Option<String>, unit: Option<&str>| {
            let text = unit.map_or_else(|| letter_text(code), |_| unit_text(code));
            let text = detail.map_or_else(|| text.to_owned(), |detail| format!("{text}: {detail}"));
            let code = unit.map_or(code, |_| UNIT_FAILED);
            let letter = Letter { stage: stage.name(), code, text: &text, input: input.clone() };
            unit.map_or_else(
                || config.letters.write(&letter),
                |entity| config.letters.write_of(entity, &letter),
            )
        };
        let own = record.key.as_deref().map(|key| SmolStr::new(String::from_utf8_lossy(key)));
        let is_parked = own.as_ref().is_some_and(|own| parked.contains(own));
        if record.headers.iter().any(|(name, _)| name == UNPARK_HEADER) {
            let Some(own) = own.as_ref().filter(|own| parked.remove(*own)) else { continue };
            state.apply(&[(Parked::key(own), None)]);
            task = anew(stage, at, &state);
        } else if is_parked {
            outputs.push(letter(PARKED, None, None));
            continue;
        }
        loop {
            let (code, entity, detail) = match attempt(&mut *task, config, &input, &state)? {
                Ok(effects) => {
                    state.apply(&effects.delta);
                    outputs.extend(effects.outputs);
                    break;
                }
                Err(failed) => failed,
            };
            let other = entity.filter(|entity| own.as_ref() != Some(entity) && !parked.contains(entity));
            outputs.push(letter(code, detail, other.as_deref()));
            let is_over = other.is_none();
            let who = other.or_else(|| own.clone().filter(|_| stage.changelog().is_some()));
            if let Some(entity) = who {
                let mark = Parked { offset: record.offset, timestamp_ms: record.timestamp_ms };
                state.apply(&[(Parked::key(&entity), Some(Arc::new(Record::Parked(mark))))]);
                parked.insert(entity);
            }
            task = anew(stage, at, &state);
            if is_over {
                break;
            }
        }
    }
    Ok((outputs, state))
}

fn attempt(
    task: &mut dyn Task,
    config: &LaneConfig,
    input: &Input<'_>,
    state: &MemoryState,
) -> Result<Result<Effects, Failed>, String> {
    let most = config.max_message_bytes;
    let handled = catch_unwind(AssertUnwindSafe(|| task.handle(input, state)));
    let at_work = || task.at_work().cloned();
    Ok(match handled {
        Ok(Ok(effects)) => {
            let loud = effects.outputs.iter().position(|output| output.value.len() > most);
            let large = effects
                .delta
                .iter()
                .find(|(_, record)| record.as_ref().is_some_and(|record| record.to_bytes().len() > most));
            match (loud, large) {
                (Some(at), _) => Err((TOO_LARGE, effects.maker(at).cloned(), None)),
                (None, Some((key, _))) => {
                    Err((TOO_LARGE, Some(key.entity.clone()).filter(|who| !who.is_empty()), None))
                }
                (None, None) => Ok(effects),
            }
        }
        Ok(Err(Blocked::Unfit(detail))) => Err((UNFIT, at_work(), Some(detail))),
        Ok(Err(blocked)) => return Err(format!("at {}: {blocked}", input.offset)),
        Err(_) => Err((PANICKED, at_work(), None)),
    })
}

fn anew(stage: &dyn Stage, at: &TopicPartition, state: &MemoryState) -> Box<dyn Task> {
    let mut task = stage.task(at);
    task.rebuild(&mut state.iter());
    task
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
