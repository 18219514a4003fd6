//! A backtest for a terminal.

use super::{Asked, tables};
use crate::cli::alerts::minutes;
use crate::cli::output::{self, BOLD, Table};
use crate::replay::backtest::{Change, Comparison, Life, Measured, Tally};
use crate::sim::score::Part;

/// Changes that are listed; JSON holds all.
const LISTED: usize = 20;

pub(super) fn tell(asked: &Asked, comparison: &Comparison) {
    output::line(format_args!("old  {}\nnew  {}\n", asked.old, asked.new));
    for (by, tallies) in tables(asked, comparison) {
        let mut table = Table::new([
            by.to_uppercase().as_str(),
            "OLD",
            "NEW",
            "APPEAR",
            "VANISH",
            "GRAVER",
            "MILDER",
            "EARLIER",
            "LATER",
        ]);
        for (name, tally) in tallies {
            row(&mut table, if name.is_empty() { "-" } else { name }, tally);
        }
        if by == "rule" {
            row(&mut table, "all", &comparison.all);
        }
        table.print();
        output::line(format_args!(""));
    }
    let (old, both, new) = comparison.households;
    output::line(format_args!("households  {old} of the old alone, {both} of both, {new} of the new alone"));
    if let Some((old, new)) = &comparison.measured {
        measured(old, new);
    }
    list(&comparison.changes);
}

fn row(table: &mut Table, name: &str, tally: &Tally) {
    let Tally { old, new, appear, vanish, graver, milder, earlier, later } = tally;
    let counts = [old, new, appear, vanish, graver, milder, earlier, later].map(u64::to_string);
    let [old, new, appear, vanish, graver, milder, earlier, later] = counts;
    table.row([name.to_owned(), old, new, appear, vanish, graver, milder, earlier, later]);
}

fn measured(old: &Measured, new: &Measured) {
    output::line(format_args!(""));
    let mut table = Table::new(["BESIDE THE TRUTH", "OLD", "NEW"]);
    let part = |part: &Part| part.to_string().trim().to_owned();
    table.row([String::from("precision"), part(&old.precision), part(&new.precision)]);
    table.row([String::from("recall"), part(&old.recall), part(&new.recall)]);
    let rules: std::collections::BTreeSet<_> = old.by_rule.keys().chain(new.by_rule.keys()).collect();
    for rule in rules {
        let of = |side: &Measured| part(&side.by_rule.get(rule).copied().unwrap_or_default());
        table.row([format!("  {rule}"), of(old), of(new)]);
    }
    table.print();
}

fn list(changes: &[Change]) {
    if changes.is_empty() {
        output::line(format_args!("\nboth tell the same"));
        return;
    }
    output::line(format_args!("\n{BOLD}what differs{BOLD:#}"));
    let mut table = Table::new(["CHANGE", "RULE", "HOUSEHOLD", "OLD", "NEW"]);
    for change in changes.iter().take(LISTED) {
        let Some(life) = change.life() else { continue };
        let (rule, household) = (life.rule.to_string(), life.household.to_string());
        table.row([
            change.word().to_owned(),
            rule,
            household,
            side(change.old.as_ref()),
            side(change.new.as_ref()),
        ]);
    }
    table.print();
    if changes.len() > LISTED {
        output::note(format_args!("{} more; --format json lists all", changes.len() - LISTED));
    }
}

fn side(life: Option<&Life>) -> String {
    let Some(life) = life else { return String::from("-") };
    let level = if life.level == life.gravest {
        life.level.to_string()
    } else {
        format!("{} → {}", life.level, life.gravest)
    };
    format!("{} {level}", minutes(life.opened))
}
