//! What came of it: alerts by rule and level, what became of them, an example of each, dead letters.

use crate::cli::alerts::{Alert, LEVELS};
use crate::cli::output::{self, BOLD, Table};
use crate::cli::tree::Labels;
use crate::cli::writer::Writer;
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The newest level of each alert that ever opened, with its rule and title.
    alerts: BTreeMap<SmolStr, (SmolStr, String, SmolStr)>,
    /// Revisions by what happened.
    changes: BTreeMap<SmolStr, u64>,
    /// The first alert to which it happened.
    examples: BTreeMap<SmolStr, Alert>,
}

/// What a newcomer should have seen at least once.
const TO_SHOW: [&str; 4] = ["opened", "escalated", "withdrawn", "suppressed"];

impl Summary {
    pub(super) fn take(&mut self, alert: &Alert) {
        let (rule, level, change) = (alert.text("rule"), alert.text("level"), alert.text("change"));
        let about = (SmolStr::new(rule), alert.text("rule_title").to_owned(), SmolStr::new(level));
        self.alerts.insert(alert.id(), about);
        *self.changes.entry(SmolStr::new(change)).or_insert(0) += 1;
        if TO_SHOW.contains(&change) {
            self.examples.entry(SmolStr::new(change)).or_insert_with(|| alert.clone());
        }
    }

    pub(super) fn print(
        &self,
        labels: &Labels,
        writer: &Writer,
        letters: &BTreeMap<String, u64>,
        took: Duration,
    ) {
        let told = writer.told;
        output::line(format_args!(
            "\n{BOLD}{}{BOLD:#} 까지, {} s, 기록 {}, 알림 {} (개정 {})",
            told.declared.day(),
            took.as_secs(),
            told.records,
            self.alerts.len(),
            told.alerts
        ));
        self.by_rule(labels).print();
        let changes = self
            .changes
            .iter()
            .map(|(change, count)| format!("{} {count}", labels.of_code("change", change)));
        output::line(format_args!("\n{}", changes.collect::<Vec<_>>().join(" · ")));
        for change in TO_SHOW {
            if let Some(alert) = self.examples.get(change) {
                let (name, title) = (labels.of_code("change", change), alert.text("rule_title"));
                output::line(format_args!("  예) {name}: {title}: {}", example(change, alert)));
            }
        }
        let letters: Vec<String> = letters.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let letters = if letters.is_empty() { String::from("none") } else { letters.join(", ") };
        output::line(format_args!("dead letters: {letters}"));
    }

    fn by_rule(&self, labels: &Labels) -> Table {
        let mut counts: BTreeMap<(&SmolStr, &String), [u64; 3]> = BTreeMap::new();
        for (rule, title, level) in self.alerts.values() {
            let counts = counts.entry((rule, title)).or_default();
            if let Some(at) = LEVELS.iter().position(|known| known == level) {
                counts[at] += 1;
            }
        }
        let [critical, high, watch] = LEVELS.map(|level| labels.of_code("level", level));
        let mut table = Table::new(["규칙", critical, high, watch, "이름"]);
        for ((rule, title), [critical, high, watch]) in counts {
            table.row([
                rule.to_string(),
                critical.to_string(),
                high.to_string(),
                watch.to_string(),
                title.clone(),
            ]);
        }
        table
    }
}

/// What is told of an example: why it was raised, taken back or held.
fn example(change: &str, alert: &Alert) -> String {
    match change {
        "escalated" => format!("{} → {}", alert.why(), alert.text("escalation.to")),
        "withdrawn" => format!("{} ({})", alert.text("reason_code"), alert.text("because")),
        "suppressed" => format!("{} ({})", alert.text("suppression.reason"), alert.text("suppression.rule")),
        _ => alert.why(),
    }
}
