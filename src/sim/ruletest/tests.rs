use super::*;
use crate::contracts::builtin;

#[test]
fn the_shipped_rules_keep_their_tests() {
    let contracts = Arc::new(builtin());
    let files = crate::rules::builtin_files();
    let (pack, found) = crate::rules::load(files.clone(), &contracts);
    let pack = Arc::new(pack.unwrap_or_else(|| panic!("{found:?}")));
    let (tests, found) = crate::rules::testfile::read_all(files, &pack, &contracts);
    assert!(found.is_empty(), "{found:?}");
    let results = run(&tests, &contracts, &pack);
    let failed: Vec<String> = results.iter().filter(|r| !r.passed()).map(CaseResult::to_string).collect();
    assert!(failed.is_empty(), "{} of {} cases\n{}", failed.len(), results.len(), failed.join("\n"));
    assert!(results.iter().any(|result| result.ways.contains(&Way::Shuffled)));
}

/// A rule with its cases, played; what its conditions were seen to say, as `id true false unknown`.
fn seen(rule: &str, cases: &str) -> Vec<String> {
    let contracts = Arc::new(builtin());
    let cases = test_file(cases);
    let files = [("crisis/seen.yaml", rule), ("crisis/seen.test.yaml", cases.as_str())];
    let (pack, found) = crate::rules::load(files, &contracts);
    let pack = Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")));
    let (tests, found) = crate::rules::testfile::read_all(files, &pack, &contracts);
    assert!(found.is_empty(), "{found:#?}");
    let results = run(&tests, &contracts, &pack);
    assert!(results.iter().all(CaseResult::passed), "{results:#?}");
    let [rule] = coverage(&pack, &results).try_into().expect("one rule");
    assert_eq!(rule.cases, results.len());
    let told = |c: &ConditionCoverage| format!("{} {} {} {}", c.id, c.yes, c.no, c.unknown);
    rule.conditions.iter().map(told).collect()
}

const SEEN: &str = "\
rule: crisis.seen
kind: crisis
version: 1
status: live
title: 시험
effective: {from: 2026-01-01}
per: household
signals:
  cutoff: {event: [cutoff.electricity, cutoff.water]}
  debt: {event: arrears}
when:
  all:
    - {id: repeat, say: 둘, count: {of: cutoff, within: 10d, gte: 2}}
    - {id: senior, say: 노인, field: {household.oldest_age: {gte: 65}}}
  unknown: {senior: match}
also:
  - {id: alone, say: 혼자, field: {household.size: 1}}
  - {id: quiet, say: 조용함, absent: {of: cutoff, after: debt, for: 2d}}
score: {base: 40, levels: {watch: 40}}
emit: {cooldown: 14d}
";

/// One cut-off opens nothing, a second in a home of an elder does.
const CASES: &str = "\
given: {household: {id: H1, size: 3}}
cases:
  - name: 하나
    events:
      - {at: +0d, cutoff.electricity: {source: KEPCO}}
    never: {change: opened}
  - name: 둘
    change: {household.oldest_age: 70}
    events:
      - {at: +0d, cutoff.electricity: {source: KEPCO}}
      - {at: +1d, cutoff.water: {source: WATER}}
    expect:
      - {at: +1d, opened: watch, reasons: [repeat, senior]}
";

fn test_file(cases: &str) -> String {
    format!("rule: crisis.seen\nstart: 2026-03-02T09:00\n{cases}")
}

#[test]
fn coverage_tells_what_no_case_has_seen() {
    // An assumed answer is one that nobody knew.
    assert_eq!(seen(SEEN, CASES), ["repeat 1 2 0", "senior 1 0 1", "alone 0 2 0", "quiet 0 2 0"]);
}

/// The absence holds from the third midnight on and ends with the next event: at no event is it seen true.
#[test]
fn coverage_sees_what_time_alone_brings() {
    let cases = "\
given: {household: {id: H1, size: 1, oldest_age: 70}}
cases:
  - name: 사흘
    events:
      - {at: +0d, arrears: {kind: health_insurance, months: 3, source: NHIS}}
      - {at: +5d, cutoff.electricity: {source: KEPCO}}
    never: {change: opened}
";
    assert_eq!(seen(SEEN, cases), ["repeat 0 1 0", "senior 1 0 0", "alone 1 0 0", "quiet 1 1 0"]);
}

#[test]
fn a_change_is_noticed_by_the_case_that_it_breaks_and_by_no_other() {
    let contracts = Arc::new(builtin());
    let tests = test_file(CASES);
    let files = [("crisis/seen.yaml", SEEN), ("crisis/seen.test.yaml", tests.as_str())];
    let (pack, _) = crate::rules::load(files, &contracts);
    let (tests, _) = crate::rules::testfile::read_all(files, &pack.expect("a pack"), &contracts);
    let cases: Vec<_> =
        tests.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case))).collect();
    let texts = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let found: Vec<(String, Option<bool>)> = crate::rules::mutate::mutants("crisis.seen", files)
        .iter()
        .map(|m| (format!("{}: {} → {}", m.key, m.was, m.now), notices(m, &texts, &cases, &contracts)))
        .collect();
    for (change, noticed) in [
        ("when: all → any", Some(true)),
        ("when.all.repeat.count.gte: 2 → 3", Some(true)),
        ("when.all.repeat.count.gte: 2 → 1", Some(true)),
        ("when.all.repeat.count: gte → gt", Some(true)),
        ("when.all.repeat.count.within: 10d → 11d", Some(false)),
        ("when.all.senior.field.household.oldest_age.gte: 65 → 66", Some(false)),
        // A match would have less than the lowest level.
        ("score.levels.watch: 40 → 41", None),
    ] {
        let of = found.iter().find(|(told, _)| told == change);
        assert_eq!(of, Some(&(change.to_owned(), noticed)), "{found:#?}");
    }
}
