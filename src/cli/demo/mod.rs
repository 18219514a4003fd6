//! `ieum demo`: the whole of it on one machine, against a broker inside this process.
//!
//! The embedded broker is librdkafka's own for tests. It speaks the protocol on a real port, so other clients can look in,
//! but keeps nothing on disk, drops the oldest beyond 5 MiB or 100,000 records a partition, and has no transactions: the
//! stages run at-least-once, and the city waits for whoever is behind.

mod broker;
mod lag;
mod screen;
mod summary;

use super::alerts::Alert;
use super::exit::{Exit, Outcome, Stop};
use super::files::Files;
use super::rules;
use super::simulate::Size;
use super::stop::Asked;
use super::tree::Labels;
use super::writer::{Turn, Writer};
use crate::contracts::builtin;
use crate::engine::lane::Guarantee;
use crate::engine::layout::ALERTS_TOPIC;
use crate::engine::message::Clock;
use crate::runtime::{Ended, Runtime, RuntimeOptions};
use crate::sim::city::{City, Plan};
use crate::types::{MS_PER_DAY, StreamTime};
use broker::Embedded;
use lag::Lag;
use screen::Screen;
use std::sync::Arc;
use std::time::{Duration, Instant};
use summary::Summary;

/// Run everything on this machine: an embedded broker, a synthetic city, all stages, alerts as they come.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum demo                       two months in about a minute, then a summary; Ctrl-C ends it sooner\n  \
                        ieum demo --for 60s             at most a minute\n  ieum demo --households 10000 --seed 7\n  \
                        ieum demo | grep 긴급           without a terminal: one line for each alert\n\n\
                        The embedded broker keeps nothing and the stages are at-least-once on it. \"ieum run\" is exactly-once, on a\n\
                        real broker."
)]
pub(super) struct Demo {
    #[command(flatten)]
    size: Size,
    /// End after so long, like 60s or 2m; the city's days are spread over it.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasts: Option<Duration>,
    /// Poisoned records for each 10,000 good ones.
    #[arg(long, value_name = "N", default_value_t = 5)]
    poison: u32,
}

/// Wall-clock time of a day of the city, without --for.
const DAY: Duration = Duration::from_secs(1);
/// Part of --for in which the days pass; the rest is for the broker's first rebalance and the summary.
const SPREAD_PERCENT: u32 = 80;
/// Longest wait for the stages to take their partitions.
const READY: Duration = Duration::from_secs(60);
/// Longest wait, at the end, for what is still on its way.
const SETTLE: Duration = Duration::from_secs(5);
/// Time between two looks at the screen.
const FRAME: Duration = Duration::from_millis(250);

pub(super) fn run(args: &Demo) -> Outcome {
    let asked = Asked::listen()?;
    let began = Instant::now();
    let contracts = Arc::new(builtin());
    let embedded = Embedded::start(&contracts)?;
    let config = embedded.config()?;
    let files = Files::built_in_rules();
    let (Some(pack), _) = crate::rules::load(files.iter(), &contracts) else {
        return Err(Stop::new(Exit::Found, "the built-in rules do not load: a defect"));
    };
    rules::publish(
        &config.kafka,
        &contracts,
        &files,
        pack.hash,
        Some(Clock::Declared),
        &rules::Signed::default(),
    )?;
    let plan = Plan { poison_per_10_000: args.poison, ..args.size.plan() };
    let start = plan.start.start();
    let city = City::new(plan, Arc::clone(&contracts)).map_err(|told| Stop::new(Exit::Found, told))?;
    let mut show = Show {
        writer: Writer::open(&config.kafka, &contracts, city, Some(start))?,
        lag: Lag::open(&config.kafka)?,
        summary: Summary::default(),
        screen: Screen::new(Labels::of(&contracts, ALERTS_TOPIC), embedded.address(), args.size.households),
        runtime: Runtime::start(
            config.clone(),
            Arc::clone(&contracts),
            RuntimeOptions { guarantee: Guarantee::AtLeastOnce, ..RuntimeOptions::default() },
        ),
        pace: Pace { start, day: args.day(), began: Instant::now() },
        until: args.lasts.map(|lasts| began + lasts),
        asked,
    };
    show.screen.opening();
    let ended = show.play()?;
    show.close(&embedded, ended, began.elapsed())
}

impl Demo {
    fn day(&self) -> Duration {
        self.lasts.map_or(DAY, |lasts| lasts * SPREAD_PERCENT / 100 / self.size.days.max(1))
    }
}

/// Everything that runs.
struct Show {
    writer: Writer,
    lag: Lag,
    summary: Summary,
    screen: Screen,
    runtime: Runtime,
    pace: Pace,
    until: Option<Instant>,
    asked: Asked,
}

/// Declared time against the wall clock, so that a person can watch.
struct Pace {
    start: StreamTime,
    day: Duration,
    began: Instant,
}

impl Pace {
    /// The latest time that may be declared by now.
    fn allows(&self) -> StreamTime {
        let day_us = self.day.as_micros().max(1);
        let ms = self.began.elapsed().as_micros().saturating_mul(MS_PER_DAY.unsigned_abs().into()) / day_us;
        self.start.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

impl Show {
    /// Plays the city to its end, or until it is asked to stop; why the stages ended, if they did.
    fn play(&mut self) -> Result<Option<Ended>, Stop> {
        let deadline = Instant::now() + READY;
        while !self.runtime.status().is_ready() && Instant::now() < deadline {
            if let Some(ended) = self.over() {
                return Ok(ended);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.pace.began = Instant::now();
        let mut frame = Instant::now();
        loop {
            if let Some(ended) = self.over() {
                return Ok(ended);
            }
            let must_wait = self.lag.is_long() || self.writer.told.declared >= self.pace.allows();
            let (summary, screen, now) = (&mut self.summary, &mut self.screen, self.writer.told.declared);
            let mut seen = |alert: &Alert| {
                summary.take(alert);
                screen.take(alert, now);
            };
            if must_wait {
                self.writer.listen(&mut seen)?;
                std::thread::sleep(Duration::from_millis(2));
            } else {
                match self.writer.turn(&mut seen)? {
                    Turn::Over => return self.settle().map(|()| None),
                    Turn::Waits => std::thread::sleep(Duration::from_millis(2)),
                    Turn::Wrote => {}
                }
            }
            if frame.elapsed() >= FRAME {
                frame = Instant::now();
                self.lag.look(&self.runtime.status());
                self.screen.draw(&self.writer, &self.lag, false);
            }
        }
    }

    /// Whether it is over, and why the stages ended, if they did.
    fn over(&self) -> Option<Option<Ended>> {
        if let Some(ended) = self.runtime.status().ended {
            return Some(Some(ended));
        }
        let late = self.until.is_some_and(|until| Instant::now() >= until);
        (late || self.asked.to_stop()).then_some(None)
    }

    /// The last day's alerts are still on their way.
    fn settle(&mut self) -> Result<(), Stop> {
        let deadline = Instant::now() + SETTLE;
        while self.writer.households() < self.writer.told.declared && Instant::now() < deadline {
            let (summary, screen, now) = (&mut self.summary, &mut self.screen, self.writer.told.declared);
            self.writer.listen(&mut |alert| {
                summary.take(alert);
                screen.take(alert, now);
            })?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn close(mut self, embedded: &Embedded, ended: Option<Ended>, took: Duration) -> Outcome {
        self.lag.look(&self.runtime.status());
        self.screen.draw(&self.writer, &self.lag, true);
        self.runtime.stop();
        let letters = embedded.letters()?;
        self.summary.print(&self.screen.labels, &self.writer, &letters, took);
        match ended {
            None => Ok(Exit::Ok),
            Some(ended) => Err(Stop::new(Exit::Refused, format!("{} {}", ended.code, ended.detail))),
        }
    }
}

/// `60s`, `2m`, `1h`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(String::from("write a number and a unit, like 60s, 2m or 1h")),
    };
    match digits.parse::<u32>() {
        Ok(number) if number > 0 => Ok(Duration::from_secs(u64::from(number) * unit)),
        _ => Err(String::from("write a number and a unit, like 60s, 2m or 1h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        for (text, seconds) in [("60s", Some(60)), ("2m", Some(120)), ("1h", Some(3600)), ("45", Some(45))] {
            assert_eq!(duration(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "s", "0s", "1x", "1.5m", "-1s", "분"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_passes_with_the_wall_clock() {
        let began = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        let pace = Pace { start: StreamTime(1_000), day: Duration::from_secs(1), began };
        let allowed = pace.allows().0 - 1_000;
        assert!((2 * MS_PER_DAY..3 * MS_PER_DAY).contains(&allowed), "{allowed}");
    }
}
