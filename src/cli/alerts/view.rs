//! An alert's newest revision, as a caseworker reads it.

use crate::cli::output::{BOLD, RED, YELLOW};
use crate::cli::tree::{Labels, text};
use crate::contracts::Tree;
use crate::rules::plan::RESTRICTED_FOLDER;
use crate::types::{Day, SmolStr, StreamTime};
use clap::builder::styling::Style;

/// One revision.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Alert {
    tree: Tree,
}

/// Levels from the gravest; the order of every list.
pub(in crate::cli) const LEVELS: [&str; 3] = ["critical", "high", "watch"];

impl Alert {
    pub(in crate::cli) fn new(tree: Tree) -> Self {
        Self { tree }
    }

    pub(in crate::cli) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(in crate::cli) fn text(&self, field: &str) -> &str {
        text(&self.tree, field)
    }

    pub(in crate::cli) fn id(&self) -> SmolStr {
        SmolStr::new(self.text("id"))
    }

    pub(in crate::cli) fn revision(&self) -> i64 {
        self.tree.int("revision").unwrap_or(0)
    }

    /// Whether it stands in a queue: what an area event holds back stands there too, and may be taken on.
    pub(in crate::cli) fn is_open(&self) -> bool {
        ["OPEN", "REOPENED", "CLAIMED", "CONTACTED", "SUPPRESSED"].contains(&self.text("status"))
    }

    /// By when something is to be done.
    pub(in crate::cli) fn deadline(&self) -> Option<StreamTime> {
        self.tree.int("suggested_action.by").map(StreamTime)
    }

    /// The 행정동 whose queue it is in, else the 시군구.
    pub(in crate::cli) fn region(&self) -> &str {
        let dong = self.text("audience.admin_dong");
        if dong.is_empty() { self.text("audience.sigungu") } else { dong }
    }

    /// Why, on one line: the reasons that hold.
    pub(in crate::cli) fn why(&self) -> String {
        let holds = |reason: &&Tree| reason.flag("met") && !reason.flag("past");
        let said: Vec<&str> =
            self.tree.list("reasons").iter().filter(holds).map(|reason| text(reason, "say")).collect();
        // A list is looked at over shoulders: why a restricted alert is there stands on its page alone.
        if said.is_empty() || self.text("rule") == RESTRICTED_FOLDER {
            self.text("rule_title").to_owned()
        } else {
            said.join(" · ")
        }
    }

    /// Gravest first, then whose time is up first.
    pub(in crate::cli) fn order(&self) -> (usize, StreamTime, SmolStr) {
        let level = LEVELS.iter().position(|level| *level == self.text("level")).unwrap_or(LEVELS.len());
        (level, self.deadline().unwrap_or(StreamTime(i64::MAX)), self.id())
    }

    /// The level as it is shown.
    pub(in crate::cli) fn level(&self, labels: &Labels) -> String {
        let level = self.text("level");
        let style = level_style(level);
        format!("{style}{}{style:#}", labels.of_code("level", level))
    }

    /// Everything, with labels of its contract: why, what is not certain, what would clear it, by when.
    pub(in crate::cli) fn page(&self, labels: &Labels) -> String {
        let mut page = Page::default();
        page.line(format!(
            "{BOLD}{}{BOLD:#}  {}  {}",
            self.text("rule_title"),
            self.level(labels),
            labels.of_code("status", self.text("status"))
        ));
        let change = labels.of_code("change", self.text("change"));
        let because = labels.of_code("because", self.text("because"));
        page.row("개정", &format!("{} ({change}, 계기: {because})", self.revision()));
        page.row("가구", self.text("household"));
        page.row("관할", &format!("{} {}", self.text("audience.role"), self.region()));
        page.row("발생일", &self.tree.int("occurred_on").map_or_else(String::new, day));
        let by = self.deadline().map_or_else(String::new, minutes);
        let action = labels.of_code("suggested_action.action", self.text("suggested_action.action"));
        page.row("권장 조치", &[action, &by].join(" ").trim().replace("  ", " "));
        if !self.text("escalation.step").is_empty() {
            let count = self.tree.int("escalation.count").unwrap_or(1);
            let (to, step) = (self.text("escalation.to"), self.text("escalation.step"));
            page.row("상향 통보", &format!("{to} {count}회째 ({step})"));
        }
        self.reasons(&mut page);
        self.uncertain(&mut page);
        page.row("해소 조건", self.text("clears_when"));
        page.row("담당", self.text("claimed_by"));
        page.row("결과", self.text("outcome"));
        page.row("사유", self.text("reason_code"));
        if self.tree.flag("basis_void") {
            page.row("근거 소멸", "판단 근거가 취소되었습니다. 담당자가 확인하고 종결하십시오.");
        }
        page.row("법적 근거", &self.tree.texts("legal_basis").join(", "));
        page.row("이의 제기", self.text("objection_route"));
        let pack = self.text("pack").get(..12).unwrap_or_default();
        let version = self.tree.int("rule_version").unwrap_or(0);
        page.row("규칙", &format!("{} v{version}, pack {pack}", self.text("rule")));
        page.row("알림 ID", self.text("id"));
        page.text
    }

    fn reasons(&self, page: &mut Page) {
        page.line(String::from("\n판단 근거"));
        for reason in self.tree.list("reasons") {
            let mark = match () {
                () if reason.flag("held") => "보류",
                () if reason.flag("assumed") => "추정",
                () if reason.flag("unknown") => "확인 필요",
                () if reason.flag("past") => "경과",
                () if reason.flag("met") => "충족",
                () => "아님",
            };
            page.line(format!("  [{mark}] {} ({})", text(reason, "say"), text(reason, "id")));
            let (shown, total) = (reason.texts("evidence"), reason.int("evidence_total").unwrap_or(0));
            if !shown.is_empty() {
                let more = total - i64::try_from(shown.len()).unwrap_or(0);
                let rest = if more > 0 { format!(" 외 {more}건") } else { String::new() };
                page.line(format!("         근거 {}{rest}", shown.join(", ")));
            }
        }
        page.line(String::new());
    }

    fn uncertain(&self, page: &mut Page) {
        page.row("확인할 정보", &self.tree.texts("missing_facts").join(", "));
        page.row("지연된 기관", &self.tree.texts("stale_sources").join(", "));
        if let Some(percent) = self.tree.int("match_confidence") {
            page.row("일치 신뢰도", &format!("{percent}%"));
        }
        if self.tree.field("suppression.rule").is_some() {
            let until = self.tree.int("suppression.until").map(StreamTime);
            let until = until.map_or_else(String::new, |at| format!(", {}까지", minutes(at)));
            let (reason, rule) = (self.text("suppression.reason"), self.text("suppression.rule"));
            page.row("보류", &format!("{reason} ({rule}{until})"));
        }
    }
}

/// `2026-03-02 09:00`, in Korean time.
pub(in crate::cli) fn minutes(at: StreamTime) -> String {
    at.to_string().get(..16).unwrap_or_default().replace('T', " ")
}

fn day(number: i64) -> String {
    i32::try_from(number).map_or_else(|_| String::new(), |number| Day(number).to_string())
}

fn level_style(level: &str) -> Style {
    match level {
        "critical" => RED,
        "high" => YELLOW,
        _ => Style::new(),
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, text: String) {
        self.text.push_str(&text);
        self.text.push('\n');
    }

    /// A label and its value; nothing where the value is empty.
    fn row(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.line(format!("{}  {value}", console::pad_str(label, 12, console::Alignment::Left, None)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::builtin;

    fn record<const N: usize>(fields: [(&str, Tree); N]) -> Tree {
        Tree::Record(fields.map(|(name, value)| (SmolStr::new(name), value)).into())
    }

    fn words(text: &str) -> Tree {
        Tree::Text(SmolStr::new(text))
    }

    fn reason(id: &str, say: &str, mark: &str) -> Tree {
        record([("id", words(id)), ("say", words(say)), (mark, Tree::Bool(true))])
    }

    #[test]
    fn a_page_says_why_what_is_not_certain_and_by_when() {
        let labels = Labels::of(&builtin(), "alerts.crisis");
        let alert = Alert::new(record([
            ("id", words("e1")),
            ("level", words("critical")),
            ("status", words("OPEN")),
            ("rule_title", words("규칙")),
            ("reasons", Tree::List(vec![reason("a", "까닭 하나", "met"), reason("b", "까닭 둘", "assumed")])),
            ("missing_facts", Tree::List(vec![words("household.size")])),
            ("suggested_action", record([("action", words("visit")), ("by", Tree::Int(1_772_409_600_000))])),
        ]));
        let page = console::strip_ansi_codes(&alert.page(&labels)).into_owned();
        for part in [
            "규칙  긴급  미처리",
            "[충족] 까닭 하나 (a)",
            "[추정] 까닭 둘",
            "확인할 정보   household.size",
            "방문 2026-03-02 09:00",
        ] {
            assert!(page.contains(part), "{part:?} is not in\n{page}");
        }
        assert_eq!(alert.why(), "까닭 하나");
        assert!(alert.is_open());
    }
}
