//! Whether the cases of a rule notice a small change of it.

use super::{Way, judge, play};
use crate::contracts::Contracts;
use crate::rules::mutate::Mutant;
use crate::rules::testfile::{Case, TestFile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether one of these cases fails, as written, over the changed pack. None if that does not load: the checker has noticed.
pub fn notices(
    mutant: &Mutant,
    files: &BTreeMap<String, String>,
    cases: &[(&TestFile, &Case)],
    contracts: &Arc<Contracts>,
) -> Option<bool> {
    let changed = mutant.applied(files.get(&mutant.file)?);
    let text = |(name, text): (&'_ String, &'_ String)| match *name == mutant.file {
        true => (name.clone(), changed.clone()),
        false => (name.clone(), text.clone()),
    };
    let files: Vec<(String, String)> = files.iter().map(text).collect();
    let (pack, _) =
        crate::rules::load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())), contracts);
    let pack = Arc::new(pack?);
    let fails = |(file, case): &(&TestFile, &Case)| {
        let played = play::play(file, case, Way::Written, contracts, &pack);
        played.map_or(true, |played| !judge::judge(file, case, &pack, &played).is_empty())
    };
    Some(cases.iter().any(fails))
}
