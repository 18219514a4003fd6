use super::fixture::{HOUSEHOLD, Script, day};
use crate::replay::whynot::{Answer, Leaf, Next, Verdict, ask};
use crate::replay::{Machine, Scope};
use crate::rules::eval::Truth;
use crate::rules::eval::explain::{Condition, FactKnown, Saw};
use crate::types::{Day, SmolStr, Value};

pub(crate) fn answer(script: &Script, rule: &str) -> Answer {
    let mut machine = script.machine(Scope { household: Some(HOUSEHOLD.into()), ..Scope::default() });
    script.told(&mut machine);
    asked(script, &mut machine, rule)
}

fn asked(script: &Script, machine: &mut Machine, rule: &str) -> Answer {
    let rule = script.pack.crisis_rule(rule).expect("a rule");
    ask(machine, &script.contracts, &script.pack, rule, HOUSEHOLD).expect("nothing is stuck").expect("known")
}

/// The sets of what is missing, by reason.
fn sets(answer: &Answer) -> Vec<Vec<SmolStr>> {
    let name = |leaf: &Leaf| leaf.reason.clone().unwrap_or_default();
    answer.ways.sets.iter().map(|set| set.iter().map(name).collect()).collect()
}

fn find<'a>(condition: &'a Condition, is: &dyn Fn(&Saw) -> bool) -> Option<&'a Condition> {
    if is(&condition.saw) {
        return Some(condition);
    }
    match &condition.saw {
        Saw::All(under) | Saw::Any(under) | Saw::None(under) => {
            under.iter().find_map(|child| find(child, is))
        }
        _ => None,
    }
}

#[test]
fn a_conjunction_lacks_exactly_what_fails_each_by_so_much() {
    let mut script = Script::new();
    script.until(day(3, 5));
    script.put("cutoff.gas", day(3, 5), &[]);
    script.until(day(3, 20));
    let answer = answer(&script, "crisis.frail");
    assert_eq!(answer.verdict, Verdict::False);
    assert_eq!(sets(&answer), [["repeat", "senior"]]);
    let Some(Saw::Number(seen)) =
        find(&answer.standing.today.when, &|saw| matches!(saw, Saw::Number(_))).map(|c| &c.saw)
    else {
        panic!("a number")
    };
    assert_eq!((seen.number, seen.gap, seen.total), (Some(1), Some(1), 1));
    assert_eq!(seen.events[0].0, day(3, 5));
    let Some(Saw::Facts(facts)) =
        find(&answer.standing.today.when, &|saw| matches!(saw, Saw::Facts(_))).map(|c| &c.saw)
    else {
        panic!("facts")
    };
    assert_eq!((&facts[0].known, facts[0].gap), (&FactKnown::Exactly(Value::Int(64)), Some(1)));
    // The second cut-off is not time's to bring.
    assert_eq!(answer.next, None);
}

/// The day that is told is the day on which it happens, in a log that goes on.
#[test]
fn the_next_change_by_time_alone_is_the_one_that_comes() {
    let opens = |script: &Script, rule: &str| -> Option<Day> {
        let told = script.told(&mut script.machine(Scope::default()));
        told.iter().find(|told| told.rule == rule && told.opens()).map(|told| told.at.day())
    };
    let mut script = Script::new();
    for at in [2, 5] {
        script.until(day(3, at));
        script.put("cutoff.gas", day(3, at), &[]);
    }
    script.until(day(3, 8));
    let frail = answer(&script, "crisis.frail").next.expect("a birthday");
    let either = answer(&script, "crisis.either").next.expect("a silence");
    let (opened, level) = (SmolStr::new("opened"), SmolStr::new("high"));
    let expected = Next { day: day(4, 10), truth: Truth::True, told: Some((opened.clone(), level)) };
    assert_eq!(frail, expected);
    assert_eq!(either.told, Some((opened, SmolStr::new("watch"))));
    script.until(day(4, 30));
    assert_eq!(opens(&script, "crisis.frail"), Some(frail.day));
    assert_eq!(opens(&script, "crisis.either"), Some(either.day));
    assert_eq!(answer(&script, "crisis.frail").verdict, Verdict::Alert);
}

#[test]
fn of_alternatives_each_is_told_and_what_no_alert_carries_is_masked() {
    let mut script = Script::new();
    script.until(day(3, 4));
    script.put("cutoff.gas", day(3, 4), &[]);
    let either = answer(&script, "crisis.either");
    assert_eq!(sets(&either), [["many"], ["silent"], ["disabled"]]);
    let when = &either.standing.today.when;
    let Some(Saw::Facts(facts)) = find(when, &|saw| matches!(saw, Saw::Facts(_))).map(|c| &c.saw) else {
        panic!("facts")
    };
    assert_eq!((&facts[0].known, facts[0].gap), (&FactKnown::Masked, None));
    let Some(Saw::Absence(seen)) = find(when, &|saw| matches!(saw, Saw::Absence(_))).map(|c| &c.saw) else {
        panic!("an absence")
    };
    assert_eq!((seen.anchor, seen.due), (Some(day(3, 4)), Some(day(3, 25))));

    let none = answer(&script, "crisis.none");
    assert_eq!(sets(&none), [["poor"]]);
    assert!(none.ways.sets[0][0].must_fail);
    let Saw::Facts(facts) = &none.ways.sets[0][0].condition.saw else { panic!("facts") };
    assert_eq!(
        (&facts[0].known, facts[0].gap),
        (&FactKnown::Masked, None),
        "an income and its distance are masked"
    );
}

#[test]
fn what_is_not_known_is_named_to_be_asked_for() {
    let mut script = Script::new();
    for at in [2, 5] {
        script.until(day(3, at));
        script.put("cutoff.gas", day(3, at), &[]);
    }
    script.facts(&[("size", Value::Int(2))]);
    let frail = answer(&script, "crisis.frail");
    assert_eq!(frail.verdict, Verdict::False, "a fact version of one key does not take another's away");
    let mut bare = Script::new();
    bare.records.truncate(2);
    for at in [2, 5] {
        bare.until(day(3, at));
        bare.put("cutoff.gas", day(3, at), &[]);
    }
    let answer = answer(&bare, "crisis.frail");
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(answer.ask, ["oldest_age", "size"]);
    assert_eq!(sets(&answer), [["senior"]]);
}

#[test]
fn of_a_household_that_the_log_does_not_know_there_is_no_answer() {
    let script = Script::new();
    let mut machine = script.machine(Scope::default());
    script.told(&mut machine);
    let rule = script.pack.crisis_rule("crisis.frail").expect("a rule");
    let answer = ask(&mut machine, &script.contracts, &script.pack, rule, "hh-2").expect("nothing is stuck");
    assert_eq!(answer, None);
}
