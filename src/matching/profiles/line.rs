//! The unit of work over many profiles: a bit each of 2,048 of them.

use std::array::from_fn;
use std::ops::{BitAnd, BitOr, BitXor, Not};

/// Words of a line. A step over a line costs its choice once, which at 8 words is dearer than the work: 32 take a third of the time.
/// Longer lines gain nothing more, and where nobody is left in one, the rest of its columns is not read.
const WORDS: usize = 32;
/// Profiles of a line.
pub(super) const LANES: usize = WORDS * 64;

/// A bit for each of [`LANES`] profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub(super) struct Line([u64; WORDS]);

impl Line {
    pub(super) const EMPTY: Self = Self([0; WORDS]);

    pub(super) fn has(&self, lane: usize) -> bool {
        self.0[lane / 64] >> (lane % 64) & 1 == 1
    }

    pub(super) fn put(&mut self, lane: usize, bit: bool) {
        let (word, mask) = (&mut self.0[lane / 64], 1 << (lane % 64));
        *word = if bit { *word | mask } else { *word & !mask };
    }

    /// Words that have a bit, with their place.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.into_iter().enumerate().filter(|(_, word)| *word != 0)
    }
}

/// Profiles that are asked together: a line of them, or a word of 64 where only few are candidates.
pub(super) trait Lanes:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    const NONE: Self;
    const ALL: Self;
    /// How many.
    const COUNT: usize;

    /// Those of a line that begin at word `word`.
    fn of(line: &Line, word: usize) -> Self;

    fn is_none(&self) -> bool;

    fn set(&mut self, lane: usize);

    /// Appends the numbers of the set bits, counted from `start`.
    fn append(&self, start: u32, into: &mut Vec<u32>);

    /// All bits, or none.
    fn filled(all: bool) -> Self {
        if all { Self::ALL } else { Self::NONE }
    }
}

impl Lanes for Line {
    const NONE: Self = Self::EMPTY;
    const ALL: Self = Self([u64::MAX; WORDS]);
    const COUNT: usize = LANES;

    fn of(line: &Line, _: usize) -> Self {
        *line
    }

    fn is_none(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) == 0
    }

    fn set(&mut self, lane: usize) {
        self.0[lane / 64] |= 1 << (lane % 64);
    }

    fn append(&self, start: u32, into: &mut Vec<u32>) {
        (start..).step_by(64).zip(self.0).for_each(|(start, word)| word.append(start, into));
    }
}

impl Lanes for u64 {
    const NONE: Self = 0;
    const ALL: Self = Self::MAX;
    const COUNT: usize = 64;

    fn of(line: &Line, word: usize) -> Self {
        line.0[word]
    }

    fn is_none(&self) -> bool {
        *self == 0
    }

    fn set(&mut self, lane: usize) {
        *self |= 1 << lane;
    }

    fn append(&self, start: u32, into: &mut Vec<u32>) {
        let mut rest = *self;
        while rest != 0 {
            into.push(start + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

impl BitAnd for Line {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] & other.0[i]))
    }
}

impl BitOr for Line {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] | other.0[i]))
    }
}

impl BitXor for Line {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] ^ other.0[i]))
    }
}

impl Not for Line {
    type Output = Self;

    fn not(self) -> Self {
        Self(from_fn(|i| !self.0[i]))
    }
}
