//! The index from a predicate to profiles: bit slices, scanned a line of 2,048 profiles at a time, the clause that takes most
//! away first, and lists of those who have a rare code.

mod line;
mod columns;
mod lists;
mod counts;
mod program;
mod plan;
mod scan;

use super::predicate::Predicate;
use super::profile::{FieldValue, Profile};
use super::schema::{Dictionary, Schema};
use super::{Found, Reach};
use columns::Columns;
use counts::Counts;
use lists::Lists;
use std::sync::Arc;

/// Profiles by number, found by predicate.
#[derive(Clone, Debug)]
pub struct Profiles {
    schema: Arc<Schema>,
    len: usize,
    columns: Columns,
    lists: Vec<Option<Lists>>,
    counts: Vec<Counts>,
}

/// What an index takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Profiles in it.
    pub profiles: usize,
    /// Bytes of slices.
    pub column_bytes: usize,
    /// Bytes of compressed lists.
    pub list_bytes: usize,
    /// Bytes of the planner's counts.
    pub count_bytes: usize,
}

impl Report {
    /// All bytes.
    pub fn bytes(&self) -> usize {
        self.column_bytes + self.list_bytes + self.count_bytes
    }
}

impl Profiles {
    /// No profiles yet.
    pub fn new(schema: Arc<Schema>) -> Self {
        let columns = Columns::new(&schema);
        let lists = Lists::of(&schema, columns.columns());
        let fields = schema.fields().iter().zip(columns.columns());
        let counts =
            fields.map(|(field, column)| Counts::new(column, field.dictionary().map_or(0, Dictionary::len)));
        Self { len: 0, lists, counts: counts.collect(), columns, schema }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts a profile of this schema, or replaces the one of that number. Numbers are dense: what lies between two is paid for.
    pub fn insert(&mut self, no: u32, profile: &Profile) {
        self.remove(no);
        self.len += 1;
        self.columns.insert(no, profile);
        for ((value, lists), counts) in profile.values().iter().zip(&mut self.lists).zip(&mut self.counts) {
            counts.insert(value);
            if let Some(lists) = lists {
                lists.insert(no, value);
            }
        }
    }

    /// Removes the profile of a number; whether there was one. A field whose long dictionary is kept in lists costs a look into
    /// each of them.
    pub fn remove(&mut self, no: u32) -> bool {
        if !self.columns.has(no) {
            return false;
        }
        for field in 0..self.counts.len() {
            let value = self.value(no, field);
            self.counts[field].remove(&value);
            if let Some(lists) = &mut self.lists[field] {
                lists.remove(no, &value);
            }
        }
        self.columns.remove(no);
        self.len -= 1;
        true
    }

    /// The profile of a number, as it was inserted.
    pub fn profile(&self, no: u32) -> Option<Profile> {
        self.columns
            .has(no)
            .then(|| Profile::of((0..self.counts.len()).map(|field| self.value(no, field)).collect()))
    }

    /// The profiles that a predicate of this schema fits, as far as `reach` goes.
    pub fn find(&self, predicate: &Predicate, reach: Reach) -> Found {
        let branches = plan::plan(self, predicate, reach);
        scan::scan(&self.columns, &branches, predicate.unknown_at_most(), reach)
    }

    /// What it takes in memory.
    pub fn report(&self) -> Report {
        Report {
            profiles: self.len,
            column_bytes: self.columns.bytes(),
            list_bytes: self.lists.iter().flatten().map(Lists::bytes).sum(),
            count_bytes: self.counts.iter().map(Counts::bytes).sum(),
        }
    }

    fn value(&self, no: u32, field: usize) -> FieldValue {
        match (self.columns.value(no, field, &self.schema.fields()[field].kind), &self.lists[field]) {
            (FieldValue::Codes(codes), Some(lists)) if codes.is_empty() => FieldValue::Codes(lists.codes(no)),
            (value, _) => value,
        }
    }
}
