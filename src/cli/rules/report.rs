//! `ieum rules report`: what became of the alerts of each rule, and how often somebody needed help.

use crate::cli::alerts::{Alert, decode, newest};
use crate::cli::connect::Connect;
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::output::{self, Table};
use crate::cli::recorded::Recording;
use crate::contracts::{Contracts, Verdict, builtin};
use crate::engine::layout::ALERTS_TOPIC;
use crate::types::{Day, SmolStr};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Report what became of each rule's alerts: its precision by version.
///
/// Counted are alerts as they stand now, under the version of the rule that decided them last. An outcome says that somebody needed
/// help, that nobody did, or neither; which says what stands in topics/casework.actions/topic.toml under "verdicts". Precision is
/// the share of "needed" among those that say either, with the interval in which it lies by chance alone (Wilson, 95 %). Alerts of
/// restricted rules are not counted: they are nobody's statistics.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum rules report --config deploy/local.toml\n  \
                        ieum rules report --from 2026-03-01 --to 2026-03-31 --json\n  \
                        ieum rules report --alerts target/city/alerts.log\n\n\
                        Metrics say the same as it happens: ieum_alerts_closed_total by rule, version and verdict.")]
pub(super) struct Report {
    /// Read this recording (`ieum log record --topic alerts.crisis`, `ieum simulate --record`) instead of a broker.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["brokers", "set"])]
    alerts: Option<PathBuf>,
    #[command(flatten)]
    connect: Connect,
    /// Only alerts about this day or later.
    #[arg(long, value_name = "DATE")]
    from: Option<Day>,
    /// Only alerts about this day or earlier.
    #[arg(long, value_name = "DATE")]
    to: Option<Day>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What became of the alerts of one version of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    alerts: u64,
    /// Somebody has them, or should.
    open: u64,
    /// Held back by a suppression.
    held: u64,
    /// Taken back by the system.
    withdrawn: u64,
    needed: u64,
    not_needed: u64,
    unclear: u64,
}

pub(super) fn run(args: &Report) -> Outcome {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        let told = format!("--from {from} is behind --to {to}\n");
        clap::Error::raw(clap::error::ErrorKind::ValueValidation, told).exit();
    }
    let contracts = builtin();
    let alerts = match &args.alerts {
        Some(path) => recorded(path, &contracts)?,
        None => newest(args.connect.config()?.kafka)?,
    };
    let is_asked_for = |alert: &&Alert| {
        let day = alert.tree().int("occurred_on").and_then(|day| i32::try_from(day).ok()).map(Day);
        args.from.is_none_or(|from| day.is_some_and(|day| day >= from))
            && args.to.is_none_or(|to| day.is_some_and(|day| day <= to))
    };
    let tallies = tallies(alerts.iter().filter(is_asked_for), &contracts);
    if args.json {
        let rules = tallies.iter().map(|((rule, version), tally)| document(rule, *version, tally));
        output::json(&json!({ "rules": rules.collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    let head = [
        "RULE",
        "VERSION",
        "ALERTS",
        "OPEN",
        "HELD",
        "WITHDRAWN",
        "NEEDED",
        "NOT NEEDED",
        "UNCLEAR",
        "PRECISION",
    ];
    let mut table = Table::new(head);
    for ((rule, version), tally) in &tallies {
        let Tally { alerts, open, held, withdrawn, needed, not_needed, unclear } = tally;
        table.row([
            rule.to_string(),
            version.to_string(),
            alerts.to_string(),
            open.to_string(),
            held.to_string(),
            withdrawn.to_string(),
            needed.to_string(),
            not_needed.to_string(),
            unclear.to_string(),
            tally.precision().map_or_else(|| String::from("-"), told),
        ]);
    }
    table.print();
    output::note(format_args!("{} alerts of {} rules and versions", total(&tallies), tallies.len()));
    Ok(Exit::Ok)
}

/// The newest revision of every alert of a recording.
fn recorded(path: &Path, contracts: &Contracts) -> Result<Vec<Alert>, Stop> {
    let mut recording = Recording::open(path, ALERTS_TOPIC)?;
    let mut newest: BTreeMap<SmolStr, Alert> = BTreeMap::new();
    while let Some((_, record)) = recording.next()? {
        let Some(alert) = decode(contracts, ALERTS_TOPIC, record.value.as_deref()) else { continue };
        let known = newest.get(&alert.id()).map_or(0, Alert::revision);
        if alert.revision() >= known {
            newest.insert(alert.id(), alert);
        }
    }
    Ok(newest.into_values().collect())
}

type Tallies = BTreeMap<(SmolStr, i64), Tally>;

fn tallies<'a>(alerts: impl Iterator<Item = &'a Alert>, contracts: &Contracts) -> Tallies {
    let mut tallies = Tallies::new();
    for alert in alerts {
        let version = alert.tree().int("rule_version").unwrap_or(0);
        let tally = tallies.entry((SmolStr::new(alert.text("rule")), version)).or_default();
        tally.alerts += 1;
        match (alert.text("status"), contracts.verdict(alert.text("outcome"))) {
            ("CLOSED", Verdict::Needed) => tally.needed += 1,
            ("CLOSED", Verdict::NotNeeded) => tally.not_needed += 1,
            ("CLOSED", Verdict::Unclear) => tally.unclear += 1,
            ("WITHDRAWN", _) => tally.withdrawn += 1,
            ("SUPPRESSED", _) => tally.held += 1,
            _ => tally.open += 1,
        }
    }
    tallies
}

fn total(tallies: &Tallies) -> u64 {
    tallies.values().map(|tally| tally.alerts).sum()
}

/// A share, and the bounds within which it lies by chance alone.
type Share = (f64, f64, f64);

impl Tally {
    fn precision(&self) -> Option<Share> {
        wilson(self.needed, self.needed + self.not_needed)
    }
}

/// The score interval of Wilson (1927), at 95 %.
fn wilson(hits: u64, of: u64) -> Option<Share> {
    if of == 0 {
        return None;
    }
    let (n, share, z) = (of as f64, hits as f64 / of as f64, 1.96_f64);
    let (middle, scale) = (share + z * z / (2.0 * n), 1.0 + z * z / n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Some((share, ((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)))
}

fn told((share, low, high): Share) -> String {
    format!("{:.0} % ({:.0}–{:.0})", share * 100.0, low * 100.0, high * 100.0)
}

fn document(rule: &str, version: i64, tally: &Tally) -> serde_json::Value {
    let precision =
        tally.precision().map(|(share, low, high)| json!({"share": share, "low": low, "high": high}));
    json!({
        "rule": rule,
        "version": version,
        "alerts": tally.alerts,
        "open": tally.open,
        "held": tally.held,
        "withdrawn": tally.withdrawn,
        "needed": tally.needed,
        "not_needed": tally.not_needed,
        "unclear": tally.unclear,
        "precision": precision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Tree;

    fn alert(rule: &str, version: i64, status: &str, outcome: Option<&str>) -> Alert {
        let text = |text: &str| Tree::Text(SmolStr::new(text));
        let fields = [
            ("rule", text(rule)),
            ("rule_version", Tree::Int(version)),
            ("status", text(status)),
            ("outcome", outcome.map_or(Tree::Null, text)),
        ];
        Alert::new(Tree::Record(fields.map(|(name, value)| (SmolStr::new(name), value)).into()))
    }

    #[test]
    fn each_version_of_a_rule_is_counted_by_what_became_of_its_alerts() {
        let alerts = [
            alert("a", 1, "CLOSED", Some("public_support")),
            alert("a", 1, "CLOSED", Some("not_eligible")),
            alert("a", 1, "CLOSED", Some("refused")),
            alert("a", 1, "CLOSED", Some("a code of tomorrow")),
            alert("a", 2, "CLOSED", Some("referred")),
            alert("a", 2, "CLAIMED", None),
            alert("a", 2, "REOPENED", Some("public_support")),
            alert("b", 1, "WITHDRAWN", None),
            alert("b", 1, "SUPPRESSED", None),
        ];
        let found = tallies(alerts.iter(), &builtin());
        let of = |rule: &str, version| found[&(SmolStr::new(rule), version)].clone();
        let first = Tally { alerts: 4, needed: 1, not_needed: 1, unclear: 2, ..Tally::default() };
        assert_eq!(of("a", 1), first);
        assert_eq!(of("a", 2), Tally { alerts: 3, needed: 1, open: 2, ..Tally::default() });
        assert_eq!(of("b", 1), Tally { alerts: 2, withdrawn: 1, held: 1, ..Tally::default() });
        assert_eq!((of("b", 1).precision(), total(&found)), (None, 9));
    }

    /// Figures of the interval as published tables have them.
    #[test]
    fn an_interval_is_wide_where_little_is_known() {
        for (hits, of, expected) in [
            (0, 10, "0 % (0–28)"),
            (10, 10, "100 % (72–100)"),
            (5, 10, "50 % (24–76)"),
            (500, 1000, "50 % (47–53)"),
        ] {
            assert_eq!(wilson(hits, of).map(told).as_deref(), Some(expected), "{hits} of {of}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
