use super::replays::{Recorded, alerts, city};
use crate::replay::backtest::{Comparison, Life, Lives, Span, Tally, compare};
use crate::replay::truth::Truth;
use crate::replay::{Scope, Told};
use crate::sim::city::{City, Plan};
use crate::sim::run::{Happening, run};
use crate::sim::score;
use crate::types::{Day, SmolStr, StreamTime};
use proptest::prelude::*;
use std::sync::Arc;

fn lives(recorded: &Recorded, scope: Scope) -> Vec<Life> {
    let mut lives = Lives::default();
    for output in alerts(recorded, scope) {
        let told = Told::of(&recorded.contracts, &output).expect("an alert");
        lives.take(&told, || None);
    }
    lives.into_all()
}

/// The replay of a recorded city, beside its truth, is measured as the scorer measures the city itself.
#[test]
fn the_pack_that_decided_changes_nothing_and_is_measured_as_the_scorer_does() {
    let plan = Plan { households: 1_500, days: 120, seed: 5, ..Plan::default() };
    let recorded = city(plan.clone());
    let (contracts, pack) = (&recorded.contracts, &recorded.pack);
    let mut ground = City::new(plan.clone(), Arc::clone(contracts)).expect("a city").ground();
    let city = run(plan.clone(), contracts, pack, None, &mut |_, happening| {
        if let Happening::Raw(record) = happening
            && let Some(about) = record.about
        {
            ground.heard(about.household, record.at.day());
        }
    });
    let names = city.expect("it runs through").named(&ground);
    let truth = Truth { ground, names };
    let scope = Scope { pack: Some(pack.hash), ..Scope::default() };
    let comparison =
        compare(lives(&recorded, Scope::default()), lives(&recorded, scope), Span::default(), Some(&truth));
    assert_eq!(comparison.changes, []);
    let (old, new) = comparison.measured.expect("there was a truth");
    assert_eq!(old, new);
    let scored = score::score(plan, contracts, pack, |_| {}).expect("it runs through");
    assert!(scored.precision.all > 20 && scored.recall.right > 0, "{scored}");
    assert_eq!((old.precision, old.recall), (scored.precision, scored.recall), "{scored}");
    assert_eq!(old.by_rule, scored.by_rule);
    assert_eq!(comparison.all.old, scored.precision.all);
}

fn life() -> impl Strategy<Value = Life> {
    let level = || prop::sample::select(vec!["watch", "high", "critical"]);
    (0..3_u8, 0..3_u8, 0..60_i32, prop::option::of(0..20_i32), level(), level(), 0..2_u8).prop_map(
        |(rule, household, opened, days, level, gravest, region)| Life {
            id: SmolStr::new(format!("{rule}/{household}/{opened}")),
            rule: SmolStr::new(format!("rule-{rule}")),
            household: SmolStr::new(format!("hh-{household}")),
            region: SmolStr::new(format!("{region}")),
            group: Some(SmolStr::new(format!("{household}"))),
            opened: StreamTime(Day(20_000 + opened).start().0),
            level: SmolStr::new(level),
            gravest: SmolStr::new(gravest),
            ended: days.map(|days| Day(20_000 + opened + days).start()),
        },
    )
}

fn sum<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    tallies.fold(Tally::default(), |sum, tally| Tally {
        old: sum.old + tally.old,
        new: sum.new + tally.new,
        appear: sum.appear + tally.appear,
        vanish: sum.vanish + tally.vanish,
        graver: sum.graver + tally.graver,
        milder: sum.milder + tally.milder,
        earlier: sum.earlier + tally.earlier,
        later: sum.later + tally.later,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// Every alert of either side is counted once, parts make up the whole, and turned round the report is turned round.
    #[test]
    fn nothing_is_lost_or_counted_twice(
        old in prop::collection::vec(life(), 0..12), new in prop::collection::vec(life(), 0..12)
    ) {
        let there = compare(old.clone(), new.clone(), Span::default(), None);
        let back = compare(new.clone(), old.clone(), Span::default(), None);
        let Comparison { all, rules, regions, groups, days, .. } = &there;
        prop_assert_eq!((all.old, all.new), (old.len() as u64, new.len() as u64));
        prop_assert_eq!(all.old - all.vanish, all.new - all.appear);
        prop_assert_eq!(sum(rules.values()), *all);
        prop_assert_eq!(sum(regions.values()), *all);
        prop_assert_eq!(sum(groups.values()), *all);
        let by_day = days.values().fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
        prop_assert_eq!(by_day, (all.old, all.new));
        let b = &back.all;
        prop_assert_eq!(
            (all.appear, all.vanish, all.graver, all.milder, all.earlier, all.later),
            (b.vanish, b.appear, b.milder, b.graver, b.later, b.earlier)
        );
        prop_assert_eq!(there.households, (back.households.2, back.households.1, back.households.0));
    }

    /// Beside itself nothing differs, and a span leaves out what opens outside it.
    #[test]
    fn beside_itself_nothing_differs_and_a_span_holds(
        lives in prop::collection::vec(life(), 0..12), from in 0..60_i32, days in 0..30_i32
    ) {
        let distinct = {
            let mut lives = lives.clone();
            lives.sort_by_key(|life| (life.rule.clone(), life.household.clone(), life.opened));
            lives.dedup_by_key(|life| (life.rule.clone(), life.household.clone(), life.opened));
            lives
        };
        let span = Span { from: Some(Day(20_000 + from)), to: Some(Day(20_000 + from + days)) };
        let same = compare(distinct.clone(), distinct.clone(), span, None);
        prop_assert!(same.changes.is_empty());
        let inside = distinct.iter().filter(|life| {
            (span.from..=span.to).contains(&Some(life.opened.day()))
        });
        prop_assert_eq!(same.all.old, inside.count() as u64);
    }
}
