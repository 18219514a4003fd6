//! The broker of a run, from `deploy/local-kafka`, and what is deleted with it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local-kafka")
}

/// A broker that ends with its owner: a watcher waits on a pipe for that, however the owner ends.
pub(crate) struct Server {
    pub(crate) bootstrap: String,
    pub(crate) dir: PathBuf,
    watcher: Child,
}

impl Server {
    pub(crate) fn start() -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("ieum-bench-").tempdir().map_err(|e| e.to_string())?.keep();
        let broker = dir.join("kafka");
        let started = Command::new(script())
            .args(["start", "--port", "0", "--dir"])
            .arg(&broker)
            .env("IEUM_KAFKA_HEAP", "1G")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("deploy/local-kafka: {error}"))?;
        if !started.status.success() {
            return Err(String::from("deploy/local-kafka did not start"));
        }
        let bootstrap = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        let watch = "read -r _; \"$1\" wipe --dir \"$2\"; rm -rf \"$3\"; echo gone";
        let watcher = Command::new("bash")
            .args(["-c", watch, "watch"])
            .arg(script())
            .args([&broker, &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("bash: {error}"))?;
        Ok(Self { bootstrap, dir, watcher })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.watcher.stdin.take() {
            // It may be gone already; then so is the broker.
            let _told = stdin.write_all(b"end\n");
        }
        if let Some(stdout) = self.watcher.stdout.take() {
            let mut line = String::new();
            let _read = BufReader::new(stdout).read_line(&mut line);
        }
        let _ended = self.watcher.wait();
    }
}
