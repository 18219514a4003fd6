//! A rule of kind `crisis`: signals, conditions, score, what it emits and how it escalates.

use super::conditions::Conditions;
use super::header::Header;
use super::operand::Operands;
use super::signals::Signals;
use super::{Params, score};
use crate::contracts::Contracts;
use crate::rules::codes::{DECLARED_TWICE, MISSING_KEY, RESTRICTED};
use crate::rules::keys;
use crate::rules::mistakes::Mistakes;
use crate::rules::plan::{
    Ask, CrisisRule, EscalationStep, Node as Condition, NodeId, Per, RuleIndex, is_restricted,
};
use crate::rules::source::{Kind, Node};
use crate::types::SmolStr;

/// The most times a step may tell somebody: once an hour for a week is more than anyone reads.
const MAX_REPEATS: i64 = 168;

/// Reads it; none if a part without which there is no rule is broken.
pub(super) fn read(
    node: &Node,
    header: Header,
    contracts: &Contracts,
    params: &mut Params,
    mistakes: &mut Mistakes,
) -> Option<CrisisRule> {
    let fields = mistakes.map(node, "a crisis rule", keys::CRISIS)?;
    let mut operands = Operands { params, effective: header.effective, mistakes };
    let signals = Signals::read(fields.get("signals"), contracts, &mut operands);
    let mut conditions = Conditions {
        contracts,
        per: header.per.clone(),
        signals,
        operands,
        nodes: Vec::new(),
        reasons: Vec::new(),
        numbers: Vec::new(),
    };

    let when = conditions.operands.mistakes.need(&fields, "when").and_then(|n| conditions.when(n));
    if let Some(also) = fields.get("also") {
        conditions.also(also);
    }
    let score =
        conditions.operands.mistakes.need(&fields, "score").and_then(|n| score::read(n, &mut conditions));
    let emit = conditions.operands.mistakes.need(&fields, "emit").map(|n| emit(n, &mut conditions));
    let escalate = fields.get("escalate").map(|n| escalate(n, &mut conditions)).unwrap_or_default();

    let Conditions { signals, operands, nodes, reasons, .. } = conditions;
    if is_restricted(&header.id) {
        restricted(&header, when, &nodes, operands.mistakes);
    } else {
        signals.refuse_restricted(operands.mistakes);
    }
    let signals = signals.into_plan(operands.mistakes);
    let Emit { cooldown_days, clear_when, clear_say } = emit?;
    Some(CrisisRule {
        id: header.id,
        version: header.version,
        status: header.status,
        title: header.title,
        law: header.law,
        effective: header.effective,
        per: header.per,
        signals,
        nodes,
        when: when?,
        reasons,
        score: score?,
        cooldown_days,
        clear_when,
        clear_say,
        escalate,
        index: RuleIndex::default(),
    })
}

/// What a restricted rule must not do: tell of areas, or need a fact for which somebody would have to be asked.
fn restricted(header: &Header, when: Option<NodeId>, nodes: &[Condition], mistakes: &mut Mistakes) {
    let mut error = |message: String, help: &str| {
        mistakes.error(RESTRICTED, &header.id_span, message, "is restricted", Some(help.to_owned()));
    };
    if header.per != Per::Household {
        error(format!("\"{}\" is about areas", header.id), "per: household");
    }
    let mut open: Vec<NodeId> = when.into_iter().collect();
    while let Some(node) = open.pop() {
        match &nodes[usize::from(node)].ask {
            Ask::All(children) | Ask::Any(children) | Ask::None(children) => open.extend(children),
            Ask::Field(_) => {
                let message = format!("the \"when\" of \"{}\" asks for a fact", header.id);
                error(message, "ask for it under \"also\", and give it points under \"score\"");
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Emit {
    cooldown_days: i32,
    clear_when: Option<NodeId>,
    clear_say: Option<SmolStr>,
}

fn emit(node: &Node, conditions: &mut Conditions<'_, '_>) -> Emit {
    let Some(fields) = conditions.operands.mistakes.map(node, "emit", keys::EMIT) else {
        return Emit::default();
    };
    let cooldown = conditions
        .operands
        .mistakes
        .need(&fields, "cooldown")
        .and_then(|n| conditions.operands.mistakes.days(n, "the cooldown"));
    let clear_when = fields.get("clear_when").and_then(|n| conditions.clear_when(n));
    let say = fields.get("clear_say").map(|n| (n, conditions.operands.mistakes.text(n, "what clears it")));
    if let Some((node, _)) = say
        && fields.get("clear_when").is_none()
    {
        conditions.operands.mistakes.shape(node, "\"clear_when\" beside \"clear_say\"");
    }
    let clear_say = say.and_then(|(_, text)| text).map(SmolStr::new);
    Emit { cooldown_days: cooldown.unwrap_or(0), clear_when, clear_say }
}

fn escalate(node: &Node, conditions: &mut Conditions<'_, '_>) -> Vec<EscalationStep> {
    let Kind::List(items) = &node.kind else {
        conditions.operands.mistakes.shape(node, "a list of steps");
        return Vec::new();
    };
    let mut steps: Vec<EscalationStep> = Vec::new();
    for item in items {
        let Some(step) = step(item, conditions) else { continue };
        if steps.iter().any(|known| known.id == step.id) {
            let message = format!("escalation step \"{}\" is declared twice", step.id);
            conditions.operands.mistakes.error(DECLARED_TWICE, &item.span, message, "second time", None);
        }
        steps.push(step);
    }
    steps
}

fn step(node: &Node, conditions: &mut Conditions<'_, '_>) -> Option<EscalationStep> {
    let fields = conditions.operands.mistakes.map(node, "an escalation step", keys::STEP)?;
    let unless = fields.get("unless").and_then(|n| conditions.unless(n));
    let mistakes = &mut *conditions.operands.mistakes;
    let id = mistakes.need(&fields, "id").and_then(|n| mistakes.text(n, "an id")).map(SmolStr::new);
    let after_ms = mistakes.need(&fields, "after").and_then(|n| mistakes.span_ms(n, "\"after\""));
    let to = mistakes.need(&fields, "to").and_then(|n| mistakes.text(n, "a role")).map(SmolStr::new);
    let raise_to = fields.get("raise_to").and_then(|n| mistakes.word(n, "level", keys::LEVELS));
    let repeat_ms = fields.get("repeat").and_then(|n| mistakes.span_ms(n, "\"repeat\""));
    let max = fields.get("max").and_then(|n| mistakes.int(n, "\"max\"", 1..=MAX_REPEATS));
    if fields.get("repeat").is_some() != fields.get("max").is_some() {
        let (there, missing) =
            if fields.get("max").is_some() { ("max", "repeat") } else { ("repeat", "max") };
        let span = fields.entry(there).map_or(node.span.clone(), |entry| entry.key_span.clone());
        mistakes.error(
            MISSING_KEY,
            &span,
            format!("the step has \"{there}\" without \"{missing}\""),
            "one needs the other",
            None,
        );
    }
    Some(EscalationStep {
        id: id?,
        after_ms: after_ms?,
        unless,
        raise_to,
        to: to?,
        repeat_ms,
        max: max.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
    })
}
