//! `ieum` processes under measurement: seconds of CPU by thread, memory, counters.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The processes of a run, one or one a stage.
pub(crate) struct Processes {
    list: Vec<Process>,
}

struct Process {
    child: Child,
    address: String,
    /// The stage it runs alone.
    stage: Option<&'static str>,
}

pub(crate) const STAGES: [&str; 5] = ["intake", "identity", "households", "areas", "control"];

/// What was used up to a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    /// Seconds of CPU by what spent them: a stage's lane, `librdkafka`, `store`, `other`.
    pub(crate) cpu: BTreeMap<String, f64>,
    /// Records by `stage kind`, from the lanes' counters.
    pub(crate) records: BTreeMap<String, f64>,
}

impl Used {
    pub(crate) fn since(&self, before: &Self) -> Self {
        let less = |now: &BTreeMap<String, f64>, then: &BTreeMap<String, f64>| {
            now.iter().map(|(k, v)| (k.clone(), v - then.get(k).copied().unwrap_or(0.0))).collect()
        };
        Self { cpu: less(&self.cpu, &before.cpu), records: less(&self.records, &before.records) }
    }

    pub(crate) fn seconds(&self, of: &str) -> f64 {
        self.cpu.get(of).copied().unwrap_or(0.0)
    }

    pub(crate) fn whole(&self) -> f64 {
        self.cpu.iter().filter(|(name, _)| !name.starts_with("process ")).map(|(_, cpu)| cpu).sum()
    }

    pub(crate) fn records(&self, stage: &str, kind: &str) -> f64 {
        self.records.get(&format!("{stage} {kind}")).copied().unwrap_or(0.0)
    }
}

/// Runs an `ieum` command to its end.
pub(crate) fn command(config: &Path, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ieum"));
    let ended = command.args(args).arg("--config").arg(config).stdout(Stdio::null()).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ieum {}: {status}", args.join(" "))),
        Err(error) => Err(format!("ieum {}: {error}", args.join(" "))),
    }
}

impl Processes {
    pub(crate) fn start(config: &Path, split: bool) -> Result<Self, String> {
        let mut processes = Self { list: Vec::new() };
        let stages: Vec<Option<&str>> =
            if split { STAGES.iter().copied().map(Some).collect() } else { vec![None] };
        for stage in stages {
            let port =
                TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?;
            let address = port.to_string();
            let mut command = Command::new(env!("CARGO_BIN_EXE_ieum"));
            command.arg("run").arg("--config").arg(config).arg("--set").arg(format!("http.listen={address}"));
            if let Some(stage) = stage {
                command.args(["--stage", stage]);
            }
            let child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|e| e.to_string())?;
            processes.list.push(Process { child, address, stage });
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while !processes.list.iter().all(|process| get(&process.address, "/readyz").is_some_and(|(ok, _)| ok))
        {
            if Instant::now() >= deadline {
                return Err(String::from("ieum did not become ready within a minute"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(processes)
    }

    /// What has been used up to now.
    pub(crate) fn used(&self) -> Used {
        let mut used = Used::default();
        for process in &self.list {
            process.add_cpu(&mut used);
            process.add_records(&mut used);
        }
        used
    }

    /// Resident megabytes now and at the most.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        let of = |field: &str| self.list.iter().map(|process| process.status_mb(field)).sum();
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// A process that has ended says why on its own standard error.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for process in &mut self.list {
            if let Ok(Some(status)) = process.child.try_wait() {
                return Err(format!("ieum ended: {status}"));
            }
        }
        Ok(())
    }
}

impl Process {
    fn add_cpu(&self, used: &mut Used) {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let mut whole = 0.0;
        for task in tasks {
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let (name, stat) = (read("comm"), read("schedstat"));
            let ns = stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
            let name = name.trim();
            let stage = STAGES.iter().find(|stage| name.starts_with(**stage));
            let group = match stage {
                Some(stage) => *stage,
                None if name.starts_with("rdk:") => "librdkafka",
                None if name.starts_with("store") || name.contains("sled") => "store",
                None => "other",
            };
            *used.cpu.entry(group.to_owned()).or_default() += ns / 1e9;
            whole += ns / 1e9;
        }
        if let Some(stage) = self.stage {
            used.cpu.insert(format!("process {stage}"), whole);
        }
    }

    fn add_records(&self, used: &mut Used) {
        let Some((_, text)) = get(&self.address, "/metrics") else { return };
        for line in text.lines().filter(|line| line.starts_with("ieum_lane_records_total{")) {
            let label = |name: &str| line.split(&format!("{name}=\"")).nth(1)?.split('"').next();
            let value = line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok());
            if let (Some(stage), Some(kind), Some(value)) = (label("stage"), label("kind"), value) {
                *used.records.entry(format!("{stage} {kind}")).or_default() += value;
            }
        }
    }

    fn status_mb(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kb = line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse::<f64>().ok());
        kb.unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.list {
            let id = process.child.id().to_string();
            let _asked = Command::new("kill").arg(&id).status();
        }
        for process in &mut self.list {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !matches!(process.child.try_wait(), Ok(Some(_)) | Err(_)) {
                if Instant::now() >= deadline {
                    let _killed = process.child.kill();
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Whether the answer is a 200, and its text.
fn get(address: &str, path: &str) -> Option<(bool, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some((text.starts_with("HTTP/1.1 200"), text))
}
