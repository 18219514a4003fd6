//! Profiles as bit slices: a line a bit of a value, the lines of 2,048 profiles together, 4,096 profiles allocated at once.

use super::super::profile::{FieldValue, Profile};
use super::super::schema::{FieldKind, Schema};
use super::super::test::Codes;
use super::line::{LANES, Line};

/// Profiles allocated at once: with the fields of a person a few dozen KB.
pub(super) const BLOCK: usize = 4_096;
/// The longest dictionary of which each code has a slice of its own: 32 bytes a profile. Of more codes a profile has few, and each
/// code keeps a compressed list of its profiles instead.
const DENSE_CODES: usize = 256;
/// The line that says which profiles there are.
pub(super) const LIVE: usize = 0;

/// Where a field's slices are in a chunk.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The line that says of whom the value is known.
    pub(super) known: usize,
    /// The first of its other lines.
    pub(super) first: usize,
    pub(super) form: Form,
}

/// How a column keeps its values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// The value less `least` in so many slices, the lowest first; `span` is the greatest.
    Sliced { bits: u32, least: i64, span: u64 },
    /// A slice a code.
    Dense { codes: usize },
    /// No slices: lists.
    Listed,
}

/// All columns.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
    lines: usize,
    blocks: Vec<Box<[Line]>>,
}

impl Columns {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut lines = LIVE + 1;
        let columns = schema.fields().iter().map(|field| {
            let form = form(&field.kind);
            let column = Column { known: lines, first: lines + 1, form };
            lines += 1 + match form {
                Form::Sliced { bits, .. } => bits as usize,
                Form::Dense { codes } => codes,
                Form::Listed => 0,
            };
            column
        });
        Self { columns: columns.collect(), lines, blocks: Vec::new() }
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Chunks of [`LANES`] profiles, from profile 0 on.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[Line]> {
        self.blocks.iter().flat_map(|block| block.chunks_exact(self.lines))
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * (BLOCK / LANES) * self.lines * size_of::<Line>()
    }

    pub(super) fn has(&self, no: u32) -> bool {
        self.chunk(no).is_some_and(|(chunk, lane)| chunk[LIVE].has(lane))
    }

    /// Writes a profile where there is none. Codes of listed columns are the lists'.
    pub(super) fn insert(&mut self, no: u32, profile: &Profile) {
        let block = no as usize / BLOCK;
        while self.blocks.len() <= block {
            self.blocks.push(vec![Line::EMPTY; self.lines * (BLOCK / LANES)].into());
        }
        let at = no as usize % BLOCK / LANES * self.lines;
        let chunk = &mut self.blocks[block][at..at + self.lines];
        let lane = no as usize % LANES;
        chunk[LIVE].put(lane, true);
        for (column, value) in self.columns.iter().zip(profile.values()) {
            if *value == FieldValue::Unknown {
                continue;
            }
            chunk[column.known].put(lane, true);
            match (value, column.form) {
                (FieldValue::Codes(codes), Form::Dense { .. }) => {
                    codes
                        .as_slice()
                        .iter()
                        .for_each(|code| chunk[column.first + *code as usize].put(lane, true));
                }
                (_, Form::Sliced { bits, least, .. }) => {
                    let value = sliced(value, least);
                    let set = (0..bits as usize).filter(|bit| value >> bit & 1 == 1);
                    set.for_each(|bit| chunk[column.first + bit].put(lane, true));
                }
                _ => {}
            }
        }
    }

    /// Takes a profile away.
    pub(super) fn remove(&mut self, no: u32) {
        let (block, lane) = (no as usize / BLOCK, no as usize % LANES);
        let at = no as usize % BLOCK / LANES * self.lines;
        if let Some(block) = self.blocks.get_mut(block) {
            block[at..at + self.lines].iter_mut().for_each(|line| line.put(lane, false));
        }
    }

    /// A profile's value of one field, as far as columns have it: of a listed field an empty set for any that is known.
    pub(super) fn value(&self, no: u32, field: usize, kind: &FieldKind) -> FieldValue {
        let column = &self.columns[field];
        let Some((chunk, lane)) = self.chunk(no).filter(|(chunk, lane)| chunk[column.known].has(*lane))
        else {
            return FieldValue::Unknown;
        };
        let has = |line: usize| chunk[column.first + line].has(lane);
        match column.form {
            Form::Listed => FieldValue::Codes(Codes::default()),
            Form::Dense { codes } => {
                FieldValue::Codes(Codes::new((0..).take(codes).filter(|code| has(*code as usize))))
            }
            Form::Sliced { bits, least, .. } => {
                let value = (0..bits as usize).map(|bit| u64::from(has(bit)) << bit).sum::<u64>();
                match kind {
                    FieldKind::YesNo => FieldValue::YesNo(value == 1),
                    FieldKind::Number { .. } => FieldValue::Number(least.wrapping_add_unsigned(value)),
                    FieldKind::Code(_) | FieldKind::Codes(_) => FieldValue::Code(value as u32),
                }
            }
        }
    }

    fn chunk(&self, no: u32) -> Option<(&[Line], usize)> {
        let at = no as usize % BLOCK / LANES * self.lines;
        let block = self.blocks.get(no as usize / BLOCK)?;
        Some((&block[at..at + self.lines], no as usize % LANES))
    }
}

/// A single value as its column keeps it.
pub(super) fn sliced(value: &FieldValue, least: i64) -> u64 {
    match value {
        FieldValue::Number(n) => n.wrapping_sub(least).cast_unsigned(),
        FieldValue::Code(code) => u64::from(*code),
        FieldValue::YesNo(yes) => u64::from(*yes),
        FieldValue::Unknown | FieldValue::Codes(_) => 0,
    }
}

fn form(kind: &FieldKind) -> Form {
    let sliced = |least: i64, span: u64| Form::Sliced { bits: u64::BITS - span.leading_zeros(), least, span };
    match kind {
        FieldKind::Number { bounds, .. } => {
            sliced(*bounds.start(), bounds.end().wrapping_sub(*bounds.start()).cast_unsigned())
        }
        FieldKind::Code(dictionary) => sliced(0, dictionary.len() as u64 - 1),
        FieldKind::YesNo => sliced(0, 1),
        FieldKind::Codes(dictionary) if dictionary.len() <= DENSE_CODES => {
            Form::Dense { codes: dictionary.len() }
        }
        FieldKind::Codes(_) => Form::Listed,
    }
}
