//! A record in its task's hands. A defect is kept to the entity that has it: the record's own entity is parked and the
//! record becomes a letter; an entity whose timer or job step the record advanced is parked, and the record is handled as
//! if that step did not exist. Both depend on the log and the state alone, so that they fall on the same entity at the
//! same record wherever commits fall.

use super::io::{Polled, Store, StoreFault};
use super::slot::{Slot, message_bytes};
use super::view::View;
use super::{
    LaneConfig, PANICKED, PARKED, Parked, TOO_LARGE, UNFIT, UNIT_FAILED, data_key, letter_text, unit_text,
};
use crate::engine::effect::{Blocked, Effects, Fact, Input};
use crate::engine::letter::Letter;
use crate::engine::state::{Key, Record};
use crate::engine::task::Stage;
use crate::types::{Origin, SmolStr};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Why a record was not handled.
pub(super) enum Refusal {
    Blocked(String),
    Store(StoreFault),
}

/// Why one attempt at a record came to nothing.
enum Failed {
    Refused(Refusal),
    Defect(Defect),
}

/// What a task could not do, and at whom; none is the record's own.
struct Defect {
    entity: Option<SmolStr>,
    code: &'static str,
    /// What of it does not fit.
    detail: Option<String>,
}

/// What the overlay held before a record parked entities or took one back.
type Marks = Vec<(Key, Option<Option<Arc<Record>>>)>;

impl<S: Store> Slot<S> {
    /// Hands a record to the task. Its writes are in the overlay when this returns; outputs and facts are the caller's.
    pub(super) fn handle(
        &mut self,
        stage: &dyn Stage,
        config: &LaneConfig,
        record: &Polled,
    ) -> Result<Effects, Refusal> {
        let input = record.input();
        let (mut made, mut marks) = (Effects::default(), Marks::new());
        let is_parked = !self.parked.is_empty() && own(&input).is_some_and(|own| self.parked.contains(&*own));
        match (Parked::is_taken_back_by(&input), is_parked) {
            (false, false) => {}
            (false, true) => return Ok(letter(stage, config, &input, PARKED, None)),
            (true, false) => return Ok(made),
            (true, true) => self.mark(&own(&input).unwrap_or_default(), None, &mut marks),
        }
        loop {
            let defect = match self.attempt(config, &input) {
                Ok(mut effects) => {
                    self.wrote |= !effects.delta.is_empty();
                    self.overlay.extend(effects.delta.drain(..));
                    // Most records fail nobody: theirs are handed on as they are.
                    if made.outputs.is_empty() {
                        return Ok(effects);
                    }
                    made.extend(effects);
                    return Ok(made);
                }
                Err(Failed::Refused(refusal)) => {
                    self.unsettled = true;
                    if !marks.is_empty() {
                        self.unmark(marks, stage);
                    }
                    return Err(refusal);
                }
                Err(Failed::Defect(defect)) => defect,
            };
            // Who is parked already is worked at no more: a task that does so cannot be handed the record again.
            let is_other = |entity: &&SmolStr| {
                own(&input).is_none_or(|own| own != entity.as_str()) && !self.parked.contains(entity.as_str())
            };
            let parked = Parked { offset: input.offset, timestamp_ms: input.timestamp_ms };
            let Some(entity) = defect.entity.as_ref().filter(is_other).cloned() else {
                made.extend(letter(stage, config, &input, defect.code, defect.detail.as_deref()));
                if let (Some(entity), true) = (own(&input), stage.changelog().is_some()) {
                    self.mark(&entity, Some(parked), &mut marks);
                    made.facts.push(parked_at(&input));
                }
                self.give_up(stage);
                return Ok(made);
            };
            made.extend(unit_letter(stage, config, &input, &entity, &defect));
            self.mark(&entity, Some(parked), &mut marks);
            made.facts.push(parked_at(&input));
            self.give_up(stage);
        }
    }

    fn attempt(&mut self, config: &LaneConfig, input: &Input<'_>) -> Result<Effects, Failed> {
        let view = View { overlay: &self.overlay, store: self.store.as_ref() };
        let task = &mut self.task;
        // A task that panicked gives the record up, or is thrown away: nothing half-changed is ever decided on.
        let handled = catch_unwind(AssertUnwindSafe(|| task.handle(input, &view)));
        if let Some(fault) = self.fault() {
            return Err(Failed::Refused(Refusal::Store(fault)));
        }
        let at_work =
            |code, detail| Err(Failed::Defect(Defect { entity: self.task.at_work().cloned(), code, detail }));
        match handled {
            Ok(Ok(effects)) => match oversized(&effects, config.max_message_bytes, self.careful) {
                None => Ok(effects),
                Some(entity) => Err(Failed::Defect(Defect { entity, code: TOO_LARGE, detail: None })),
            },
            Ok(Err(Blocked::Unfit(detail))) => at_work(UNFIT, Some(detail)),
            Ok(Err(blocked)) => Err(Failed::Refused(Refusal::Blocked(blocked.to_string()))),
            Err(_) => at_work(PANICKED, None),
        }
    }

    /// Parks an entity, or takes it back.
    fn mark(&mut self, entity: &str, parked: Option<Parked>, marks: &mut Marks) {
        let key = Parked::key(entity);
        self.wrote = true;
        if parked.is_some() {
            self.parked.insert(SmolStr::new(entity));
        } else {
            self.parked.remove(entity);
        }
        let record = parked.map(|parked| Arc::new(Record::Parked(parked)));
        marks.push((key.clone(), self.overlay.insert(key, record)));
    }

    /// The record will be handed again: whoever it parked or took back is what it was before.
    fn unmark(&mut self, marks: Marks, stage: &dyn Stage) {
        for (key, before) in marks.into_iter().rev() {
            match before {
                Some(before) => self.overlay.insert(key, before),
                None => self.overlay.remove(&key),
            };
        }
        self.rebuild(stage);
    }
}

/// The entity that a record is about.
fn own<'a>(input: &Input<'a>) -> Option<Cow<'a, str>> {
    input.key.map(String::from_utf8_lossy)
}

fn parked_at(input: &Input<'_>) -> Fact {
    let topic = SmolStr::new(input.topic);
    Fact::Parked { origin: Some(Origin { topic, partition: input.partition, offset: input.offset }) }
}

/// The letter of a record that was not handled, and its fact.
fn letter(
    stage: &dyn Stage,
    config: &LaneConfig,
    input: &Input<'_>,
    code: &'static str,
    detail: Option<&str>,
) -> Effects {
    let text = said(letter_text(code), detail);
    let letter = Letter { stage: stage.name(), code, text: &text, input: input.clone() };
    Effects {
        outputs: vec![config.letters.write(&letter)],
        facts: vec![Fact::DeadLetter { code, topic: SmolStr::new(input.topic) }],
        ..Effects::default()
    }
}

/// The letter of an entity whose unit failed at a record, and its fact.
fn unit_letter(
    stage: &dyn Stage,
    config: &LaneConfig,
    input: &Input<'_>,
    entity: &str,
    defect: &Defect,
) -> Effects {
    let text = said(unit_text(defect.code), defect.detail.as_deref());
    let letter = Letter { stage: stage.name(), code: UNIT_FAILED, text: &text, input: input.clone() };
    Effects {
        outputs: vec![config.letters.write_of(entity, &letter)],
        facts: vec![Fact::DeadLetter { code: UNIT_FAILED, topic: SmolStr::new(input.topic) }],
        ..Effects::default()
    }
}

fn said<'a>(text: &'a str, detail: Option<&str>) -> Cow<'a, str> {
    detail.map_or(Cow::Borrowed(text), |detail| Cow::Owned(format!("{text}: {detail}")))
}

/// At whom something was made that no topic would take; an inner none is the record's own. State is measured only where
/// a commit gave reason to.
fn oversized(effects: &Effects, most: usize, careful: bool) -> Option<Option<SmolStr>> {
    let is_loud = |(_, output): &(usize, &crate::engine::effect::Output)| {
        message_bytes(output.key.as_deref(), Some(&output.value), &output.headers) > most
    };
    if let Some((at, _)) = effects.outputs.iter().enumerate().find(is_loud) {
        return Some(effects.maker(at).cloned());
    }
    let is_large = |(key, record): &&(Key, Option<Arc<Record>>)| {
        data_key(key).len() + record.as_ref().map_or(0, |record| record.to_bytes().len()) > most
    };
    let (key, _) = effects.delta.iter().filter(|_| careful).find(is_large)?;
    Some(Some(key.entity.clone()).filter(|entity| !entity.is_empty()))
}
