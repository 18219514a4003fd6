//! A consumer group with incremental (cooperative) rebalances and static members.

use crate::engine::lane::io::TopicPartition;
use crate::types::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// A group.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    generation: u64,
    /// Whatever may give some member news.
    changes: u64,
    partitions: BTreeSet<TopicPartition>,
    members: BTreeMap<SmolStr, Member>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    /// Tells the processes apart that come under one name.
    process: u64,
    generation: u64,
    /// Changes as of which there was nothing new for it.
    up_to_date: u64,
    owned: BTreeSet<TopicPartition>,
    /// Told to give these back; not yet done.
    revoking: BTreeSet<TopicPartition>,
    polled_ms: u64,
}

/// What a member learns at a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    /// It is a member no longer.
    Lost,
    /// Another process came under its name.
    Replaced,
    Nothing,
}

impl Group {
    pub(super) fn new(partitions: impl IntoIterator<Item = TopicPartition>) -> Self {
        Self { partitions: partitions.into_iter().collect(), ..Self::default() }
    }

    /// A process joins. Under a name that is known it takes that member's place without a rebalance.
    pub(super) fn join(&mut self, name: &SmolStr, process: u64, now_ms: u64) {
        let known = self.members.contains_key(name);
        let member = Member { process, polled_ms: now_ms, ..Member::default() };
        self.members.insert(name.clone(), member);
        self.changes += 1;
        if !known {
            self.generation += 1;
        }
    }

    pub(super) fn leave(&mut self, name: &str) {
        if self.members.remove(name).is_some() {
            self.change();
        }
    }

    /// Members that have not polled for a session are out.
    pub(super) fn expire(&mut self, now_ms: u64, session_ms: u64) {
        let before = self.members.len();
        self.members.retain(|_, member| now_ms < member.polled_ms + session_ms);
        if self.members.len() != before {
            self.change();
        }
    }

    fn change(&mut self) {
        self.generation += 1;
        self.changes += 1;
    }

    /// What each member should own: partitions in order, dealt round; one that has an owner stays there if that
    /// owner has not more than its share.
    fn target(&self) -> BTreeMap<&SmolStr, BTreeSet<&TopicPartition>> {
        let mut target: BTreeMap<&SmolStr, BTreeSet<&TopicPartition>> =
            self.members.keys().map(|name| (name, BTreeSet::new())).collect();
        if target.is_empty() {
            return target;
        }
        let share = self.partitions.len().div_ceil(target.len());
        let mut free: Vec<&TopicPartition> = Vec::new();
        for at in &self.partitions {
            let owner =
                self.members.iter().find(|(_, member)| member.owned.contains(at)).map(|(name, _)| name);
            match owner.and_then(|name| target.get_mut(name)).filter(|held| held.len() < share) {
                Some(held) => {
                    held.insert(at);
                }
                None => free.push(at),
            }
        }
        for at in free {
            if let Some(held) = target.values_mut().min_by_key(|held| held.len()) {
                held.insert(at);
            }
        }
        target
    }

    /// A member polls.
    pub(super) fn poll(&mut self, name: &SmolStr, process: u64, now_ms: u64) -> News {
        let (generation, changes) = (self.generation, self.changes);
        match self.members.get_mut(name) {
            None => return News::Lost,
            Some(member) if member.process != process => return News::Replaced,
            Some(member) if member.up_to_date == changes => {
                member.polled_ms = now_ms;
                return News::Nothing;
            }
            Some(_) => {}
        }
        let taken: BTreeSet<TopicPartition> =
            self.members.values().flat_map(|member| member.owned.iter().cloned()).collect();
        let target: BTreeSet<TopicPartition> =
            self.target().remove(name).into_iter().flatten().cloned().collect();
        let Some(member) = self.members.get_mut(name) else { return News::Lost };
        member.polled_ms = now_ms;
        member.generation = generation;
        let away: Vec<TopicPartition> =
            member.owned.difference(&target).filter(|at| !member.revoking.contains(*at)).cloned().collect();
        if !away.is_empty() {
            member.revoking.extend(away.iter().cloned());
            return News::Revoked(away);
        }
        let new: Vec<TopicPartition> =
            target.into_iter().filter(|at| !member.owned.contains(at) && !taken.contains(at)).collect();
        if new.is_empty() {
            member.up_to_date = changes;
            return News::Nothing;
        }
        member.owned.extend(new.iter().cloned());
        News::Assigned(new)
    }

    /// A member has given partitions back: the rebalance goes on.
    pub(super) fn release(&mut self, name: &SmolStr, process: u64, partitions: &[TopicPartition]) {
        let Some(member) = self.members.get_mut(name).filter(|member| member.process == process) else {
            return;
        };
        member.owned.retain(|at| !partitions.contains(at));
        member.revoking.retain(|at| !partitions.contains(at));
        self.change();
    }

    /// Whether a member's offsets would be taken: it is in the group and knows its generation.
    pub(super) fn accepts(&self, name: &SmolStr, process: u64) -> bool {
        self.members
            .get(name)
            .is_some_and(|member| member.process == process && member.generation == self.generation)
    }

    /// Whether every partition has the owner that it should have.
    pub(super) fn is_settled(&self) -> bool {
        let target = self.target();
        self.members.iter().all(|(name, member)| {
            let held: BTreeSet<&TopicPartition> = member.owned.iter().collect();
            target.get(name) == Some(&held)
        })
    }
}
