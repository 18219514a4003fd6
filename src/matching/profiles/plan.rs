//! From a predicate to steps over columns: what is compiled, what comes from lists, what goes first.

use super::super::Reach;
use super::super::predicate::{Clause, IfAbsent, Limit, Predicate};
use super::super::test::{Codes, Reading, Test};
use super::Profiles;
use super::columns::Form;
use super::counts::interval;
use super::program::{Compiler, Node, Program};
use roaring::RoaringBitmap;

/// Where a clause keeps fewer than one in so many, its list names the candidates and the other clauses are asked of their words
/// alone. A word costs a tenth of a line; at one in a thousand a line has two candidates.
const RARE: u64 = 1_000;
/// What reading a list costs beside a step of a program.
const LIST_COST: u64 = 8;

/// How one conjunction is searched.
#[derive(Debug)]
pub(super) struct Branch {
    /// What is asked, in this order.
    pub(super) steps: Vec<Step>,
    /// If told, no other profile can be found.
    pub(super) candidates: Option<RoaringBitmap>,
    /// Clauses that fail, or are unknown, for everybody.
    pub(super) failing: usize,
    pub(super) unknown: usize,
}

/// One clause.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of those whose value is known.
    pub(super) known: usize,
    pub(super) one: Answer,
    /// The other of two readings.
    pub(super) other: Option<Answer>,
}

/// One reading of the known values.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) source: Source,
    pub(super) not: bool,
}

/// Where the bits come from.
#[derive(Debug)]
pub(super) enum Source {
    Program(Program),
    List(RoaringBitmap),
}

impl Source {
    fn cost(&self) -> u64 {
        match self {
            Self::Program(program) => 1 + program.len() as u64,
            Self::List(_) => LIST_COST,
        }
    }
}

/// The branches of a predicate that can find anything within `reach`.
pub(super) fn plan(profiles: &Profiles, predicate: &Predicate, reach: Reach) -> Vec<Branch> {
    let branches = predicate.conjunctions().iter().map(|clauses| branch(profiles, clauses, reach));
    let allowed = usize::from(predicate.unknown_at_most());
    let can = |branch: &Branch| match reach {
        Reach::Matches => branch.failing == 0 && branch.unknown == 0,
        Reach::Possible => branch.failing == 0 && branch.unknown <= allowed,
        Reach::NearMisses => branch.failing <= 1 && branch.unknown <= allowed,
    };
    branches.filter(can).collect()
}

fn branch(profiles: &Profiles, clauses: &[Clause], reach: Reach) -> Branch {
    let (mut failing, mut unknown) = (0, 0);
    let mut asked: Vec<(u64, Step, &Clause)> = Vec::new();
    for clause in clauses {
        let (one, other) = match &clause.limit {
            Limit::Absent(IfAbsent::Any) => continue,
            Limit::Absent(IfAbsent::Fail) => {
                failing += 1;
                continue;
            }
            Limit::Absent(IfAbsent::Unknown) | Limit::Unparsed => {
                unknown += 1;
                continue;
            }
            Limit::Set(one) => (one, None),
            Limit::Agree(one, other) => (one, Some(other)),
        };
        let field = usize::from(clause.field.0);
        let step = Step {
            known: profiles.columns.columns()[field].known,
            one: answer(profiles, field, one),
            other: other.map(|other| answer(profiles, field, other)),
        };
        asked.push((kept(profiles, clause, reach), step, clause));
    }
    let candidates = candidates(profiles, &asked, reach);
    // What takes most away for its cost goes first.
    let total = profiles.len() as u64;
    let gain = |(kept, step, _): &(u64, Step, &Clause)| {
        let cost = step.one.source.cost() + step.other.as_ref().map_or(0, |other| other.source.cost());
        u128::from(total - (*kept).min(total)) * 1_000 / u128::from(cost)
    };
    asked.sort_by_key(|asked| std::cmp::Reverse(gain(asked)));
    Branch { steps: asked.into_iter().map(|(_, step, _)| step).collect(), candidates, failing, unknown }
}

/// About how many profiles a clause leaves in a search.
fn kept(profiles: &Profiles, clause: &Clause, reach: Reach) -> u64 {
    let counts = &profiles.counts[usize::from(clause.field.0)];
    let passing = clause.readings().map(|reading| counts.passing(reading)).min().unwrap_or(0);
    let unknown = profiles.len() as u64 - counts.known;
    if reach == Reach::Matches { passing } else { passing + unknown }
}

/// The profiles that the rarest clause leaves, where it leaves few and a list tells them. A near miss may fail that very clause.
fn candidates(profiles: &Profiles, asked: &[(u64, Step, &Clause)], reach: Reach) -> Option<RoaringBitmap> {
    let rare = |kept: u64| reach < Reach::NearMisses && kept * RARE <= profiles.len() as u64;
    let listed = asked.iter().filter(|(kept, _, _)| rare(*kept)).filter_map(|(kept, _, clause)| {
        let lists = profiles.lists[usize::from(clause.field.0)].as_ref()?;
        match &clause.limit {
            Limit::Set(reading) if !reading.not => Some((*kept, lists, &reading.test)),
            _ => None,
        }
    });
    let (_, lists, test) = listed.min_by_key(|(kept, _, _)| *kept)?;
    let mut candidates = lists.passing(test);
    if reach > Reach::Matches {
        candidates |= lists.unknown();
    }
    Some(candidates)
}

fn answer(profiles: &Profiles, field: usize, reading: &Reading) -> Answer {
    let column = &profiles.columns.columns()[field];
    let mut compiler = Compiler::default();
    let node = match (column.form, &reading.test, &profiles.lists[field]) {
        (Form::Listed, test, Some(lists)) => {
            return Answer { source: Source::List(lists.passing(test)), not: reading.not };
        }
        (Form::Sliced { bits, least, span }, test, _) => {
            compiler.is_in(column.first, bits, &intervals(test, least, span))
        }
        (_, test, _) => codes_node(&mut compiler, column.first, test),
    };
    Answer { source: Source::Program(compiler.finish(node)), not: reading.not }
}

/// The values that pass, as a column keeps them. One that reaches the greatest value goes on: no profile is beyond, and the diagram
/// is smaller.
fn intervals(test: &Test, bound: i64, span: u64) -> Vec<(u64, u64)> {
    let mut set: Vec<(u64, u64)> = match test {
        Test::Between { least, most } => interval(*least, *most, bound, span).into_iter().collect(),
        Test::Is(yes) => vec![(u64::from(*yes), u64::from(*yes))],
        _ => {
            let codes = test.groups().iter().flat_map(|group| group.as_slice());
            codes.fold(Vec::new(), |mut runs, code| {
                let code = u64::from(*code);
                match runs.last_mut() {
                    Some((_, to)) if *to + 1 == code => *to = code,
                    _ => runs.push((code, code)),
                }
                runs
            })
        }
    };
    if let Some((_, to)) = set.last_mut()
        && *to == span
    {
        *to = u64::MAX;
    }
    set
}

fn codes_node(compiler: &mut Compiler, first: usize, test: &Test) -> Node {
    let any = |compiler: &mut Compiler, codes: &Codes| {
        codes.as_slice().iter().fold(Node::Always(false), |so_far, code| {
            compiler.choose(first + *code as usize, Node::Always(true), so_far)
        })
    };
    let all = |compiler: &mut Compiler, codes: &Codes| {
        codes.as_slice().iter().fold(Node::Always(true), |so_far, code| {
            compiler.choose(first + *code as usize, so_far, Node::Always(false))
        })
    };
    match test {
        Test::In(codes) | Test::AnyOf(codes) => any(compiler, codes),
        Test::AllOf(codes) => all(compiler, codes),
        Test::EachGroupAny(groups) => groups.iter().fold(Node::Always(true), |so_far, group| {
            let group = any(compiler, group);
            compiler.and(so_far, group)
        }),
        Test::SomeGroupAll(groups) => groups.iter().fold(Node::Always(false), |so_far, group| {
            let group = all(compiler, group);
            compiler.or(so_far, group)
        }),
        Test::Between { .. } | Test::Is(_) => Node::Always(false),
    }
}
