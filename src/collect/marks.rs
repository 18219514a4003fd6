//! What a connector remembers: how far its pass over the list has come, and of each notice the content published last. Marks lie in
//! one compacted topic for all sources and are written in the transaction of the data that they speak of.

use crate::engine::message;
use crate::types::{Day, SmolStr, StreamTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Topic of the marks.
pub const MARKS_TOPIC: &str = "ieum.collect";

/// One mark. A variant's position is its wire tag: append new ones at the end, never reorder; a struct in one is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mark {
    /// Of a source.
    Head(Head),
    /// Of a notice.
    Notice(NoticeMark),
    /// Of a page of the pass.
    Page(PageMark),
    /// Of a rejected record: the pass that saw it last.
    Reject(u64),
}

/// How far a source's pass over its list has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Passes begun, this one included.
    pub(super) pass: u64,
    /// When it began.
    pub(super) began: StreamTime,
    /// The next page to read.
    pub(super) next_page: u32,
    /// Records read in it.
    pub(super) listed: u64,
    /// Total that the source told at its last page; none before the first.
    pub(super) total: Option<u64>,
    /// The total was the same at every page.
    pub(super) steady: bool,
    /// A page came empty before the total was reached.
    pub(super) short: bool,
    /// It was gone on with by a later run.
    pub(super) broken: bool,
    /// Records without key met in it.
    pub(super) keyless: u64,
    /// The end was reached.
    pub(super) over: bool,
    /// When the last pass began that saw the whole list.
    pub(super) whole: Option<StreamTime>,
    /// The newest modification told, in the source's own words: the high-water mark.
    pub(super) newest: Option<SmolStr>,
    /// Day (KST) of the last request.
    pub(super) day: Option<Day>,
    /// Requests on that day.
    pub(super) requests: u32,
}

/// What was published of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NoticeMark {
    /// Hash of its content.
    pub(super) hash: SmolStr,
    /// Versions published.
    pub(super) revision: u64,
    /// When the source modified it, in its own words.
    pub(super) modified: Option<SmolStr>,
    /// It is said to be gone.
    pub(super) removed: bool,
}

/// The notices of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PageMark {
    pub(super) pass: u64,
    pub(super) keys: Vec<SmolStr>,
}

/// What a mark is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MarkKey {
    Head,
    Notice(SmolStr),
    Page(u32),
    Reject(SmolStr),
}

impl MarkKey {
    /// The record's key.
    pub(super) fn text(&self, source: &str) -> String {
        match self {
            Self::Head => format!("{source}/head"),
            Self::Notice(key) => format!("{source}/notice/{key}"),
            Self::Page(number) => format!("{source}/page/{number}"),
            Self::Reject(hash) => format!("{source}/reject/{hash}"),
        }
    }

    /// Of a record of this source; none of another's.
    fn read(source: &str, key: &str) -> Option<Self> {
        let own = key.strip_prefix(source)?.strip_prefix('/')?;
        Some(match own.split_once('/') {
            None if own == "head" => Self::Head,
            Some(("notice", key)) => Self::Notice(SmolStr::new(key)),
            Some(("page", number)) => Self::Page(number.parse().ok()?),
            Some(("reject", hash)) => Self::Reject(SmolStr::new(hash)),
            _ => return None,
        })
    }
}

/// A new value of a mark, or its end.
pub(super) type Change = (MarkKey, Option<Mark>);

/// The record's value of a mark.
pub(super) fn value(mark: &Mark) -> Vec<u8> {
    message::encode(mark)
}

/// The marks of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) head: Head,
    pub(super) notices: BTreeMap<SmolStr, NoticeMark>,
    pub(super) pages: BTreeMap<u32, PageMark>,
    pub(super) rejects: BTreeMap<SmolStr, u64>,
}

impl Marks {
    /// Takes in a stored record; one of another source changes nothing. An error says why it cannot be read.
    pub(super) fn read(&mut self, source: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let Some(key) = std::str::from_utf8(key).ok().and_then(|key| MarkKey::read(source, key)) else {
            return Ok(());
        };
        let mark = value.map(message::decode::<Mark>).transpose().map_err(|error| error.to_string())?;
        self.apply((key, mark));
        Ok(())
    }

    /// Takes in what has been committed.
    pub(super) fn apply(&mut self, (key, mark): Change) {
        match (key, mark) {
            (MarkKey::Head, Some(Mark::Head(head))) => self.head = head,
            (MarkKey::Notice(key), Some(Mark::Notice(mark))) => {
                self.notices.insert(key, mark);
            }
            (MarkKey::Page(number), Some(Mark::Page(mark))) => {
                self.pages.insert(number, mark);
            }
            (MarkKey::Reject(hash), Some(Mark::Reject(pass))) => {
                self.rejects.insert(hash, pass);
            }
            (MarkKey::Head, None) => self.head = Head::default(),
            (MarkKey::Notice(key), None) => {
                self.notices.remove(&key);
            }
            (MarkKey::Page(number), None) => {
                self.pages.remove(&number);
            }
            (MarkKey::Reject(hash), None) => {
                self.rejects.remove(&hash);
            }
            // A key of one kind with a mark of another was never written.
            (_, Some(_)) => {}
        }
    }

    /// Notices seen in the pass that is under way.
    pub(super) fn seen(&self) -> BTreeSet<SmolStr> {
        let of_pass = self.pages.values().filter(|page| page.pass == self.head.pass);
        of_pass.flat_map(|page| page.keys.iter().cloned()).collect()
    }

    /// Notices that are published and not said to be gone.
    pub(super) fn live(&self) -> impl Iterator<Item = (&SmolStr, &NoticeMark)> {
        self.notices.iter().filter(|(_, mark)| !mark.removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_from_its_record_and_another_sources_is_not() {
        let notice = NoticeMark {
            hash: SmolStr::new("h"),
            revision: 2,
            modified: Some(SmolStr::new("2026-01-01")),
            removed: false,
        };
        let changes: [Change; 4] = [
            (MarkKey::Head, Some(Mark::Head(Head { pass: 3, next_page: 2, ..Head::default() }))),
            (MarkKey::Notice(SmolStr::new("a/b")), Some(Mark::Notice(notice))),
            (MarkKey::Page(7), Some(Mark::Page(PageMark { pass: 3, keys: vec![SmolStr::new("a/b")] }))),
            (MarkKey::Reject(SmolStr::new("f0")), Some(Mark::Reject(3))),
        ];
        let (mut expected, mut marks) = (Marks::default(), Marks::default());
        for change in changes {
            let (key, value) = (change.0.text("one"), change.1.as_ref().map(value));
            marks.read("one", key.as_bytes(), value.as_deref()).unwrap();
            marks.read("other", key.as_bytes(), value.as_deref()).unwrap();
            marks.read("on", key.as_bytes(), value.as_deref()).unwrap();
            expected.apply(change);
        }
        assert_eq!(marks, expected);
        assert_eq!(marks.seen(), [SmolStr::new("a/b")].into());
        marks.read("one", b"one/notice/a/b", None).unwrap();
        assert!(marks.notices.is_empty());
        assert!(marks.read("one", b"one/head", Some(&[9, 9, 9])).is_err());
    }

    /// Bytes in a topic outlive the program that wrote them.
    #[test]
    fn the_stored_form_is_what_it_was() {
        let head = Head { pass: 1, next_page: 2, listed: 3, total: Some(4), steady: true, ..Head::default() };
        assert_eq!(value(&Mark::Head(head)), [1, 0, 0, 1, 0, 2, 3, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let notice = NoticeMark { hash: SmolStr::new("h"), revision: 1, modified: None, removed: true };
        assert_eq!(value(&Mark::Notice(notice)), [1, 0, 1, 1, b'h', 1, 0, 1]);
        let page = PageMark { pass: 1, keys: vec![SmolStr::new("k")] };
        assert_eq!(value(&Mark::Page(page)), [1, 0, 2, 1, 1, 1, b'k']);
        assert_eq!(value(&Mark::Reject(5)), [1, 0, 3, 5]);
    }
}
