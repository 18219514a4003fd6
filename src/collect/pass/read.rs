//! A page of the list: what is new or differs is published, the rest left as it is.

use super::super::codes::NO_RECORD_KEY;
use super::super::journal::Entry;
use super::super::marks::{Mark, MarkKey, NoticeMark, PageMark};
use super::super::record::{Refused, Taken};
use super::super::summary::What;
use super::batch::Batch;
use super::{Halt, Pass, Scope};
use crate::engine::effect::Input;
use crate::engine::letter::Letter;
use crate::types::{Day, SmolStr};
use serde_json::Value;

/// Stage of letters.
const STAGE: &str = "collect";

impl Pass<'_, '_> {
    /// Whether the list's end has been reached.
    pub(super) fn has_read_all(&self) -> bool {
        match self.scope {
            Scope::Files(count) => self.cursor.next_page > count,
            Scope::Whole | Scope::Since(_) => {
                self.cursor.total.is_some_and(|total| self.cursor.listed >= total || self.cursor.short)
            }
        }
    }

    /// Reads the next page and commits it.
    pub(super) fn page(&mut self) -> Result<(), Halt> {
        let number = self.cursor.next_page;
        let page = self.asking.page(number)?;
        let mut batch = Batch::default();
        batch.told.pages = 1;
        batch.told.listed = page.records.len() as u64;
        self.cursor.steady &= self.cursor.total.is_none_or(|total| total == page.total);
        self.cursor.total = Some(page.total);
        self.cursor.listed += page.records.len() as u64;
        self.cursor.next_page += 1;
        self.cursor.short |= page.records.is_empty() && self.cursor.listed < page.total;
        let mut keys = Vec::new();
        for record in page.records {
            if let Some(key) = self.take(record, &mut batch)
                && self.seen.insert(key.clone())
            {
                keys.push(key);
            }
        }
        if self.is_whole_list() {
            let mark = Mark::Page(PageMark { pass: self.cursor.pass, keys });
            self.mark(&mut batch, MarkKey::Page(number), Some(mark));
        }
        Ok(self.commit(batch)?)
    }

    /// Takes in one record; its key, where it has one.
    fn take(&mut self, record: Value, batch: &mut Batch) -> Option<SmolStr> {
        let taken = match self.form.take(record) {
            Ok(taken) => taken,
            Err(refused) => {
                self.reject(&refused, batch);
                return None;
            }
        };
        for drift in &taken.drift {
            *batch.told.drift.entry(drift.clone()).or_insert(0) += 1;
        }
        self.cursor.newest = self.cursor.newest.take().max(taken.modified.clone());
        let known = self.marks.notices.get(&taken.key);
        if self.is_left_out(&taken, known) {
            batch.told.left_out += 1;
        } else if known.is_some_and(|known| !known.removed && known.hash == taken.hash) {
            batch.told.unchanged += 1;
        } else {
            self.publish(&taken, batch);
        }
        Some(taken.key)
    }

    /// Before the day asked for, a second time in this pass, or older than what was published. What does not tell its time is
    /// never left out for it.
    fn is_left_out(&self, taken: &Taken, known: Option<&NoticeMark>) -> bool {
        let modified = taken.modified.as_deref();
        if let Scope::Since(since) = self.scope
            && let Some(day) =
                modified.and_then(|text| text.get(..10)).and_then(|text| text.parse::<Day>().ok())
            && day < since
        {
            return true;
        }
        let Some(known) = known.filter(|known| !known.removed) else { return false };
        let order = modified.zip(known.modified.as_deref()).map(|(this, published)| this.cmp(published));
        match order {
            Some(order) if self.seen.contains(&taken.key) => order.is_le(),
            None if self.seen.contains(&taken.key) => true,
            Some(order) => order.is_lt(),
            None => false,
        }
    }

    fn publish(&mut self, taken: &Taken, batch: &mut Batch) {
        let known = self.marks.notices.get(&taken.key);
        let what = if known.is_some_and(|known| !known.removed) { What::Changed } else { What::New };
        let revision = known.map_or(0, |known| known.revision) + 1;
        let record = match self.form.version(taken, revision, self.clock.now()) {
            Ok(record) => record,
            Err(refused) => return self.reject(&refused, batch),
        };
        let drift: Vec<&str> = taken.drift.iter().map(|(name, _)| name.as_str()).collect();
        batch.entries.push(self.entry(record, &drift));
        let mark = NoticeMark {
            hash: taken.hash.clone(),
            revision,
            modified: taken.modified.clone(),
            removed: false,
        };
        self.mark(batch, MarkKey::Notice(taken.key.clone()), Some(Mark::Notice(mark)));
        match what {
            What::New => batch.told.new += 1,
            What::Changed | What::Removed => batch.told.changed += 1,
        }
        batch.told.keys.push((what, taken.key.clone()));
    }

    /// A letter, once for each content.
    fn reject(&mut self, refused: &Refused, batch: &mut Batch) {
        if refused.code == NO_RECORD_KEY {
            self.cursor.keyless += 1;
        }
        if !self.marks.rejects.contains_key(&refused.hash) {
            // It never lay in a topic: what stands for its place is drawn from its content.
            let digits = refused.hash.get(..15).unwrap_or_default();
            let input = Input {
                topic: &self.source.topic,
                partition: -1,
                offset: i64::from_str_radix(digits, 16).unwrap_or(0),
                timestamp_ms: self.clock.now().0,
                key: None,
                value: Some(&refused.bytes),
                headers: &[],
            };
            let text = format!("source \"{}\": {}", self.source.name, refused.text);
            let letter = self.letters.write(&Letter { stage: STAGE, code: refused.code, text: &text, input });
            batch.entries.push(Entry {
                topic: letter.topic,
                partition: letter.partition,
                key: letter.key.unwrap_or_default(),
                value: Some(letter.value),
                headers: letter.headers,
            });
            batch.told.rejected += 1;
            *batch.told.rejects.entry(refused.code).or_insert(0) += 1;
        }
        self.mark(batch, MarkKey::Reject(refused.hash.clone()), Some(Mark::Reject(self.cursor.pass)));
    }
}
