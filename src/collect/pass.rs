//! One pass over a source's list: page by page, each page with its marks in one transaction, and at the end of a whole list what is
//! gone and that the source has delivered.

mod batch;
mod finish;
mod read;

use super::asking::{Ask, Asking};
use super::clock::Clock;
use super::codes::BAD_MARKS;
use super::journal::Journal;
use super::marks::{Head, Marks};
use super::record::Form;
use super::source::Source;
use super::summary::{Ended, Progress, Summary};
use super::trouble::Trouble;
use crate::contracts::Contracts;
use crate::engine::lane::io::Failure;
use crate::engine::layout::Layout;
use crate::engine::letter::{Letters, letter_encoder};
use crate::types::{Day, MS_PER_HOUR, SmolStr, StreamTime};
use batch::Batch;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole list, going on where an earlier run ended.
    Whole,
    /// The whole list, of which only what was modified since this day is taken.
    Since(Day),
    /// So many saved answers.
    Files(u32),
}

/// A pass that began longer ago is begun anew: its first pages say too little of now. Longer than a day, so that a list with more
/// pages than a day's quota comes to its end.
const RESUMED_FOR_MS: i64 = 36 * MS_PER_HOUR;
/// How often the broker may fail in a run, and the wait between.
const BROKER: (u32, Duration) = (5, Duration::from_secs(2));

/// Collects one source.
pub struct Collector<'a> {
    /// The source.
    pub source: &'a Source,
    /// The contracts that name its topic.
    pub contracts: &'a Arc<Contracts>,
    /// Who asks.
    pub ask: &'a mut dyn Ask,
    /// Who writes.
    pub journal: &'a mut dyn Journal,
    /// Time.
    pub clock: &'a dyn Clock,
    /// How much is read.
    pub scope: Scope,
    /// Nothing is written.
    pub dry_run: bool,
    /// However many are gone, they are said to be.
    pub allow_removals: bool,
}

/// Why a pass does not go on.
#[derive(Debug)]
enum Halt {
    /// The source.
    Trouble(Trouble),
    /// The broker.
    Failure(Failure),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Collector<'_> {
    /// Reads and writes until the end of the list, or trouble, which the summary tells. An error is the broker's. `watch` is told
    /// after each page.
    pub fn run(&mut self, watch: &mut dyn FnMut(Progress)) -> Result<Summary, Failure> {
        let mut summary = Summary::new();
        let mut failed = 0;
        loop {
            let failure = match self.attempt(&mut summary, watch) {
                Ok(()) => return Ok(summary),
                Err(failure) => failure,
            };
            failed += 1;
            let passes = matches!(failure, Failure::Retry(_) | Failure::Abort(_) | Failure::Indefinite(_));
            if !passes || failed >= BROKER.0 || !self.clock.wait(BROKER.1) {
                return Err(failure);
            }
            tracing::warn!(source = %self.source.name, %failure, "reading the marks back and going on");
        }
    }

    /// From the marks as they are stored, until the end or trouble.
    fn attempt(&mut self, summary: &mut Summary, watch: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        let topic = self.contracts.topic(&self.source.topic);
        let topic = topic.ok_or_else(|| fatal(format!("there is no topic \"{}\"", self.source.topic)))?;
        let layout = Layout::new(self.contracts.layout());
        let marks = self.marks()?;
        let now = self.clock.now();
        let sent = if marks.head.day == Some(now.day()) { marks.head.requests } else { 0 };
        let saved = matches!(self.scope, Scope::Files(_));
        let mut pass = Pass {
            letters: Letters::new(layout.clone(), letter_encoder(self.contracts).map_err(fatal)?),
            form: Form::new(self.source, topic),
            asking: Asking::new(self.source, self.ask, self.clock, saved, (now.day(), sent)),
            cursor: marks.head.clone(),
            seen: BTreeSet::new(),
            source: self.source,
            contracts: self.contracts,
            journal: self.journal,
            clock: self.clock,
            scope: self.scope,
            dry_run: self.dry_run,
            allow_removals: self.allow_removals,
            layout,
            marks,
            summary,
            watch,
        };
        pass.begin(now);
        let ended = pass.read_to_the_end();
        pass.summary.requests += pass.asking.requests;
        pass.summary.requests_today = pass.asking.today.1;
        pass.summary.newest.clone_from(&pass.cursor.newest);
        match ended {
            Ok(()) => {
                pass.summary.ended = Ended::ToTheEnd;
                Ok(())
            }
            Err(Halt::Failure(failure)) => Err(failure),
            Err(Halt::Trouble(trouble)) => {
                pass.summary.ended = Ended::Part(trouble);
                // The requests that brought nothing count as well.
                pass.commit(Batch::default())
            }
        }
    }

    fn marks(&mut self) -> Result<Marks, Failure> {
        let mut marks = Marks::default();
        for stored in self.journal.load()? {
            let read = marks.read(&self.source.name, &stored.key, stored.value.as_deref());
            read.map_err(|why| fatal(format!("{BAD_MARKS}: a mark cannot be read: {why}")))?;
        }
        Ok(marks)
    }
}

fn fatal(told: String) -> Failure {
    Failure::Fatal(told)
}

/// A pass under way. Marks are changed at once: after a failed commit they are read back.
struct Pass<'p, 'w> {
    source: &'p Source,
    contracts: &'p Contracts,
    journal: &'p mut dyn Journal,
    clock: &'p dyn Clock,
    scope: Scope,
    dry_run: bool,
    allow_removals: bool,
    layout: Layout,
    letters: Letters,
    form: Form<'p>,
    asking: Asking<'p>,
    marks: Marks,
    /// Where this pass stands; the stored head too, if the whole list is read.
    cursor: Head,
    /// Notices met in this pass.
    seen: BTreeSet<SmolStr>,
    summary: &'p mut Summary,
    watch: &'w mut dyn FnMut(Progress),
}

impl Pass<'_, '_> {
    /// Goes on with the pass under way, or begins one.
    fn begin(&mut self, now: StreamTime) {
        let fresh = now.0.saturating_sub(self.cursor.began.0) <= RESUMED_FOR_MS;
        if self.is_whole_list() && !self.dry_run && self.cursor.pass > 0 && !self.cursor.over && fresh {
            self.seen = self.marks.seen();
            self.cursor.broken |= self.cursor.next_page > 1;
            self.summary.resumed = self.cursor.broken;
            return;
        }
        self.cursor = Head {
            pass: self.cursor.pass + u64::from(self.is_whole_list()),
            began: now,
            next_page: 1,
            listed: 0,
            total: None,
            steady: true,
            short: false,
            broken: false,
            keyless: 0,
            over: false,
            ..self.cursor.clone()
        };
    }

    fn is_whole_list(&self) -> bool {
        self.scope == Scope::Whole
    }

    fn read_to_the_end(&mut self) -> Result<(), Halt> {
        while !self.has_read_all() {
            self.page()?;
        }
        if self.is_whole_list() { self.finish() } else { Ok(()) }
    }
}
