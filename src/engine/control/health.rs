//! Records of `sources.health`.

use super::super::effect::Output;
use super::super::layout::{HEALTH_TOPIC, Layout};
use super::super::message::SourceState;
use super::sources::Verdict;
use crate::contracts::{Contracts, Tree};
use crate::types::{SmolStr, StreamTime};
use std::sync::Arc;

type Encoder = dyn Fn(&Tree) -> Option<Vec<u8>> + Send + Sync;

/// Writes health records by their contract.
pub(super) struct Health {
    encode: Box<Encoder>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

impl Health {
    pub(super) fn of(contracts: Arc<Contracts>) -> Self {
        Self::with(Box::new(move |tree| contracts.topic(HEALTH_TOPIC)?.encode(tree).ok()))
    }

    pub(super) fn with(encode: Box<Encoder>) -> Self {
        Self { encode }
    }

    /// The record of a change, if it is one that a reader should see: a source fell silent, came back, or completed
    /// another day. None too where the topic has no contract.
    pub(super) fn record(
        &self,
        layout: &Layout,
        before: Option<&SourceState>,
        verdict: &Verdict,
        now: StreamTime,
    ) -> Option<Output> {
        let state = &verdict.state;
        let day = |state: &SourceState| state.complete_through.day();
        if before.is_some_and(|before| before.stale == state.stale && day(before) == day(state)) {
            return None;
        }
        let key = match &state.region {
            Some(region) => format!("{}/{region}", state.source),
            None => state.source.to_string(),
        };
        let instant = |t: StreamTime| if t > StreamTime::ZERO { Tree::Int(t.0) } else { Tree::Null };
        let fields = [
            ("source", Tree::Text(state.source.clone())),
            ("region", state.region.clone().map_or(Tree::Null, Tree::Text)),
            ("expected", Tree::Bool(verdict.expected)),
            ("deciding", Tree::Bool(verdict.deciding)),
            ("stale", Tree::Bool(state.stale)),
            ("complete_through", instant(state.complete_through)),
            ("newest_event", instant(verdict.newest)),
            ("last_arrival", instant(verdict.heard)),
            ("rhythm_days", Tree::Int(i64::from(verdict.rhythm_days))),
            ("as_of", Tree::Int(now.0)),
        ];
        let record = fields.into_iter().map(|(name, value)| (SmolStr::new(name), value)).collect();
        Some(Output {
            topic: SmolStr::new(HEALTH_TOPIC),
            partition: layout.partition(HEALTH_TOPIC, &key),
            value: (self.encode)(&Tree::Record(record))?,
            key: Some(key.into_bytes()),
            headers: Vec::new(),
        })
    }
}
