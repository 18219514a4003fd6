//! `ieum run` on a real Kafka, exactly once, fed by the synthetic city: events a second, events a second of CPU by stage,
//! p50 and p99 from a record's scheduled moment to a read-committed reader of its alert, resident memory, all of one run, beside a bare
//! copy by rdkafka. `tests/bench/README.md` says how to read it.
//!
//! `cargo bench --bench kafka -- [--households N] [--mix N] [--rate N --seconds N] [--copy N] [--memory MIB] [--split] [--full]`

mod copy;
mod feed;
mod options;
mod process;
mod server;

use feed::Feed;
use ieum::config::{Sources, load};
use options::Options;
use process::{Processes, STAGES, Used, command};
use server::Server;
use std::process::ExitCode;
use std::time::Instant;

/// Bytes of a record of the reference copy: about those of an event in the log of households.
const COPIED_BYTES: usize = 130;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ran = if args.first().is_some_and(|arg| arg == copy::COPIER) {
        copy::run(&args)
    } else {
        Options::parse(&args).and_then(|options| run(&options))
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            eprintln!("{told}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let server = Server::start()?;
    let text = format!(
        "[application]\nid = \"ieum\"\ninstance = \"bench\"\nclock = \"declared\"\n[kafka]\nbootstrap = \"{}\"\n\
         session_timeout_ms = 30000\n[state]\ndir = \"{}\"\n[memory]\nmib = {}\n[log]\nlevel = \"warn\"\n",
        server.bootstrap,
        server.dir.join("state").display(),
        options.memory
    );
    let path = server.dir.join("ieum.toml");
    std::fs::write(&path, &text).map_err(|error| error.to_string())?;
    let (config, mistakes) = load(&Sources { file: Some(("ieum.toml".into(), text)), ..Sources::default() });
    let kafka = config.ok_or_else(|| format!("{mistakes:?}"))?.kafka;
    let split = if options.split { "one process a stage" } else { "one process" };
    println!(
        "{} households, {split}, memory.mib = {}, exactly once, one broker on this machine",
        options.households, options.memory
    );
    let mut copied = None;
    if options.copy > 0 {
        let (cpu, wall) = copy::measure(&kafka, options.copy, COPIED_BYTES)?;
        println!(
            "bare rdkafka copy of {} records: {cpu:.0} records/CPU-s, {wall:.0} records/s",
            options.copy
        );
        copied = Some(cpu);
    }
    command(&path, &["topics", "apply"])?;
    command(&path, &["rules", "publish"])?;
    let mut feed = Feed::open(&kafka, options.households)?;
    let mut processes = Processes::start(&path, options.split)?;

    let mut phase = Phase::begin("registries", &processes);
    let sent = feed.registries(|| processes.check())?;
    phase.end(&processes, sent, copied);
    if options.mix > 0 {
        phase = Phase::begin("days, as fast as taken", &processes);
        let sent = feed.mix(options.mix, || processes.check())?;
        phase.end(&processes, sent, copied);
    }
    if options.seconds > 0 {
        phase = Phase::begin("days, paced", &processes);
        let paced = feed.paced(options.rate, options.seconds, || processes.check())?;
        phase.end(&processes, paced.sent, copied);
        println!(
            "{:.0} records/s for {:.0} s, not counting {:.0} s in which the clock rested; event to alert over {} alerts: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, most {:.0} ms ({} \
             alerts by time or earlier records)",
            paced.sent as f64 / (paced.seconds - paced.rested),
            paced.seconds - paced.rested,
            paced.rested,
            paced.waits_ms.len(),
            quantile(&paced.waits_ms, 50),
            quantile(&paced.waits_ms, 90),
            quantile(&paced.waits_ms, 99),
            paced.waits_ms.last().copied().unwrap_or(0.0),
            paced.others
        );
    }
    let (now, most) = processes.memory_mb();
    println!("resident memory {now:.0} MB, at most {most:.0} MB; {} alerts in all", feed.alerts_seen);
    Ok(())
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// A part of the run, and what had been used when it began.
struct Phase {
    name: &'static str,
    began: Instant,
    before: Used,
}

impl Phase {
    fn begin(name: &'static str, processes: &Processes) -> Self {
        Self { name, began: Instant::now(), before: processes.used() }
    }

    fn end(&self, processes: &Processes, sent: u64, copied: Option<f64>) {
        let seconds = self.began.elapsed().as_secs_f64();
        let used = processes.used().since(&self.before);
        println!(
            "\n{}: {sent} raw records in {seconds:.1} s, {:.0} a second",
            self.name,
            sent as f64 / seconds
        );
        println!(
            "{:<12} {:>10} {:>10} {:>10} {:>9} {:>13} {:>15} {:>9}",
            "stage", "events", "outputs", "changelog", "lane s", "events/lane-s", "events/CPU-s", "of copy"
        );
        let moved = |stage: &str| {
            ["input", "output", "changelog"].iter().map(|k| used.records(stage, k)).sum::<f64>()
        };
        let all: f64 = STAGES.iter().map(|stage| moved(stage)).sum();
        for stage in STAGES {
            let (lane, events) = (used.seconds(stage), used.records(stage, "input"));
            // In one process librdkafka's threads and the stores' have no stage in their names: by records moved.
            let shared = used.whole() - STAGES.iter().map(|stage| used.seconds(stage)).sum::<f64>();
            let own = used.cpu.get(&format!("process {stage}")).copied();
            let whole = own.unwrap_or(lane + shared * moved(stage) / all.max(1.0));
            let rate = events / whole.max(1e-9);
            println!(
                "{stage:<12} {events:>10.0} {:>10.0} {:>10.0} {lane:>9.2} {:>13.0} {rate:>15.0} {:>9}",
                used.records(stage, "output"),
                used.records(stage, "changelog"),
                events / lane.max(1e-9),
                copied.map_or_else(|| String::from("-"), |copied| format!("{:.0} %", 100.0 * rate / copied)),
            );
        }
        println!(
            "whole {:.1} CPU-s ({:.0} raw records a CPU-second): librdkafka {:.1}, stores {:.1}, other {:.1}",
            used.whole(),
            sent as f64 / used.whole().max(1e-9),
            used.seconds("librdkafka"),
            used.seconds("store"),
            used.seconds("other")
        );
    }
}
