//! `ieum run` as a process of its own, ended by its id.

use crate::harness::{PATIENCE, outlive, start_broker, wipe_broker};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A broker for one scenario, gone with it.
pub(crate) struct Kafka {
    dir: PathBuf,
    pub(crate) bootstrap: String,
}

impl Kafka {
    pub(crate) fn start(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), bootstrap: start_broker(dir) }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        assert!(wipe_broker(&self.dir) || std::thread::panicking());
    }
}

/// A process under one instance name.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    http: String,
}

impl Process {
    pub(crate) fn start(config: &Path, topics: &Path, log: &Path, http: String) -> Self {
        let written = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ieum"))
            .arg("run")
            .arg("--config")
            .arg(config)
            .arg("--topics")
            .arg(topics)
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .spawn()
            .unwrap();
        watch(child.id());
        Self { child, log: log.to_owned(), http }
    }

    /// Panics with the end of its log if it has ended by itself.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the process ended with {status}:\n{}", self.told());
        }
    }

    /// What it answers over HTTP; none while it does not listen.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.http).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// The end of its log.
    pub(crate) fn told(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
        log[from..].to_owned()
    }

    /// At once, with whatever it has open.
    pub(crate) fn kill(mut self) {
        self.assert_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// In order: it commits and leaves its groups.
    pub(crate) fn stop(mut self) {
        self.assert_alive();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}:\n{}", self.told());
                return;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let gone = self.child.try_wait().is_ok_and(|status| status.is_some());
        if !gone && self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

/// Ends a process when this one is gone before it, however that came.
fn watch(id: u32) {
    let both = "while kill -0 \"$1\" 2>/dev/null; do kill -0 \"$2\" 2>/dev/null || exit 0; sleep 0.5; done; kill -9 \"$2\"";
    outlive(both, &[OsStr::new(&id.to_string())]);
}
