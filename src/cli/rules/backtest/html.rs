//! A backtest as one page for a browser: no script, nothing from outside, plots as SVG. Korean first, as its readers are.

use super::{Asked, tables};
use crate::cli::alerts::minutes;
use crate::cli::tree::Labels;
use crate::contracts::Contracts;
use crate::engine::layout::ALERTS_TOPIC;
use crate::replay::backtest::{Change, Comparison, Life, Measured, Tally};
use crate::sim::score::Part;
use crate::types::{Day, SmolStr};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Changes that the page lists; JSON holds all.
const LISTED: usize = 200;

const STYLE: &str = "\
:root{--old:#8a94a6;--new:#1f6feb;--up:#1a7f37;--down:#c93c37;--line:#d8dee4;--ink:#1f2328}
@media(prefers-color-scheme:dark){:root{--old:#8b949e;--new:#58a6ff;--up:#3fb950;--down:#f85149;--line:#30363d;--ink:#e6edf3}\
body{background:#0d1117}}
body{font:15px/1.6 system-ui,'Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR',sans-serif;color:var(--ink);\
max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}small,.en{color:var(--old);font-weight:400}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child,.words td,.words th{text-align:left}
.up{color:var(--up)}.down{color:var(--down)}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--ink)}
.old{fill:var(--old);stroke:var(--old)}.new{fill:var(--new);stroke:var(--new)}.appear{fill:var(--up)}.vanish{fill:var(--down)}
polyline{fill:none!important;stroke-width:2}.axis{stroke:var(--line)}";

/// The whole page; the same report gives the same bytes.
pub(super) fn page(asked: &Asked, comparison: &Comparison, contracts: &Contracts) -> String {
    let labels = Labels::of(contracts, ALERTS_TOPIC);
    let mut page = Page { out: String::new(), labels };
    page.put(format_args!(
        "<!doctype html>\n<html lang=\"ko\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>규칙 비교 결과</title><style>{STYLE}</style></head><body>\n"
    ));
    page.head(asked, comparison);
    if let Some((old, new)) = &comparison.measured {
        page.measured(old, new);
    }
    page.days(&comparison.days);
    for (by, tallies) in tables(asked, comparison) {
        let (title, english) = match by.as_str() {
            "rule" => (String::from("규칙별"), "by rule"),
            "region" => (String::from("지역별"), "by region"),
            other => {
                let label = contracts.fact(other).map_or(other, |fact| fact.field.label.as_str());
                (format!("가구 {label}별"), "by group of household")
            }
        };
        page.tallies(&title, english, tallies);
    }
    page.changes(&comparison.changes);
    page.put(format_args!("</body></html>\n"));
    page.out
}

struct Page {
    out: String,
    labels: Labels,
}

impl Page {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _infallible = self.out.write_fmt(text);
    }

    fn heading(&mut self, title: &str, english: &str) {
        self.put(format_args!("<h2>{} <small>{english}</small></h2>\n", escaped(title)));
    }

    fn head(&mut self, asked: &Asked, comparison: &Comparison) {
        let Tally { old, new, appear, vanish, graver, milder, .. } = comparison.all;
        let (old_alone, both, new_alone) = comparison.households;
        let day = |day: Option<Day>| day.map_or_else(|| String::from("…"), |day| day.to_string());
        self.put(format_args!(
            "<h1>규칙 비교 결과 <small>rules backtest</small></h1>\n<table class=\"words\">"
        ));
        for (label, english, value) in [
            ("이전 규칙", "old", asked.old.clone()),
            ("새 규칙", "new", asked.new.clone()),
            ("기간", "span", format!("{} – {}", day(asked.span.from), day(asked.span.to))),
            ("알림", "alerts", format!("{old} → {new}")),
            ("새로 생기는 알림", "appear", appear.to_string()),
            ("없어지는 알림", "vanish", vanish.to_string()),
            ("단계가 오르는 알림 / 내리는 알림", "graver / milder", format!("{graver} / {milder}")),
            (
                "가구: 이전만 / 둘 다 / 새 규칙만",
                "households: old alone / both / new alone",
                format!("{old_alone} / {both} / {new_alone}"),
            ),
        ] {
            self.put(format_args!(
                "<tr><th>{label} <small>{english}</small></th><td>{}</td></tr>",
                escaped(&value)
            ));
        }
        self.put(format_args!("</table>\n"));
    }

    fn measured(&mut self, old: &Measured, new: &Measured) {
        self.heading("숨은 사실과 비교 (합성 도시)", "beside the hidden truth of a synthetic city");
        self.put(format_args!(
            "<table><tr><th></th><th>이전 <small>old</small></th><th>새 <small>new</small></th></tr>"
        ));
        let part = |part: &Part| escaped(part.to_string().trim());
        for (label, english, old, new) in [
            ("정밀도", "precision", &old.precision, &new.precision),
            ("재현율", "recall", &old.recall, &new.recall),
        ] {
            self.put(format_args!(
                "<tr><td>{label} <small>{english}</small></td><td>{}</td><td>{}</td></tr>",
                part(old),
                part(new)
            ));
        }
        self.put(format_args!("</table>\n"));
    }

    /// Openings by day, summed: where the lines part, the packs do.
    fn days(&mut self, days: &BTreeMap<Day, (u64, u64)>) {
        let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else {
            return;
        };
        self.heading("열린 알림의 누계", "alerts opened, summed");
        let (width, height, left, bottom) = (900_u64, 260_u64, 50_u64, 24_u64);
        let span = u64::try_from(last.since(*first)).unwrap_or(0).max(1);
        let (old_all, new_all) = days.values().fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
        let most = old_all.max(new_all).max(1);
        let x = |day: &Day| left + u64::try_from(day.since(*first)).unwrap_or(0) * (width - left - 10) / span;
        let y = |sum: u64| height - bottom - sum * (height - bottom - 20) / most;
        self.put(format_args!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"열린 알림의 누계\">"
        ));
        let (low, high) = (y(0), y(most));
        let right = width - 10;
        self.put(format_args!(
            "<line class=\"axis\" x1=\"{left}\" y1=\"{low}\" x2=\"{right}\" y2=\"{low}\"/>\
             <text x=\"0\" y=\"{}\">{most}</text><text x=\"0\" y=\"{low}\">0</text>\
             <text x=\"{left}\" y=\"{height}\">{first}</text>\
             <text x=\"{right}\" y=\"{height}\" text-anchor=\"end\">{last}</text>",
            high + 10
        ));
        for (class, label, column, pick) in [
            ("old", "이전 old", 0, (|day: &(u64, u64)| day.0) as fn(&(u64, u64)) -> u64),
            ("new", "새 new", 1, |day: &(u64, u64)| day.1),
        ] {
            let mut sum = 0;
            let mut points = String::new();
            for (day, counts) in days {
                sum += pick(counts);
                let _infallible = write!(points, "{},{} ", x(day), y(sum));
            }
            let at = left + 10 + column * 120;
            self.put(format_args!(
                "<polyline class=\"{class}\" points=\"{}\"/><rect class=\"{class}\" x=\"{at}\" y=\"4\" width=\"12\" height=\"12\"/>\
                 <text x=\"{}\" y=\"14\">{label} {sum}</text>",
                points.trim_end(),
                at + 18
            ));
        }
        self.put(format_args!("</svg>\n"));
    }

    fn tallies(&mut self, title: &str, english: &str, tallies: &BTreeMap<SmolStr, Tally>) {
        self.heading(title, english);
        self.bars(tallies);
        self.put(format_args!("<table><tr><th></th>"));
        for (label, english) in [
            ("이전", "old"),
            ("새", "new"),
            ("생김", "appear"),
            ("없어짐", "vanish"),
            ("오름", "graver"),
            ("내림", "milder"),
            ("빨라짐", "earlier"),
            ("늦어짐", "later"),
        ] {
            self.put(format_args!("<th>{label}<br><small>{english}</small></th>"));
        }
        self.put(format_args!("</tr>"));
        for (name, tally) in tallies {
            let Tally { old, new, appear, vanish, graver, milder, earlier, later } = tally;
            self.put(format_args!(
                "<tr><td>{}</td><td>{old}</td><td>{new}</td><td class=\"up\">{appear}</td><td class=\"down\">{vanish}</td>\
                 <td>{graver}</td><td>{milder}</td><td>{earlier}</td><td>{later}</td></tr>",
                name_of(name)
            ));
        }
        self.put(format_args!("</table>\n"));
    }

    /// What appears to the right, what vanishes to the left.
    fn bars(&mut self, tallies: &BTreeMap<SmolStr, Tally>) {
        let moved: Vec<_> = tallies.iter().filter(|(_, tally)| tally.appear + tally.vanish > 0).collect();
        let Some(most) = moved.iter().map(|(_, tally)| tally.appear.max(tally.vanish)).max() else { return };
        let (row, middle, reach) = (22_u64, 580_u64, 270_u64);
        let height = row * moved.len() as u64 + 4;
        self.put(format_args!(
            "<svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"생기고 없어지는 알림\">"
        ));
        for (at, (name, tally)) in moved.iter().enumerate() {
            let y = row * at as u64 + 4;
            let (appear, vanish) = (tally.appear * reach / most, tally.vanish * reach / most);
            self.put(format_args!(
                "<text x=\"0\" y=\"{}\">{}</text>\
                 <rect class=\"vanish\" x=\"{}\" y=\"{y}\" width=\"{vanish}\" height=\"14\"/>\
                 <rect class=\"appear\" x=\"{middle}\" y=\"{y}\" width=\"{appear}\" height=\"14\"/>",
                y + 12,
                name_of(name),
                middle - vanish
            ));
        }
        self.put(format_args!(
            "<line class=\"axis\" x1=\"{middle}\" y1=\"0\" x2=\"{middle}\" y2=\"{height}\"/></svg>\n"
        ));
    }

    fn changes(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            self.put(format_args!(
                "<p>두 규칙이 같은 알림을 냅니다. <small>Both tell the same.</small></p>\n"
            ));
            return;
        }
        self.heading("달라지는 알림", "what differs");
        self.put(format_args!(
            "<table class=\"words\"><tr><th>변화</th><th>규칙</th><th>가구</th><th>이전</th><th>새</th></tr>"
        ));
        for change in changes.iter().take(LISTED) {
            let Some(life) = change.life() else { continue };
            let (old, new) = (self.side(change.old.as_ref()), self.side(change.new.as_ref()));
            let (word, class) = word(change);
            self.put(format_args!(
                "<tr><td class=\"{class}\">{word}</td><td>{}</td><td>{}</td><td>{old}</td><td>{new}</td></tr>",
                escaped(&life.rule),
                escaped(&life.household)
            ));
        }
        self.put(format_args!("</table>\n"));
        if changes.len() > LISTED {
            let more = changes.len() - LISTED;
            self.put(format_args!(
                "<p>그 밖에 {more}건 <small>and {more} more: --format json lists all</small></p>\n"
            ));
        }
    }

    fn side(&self, life: Option<&Life>) -> String {
        let Some(life) = life else { return String::from("–") };
        let label = |level: &SmolStr| escaped(self.labels.of_code("level", level));
        let opened = minutes(life.opened);
        if life.level == life.gravest {
            format!("{opened} {}", label(&life.level))
        } else {
            format!("{opened} {} → {}", label(&life.level), label(&life.gravest))
        }
    }
}

fn word(change: &Change) -> (&'static str, &'static str) {
    match change.word() {
        "appears" => ("생김", "up"),
        "vanishes" => ("없어짐", "down"),
        "graver" => ("오름", "up"),
        "milder" => ("내림", "down"),
        "earlier" => ("빨라짐", "up"),
        _ => ("늦어짐", "down"),
    }
}

fn name_of(name: &str) -> String {
    if name.is_empty() { String::from("–") } else { escaped(name) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::builtin;
    use crate::replay::backtest::{Span, compare};
    use crate::types::StreamTime;

    fn life(rule: &str, household: &str, day: i32) -> Life {
        Life {
            id: SmolStr::new(format!("{rule}-{household}-{day}")),
            rule: SmolStr::new(rule),
            household: SmolStr::new(household),
            region: SmolStr::new("11680"),
            group: None,
            opened: Day(20_514 + day).start(),
            level: SmolStr::new("watch"),
            gravest: SmolStr::new("high"),
            ended: Some(StreamTime(Day(20_514 + day + 9).start().0)),
        }
    }

    /// Every tag that is opened is closed, in order; of those that stand alone none is left open.
    fn is_balanced(page: &str) -> Result<(), String> {
        const ALONE: [&str; 4] = ["!doctype", "meta", "br", "?"];
        let mut open = Vec::new();
        for part in page.split('<').skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default();
            match tag {
                _ if ALONE.contains(&name) || tag.ends_with('/') => {}
                tag if tag.starts_with('/') => match open.pop() {
                    Some(known) if known == name => {}
                    other => return Err(format!("</{name}> closes {other:?}")),
                },
                _ => open.push(name),
            }
        }
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
    }

    #[test]
    fn a_page_is_whole_in_itself_and_carries_names_as_text() {
        let asked = Asked {
            old: String::from("<old> & \"rules\""),
            new: String::from("new"),
            span: Span::default(),
            group: None,
        };
        let old = vec![life("crisis.a", "h1", 0), life("crisis.<b>", "h2", 3)];
        let new = vec![life("crisis.a", "h1", 0), life("crisis.a", "h3", 5)];
        let comparison = compare(old, new, Span::default(), None);
        let page = page(&asked, &comparison, &builtin());
        assert_eq!(is_balanced(&page), Ok(()), "{page}");
        for outside in ["http:", "https:", "src=", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside} leads outside");
        }
        assert!(page.contains("&lt;old&gt; &amp; &quot;rules&quot;") && !page.contains("crisis.<b>"));
        for part in
            ["생김", "없어짐", "h3", "crisis.&lt;b&gt;", "<polyline", "class=\"appear\"", "관심 → 주의"]
        {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert_eq!(page, super::page(&asked, &comparison, &builtin()));
    }
}
