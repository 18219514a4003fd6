//! Faults of a simulated world: drawn from a seed, or one at one chosen call.

use super::rng::Rng;
use crate::types::SmolStr;
use std::collections::BTreeMap;

/// What goes wrong with one call of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before the call has any effect.
    CrashBefore,
    /// The process dies once the call has had its effect.
    CrashAfter,
    /// The process dies with the request in the network: it arrives later, if ever.
    CrashLate,
    /// Nothing happens, and the caller is told that it may try again.
    Retry,
    /// Nothing happens, and the caller is told to abort.
    Abort,
    /// The call has its effect, and nobody hears of it.
    Unheard,
    /// Nothing happens, and nobody hears of that either.
    Unsent,
    /// The request arrives later, if ever, and nobody hears of it.
    Late,
}

/// What may go wrong where only the process can die or the broker be away.
pub const PLAIN: &[Fault] = &[Fault::CrashBefore, Fault::CrashAfter, Fault::Retry];
/// What may go wrong inside a transaction.
pub const IN_TRANSACTION: &[Fault] = &[Fault::CrashBefore, Fault::CrashAfter, Fault::Retry, Fault::Abort];
/// What may go wrong where a transaction ends.
pub const AT_THE_END: &[Fault] = &[
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::CrashLate,
    Fault::Retry,
    Fault::Abort,
    Fault::Unheard,
    Fault::Unsent,
    Fault::Late,
];

/// Steps that are made for every record would have nearly all faults: the others are likelier to fail, those of a commit
/// more than others, for a stage that says little commits a few times a run; above all the last, where most ways lead on.
fn weight(step: &str) -> u64 {
    match step {
        "poll" => 1,
        "produce" => 6,
        "begin" | "drain" | "send offsets" => 24,
        "commit" => 48,
        _ => 8,
    }
}

/// Faults met, by group, step and kind.
pub type Tally = BTreeMap<(SmolStr, &'static str, Fault), u64>;

/// A source of faults.
#[derive(Clone, Debug)]
pub struct Faults {
    rng: Rng,
    /// Faults in so many thousand calls.
    per_mille: u64,
    chosen: Option<(u64, Fault)>,
    calls: u64,
    tally: Tally,
}

impl Faults {
    /// None at all.
    pub fn none() -> Self {
        Self::seeded(0, 0)
    }

    /// About `per_mille` faults in a thousand calls, more at rare steps.
    pub fn seeded(seed: u64, per_mille: u64) -> Self {
        Self { rng: Rng::new(seed), per_mille, chosen: None, calls: 0, tally: BTreeMap::new() }
    }

    /// One fault, at the call of this number, where that call can have it.
    pub fn at_call(number: u64, fault: Fault) -> Self {
        Self { chosen: Some((number, fault)), ..Self::none() }
    }

    /// No fault from now on.
    pub fn calm(&mut self) {
        (self.per_mille, self.chosen) = (0, None);
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How often each group's steps met each fault.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Draws for one call of a group's member.
    pub fn draw(&mut self, group: &SmolStr, step: &'static str, possible: &[Fault]) -> Option<Fault> {
        self.calls += 1;
        let fault = match self.chosen {
            Some((number, fault)) => (number == self.calls && possible.contains(&fault)).then_some(fault),
            None => self.rng.chance(self.per_mille * weight(step), 1_000).then(|| *self.rng.pick(possible)),
        }?;
        *self.tally.entry((group.clone(), step, fault)).or_default() += 1;
        Some(fault)
    }

    /// A number below `n`, for whoever needs one of the same seed.
    pub fn below(&mut self, n: u64) -> u64 {
        self.rng.below(n)
    }
}
