//! What a clause says of a value, and what a tier is: cases to read.

use super::super::{
    Clause, CodeNo, Codes, Dictionary, Field, FieldId, Formula, Gap, IfAbsent, Limit, Predicate, Profile,
    Reading, Schema, Test, Tier, judge,
};
use super::all;
use crate::rules::eval::Truth;
use crate::types::{SmolStr, Value};
use std::sync::Arc;

const AGE: FieldId = FieldId(0);
const DISTRICT: FieldId = FieldId(1);
const OWNER: FieldId = FieldId(2);
const LICENCES: FieldId = FieldId(3);

fn schema() -> Schema {
    let districts = Arc::new(Dictionary::new("district", ["north", "east", "south", "west"]).expect("codes"));
    let licences = Arc::new(Dictionary::new("licence", ["a", "b", "c", "d"]).expect("codes"));
    let fields = [
        Field::number("age", 0..=120, "years"),
        Field::code("district", &districts),
        Field::yes_no("owner"),
        Field::codes("licences", &licences),
    ];
    Schema::new(fields).expect("a schema")
}

/// A profile from `name=value` words: `age=64 licences=a+b`.
fn profile(text: &str) -> Profile {
    let values: Vec<(&str, Value)> = text
        .split_whitespace()
        .map(|word| {
            let (name, value) = word.split_once('=').expect("name=value");
            let value = match name {
                "age" => Value::Int(value.parse().expect("a number")),
                "owner" => Value::Bool(value == "yes"),
                "licences" => {
                    Value::List(value.split('+').filter(|v| !v.is_empty()).map(Value::text).collect())
                }
                _ => Value::text(value),
            };
            (name, value)
        })
        .collect();
    let (profile, mistakes) = Profile::bind(&schema(), values.iter().map(|(name, value)| (*name, value)));
    assert_eq!(mistakes, []);
    profile
}

fn groups(groups: &[&[CodeNo]]) -> Vec<Codes> {
    groups.iter().map(|group| Codes::new(group.iter().copied())).collect()
}

/// A clause's value over profiles: T, F or `?`, one letter each.
fn truths(field: FieldId, limit: Limit, profiles: &[&str]) -> String {
    let clause = Clause { id: SmolStr::new("c"), field, limit };
    let letter = |text: &&str| match clause.truth(profile(text).value(field)) {
        Truth::True => 'T',
        Truth::False => 'F',
        Truth::Unknown => '?',
    };
    profiles.iter().map(letter).collect()
}

#[test]
fn bounds_are_inclusive_and_each_is_absent_on_its_own() {
    let ages = ["age=18", "age=19", "age=39", "age=40", ""];
    let check = |reading: Reading| truths(AGE, Limit::Set(reading), &ages);
    assert_eq!(check(Reading::between(19, 39)), "FTTF?");
    assert_eq!(check(Reading::between(19, None)), "FTTT?");
    assert_eq!(check(Reading::between(None, 39)), "TTTF?");
    assert_eq!(check(Reading::equals(39)), "FFTF?");
    assert_eq!(check(Reading::not(Test::Between { least: Some(19), most: Some(39) })), "TFFT?");
}

#[test]
fn a_set_known_to_be_empty_is_not_unknown() {
    let held = ["licences=a", "licences=a+b", "licences=c", "licences=", ""];
    let check = |reading: Reading| truths(LICENCES, Limit::Set(reading), &held);
    assert_eq!(check(Reading::any_of([0, 1])), "TTFF?");
    assert_eq!(check(Reading::all_of([0, 1])), "FTFF?");
    assert_eq!(check(Reading::none_of([0, 1])), "FFTT?");
    assert_eq!(check(Reading::not(Test::AllOf(Codes::new([0, 1])))), "TFTT?");
}

#[test]
fn one_code_and_answers() {
    let limit = Limit::Set(Reading::one_of([0, 2]));
    assert_eq!(truths(DISTRICT, limit, &["district=north", "district=east", "district=south", ""]), "TFT?");
    let limit = Limit::Set(Reading::of(Test::Is(false)));
    assert_eq!(truths(OWNER, limit, &["owner=yes", "owner=no", ""]), "FT?");
}

#[test]
fn a_limit_that_is_not_set_is_not_one_that_could_not_be_read() {
    let ages = ["age=18", ""];
    assert_eq!(truths(AGE, Limit::Absent(IfAbsent::Any), &ages), "TT");
    assert_eq!(truths(AGE, Limit::Absent(IfAbsent::Unknown), &ages), "??");
    assert_eq!(truths(AGE, Limit::Absent(IfAbsent::Fail), &ages), "FF");
    assert_eq!(truths(AGE, Limit::Unparsed, &ages), "??");
}

#[test]
fn two_readings_of_licence_groups_are_unknown_where_they_differ() {
    let rows = groups(&[&[0, 1], &[2]]);
    let held = ["licences=a+c", "licences=a+b", "licences=c", "licences=a", "licences=", ""];
    let (each, some) = (Test::EachGroupAny(rows.clone()), Test::SomeGroupAll(rows));
    let check = |limit| truths(LICENCES, limit, &held);
    assert_eq!(check(Limit::Set(Reading::of(each.clone()))), "TFFFF?");
    assert_eq!(check(Limit::Set(Reading::of(some.clone()))), "TTTFF?");
    assert_eq!(check(Limit::Agree(Reading::of(each), Reading::of(some))), "T??FF?");
}

/// An offer: 19 to 39 years, in the north, owns nothing, none of licence d.
fn offer(unknown_at_most: u8) -> Predicate {
    let clauses = [
        Clause::new("age", AGE, Reading::between(19, 39)),
        Clause::new("place", DISTRICT, Reading::one_of([0])),
        Clause::new("noown", OWNER, Reading::of(Test::Is(false))),
        Clause::new("not-d", LICENCES, Reading::none_of([3])),
    ];
    all(&schema(), clauses, unknown_at_most)
}

#[test]
fn tiers_count_clauses() {
    let offer = offer(2);
    let tier = |text: &str| judge(&offer, &profile(text)).tier;
    assert_eq!(tier("age=30 district=north owner=no licences="), Tier::Match);
    assert_eq!(tier("age=30 district=north owner=no"), Tier::Possible);
    assert_eq!(tier("age=30 district=north"), Tier::Possible);
    assert_eq!(tier("age=30"), Tier::Beyond, "three are unknown");
    assert_eq!(tier("age=40 district=north owner=no licences="), Tier::NearMiss);
    assert_eq!(tier("age=40 district=north"), Tier::NearMiss, "one fails, two are unknown");
    assert_eq!(tier("age=40 district=east owner=no licences="), Tier::Beyond, "two fail");
    assert_eq!(tier(""), Tier::Beyond);
}

#[test]
fn where_nothing_may_be_unknown_nothing_is_possible() {
    let offer = offer(0);
    let tier = |text: &str| judge(&offer, &profile(text)).tier;
    assert_eq!(tier("age=30 district=north owner=no"), Tier::Beyond);
    assert_eq!(tier("age=40 district=north owner=no licences="), Tier::NearMiss);
    assert_eq!(tier("age=40 district=north owner=no"), Tier::Beyond);
}

#[test]
fn a_verdict_tells_what_fails_by_how_much_and_what_to_ask() {
    let verdict = judge(&offer(2), &profile("age=42 district=north licences="));
    assert_eq!(verdict.tier, Tier::NearMiss);
    assert_eq!(verdict.unknown, ["noown"]);
    let [reason] = verdict.failing.as_slice() else { panic!("{:?}", verdict.failing) };
    assert_eq!(reason.clause, "age");
    assert_eq!(reason.gap, Gap::Number { nearest: 39, distance: 3 });
}

/// The gap of a clause that a profile fails.
fn gap(field: FieldId, reading: Reading, text: &str) -> Gap {
    let predicate = all(&schema(), [Clause::new("c", field, reading)], 1);
    let mut failing = judge(&predicate, &profile(text)).failing;
    assert_eq!(failing.len(), 1, "{text} fails");
    failing.remove(0).gap
}

#[test]
fn gaps() {
    let number = |nearest, distance| Gap::Number { nearest, distance };
    assert_eq!(gap(AGE, Reading::between(65, None), "age=64"), number(65, 1));
    assert_eq!(gap(AGE, Reading::between(19, 39), "age=45"), number(39, 6));
    let outside = Reading::not(Test::Between { least: Some(20), most: Some(29) });
    assert_eq!(gap(AGE, outside.clone(), "age=21"), number(19, 2));
    assert_eq!(gap(AGE, outside, "age=29"), number(30, 1));
    assert_eq!(gap(AGE, Reading::between(9, 8), "age=21"), Gap::None, "no age is in it");

    assert_eq!(gap(DISTRICT, Reading::one_of([1, 2]), "district=west"), Gap::OneOf(Codes::new([1, 2])));
    assert_eq!(gap(OWNER, Reading::of(Test::Is(true)), "owner=no"), Gap::Answer(true));

    let some = Reading::of(Test::SomeGroupAll(groups(&[&[0, 1, 2], &[2, 3]])));
    assert_eq!(gap(LICENCES, some, "licences=a+b"), Gap::Lacks(Codes::new([2])));
    let each = Reading::of(Test::EachGroupAny(groups(&[&[0, 1], &[2, 3]])));
    assert_eq!(gap(LICENCES, each, "licences=a"), Gap::OneOf(Codes::new([2, 3])));
    assert_eq!(gap(LICENCES, Reading::none_of([1, 3]), "licences=a+b"), Gap::Excluded(Codes::new([1])));
}

#[test]
fn of_several_conjunctions_the_best_counts() {
    let place = |id, code| Formula::Clause(Clause::new(id, DISTRICT, Reading::one_of([code])));
    let age = Formula::Clause(Clause::new("age", AGE, Reading::between(19, 39)));
    let owner = Formula::Clause(Clause::new("owner", OWNER, Reading::of(Test::Is(true))));
    let west = Formula::All(vec![place("west", 3), owner]);
    let formula = Formula::All(vec![age, Formula::Any(vec![place("north", 0), west])]);
    let predicate = Predicate::new(&schema(), &formula, 1).expect("fits");
    assert_eq!(predicate.conjunctions().len(), 2);

    let told = |text: &str| {
        let verdict = judge(&predicate, &profile(text));
        (verdict.tier, verdict.conjunction)
    };
    assert_eq!(told("age=20 district=north owner=no"), (Tier::Match, 0));
    assert_eq!(told("age=20 district=west owner=yes"), (Tier::Match, 1));
    assert_eq!(told("age=20 district=west"), (Tier::Possible, 1));
    assert_eq!(told("age=20 district=west owner=no"), (Tier::NearMiss, 0), "of two near misses the first");
    assert_eq!(told("age=50 district=east owner=no"), (Tier::Beyond, 0));
}

#[test]
fn a_predicate_without_clauses_fits_everybody() {
    let anybody = all(&schema(), [], 1);
    assert_eq!(judge(&anybody, &profile("")).tier, Tier::Match);
}
