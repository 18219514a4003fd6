//! Packs built by hand.

use crate::rules::plan::*;
use crate::types::{Day, PackHash, SmolStr, Value};

/// A rule that grows condition by condition.
#[derive(Clone)]
pub(super) struct Build(pub(super) CrisisRule);

pub(super) fn rule(id: &str) -> Build {
    Build(CrisisRule {
        id: id.into(),
        version: 1,
        status: Status::Live,
        title: "시험 규칙".into(),
        law: vec![],
        effective: Effective { from: Day(0), to: None },
        per: Per::Household,
        signals: vec![],
        nodes: vec![],
        when: 0,
        reasons: vec![],
        score: Score { base: 40, add: vec![], levels: levels() },
        cooldown_days: 14,
        clear_when: None,
        clear_say: None,
        escalate: vec![],
        index: Default::default(),
    })
}

fn levels() -> Vec<(Level, i64)> {
    vec![(Level::Watch, 40), (Level::High, 60), (Level::Critical, 80)]
}

impl Build {
    /// A named signal over event kinds, with the sources that can report it.
    pub(super) fn signal(mut self, name: &str, kinds: &[&str]) -> Self {
        self.0.signals.push(SignalDef {
            name: name.into(),
            kinds: kinds.iter().map(SmolStr::new).collect(),
            filter: vec![],
            sources: vec!["KEPCO".into()],
            daily: None,
        });
        self
    }

    /// Only events with that value of a field.
    pub(super) fn whose(mut self, field: &str, value: &str) -> Self {
        let test = Test::Compare(vec![(Cmp::Eq, Operand::Const(Value::text(value)))]);
        let signal = self.0.signals.last_mut().expect("a signal");
        signal.filter.push(FieldTest { field: field.into(), test });
        self
    }

    pub(super) fn node(&mut self, ask: Ask) -> NodeId {
        self.0.nodes.push(Node { ask, unknown_matches: false });
        NodeId::try_from(self.0.nodes.len() - 1).expect("few nodes")
    }

    pub(super) fn reason(mut self, id: &str, ask: Ask, also: bool) -> Self {
        let node = self.node(ask);
        self.0.reasons.push(Reason { id: id.into(), say: format!("{id} {{n}}"), node, also });
        self
    }

    /// Required: at least so many of a signal within days.
    pub(super) fn count(self, id: &str, of: &[SignalId], within: i32, gte: i64) -> Self {
        self.reason(id, count(of, within, gte), false)
    }

    pub(super) fn absent(self, id: &str, of: SignalId, after: SignalId, days: i32, also: bool) -> Self {
        let ask = Ask::Absent { of: vec![of], after: vec![after], for_days: days, baseline_days: None };
        self.reason(id, ask, also)
    }

    pub(super) fn fact_at_least(self, id: &str, fact: &str, least: i64) -> Self {
        let test = Test::Compare(vec![(Cmp::Gte, Operand::Const(Value::Int(least)))]);
        self.reason(id, Ask::Field(vec![FieldTest { field: fact.into(), test }]), false)
    }

    pub(super) fn points(mut self, reason: &str, points: i64) -> Self {
        let at = self.0.reasons.iter().position(|r| r.id == reason).expect("a reason");
        self.0.score.add.push((u8::try_from(at).expect("few"), Points::Fixed(points)));
        self
    }

    /// Points by the number that a reason found.
    pub(super) fn stepped(mut self, reason: &str, steps: &[(i64, i64)]) -> Self {
        let at = self.0.reasons.iter().position(|r| r.id == reason).expect("a reason");
        self.0.score.add.push((u8::try_from(at).expect("few"), Points::Stepped(steps.to_vec())));
        self
    }

    pub(super) fn clear(mut self, of: SignalId, within: i32) -> Self {
        let node = self.node(count(&[of], within, 1));
        self.0.clear_when = Some(node);
        self
    }

    pub(super) fn step(
        mut self,
        id: &str,
        hours: i64,
        raise: Option<Level>,
        repeat_hours: Option<i64>,
        max: u32,
    ) -> Self {
        self.0.escalate.push(EscalationStep {
            id: id.into(),
            after_ms: hours * 3_600_000,
            unless: None,
            raise_to: raise,
            to: "팀장".into(),
            repeat_ms: repeat_hours.map(|h| h * 3_600_000),
            max,
        });
        self
    }

    pub(super) fn unless(mut self, of: SignalId) -> Self {
        let node = self.node(count(&[of], 30, 1));
        self.0.escalate.last_mut().expect("a step").unless = Some(node);
        self
    }

    pub(super) fn status(mut self, status: Status) -> Self {
        self.0.status = status;
        self
    }

    pub(super) fn version(mut self, version: u32) -> Self {
        self.0.version = version;
        self
    }

    pub(super) fn until(mut self, day: Day) -> Self {
        self.0.effective.to = Some(day);
        self
    }

    /// Closes the rule: `when` is all required reasons.
    fn done(mut self) -> CrisisRule {
        let required = self.0.reasons.iter().filter(|r| !r.also).map(|r| r.node).collect();
        self.0.when = self.node(Ask::All(required));
        self.0
    }
}

pub(super) fn count(of: &[SignalId], within: i32, gte: i64) -> Ask {
    Ask::Count {
        of: of.to_vec(),
        within: Some(Within::Days(within)),
        open_only: false,
        test: vec![(Cmp::Gte, Operand::Const(Value::Int(gte)))],
    }
}

/// An area suppression by equal `dong`.
pub(super) fn suppression(only: Option<&[&str]>, below: Option<Level>) -> SuppressionRule {
    SuppressionRule {
        id: "suppress.area".into(),
        version: 1,
        status: Status::Live,
        title: "지역 정전".into(),
        effective: Effective { from: Day(0), to: None },
        rules: vec!["crisis.*".into()],
        except: vec![],
        only_reasons: only.map(|names| names.iter().map(SmolStr::new).collect()),
        below,
        since_event: "outage.started".into(),
        same: vec!["dong".into()],
        until_event: "outage.ended".into(),
        until_same: vec!["outage_id".into()],
        at_most_ms: 7 * 86_400_000,
        grace_ms: 24 * 3_600_000,
        reason: "지역 정전".into(),
    }
}

pub(super) fn pack(number: u8, rules: Vec<Build>, suppressions: Vec<SuppressionRule>) -> Pack {
    let rules = rules.into_iter().map(Build::done).collect();
    Pack::new(PackHash([number; 32]), rules, suppressions, vec![], &[])
}

/// Two cut-offs within 30 days.
pub(super) fn repeat() -> Build {
    rule("crisis.repeat").signal("cutoff", &["cutoff.water", "cutoff.gas"]).count("repeat", &[0], 30, 2)
}
