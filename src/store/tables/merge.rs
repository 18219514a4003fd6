//! Several tables read as one, and written as one.

use super::super::database::Failure;
use super::table::{Builder, Cursor, Span, Table};
use std::path::Path;
use std::sync::Arc;

/// Tables as one sequence in key order; of a key the newest entry counts.
pub(super) struct Merged {
    /// The newest first.
    cursors: Vec<Cursor>,
    /// Those that stand at the key that is being told.
    here: Vec<usize>,
}

impl Merged {
    pub(super) fn from(tables: &[Arc<Table>], from: &[u8]) -> Result<Self, Failure> {
        let cursors =
            tables.iter().map(|table| Cursor::at(Arc::clone(table), from)).collect::<Result<_, _>>()?;
        Ok(Self { cursors, here: Vec::new() })
    }

    /// Tells the next key with its newest value, none where it was removed; nothing behind the last.
    pub(super) fn next<T>(
        &mut self,
        tell: impl FnOnce(&[u8], Option<&[u8]>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.here.clear();
        let mut least: Option<&[u8]> = None;
        for (n, cursor) in self.cursors.iter().enumerate() {
            let Some(key) = cursor.key() else { continue };
            match least.map(|least| key.cmp(least)) {
                Some(std::cmp::Ordering::Greater) => continue,
                Some(std::cmp::Ordering::Equal) => {}
                Some(std::cmp::Ordering::Less) | None => {
                    self.here.clear();
                    least = Some(key);
                }
            }
            self.here.push(n);
        }
        let (Some(key), Some(newest)) = (least, self.here.first().and_then(|n| self.cursors.get(*n))) else {
            return Ok(None);
        };
        let told = tell(key, newest.value())?;
        for n in &self.here {
            if let Some(cursor) = self.cursors.get_mut(*n) {
                cursor.advance()?;
            }
        }
        Ok(Some(told))
    }
}

/// Tables that become one, some entries at a time.
pub(super) struct Merge {
    pub(super) span: Span,
    merged: Merged,
    builder: Builder,
    /// Nothing older is below: what was removed need not be told.
    is_oldest: bool,
}

impl Merge {
    /// Begins to merge tables that follow each other, the newest first.
    pub(super) fn begin(dir: &Path, tables: &[Arc<Table>], is_oldest: bool) -> Result<Option<Self>, Failure> {
        let (Some(newest), Some(oldest)) = (tables.first(), tables.last()) else { return Ok(None) };
        let span = Span { first: oldest.span.first, last: newest.span.last };
        let (merged, builder) = (Merged::from(tables, &[])?, Builder::begin(dir, span)?);
        Ok(Some(Self { span, merged, builder, is_oldest }))
    }

    /// Goes on for so many bytes; whether it came to the end.
    pub(super) fn step(&mut self, bytes: usize) -> Result<bool, Failure> {
        let (builder, is_oldest) = (&mut self.builder, self.is_oldest);
        let mut left = bytes;
        while left > 0 {
            let written = self.merged.next(|key, value| {
                if value.is_some() || !is_oldest {
                    builder.push(key, value)?;
                }
                Ok(key.len() + value.map_or(0, <[u8]>::len))
            })?;
            match written {
                Some(written) => left = left.saturating_sub(written.max(1)),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    pub(super) fn finish(self, dir: &Path) -> Result<Table, Failure> {
        self.builder.finish(dir, self.span)
    }
}
