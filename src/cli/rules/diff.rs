//! `ieum rules diff`: what a new pack says otherwise than an old one.

use crate::cli::check;
use crate::cli::diagnostics::{Format, Found, counted};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::{Files, Folders};
use crate::cli::output::{self, BOLD, GREEN, RED};
use crate::contracts::Contracts;
use crate::rules::diff::{Change, Diff, RuleDiff, diff};
use crate::rules::plan::Pack;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// Show what a new pack says otherwise than an old one, rule by rule; no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum rules diff last-year/rules rules\n  \
                        git worktree add ../before main && ieum rules diff ../before/rules rules\n  \
                        ieum rules diff old new --json | jq -r '.changed[].rule'\n\n\
                        Conditions, signals, points, levels and escalation steps are compared by their ids. Comments, the order of\n\
                        keys and tests make no difference.\n\n\
                        Exit codes: 0 both say the same, 1 they differ, 3 a folder is not there or has mistakes.")]
pub(super) struct DiffArgs {
    /// Folder of the old rules.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Folder of the new rules.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Read topics from this folder, for both.
    ///
    /// Without it: `topics` in the current directory if there is one, else those built into the program.
    #[arg(long, value_name = "DIR")]
    topics: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Outcome {
    let folders = |rules: &PathBuf| Folders { topics: args.topics.clone(), rules: Some(rules.clone()) };
    let (old, new) = (folders(&args.old).rules()?, folders(&args.new).rules()?);
    let mut found = Found::default();
    let contracts = check::contracts(&folders(&args.new).topics()?, &mut found);
    let packs = contracts.and_then(|contracts| {
        let packs = (pack(&old, &contracts, &mut found), pack(&new, &contracts, &mut found));
        packs.0.zip(packs.1)
    });
    let Some((old_pack, new_pack)) = packs else {
        found.tell(Format::Text);
        return Err(Stop::told(Exit::Config));
    };
    let diff = diff(old.iter(), new.iter());
    if args.json {
        output::json(&json!({
            "equal": diff.is_empty(),
            "old": {"folder": old.folder, "pack": old_pack.hash.to_string()},
            "new": {"folder": new.folder, "pack": new_pack.hash.to_string()},
            "added": diff.added,
            "removed": diff.removed,
            "changed": diff.changed.iter().map(rule_as_json).collect::<Vec<_>>(),
            "params": diff.params.iter().map(as_json).collect::<Vec<_>>(),
        }));
    } else {
        tell(&diff);
        output::note(format_args!("{}", summary(&diff, old_pack.hash == new_pack.hash)));
    }
    Ok(if diff.is_empty() { Exit::Ok } else { Exit::Found })
}

/// A pack as it loads. What its tests say is not compared, and so not asked.
fn pack(files: &Files, contracts: &Contracts, found: &mut Found) -> Option<Pack> {
    let (pack, mistakes) = crate::rules::load(files.iter(), contracts);
    found.add(&files.folder, &files.texts, mistakes);
    pack
}

fn tell(diff: &Diff) {
    for rule in &diff.added {
        output::line(format_args!("{GREEN}+ {rule}{GREEN:#}"));
    }
    for rule in &diff.removed {
        output::line(format_args!("{RED}- {rule}{RED:#}"));
    }
    for RuleDiff { rule, changes, params } in &diff.changed {
        output::line(format_args!("{BOLD}{rule}{BOLD:#}"));
        for change in changes {
            output::line(format_args!("  {}", told(change)));
        }
        for param in params {
            output::line(format_args!("  reads the param {param}, which has changed"));
        }
    }
    if !diff.params.is_empty() {
        output::line(format_args!("{BOLD}params{BOLD:#}"));
    }
    for change in &diff.params {
        output::line(format_args!("  {}", told(change)));
    }
}

/// `condition repeat count.within: 60d → 90d`.
fn told(change: &Change) -> String {
    let words = [change.part.as_str(), &change.id, &change.key];
    let place: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let place = place.join(" ");
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{place}: {RED}{old}{RED:#} → {GREEN}{new}{GREEN:#}"),
        (None, Some(new)) => format!("{place}: {GREEN}new, {new}{GREEN:#}"),
        (old, None) => format!("{place}: {RED}gone, was {}{RED:#}", old.as_deref().unwrap_or("nothing")),
    }
}

fn summary(diff: &Diff, is_same_pack: bool) -> String {
    match (diff.is_empty(), is_same_pack) {
        (true, true) => String::from("the same pack"),
        (true, false) => {
            String::from("both say the same; only comments or form differ, so the packs have two hashes")
        }
        (false, _) => format!(
            "{} added, {} removed, {} changed; {} of params",
            counted(diff.added.len(), "rule"),
            diff.removed.len(),
            diff.changed.len(),
            counted(diff.params.len(), "change"),
        ),
    }
}

fn rule_as_json(rule: &RuleDiff) -> Json {
    let changes: Vec<Json> = rule.changes.iter().map(as_json).collect();
    json!({"rule": rule.rule, "changes": changes, "params": rule.params})
}

fn as_json(change: &Change) -> Json {
    json!({
        "part": change.part.as_str(),
        "id": change.id,
        "key": change.key,
        "old": change.old,
        "new": change.new,
    })
}
