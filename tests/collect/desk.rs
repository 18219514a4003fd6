//! A connector at work: a log that keeps only what was committed, a clock that moves when it is waited for, and what a reader of the
//! topics would have.

use ieum::collect::{
    Ask, Clock, Collector, Entry, Http, Journal, MARKS_TOPIC, Scope, Source, Stored, Summary, builtin_files,
    check,
};
use ieum::contracts::{Contracts, Tree, builtin};
use ieum::engine::lane::io::Failure;
use ieum::types::StreamTime;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TOPIC: &str = "notices.policy";
pub(crate) const REPORTS: &str = "sources.reports";

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// It is done.
    Done,
    /// It is done, and nobody hears of it.
    Unheard,
    /// It is not done.
    Lost,
    /// The process dies before it.
    DiesBefore,
    /// The process dies behind it.
    DiesBehind,
}

/// The broker: committed records alone.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<Entry>,
    /// What becomes of the next commits; done where nothing is said.
    pub(crate) next: VecDeque<Commit>,
    pub(crate) commits: usize,
}

impl Journal for Log {
    fn load(&mut self) -> Result<Vec<Stored>, Failure> {
        let marks = self.records.iter().filter(|entry| entry.topic == MARKS_TOPIC);
        Ok(marks.map(|entry| Stored { key: entry.key.clone(), value: entry.value.clone() }).collect())
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        self.commits += 1;
        let what = self.next.pop_front().unwrap_or(Commit::Done);
        if matches!(what, Commit::Done | Commit::Unheard | Commit::DiesBehind) {
            self.records.extend(entries.iter().cloned());
        }
        match what {
            Commit::Done => Ok(()),
            Commit::Unheard => Err(Failure::Indefinite(String::from("unheard"))),
            Commit::Lost => Err(Failure::Abort(String::from("lost"))),
            // No failure of a broker: the run ends there and then.
            Commit::DiesBefore | Commit::DiesBehind => Err(Failure::Fatal(String::from("killed"))),
        }
    }
}

/// Waiting takes no time of the test.
#[derive(Debug)]
pub(crate) struct Virtual {
    now: Cell<i64>,
    pub(crate) waits: RefCell<Vec<Duration>>,
    /// Waits until someone asks to stop.
    pub(crate) stops_after: Cell<usize>,
}

impl Virtual {
    pub(crate) fn new() -> Self {
        let start: StreamTime = "2026-09-20T09:00:00+09:00".parse().unwrap();
        Self { now: Cell::new(start.0), waits: RefCell::default(), stops_after: Cell::new(usize::MAX) }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + i64::try_from(time.as_millis()).unwrap());
    }
}

impl Clock for Virtual {
    fn now(&self) -> StreamTime {
        StreamTime(self.now.get())
    }

    fn wait(&self, time: Duration) -> bool {
        self.pass(time);
        self.waits.borrow_mut().push(time);
        let left = self.stops_after.get();
        self.stops_after.set(left.saturating_sub(1));
        left > 0
    }
}

/// Everything that a run needs beside the one who asks.
pub(crate) struct Desk {
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) source: Source,
    pub(crate) log: Log,
    pub(crate) clock: Virtual,
}

/// A notice as a reader of the topic has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) removed: bool,
    pub(crate) tree: Tree,
    pub(crate) drift: String,
}

impl Desk {
    /// With pages of so many records.
    pub(crate) fn new(page: u32) -> Self {
        let contracts = Arc::new(builtin());
        let source = shipped(&contracts);
        let mut desk = Self { contracts, source, log: Log::default(), clock: Virtual::new() };
        desk.source.paging.records = page;
        desk
    }

    /// One run that asks over the network of this machine.
    pub(crate) fn run(&mut self, url: &str) -> Result<Summary, Failure> {
        self.run_scoped(url, Scope::Whole)
    }

    pub(crate) fn run_scoped(&mut self, url: &str, scope: Scope) -> Result<Summary, Failure> {
        let mut http = Http::new(&self.source, Some(crate::list::KEY.into()), Some(url), None).unwrap();
        self.run_with(&mut http, scope, |_| {})
    }

    pub(crate) fn run_with(
        &mut self,
        ask: &mut dyn Ask,
        scope: Scope,
        adjust: impl FnOnce(&mut Collector<'_>),
    ) -> Result<Summary, Failure> {
        let mut collector = Collector {
            source: &self.source,
            contracts: &self.contracts,
            ask,
            journal: &mut self.log,
            clock: &self.clock,
            scope,
            dry_run: false,
            allow_removals: false,
        };
        adjust(&mut collector);
        collector.run(&mut |_| {})
    }

    /// Every version of every notice, in the order of its key's partition.
    pub(crate) fn versions(&self) -> BTreeMap<String, Vec<Version>> {
        versions(&self.contracts, self.log.records.iter().filter(|entry| entry.topic == TOPIC))
    }

    /// The statements of how far the source has delivered.
    pub(crate) fn statements(&self) -> Vec<i64> {
        let topic = self.contracts.topic(REPORTS).unwrap();
        let records = self.log.records.iter().filter(|entry| entry.topic == REPORTS);
        records
            .map(|entry| {
                topic.decode_tree(entry.value.as_ref().unwrap()).unwrap().int("delivered_through").unwrap()
            })
            .collect()
    }

    /// Codes and bytes of the letters.
    pub(crate) fn letters(&self) -> Vec<(String, String)> {
        let topic = self.contracts.topic("dead-letters").unwrap();
        let records = self.log.records.iter().filter(|entry| entry.topic == "dead-letters");
        records
            .map(|entry| {
                let tree = topic.decode_tree(entry.value.as_ref().unwrap()).unwrap();
                let Some(Tree::Bytes(bytes)) = tree.field("value") else { panic!("a letter without bytes") };
                (tree.text("code").unwrap().to_string(), String::from_utf8(bytes.clone()).unwrap())
            })
            .collect()
    }
}

pub(crate) fn shipped(contracts: &Contracts) -> Source {
    let (name, text) = *builtin_files().iter().find(|(name, _)| *name == "youthcenter.toml").unwrap();
    let (source, mistakes) = check(name, text, contracts);
    source.unwrap_or_else(|| panic!("{mistakes:#?}"))
}

pub(crate) fn versions<'e>(
    contracts: &Contracts,
    records: impl Iterator<Item = &'e Entry>,
) -> BTreeMap<String, Vec<Version>> {
    let topic = contracts.topic(TOPIC).unwrap();
    let mut versions: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for entry in records {
        let tree = topic.decode_tree(entry.value.as_ref().unwrap()).unwrap();
        let drift = entry.headers.iter().find(|(name, _)| name == "drift");
        versions.entry(tree.text("source_key").unwrap().to_string()).or_default().push(Version {
            removed: tree.flag("removed"),
            drift: drift.map_or_else(String::new, |(_, names)| String::from_utf8(names.clone()).unwrap()),
            tree,
        });
    }
    versions
}
