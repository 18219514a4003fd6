//! How far each source is known to be complete.

use super::super::message::SourceState;
use super::records::{ControlState, Feed, Statement};
use crate::contracts::Contracts;
use crate::types::{MS_PER_DAY, SmolStr, StreamTime};
use std::collections::BTreeSet;

/// A feed is stale once it has been silent for longer than its rhythm and half of it: 3/2.
pub const STALE_AFTER: (i64, i64) = (3, 2);

/// Regions that a source can have: four times the 시군구 that there are.
pub const REGIONS_OF_A_SOURCE: usize = 1024;
/// Longest name of a region, in bytes: a code of an administrative area has ten digits.
const REGION_BYTES: usize = 16;

/// A source in a topic, as the contract declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredFeed {
    /// Source.
    pub source: SmolStr,
    /// Raw topic.
    pub topic: SmolStr,
    /// Days between deliveries.
    pub rhythm_days: u16,
    /// Whether it delivers yet: only an expected feed can be stale.
    pub expected: bool,
    /// Whether absences wait for it.
    pub deciding: bool,
    /// Whether it delivers region by region.
    pub by_region: bool,
}

impl DeclaredFeed {
    fn rhythm_ms(&self) -> i64 {
        i64::from(self.rhythm_days) * MS_PER_DAY
    }

    fn allowance_ms(&self) -> i64 {
        self.rhythm_ms() * STALE_AFTER.0 / STALE_AFTER.1
    }
}

/// The feeds that contracts declare.
pub(super) fn declared(contracts: &Contracts) -> Vec<DeclaredFeed> {
    let feeds = contracts.topics().flat_map(|topic| {
        topic.sources.iter().map(|source| DeclaredFeed {
            source: source.name.clone(),
            topic: topic.name.clone(),
            rhythm_days: source.rhythm_days,
            expected: source.expected,
            deciding: source.deciding,
            by_region: source.by_region,
        })
    });
    feeds.collect()
}

/// A source's state with what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: SourceState,
    pub(super) newest: StreamTime,
    pub(super) heard: StreamTime,
    pub(super) rhythm_days: u16,
    pub(super) expected: bool,
    pub(super) deciding: bool,
}

impl ControlState {
    /// At the first sample: every expected feed counts as heard, so that its silence is measured from there.
    pub(super) fn expect_feeds(&mut self, declared: &[DeclaredFeed]) {
        for feed in declared.iter().filter(|feed| feed.expected && !feed.by_region) {
            self.heard(&feed.source, None, &feed.topic, StreamTime::ZERO);
        }
    }

    /// Takes in that a source was seen; answers false for what cannot be believed.
    pub(super) fn seen(
        &mut self,
        declared: &[DeclaredFeed],
        (source, region, topic): (&SmolStr, Option<&SmolStr>, &SmolStr),
        newest: StreamTime,
    ) -> bool {
        let feed = declared.iter().find(|feed| feed.source == *source && feed.topic == *topic);
        let Some(feed) = feed.filter(|_| self.is_credible(newest)) else { return false };
        let region = region.filter(|_| feed.by_region);
        if self.is_crowded(source, region) {
            return false;
        }
        self.heard(source, region, topic, newest);
        true
    }

    /// A time that no sample has come near is a mistake in the record and would hold the source complete for ever.
    fn is_credible(&self, time: StreamTime) -> bool {
        time <= self.sampled.plus_ms(MS_PER_DAY)
    }

    /// Whether a region is one more than a source may have, or longer than one is: codes come from records, and all of them live in one state.
    fn is_crowded(&self, source: &SmolStr, region: Option<&SmolStr>) -> bool {
        let Some(region) = region else { return false };
        if region.len() > REGION_BYTES {
            return true;
        }
        let feeds = self.feeds.iter().map(|feed| (&feed.source, &feed.region));
        let statements = self.statements.iter().map(|known| (&known.source, &known.region));
        let known: BTreeSet<&SmolStr> = feeds
            .chain(statements)
            .filter(|(of, _)| *of == source)
            .filter_map(|(_, region)| region.as_ref())
            .collect();
        known.len() >= REGIONS_OF_A_SOURCE && !known.contains(region)
    }

    fn heard(&mut self, source: &SmolStr, region: Option<&SmolStr>, topic: &SmolStr, newest: StreamTime) {
        let sampled = self.sampled;
        let order =
            |feed: &Feed| (&feed.source, feed.region.as_ref(), &feed.topic).cmp(&(source, region, topic));
        match self.feeds.binary_search_by(order) {
            Ok(at) => {
                let feed = &mut self.feeds[at];
                feed.newest = feed.newest.max(newest);
                feed.heard = feed.heard.max(sampled);
            }
            Err(at) => {
                let (source, region, topic) = (source.clone(), region.cloned(), topic.clone());
                self.feeds.insert(at, Feed { source, region, topic, newest, heard: sampled });
            }
        }
    }

    /// Takes in a source's own statement; answers false for a source that no contract declares and for what cannot be
    /// believed.
    pub(super) fn stated(
        &mut self,
        declared: &[DeclaredFeed],
        source: &SmolStr,
        region: Option<&SmolStr>,
        through: StreamTime,
    ) -> bool {
        let mut feeds = declared.iter().filter(|feed| feed.source == *source).peekable();
        if feeds.peek().is_none() || !self.is_credible(through) {
            return false;
        }
        // Where no feed goes by region, a statement is about all of them.
        let region = region.filter(|_| feeds.any(|feed| feed.by_region));
        if self.is_crowded(source, region) {
            return false;
        }
        let heard = self.sampled;
        let order = |known: &Statement| (&known.source, known.region.as_ref()).cmp(&(source, region));
        match self.statements.binary_search_by(order) {
            Ok(at) => {
                let known = &mut self.statements[at];
                known.through = known.through.max(through);
                known.heard = known.heard.max(heard);
            }
            Err(at) => {
                let (source, region) = (source.clone(), region.cloned());
                self.statements.insert(at, Statement { source, region, through, heard });
            }
        }
        true
    }

    /// What the tick of `now` says of every source. Sorted by source and region.
    pub(super) fn verdicts(&self, declared: &[DeclaredFeed], now: StreamTime) -> Vec<Verdict> {
        let feeds = self.feeds.iter().map(|feed| (&feed.source, &feed.region));
        let statements = self.statements.iter().map(|known| (&known.source, &known.region));
        let mut sources: Vec<_> = feeds.chain(statements).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
            .into_iter()
            .filter_map(|(source, region)| self.verdict(declared, source, region, now))
            .collect()
    }

    fn verdict(
        &self,
        declared: &[DeclaredFeed],
        source: &SmolStr,
        region: &Option<SmolStr>,
        now: StreamTime,
    ) -> Option<Verdict> {
        let of_source: Vec<&DeclaredFeed> = declared.iter().filter(|feed| feed.source == *source).collect();
        let deciding = of_source.iter().any(|feed| feed.deciding);
        let counted = |feed: &&DeclaredFeed| feed.deciding || !deciding;
        // A region's feeds, and those that the source delivers for all regions at once.
        let heard: Vec<(&Feed, &DeclaredFeed)> = self
            .feeds
            .iter()
            .filter(|feed| feed.source == *source && (feed.region == *region || feed.region.is_none()))
            .filter_map(|feed| {
                let declared = of_source.iter().filter(|d| counted(d)).find(|d| d.topic == feed.topic)?;
                Some((feed, *declared))
            })
            .collect();
        let statement = self
            .statements
            .iter()
            .filter(|known| known.source == *source && (known.region == *region || known.region.is_none()))
            .max_by_key(|known| known.region.is_some());
        let rhythm = of_source.iter().filter(|feed| counted(feed)).min_by_key(|feed| feed.rhythm_days)?;
        let silent = |heard: StreamTime, feed: &DeclaredFeed| {
            feed.expected && now.0.saturating_sub(heard.0) > feed.allowance_ms()
        };
        let (complete, stale) = match statement {
            Some(known) => (known.through, silent(known.heard, rhythm)),
            None => (
                heard.iter().map(|(feed, d)| feed.newest.min(now).plus_ms(-d.rhythm_ms())).min()?,
                heard.iter().any(|(feed, d)| silent(feed.heard, d)),
            ),
        };
        let before = self.told.iter().find(|told| told.source == *source && told.region == *region);
        let before = before.map_or(StreamTime::ZERO, |told| told.complete_through);
        let complete_through = if stale { before } else { complete.min(now).max(before) };
        let last = |times: &mut dyn Iterator<Item = StreamTime>| times.max().unwrap_or(StreamTime::ZERO);
        Some(Verdict {
            state: SourceState { source: source.clone(), region: region.clone(), complete_through, stale },
            newest: last(&mut heard.iter().map(|(feed, _)| feed.newest)),
            heard: last(&mut heard.iter().map(|(feed, _)| feed.heard).chain(statement.map(|s| s.heard))),
            rhythm_days: rhythm.rhythm_days,
            expected: of_source.iter().any(|feed| feed.expected),
            deciding,
        })
    }

    /// Notes what ticks say from now on; returns what changed.
    pub(super) fn tell(&mut self, verdicts: &[Verdict]) -> Vec<(Option<SourceState>, Verdict)> {
        let mut changed = Vec::new();
        for verdict in verdicts {
            let state = &verdict.state;
            let place = self
                .told
                .binary_search_by(|told| (&told.source, &told.region).cmp(&(&state.source, &state.region)));
            match place {
                Ok(at) if self.told[at] == *state => {}
                Ok(at) => {
                    let before = std::mem::replace(&mut self.told[at], state.clone());
                    changed.push((Some(before), verdict.clone()));
                }
                Err(at) => {
                    self.told.insert(at, state.clone());
                    changed.push((None, verdict.clone()));
                }
            }
        }
        changed
    }
}

/// What a tick says of sources: nothing while it is not complete, since a record that would contradict an absence may
/// still be on its way; then all that was withheld.
pub(super) fn release(
    withheld: &mut Vec<SourceState>,
    sources: Vec<SourceState>,
    complete: bool,
) -> Vec<SourceState> {
    for state in sources {
        let order = |known: &SourceState| (&known.source, &known.region).cmp(&(&state.source, &state.region));
        match withheld.binary_search_by(order) {
            Ok(at) => withheld[at] = state,
            Err(at) => withheld.insert(at, state),
        }
    }
    if complete { std::mem::take(withheld) } else { Vec::new() }
}
