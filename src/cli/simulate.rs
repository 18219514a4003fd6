//! `ieum simulate`: the synthetic city, written to a broker, recorded, or scored against its own truth.

mod record;

use super::connect::Connect;
use super::control;
use super::exit::{Exit, Outcome, Stop};
use super::output;
use super::stop::Asked;
use super::writer::{Turn, Writer};
use crate::contracts::{Contracts, builtin};
use crate::engine::message::Clock;
use crate::rules::plan::Pack;
use crate::sim::city::{City, Plan};
use crate::sim::score;
use crate::types::Day;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Write a synthetic city to a broker whose time is declared, or score the rules against its hidden truth.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum simulate --config deploy/local.toml --households 20000 --days 90\n  \
                        ieum simulate --brokers 127.0.0.1:9092 --seed 7 --start 2026-03-02\n  \
                        ieum simulate --record target/city --days 90       for \"ieum rules backtest --log target/city/households.log\"\n\n\
                        It writes only to a control log whose clock is declared, and time only goes on: a second run begins on the\n\
                        day after the time declared last."
)]
pub(super) struct Simulate {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    size: Size,
    /// Write nothing: run the city through all stages in this process and print how well the rules find crises.
    #[arg(long, conflicts_with_all = ["config", "brokers", "set", "poison"])]
    score: bool,
    /// Write nothing to a broker: run the city through all stages in this process, by the rules that came with the program, and
    /// put into this folder the log of households (`households.log`), the alerts (`alerts.log`) and the hidden truth
    /// (`truth.json`).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "brokers", "set", "poison", "score"])]
    record: Option<PathBuf>,
    /// First day; without it the city's own, or the day after the time declared last.
    #[arg(long, value_name = "DATE")]
    start: Option<Day>,
    /// Poisoned records for each 10,000 good ones.
    #[arg(long, value_name = "N", default_value_t = 0)]
    poison: u32,
}

/// What kind of city.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Size {
    /// Households of the city.
    #[arg(long, value_name = "N", default_value_t = Size::USUAL.households)]
    pub(super) households: u32,
    /// Days of the run.
    #[arg(long, value_name = "D", default_value_t = Size::USUAL.days)]
    pub(super) days: u32,
    /// The same seed gives the same city.
    #[arg(long, value_name = "S", default_value_t = Size::USUAL.seed)]
    pub(super) seed: u64,
}

impl Size {
    /// A city in which, within two months, everything happens that an alert can meet: a test holds it to that.
    const USUAL: Self = Self { households: 6_000, days: 60, seed: 9 };

    pub(super) fn plan(&self) -> Plan {
        Plan { households: self.households, days: self.days, seed: self.seed, ..Plan::default() }
    }
}

/// A wait that is worth a line.
const LONG: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Simulate) -> Outcome {
    if args.score {
        return score(args);
    }
    if let Some(folder) = &args.record {
        return record::record(args, folder);
    }
    let kafka = args.connect.config()?.kafka;
    let said = control::read(&kafka)?;
    if said.clock == Some(Clock::Append) {
        let told =
            "this broker's control log runs on the append clock: a city would declare a time that is not so";
        return Err(Stop::new(Exit::Refused, told));
    }
    let usual = said.sampled.map_or(Plan::default().start, |sampled| sampled.day().plus(1));
    let start = args.start.unwrap_or(usual);
    if let Some(sampled) = said.sampled.filter(|sampled| start.start() < *sampled) {
        let told = format!("time has been declared until {sampled}, and only goes on; leave --start out");
        return Err(Stop::new(Exit::Refused, told));
    }
    let plan = Plan { start, poison_per_10_000: args.poison, ..args.size.plan() };
    let contracts = Arc::new(builtin());
    let city = City::new(plan, Arc::clone(&contracts)).map_err(|told| Stop::new(Exit::Found, told))?;
    let mut writer = Writer::open(&kafka, &contracts, city, said.sampled)?;
    let asked = Asked::listen()?;
    let bar = bar();
    let mut waits: Option<Instant> = None;
    while !asked.to_stop() {
        match writer.turn(&mut |_| {})? {
            Turn::Over => break,
            Turn::Wrote => waits = None,
            Turn::Waits => {
                let since = *waits.get_or_insert_with(Instant::now);
                if since.elapsed() >= LONG {
                    bar.suspend(|| {
                        let at = writer.households();
                        output::note(format_args!("time waits for the households stage, which is at {at}: is \"ieum run\" there, and a pack published?"));
                    });
                    waits = Some(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        bar.set_position(writer.progress().unsigned_abs());
        bar.set_message(format!("{}  {} records", writer.told.declared.day(), writer.told.records));
    }
    bar.finish_and_clear();
    let told = writer.told;
    output::line(format_args!("{} records, {} bytes, until {}", told.records, told.bytes, told.declared));
    Ok(Exit::Ok)
}

/// The plan of a city in this process, and the pack that came with the program.
fn inside(args: &Simulate, contracts: &Contracts) -> Result<(Plan, Arc<Pack>), Stop> {
    let (Some(pack), _) = crate::rules::load(crate::rules::builtin_files(), contracts) else {
        return Err(Stop::new(Exit::Found, "the built-in rules do not load: a defect"));
    };
    let usual = args.size.plan();
    Ok((Plan { start: args.start.unwrap_or(usual.start), ..usual }, Arc::new(pack)))
}

/// Precision and recall of the built-in rules.
fn score(args: &Simulate) -> Outcome {
    let contracts = Arc::new(builtin());
    let (plan, pack) = inside(args, &contracts)?;
    let bar = bar();
    let scored = score::score(plan, &contracts, &pack, |permille| {
        bar.set_position(permille.unsigned_abs());
    });
    bar.finish_and_clear();
    let scored = scored.map_err(|error| Stop::new(Exit::Found, error.to_string()))?;
    output::line(format_args!("{}", scored.to_string().trim_end()));
    Ok(Exit::Ok)
}

/// On a terminal; nothing without one.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_usual_city_an_alert_meets_everything() {
        let contracts = Arc::new(builtin());
        let (pack, _) = crate::rules::load(crate::rules::builtin_files(), &contracts);
        let scored = score::score(Size::USUAL.plan(), &contracts, &Arc::new(pack.unwrap()), |_| {}).unwrap();
        for change in ["opened", "raised", "reopened", "escalated", "withdrawn", "suppressed", "closed"] {
            assert!(scored.changes.contains_key(change), "{change} never happens: {:?}", scored.changes);
        }
    }
}
