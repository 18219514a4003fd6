//! What is refused, with all mistakes at once, and in which words.

use super::super::{
    Clause, Codes, Dictionary, Field, FieldId, FieldValue, Formula, MAX_CONJUNCTIONS, Predicate,
    PredicateMistake, Profile, Reading, Schema, SchemaMistake, Test,
};
use crate::types::Value;
use std::fmt::Display;
use std::sync::Arc;

fn schema() -> Schema {
    let codes = Arc::new(Dictionary::new("place", ["north", "south"]).expect("codes"));
    let fields = [
        Field::number("age", 0..=120, "years"),
        Field::code("place", &codes),
        Field::codes("places", &codes),
    ];
    Schema::new(fields).expect("a schema")
}

fn lines(mistakes: &[impl Display]) -> Vec<String> {
    mistakes.iter().map(|mistake| mistake.to_string().replace('\n', " / ")).collect()
}

#[test]
fn a_schema_says_every_mistake() {
    let fields = [
        Field::yes_no("a"),
        Field::number("n", std::ops::RangeInclusive::new(5, 4), "won"),
        Field::yes_no("a"),
    ];
    let mistakes = Schema::new(fields).expect_err("two mistakes");
    assert_eq!(lines(&mistakes), ["field \"n\" has no number from 5 to 4", "field \"a\" is declared twice"]);
    let twice = Dictionary::new("place", ["north", "north"]).expect_err("a code twice");
    assert_eq!(twice.to_string(), "dictionary \"place\" has code \"north\" twice");
    let none = Dictionary::new("place", [""; 0]).expect_err("no code");
    assert!(matches!(none, SchemaMistake::Codes { found: 0, .. }));
}

#[test]
fn a_profile_is_whole_without_the_values_that_do_not_fit_and_quotes_none() {
    let schema = schema();
    let values = [
        ("age", Value::Int(130)),
        ("plac", Value::text("north")),
        ("place", Value::text("nowhere")),
        ("places", Value::List(vec![Value::text("south"), Value::text("north"), Value::text("south")])),
    ];
    let (profile, mistakes) = Profile::bind(&schema, values.iter().map(|(name, value)| (*name, value)));
    assert_eq!(
        lines(&mistakes),
        [
            "a value of field \"age\" does not fit / it takes a whole number from 0 to 120 (years)",
            "profiles have no field \"plac\" / did you mean \"place\"?",
            "field \"place\" has a code that its dictionary does not have / add the code to the dictionary",
        ]
    );
    let places = FieldValue::Codes(Codes::new([0, 1]));
    assert_eq!(profile.values(), [FieldValue::Unknown, FieldValue::Unknown, places]);
    let mut profile = profile;
    assert!(profile.set(&schema, FieldId(0), FieldValue::Number(-1)).is_err());
    assert!(profile.set(&schema, FieldId(2), FieldValue::Codes(Codes::new([2]))).is_err());
    assert!(profile.set(&schema, FieldId(0), FieldValue::Number(120)).is_ok());
}

#[test]
fn a_predicate_says_every_mistake() {
    let clauses = [
        Clause::new("a", FieldId(0), Reading::any_of([1])),
        Clause::new("a", FieldId(1), Reading::one_of([7])),
        Clause::new("b", FieldId(2), Reading::any_of([])),
        Clause::new("c", FieldId(0), Reading::between(None, None)),
        Clause::new("d", FieldId(9), Reading::equals(1)),
        Clause::new("e", FieldId(2), Reading::of(Test::EachGroupAny(Vec::new()))),
    ];
    let mut parts: Vec<Formula> = clauses.into_iter().map(Formula::Clause).collect();
    parts.push(Formula::Any(Vec::new()));
    let mistakes = Predicate::new(&schema(), &Formula::All(parts), 4).expect_err("mistakes");
    assert_eq!(
        lines(&mistakes),
        [
            "4 unknown clauses are allowed / at most 3 can be: each is a question to a person",
            "clause \"a\" asks what field \"age\" cannot answer / its kind is another",
            "clause \"a\" occurs twice / a reason must be told by its id",
            "clause \"a\" names a code that the dictionary of \"place\" does not have / such a limit is unparsed",
            "clause \"b\" names no value / a notice that sets no limit says so: the limit is absent",
            "clause \"c\" names no value / a notice that sets no limit says so: the limit is absent",
            "clause \"d\" reads field 9, which the schema does not have",
            "clause \"e\" names no value / a notice that sets no limit says so: the limit is absent",
            "an `any` has no branch / give it one, or leave it out",
        ]
    );
}

/// `groups` times `any` of two.
fn doubling(groups: usize) -> Formula {
    let clause = |id: String| Formula::Clause(Clause::new(id, FieldId(0), Reading::equals(1)));
    let any = |group| Formula::Any((0..2).map(|branch| clause(format!("c{group}.{branch}"))).collect());
    Formula::All((0..groups).map(any).collect())
}

#[test]
fn conjunctions_are_bounded_before_they_are_made() {
    let six = Predicate::new(&schema(), &doubling(6), 1).expect("64 conjunctions");
    assert_eq!(six.conjunctions().len(), MAX_CONJUNCTIONS);
    let seven = Predicate::new(&schema(), &doubling(7), 1).expect_err("128");
    assert_eq!(seven, [PredicateMistake::TooManyConjunctions { found: 128 }]);
    let many = Predicate::new(&schema(), &doubling(200), 1).expect_err("more than can be counted");
    assert_eq!(many, [PredicateMistake::TooManyConjunctions { found: usize::MAX }]);
}

#[test]
fn clauses_are_bounded() {
    let clauses = |n: usize| (0..n).map(|i| Clause::new(format!("c{i}"), FieldId(0), Reading::equals(1)));
    let formula = |n| Formula::All(clauses(n).map(Formula::Clause).collect());
    assert!(Predicate::new(&schema(), &formula(64), 1).is_ok());
    let mistakes = Predicate::new(&schema(), &formula(65), 1).expect_err("65");
    assert_eq!(mistakes, [PredicateMistake::TooManyClauses { found: 65 }]);
}
