//! `ieum rules test --mutate`: small changes of the rules, and which of them no case notices.

use crate::cli::output;
use crate::contracts::Contracts;
use crate::rules::mutate::{Mutant, mutants};
use crate::rules::testfile::{Case, TestFile};
use crate::sim::ruletest;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer nobody waits, and a rule of more changes is past reading; what is left then is said.
const PATIENCE: Duration = Duration::from_secs(300);
const MOST_OF_A_RULE: usize = 300;

/// What became of the changes.
#[derive(Debug, Default)]
pub(super) struct Trial {
    noticed: usize,
    /// By rule, in the order tried.
    unnoticed: Vec<(String, Mutant)>,
    /// Not tried: beyond what is tried of a rule, or for want of time.
    left: usize,
}

/// Tries every change of the rules of these cases.
pub(super) fn run(
    files: &BTreeMap<String, String>,
    cases: &[(&TestFile, &Case)],
    contracts: &Arc<Contracts>,
) -> Trial {
    let mut rules: Vec<String> = cases.iter().flat_map(|(file, _)| tested(file)).collect();
    rules.sort_unstable();
    rules.dedup();
    let pairs = || files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let began = Instant::now();
    let mut trial = Trial::default();
    for rule in rules {
        let of_rule: Vec<_> =
            cases.iter().filter(|(file, _)| tested(file).contains(&rule)).copied().collect();
        for (number, mutant) in mutants(&rule, pairs().collect::<Vec<_>>()).into_iter().enumerate() {
            if number >= MOST_OF_A_RULE || began.elapsed() >= PATIENCE {
                trial.left += 1;
                continue;
            }
            match ruletest::notices(&mutant, files, &of_rule, contracts) {
                // The checker refuses it: no author could have meant it.
                None => {}
                Some(true) => trial.noticed += 1,
                Some(false) => trial.unnoticed.push((rule.clone(), mutant)),
            }
        }
    }
    trial
}

/// The rules that a file tests: the one that it names, and the one beside it, which may be a suppression of that.
fn tested(file: &TestFile) -> [String; 2] {
    let beside = file.file.strip_suffix(".test.yaml").unwrap_or(&file.file).replacen('/', ".", 1);
    [file.rule.to_string(), beside]
}

impl Trial {
    /// The changes that no case noticed as data, how many there were as a note.
    pub(super) fn tell(&self, folder: &str) {
        for (_, mutant) in &self.unnoticed {
            let Mutant { file, line, key, was, now, .. } = mutant;
            output::line(format_args!("unnoticed  {folder}/{file}:{line}  {key}: {was} → {now}"));
        }
        let left = match self.left {
            0 => String::new(),
            left => format!(
                "; {left} were not tried: at most {MOST_OF_A_RULE} of a rule are, and for {} minutes in all",
                PATIENCE.as_secs() / 60
            ),
        };
        output::note(format_args!(
            "{} small changes of the rules, {} noticed by a case, {} by none{left}",
            self.noticed + self.unnoticed.len(),
            self.noticed,
            self.unnoticed.len()
        ));
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let unnoticed = self.unnoticed.iter().map(|(rule, mutant)| {
            let Mutant { file, line, key, was, now, .. } = mutant;
            serde_json::json!({"rule": rule, "file": file, "line": line, "key": key, "was": was, "now": now})
        });
        serde_json::json!({
            "noticed": self.noticed,
            "unnoticed": unnoticed.collect::<Vec<_>>(),
            "left": self.left,
        })
    }
}
