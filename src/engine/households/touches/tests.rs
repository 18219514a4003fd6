use super::*;
use crate::types::{Event, EventKey, EventTime, Phase, StreamTime};
use proptest::prelude::*;

type Told = BTreeMap<(EntityId, String, Day), Touch>;

/// What a household has: events with their owner, versions of facts.
#[derive(Clone, Debug, Default)]
struct Has {
    events: Vec<(u16, Event)>,
    facts: Vec<FactVersion>,
}

fn kinds() -> Vec<AreaKind> {
    let kind = |name: &str, fact: &str| AreaKind { name: name.into(), fact: fact.into(), with: Vec::new() };
    vec![kind("house", "house"), kind("quarter", "quarter")]
}

/// Days of two years.
fn day(n: i32) -> Day {
    Day(20_086 + n)
}

fn event() -> impl Strategy<Value = (u16, Event)> {
    (0..3_u16, 0..2_u8, 0..8_i32, 0..4_i64, any::<bool>(), 0..6_u8).prop_map(
        |(owner, kind, n, accepted, late, key)| {
            let key = EventKey { source: "S".into(), key: SmolStr::new(format!("{owner}-{key}")) };
            let event = Event {
                key,
                revision: 1,
                kind: SmolStr::new(format!("kind{kind}")),
                time: EventTime::Day(day(n)),
                phase: Phase::Open,
                accepted: StreamTime(accepted),
                first: None,
                late,
                fields: Vec::new(),
            };
            (if owner == 2 { HOUSE } else { owner }, event)
        },
    )
}

fn facts() -> impl Strategy<Value = FactVersion> {
    (0..8_i32, 0..3_u8, prop::option::of(0..3_u8), prop::option::of(0..2_u8)).prop_map(
        |(from, key, house, quarter)| {
            let field = |name: &'static str, value: Option<u8>| {
                let value = value.map_or(Value::Null, |n| Value::text(format!("{name}{n}")));
                (SmolStr::new_static(name), value)
            };
            FactVersion {
                key: EventKey { source: "R".into(), key: SmolStr::new(key.to_string()) },
                revision: 1,
                from: day(from),
                subject: None,
                fields: vec![field("house", house), field("quarter", quarter)],
            }
        },
    )
}

fn has() -> impl Strategy<Value = Has> {
    (prop::collection::vec(event(), 0..8), prop::collection::vec(facts(), 0..4)).prop_map(
        |(mut events, mut facts)| {
            events.sort_by(|a, b| (a.1.time.start(), &a.1.key, a.0).cmp(&(b.1.time.start(), &b.1.key, b.0)));
            events.dedup_by(|a, b| a.0 == b.0 && a.1.key == b.1.key);
            facts.sort_by(|a, b| (a.from, &a.key).cmp(&(b.from, &b.key)));
            Has { events, facts }
        },
    )
}

/// The pages of two years.
fn pages(has: &Has) -> Vec<(i16, HouseholdPage)> {
    let page = |year: i16| {
        let own = has.events.iter().filter(|(_, e)| super::super::household::year_of(e.day()) == year);
        (year, HouseholdPage { events: own.cloned().collect(), beyond: Vec::new() })
    };
    vec![page(2024), page(2025)]
}

fn side<'a>(has: &'a Has, pages: &'a [(i16, HouseholdPage)]) -> Side<'a> {
    Side { facts: &has.facts, pages: pages.iter().map(|(year, page)| (*year, page)).collect() }
}

/// What areas should know, counted anew.
fn recount(has: &Has) -> Told {
    let mut told = Told::new();
    for (_, event) in has.events.iter().filter(|(owner, _)| *owner != HOUSE) {
        for kind in kinds() {
            let holding = has.facts.iter().filter(|version| version.from <= event.day());
            let values = holding.flat_map(|version| &version.fields).filter(|(name, _)| *name == kind.fact);
            let Some(value) = values.filter_map(|(_, value)| value.as_text()).next_back() else { continue };
            let place = (EntityId::of_area(&kind.name, value), event.kind.to_string(), event.day());
            let touch = Touch { accepted: event.accepted, late: event.late };
            let known = told.entry(place).or_insert(touch);
            if (touch.late, touch.accepted) < (known.late, known.accepted) {
                *known = touch;
            }
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a household goes through, its areas know at each step what a fresh count finds, and a step that changes
    /// nothing tells nothing.
    #[test]
    fn areas_know_what_a_fresh_count_finds(steps in prop::collection::vec((has(), any::<bool>()), 1..6)) {
        let (mut was, mut told) = (Has::default(), Told::new());
        for (step, only_events) in steps {
            let now = Has { facts: if only_events { was.facts.clone() } else { step.facts }, events: step.events };
            let (old, new) = (pages(&was), pages(&now));
            for ((at, value), days) in changes(&side(&was, &old), &side(&now, &new), &kinds()) {
                prop_assert!(!days.is_empty());
                for TouchedDay { kind, day, known } in days {
                    let place = (EntityId::of_area(&kinds()[at].name, &value), kind.to_string(), day);
                    let before = match known {
                        Some(touch) => told.insert(place, touch),
                        None => told.remove(&place),
                    };
                    prop_assert_ne!(before, known, "nothing is told that is known");
                }
            }
            prop_assert_eq!(&told, &recount(&now));
            prop_assert!(changes(&side(&now, &new), &side(&now, &new), &kinds()).is_empty());
            was = now;
        }
    }
}
