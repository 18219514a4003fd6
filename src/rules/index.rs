//! Side tables of a pack, built once: names looked up, signals as bits, polarity and reasons by condition. What
//! evaluation would otherwise search for at every condition of every entity.

use super::plan::{
    Ask, Cmp, CrisisRule, DerivedFact, Extreme, FieldTest, HISTORY_DAYS, MAX_SIGNALS, Node, NodeId, Operand,
    Pack, Param, Per, Pick, ReasonId, SignalId, SuppressionRule, Test, Within,
};
use crate::types::{Day, PackHash, SmolStr, Value};

/// Tables over all rules of a pack.
#[derive(Clone, Debug, Default)]
pub(super) struct PackIndex {
    /// Event names that rules use, sorted; [`Kind`] indexes here.
    kinds: Vec<SmolStr>,
    /// Facts that rules test; [`Slot`] indexes here.
    pub(super) facts: Vec<Fact>,
    /// Crisis rules by kind, ascending.
    rules_by_kind: Vec<Vec<usize>>,
    /// Sources that conditions name, sorted; [`SourceId`] indexes here.
    pub(super) sources: Vec<SmolStr>,
    /// What rules ask of areas, by kind of area: the longest window in days, and event names, sorted.
    areas: Vec<(SmolStr, i32, Vec<SmolStr>)>,
}

/// Index of an event name in a pack.
pub(super) type Kind = u16;
/// Index of a fact in a pack.
pub(super) type Slot = u16;
/// Index of a source in a pack.
pub(super) type SourceId = u16;

/// How a fact that rules test is read from versions.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// As rules use it.
    pub(super) name: SmolStr,
    /// As it is stored.
    pub(super) stored: SmolStr,
    /// Whether it is an age.
    pub(super) age: bool,
    /// Whether members bound it.
    pub(super) over: Option<Extreme>,
    /// Crisis rules that test it, ascending.
    rules: Vec<usize>,
}

/// Tables of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleIndex {
    /// The signals that may take an event of a kind, by kind.
    pub(super) signals: Vec<(Kind, u64)>,
    /// One for each condition.
    pub(super) nodes: Vec<NodeIndex>,
    /// The conditions that decide: those under `when` and the reasons, ascending, children before parents.
    pub(super) deciding: Vec<NodeId>,
    /// Where `when` asks for all of several conditions: those, in the order in which asking them costs least.
    pub(super) cheapest: Vec<NodeId>,
    /// Those of `deciding` that do not lie under `when`: what they say matters once it holds.
    pub(super) beside: Vec<NodeId>,
    /// Signals that are stored as days of use, as bits.
    pub(super) daily: u64,
    /// Days on which a param read by a condition takes a new value, ascending.
    pub(super) param_days: Vec<Day>,
    /// The rule's suppressions: indexes into [`Pack::suppressions`].
    pub(super) suppressions: Vec<usize>,
}

/// Tables of one condition.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeIndex {
    /// The reason that shows it.
    pub(super) reason: Option<ReasonId>,
    /// The reasons whose condition it is or lies under, as bits.
    pub(super) shown_by: u64,
    /// It lies under an odd number of `none`: false favours firing.
    pub(super) inverted: bool,
    /// Unknown is resolved in favour of firing.
    pub(super) assumed: bool,
    /// `of`, as bits by signal.
    pub(super) of: u64,
    /// `after` of an absence, `without` of a sequence.
    pub(super) other: u64,
    /// Steps of a sequence.
    pub(super) steps: Vec<u64>,
    /// Facts of a field condition, one for each of its tests.
    pub(super) slots: Vec<Slot>,
    /// All its sources, without repeats.
    pub(super) sources: Vec<SourceId>,
    /// Signals, as bits: without an event of any of them it is false for good, unless a source is stale, on days from this
    /// one on, at which its params have values. None if it can hold without.
    pub(super) needs: Option<(u64, Day)>,
}

impl Pack {
    /// A pack with its side tables. `derived` names the facts that are ages or aggregates; a fact that it does not name
    /// is the value stored under its own name.
    pub fn new(
        hash: PackHash,
        crisis: Vec<CrisisRule>,
        suppressions: Vec<SuppressionRule>,
        params: Vec<Param>,
        derived: &[DerivedFact],
    ) -> Self {
        let mut pack = Self { hash, crisis, suppressions, params, index: PackIndex::default() };
        pack.index = PackIndex::new(&pack.crisis, derived);
        for rule in &mut pack.crisis {
            rule.index = RuleIndex::new(rule, &pack.index, &pack.params, &pack.suppressions);
        }
        pack
    }

    /// The crisis rules (indexes into [`Self::crisis`], ascending) that an event of this kind can change.
    pub fn rules_touched_by_kind(&self, kind: &str) -> &[usize] {
        self.index.kind(kind).map_or(&[], |at| self.index.rules_by_kind[usize::from(at)].as_slice())
    }

    /// What rules ask of areas of a kind: the longest window in days, and event names, sorted.
    pub fn asked_of_areas(&self, kind: &str) -> (i32, &[SmolStr]) {
        let found = self.index.areas.iter().find(|(known, ..)| known == kind);
        found.map_or((0, &[]), |(_, days, kinds)| (*days, kinds.as_slice()))
    }

    /// The crisis rules that a fact, by the name under which it is stored, can change; ascending, without repeats.
    pub fn rules_touched_by_fact(&self, stored: &str) -> Vec<usize> {
        let facts = self.index.facts.iter().filter(|fact| fact.stored == stored);
        sorted(facts.flat_map(|fact| fact.rules.iter().copied()))
    }
}

impl PackIndex {
    fn new(crisis: &[CrisisRule], derived: &[DerivedFact]) -> Self {
        let signals = || crisis.iter().flat_map(|rule| &rule.signals);
        let kinds = sorted(signals().flat_map(|signal| signal.kinds.iter().cloned()));
        let rules_by_kind = kinds.iter().map(|kind| {
            let takes = |rule: &CrisisRule| rule.signals.iter().any(|signal| signal.kinds.contains(kind));
            places(crisis, takes)
        });
        let sources = sorted(signals().flat_map(|signal| signal.sources.iter().cloned()));
        let names = sorted(crisis.iter().flat_map(field_tests).map(|test| test.field.clone()));
        let facts = names.into_iter().map(|name| {
            let rules = places(crisis, |rule| field_tests(rule).any(|test| test.field == name));
            let how = derived.iter().find(|fact| fact.name == name);
            let born = how.and_then(|fact| fact.born.clone());
            Fact {
                age: born.is_some(),
                stored: born.unwrap_or_else(|| name.clone()),
                over: how.and_then(|fact| fact.over),
                name,
                rules,
            }
        });
        Self {
            rules_by_kind: rules_by_kind.collect(),
            facts: facts.collect(),
            areas: areas(crisis),
            kinds,
            sources,
        }
    }

    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.binary_search_by(|known| known.as_str().cmp(name)).ok().map(narrow)
    }

    fn source(&self, name: &SmolStr) -> SourceId {
        narrow(self.sources.binary_search(name).expect("every source of a signal has been collected"))
    }

    fn slot(&self, name: &str) -> Slot {
        let place = self.facts.binary_search_by(|fact| fact.name.as_str().cmp(name));
        narrow(place.expect("every tested fact has been collected"))
    }
}

impl RuleIndex {
    fn new(rule: &CrisisRule, pack: &PackIndex, params: &[Param], suppressions: &[SuppressionRule]) -> Self {
        let mut nodes: Vec<NodeIndex> =
            rule.nodes.iter().map(|node| NodeIndex::new(node, rule, pack, params)).collect();
        for (id, reason) in rule.reasons.iter().enumerate() {
            nodes[usize::from(reason.node)].reason = ReasonId::try_from(id).ok();
        }
        let mut reached = vec![false; nodes.len()];
        let also = rule.reasons.iter().filter(|reason| reason.also).map(|reason| reason.node);
        for root in std::iter::once(rule.when).chain(also) {
            mark(rule, root, false, &mut |node, inverted| {
                reached[usize::from(node)] = true;
                nodes[usize::from(node)].inverted = inverted;
            });
        }
        for (id, reason) in rule.reasons.iter().enumerate() {
            mark(rule, reason.node, false, &mut |node, _| nodes[usize::from(node)].shown_by |= 1 << id);
        }
        let deciding = (0..nodes.len()).filter(|at| reached[*at]).map(narrow).collect();
        let mut under_when = vec![false; nodes.len()];
        mark(rule, rule.when, false, &mut |node, _| under_when[usize::from(node)] = true);
        let beside = (0..nodes.len()).filter(|at| reached[*at] && !under_when[*at]).map(narrow).collect();
        let mut cheapest = match &rule.nodes[usize::from(rule.when)].ask {
            Ask::All(children) => children.clone(),
            _ => Vec::new(),
        };
        cheapest.sort_by_key(|node| cost(&rule.nodes[usize::from(*node)].ask));
        let signals = pack.kinds.iter().enumerate().filter_map(|(kind, name)| {
            let takes =
                rule.signals.iter().map(|signal| signal.daily.is_none() && signal.kinds.contains(name));
            let bits = bits_where(takes);
            (bits != 0).then(|| (narrow(kind), bits))
        });
        Self {
            signals: signals.collect(),
            deciding,
            cheapest,
            beside,
            daily: bits_where(rule.signals.iter().map(|signal| signal.daily.is_some())),
            param_days: param_days(rule, params),
            suppressions: places(suppressions, |suppression| suppression.targets(&rule.id)),
            nodes,
        }
    }
}

impl NodeIndex {
    fn new(node: &Node, rule: &CrisisRule, pack: &PackIndex, params: &[Param]) -> Self {
        let mut index = Self { assumed: node.unknown_matches, ..Self::default() };
        let mut sources = |of: &[SignalId]| {
            let signals = of.iter().filter_map(|id| rule.signals.get(usize::from(*id)));
            index.sources.extend(signals.flat_map(|signal| &signal.sources).map(|name| pack.source(name)));
        };
        match &node.ask {
            Ask::All(_) | Ask::Any(_) | Ask::None(_) => {}
            Ask::Field(tests) => index.slots = tests.iter().map(|test| pack.slot(&test.field)).collect(),
            Ask::Count { of, .. } | Ask::Distinct { of, .. } | Ask::Value { of, .. } => {
                sources(of);
                index.of = bits(of);
                index.needs = false_at_nothing_from(&node.ask, params).map(|from| (index.of, from));
            }
            Ask::Absent { of, after, .. } => {
                sources(of);
                index.of = bits(of);
                index.other = bits(after);
                index.needs = Some((index.other, ALWAYS));
            }
            Ask::Sequence { steps, without, .. } => {
                steps.iter().for_each(|of| sources(of));
                index.steps = steps.iter().map(|of| bits(of)).collect();
                index.of = index.steps.iter().fold(0, |all, step| all | step);
                index.other = bits(without);
                // One that breaks it is told of by its day as well.
                index.needs = Some((index.of | index.other, ALWAYS));
            }
        }
        // Days of use are not among the events.
        let daily = bits_where(rule.signals.iter().map(|signal| signal.daily.is_some()));
        index.needs = index.needs.filter(|(needs, _)| needs & daily == 0);
        index.sources = sorted(index.sources);
        index
    }
}

/// Before every day.
const ALWAYS: Day = Day(i32::MIN);

/// The day from which a count, distinct or value is false where there is no event: of nothing there is no latest and no
/// largest, and the number of all else is 0. None if it is not; before a param has a value nothing is known of it.
fn false_at_nothing_from(ask: &Ask, params: &[Param]) -> Option<Day> {
    let test = match ask {
        Ask::Value { pick: Pick::Latest | Pick::Max, .. } => return Some(ALWAYS),
        Ask::Count { test, .. } | Ask::Distinct { test, .. } | Ask::Value { test, .. } => test,
        _ => return None,
    };
    if !test.iter().all(|(cmp, _)| matches!(cmp, Cmp::Gte | Cmp::Gt)) {
        return None;
    }
    let from = |(cmp, operand): &(Cmp, Operand)| {
        let is_above = |value: &Value| value.as_int().is_some_and(|n| n >= i64::from(*cmp == Cmp::Gte));
        match operand {
            Operand::Const(value) => is_above(value).then_some(ALWAYS),
            Operand::Param(at) => {
                let values = &params.get(*at)?.values;
                values.iter().all(|(_, value)| is_above(value)).then_some(())?;
                values.iter().map(|(from, _)| *from).min()
            }
        }
    };
    test.iter().filter_map(from).min()
}

/// What asking a condition costs beside others, about: facts are at hand, events are counted, an absence and a sequence are
/// searched for.
fn cost(ask: &Ask) -> u8 {
    match ask {
        Ask::Field(_) => 0,
        Ask::Count { .. } | Ask::Distinct { .. } | Ask::Value { .. } => 1,
        Ask::All(_) | Ask::Any(_) | Ask::None(_) => 2,
        Ask::Absent { .. } | Ask::Sequence { .. } => 3,
    }
}

/// Visits a condition and those under it, each with whether false favours firing.
fn mark(rule: &CrisisRule, node: NodeId, inverted: bool, visit: &mut impl FnMut(NodeId, bool)) {
    visit(node, inverted);
    let (children, inverted) = match &rule.nodes[usize::from(node)].ask {
        Ask::All(children) | Ask::Any(children) => (children, inverted),
        Ask::None(children) => (children, !inverted),
        _ => return,
    };
    for child in children {
        mark(rule, *child, inverted, visit);
    }
}

fn field_tests(rule: &CrisisRule) -> impl Iterator<Item = &FieldTest> {
    rule.nodes.iter().flat_map(|node| match &node.ask {
        Ask::Field(tests) => tests.as_slice(),
        _ => &[],
    })
}

/// Days on which a param that a condition reads on the day of decision takes a new value.
fn param_days(rule: &CrisisRule, params: &[Param]) -> Vec<Day> {
    let mut operands: Vec<&Operand> = Vec::new();
    for node in &rule.nodes {
        match &node.ask {
            Ask::Field(tests) => tests.iter().for_each(|test| operands.extend(test_operands(&test.test))),
            Ask::Count { test, .. } | Ask::Distinct { test, .. } | Ask::Value { test, .. } => {
                operands.extend(test.iter().map(|(_, operand)| operand));
            }
            Ask::All(_) | Ask::Any(_) | Ask::None(_) | Ask::Absent { .. } | Ask::Sequence { .. } => {}
        }
    }
    let params = operands.into_iter().filter_map(|operand| match operand {
        Operand::Const(_) => None,
        Operand::Param(at) => params.get(*at),
    });
    sorted(params.flat_map(|param| param.values.iter().map(|(from, _)| *from)))
}

fn areas(crisis: &[CrisisRule]) -> Vec<(SmolStr, i32, Vec<SmolStr>)> {
    let mut areas: std::collections::BTreeMap<&SmolStr, (i32, Vec<SmolStr>)> = Default::default();
    for rule in crisis {
        let Per::Area(kind) = &rule.per else { continue };
        let (days, kinds) = areas.entry(kind).or_default();
        for node in &rule.nodes {
            let Ask::Distinct { of, within, .. } = &node.ask else { continue };
            *days = (*days).max(match within {
                Some(Within::Days(days)) => *days,
                Some(Within::Hours(hours)) => hours / 24 + 1,
                None => HISTORY_DAYS,
            });
            let signals = of.iter().filter_map(|id| rule.signals.get(usize::from(*id)));
            kinds.extend(signals.flat_map(|signal| signal.kinds.iter().cloned()));
        }
    }
    areas.into_iter().map(|(kind, (days, kinds))| (kind.clone(), days, sorted(kinds))).collect()
}

fn test_operands(test: &Test) -> Vec<&Operand> {
    match test {
        Test::Compare(tests) => tests.iter().map(|(_, operand)| operand).collect(),
        Test::In(operands) | Test::AnyOf(operands) => operands.iter().collect(),
        Test::Between(low, high) => low.iter().chain(high).collect(),
    }
}

fn bits(of: &[SignalId]) -> u64 {
    of.iter().filter(|id| usize::from(**id) < MAX_SIGNALS).fold(0, |bits, id| bits | 1 << id)
}

fn bits_where(of: impl Iterator<Item = bool>) -> u64 {
    of.take(MAX_SIGNALS).enumerate().fold(0, |bits, (id, yes)| bits | u64::from(yes) << id)
}

fn places<T>(of: &[T], yes: impl Fn(&T) -> bool) -> Vec<usize> {
    of.iter().enumerate().filter(|(_, item)| yes(item)).map(|(at, _)| at).collect()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items.dedup();
    items
}

/// Positions in a pack's tables fit: a pack has fewer than 65,536 kinds, facts and conditions.
fn narrow(at: usize) -> u16 {
    u16::try_from(at).expect("a pack's tables have fewer than 65,536 rows")
}
