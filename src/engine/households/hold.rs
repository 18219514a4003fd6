//! What a suppression in force holds back of a live episode: all of it, or the reasons that it names.

use super::decide::{Case, first_day};
use super::life::{self, Held, Suppression};
use super::records::{Episode, Hold};
use super::walk::{Counts, walk};
use crate::rules::eval::Prepared;
use crate::types::SmolStr;

impl<'a> Case<'a> {
    pub(super) fn suppress(&self, prepared: &mut Prepared<'a>, episode: &mut Episode) {
        let now = self.context.clock.through;
        let active = self.suppression().filter(|s| s.below.is_none_or(|below| episode.level < below));
        let Some(suppression) = active else {
            return life::suppress(episode, None, None, now);
        };
        let Some(bits) = suppression.reasons else {
            return life::suppress(episode, Some(&suppression), None, now);
        };
        let reasons = self.held(bits, episode);
        if reasons.is_empty() {
            return life::suppress(episode, None, None, now);
        }
        let from = episode.occurred_on.max(first_day(self.context));
        let without = walk(prepared, self.rule, from, self.today(), bits, &Counts::All);
        life::suppress(episode, Some(&suppression), Some(&Held { reasons, without }), now);
    }

    /// The reasons of an episode that a suppression holds: those that would be true today without any. One that the time left
    /// out has put off is among them, though it is false as things stand.
    fn held(&self, bits: u64, episode: &Episode) -> Vec<SmolStr> {
        let bright =
            Prepared::new(self.context.pack, self.unsuppressed).evaluate(self.rule, self.today(), bits);
        let held = self.rule.reasons.iter().enumerate().filter(|(at, _)| bright.held >> at & 1 == 1);
        let names = held.map(|(_, reason)| reason.id.clone());
        names.filter(|id| episode.reasons.iter().any(|known| known.id == *id)).collect()
    }

    /// The suppression in force now for this rule: of several, the one that ends last.
    fn suppression(&self) -> Option<Suppression> {
        let now = self.context.clock.through;
        let active = self.view.suppressed.iter().filter(|span| span.from <= now && now < span.to);
        let with_rule = active.filter_map(|span| {
            let rule = self.context.pack.suppressions.iter().find(|rule| rule.id == span.rule)?;
            rule.targets(&self.rule.id).then_some((span, rule))
        });
        let (span, rule) = with_rule.max_by_key(|(span, rule)| (rule.only_reasons.is_none(), span.to))?;
        let bits = |names: &Vec<SmolStr>| {
            let named = self.rule.reasons.iter().enumerate().filter(|(_, reason)| names.contains(&reason.id));
            named.fold(0_u64, |bits, (at, _)| bits | 1 << at)
        };
        Some(Suppression {
            hold: Hold { rule: rule.id.clone(), reason: rule.reason.clone(), until: span.to },
            reasons: rule.only_reasons.as_ref().map(bits),
            below: rule.below,
        })
    }
}
