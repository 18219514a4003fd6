//! What small numbers do not reach: rare codes among thousands of profiles, more bounds than intervals, rows by the thousand.

use super::super::{
    Clause, Dictionary, Field, FieldId, FieldValue, Limit, Notices, Predicate, Profile, Profiles, Reading,
    Schema, Scratch, Test, tier,
};
use super::{REACHES, all, check_profiles, expected};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const AMOUNT: FieldId = FieldId(0);
const PLACE: FieldId = FieldId(1);
const LICENCES: FieldId = FieldId(2);

/// The highest amount.
const MOST: u64 = 1_000_000_000;

fn schema() -> Arc<Schema> {
    let codes = |name, len: u32| {
        Arc::new(Dictionary::new(name, (0..len).map(|code| code.to_string())).expect("codes"))
    };
    let fields = [
        Field::number("amount", 0..=MOST as i64, "won"),
        Field::code("place", &codes("place", 250)),
        Field::codes("licences", &codes("licence", 1_465)),
    ];
    Arc::new(Schema::new(fields).expect("a schema"))
}

/// Low codes are common, high ones rare: the product of two even draws.
fn skewed(numbers: &mut Numbers, codes: u64) -> u32 {
    (numbers.below(codes) * numbers.below(codes) / codes) as u32
}

fn profile(schema: &Schema, numbers: &mut Numbers) -> Profile {
    let mut profile = Profile::unknown(schema);
    let mut set = |id, value| profile.set(schema, id, value).expect("a value that fits");
    if numbers.below(50) > 0 {
        set(AMOUNT, FieldValue::Number(numbers.below(MOST) as i64));
    }
    if numbers.below(1_000) > 0 {
        set(PLACE, FieldValue::Code(skewed(numbers, 250)));
    }
    if numbers.below(1_000) > 0 {
        let codes = (0..numbers.below(5)).map(|_| skewed(numbers, 1_465)).collect::<Vec<u32>>();
        set(LICENCES, FieldValue::Codes(super::super::Codes::new(codes)));
    }
    profile
}

#[test]
fn rare_codes_are_searched_by_their_lists_with_the_same_result() {
    let (schema, mut numbers) = (schema(), Numbers(1));
    let mut index = Profiles::new(Arc::clone(&schema));
    let kept: BTreeMap<u32, Profile> = (0..12_000).map(|no| (no, profile(&schema, &mut numbers))).collect();
    kept.iter().for_each(|(no, profile)| index.insert(*no, profile));
    let amount = Clause::new("amount", AMOUNT, Reading::between(MOST as i64 / 4, None));
    let mut found = [0, 0];
    for code in (1_000..1_465).step_by(14) {
        let licence = Clause::new("licence", LICENCES, Reading::any_of([code]));
        let place = Clause::new("place", PLACE, Reading::one_of([code % 250]));
        let both = Limit::Agree(
            Reading::of(Test::SomeGroupAll(vec![super::super::Codes::new([code])])),
            Reading::any_of([code, code + 1 - code % 2]),
        );
        let readings = Clause { limit: both, ..licence.clone() };
        let rare = all(&schema, [amount.clone(), licence.clone()], 1);
        check_profiles(&index, &kept, &rare);
        check_profiles(&index, &kept, &all(&schema, [amount.clone(), place.clone()], 1));
        check_profiles(&index, &kept, &all(&schema, [licence, place, amount.clone()], 2));
        check_profiles(&index, &kept, &all(&schema, [readings, amount.clone()], 2));
        found[0] += index.find(&rare, REACHES[1]).matches.len();
        found[1] += index.find(&rare, REACHES[1]).possible.len();
    }
    assert!(found[0] > 50 && found[1] > 50, "the cases find somebody: {found:?}");
}

fn offer(schema: &Schema, numbers: &mut Numbers) -> Predicate {
    let mut clauses = Vec::new();
    if numbers.below(10) > 0 {
        let (one, other) = (numbers.below(MOST) as i64, numbers.below(MOST) as i64);
        let test = Test::Between { least: Some(one.min(other)), most: Some(one.max(other)) };
        clauses.push(Clause::new("amount", AMOUNT, Reading { test, not: numbers.below(8) == 0 }));
    }
    if numbers.below(10) > 0 {
        let first = numbers.below(250) as u32;
        let test = Reading::one_of(first..(first + numbers.below(60) as u32 + 1).min(250));
        clauses.push(Clause::new("place", PLACE, Reading { not: numbers.below(8) == 0, ..test }));
    }
    if numbers.below(2) > 0 {
        let codes = |numbers: &mut Numbers| super::super::Codes::new((0..3).map(|_| skewed(numbers, 1_465)));
        let groups = vec![codes(numbers), codes(numbers)];
        let reading = match numbers.below(4) {
            0 => Reading::none_of(groups[0].as_slice().iter().copied()),
            1 => Reading::of(Test::EachGroupAny(groups)),
            _ => Reading::any_of(groups[0].as_slice().iter().copied()),
        };
        clauses.push(Clause::new("licence", LICENCES, reading));
    }
    all(schema, clauses, numbers.below(4) as u8)
}

#[test]
fn thousands_of_notices_with_as_many_bounds_come_and_go() {
    let (schema, mut numbers) = (schema(), Numbers(2));
    let (mut index, mut kept) = (Notices::new(Arc::clone(&schema)), BTreeMap::new());
    for no in 0..5_000 {
        let offer = Arc::new(offer(&schema, &mut numbers));
        index.insert(no, Arc::clone(&offer));
        kept.insert(no, offer);
        if no % 3 == 0 {
            let gone = numbers.below(u64::from(no) + 1) as u32;
            assert_eq!(index.remove(gone), kept.remove(&gone).is_some());
        }
    }
    let mut scratch = Scratch::default();
    let mut found = [0, 0, 0];
    for _ in 0..60 {
        let profile = profile(&schema, &mut numbers);
        for reach in REACHES {
            let tiers = kept.iter().map(|(no, offer)| (*no, tier(offer, &profile)));
            let told = index.find(&profile, reach, &mut scratch);
            assert_eq!(told, expected(tiers, reach), "{reach:?} of {profile:?}");
            found =
                [found[0] + told.matches.len(), found[1] + told.possible.len(), found[2] + told.near.len()];
        }
    }
    assert!(found.iter().all(|n| *n > 100), "the cases find something in each tier: {found:?}");
}

#[test]
fn a_new_bound_each_notice_takes_no_set_of_rows_each() {
    let schema = schema();
    let mut index = Notices::new(Arc::clone(&schema));
    for no in 0..3_000 {
        let bound = Reading::between(i64::from(no) * 1_000 + 1, None);
        index.insert(no, Arc::new(all(&schema, [Clause::new("amount", AMOUNT, bound)], 1)));
    }
    // 256 intervals at a bit a row are 32 bytes.
    assert!(index.bytes() < 100 * index.len(), "{} bytes a notice", index.bytes() / index.len());
}

#[test]
fn what_an_index_of_profiles_takes_is_told() {
    let (schema, mut numbers) = (schema(), Numbers(3));
    let mut index = Profiles::new(Arc::clone(&schema));
    (0..8_192).for_each(|no| index.insert(no, &profile(&schema, &mut numbers)));
    let report = index.report();
    // One line that says who is there; amounts 1 + 30 bits, places 1 + 8, licences 1.
    assert_eq!(report.column_bytes, 8_192 / 8 * (1 + 31 + 9 + 1));
    assert!(report.list_bytes > 8_192 * 2, "{report:?}");
    assert_eq!(report.profiles, 8_192);
}
