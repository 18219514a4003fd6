//! Sets of rows. A row is one conjunction of one notice.

/// Words that the search takes at once; every set of bits is a whole number of them long.
pub(super) const BLOCK: usize = 64;
/// A list entry takes the room of so many bits: where more than one row in so many is in a set, bits are smaller and quicker.
const BITS_OF_AN_ENTRY: usize = 32;

/// A bit for each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(pub(super) Vec<u64>);

impl Bits {
    pub(super) fn grow(&mut self, words: usize) {
        self.0.resize(words, 0);
    }

    pub(super) fn put(&mut self, row: u32, bit: bool) {
        put(&mut self.0, row, bit);
    }
}

/// Sets one bit.
pub(super) fn put(words: &mut [u64], row: u32, bit: bool) {
    let (word, mask) = (&mut words[row as usize / 64], 1 << (row % 64));
    *word = if bit { *word | mask } else { *word & !mask };
}

/// Rows of one value: few as a list, many as bits.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// Ascending.
    List(Vec<u32>),
    Bits(Bits),
}

impl Rows {
    pub(super) const NONE: Self = Self::List(Vec::new());

    pub(super) fn insert(&mut self, row: u32, words: usize) {
        match self {
            Self::Bits(bits) => bits.put(row, true),
            Self::List(list) => {
                if let Err(at) = list.binary_search(&row) {
                    list.insert(at, row);
                }
                if list.len() * BITS_OF_AN_ENTRY > words * 64 {
                    let mut bits = Bits(vec![0; words]);
                    list.iter().for_each(|row| bits.put(*row, true));
                    *self = Self::Bits(bits);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, row: u32) {
        match self {
            Self::Bits(bits) => bits.put(row, false),
            Self::List(list) => {
                if let Ok(at) = list.binary_search(&row) {
                    list.remove(at);
                }
            }
        }
    }

    pub(super) fn grow(&mut self, words: usize) {
        if let Self::Bits(bits) = self {
            bits.grow(words);
        }
    }

    /// Adds these rows to `into`.
    pub(super) fn add_to(&self, into: &mut [u64]) {
        match self {
            Self::List(list) => list.iter().for_each(|row| put(into, *row, true)),
            Self::Bits(bits) => into.iter_mut().zip(&bits.0).for_each(|(word, more)| *word |= more),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::List(list) => list.capacity() * size_of::<u32>(),
                Self::Bits(bits) => bits.0.capacity() * size_of::<u64>(),
            }
    }
}
