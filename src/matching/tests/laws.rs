//! Both indexes answer what the evaluator answers, whatever the schema, the predicates, the profiles and the order in which
//! they came and went.

use super::super::{
    Clause, Codes, Dictionary, Field, FieldId, FieldKind, FieldValue, Formula, IfAbsent, Limit, Notices,
    Predicate, Profile, Profiles, Reading, Schema, Scratch, Test, judge, tier,
};
use super::{REACHES, check_profiles, expected};
use crate::types::SmolStr;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers that a schema turns into a value: small, so that limits and values meet.
type Raw = Vec<u8>;

fn dictionary(codes: usize) -> Arc<Dictionary> {
    Arc::new(Dictionary::new("codes", (0..codes).map(|code| code.to_string())).expect("codes"))
}

fn field(kind: u8, at: usize) -> Field {
    let name = format!("f{at}");
    match kind {
        0 => Field::number(name, 0..=100, ""),
        1 => Field::number(name, -3..=4, ""),
        2 => Field::number(name, 7..=7, ""),
        3 => Field::number(name, i64::MIN..=i64::MAX, ""),
        4 => Field::code(name, &dictionary(1)),
        5 => Field::code(name, &dictionary(5)),
        // Long enough for lists besides slices, and for lists instead of them.
        6 => Field::code(name, &dictionary(130)),
        7 => Field::codes(name, &dictionary(4)),
        8 => Field::codes(name, &dictionary(300)),
        _ => Field::yes_no(name),
    }
}

fn schemas() -> impl Strategy<Value = Schema> {
    let fields = vec(0_u8..10, 1..6);
    fields.prop_map(|kinds| {
        Schema::new(kinds.into_iter().enumerate().map(|(at, kind)| field(kind, at))).expect("distinct names")
    })
}

/// The n-th of some numbers spread over a field's bounds, their ends and neighbours among them.
fn number(kind: &FieldKind, n: u8) -> i64 {
    let FieldKind::Number { bounds, .. } = kind else { return 0 };
    let span = bounds.end().wrapping_sub(*bounds.start()).cast_unsigned();
    let (step, near) = (u64::from(n / 3 % 6), i64::from(n % 3) - 1);
    let spread = bounds.start().wrapping_add_unsigned(span / 5 * step);
    spread.saturating_add(near).clamp(*bounds.start(), *bounds.end())
}

/// Codes of a dictionary: a few of its first, and its last.
fn codes(field: &Field, raw: &[u8]) -> Codes {
    let len = field.dictionary().map_or(1, Dictionary::len) as u32;
    Codes::new(raw.iter().map(|n| if *n % 7 == 6 { len - 1 } else { u32::from(n % 7) % len }))
}

fn value(field: &Field, raw: Option<&Raw>) -> FieldValue {
    let Some(raw) = raw else { return FieldValue::Unknown };
    let first = raw.first().copied().unwrap_or(0);
    match &field.kind {
        FieldKind::Number { .. } => FieldValue::Number(number(&field.kind, first)),
        FieldKind::Code(_) => FieldValue::Code(codes(field, &[first]).as_slice()[0]),
        FieldKind::Codes(_) => FieldValue::Codes(codes(field, raw)),
        FieldKind::YesNo => FieldValue::YesNo(first % 2 == 1),
    }
}

fn profile(schema: &Schema, raw: &[Option<Raw>]) -> Profile {
    let mut profile = Profile::unknown(schema);
    for ((id, field), raw) in (0..).map(FieldId).zip(schema.fields()).zip(raw) {
        profile.set(schema, id, value(field, raw.as_ref())).expect("a value of its kind");
    }
    profile
}

fn raw_profiles() -> impl Strategy<Value = Vec<Option<Raw>>> {
    vec(prop::option::weighted(0.8, vec(0_u8..21, 0..4)), 6)
}

/// What becomes a clause: field, shape of the limit, two readings.
#[derive(Clone, Debug)]
struct RawClause {
    field: u8,
    limit: u8,
    readings: [(u8, bool, Raw); 2],
}

fn raw_clauses() -> impl Strategy<Value = RawClause> {
    let reading = || (0_u8..6, any::<bool>(), vec(0_u8..21, 1..7));
    (any::<u8>(), 0_u8..14, reading(), reading()).prop_map(|(field, limit, one, other)| RawClause {
        field,
        limit,
        readings: [one, other],
    })
}

fn reading(field: &Field, (shape, not, raw): &(u8, bool, Raw)) -> Reading {
    let groups = || raw.chunks(2).map(|group| codes(field, group)).collect::<Vec<Codes>>();
    let test = match (&field.kind, shape) {
        (FieldKind::YesNo, shape) => Test::Is(shape % 2 == 1),
        (FieldKind::Code(_), _) => Test::In(codes(field, raw)),
        (FieldKind::Codes(_), 0) => Test::AllOf(codes(field, raw)),
        (FieldKind::Codes(_), 1) => Test::EachGroupAny(groups()),
        (FieldKind::Codes(_), 2) => Test::SomeGroupAll(groups()),
        (FieldKind::Codes(_), _) => Test::AnyOf(codes(field, raw)),
        (FieldKind::Number { .. }, shape) => {
            let bound = |n: &u8| number(&field.kind, *n);
            let (least, most) = (raw.first().map(bound), raw.last().map(bound));
            match shape {
                0 => Test::Between { least, most: None },
                1 => Test::Between { least: None, most },
                // One time in four the wrong way round: nobody passes.
                2 => Test::Between { least, most },
                _ => Test::Between { least: least.min(most), most: least.max(most) },
            }
        }
    };
    Reading { test, not: *not }
}

fn clause(schema: &Schema, at: usize, raw: &RawClause) -> Formula {
    let id = usize::from(raw.field) % schema.fields().len();
    let field = &schema.fields()[id];
    let [one, other] = raw.readings.each_ref().map(|raw| reading(field, raw));
    let limit = match raw.limit {
        0 => Limit::Absent(IfAbsent::Any),
        1 => Limit::Absent(IfAbsent::Unknown),
        2 => Limit::Absent(IfAbsent::Fail),
        3 => Limit::Unparsed,
        4 | 5 => Limit::Agree(one, other),
        _ => Limit::Set(one),
    };
    Formula::Clause(Clause { id: SmolStr::new(format!("c{at}")), field: FieldId(id as u16), limit })
}

/// What becomes a predicate: clauses of all branches, branches, what may be unknown.
type RawPredicate = (Vec<RawClause>, Vec<Vec<RawClause>>, u8);

fn raw_predicates() -> impl Strategy<Value = RawPredicate> {
    (vec(raw_clauses(), 0..4), vec(vec(raw_clauses(), 1..3), 0..3), 0_u8..4)
}

fn predicate(schema: &Schema, (common, branches, unknown_at_most): &RawPredicate) -> Predicate {
    let mut ids = 0..;
    let mut next = |raw: &RawClause| clause(schema, ids.next().expect("endless"), raw);
    let mut parts: Vec<Formula> = common.iter().map(&mut next).collect();
    if !branches.is_empty() {
        let mut branch = |raw: &Vec<RawClause>| Formula::All(raw.iter().map(&mut next).collect());
        parts.push(Formula::Any(branches.iter().map(&mut branch).collect()));
    }
    Predicate::new(schema, &Formula::All(parts), *unknown_at_most).expect("a predicate that fits")
}

/// Numbers over two blocks of profiles, or two of rows, with holes.
fn numbers() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..8, 500_u32..530, 4_090_u32..4_100, 0_u32..6_000]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn profiles_found_are_the_profiles_that_fit(
        schema in schemas(),
        steps in vec((numbers(), prop::option::weighted(0.8, raw_profiles())), 0..60),
        predicates in vec(raw_predicates(), 1..6),
    ) {
        let mut index = Profiles::new(Arc::new(schema.clone()));
        let mut kept = BTreeMap::new();
        for (no, raw) in &steps {
            if let Some(raw) = raw {
                let profile = profile(&schema, raw);
                index.insert(*no, &profile);
                kept.insert(*no, profile);
            } else {
                prop_assert_eq!(index.remove(*no), kept.remove(no).is_some());
            }
        }
        prop_assert_eq!(index.len(), kept.len());
        for (no, _) in &steps {
            prop_assert_eq!(index.profile(*no), kept.get(no).cloned());
        }
        for raw in &predicates {
            check_profiles(&index, &kept, &predicate(&schema, raw));
        }
    }

    #[test]
    fn notices_found_are_the_notices_that_fit(
        schema in schemas(),
        steps in vec((0_u32..30, prop::option::weighted(0.8, raw_predicates())), 0..60),
        profiles in vec(raw_profiles(), 1..12),
    ) {
        let mut index = Notices::new(Arc::new(schema.clone()));
        let mut kept = BTreeMap::new();
        for (no, raw) in &steps {
            if let Some(raw) = raw {
                let predicate = Arc::new(predicate(&schema, raw));
                index.insert(*no, Arc::clone(&predicate));
                kept.insert(*no, predicate);
            } else {
                prop_assert_eq!(index.remove(*no), kept.remove(no).is_some());
            }
        }
        prop_assert_eq!(index.len(), kept.len());
        let mut scratch = Scratch::default();
        for raw in &profiles {
            let profile = profile(&schema, raw);
            for reach in REACHES {
                let tiers = kept.iter().map(|(no, predicate)| (*no, tier(predicate, &profile)));
                prop_assert_eq!(index.find(&profile, reach, &mut scratch), expected(tiers, reach), "{:?}", reach);
            }
        }
    }

    #[test]
    fn a_verdict_says_no_more_and_no_less_than_its_tier(
        schema in schemas(),
        raw in raw_predicates(),
        of in raw_profiles(),
    ) {
        let (predicate, profile) = (predicate(&schema, &raw), profile(&schema, &of));
        let verdict = judge(&predicate, &profile);
        prop_assert_eq!(verdict.tier, tier(&predicate, &profile));
        let few = verdict.unknown.len() <= usize::from(predicate.unknown_at_most());
        let told = match (verdict.failing.len(), verdict.unknown.len()) {
            (0, 0) => super::Tier::Match,
            (0, _) if few => super::Tier::Possible,
            (1, _) if few => super::Tier::NearMiss,
            _ => super::Tier::Beyond,
        };
        prop_assert_eq!(verdict.tier, told);
    }
}
