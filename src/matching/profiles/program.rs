//! A test of a column compiled to steps over its slices. A set of values becomes a decision diagram over their bits, the
//! highest first: a bound takes a step a bit, a scattered set of one byte's values some fifty at the most, however scattered.

use super::line::{Lanes, Line};
use std::collections::BTreeMap;

/// Where a value of the diagram comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Known while compiling.
    Always(bool),
    /// The result of a step.
    Step(usize),
}

/// One step. `bit` names a slice of the column, the rest earlier steps.
#[derive(Clone, Copy, Debug)]
enum Op {
    Bit {
        bit: usize,
    },
    NotBit {
        bit: usize,
    },
    /// `bit & then`
    BitAnd {
        bit: usize,
        then: usize,
    },
    /// `!bit & then`
    NotBitAnd {
        bit: usize,
        then: usize,
    },
    /// `bit | then`
    BitOr {
        bit: usize,
        then: usize,
    },
    /// `!bit | then`
    NotBitOr {
        bit: usize,
        then: usize,
    },
    /// `yes` where the bit is set, else `no`.
    Choose {
        bit: usize,
        yes: usize,
        no: usize,
    },
    And {
        one: usize,
        other: usize,
    },
    Or {
        one: usize,
        other: usize,
    },
}

/// Steps whose last value, or constant, is the answer.
#[derive(Clone, Debug)]
pub(super) struct Program {
    ops: Vec<Op>,
    answer: Node,
}

impl Program {
    /// Steps it takes.
    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    /// The answer for profiles of a chunk, from its word `word` on. `scratch` is as long as the longest program.
    pub(super) fn run<L: Lanes>(&self, chunk: &[Line], word: usize, scratch: &mut [L]) -> L {
        let slice = |bit: usize| L::of(&chunk[bit], word);
        for (at, op) in self.ops.iter().enumerate() {
            scratch[at] = match *op {
                Op::Bit { bit } => slice(bit),
                Op::NotBit { bit } => !slice(bit),
                Op::BitAnd { bit, then } => slice(bit) & scratch[then],
                Op::NotBitAnd { bit, then } => !slice(bit) & scratch[then],
                Op::BitOr { bit, then } => slice(bit) | scratch[then],
                Op::NotBitOr { bit, then } => !slice(bit) | scratch[then],
                Op::Choose { bit, yes, no } => scratch[no] ^ (slice(bit) & (scratch[yes] ^ scratch[no])),
                Op::And { one, other } => scratch[one] & scratch[other],
                Op::Or { one, other } => scratch[one] | scratch[other],
            };
        }
        match self.answer {
            Node::Always(always) => L::filled(always),
            Node::Step(at) => scratch[at],
        }
    }
}

/// Values as intervals, both ends inclusive, ascending, apart.
type Intervals = Vec<(u64, u64)>;

/// Builds a program.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    ops: Vec<Op>,
    /// Parts of the set that have a step already, by bits left and values relative to them.
    known: BTreeMap<(u32, Intervals), Node>,
}

impl Compiler {
    pub(super) fn finish(self, answer: Node) -> Program {
        Program { ops: self.ops, answer }
    }

    /// Whether the value in the `bits` slices from `first` on is in a set.
    pub(super) fn is_in(&mut self, first: usize, bits: u32, set: &[(u64, u64)]) -> Node {
        let all = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
        match set {
            [] => return Node::Always(false),
            [(0, last)] if *last >= all => return Node::Always(true),
            _ => {}
        }
        let key = (bits, set.to_vec());
        if let Some(node) = self.known.get(&key) {
            return *node;
        }
        let half = 1 << (bits - 1);
        let low: Intervals = set
            .iter()
            .filter(|(from, _)| *from < half)
            .map(|(from, to)| (*from, (*to).min(half - 1)))
            .collect();
        let high: Intervals = set
            .iter()
            .filter(|(_, to)| *to >= half)
            .map(|(from, to)| (from.saturating_sub(half), to - half))
            .collect();
        let no = self.is_in(first, bits - 1, &low);
        let yes = self.is_in(first, bits - 1, &high);
        let node = self.choose(first + bits as usize - 1, yes, no);
        self.known.insert(key, node);
        node
    }

    /// `yes` where the slice's bit is set, else `no`.
    pub(super) fn choose(&mut self, bit: usize, yes: Node, no: Node) -> Node {
        let op = match (yes, no) {
            _ if yes == no => return yes,
            (Node::Always(true), Node::Always(_)) => Op::Bit { bit },
            (Node::Always(false), Node::Always(_)) => Op::NotBit { bit },
            (Node::Step(then), Node::Always(false)) => Op::BitAnd { bit, then },
            (Node::Always(false), Node::Step(then)) => Op::NotBitAnd { bit, then },
            (Node::Always(true), Node::Step(then)) => Op::BitOr { bit, then },
            (Node::Step(then), Node::Always(true)) => Op::NotBitOr { bit, then },
            (Node::Step(yes), Node::Step(no)) => Op::Choose { bit, yes, no },
        };
        self.step(op)
    }

    /// Both.
    pub(super) fn and(&mut self, one: Node, other: Node) -> Node {
        match (one, other) {
            (Node::Always(false), _) | (_, Node::Always(false)) => Node::Always(false),
            (Node::Always(true), node) | (node, Node::Always(true)) => node,
            (Node::Step(one), Node::Step(other)) => self.step(Op::And { one, other }),
        }
    }

    /// One at least.
    pub(super) fn or(&mut self, one: Node, other: Node) -> Node {
        match (one, other) {
            (Node::Always(true), _) | (_, Node::Always(true)) => Node::Always(true),
            (Node::Always(false), node) | (node, Node::Always(false)) => node,
            (Node::Step(one), Node::Step(other)) => self.step(Op::Or { one, other }),
        }
    }

    fn step(&mut self, op: Op) -> Node {
        self.ops.push(op);
        Node::Step(self.ops.len() - 1)
    }
}
