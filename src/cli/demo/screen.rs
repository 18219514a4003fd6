//! What a person sees: on a terminal a table redrawn in place, else a line for each alert.

use super::lag::Lag;
use crate::cli::alerts::{Alert, minutes};
use crate::cli::output::{self, BOLD, Table};
use crate::cli::tree::Labels;
use crate::cli::writer::Writer;
use crate::types::{SmolStr, StreamTime};
use console::Term;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time between two lines about the run, without a terminal.
const NEWS: Duration = Duration::from_secs(10);
/// Columns below which the table says less.
const NARROW: usize = 90;
/// Lines of the screen that are not the table's.
const FRAME_LINES: usize = 5;

pub(super) struct Screen {
    pub(super) labels: Labels,
    address: String,
    households: u32,
    term: Term,
    /// Widths of the lines drawn last.
    drawn: Vec<usize>,
    open: BTreeMap<SmolStr, Alert>,
    began: Instant,
    before: (Instant, u64),
    rate: u64,
}

impl Screen {
    pub(super) fn new(labels: Labels, address: String, households: u32) -> Self {
        let now = Instant::now();
        Self {
            labels,
            address,
            households,
            term: Term::stdout(),
            drawn: Vec::new(),
            open: BTreeMap::new(),
            began: now,
            before: (now, 0),
            rate: 0,
        }
    }

    /// What everybody should know first.
    pub(super) fn opening(&self) {
        let address = &self.address;
        output::note(format_args!(
            "embedded broker at {address}: it keeps nothing, and on it the stages are at-least-once"
        ));
        output::note(format_args!("look in with: kcat -b {address} -t alerts.crisis -C -f '%k %h\\n'"));
        output::note(format_args!(
            "a synthetic city of {} households; nobody in it is real",
            self.households
        ));
    }

    /// Takes an alert's revision in.
    pub(super) fn take(&mut self, alert: &Alert, now: StreamTime) {
        if !self.term.is_term() && alert.text("change") != "amended" {
            output::line(format_args!("{}", self.as_line(alert, now)));
        }
        if alert.is_open() {
            self.open.insert(alert.id(), alert.clone());
        } else {
            self.open.remove(&alert.id());
        }
    }

    fn as_line(&self, alert: &Alert, now: StreamTime) -> String {
        let change = self.labels.of_code("change", alert.text("change"));
        let deadline = alert.deadline().map_or_else(String::new, |at| format!("  기한 {}", minutes(at)));
        let (level, region, title) = (alert.level(&self.labels), region(alert), alert.text("rule_title"));
        format!("{}  {change}  {level}  {region}  {title}: {}{deadline}", minutes(now), alert.why())
    }

    /// Draws, if it is time; the last time for good.
    pub(super) fn draw(&mut self, writer: &Writer, lag: &Lag, last: bool) {
        let since = self.before.0.elapsed();
        if since >= Duration::from_secs(1) {
            let written = writer.told.records - self.before.1;
            self.rate = u64::try_from(u128::from(written) * 1000 / since.as_millis().max(1)).unwrap_or(0);
            self.before = (Instant::now(), writer.told.records);
        }
        let news = format!(
            "{}  기록 {} ({}/s)  알림 {}  진행 중 {}  밀림 {}건",
            minutes(writer.households()),
            writer.told.records,
            self.rate,
            writer.told.alerts,
            self.open.len(),
            lag.records
        );
        if self.term.is_term() {
            self.redraw(&news);
        } else if last || self.began.elapsed() >= NEWS {
            self.began = Instant::now();
            output::note(format_args!("{news}"));
        }
    }

    fn redraw(&mut self, news: &str) {
        let (height, width) = (usize::from(self.term.size().0), output::width());
        let rows = height.saturating_sub(FRAME_LINES).clamp(3, 30);
        let mut open: Vec<&Alert> = self.open.values().collect();
        open.sort_by_key(|alert| alert.order());
        // Where there is no room, why comes before where.
        let mut table = if width < NARROW {
            Table::new(["단계", "기한", "사유"])
        } else {
            Table::new(["단계", "상태", "기한", "지역", "사유"])
        };
        for alert in open.iter().take(rows) {
            let (level, why) =
                (alert.level(&self.labels), format!("{}: {}", alert.text("rule_title"), alert.why()));
            let deadline = alert.deadline().map_or_else(|| String::from("-"), minutes);
            if width < NARROW {
                table.row([level, deadline.get(5..).unwrap_or(&deadline).to_owned(), why]);
            } else {
                let status = self.labels.of_code("status", alert.text("status")).to_owned();
                table.row([level, status, deadline, region(alert).to_owned(), why]);
            }
        }
        let mut lines = vec![format!("{BOLD}{}{BOLD:#}", console::truncate_str(news, width, "…"))];
        lines.extend(table.lines(width));
        if open.len() > rows {
            lines.push(format!("… 외 {}건", open.len() - rows));
        }
        // The cursor moves even where colour is unwanted, so it is not left to the colour filter. A terminal that is gone
        // cannot be told so.
        let _gone = self.term.clear_last_lines(rows_of(&self.drawn, width).min(height.saturating_sub(1)));
        for text in &lines {
            output::line(format_args!("{text}"));
        }
        self.drawn = lines.iter().map(|text| console::measure_text_width(text)).collect();
    }
}

/// Where the alert belongs, as far as it is known.
fn region(alert: &Alert) -> &str {
    match alert.region() {
        "" => "-",
        region => region,
    }
}

/// Rows that lines take on the screen, which may have become narrower since.
fn rows_of(drawn: &[usize], width: usize) -> usize {
    drawn.iter().map(|line| line.div_ceil(width.max(1)).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::rows_of;

    #[test]
    fn a_line_takes_more_rows_once_the_terminal_is_narrower() {
        let drawn = [0, 40, 80, 81];
        assert_eq!(rows_of(&drawn, 100), 4);
        assert_eq!(rows_of(&drawn, 80), 5);
        assert_eq!(rows_of(&drawn, 40), 7);
        assert_eq!(rows_of(&[], 40), 0);
    }
}
