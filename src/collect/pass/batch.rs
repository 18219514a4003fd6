//! What is committed together.

use super::super::journal::Entry;
use super::super::marks::{Change, Head, MARKS_TOPIC, Mark, MarkKey, value};
use super::super::record::Record;
use super::super::summary::{Progress, Summary};
use super::Pass;
use crate::engine::lane::io::Failure;
use crate::types::SmolStr;

/// Records, marks, and what they come to once they are committed.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) changes: Vec<Change>,
    pub(super) told: Summary,
}

impl Default for Batch {
    fn default() -> Self {
        Self { entries: Vec::new(), changes: Vec::new(), told: Summary::new() }
    }
}

/// Most names of fields in a header.
const NAMES: usize = 20;

impl Pass<'_, '_> {
    /// Changes a mark, here and with the batch.
    pub(super) fn mark(&mut self, batch: &mut Batch, key: MarkKey, mark: Option<Mark>) {
        self.marks.apply((key.clone(), mark.clone()));
        batch.changes.push((key, mark));
    }

    /// A record of the source's topic; `drift` names the fields that differ from the contract.
    pub(super) fn entry(&self, record: Record, drift: &[&str]) -> Entry {
        let names: Vec<&str> = drift.iter().copied().take(NAMES).collect();
        let headers = if names.is_empty() {
            Vec::new()
        } else {
            vec![(SmolStr::new("drift"), names.join(",").into_bytes())]
        };
        Entry {
            topic: self.source.topic.clone(),
            partition: self.layout.partition(&self.source.topic, &record.key),
            key: record.key.into_bytes(),
            value: Some(record.value),
            headers,
        }
    }

    /// Writes a batch and the head in one transaction. Of a dry run nothing is written.
    pub(super) fn commit(&mut self, mut batch: Batch) -> Result<(), Failure> {
        let head = self.head();
        self.mark(&mut batch, MarkKey::Head, Some(Mark::Head(head)));
        if !self.dry_run {
            for (key, mark) in &batch.changes {
                let key = key.text(&self.source.name);
                batch.entries.push(Entry {
                    topic: SmolStr::new(MARKS_TOPIC),
                    partition: self.layout.partition(MARKS_TOPIC, &key),
                    key: key.into_bytes(),
                    value: mark.as_ref().map(value),
                    headers: Vec::new(),
                });
            }
            self.journal.commit(&batch.entries)?;
        }
        self.summary.absorb(batch.told);
        (self.watch)(Progress {
            listed: self.cursor.listed,
            total: self.cursor.total.unwrap_or(0),
            written: self.summary.written(),
        });
        Ok(())
    }

    /// The head as it is stored: of a pass over a part of the list only what is true of the source as a whole.
    fn head(&mut self) -> Head {
        let (day, requests) = self.asking.today;
        self.cursor.day = Some(day);
        self.cursor.requests = requests;
        if self.is_whole_list() {
            return self.cursor.clone();
        }
        Head { newest: self.cursor.newest.clone(), day: self.cursor.day, requests, ..self.marks.head.clone() }
    }
}
