//! A backtest for a program.

use super::{Asked, tables};
use crate::replay::backtest::{Change, Comparison, Life, Measured, Tally};
use crate::sim::score::Part;
use serde_json::{Value as Json, json};

pub(super) fn as_json(asked: &Asked, comparison: &Comparison) -> Json {
    let by = |(by, tallies): (String, &std::collections::BTreeMap<_, _>)| {
        let lines = tallies.iter().map(|(name, one): (&crate::types::SmolStr, &Tally)| {
            let mut line = tally(one);
            line["name"] = json!(name);
            line
        });
        (by, lines.collect::<Vec<_>>().into())
    };
    let days = comparison
        .days
        .iter()
        .map(|(day, (old, new))| json!({"day": day.to_string(), "old": old, "new": new}));
    let (old, both, new) = comparison.households;
    json!({
        "old": asked.old,
        "new": asked.new,
        "from": asked.span.from.map(|day| day.to_string()),
        "to": asked.span.to.map(|day| day.to_string()),
        "all": tally(&comparison.all),
        "by": tables(asked, comparison).into_iter().map(by).collect::<serde_json::Map<String, Json>>(),
        "days": days.collect::<Vec<_>>(),
        "households": {"old_alone": old, "both": both, "new_alone": new},
        "measured": comparison.measured.as_ref().map(|(old, new)| json!({"old": measured(old), "new": measured(new)})),
        "changes": comparison.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn tally(tally: &Tally) -> Json {
    let Tally { old, new, appear, vanish, graver, milder, earlier, later } = tally;
    json!({
        "old": old, "new": new, "appear": appear, "vanish": vanish,
        "graver": graver, "milder": milder, "earlier": earlier, "later": later,
    })
}

fn measured(measured: &Measured) -> Json {
    let part = |part: &Part| json!({"right": part.right, "all": part.all, "permille": part.permille()});
    let rules = measured.by_rule.iter().map(|(rule, of_rule)| (rule.to_string(), part(of_rule)));
    json!({
        "precision": part(&measured.precision),
        "recall": part(&measured.recall),
        "precision_by_rule": rules.collect::<serde_json::Map<String, Json>>(),
    })
}

fn change(change: &Change) -> Json {
    let side = |life: &Life| {
        json!({
            "alert": life.id,
            "opened": life.opened.to_string(),
            "level": life.level,
            "gravest": life.gravest,
            "ended": life.ended.map(|at| at.to_string()),
        })
    };
    let life = change.life();
    json!({
        "change": change.word(),
        "rule": life.map(|life| &life.rule),
        "household": life.map(|life| &life.household),
        "region": life.map(|life| &life.region),
        "group": life.and_then(|life| life.group.as_ref()),
        "old": change.old.as_ref().map(side),
        "new": change.new.as_ref().map(side),
    })
}
