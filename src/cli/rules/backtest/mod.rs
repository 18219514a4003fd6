//! `ieum rules backtest`: a recorded log through two packs, and what they tell of differently.

mod html;
mod json;
mod text;

use super::why_not::{begins_late, folder, topics};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::output;
use crate::cli::recorded::{LogArgs, Source, create, flush, stuck};
use crate::contracts::{Contracts, Pii};
use crate::engine::households::fact_today;
use crate::engine::task::PackSource;
use crate::replay::backtest::{Comparison, Life, Lives, Span, compare};
use crate::replay::truth::Truth;
use crate::replay::{Machine, Scope, Told};
use crate::rules::plan::Pack;
use crate::types::{Day, PackHash, SmolStr, did_you_mean};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Replay a recorded log through two packs and show which alerts appear, vanish or change.
///
/// Both replays run through the task that runs in production, at the same time. Casework of the log is done in both, as far as
/// the alert that it acts on is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum rules backtest --log march.log --new my/rules\n  \
                        ieum rules backtest --log march.log --old last-year/rules --new rules --from 2026-03-01 --html march.html\n  \
                        ieum rules backtest --log target/city/households.log --new rules --truth target/city/truth.json\n\n\
                        Two alerts are the same if they are of one rule and one household and were live at one time.\n\n\
                        Exit codes: 0 both tell the same, 1 they differ, or the log cannot be replayed, 2 wrong command line.")]
pub(super) struct Backtest {
    #[command(flatten)]
    log: LogArgs,
    /// Folder of the old rules, or the hash of a pack that the log carries; as much of it as tells it from others.
    ///
    /// Without it: the packs that the log names, each from where it names it.
    #[arg(long, value_name = "DIR|HASH")]
    old: Option<String>,
    /// Folder of the new rules, or such a hash.
    #[arg(long, value_name = "DIR|HASH")]
    new: String,
    /// Only alerts that open on this day or later; what came before is replayed all the same.
    #[arg(long, value_name = "DATE")]
    from: Option<Day>,
    /// Only alerts that open on this day or earlier.
    #[arg(long, value_name = "DATE")]
    to: Option<Day>,
    /// Also by group of household: by this fact, as it is when the alert opens (`size`).
    #[arg(long, value_name = "FACT")]
    group: Option<String>,
    /// Also precision and recall, by the hidden truth that `ieum simulate --record` put beside the log.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// How the answer is told.
    #[arg(long, value_enum, default_value_t = super::why_not::Form::Text)]
    format: super::why_not::Form,
    /// Write a page for a browser, whole in itself; the file must not be there yet.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What a report says of its question.
pub(super) struct Asked {
    old: String,
    new: String,
    span: Span,
    group: Option<String>,
}

pub(super) fn run(args: &Backtest) -> Outcome {
    let contracts = Arc::new(topics()?);
    let group = args.group.as_deref().map(|name| group(&contracts, name)).transpose()?;
    let truth = args.truth.as_deref().map(truth).transpose()?;
    let (old, new) = (Side::of(args.old.as_deref(), &contracts)?, Side::of(Some(&args.new), &contracts)?);
    let source = args.log.source()?;
    let recording = source.open()?;
    recording.caution(&contracts);
    let packs = recording.pack_source();
    let (old, new) = (old.settled(&packs)?, new.settled(&packs)?);
    let bar = Bar::new(recording.bytes);
    drop(recording);
    let replay = |side: &Side, passed: &AtomicU64| side.replay(&source, &contracts, group.as_ref(), passed);
    // One of the two threads beside this one, which keeps the bar.
    let (old_lives, new_lives) = std::thread::scope(|scope| {
        let old = scope.spawn(|| replay(&old, &bar.old));
        let new = scope.spawn(|| replay(&new, &bar.new));
        while !(old.is_finished() && new.is_finished()) {
            bar.show();
            std::thread::park_timeout(Duration::from_millis(50));
        }
        (old.join(), new.join())
    });
    bar.end();
    let died = |_| Stop::new(Exit::Found, "a replay died at a defect; its message stands above");
    let (old_lives, (new_lives, machine)) = (old_lives.map_err(died)??.0, new_lives.map_err(died)??);
    begins_late(&machine);
    let span = Span { from: args.from, to: args.to };
    let comparison = compare(old_lives, new_lives, span, truth.as_ref());
    let asked = Asked { old: old.name, new: new.name, span, group: group.map(|name| name.to_string()) };
    match args.format {
        super::why_not::Form::Json => output::json(&json::as_json(&asked, &comparison)),
        super::why_not::Form::Text => text::tell(&asked, &comparison),
    }
    if let Some(path) = &args.html {
        let page = html::page(&asked, &comparison, &contracts);
        flush(&mut create(path)?, path, &mut page.into_bytes(), true)?;
    }
    Ok(if comparison.changes.is_empty() { Exit::Ok } else { Exit::Found })
}

/// One of the two packs.
struct Side {
    /// For the report.
    name: String,
    /// A hash of the log's that is still to be found.
    wanted: Option<String>,
    /// The pack that decides; none: those that the log names.
    hash: Option<PackHash>,
    given: Option<Arc<Pack>>,
}

impl Side {
    fn of(named: Option<&str>, contracts: &Contracts) -> Result<Self, Stop> {
        let mut side = Self { name: String::from("as recorded"), wanted: None, hash: None, given: None };
        let Some(named) = named else { return Ok(side) };
        if Path::new(named).is_dir() {
            let pack = folder(Path::new(named), contracts)?;
            side.name = format!("{} ({})", named.trim_end_matches('/'), pack.hash.short());
            (side.hash, side.given) = (Some(pack.hash), Some(pack));
        } else {
            side.wanted = Some(named.to_owned());
        }
        Ok(side)
    }

    /// Looks a hash up among the packs of the log.
    fn settled(mut self, packs: &crate::cli::recorded::CarriedPacks) -> Result<Self, Stop> {
        if let Some(wanted) = self.wanted.take() {
            let hash = packs.find(&wanted)?;
            (self.name, self.hash) = (format!("pack {}", hash.short()), Some(hash));
        }
        Ok(self)
    }

    fn replay(
        &self,
        source: &Source,
        contracts: &Arc<Contracts>,
        group: Option<&SmolStr>,
        passed: &AtomicU64,
    ) -> Result<(Vec<Life>, Machine), Stop> {
        let mut recording = source.open()?;
        let packs: Arc<dyn PackSource> = Arc::new(recording.pack_source().with(self.given.clone()));
        let scope = Scope { pack: self.hash, ..Scope::default() };
        let machine = Machine::new(contracts, recording.header.partitions, packs, scope);
        let mut machine = machine.map_err(|told| Stop::new(Exit::Found, told))?;
        let mut lives = Lives::default();
        let mut take = |machine: &Machine, partition, output: &_| {
            let Some(told) = Told::of(contracts, output) else { return };
            lives.take(&told, || {
                let fact = fact_today(machine.state(partition)?, &told.household, group?);
                Some(SmolStr::new(fact.map_or_else(|| String::from("-"), |value| value.to_string())))
            });
        };
        while let Some((partition, record)) = recording.next()? {
            for output in machine.handle(partition, &record).map_err(|s| stuck(&s))? {
                take(&machine, partition, &output);
            }
            passed.store(recording.read, Ordering::Relaxed);
        }
        for (partition, output) in machine.settle().map_err(|s| stuck(&s))? {
            take(&machine, partition, &output);
        }
        Ok((lives.into_all(), machine))
    }
}

/// A fact by which households may be told apart in a report: stored, and no more private than an alert shows.
fn group(contracts: &Contracts, name: &str) -> Result<SmolStr, Stop> {
    let name = name.strip_prefix("household.").unwrap_or(name);
    let wrong = |told: String| Stop::new(Exit::Found, told);
    let Some(fact) = contracts.fact(name) else {
        let near = did_you_mean(name, contracts.facts().map(|fact| fact.field.name.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        return Err(wrong(format!("no fact {name:?} of households{hint}")));
    };
    match fact.field.pii {
        Pii::Pseudonym | Pii::Sensitive => {
            Err(wrong(format!("the fact {name:?} is too private to tell households apart by")))
        }
        Pii::None | Pii::Indirect if fact.born.is_some() => Err(wrong(format!(
            "the fact {name:?} is an age, which changes by the day: choose one that is told"
        ))),
        Pii::None | Pii::Indirect => Ok(fact.field.name.clone()),
    }
}

fn truth(path: &Path) -> Result<Truth, Stop> {
    let wrong =
        |error: &dyn std::fmt::Display| Stop::new(Exit::Found, format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    Truth::from_json(&text).map_err(|error| wrong(&error))
}

/// Progress of both, on a terminal; nothing without one.
struct Bar {
    bar: ProgressBar,
    old: AtomicU64,
    new: AtomicU64,
}

impl Bar {
    fn new(bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes * 2), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, old: AtomicU64::new(0), new: AtomicU64::new(0) }
    }

    fn show(&self) {
        self.bar.set_position(self.old.load(Ordering::Relaxed) + self.new.load(Ordering::Relaxed));
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The tables of a report: what they are by, and their lines.
fn tables<'c>(
    asked: &Asked,
    comparison: &'c Comparison,
) -> Vec<(String, &'c std::collections::BTreeMap<SmolStr, crate::replay::backtest::Tally>)> {
    let mut tables =
        vec![(String::from("rule"), &comparison.rules), (String::from("region"), &comparison.regions)];
    if let Some(group) = &asked.group {
        tables.push((group.clone(), &comparison.groups));
    }
    tables
}
