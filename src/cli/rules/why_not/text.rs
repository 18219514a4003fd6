//! An answer in Korean: how things stand, each condition with what it saw, what would have to be otherwise, when time alone
//! changes it.

use crate::cli::alerts::minutes;
use crate::contracts::Contracts;
use crate::replay::whynot::{Answer, Leaf, Verdict};
use crate::rules::eval::Truth;
use crate::rules::eval::explain::{
    AbsenceSeen, Bound, Condition, Counted, FactKnown, FactSeen, NumberSeen, Saw, SequenceSeen, Wanted,
};
use crate::rules::plan::{Cmp, CrisisRule, Pack, Pick, Status, Within};
use crate::types::{EntityId, SmolStr, StreamTime, Value};

/// What a page is about.
#[derive(Clone, Copy)]
pub(in crate::cli::rules) struct Page<'a> {
    pub(in crate::cli::rules) answer: &'a Answer,
    pub(in crate::cli::rules) contracts: &'a Contracts,
    pub(in crate::cli::rules) pack: &'a Pack,
    pub(in crate::cli::rules) rule: &'a CrisisRule,
    pub(in crate::cli::rules) household: &'a str,
}

/// The whole page.
pub(in crate::cli::rules) fn page(page: &Page<'_>) -> String {
    let (answer, rule) = (page.answer, page.rule);
    let mut out = Lines::default();
    out.line(0, &rule.title);
    out.row("답", &verdict(answer));
    out.row("가구", page.household);
    out.row("시점", &minutes(answer.standing.now));
    out.row("규칙", &format!("{} v{}, pack {}", rule.id, rule.version, page.pack.hash.short()));
    page.episode(&mut out);
    for hold in &answer.standing.held_by {
        out.row("보류", &format!("{} ({}, {}까지)", hold.reason, hold.rule, minutes(hold.until)));
    }
    out.line(0, "");
    page.conditions(&mut out);
    page.lacks(&mut out);
    out.row("확인할 정보", &answer.ask.iter().map(|name| page.named(name)).collect::<Vec<_>>().join(", "));
    out.row("지연된 기관", &answer.stale.join(", "));
    if answer.looked_ahead {
        out.row("다음 변화", &next(answer));
    }
    out.text
}

fn verdict(answer: &Answer) -> String {
    match answer.verdict {
        Verdict::Joining => String::from("가구의 기록이 아직 모이는 중이라 판단하지 않습니다"),
        Verdict::Alert => String::from("알림이 나갔고 진행 중입니다"),
        Verdict::Held => String::from("알림이 보류되어 있습니다"),
        Verdict::Silent(Status::Draft) => String::from("초안(draft) 규칙이라 판단하지 않습니다"),
        Verdict::Silent(Status::Shadow | Status::Live) => {
            String::from("시험(shadow) 규칙이라 알리지 않습니다")
        }
        Verdict::False => String::from("조건이 충족되지 않습니다"),
        Verdict::Unknown => String::from("아는 것만으로는 판단할 수 없습니다"),
        Verdict::OutOfForce => String::from("조건은 충족되지만 규칙의 시행 기간이 아닙니다"),
        Verdict::Late => String::from("조건은 충족되지만 늦게 들어온 기록만으로는 열지 않습니다"),
        Verdict::Known(until) if until > answer.standing.now => {
            format!("조건은 충족되지만 종결 때 이미 알던 근거입니다 (재알림 유예 {}까지)", minutes(until))
        }
        Verdict::Known(_) => String::from("조건은 충족되지만 종결 때 이미 알던 근거입니다"),
        Verdict::Due => String::from("조건이 충족되어 곧 판단합니다"),
    }
}

fn next(answer: &Answer) -> String {
    let Some(next) = &answer.next else {
        return format!("시간만으로는 {}일 안에 바뀌지 않습니다", crate::replay::whynot::SEARCH_DAYS);
    };
    let then = match next.truth {
        Truth::True => "충족",
        Truth::False => "아님",
        Truth::Unknown => "확인 필요",
    };
    let told = next.told.as_ref().map_or_else(String::new, |(change, level)| format!(", {change} {level}"));
    format!("{} ({then}{told})", next.day)
}

impl Page<'_> {
    fn episode(&self, out: &mut Lines) {
        let Some(newest) = self.answer.standing.episodes.last().filter(|episode| !episode.is_untold()) else {
            return;
        };
        let id = newest.id(&EntityId::new(self.household));
        let (status, level) = (newest.status.as_str(), newest.shown_level().as_str());
        out.row("알림", &format!("{id} {status} {level}, {} 발생", newest.occurred_on));
        if let Some(ended) = newest.ended_at.filter(|_| !newest.status.is_live()) {
            let outcome = newest.outcome.as_deref().unwrap_or_default();
            out.row("종결", format!("{} {outcome}", minutes(ended)).trim_end());
        }
    }

    fn conditions(&self, out: &mut Lines) {
        out.line(0, "판단 조건");
        self.condition(&self.answer.standing.today.when, 1, out);
        if !self.answer.standing.today.also.is_empty() {
            out.line(0, "함께 보는 조건 (점수)");
            for condition in &self.answer.standing.today.also {
                self.condition(condition, 1, out);
            }
        }
        out.line(0, "");
    }

    fn condition(&self, condition: &Condition, depth: usize, out: &mut Lines) {
        let mark = match (condition.truth, condition.found) {
            (Truth::True, Truth::Unknown) => "추정",
            (Truth::True, _) => "충족",
            (Truth::False, _) => "아님",
            (Truth::Unknown, _) => "확인 필요",
        };
        let reason = condition.reason.and_then(|at| self.rule.reasons.get(usize::from(at)));
        let said = reason.map(|reason| format!("{} ({})", say(&reason.say, condition), reason.id));
        let group = match &condition.saw {
            Saw::All(under) => Some(("모두", under)),
            Saw::Any(under) => Some(("하나라도", under)),
            Saw::None(under) => Some(("하나도 없어야 함", under)),
            Saw::Facts(_) | Saw::Number(_) | Saw::Absence(_) | Saw::Sequence(_) => None,
        };
        let head = match (said, group) {
            (Some(said), Some((word, _))) => format!("{said}: {word}"),
            (Some(said), None) => said,
            (None, Some((word, _))) => word.to_owned(),
            (None, None) => String::from("조건"),
        };
        out.line(depth, &format!("[{mark}] {head}"));
        match group {
            Some((_, under)) => under.iter().for_each(|child| self.condition(child, depth + 1, out)),
            None => self.seen(condition).iter().for_each(|line| out.line(depth + 1, line)),
        }
    }

    /// What would have to be otherwise.
    fn lacks(&self, out: &mut Lines) {
        let sets = &self.answer.ways.sets;
        match sets.as_slice() {
            [] => return,
            [set] => {
                out.line(0, "충족하려면");
                set.iter().for_each(|leaf| self.leaf(leaf, out));
            }
            sets => {
                out.line(0, "충족하려면 다음 가운데 하나");
                for (number, set) in sets.iter().enumerate() {
                    out.line(1, &format!("{}.", number + 1));
                    set.iter().for_each(|leaf| self.leaf(leaf, out));
                }
                if self.answer.ways.is_cut {
                    out.line(1, "…");
                }
            }
        }
        out.line(0, "");
    }

    fn leaf(&self, leaf: &Leaf, out: &mut Lines) {
        let reason = leaf.reason.as_deref().unwrap_or("조건");
        let fails = if leaf.must_fail { " (없어야 함)" } else { "" };
        let seen = self.seen(&leaf.condition).into_iter().next().unwrap_or_default();
        out.line(2, &format!("{reason}{fails}: {seen}"));
    }

    /// What a condition saw, in lines; the first says most.
    fn seen(&self, condition: &Condition) -> Vec<String> {
        match &condition.saw {
            Saw::Facts(facts) => facts.iter().map(|seen| self.fact(seen)).collect(),
            Saw::Number(seen) => self.number(seen),
            Saw::Absence(seen) => absence(seen, self.answer.standing.now),
            Saw::Sequence(seen) => vec![sequence(seen)],
            Saw::All(_) | Saw::Any(_) | Saw::None(_) => Vec::new(),
        }
    }

    fn fact(&self, seen: &FactSeen) -> String {
        let unit = self.contracts.fact(&seen.fact).and_then(|fact| fact.field.unit.as_deref()).unwrap_or("");
        let known = match &seen.known {
            FactKnown::Exactly(value) => shown(value, unit),
            FactKnown::AtLeast(value) => format!("{} 이상", shown(value, unit)),
            FactKnown::AtMost(value) => format!("{} 이하", shown(value, unit)),
            FactKnown::Nothing => String::from("알려지지 않음"),
            FactKnown::Masked => String::from("가림"),
        };
        let wanted = match &seen.wanted {
            Wanted::Bounds(all) => bounds(all, unit),
            Wanted::OneOf(values) => {
                format!(
                    "{} 가운데 하나",
                    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )
            }
        };
        format!("{} {known} · {wanted}{}", self.named(&seen.fact), distance(seen.gap, unit))
    }

    fn number(&self, seen: &NumberSeen) -> Vec<String> {
        let of = seen.of.join("·");
        let within = match seen.within {
            Some(Within::Days(days)) => format!("{days}일 안"),
            Some(Within::Hours(hours)) => format!("{hours}시간 안"),
            None => String::from("보관된 기간"),
        };
        let (what, unit) = match &seen.what {
            Counted::Events { open_only: false } => (of, "건"),
            Counted::Events { open_only: true } => (format!("{of} 가운데 끝나지 않은 것"), "건"),
            Counted::Distinct(by) => (format!("{of}의 서로 다른 {by}"), "가지"),
            Counted::Field(_, Pick::Consecutive) => (format!("{of}의 이어진 달"), "개월"),
            Counted::Field(field, pick) => {
                let pick = match pick {
                    Pick::Latest => "최근 값",
                    Pick::Max => "최댓값",
                    Pick::Sum | Pick::Consecutive => "합계",
                };
                (format!("{of}의 {} {pick}", self.label(&seen.of, field)), self.unit(&seen.of, field))
            }
        };
        let number = match seen.number {
            _ if seen.is_masked => String::from("가림"),
            Some(number) => format!("{number}{unit}"),
            None => String::from("없음"),
        };
        let wanted = bounds(&seen.bounds, unit);
        let mut lines = vec![format!("{what} {within} {number} · {wanted}{}", distance(seen.gap, unit))];
        if !seen.events.is_empty() {
            let shown = seen.events.iter().map(|(day, key)| format!("{day} {key}"));
            let more = usize::try_from(seen.total).unwrap_or(usize::MAX).saturating_sub(seen.events.len());
            let rest = if more > 0 { format!(" 외 {more}건") } else { String::new() };
            lines.push(format!("근거 {}{rest}", shown.collect::<Vec<_>>().join(", ")));
        }
        if let Some(field) = &seen.lacks {
            lines.push(format!("{}을(를) 알리지 않은 기록이 있음", self.label(&seen.of, field)));
        }
        if !seen.stale.is_empty() {
            lines.push(format!("지연된 기관 {}: 더 있을 수 있음", seen.stale.join(", ")));
        }
        lines
    }

    /// `가구원 수(size)`: the label of a fact or field with its name.
    fn named(&self, name: &SmolStr) -> String {
        let fact = self.contracts.fact(name).map(|fact| fact.field.label.as_str());
        let param =
            || self.pack.params.iter().find(|param| param.name == *name).map(|param| param.label.as_str());
        match fact.or_else(param) {
            Some(label) => format!("{label}({name})"),
            None => name.to_string(),
        }
    }

    fn field<'s>(&'s self, signals: &[SmolStr], field: &str) -> Option<&'s crate::contracts::FieldType> {
        let signals = self.rule.signals.iter().filter(|signal| signals.contains(&signal.name));
        let mut events =
            signals.flat_map(|signal| &signal.kinds).filter_map(|kind| self.contracts.event(kind));
        events.find_map(|event| event.fields.iter().find(|known| known.name == field))
    }

    fn label(&self, signals: &[SmolStr], field: &SmolStr) -> String {
        self.field(signals, field).map_or_else(|| field.to_string(), |known| known.label.clone())
    }

    fn unit(&self, signals: &[SmolStr], field: &str) -> &str {
        self.field(signals, field).and_then(|known| known.unit.as_deref()).unwrap_or("")
    }
}

fn say(say: &str, condition: &Condition) -> String {
    let number = match &condition.saw {
        Saw::Number(seen) => seen.number,
        _ => None,
    };
    say.replace("{n}", &number.map_or_else(|| String::from("?"), |n| n.to_string()))
}

fn shown(value: &Value, unit: &str) -> String {
    match value {
        Value::Int(_) | Value::Decimal(_) => format!("{value}{unit}"),
        Value::Bool(true) => String::from("예"),
        Value::Bool(false) => String::from("아니요"),
        other => other.to_string(),
    }
}

fn bounds(bounds: &[Bound], unit: &str) -> String {
    let bound = |bound: &Bound| {
        let Some(value) = &bound.value else { return String::from("기준값이 없는 날") };
        let value = shown(value, unit);
        match bound.cmp {
            Cmp::Eq => format!("{value}이어야 함"),
            Cmp::Ne => format!("{value}이(가) 아니어야 함"),
            Cmp::Lt => format!("{value} 미만이어야 함"),
            Cmp::Lte => format!("{value} 이하여야 함"),
            Cmp::Gt => format!("{value} 초과여야 함"),
            Cmp::Gte => format!("{value} 이상이어야 함"),
        }
    };
    bounds.iter().map(bound).collect::<Vec<_>>().join(", ")
}

fn distance(gap: Option<i64>, unit: &str) -> String {
    match gap {
        Some(lack) if lack > 0 => format!(", {lack}{unit} 모자람"),
        Some(excess) => format!(", {}{unit} 넘침", excess.unsigned_abs()),
        None => String::new(),
    }
}

fn absence(seen: &AbsenceSeen, now: StreamTime) -> Vec<String> {
    let (of, after) = (seen.of.join("·"), seen.after.join("·"));
    let last = seen.last.map_or_else(String::new, |last| format!(" (마지막 {of} {last})"));
    let Some((anchor, due)) = seen.anchor.zip(seen.due) else {
        return vec![format!("{of}보다 나중인 {after} 없음: 셀 날이 없음{last}")];
    };
    let left = due.since(now.day());
    let when = if left > 0 { format!(", {left}일 남음") } else { String::new() };
    let mut lines = vec![format!(
        "{anchor} {after} 뒤로 {}일 동안 {of} 없음 · {due} 0시에 확정{when}{last}",
        seen.for_days
    )];
    if let Some(days) = seen.no_baseline {
        lines.push(format!("그 전 {days}일에 견줄 {of} 기록이 없음"));
    }
    for (source, through, is_late) in &seen.waits_for {
        let through =
            through.map_or_else(|| String::from("소식 없음"), |at| format!("{}까지 받음", minutes(at)));
        let late = if *is_late { ", 지연" } else { "" };
        lines.push(format!("{source}: {through}{late}"));
    }
    lines
}

fn sequence(seen: &SequenceSeen) -> String {
    let step = |(signals, count, newest): &(Vec<SmolStr>, u32, Option<crate::types::Day>)| {
        let newest = newest.map_or_else(String::new, |day| format!(", 최근 {day}"));
        format!("{} {count}건{newest}", signals.join("·"))
    };
    let steps: Vec<String> = seen.steps.iter().map(step).collect();
    let late = if seen.stale.is_empty() {
        String::new()
    } else {
        format!(" · 지연된 기관 {}", seen.stale.join(", "))
    };
    format!(
        "{} · 이 순서로 {}일 안에, 마지막은 최근 {}일 안이어야 함{late}",
        steps.join(" → "),
        seen.within_days,
        seen.lookback_days
    )
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, depth: usize, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A label and its value; nothing where the value is empty.
    fn row(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            let label = console::pad_str(label, 12, console::Alignment::Left, None).into_owned();
            self.line(0, &format!("{label}  {value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Scope;
    use crate::replay::tests::fixture::{HOUSEHOLD, Script, day};
    use crate::replay::whynot::ask;

    fn told(script: &Script, rule: &str) -> String {
        let mut machine = script.machine(Scope::default());
        script.told(&mut machine);
        let (contracts, pack) = (&*script.contracts, &*script.pack);
        let rule = pack.crisis_rule(rule).expect("a rule");
        let answer = ask(&mut machine, contracts, pack, rule, HOUSEHOLD).expect("nothing is stuck");
        let answer = answer.expect("a known household");
        let text = page(&Page { answer: &answer, contracts, pack, rule, household: HOUSEHOLD });
        // The hash of a pack is that of its contracts, which grow.
        text.replace(&pack.hash.short(), "HASH")
    }

    #[test]
    fn pages_say_what_was_seen_what_is_missing_and_when_it_changes() {
        let mut script = Script::new();
        for at in [2, 5] {
            script.until(day(3, at));
            script.put("cutoff.gas", day(3, at), &[]);
        }
        script.until(day(3, 8));
        let waiting = ["frail", "either", "none"].map(|name| told(&script, &format!("crisis.{name}")));
        script.until(day(4, 12));
        let after = told(&script, "crisis.frail");
        insta::assert_snapshot!([&waiting[..], &[after]].concat().join("\n────\n"));
    }
}
