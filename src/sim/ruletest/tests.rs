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
