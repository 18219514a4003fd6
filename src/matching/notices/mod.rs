//! The index from a profile to notices: for each field the rows that fail at each value, as bits, joined by AND.
//!
//! A row is one conjunction. Clauses over one field stand in lanes: the first of every row in one, the second in the next.

mod rows;
mod lane;
mod search;

use super::predicate::{Clause, IfAbsent, Limit, MAX_UNKNOWN, Predicate};
use super::profile::Profile;
use super::schema::Schema;
use super::{Found, Reach};
use lane::{Check, Lane};
use rows::{BLOCK, Bits};
pub use search::Scratch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Predicates by number, found by profile.
#[derive(Clone, Debug)]
pub struct Notices {
    schema: Arc<Schema>,
    /// By number: the predicate and its rows, one a conjunction.
    notices: BTreeMap<u32, (Arc<Predicate>, Vec<u32>)>,
    /// Whose each row is or was, by row: a number, and which of its conjunctions.
    numbers: Vec<u32>,
    conjunctions: Vec<u8>,
    free: Vec<u32>,
    /// Predicates of several conjunctions: only they can be found twice.
    several: usize,
    /// By field, then by position among a row's clauses over it.
    lanes: Vec<Vec<Lane>>,
    live: Bits,
    /// Rows that have no clause which fails or is unknown for everybody.
    certain: Bits,
    /// Rows of which more than 0, 1 clauses fail for everybody.
    failing: [Bits; 2],
    /// Rows of which more than 0…3 clauses are unknown for everybody, counted as if each allowed [`MAX_UNKNOWN`].
    unknown: [Bits; MAX_UNKNOWN as usize + 1],
    /// Rows of which a clause is unknown for everybody.
    asks: Bits,
}

impl Notices {
    /// No notices yet.
    pub fn new(schema: Arc<Schema>) -> Self {
        let lanes = schema.fields().iter().map(|_| Vec::new()).collect();
        Self {
            schema,
            notices: BTreeMap::new(),
            numbers: Vec::new(),
            conjunctions: Vec::new(),
            free: Vec::new(),
            several: 0,
            lanes,
            live: Bits::default(),
            certain: Bits::default(),
            failing: Default::default(),
            unknown: Default::default(),
            asks: Bits::default(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.notices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// The predicate of a number.
    pub fn predicate(&self, no: u32) -> Option<&Arc<Predicate>> {
        self.notices.get(&no).map(|(predicate, _)| predicate)
    }

    /// Inserts a predicate of this schema, or replaces the one of that number. Any numbers will do; ascending ones are found the
    /// quickest.
    pub fn insert(&mut self, no: u32, predicate: Arc<Predicate>) {
        self.remove(no);
        let mut rows = Vec::with_capacity(predicate.conjunctions().len());
        for (conjunction, clauses) in (0..).zip(predicate.conjunctions()) {
            let row = self.free_row();
            self.numbers[row as usize] = no;
            self.conjunctions[row as usize] = conjunction;
            self.set_row(row, clauses, predicate.unknown_at_most());
            rows.push(row);
        }
        self.several += usize::from(rows.len() > 1);
        self.notices.insert(no, (predicate, rows));
    }

    /// Removes the predicate of a number; whether there was one.
    pub fn remove(&mut self, no: u32) -> bool {
        let Some((predicate, rows)) = self.notices.remove(&no) else { return false };
        self.several -= usize::from(rows.len() > 1);
        for (row, clauses) in rows.iter().zip(predicate.conjunctions()) {
            for (check, ordinal, clause) in indexed(*row, clauses) {
                self.lanes[usize::from(clause.field.0)][ordinal].remove(check, clause);
            }
            for bits in self.fixed() {
                bits.put(*row, false);
            }
            self.free.push(*row);
        }
        true
    }

    /// The notices that fit a profile of this schema, as far as `reach` goes. The room of `scratch` is used again and again.
    pub fn find(&self, profile: &Profile, reach: Reach, scratch: &mut Scratch) -> Found {
        let mut found = search::search(self, profile, reach, scratch);
        for numbers in [&mut found.matches, &mut found.possible, &mut found.near] {
            // Rows stand in the order in which notices came, mostly.
            if !numbers.is_sorted_by(|one, next| one < next) {
                numbers.sort_unstable();
                numbers.dedup();
            }
        }
        if self.several > 0 {
            let Found { matches, possible, near } = &mut found;
            possible.retain(|no| matches.binary_search(no).is_err());
            near.retain(|no| matches.binary_search(no).is_err() && possible.binary_search(no).is_err());
        }
        found
    }

    /// Bytes of the index, predicates apart.
    pub fn bytes(&self) -> usize {
        let lanes = self.lanes.iter().flatten().map(Lane::bytes).sum::<usize>();
        let rows = self.numbers.capacity() * size_of::<u32>() + self.conjunctions.capacity();
        let fixed = 3 + self.failing.len() + self.unknown.len();
        lanes + rows + fixed * self.live.0.capacity() * size_of::<u64>()
    }

    fn free_row(&mut self) -> u32 {
        if let Some(row) = self.free.pop() {
            return row;
        }
        let row = self.numbers.len() as u32;
        self.numbers.push(0);
        self.conjunctions.push(0);
        let words = self.numbers.len().div_ceil(BLOCK * 64) * BLOCK;
        if words > self.live.0.len() {
            self.fixed().into_iter().for_each(|bits| bits.grow(words));
            self.lanes.iter_mut().flatten().for_each(|lane| lane.grow(words));
        }
        row
    }

    fn set_row(&mut self, row: u32, clauses: &[Clause], allowed: u8) {
        for (check, ordinal, clause) in indexed(row, clauses) {
            let field = usize::from(clause.field.0);
            if self.lanes[field].len() == ordinal {
                let lane = Lane::new(self.schema.field(clause.field), self.live.0.len());
                self.lanes[field].push(lane);
            }
            self.lanes[field][ordinal].insert(check, clause);
        }
        let count =
            |wanted: fn(&Limit) -> bool| clauses.iter().filter(|clause| wanted(&clause.limit)).count();
        let failing = count(|limit| *limit == Limit::Absent(IfAbsent::Fail));
        let unknown = count(|limit| matches!(limit, Limit::Absent(IfAbsent::Unknown) | Limit::Unparsed));
        let counted = unknown + usize::from(MAX_UNKNOWN - allowed);
        self.live.put(row, true);
        self.certain.put(row, failing + unknown == 0);
        self.asks.put(row, unknown > 0);
        (0..).zip(&mut self.failing).for_each(|(n, bits)| bits.put(row, failing > n));
        (0..).zip(&mut self.unknown).for_each(|(n, bits)| bits.put(row, counted > n));
    }

    /// The sets that no profile changes.
    fn fixed(&mut self) -> Vec<&mut Bits> {
        let one = [&mut self.live, &mut self.certain, &mut self.asks];
        one.into_iter().chain(&mut self.failing).chain(&mut self.unknown).collect()
    }

    fn clause(&self, check: Check) -> &Clause {
        let row = check.row as usize;
        let (predicate, _) = &self.notices[&self.numbers[row]];
        &predicate.conjunctions()[usize::from(self.conjunctions[row])][usize::from(check.clause)]
    }

    /// Appends the numbers of the notices whose rows are set in a block.
    fn append(&self, rows: &[u64; BLOCK], at: usize, into: &mut Vec<u32>) {
        for (base, word) in (at * 64..).step_by(64).zip(rows) {
            let mut rest = *word;
            while rest != 0 {
                let row = base + rest.trailing_zeros() as usize;
                into.push(self.numbers[row]);
                rest &= rest - 1;
            }
        }
    }
}

/// A row's clauses that a value can decide, each with its place among those over the same field.
fn indexed(row: u32, clauses: &[Clause]) -> impl Iterator<Item = (Check, usize, &Clause)> {
    let decided = |clause: &Clause| matches!(clause.limit, Limit::Set(_) | Limit::Agree(..));
    (0..).zip(clauses).filter(move |(_, clause)| decided(clause)).map(move |(at, clause)| {
        let before = &clauses[..usize::from(at)];
        let ordinal = before.iter().filter(|other| other.field == clause.field && decided(other)).count();
        (Check { row, clause: at }, ordinal, clause)
    })
}
