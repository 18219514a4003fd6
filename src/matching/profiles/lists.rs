//! Compressed lists of the profiles that have a code: the values themselves where a dictionary is too long for slices, and a
//! short way to the few who live in a small place.

use super::super::profile::FieldValue;
use super::super::schema::{FieldKind, Schema};
use super::super::test::{Codes, Test};
use super::columns::{Column, Form};
use roaring::RoaringBitmap;

/// A field of one code gets lists, besides its slices, from so many codes on: below, no code is rare enough to need one. A list
/// costs two to four bytes a profile.
const LISTED_FROM: usize = 128;

/// The lists of one field.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    codes: Vec<RoaringBitmap>,
    unknown: RoaringBitmap,
}

impl Lists {
    /// One entry a field; none where it has no lists.
    pub(super) fn of(schema: &Schema, columns: &[Column]) -> Vec<Option<Self>> {
        let fields = schema.fields().iter().zip(columns);
        let lists = fields.map(|(field, column)| {
            let codes = field.dictionary().map_or(0, super::super::Dictionary::len);
            let listed = match field.kind {
                FieldKind::Code(_) => codes >= LISTED_FROM,
                _ => matches!(column.form, Form::Listed),
            };
            listed.then(|| Self { codes: vec![RoaringBitmap::new(); codes], unknown: RoaringBitmap::new() })
        });
        lists.collect()
    }

    pub(super) fn insert(&mut self, no: u32, value: &FieldValue) {
        self.each(value, |list| {
            list.insert(no);
        });
    }

    pub(super) fn remove(&mut self, no: u32, value: &FieldValue) {
        self.each(value, |list| {
            list.remove(no);
        });
    }

    fn each(&mut self, value: &FieldValue, mut change: impl FnMut(&mut RoaringBitmap)) {
        match value {
            FieldValue::Code(code) => change(&mut self.codes[*code as usize]),
            FieldValue::Codes(codes) => {
                codes.as_slice().iter().for_each(|code| change(&mut self.codes[*code as usize]));
            }
            FieldValue::Unknown | FieldValue::Number(_) | FieldValue::YesNo(_) => change(&mut self.unknown),
        }
    }

    /// The codes of one profile: a look into every list.
    pub(super) fn codes(&self, no: u32) -> Codes {
        Codes::new((0..).zip(&self.codes).filter(|(_, list)| list.contains(no)).map(|(code, _)| code))
    }

    /// Whose value is unknown.
    pub(super) fn unknown(&self) -> &RoaringBitmap {
        &self.unknown
    }

    /// Those of known value that pass a test of codes. With an empty set of their own codes none passes: no group is empty.
    pub(super) fn passing(&self, test: &Test) -> RoaringBitmap {
        let any = |codes: &Codes| self.any(codes);
        let all = |codes: &Codes| self.all(codes);
        match test {
            Test::In(codes) | Test::AnyOf(codes) => any(codes),
            Test::AllOf(codes) => all(codes),
            Test::EachGroupAny(groups) => {
                groups.iter().map(any).reduce(|one, other| one & other).unwrap_or_default()
            }
            Test::SomeGroupAll(groups) => {
                groups.iter().map(all).reduce(|one, other| one | other).unwrap_or_default()
            }
            Test::Between { .. } | Test::Is(_) => RoaringBitmap::new(),
        }
    }

    fn any(&self, codes: &Codes) -> RoaringBitmap {
        let mut union = RoaringBitmap::new();
        self.lists(codes).for_each(|list| union |= list);
        union
    }

    fn all(&self, codes: &Codes) -> RoaringBitmap {
        let mut lists: Vec<&RoaringBitmap> = self.lists(codes).collect();
        lists.sort_by_key(|list| list.len());
        let Some((first, rest)) = lists.split_first() else { return RoaringBitmap::new() };
        let mut both = (*first).clone();
        rest.iter().for_each(|list| both &= *list);
        both
    }

    fn lists(&self, codes: &Codes) -> impl Iterator<Item = &RoaringBitmap> {
        codes.as_slice().iter().map(|code| &self.codes[*code as usize])
    }

    pub(super) fn bytes(&self) -> usize {
        // What a container has besides its values: its key, kind, length and place.
        const CONTAINER: u64 = 40;
        let lists = self.codes.iter().chain([&self.unknown]);
        let bytes = lists.map(|list| {
            let told = list.statistics();
            told.n_bytes_array_containers
                + told.n_bytes_bitset_containers
                + told.n_bytes_run_containers
                + u64::from(told.n_containers) * CONTAINER
        });
        bytes.sum::<u64>() as usize + (self.codes.len() + 1) * size_of::<RoaringBitmap>()
    }
}
