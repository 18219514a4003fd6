//! `ieum rules explain`: an alert derived again from a recorded log, and beside what its record carried.

use super::why_not::{Asked, Form, Page, as_json, begins_late, page};
use crate::cli::alerts::Alert;
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::output::{self, BOLD, RED};
use crate::cli::recorded::{LogArgs, Recording, point, stuck};
use crate::cli::tree::{self, Labels};
use crate::contracts::Contracts;
use crate::engine::layout::ALERTS_TOPIC;
use crate::engine::task::PackSource;
use crate::replay::whynot::{Answer, now};
use crate::replay::{Machine, Said, Scope, Told};
use crate::rules::plan::Pack;
use crate::types::{PackHash, SmolStr, StreamTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tell why an alert was told: derive it again from a recorded log.
///
/// The whole log is replayed through the task that runs in production until the alert comes. It is shown as it was told last,
/// with what each condition of its rule saw at that moment.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum rules explain 1f3a9c --log march.log\n  \
                        ieum rules explain 1f3a9c --at 2026-03-20 --log march.log --alerts march-alerts.log\n\n\
                        With --alerts every revision that was recorded is compared with the one derived: level, status, and each\n\
                        reason with its mark, number and evidence.\n\n\
                        Exit codes: 0 explained, 1 the log leads to no such alert, or what was recorded differs.")]
pub(super) struct ExplainArgs {
    /// Id of the alert, or the beginning of it.
    #[arg(value_name = "ALERT")]
    id: String,
    /// As it was told by then; without it: as it was told last.
    #[arg(long, value_name = "TIME", value_parser = point)]
    at: Option<StreamTime>,
    #[command(flatten)]
    log: LogArgs,
    /// Compare with the alerts of this recording (`ieum log record --topic alerts.crisis`).
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Derive by these rules, as if they had decided from the first record on.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// What a replay came to.
struct Derived {
    /// Every revision, in order.
    told: Vec<Told>,
    /// What the conditions said right behind the last; none if its rule is in the pack no longer.
    answer: Option<(Answer, Arc<Pack>)>,
}

pub(super) fn run(args: &ExplainArgs) -> Outcome {
    let source = args.log.source()?;
    let Asked { contracts, mut recording, packs, forced } = Asked::open(&source, args.rules.as_deref())?;
    let scope = Scope { pack: forced, household: None, until: args.at };
    let derived = derive(&mut recording, &args.id, &contracts, &packs, scope)?;
    let Some(last) = derived.told.last() else {
        let told = format!(
            "the log leads to no alert {:?}; ids stand in \"ieum rules backtest --format json\"",
            args.id
        );
        return Err(Stop::new(Exit::Found, told));
    };
    let recorded = args.alerts.as_deref().map(|path| recorded(path, &last.id, &contracts)).transpose()?;
    let differences = recorded.as_ref().map(|recorded| differences(&derived.told, recorded, args.at));
    match args.format {
        Form::Json => output::json(&document(&derived, last, differences.as_deref())),
        Form::Text => tell(&derived, last, &contracts, differences.as_deref()),
    }
    Ok(if differences.is_some_and(|found| !found.is_empty()) { Exit::Found } else { Exit::Ok })
}

/// Replays the log; each time the alert is told, its conditions are looked at.
fn derive(
    recording: &mut Recording,
    id: &str,
    contracts: &Arc<Contracts>,
    packs: &Arc<dyn PackSource>,
    scope: Scope,
) -> Result<Derived, Stop> {
    let machine = Machine::new(contracts, recording.header.partitions, Arc::clone(packs), scope);
    let mut machine = machine.map_err(|told| Stop::new(Exit::Found, told))?;
    let mut derived = Derived { told: Vec::new(), answer: None };
    let mut take = |machine: &Machine, outputs: &mut dyn Iterator<Item = Told>| -> Result<(), Stop> {
        for told in outputs.filter(|told| told.id.starts_with(id)) {
            if derived.told.last().is_some_and(|known| known.id != told.id) {
                return Err(Stop::new(
                    Exit::Found,
                    format!("several alerts begin with {id:?}; write more of the id"),
                ));
            }
            let hash: Option<PackHash> = tree::text(&told.tree, "pack").parse().ok();
            let pack = hash.and_then(|hash| packs.pack(&hash));
            let answer = pack.and_then(|pack| {
                let rule = pack.crisis.iter().find(|rule| told.is_of(&rule.id))?;
                Some((now(machine, contracts, &pack, rule, &told.household)?, Arc::clone(&pack)))
            });
            derived.answer = answer;
            derived.told.push(told);
        }
        Ok(())
    };
    while let Some((partition, record)) = recording.next()? {
        let outputs = machine.handle(partition, &record).map_err(|s| stuck(&s))?;
        take(&machine, &mut outputs.iter().filter_map(|output| Told::of(contracts, output)))?;
        if machine.is_over(recording.header.partitions) {
            break;
        }
    }
    let outputs = machine.settle().map_err(|s| stuck(&s))?;
    take(&machine, &mut outputs.iter().filter_map(|(_, output)| Told::of(contracts, output)))?;
    begins_late(&machine);
    Ok(derived)
}

/// The recorded revisions of an alert.
fn recorded(path: &Path, id: &SmolStr, contracts: &Contracts) -> Result<Vec<Told>, Stop> {
    let mut recording = Recording::open(path, ALERTS_TOPIC)?;
    let mut told = Vec::new();
    while let Some((_, record)) = recording.next()? {
        let value = record.value.as_deref().unwrap_or_default();
        told.extend(
            Told::read(contracts, ALERTS_TOPIC, value, &record.headers).filter(|told| told.id == *id),
        );
    }
    Ok(told)
}

/// What was recorded and is not derived so, one line each. A recording that ends earlier or later is no difference.
fn differences(derived: &[Told], recorded: &[Told], until: Option<StreamTime>) -> Vec<String> {
    let mut found = Vec::new();
    if recorded.is_empty() {
        found.push(String::from("the recording holds no revision of it"));
    }
    for told in recorded.iter().filter(|told| until.is_none_or(|until| told.at <= until)) {
        let number = told.revision;
        let Some(again) = derived.iter().find(|again| again.revision == number) else {
            found.push(format!("revision {number} ({}) was recorded and is not derived", told.change));
            continue;
        };
        for (what, was, is) in [
            ("change", &told.change, &again.change),
            ("status", &told.status, &again.status),
            ("level", &told.level, &again.level),
        ] {
            if was != is {
                found.push(format!("revision {number}, {what}: recorded {was}, derived {is}"));
            }
        }
        for reason in &told.reasons {
            let same = again.reasons.iter().find(|known| known.id == reason.id);
            if same != Some(reason) {
                let (was, is) = (said(reason), same.map_or_else(|| String::from("nothing"), said));
                found.push(format!("revision {number}, reason {}: recorded {was}, derived {is}", reason.id));
            }
        }
        let is_known = |id: &SmolStr| told.reasons.iter().any(|known| known.id == *id);
        for reason in again.reasons.iter().filter(|reason| !is_known(&reason.id)) {
            let is = said(reason);
            found.push(format!("revision {number}, reason {}: recorded nothing, derived {is}", reason.id));
        }
    }
    found
}

/// `met 3 [KEPCO/k1, KEPCO/k2]`.
fn said(reason: &Said) -> String {
    let number = reason.number.map_or_else(String::new, |number| format!(" {number}"));
    format!("{}{number} [{}]", reason.mark, reason.evidence.join(", "))
}

fn tell(derived: &Derived, last: &Told, contracts: &Contracts, differences: Option<&[String]>) {
    let labels = Labels::of(contracts, ALERTS_TOPIC);
    output::line(format_args!("{}", Alert::new(last.tree.clone()).page(&labels).trim_end()));
    output::line(format_args!("\n{BOLD}개정 이력{BOLD:#}"));
    for told in &derived.told {
        let change = labels.of_code("change", &told.change);
        let level = labels.of_code("level", &told.level);
        let at = crate::cli::alerts::minutes(told.at);
        output::line(format_args!("  {} {at} {change} {level} ({})", told.revision, told.status));
    }
    if let Some((answer, pack)) = &derived.answer
        && let Some(rule) = pack.crisis.iter().find(|rule| last.is_of(&rule.id))
    {
        output::line(format_args!("\n{BOLD}그때의 조건{BOLD:#}"));
        let household = &last.household;
        output::line(format_args!("{}", page(&Page { answer, contracts, pack, rule, household }).trim_end()));
    }
    match differences {
        None => {}
        Some([]) => output::line(format_args!("\n기록된 알림과 같습니다")),
        Some(found) => {
            output::line(format_args!("\n{RED}기록된 알림과 다릅니다{RED:#}"));
            found.iter().for_each(|line| output::line(format_args!("  {line}")));
        }
    }
}

fn document(derived: &Derived, last: &Told, differences: Option<&[String]>) -> serde_json::Value {
    let revisions = derived.told.iter().map(|told| {
        serde_json::json!({
            "revision": told.revision,
            "at": told.at.to_string(),
            "change": told.change,
            "status": told.status,
            "level": told.level,
        })
    });
    let conditions = derived.answer.as_ref().and_then(|(answer, pack)| {
        let rule = pack.crisis.iter().find(|rule| last.is_of(&rule.id))?;
        Some(as_json(answer, pack, rule, &last.household))
    });
    serde_json::json!({
        "alert": tree::json(&last.tree),
        "revisions": revisions.collect::<Vec<_>>(),
        "conditions": conditions,
        "differences": differences,
    })
}
