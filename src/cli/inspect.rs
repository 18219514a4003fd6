//! `ieum state inspect`: what a task's local store holds. Nothing of a person beyond pseudonyms is printed: names of parts,
//! counts and positions, never values.

use super::exit::{Exit, Outcome, Stop};
use super::output::{self, Table};
use crate::engine::lane::io::StorePosition;
use crate::engine::state::{Record, Sub};
use crate::store::Contents;
use crate::types::StreamTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Local stores of tasks, and entities that wait for a person.
#[derive(Debug, clap::Args)]
pub(super) struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Inspect(Inspect),
    Unpark(super::unpark::Unpark),
}

/// Show what a task's store holds: its position, its parts by kind, one entity's records.
///
/// It reads a copy, so the store itself is never written, and may belong to a process that runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum state inspect target/local-state/ieum/households/0\n  \
                        ieum state inspect /var/lib/ieum/ieum/households/0 --entity h-000123\n\n\
                        The directory is <state.dir>/<application.id>/<stage>/<partition>. Values are never printed, only the names\n\
                        and sizes of what is stored.")]
struct Inspect {
    /// A task's directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// List the records of this entity, by its pseudonym.
    #[arg(long, value_name = "ID")]
    entity: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &State) -> Outcome {
    match &args.command {
        Command::Inspect(args) => inspect(args),
        Command::Unpark(args) => super::unpark::run(args),
    }
}

/// What was found.
#[derive(Default)]
struct Summary {
    /// Records and bytes by kind of part.
    parts: BTreeMap<&'static str, (u64, u64)>,
    /// The asked entity's records: part, kind, bytes.
    entity: Vec<(String, &'static str, usize)>,
    entities: u64,
    unreadable: u64,
}

fn inspect(args: &Inspect) -> Outcome {
    let newest = newest(&args.dir)?;
    let stored = read(&newest)?;
    let (position, content) = (stored.position, Summary::of(stored, args.entity.as_deref()));
    if args.json {
        output::json(&as_json(position.as_ref(), &content));
        return Ok(Exit::Ok);
    }
    match position {
        None => output::line(format_args!("empty: nothing has been committed to it")),
        Some(at) => output::line(format_args!(
            "input from {}, changelog from {}, transaction {}, stream time {}",
            at.input_next,
            at.changelog_next,
            at.sequence,
            StreamTime(at.stream_time_ms)
        )),
    }
    let mut table = Table::new(["PART", "RECORDS", "BYTES"]);
    for (part, (records, bytes)) in &content.parts {
        table.row([(*part).to_owned(), records.to_string(), bytes.to_string()]);
    }
    table.print();
    output::note(format_args!("{} entities, {} unreadable records", content.entities, content.unreadable));
    if let Some(entity) = &args.entity {
        let mut table = Table::new(["RECORD", "PART", "BYTES"]);
        for (name, part, bytes) in &content.entity {
            table.row([name.clone(), (*part).to_owned(), bytes.to_string()]);
        }
        output::line(format_args!("\n{entity}"));
        table.print();
        if content.entity.is_empty() {
            return Err(Stop::new(Exit::Found, format!("no entity {entity:?} in this partition")));
        }
    }
    Ok(Exit::Ok)
}

/// The database of a task's directory that counts: the highest generation.
fn newest(dir: &Path) -> Result<PathBuf, Stop> {
    let entries = std::fs::read_dir(dir)
        .map_err(|error| Stop::new(Exit::Found, format!("{}: {error}", dir.display())))?;
    let generations = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.parse::<u64>().ok().map(|generation| (generation, entry.path()))
    });
    generations.max().map(|(_, path)| path).ok_or_else(|| {
        let told = format!(
            "{} is no task's store: a task's is <state.dir>/<application>/<stage>/<partition>",
            dir.display()
        );
        Stop::new(Exit::Found, told)
    })
}

/// Reads a copy of a database. A process that runs puts files in the place of others meanwhile, and what one look copied may not
/// belong together; the next does.
fn read(database: &Path) -> Result<Contents, Stop> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let found = Copied::of(database)
            .map_err(|error| format!("it cannot be copied: {error}"))
            .and_then(|copy| Contents::read(&copy.0));
        match found {
            Err(_) if attempts < ATTEMPTS => {}
            other => {
                return other.map_err(|why| {
                    let told = format!(
                        "the store cannot be read: {why}; a task wipes such a one and restores it by itself"
                    );
                    Stop::new(Exit::Found, told)
                });
            }
        }
    }
}

/// Looks at a store that does not read, before that is said of it.
const ATTEMPTS: usize = 3;

/// A copy of a database, removed when it is done with.
struct Copied(PathBuf);

impl Copied {
    fn of(from: &Path) -> std::io::Result<Self> {
        let to = std::env::temp_dir().join(format!("ieum-inspect-{}", uuid::Uuid::new_v4().simple()));
        let copy = Self(to);
        copy_folder(from, &copy.0)?;
        Ok(copy)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // What is left behind lies in the system's folder for such things.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Summary {
    fn of(stored: Contents, entity: Option<&str>) -> Self {
        let mut content = Self { unreadable: stored.unreadable, ..Self::default() };
        let mut last = None;
        for (key, record, bytes) in stored.records {
            let counts = content.parts.entry(kind(&record)).or_default();
            counts.0 += 1;
            counts.1 += bytes as u64;
            if entity == Some(key.entity.as_str()) {
                content.entity.push((part(&key.sub), kind(&record), bytes));
            }
            if !key.entity.is_empty() && last.as_ref() != Some(&key.entity) {
                content.entities += 1;
                last = Some(key.entity);
            }
        }
        content
    }
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Subject(_) => "subject",
        Record::SubjectPage(_) => "subject's events of a year",
        Record::Waiting(_) => "waits for its original",
        Record::Household(_) => "household",
        Record::HouseholdPage(_) => "household's events of a year",
        Record::DailyUse(_) => "days of use of a year",
        Record::Episode(_) => "episode",
        Record::Clock(_) => "clock",
        Record::Feed(_) => "completeness of a feed",
        Record::Area(_) => "area event",
        Record::Control(_) => "control",
        Record::AreaTime(_) => "control's ticks to areas",
        Record::CrowdYear(_) => "area's pages of a year",
        Record::Crowd(_) => "area's households of a month",
        Record::Job(_) => "job",
        Record::Parked(_) => "parked entity",
        Record::SubjectDays(_) => "subject's days of use of a year",
    }
}

fn part(sub: &Sub) -> String {
    match sub {
        Sub::Head => String::from("head"),
        Sub::Page(year) => format!("events {year}"),
        Sub::Daily(year) => format!("daily {year}"),
        Sub::Episode(rule, number) => format!("episode {rule} {number}"),
        // A source's own key may say more than a pseudonym does.
        Sub::Waiting(source, _) => format!("waiting, of {source}"),
        Sub::Job(name) => format!("job {name}"),
        Sub::Own(name) => name.to_string(),
        Sub::Crowd(kind, month, part) => {
            let (year, month) =
                (1970 + i32::from(*month).div_euclid(12), i32::from(*month).rem_euclid(12) + 1);
            format!("crowd {kind} {year}-{month:02} {part}")
        }
    }
}

fn as_json(position: Option<&StorePosition>, content: &Summary) -> serde_json::Value {
    let parts: serde_json::Map<String, serde_json::Value> = content
        .parts
        .iter()
        .map(|(part, (records, bytes))| {
            ((*part).to_owned(), serde_json::json!({"records": records, "bytes": bytes}))
        })
        .collect();
    let entity: Vec<_> = content
        .entity
        .iter()
        .map(|(name, part, bytes)| serde_json::json!({"record": name, "part": part, "bytes": bytes}))
        .collect();
    serde_json::json!({
        "position": position.map(|at| serde_json::json!({
            "input_next": at.input_next,
            "changelog_next": at.changelog_next,
            "transaction": at.sequence,
            "stream_time": StreamTime(at.stream_time_ms).to_string(),
        })),
        "parts": parts,
        "entities": content.entities,
        "unreadable": content.unreadable,
        "entity": entity,
    })
}
