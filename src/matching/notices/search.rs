//! The search: lanes are made ready for one profile, then joined block by block.

use super::super::predicate::MAX_UNKNOWN;
use super::super::profile::{FieldValue, Profile};
use super::super::{Found, Reach};
use super::Notices;
use super::lane::Lane;
use super::rows::{BLOCK, Rows, put};
use crate::rules::eval::Truth;

/// Room that a search writes to, kept between searches.
#[derive(Debug, Default)]
pub struct Scratch {
    buffers: Vec<Vec<u64>>,
    used: usize,
}

impl Scratch {
    /// A buffer that holds `words`.
    fn take(&mut self, words: &[u64]) -> usize {
        if self.used == self.buffers.len() {
            self.buffers.push(Vec::new());
        }
        let buffer = &mut self.buffers[self.used];
        buffer.clear();
        buffer.extend_from_slice(words);
        self.used += 1;
        self.used - 1
    }
}

/// A lane at one value.
enum Ready<'n> {
    /// Rows of `base` fail.
    Base(&'n [u64]),
    /// Rows fail whose bits in the two differ.
    Differ(&'n [u64], &'n [u64]),
    /// Rows of one buffer fail, those of the other are unknown.
    Made { failing: usize, open: Option<usize> },
    /// Rows are unknown.
    Open(&'n [u64]),
}

type Block = [u64; BLOCK];

/// Searches all rows.
pub(super) fn search(notices: &Notices, profile: &Profile, reach: Reach, scratch: &mut Scratch) -> Found {
    scratch.used = 0;
    let mut ready = Vec::with_capacity(notices.lanes.len());
    for (field, lanes) in notices.lanes.iter().enumerate() {
        let value = &profile.values()[field];
        for lane in lanes.iter().filter(|lane| lane.len > 0) {
            ready.push(match value {
                FieldValue::Unknown => Ready::Open(&lane.has.0),
                _ => make_ready(notices, lane, value, scratch),
            });
        }
    }
    // Room for what is found of most profiles, so that it seldom moves.
    let room = |wanted: Reach| Vec::with_capacity(if reach >= wanted { notices.live.0.len() } else { 0 });
    let mut found = Found {
        matches: room(Reach::Matches),
        possible: room(Reach::Possible),
        near: room(Reach::NearMisses),
    };
    for at in (0..notices.live.0.len()).step_by(BLOCK) {
        match reach {
            Reach::Matches => matches(notices, &ready, scratch, at, &mut found),
            Reach::Possible | Reach::NearMisses => wider(notices, &ready, scratch, at, reach, &mut found),
        }
    }
    found
}

fn make_ready<'n>(notices: &Notices, lane: &'n Lane, value: &FieldValue, scratch: &mut Scratch) -> Ready<'n> {
    let checked = lane.checks(lane.classes(value)).next().is_some();
    if !checked {
        let mut classes = lane.classes(value);
        match (classes.next(), classes.next()) {
            (None, _) => return Ready::Base(&lane.base.0),
            (Some(class), None) => match lane.rows(class) {
                Rows::Bits(bits) => return Ready::Differ(&lane.base.0, &bits.0),
                Rows::List(list) if list.is_empty() => return Ready::Base(&lane.base.0),
                Rows::List(_) => {}
            },
            (Some(_), Some(_)) => {}
        }
    }
    let failing = scratch.take(&lane.base.0);
    flip(&mut scratch.buffers[failing], lane, value, &lane.base.0);
    let mut open = None;
    for check in lane.checks(lane.classes(value)) {
        let truth = notices.clause(*check).truth(value);
        put(&mut scratch.buffers[failing], check.row, truth == Truth::False);
        if truth == Truth::Unknown {
            let open = *open.get_or_insert_with(|| {
                let open = scratch.take(&[]);
                scratch.buffers[open].resize(lane.base.0.len(), 0);
                open
            });
            put(&mut scratch.buffers[open], check.row, true);
        }
    }
    Ready::Made { failing, open }
}

/// A buffer that holds `base` gets each bit turned over that is in one of the value's classes, or in several.
fn flip(buffer: &mut [u64], lane: &Lane, value: &FieldValue, base: &[u64]) {
    let mut classes = lane.classes(value);
    match (classes.next(), classes.next()) {
        (None, _) => {}
        (Some(class), None) => match lane.rows(class) {
            Rows::List(list) => list.iter().for_each(|row| buffer[*row as usize / 64] ^= 1 << (row % 64)),
            Rows::Bits(bits) => buffer.iter_mut().zip(&bits.0).for_each(|(word, rows)| *word ^= rows),
        },
        (Some(_), Some(_)) => {
            buffer.fill(0);
            lane.classes(value).for_each(|class| lane.rows(class).add_to(buffer));
            buffer.iter_mut().zip(base).for_each(|(word, base)| *word ^= base);
        }
    }
}

fn block(words: &[u64], at: usize) -> &Block {
    words[at..].first_chunk().expect("sets of rows are whole blocks")
}

fn matches(notices: &Notices, ready: &[Ready<'_>], scratch: &Scratch, at: usize, found: &mut Found) {
    let mut alive = *block(&notices.certain.0, at);
    let mut without = |fails: &Block| alive.iter_mut().zip(fails).for_each(|(alive, fails)| *alive &= !fails);
    for lane in ready {
        match lane {
            Ready::Base(fails) | Ready::Open(fails) => without(block(fails, at)),
            Ready::Differ(base, rows) => without(&differ(block(base, at), block(rows, at))),
            Ready::Made { failing, open } => {
                without(block(&scratch.buffers[*failing], at));
                if let Some(open) = open {
                    without(block(&scratch.buffers[*open], at));
                }
            }
        }
    }
    notices.append(&alive, at, &mut found.matches);
}

#[inline]
fn differ(one: &Block, other: &Block) -> Block {
    std::array::from_fn(|i| one[i] ^ other[i])
}

/// Which rows of a block fail and are unknown so far.
struct Tally {
    /// More than so many clauses fail.
    failing: [Block; 2],
    /// More than so many are unknown; every row begins as if it allowed [`MAX_UNKNOWN`].
    unknown: [Block; MAX_UNKNOWN as usize + 1],
    /// A clause is unknown.
    asks: Block,
}

impl Tally {
    fn fails(&mut self, rows: &Block) {
        let [one, two] = &mut self.failing;
        for i in 0..BLOCK {
            two[i] |= one[i] & rows[i];
            one[i] |= rows[i];
        }
    }

    fn open(&mut self, rows: &Block) {
        let [zero, one, two, three] = &mut self.unknown;
        for i in 0..BLOCK {
            three[i] |= two[i] & rows[i];
            two[i] |= one[i] & rows[i];
            one[i] |= zero[i] & rows[i];
            zero[i] |= rows[i];
            self.asks[i] |= rows[i];
        }
    }
}

fn wider(
    notices: &Notices,
    ready: &[Ready<'_>],
    scratch: &Scratch,
    at: usize,
    reach: Reach,
    found: &mut Found,
) {
    let mut tally = Tally {
        failing: std::array::from_fn(|n| *block(&notices.failing[n].0, at)),
        unknown: std::array::from_fn(|n| *block(&notices.unknown[n].0, at)),
        asks: *block(&notices.asks.0, at),
    };
    for lane in ready {
        match lane {
            Ready::Base(fails) => tally.fails(block(fails, at)),
            Ready::Differ(base, rows) => tally.fails(&differ(block(base, at), block(rows, at))),
            Ready::Open(rows) => tally.open(block(rows, at)),
            Ready::Made { failing, open } => {
                tally.fails(block(&scratch.buffers[*failing], at));
                if let Some(open) = open {
                    tally.open(block(&scratch.buffers[*open], at));
                }
            }
        }
    }
    let live = block(&notices.live.0, at);
    let Tally { failing: [some, more], unknown: [.., over], asks } = &tally;
    let whole: Block = std::array::from_fn(|i| live[i] & !some[i]);
    notices.append(&std::array::from_fn(|i| whole[i] & !asks[i]), at, &mut found.matches);
    notices.append(&std::array::from_fn(|i| whole[i] & asks[i] & !over[i]), at, &mut found.possible);
    if reach == Reach::NearMisses {
        let near = std::array::from_fn(|i| live[i] & some[i] & !more[i] & !over[i]);
        notices.append(&near, at, &mut found.near);
    }
}
