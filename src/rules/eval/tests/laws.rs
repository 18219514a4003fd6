//! Random rules over random histories: the evaluator says what the naive reading says, never sleeps over a change, and
//! more of a bad signal never lowers a score.

use super::super::{Decision, Prepared, SuppressedSpan, Truth, evaluate};
use super::fixture::*;
use super::naive::{Naive, Said};
use crate::rules::plan::*;
use crate::types::*;
use proptest::prelude::*;

/// A condition with those under it, before it is laid out in an arena.
#[derive(Clone, Debug)]
struct Tree {
    ask: Ask,
    children: Vec<Tree>,
    unknown_matches: bool,
    named: bool,
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![4 => (0i64..6).prop_map(int), 1 => (0usize..2).prop_map(Operand::Param)]
}

fn tests() -> impl Strategy<Value = Vec<(Cmp, Operand)>> {
    let cmp = prop_oneof![
        4 => Just(Cmp::Gte), 1 => Just(Cmp::Gt), 1 => Just(Cmp::Lte),
        1 => Just(Cmp::Lt), 1 => Just(Cmp::Eq), 1 => Just(Cmp::Ne),
    ];
    prop::collection::vec((cmp, operand()), 1..3)
}

fn of() -> impl Strategy<Value = Vec<SignalId>> {
    prop::collection::vec(0..SIGNALS, 1..3)
}

fn within() -> impl Strategy<Value = Option<Within>> {
    prop_oneof![
        1 => Just(None),
        3 => (1i32..30).prop_map(|days| Some(Within::Days(days))),
        1 => (1i32..100).prop_map(|hours| Some(Within::Hours(hours))),
    ]
}

fn field_test() -> impl Strategy<Value = Test> {
    prop_oneof![
        tests().prop_map(Test::Compare),
        prop::collection::vec(operand(), 1..3).prop_map(Test::In),
        (prop::option::of(operand()), prop::option::of(operand()))
            .prop_map(|(low, high)| Test::Between(low, high)),
    ]
}

fn leaf() -> impl Strategy<Value = Ask> {
    let name = prop::sample::select(vec!["size", "rooms", "age", "oldest_age"]);
    let pick = prop::sample::select(vec![Pick::Latest, Pick::Max, Pick::Sum, Pick::Consecutive]);
    let by = prop::sample::select(vec!["source", "m"]);
    prop_oneof![
        2 => prop::collection::vec((name, field_test()), 1..3).prop_map(|tests| Ask::Field(
            tests.into_iter().map(|(field, test)| FieldTest { field: field.into(), test }).collect()
        )),
        3 => (of(), within(), any::<bool>(), tests())
            .prop_map(|(of, within, open_only, test)| Ask::Count { of, within, open_only, test }),
        1 => (of(), by, within(), tests())
            .prop_map(|(of, by, within, test)| Ask::Distinct { of, by: by.into(), within, test }),
        2 => (of(), pick, within(), tests()).prop_map(|(of, pick, within, test)| Ask::Value {
            of, field: "m".into(), pick, within, test
        }),
        2 => (of(), of(), 1i32..8, prop::option::of(1i32..30)).prop_map(|(of, after, for_days, baseline_days)| {
            Ask::Absent { of, after, for_days, baseline_days }
        }),
        2 => (
            prop::collection::vec(of(), 1..4), 0i32..15, 1i32..30, prop::collection::vec(0..SIGNALS, 0..2), any::<bool>()
        ).prop_map(|(steps, within_days, lookback_days, without, same)| Ask::Sequence {
            steps, within_days, lookback_days, without,
            same: if same { vec!["m".into()] } else { Vec::new() },
        }),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let flags = || (prop::bool::weighted(0.2), prop::bool::weighted(0.6));
    let leaf = (leaf(), flags()).prop_map(|(ask, (unknown_matches, named))| Tree {
        ask,
        children: Vec::new(),
        unknown_matches,
        named,
    });
    leaf.prop_recursive(3, 8, 3, move |inner| {
        (0..3, prop::collection::vec(inner, 1..4), flags()).prop_map(
            |(group, children, (unknown_matches, named))| {
                let ask = [Ask::All, Ask::Any, Ask::None][group as usize](Vec::new());
                Tree { ask, children, unknown_matches, named }
            },
        )
    })
}

/// Lays a tree out, children first.
fn lay(tree: Tree, also: bool, rule: &mut CrisisRule) -> NodeId {
    let ids: Vec<NodeId> = tree.children.into_iter().map(|child| lay(child, also, rule)).collect();
    let ask = match tree.ask {
        Ask::All(_) => Ask::All(ids),
        Ask::Any(_) => Ask::Any(ids),
        Ask::None(_) => Ask::None(ids),
        ask => ask,
    };
    let node = rule.nodes.len() as NodeId;
    rule.nodes.push(Node { ask, unknown_matches: tree.unknown_matches });
    if tree.named {
        let id = format!("r{}", rule.reasons.len()).into();
        rule.reasons.push(Reason { id, say: String::new(), node, also });
    }
    node
}

fn random_rule() -> impl Strategy<Value = CrisisRule> {
    let filters = prop::collection::vec(prop::option::weighted(0.3, field_test()), 5);
    let effective = (0i32..30, prop::option::of(30i32..60));
    (tree(), prop::collection::vec(tree(), 0..2), filters, effective).prop_map(
        |(when, also, filters, effective)| {
            let mut rule = rule(Vec::new());
            rule.nodes.clear();
            rule.when = lay(when, false, &mut rule);
            for tree in also {
                lay(Tree { named: true, ..tree }, true, &mut rule);
            }
            for (signal, filter) in rule.signals.iter_mut().zip(filters) {
                signal.filter =
                    filter.map(|test| FieldTest { field: "m".into(), test }).into_iter().collect();
            }
            rule.effective = Effective { from: d(effective.0), to: effective.1.map(d) };
            rule.score.add = (0..rule.reasons.len() as ReasonId)
                .map(|id| {
                    (id, if id % 2 == 0 { Points::Fixed(10) } else { Points::Stepped(vec![(1, 5), (3, 20)]) })
                })
                .collect();
            rule
        },
    )
}

fn random_event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec!["debt", "cut", "paid", "use", "other"]);
    let time = prop_oneof![Just(None), (0i64..24).prop_map(Some)];
    let amount =
        prop_oneof![1 => Just(None), 1 => Just(Some(None)), 6 => (-2i64..6).prop_map(|n| Some(Some(n)))];
    let ended = prop::option::weighted(0.3, 0i32..20);
    (kind, 0i32..40, time, amount, ended, prop::bool::weighted(0.2), any::<bool>()).prop_map(
        |(kind, day, hour, amount, ended, late, other)| {
            let mut event = event(kind, "", day);
            if let Some(hour) = hour {
                event = event.hour(hour);
            }
            if let Some(amount) = amount {
                event = event.with("m", amount);
            }
            if let Some(after) = ended {
                event = event.ended(day + after);
            }
            event.late = late;
            if other { event.told_by("B") } else { event }
        },
    )
}

fn random_facts() -> impl Strategy<Value = Vec<FactVersion>> {
    let value = || prop::option::of(prop::option::weighted(0.8, 0i64..6));
    let birth = || prop::option::of(prop::option::weighted(0.8, -2500i32..40));
    let version = (0u8..3, -5i32..40, value(), value(), birth(), birth(), prop::option::of(0u8..2)).prop_map(
        |(key, from, size, rooms, born, oldest, subject)| {
            let number = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
            let date = |value: Option<i32>| value.map_or(Value::Null, |n| Value::Day(d(n)));
            let fields = [
                size.map(|value| ("size", number(value))),
                rooms.map(|value| ("rooms", number(value))),
                born.map(|value| ("born", date(value))),
                oldest.map(|value| ("oldest_born", date(value))),
            ];
            let fields: Vec<_> = fields.into_iter().flatten().collect();
            let mut version = facts(&key.to_string(), from, &fields);
            version.subject = subject.map(|n| SubjectId::new(n.to_string()));
            version
        },
    );
    prop::collection::vec(version, 0..4).prop_map(|mut versions| {
        for (at, version) in versions.iter_mut().enumerate() {
            version.revision = at as i64;
        }
        versions
    })
}

fn suppression() -> SuppressionRule {
    SuppressionRule {
        id: "hold".into(),
        version: 1,
        status: Status::Live,
        title: String::new(),
        effective: Effective { from: d(-10_000), to: None },
        rules: vec!["test.*".into()],
        except: Vec::new(),
        only_reasons: None,
        below: None,
        since_event: "outage".into(),
        same: Vec::new(),
        until_event: "outage_over".into(),
        until_same: Vec::new(),
        at_most_ms: MS_PER_DAY,
        grace_ms: 0,
        reason: String::new(),
    }
}

fn random_world() -> impl Strategy<Value = World> {
    let source = || (prop::option::of(0i64..1000), any::<bool>());
    let span = (0i32..40, 0i64..24, 1i64..80);
    let suppressions = (prop::option::of(0usize..3), prop::collection::vec(span, 0..3));
    let days = || prop::collection::vec(-30i32..40, 0..6);
    let meter = || prop::option::of((days(), days()));
    (
        prop::collection::vec(random_event(), 0..9),
        random_facts(),
        (source(), source()),
        suppressions,
        (meter(), meter()),
        (0i32..40, 0i64..24),
    )
        .prop_map(|(events, facts, (a, b), (only, spans), (meter_a, meter_b), now)| {
            let events = events.into_iter().enumerate().map(|(at, mut event)| {
                event.key.key = at.to_string().into();
                event
            });
            let mut world = World::new(events)
                .facts(facts)
                .source("A", a.0.map(|hour| h(0, hour)), a.1)
                .source("B", b.0.map(|hour| h(0, hour)), b.1)
                .param(&[(0, 2), (10, 3)])
                .param(&[(15, 1)])
                .now(h(now.0, now.1));
            for (source, days) in [("A", meter_a), ("B", meter_b)] {
                if let Some((used, unused)) = days {
                    world = world.read(source, &used, &unused);
                }
            }
            world.suppressions = vec![SuppressionRule {
                only_reasons: only.map(|n| vec![format!("r{n}").into()]),
                ..suppression()
            }];
            let spans = spans.into_iter().map(|(n, hour, hours)| SuppressedSpan {
                rule: "hold".into(),
                from: h(n, hour),
                to: h(n, hour + hours),
            });
            world.suppressed = spans.collect();
            world
        })
}

/// A decision as far as the naive reading says anything of it.
fn said(decision: &Decision, rule: &CrisisRule) -> Said {
    let evidence = decision.evidence.iter().map(|evidence| {
        // The steps between first and last of a sequence are left open.
        let node = &rule.nodes[usize::from(rule.reasons[usize::from(evidence.reason)].node)];
        let mut keys = evidence.keys.clone();
        if matches!(node.ask, Ask::Sequence { .. }) && keys.len() > 2 {
            keys.clear();
        }
        (evidence.reason, keys)
    });
    Said {
        truth: decision.truth,
        met: decision.met,
        assumed: decision.assumed,
        unknown: decision.unknown,
        held: decision.held,
        points: decision.points,
        level: decision.level,
        numbers: decision.numbers.clone(),
        evidence: evidence.collect(),
        late_only: decision.late_only,
    }
}

/// Whether any step lies between the first and the last of a sequence in the rule.
fn has_middle(rule: &CrisisRule) -> bool {
    rule.nodes.iter().any(|node| matches!(&node.ask, Ask::Sequence { steps, .. } if steps.len() > 2))
}

/// What must not change while nobody wakes: of a false value only that it is false.
fn kept(decision: &Decision) -> Decision {
    let mut kept = decision.clone();
    kept.wake = Default::default();
    if kept.truth == Truth::False {
        (kept.met, kept.assumed, kept.unknown, kept.held) = (0, 0, 0, 0);
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_says_what_the_naive_reading_says(
        rule in random_rule(), world in random_world(), back in 0i32..12, held in prop_oneof![Just(0u64), any::<u64>()]
    ) {
        let day = world.now.day().plus(-back);
        let pack = world.pack(rule);
        let rule = &pack.crisis[0];
        world.view(|view| {
            let decision = evaluate(&pack, rule, view, day, held);
            let mut naive = Naive { pack: &pack, rule, view, day, held }.say();
            let mut found = said(&decision, rule);
            if has_middle(rule) {
                (naive.evidence, found.evidence) = (Vec::new(), Vec::new());
                (naive.late_only, found.late_only) = (false, false);
            }
            prop_assert_eq!(found, naive);
            prop_assert_eq!(decision.in_effect, rule.effective.contains(day));
            Ok(())
        })?;
    }

    #[test]
    fn what_is_acted_on_is_what_is_traced(
        rules in prop::collection::vec(random_rule(), 1..3), world in random_world(), days in prop::collection::vec(0i32..12, 1..5),
        held in prop_oneof![Just(0u64), any::<u64>()]
    ) {
        let bare = |decision: Decision| Decision { wake: decision.wake.clone(), ..kept(&decision) };
        for rule in rules {
            let pack = world.pack(rule);
            let rule = &pack.crisis[0];
            world.view(|view| {
                let mut prepared = Prepared::new(&pack, view);
                for back in &days {
                    let day = world.now.day().plus(-back);
                    let traced = evaluate(&pack, rule, view, day, held);
                    prop_assert_eq!(bare(prepared.decide(rule, day, held)), bare(traced), "on {}", day);
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn no_value_changes_before_its_wake_day(rule in random_rule(), world in random_world(), back in 0i32..12) {
        let pack = world.pack(rule);
        let rule = &pack.crisis[0];
        let day = world.now.day().plus(-back);
        let first = world.view(|view| evaluate(&pack, rule, view, day, 0));
        for n in 1..60 {
            let next = day.plus(n);
            if first.wake.day.is_some_and(|wake| wake <= next) {
                break;
            }
            // A day that has not come yet is looked at in its first moment.
            let later = world.clone().now(world.now.max(next.start()));
            let found = later.view(|view| evaluate(&pack, rule, view, next, 0));
            prop_assert_eq!(kept(&found), kept(&first), "on {} after {}", next, day);
        }
    }

    #[test]
    fn more_of_a_bad_signal_never_lowers_the_score(
        asks in prop::collection::vec((0u8..4, of(), within(), 0i64..5), 1..5), world in random_world(),
        more in random_event(), raise in prop::option::of(0usize..8), amount in 0i64..50
    ) {
        let asks = asks.into_iter().map(|(which, of, within, n)| {
            let of: Vec<SignalId> = of.into_iter().map(|id| id % 3).collect();
            let (field, test) = (SmolStr::new("m"), gte(n));
            match which {
                0 => Ask::Count { of, within, open_only: false, test },
                1 => Ask::Distinct { of, by: "source".into(), within, test },
                2 => Ask::Value { of, field, pick: Pick::Max, within, test },
                _ => Ask::Value { of, field, pick: Pick::Sum, within, test },
            }
        });
        let mut rule = rule(asks.map(|ask| ("r", ask)).collect());
        let only_first = Ask::All(vec![0]);
        rule.nodes[usize::from(rule.when)].ask = only_first;
        let steps = |id| if id % 2 == 0 { Points::Fixed(10) } else { Points::Stepped(vec![(1, 5), (3, 20)]) };
        rule.score.add = (0..rule.reasons.len() as ReasonId).map(|id| (id, steps(id))).collect();

        let mut before = world;
        // Amounts are not negative: a refund is a correction, not a signal.
        for event in &mut before.events {
            for (_, value) in &mut event.fields {
                if let Value::Int(n) = value { *n = (*n).max(0); }
            }
        }
        let mut after = before.clone();
        match raise.and_then(|at| after.events.get_mut(at)) {
            Some(event) => event.fields.iter_mut().for_each(|(_, value)| {
                if let Value::Int(n) = value { *n += amount; }
            }),
            None => after.events.push(Event {
                key: EventKey { source: more.key.source.clone(), key: "more".into() },
                fields: vec![("m".into(), Value::Int(amount))],
                ..more
            }),
        }
        let day = before.now.day().0 - d(0).0;
        let (less, more) = (before.decide(&rule, day), after.decide(&rule, day));
        prop_assert!(less.points <= more.points, "{:?} then {:?}", less, more);
        prop_assert!(less.level <= more.level);
        prop_assert!(less.truth != Truth::True || more.truth == Truth::True);
    }
}
