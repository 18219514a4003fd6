//! The search itself, a line at a time, or a word where only candidates are asked.

use super::super::predicate::MAX_UNKNOWN;
use super::super::{Found, Reach};
use super::columns::{Columns, LIVE};
use super::line::{LANES, Lanes, Line};
use super::plan::{Answer, Branch, Source, Step};
use super::program::Program;
use roaring::RoaringBitmap;
use roaring::bitmap::Iter;

/// Finds what the branches find. A profile is found once, in its best tier.
pub(super) fn scan(columns: &Columns, branches: &[Branch], allowed: u8, reach: Reach) -> Found {
    let mut found = Found::default();
    let mut readers: Vec<Reader<'_>> = branches.iter().map(Reader::new).collect();
    let longest = branches.iter().flat_map(|branch| &branch.steps).map(Step::longest).max().unwrap_or(0);
    let (mut lines, mut words) = (vec![Line::NONE; longest], vec![u64::NONE; longest]);
    let search = Search { allowed: usize::from(allowed), reach };
    // With candidates in every branch only their words are asked.
    let few = branches.iter().all(|branch| branch.candidates.is_some());
    for (start, chunk) in (0..).step_by(LANES).zip(columns.chunks()) {
        let all = readers.iter_mut().fold(Line::NONE, |all, reader| all | reader.begin(start, chunk));
        if !few {
            search.ask(&mut readers, Place { start, chunk, word: 0 }, &mut lines).append(start, &mut found);
            continue;
        }
        for (word, _) in all.words() {
            let start = start + word as u32 * 64;
            search.ask(&mut readers, Place { start, chunk, word }, &mut words).append(start, &mut found);
        }
    }
    found
}

/// What is searched for.
struct Search {
    /// Clauses that may be unknown.
    allowed: usize,
    reach: Reach,
}

/// Where a search stands: profiles from `start` on, in a chunk from its word `word` on.
#[derive(Clone, Copy)]
struct Place<'c> {
    start: u32,
    chunk: &'c [Line],
    word: usize,
}

/// Who is in which tier.
struct Tiers<L> {
    matches: L,
    possible: L,
    near: L,
}

impl<L: Lanes> Tiers<L> {
    const NONE: Self = Self { matches: L::NONE, possible: L::NONE, near: L::NONE };

    /// The best tier counts.
    fn append(&self, start: u32, found: &mut Found) {
        self.matches.append(start, &mut found.matches);
        (self.possible & !self.matches).append(start, &mut found.possible);
        (self.near & !(self.matches | self.possible)).append(start, &mut found.near);
    }
}

impl Search {
    fn ask<L: Lanes>(&self, readers: &mut [Reader<'_>], place: Place<'_>, scratch: &mut [L]) -> Tiers<L> {
        let mut tiers = Tiers::NONE;
        for reader in readers {
            let alive = L::of(&reader.alive, place.word);
            if alive.is_none() {
                continue;
            }
            if self.reach == Reach::Matches {
                tiers.matches = tiers.matches | reader.matches(place, alive, scratch);
                continue;
            }
            let more = self.wider(reader, place, alive, scratch);
            tiers.matches = tiers.matches | more.matches;
            tiers.possible = tiers.possible | more.possible;
            tiers.near = tiers.near | more.near;
        }
        tiers
    }

    fn wider<L: Lanes>(
        &self,
        reader: &mut Reader<'_>,
        place: Place<'_>,
        alive: L,
        scratch: &mut [L],
    ) -> Tiers<L> {
        let (mut alive, allowed) = (alive, self.allowed);
        // Of whom at least one clause fails; of whom more than so many are unknown.
        let mut failing = L::filled(reader.branch.failing > 0);
        let mut unknown = [L::NONE; MAX_UNKNOWN as usize + 1];
        unknown.iter_mut().take(reader.branch.unknown).for_each(|lanes| *lanes = L::ALL);
        for step in &mut reader.steps {
            let known = L::of(&place.chunk[step.known], place.word);
            let one = step.one.read(place, scratch);
            let (fails, open) = match &mut step.other {
                None => (known & !one, !known),
                Some(other) => {
                    let other = other.read(place, scratch);
                    (known & !(one | other), !known | (one ^ other))
                }
            };
            for more in (1..=allowed).rev() {
                unknown[more] = unknown[more] | (unknown[more - 1] & open);
            }
            unknown[0] = unknown[0] | open;
            let second = if self.reach == Reach::NearMisses { failing & fails } else { fails };
            failing = failing | fails;
            alive = alive & !second & !unknown[allowed];
            if alive.is_none() {
                return Tiers::NONE;
            }
        }
        let whole = alive & !failing;
        Tiers { matches: whole & !unknown[0], possible: whole & unknown[0], near: alive & failing }
    }
}

/// A branch, and how far its lists are read.
struct Reader<'b> {
    branch: &'b Branch,
    candidates: Option<Cursor<'b>>,
    steps: Vec<Asked<'b>>,
    /// Who of the chunk may be found.
    alive: Line,
}

struct Asked<'b> {
    known: usize,
    one: Bits<'b>,
    other: Option<Bits<'b>>,
}

/// The bits of one reading.
struct Bits<'b> {
    from: From<'b>,
    not: bool,
}

enum From<'b> {
    Program(&'b Program),
    List(Cursor<'b>),
}

impl<'b> Reader<'b> {
    fn new(branch: &'b Branch) -> Self {
        let steps = branch.steps.iter().map(|step| Asked {
            known: step.known,
            one: Bits::new(&step.one),
            other: step.other.as_ref().map(Bits::new),
        });
        Self {
            branch,
            candidates: branch.candidates.as_ref().map(Cursor::new),
            steps: steps.collect(),
            alive: Line::NONE,
        }
    }

    /// Comes to a chunk; who of it may be found.
    fn begin(&mut self, start: u32, chunk: &[Line]) -> Line {
        self.alive = match &mut self.candidates {
            None => chunk[LIVE],
            Some(list) => list.read(start),
        };
        self.alive
    }

    fn matches<L: Lanes>(&mut self, place: Place<'_>, alive: L, scratch: &mut [L]) -> L {
        let mut alive = alive;
        for step in &mut self.steps {
            alive = alive & L::of(&place.chunk[step.known], place.word) & step.one.read(place, scratch);
            if let Some(other) = &mut step.other {
                alive = alive & other.read(place, scratch);
            }
            if alive.is_none() {
                break;
            }
        }
        alive
    }
}

impl<'b> Bits<'b> {
    fn new(answer: &'b Answer) -> Self {
        let from = match &answer.source {
            Source::Program(program) => From::Program(program),
            Source::List(list) => From::List(Cursor::new(list)),
        };
        Self { from, not: answer.not }
    }

    fn read<L: Lanes>(&mut self, place: Place<'_>, scratch: &mut [L]) -> L {
        let lanes = match &mut self.from {
            From::Program(program) => program.run(place.chunk, place.word, scratch),
            From::List(list) => list.read(place.start),
        };
        if self.not { !lanes } else { lanes }
    }
}

/// A list read forward.
struct Cursor<'b> {
    rest: Iter<'b>,
    next: Option<u32>,
}

impl<'b> Cursor<'b> {
    fn new(list: &'b RoaringBitmap) -> Self {
        let mut rest = list.iter();
        let next = rest.next();
        Self { rest, next }
    }

    /// Who of the profiles from `start` on is in the list. Starts only ascend.
    fn read<L: Lanes>(&mut self, start: u32) -> L {
        let mut lanes = L::NONE;
        if self.next.is_some_and(|next| next < start) {
            self.rest.advance_to(start);
            self.next = self.rest.next();
        }
        while let Some(next) = self.next.filter(|next| ((next - start) as usize) < L::COUNT) {
            lanes.set((next - start) as usize);
            self.next = self.rest.next();
        }
        lanes
    }
}

impl Step {
    fn longest(&self) -> usize {
        let length = |answer: &Answer| match &answer.source {
            Source::Program(program) => program.len(),
            Source::List(_) => 0,
        };
        length(&self.one).max(self.other.as_ref().map_or(0, length))
    }
}
