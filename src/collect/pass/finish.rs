//! The end of a list: what is gone, and that the source has delivered, if the list was whole.

use super::super::codes::{TOO_MANY_GONE, UNSTEADY};
use super::super::journal::Entry;
use super::super::marks::{Mark, MarkKey};
use super::super::summary::What;
use super::super::trouble::Trouble;
use super::batch::Batch;
use super::{Halt, Pass};
use crate::contracts::Tree;
use crate::engine::lane::io::Failure;
use crate::types::SmolStr;
use serde_json::Value;

/// Where sources state how far they have delivered, and the fields of such a statement.
const REPORTS_TOPIC: &str = "sources.reports";
const REPORT_SOURCE: &str = "source";
const REPORT_THROUGH: &str = "delivered_through";

/// So many may be gone at once, whatever part of the known ones they are.
const FEW_GONE: usize = 3;

impl Pass<'_, '_> {
    /// Judges the list that was read, and ends the pass.
    pub(super) fn finish(&mut self) -> Result<(), Halt> {
        let mut batch = Batch::default();
        let mut trouble = None;
        let mut delivered = false;
        match self.judged() {
            Err((code, why)) => batch.told.held_back.push((code, why)),
            Ok(missing) => {
                let (still_there, met) = self.remove(&missing, &mut batch)?;
                let twice = self.cursor.listed.saturating_sub(self.seen.len() as u64);
                let steady = still_there == 0 && twice == 0;
                // Between two runs a notice may have slipped to a page that was read before.
                delivered = met.is_none() && steady && !self.cursor.broken;
                if met.is_none() && !steady {
                    let why = format!(
                        "{twice} were listed twice, {still_there} were not in the list and are there all the same"
                    );
                    batch.told.held_back.push((UNSTEADY, why));
                }
                trouble = met;
            }
        }
        if let Some(trouble) = trouble {
            // The pass is not over: the next run asks for the rest.
            self.commit(batch)?;
            return Err(trouble.into());
        }
        if delivered {
            self.state(&mut batch)?;
            self.cursor.whole = Some(self.cursor.began);
        }
        self.cursor.over = true;
        self.tidy(&mut batch);
        Ok(self.commit(batch)?)
    }

    /// Known notices that the list did not have; or why the list tells nothing of them.
    fn judged(&self) -> Result<Vec<SmolStr>, (&'static str, String)> {
        let Self { cursor, seen, .. } = self;
        let total = cursor.total.unwrap_or(0);
        let unsteady = |why: String| Err((UNSTEADY, why));
        if !cursor.steady {
            return unsteady(String::from("its total changed while it was read"));
        }
        if cursor.listed != total {
            return unsteady(format!("it has {} records and says {total}", cursor.listed));
        }
        if cursor.keyless > 0 {
            return unsteady(format!("{} of its records have no key", cursor.keyless));
        }
        if self.source.whole.confirm.is_none() && cursor.broken {
            return unsteady(String::from(
                "it was read in several runs, and the source cannot be asked for one notice",
            ));
        }
        if self.source.whole.confirm.is_none() && (seen.len() as u64) < total {
            return unsteady(format!("{} were listed twice", total - seen.len() as u64));
        }
        let known = self.marks.live().count();
        let missing: Vec<SmolStr> =
            self.marks.live().map(|(key, _)| key).filter(|key| !seen.contains(*key)).cloned().collect();
        let percent = usize::try_from(self.source.whole.most_removed_percent).unwrap_or(100);
        let many = missing.len() > FEW_GONE && missing.len() * 100 > known * percent;
        if !self.allow_removals && (many || (total == 0 && known > 0)) {
            return Err((TOO_MANY_GONE, format!("{} of {known} known notices are not in it", missing.len())));
        }
        Ok(missing)
    }

    /// Says that notices are gone, each once it is sure. How many are there all the same, and the trouble at which it ended.
    fn remove(&mut self, missing: &[SmolStr], batch: &mut Batch) -> Result<(u64, Option<Trouble>), Failure> {
        let mut still_there = 0;
        for key in missing {
            match self.is_gone(key) {
                Ok(true) => self.end(key, batch)?,
                Ok(false) => still_there += 1,
                Err(trouble) => return Ok((still_there, Some(trouble))),
            }
        }
        Ok((still_there, None))
    }

    /// A notice may slip from one page to another while pages are read: where the source can be asked for one, it is.
    fn is_gone(&mut self, key: &SmolStr) -> Result<bool, Trouble> {
        let Some(parameter) = &self.source.whole.confirm else { return Ok(true) };
        let answer = self.asking.one(parameter, key)?;
        let is_it = |record: &Value| match record.get(&self.source.record.key) {
            Some(Value::String(text)) => text.trim() == key.as_str(),
            Some(Value::Number(number)) => number.to_string() == key.as_str(),
            _ => false,
        };
        Ok(!answer.records.iter().any(is_it))
    }

    fn end(&mut self, key: &SmolStr, batch: &mut Batch) -> Result<(), Failure> {
        let Some(known) = self.marks.notices.get(key).cloned() else { return Ok(()) };
        let revision = known.revision + 1;
        let record = self.form.removal(key, revision, self.clock.now()).map_err(Failure::Fatal)?;
        batch.entries.push(self.entry(record, &[]));
        let mut mark = known;
        mark.removed = true;
        mark.revision = revision;
        self.mark(batch, MarkKey::Notice(key.clone()), Some(Mark::Notice(mark)));
        batch.told.removed += 1;
        batch.told.keys.push((What::Removed, key.clone()));
        Ok(())
    }

    /// Everything that the source had when the pass began has been delivered.
    fn state(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let lacks = || Failure::Fatal(format!("there is no topic \"{REPORTS_TOPIC}\""));
        let topic = self.contracts.topic(REPORTS_TOPIC).ok_or_else(lacks)?;
        let statement = Tree::Record(vec![
            (SmolStr::new(REPORT_SOURCE), Tree::Text(self.source.code.clone())),
            (SmolStr::new(REPORT_THROUGH), Tree::Int(self.cursor.began.0)),
        ]);
        batch.entries.push(Entry {
            topic: topic.name.clone(),
            partition: self.layout.partition(&topic.name, &self.source.code),
            key: self.source.code.as_bytes().to_vec(),
            value: Some(topic.encode(&statement).map_err(Failure::Fatal)?),
            headers: Vec::new(),
        });
        batch.told.delivered_through = Some(self.cursor.began);
        Ok(())
    }

    /// Forgets rejected records that did not come again, and pages that the list has no more.
    fn tidy(&mut self, batch: &mut Batch) {
        let pass = self.cursor.pass;
        let rejects: Vec<SmolStr> = self
            .marks
            .rejects
            .iter()
            .filter(|(_, seen)| **seen < pass)
            .map(|(hash, _)| hash.clone())
            .collect();
        let pages: Vec<u32> =
            self.marks.pages.iter().filter(|(_, page)| page.pass < pass).map(|(number, _)| *number).collect();
        for hash in rejects {
            self.mark(batch, MarkKey::Reject(hash), None);
        }
        for number in pages {
            self.mark(batch, MarkKey::Page(number), None);
        }
    }
}
