//! An answer for a program: the names of RULES as keys, days and times as texts.

use crate::replay::whynot::{Answer, Leaf, Verdict};
use crate::rules::eval::explain::{
    AbsenceSeen, Bound, Condition, Counted, FactKnown, FactSeen, NumberSeen, Saw, SequenceSeen, Wanted,
};
use crate::rules::plan::{Cmp, CrisisRule, Pack, Pick, Status, Within};
use crate::types::{EntityId, Value};
use serde_json::{Value as Json, json};

/// The whole document.
pub(in crate::cli::rules) fn as_json(
    answer: &Answer,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
) -> Json {
    let teller = Teller { rule };
    let standing = &answer.standing;
    let decision = &standing.today.decision;
    let episode = standing.episodes.last().filter(|episode| !episode.is_untold()).map(|episode| {
        json!({
            "id": episode.id(&EntityId::new(household)).to_string(),
            "number": episode.number,
            "status": episode.status.as_str(),
            "level": episode.shown_level().as_str(),
            "occurred_on": episode.occurred_on.to_string(),
            "opened_at": episode.opened_at.to_string(),
            "ended_at": episode.ended_at.map(|at| at.to_string()),
            "outcome": episode.outcome,
        })
    });
    let held = standing
        .held_by
        .iter()
        .map(|hold| json!({"rule": hold.rule, "reason": hold.reason, "until": hold.until.to_string()}));
    let sets =
        answer.ways.sets.iter().map(|set| set.iter().map(|leaf| teller.leaf(leaf)).collect::<Vec<_>>());
    json!({
        "rule": rule.id,
        "version": rule.version,
        "title": rule.title,
        "pack": pack.hash.to_string(),
        "household": household,
        "at": standing.now.to_string(),
        "verdict": verdict(answer.verdict),
        "cooldown_until": match answer.verdict {
            Verdict::Known(until) => Some(until.to_string()),
            _ => None,
        },
        "truth": decision.truth.as_str(),
        "in_effect": decision.in_effect,
        "episode": episode,
        "held_by": held.collect::<Vec<_>>(),
        "when": teller.condition(&standing.today.when),
        "also": standing.today.also.iter().map(|condition| teller.condition(condition)).collect::<Vec<_>>(),
        "failing_sets": sets.collect::<Vec<_>>(),
        "failing_sets_cut": answer.ways.is_cut,
        "ask": answer.ask,
        "stale_sources": answer.stale,
        "next": answer.next.as_ref().map(|next| json!({
            "day": next.day.to_string(),
            "truth": next.truth.as_str(),
            "change": next.told.as_ref().map(|(change, _)| change),
            "level": next.told.as_ref().map(|(_, level)| level),
        })),
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Joining => "joining",
        Verdict::Alert => "alert",
        Verdict::Held => "held",
        Verdict::Silent(Status::Draft) => "draft",
        Verdict::Silent(Status::Shadow | Status::Live) => "shadow",
        Verdict::False => "false",
        Verdict::Unknown => "unknown",
        Verdict::OutOfForce => "not-in-effect",
        Verdict::Late => "late-evidence-alone",
        Verdict::Known(_) => "old-evidence",
        Verdict::Due => "due",
    }
}

struct Teller<'a> {
    rule: &'a CrisisRule,
}

impl Teller<'_> {
    fn leaf(&self, leaf: &Leaf) -> Json {
        let mut told = self.condition(&leaf.condition);
        if let Json::Object(fields) = &mut told {
            fields.insert(String::from("id"), json!(leaf.reason));
            fields.insert(String::from("must_fail"), json!(leaf.must_fail));
        }
        told
    }

    fn condition(&self, condition: &Condition) -> Json {
        let reason = condition.reason.and_then(|at| self.rule.reasons.get(usize::from(at)));
        let under = |under: &[Condition]| under.iter().map(|child| self.condition(child)).collect::<Vec<_>>();
        let (key, saw) = match &condition.saw {
            Saw::All(children) => ("all", json!(under(children))),
            Saw::Any(children) => ("any", json!(under(children))),
            Saw::None(children) => ("none", json!(under(children))),
            Saw::Facts(facts) => ("field", facts.iter().map(fact).collect::<Vec<_>>().into()),
            Saw::Number(seen) => ("number", number(seen)),
            Saw::Absence(seen) => ("absent", absence(seen)),
            Saw::Sequence(seen) => ("sequence", sequence(seen)),
        };
        json!({
            "id": reason.map(|reason| &reason.id),
            "say": reason.map(|reason| &reason.say),
            "truth": condition.truth.as_str(),
            "assumed": condition.found != condition.truth,
            "changes_on": condition.wake.map(|day| day.to_string()),
            key: saw,
        })
    }
}

fn value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(yes) => json!(yes),
        Value::Int(n) => json!(n),
        Value::List(values) => values.iter().map(self::value).collect::<Vec<_>>().into(),
        other => json!(other.to_string()),
    }
}

fn cmp(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "eq",
        Cmp::Ne => "ne",
        Cmp::Lt => "lt",
        Cmp::Lte => "lte",
        Cmp::Gt => "gt",
        Cmp::Gte => "gte",
    }
}

fn bounds(bounds: &[Bound]) -> Json {
    let bound = |bound: &Bound| (cmp(bound.cmp).to_owned(), bound.value.as_ref().map_or(Json::Null, value));
    bounds.iter().map(bound).collect::<serde_json::Map<_, _>>().into()
}

fn fact(seen: &FactSeen) -> Json {
    let (known, exact) = match &seen.known {
        FactKnown::Exactly(known) => ("exactly", value(known)),
        FactKnown::AtLeast(known) => ("at_least", value(known)),
        FactKnown::AtMost(known) => ("at_most", value(known)),
        FactKnown::Nothing => ("nothing", Json::Null),
        FactKnown::Masked => ("masked", Json::Null),
    };
    let wanted = match &seen.wanted {
        Wanted::Bounds(all) => bounds(all),
        Wanted::OneOf(values) => json!({"in": values.iter().map(value).collect::<Vec<_>>()}),
    };
    json!({
        "fact": format!("household.{}", seen.fact),
        "known": known,
        "value": exact,
        "wanted": wanted,
        "truth": seen.truth.as_str(),
        "gap": seen.gap,
    })
}

fn number(seen: &NumberSeen) -> Json {
    let (what, field) = match &seen.what {
        Counted::Events { open_only: false } => ("count", None),
        Counted::Events { open_only: true } => ("count-open", None),
        Counted::Distinct(by) => ("distinct", Some(by)),
        Counted::Field(field, Pick::Latest) => ("latest", Some(field)),
        Counted::Field(field, Pick::Max) => ("max", Some(field)),
        Counted::Field(field, Pick::Sum) => ("sum", Some(field)),
        Counted::Field(field, Pick::Consecutive) => ("consecutive", Some(field)),
    };
    let within = seen.within.map(|within| match within {
        Within::Days(days) => format!("{days}d"),
        Within::Hours(hours) => format!("{hours}h"),
    });
    let event = |(day, key): &(crate::types::Day, crate::types::EventKey)| json!({"day": day.to_string(), "key": key.to_string()});
    json!({
        "what": what,
        "field": field,
        "of": seen.of,
        "within": within,
        "number": seen.number,
        "masked": seen.is_masked,
        "wanted": bounds(&seen.bounds),
        "gap": seen.gap,
        "events": seen.events.iter().map(event).collect::<Vec<_>>(),
        "total": seen.total,
        "lacks": seen.lacks,
        "stale_sources": seen.stale,
    })
}

fn absence(seen: &AbsenceSeen) -> Json {
    let waits = seen.waits_for.iter().map(|(source, through, is_late)| {
        json!({"source": source, "complete_through": through.map(|at| at.to_string()), "stale": is_late})
    });
    json!({
        "of": seen.of,
        "after": seen.after,
        "for": format!("{}d", seen.for_days),
        "anchor": seen.anchor.map(|day| day.to_string()),
        "due": seen.due.map(|day| day.to_string()),
        "last": seen.last.map(|day| day.to_string()),
        "no_baseline": seen.no_baseline.map(|days| format!("{days}d")),
        "waits_for": waits.collect::<Vec<_>>(),
    })
}

fn sequence(seen: &SequenceSeen) -> Json {
    let steps = seen.steps.iter().map(|(signals, count, newest)| {
        json!({"of": signals, "count": count, "newest": newest.map(|day| day.to_string())})
    });
    json!({
        "steps": steps.collect::<Vec<_>>(),
        "within": format!("{}d", seen.within_days),
        "lookback": format!("{}d", seen.lookback_days),
        "stale_sources": seen.stale,
    })
}
