//! `ieum rules why-not`: why a rule tells nothing of a household, asked of a recorded log or of what a broker retains.

mod json;
mod text;

pub(super) use json::as_json;
pub(super) use text::{Page, page};

use crate::cli::check::contracts;
use crate::cli::diagnostics::{Format, Found};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::{Files, Folders};
use crate::cli::output;
use crate::cli::recorded::{LogArgs, Recording, Source, point, stuck};
use crate::contracts::Contracts;
use crate::engine::households::pack_in_force;
use crate::engine::task::PackSource;
use crate::replay::{Machine, Scope, whynot};
use crate::rules::plan::Pack;
use crate::types::{PackHash, SmolStr, StreamTime, did_you_mean};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tell why a rule tells nothing of a household, or what it tells.
///
/// The log is replayed through the task that runs in production, up to the time asked about. Then each condition says what it
/// saw and how far it is from saying otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum rules why-not crisis.my-rule hh-00c0ffee --log march.log\n  \
                        ieum rules why-not crisis.my-rule hh-00c0ffee --at 2026-03-20 --log march.log --format json\n  \
                        ieum rules why-not crisis.my-rule hh-00c0ffee --rules my/rules --log march.log\n\n\
                        A day is meant to its end, in Korean time. Values that no alert carries (money, health, names) are masked.\n\n\
                        Exit codes: 0 answered, 1 the log holds nothing of the household, or the pack has no such rule.")]
pub(super) struct WhyNot {
    /// Id of the rule.
    #[arg(value_name = "RULE")]
    rule: String,
    /// Pseudonym of the household.
    #[arg(value_name = "HOUSEHOLD")]
    household: String,
    /// As things stood then; without it: where the log ends.
    #[arg(long, value_name = "TIME", value_parser = point)]
    at: Option<StreamTime>,
    #[command(flatten)]
    log: LogArgs,
    /// Ask these rules, as if they had decided from the first record on.
    ///
    /// Without it: those that the log names, from where it names them.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// How the answer is told.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How an answer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// In Korean, for a person.
    Text,
    /// One document, for a program.
    Json,
}

/// A log that is asked, and the rules that answer.
pub(super) struct Asked {
    pub(super) contracts: Arc<Contracts>,
    pub(super) recording: Recording,
    pub(super) packs: Arc<dyn PackSource>,
    /// The rules of a folder, which answer instead of those that the log names.
    pub(super) forced: Option<PackHash>,
}

impl Asked {
    pub(super) fn open(source: &Source, rules: Option<&Path>) -> Result<Self, Stop> {
        let contracts = Arc::new(topics()?);
        let given = rules.map(|dir| folder(dir, &contracts)).transpose()?;
        let recording = source.open()?;
        recording.caution(&contracts);
        let packs = Arc::new(recording.pack_source().with(given.clone()));
        Ok(Self { contracts, recording, packs, forced: given.map(|pack| pack.hash) })
    }
}

pub(super) fn run(args: &WhyNot) -> Outcome {
    let source = args.log.source()?;
    let Asked { contracts, mut recording, packs, forced } = Asked::open(&source, args.rules.as_deref())?;
    let scope = Scope { pack: forced, household: Some(SmolStr::new(&args.household)), until: args.at };
    let machine = Machine::new(&contracts, recording.header.partitions, Arc::clone(&packs), scope);
    let mut machine = machine.map_err(|told| Stop::new(Exit::Found, told))?;
    replay(&mut recording, &mut machine)?;
    let unknown = || {
        let until = args.at.map_or_else(|| String::from("in the whole log"), |at| format!("by {at}"));
        Stop::new(Exit::Found, format!("nothing is known of household {:?} {until}", args.household))
    };
    let place = machine.place_of(&args.household).ok_or_else(unknown)?;
    let hash = forced.or_else(|| machine.state(place).and_then(|state| pack_in_force(state)));
    let pack = hash.and_then(|hash| packs.pack(&hash)).ok_or_else(|| {
        Stop::new(Exit::Found, "the log had named no pack by then; --rules names one to ask")
    })?;
    let rule = rule(&pack, &args.rule)?;
    let answer =
        whynot::ask(&mut machine, &contracts, &pack, rule, &args.household).map_err(|s| stuck(&s))?;
    let answer = answer.ok_or_else(unknown)?;
    match args.format {
        Form::Json => output::json(&as_json(&answer, &pack, rule, &args.household)),
        Form::Text => {
            let page = Page {
                answer: &answer,
                contracts: &contracts,
                pack: &pack,
                rule,
                household: &args.household,
            };
            output::line(format_args!("{}", text::page(&page).trim_end()));
        }
    }
    Ok(Exit::Ok)
}

/// Hands the whole recording on, as far as it is of interest.
fn replay(recording: &mut Recording, machine: &mut Machine) -> Result<(), Stop> {
    while let Some((partition, record)) = recording.next()? {
        machine.handle(partition, &record).map_err(|s| stuck(&s))?;
        if machine.is_over(recording.header.partitions) {
            break;
        }
    }
    machine.settle().map_err(|s| stuck(&s))?;
    begins_late(machine);
    Ok(())
}

/// A log of which the first records are gone knows less than what happened.
pub(super) fn begins_late(machine: &Machine) {
    let late: Vec<String> = machine
        .partitions()
        .filter(|(_, first)| *first > 0)
        .map(|(partition, first)| format!("partition {partition} at offset {first}"))
        .collect();
    if !late.is_empty() {
        output::note(format_args!(
            "the log does not hold its beginning ({}): what was told before is not known",
            late.join(", ")
        ));
    }
}

/// The topics at hand.
pub(super) fn topics() -> Result<Contracts, Stop> {
    let mut found = Found::default();
    let topics = contracts(&Folders::default().topics()?, &mut found);
    topics.ok_or_else(|| {
        found.tell(Format::Text);
        Stop::told(Exit::Config)
    })
}

/// The pack of a folder.
pub(super) fn folder(dir: &Path, contracts: &Contracts) -> Result<Arc<Pack>, Stop> {
    let files: Files = Folders { topics: None, rules: Some(dir.to_owned()) }.rules()?;
    let (pack, mistakes) = crate::rules::load(files.iter(), contracts);
    let mut found = Found::default();
    found.add(&files.folder, &files.texts, mistakes);
    pack.map(Arc::new).ok_or_else(|| {
        found.tell(Format::Text);
        Stop::told(Exit::Found)
    })
}

fn rule<'p>(pack: &'p Pack, id: &str) -> Result<&'p crate::rules::plan::CrisisRule, Stop> {
    pack.crisis_rule(id).ok_or_else(|| {
        let near = did_you_mean(id, pack.crisis.iter().map(|rule| rule.id.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        Stop::new(Exit::Found, format!("pack {} has no rule {id:?}{hint}", pack.hash.short()))
    })
}
