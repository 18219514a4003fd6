//! `ieum collect`: one run of a connector, from a source's list into its topic.

mod told;

use super::connect::Connect;
use super::diagnostics::{Format, Found};
use super::exit::{Exit, Outcome, Stop};
use super::files::{Files as Texts, Folders, Sources};
use super::output::{self, Table};
use super::stop::Asked;
use super::topics;
use crate::collect::codes::NO_KEY;
use crate::collect::{
    self, Ask, Collector, Ended, Files, Http, Journal, KafkaJournal, NoJournal, Progress, Scope, Source,
    WallClock,
};
use crate::config::Config;
use crate::contracts::Contracts;
use crate::engine::lane::io::Failure;
use crate::telemetry;
use crate::types::Day;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Read a source of notices into its topic: what is new, what changed, what is gone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum collect                                   the sources there are\n  \
                        ieum collect youthcenter --config ieum.toml    from a timer, several times a day\n  \
                        ieum collect youthcenter --dry-run             what it would write; without a broker, all is new\n  \
                        ieum collect youthcenter --from-file saved/    saved answers instead of the network\n\n\
                        Each page is written in one transaction with the marks of what was read, so a run that ends anywhere is gone on\n\
                        with by the next, and nothing is lost or doubled. One run of a source at a time: a second one takes over.\n\n\
                        Exit codes: 0 read to the end, 1 read to the end and a person should look (rejected records, changed fields, a\n\
                        list that was not whole), 3 the key or a source file is wrong, 4 broker not reachable, 5 another run took over,\n\
                        6 the source could not be read to its end: what came is written, and the next run goes on."
)]
pub(super) struct Collect {
    /// Which source; without one, they are listed.
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    sources: Sources,
    /// Take only what was modified on this day or later. Nothing is said to be gone.
    #[arg(long, value_name = "DATE")]
    since: Option<Day>,
    /// Write nothing: print which notices are new, changed or gone.
    #[arg(long)]
    dry_run: bool,
    /// Read saved answers, a file or a folder of them, instead of asking; may stand several times. Nothing is said to be gone.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["url", "key_file", "ca_file", "allow_removals"])]
    from_file: Vec<PathBuf>,
    /// Read the key from this file instead of the one in the source file.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Ask this address instead of the one in the source file.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Trust these certificates (PEM) instead of Mozilla's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Say that notices are gone however many they are.
    #[arg(long, conflicts_with = "since")]
    allow_removals: bool,
    /// Print the summary as one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Collect) -> Outcome {
    let contracts = Arc::new(topics::load(&args.folders)?);
    let texts = args.sources.files()?;
    let Some(name) = &args.source else { return list(&texts, &contracts) };
    let source = source(&texts, name, &contracts)?;
    let config = args.connect.config()?;
    telemetry::start_logging(&config.log);
    let (mut ask, scope) = asking(args, &source, &texts)?;
    let mut journal = journal(args, &config, &source);
    let asked = Asked::listen()?;
    let clock = WallClock::new(Arc::new(move || asked.to_stop()));
    let watch = Watch::new(&source);
    let collected = Collector {
        source: &source,
        contracts: &contracts,
        ask: &mut *ask,
        journal: &mut *journal,
        clock: &clock,
        scope,
        dry_run: args.dry_run,
        allow_removals: args.allow_removals,
    }
    .run(&mut |progress| watch.tell(progress));
    watch.bar.finish_and_clear();
    let summary = collected.map_err(|failure| match failure {
        Failure::Fenced(told) => {
            Stop::new(Exit::Refused, format!("another run of this source took over: {told}"))
        }
        other => other.into(),
    })?;
    if args.json {
        output::json(&told::json(&source, &summary));
    } else {
        told::text(&source, &summary, args.dry_run);
    }
    Ok(match &summary.ended {
        Ended::Part(trouble) => {
            let (code, label) = (trouble.code(), &source.label);
            let rest = if args.dry_run { "" } else { "; what came is written, and the next run goes on" };
            output::error(&format!("{code} {label}: {trouble}{rest} (\"ieum explain {code}\")"));
            Exit::Source
        }
        Ended::ToTheEnd if summary.has_findings() => Exit::Found,
        Ended::ToTheEnd => Exit::Ok,
    })
}

/// Reads every source file; none where one has a mistake. Those that came with the program are left out where their topic is
/// not among these contracts.
pub(super) fn sources(texts: &Texts, contracts: &Contracts, found: &mut Found) -> Option<Vec<Source>> {
    let (mut sources, mut is_good) = (Vec::new(), true);
    for (name, text) in texts.iter() {
        let (source, mistakes) = collect::check(name, text, contracts);
        if texts.built_in && mistakes.iter().any(|mistake| mistake.code == collect::codes::WRONG_TOPIC) {
            continue;
        }
        is_good &= mistakes.is_empty();
        found.add(&texts.folder, &[(name.to_owned(), text.to_owned())].into(), mistakes);
        sources.extend(source);
    }
    is_good.then_some(sources)
}

fn list(texts: &Texts, contracts: &Contracts) -> Outcome {
    let mut found = Found::default();
    let Some(sources) = sources(texts, contracts, &mut found) else {
        found.tell(Format::Text);
        return Ok(Exit::Config);
    };
    let mut table = Table::new(["SOURCE", "TOPIC", "REQUESTS A DAY", "NAME"]);
    for source in &sources {
        table.row([
            source.name.to_string(),
            source.topic.to_string(),
            source.request.per_day.to_string(),
            source.label.clone(),
        ]);
    }
    table.print();
    Ok(Exit::Ok)
}

fn source(texts: &Texts, name: &str, contracts: &Contracts) -> Result<Source, Stop> {
    let file = format!("{name}.toml");
    let Some(text) = texts.texts.get(&file) else {
        let names: Vec<&str> = texts.texts.keys().filter_map(|file| file.strip_suffix(".toml")).collect();
        let near = crate::types::did_you_mean(name, names.iter().copied());
        let help = near.map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        return Err(Stop::new(Exit::Config, format!("no source is named {name:?}; {help}")));
    };
    let (source, mistakes) = collect::check(&file, text, contracts);
    source.ok_or_else(|| {
        let mut found = Found::default();
        found.add(&texts.folder, &texts.texts, mistakes);
        found.tell(Format::Text);
        Stop::told(Exit::Config)
    })
}

/// Who asks, and how much is read.
fn asking(args: &Collect, source: &Source, texts: &Texts) -> Result<(Box<dyn Ask>, Scope), Stop> {
    let wrong = |told: String| Stop::new(Exit::Config, told);
    if !args.from_file.is_empty() {
        let files = Files::new(&args.from_file).map_err(|error| wrong(format!("--from-file: {error}")))?;
        let count = u32::try_from(files.count()).unwrap_or(u32::MAX);
        return Ok((Box::new(files), Scope::Files(count)));
    }
    let file = match (&args.key_file, &source.request.key) {
        (Some(file), _) => Some(file.clone()),
        (None, Some((_, file))) if texts.built_in => Some(file.clone()),
        (None, Some((_, file))) => Some(Path::new(&texts.folder).join(file)),
        (None, None) => None,
    };
    let key = file.map(|file| key(&file)).transpose()?;
    let roots = args.ca_file.as_ref().map(|file| {
        std::fs::read(file).map_err(|error| wrong(format!("--ca-file {}: {error}", file.display())))
    });
    let http = Http::new(source, key, args.url.as_deref(), roots.transpose()?.as_deref()).map_err(wrong)?;
    Ok((Box::new(http), args.since.map_or(Scope::Whole, Scope::Since)))
}

fn key(file: &Path) -> Result<String, Stop> {
    let wrong = |why: &dyn std::fmt::Display| {
        let told =
            format!("{NO_KEY} the file of the key, {}: {why}; --key-file names another", file.display());
        Stop::new(Exit::Config, told)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let key = text.trim();
    if key.is_empty() { Err(wrong(&"it is empty")) } else { Ok(key.to_owned()) }
}

/// A dry run fences nobody; without any broker named it knows of nothing published.
fn journal(args: &Collect, config: &Config, source: &Source) -> Box<dyn Journal> {
    let named = args.connect.config.is_some() || args.connect.brokers.is_some();
    match (args.dry_run, named) {
        (true, false) => Box::new(NoJournal),
        (true, true) => Box::new(KafkaJournal::reading(&config.kafka)),
        (false, _) => Box::new(KafkaJournal::open(&config.kafka, &config.application.id, &source.name)),
    }
}

/// A bar on a terminal, else a line for each page.
struct Watch {
    name: String,
    bar: ProgressBar,
}

impl Watch {
    fn new(source: &Source) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { name: source.name.to_string(), bar }
    }

    fn tell(&self, progress: Progress) {
        let Progress { listed, total, written } = progress;
        if self.bar.is_hidden() {
            output::note(format_args!("{}  {listed} of {total} read, {written} written", self.name));
            return;
        }
        self.bar.set_length(total);
        self.bar.set_position(listed);
        self.bar.set_message(format!("{}  {written} written", self.name));
    }
}
