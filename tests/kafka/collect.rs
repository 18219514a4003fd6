//! `ieum collect` as a process of its own, killed while it writes.

mod on_kafka {
    use crate::harness::{Corner, OwnBroker, PATIENCE};
    use crate::list::{KEY, List, key};
    use crate::server::Server;
    use ieum::collect::{MARKS_TOPIC, builtin_files};
    use ieum::contracts::{Contracts, builtin};
    use ieum::engine::lane::io::TopicPartition;
    use ieum::ingest::Ends;
    use ieum::types::SmolStr;
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Output, Stdio};
    use std::sync::Arc;
    use std::time::Instant;

    const TOPIC: &str = "notices.policy";
    const NOTICES: u32 = 3_000;
    /// So many that the records of a page take a moment to be acknowledged.
    const PAGE: u32 = 200;
    /// Notices whose list ends before the last run.
    const GONE: std::ops::Range<u32> = 40..60;
    /// Kills that must hit an open transaction, and the lists in which they may.
    const HITS: usize = 5;
    const ROUNDS: usize = 12;

    struct Desk {
        _broker: OwnBroker,
        corner: Corner,
        ends: Arc<Ends>,
        contracts: Contracts,
        dir: tempfile::TempDir,
        server: Server,
    }

    impl Desk {
        fn new() -> Self {
            let broker = OwnBroker::start();
            let corner = broker.corner();
            let dir = tempfile::tempdir().unwrap();
            let put = |name: &str, text: &str| {
                let file = dir.path().join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            };
            let kafka = &corner.config.kafka.bootstrap;
            put(
                "ieum.toml",
                &format!(
                    "[application]\nid = \"desk\"\ninstance = \"a\"\n[kafka]\nbootstrap = \"{kafka}\"\n"
                ),
            );
            put("key", KEY);
            let (name, text) = *builtin_files().iter().find(|(name, _)| *name == "youthcenter.toml").unwrap();
            let text = text
                .replacen("records = 100", &format!("records = {PAGE}"), 1)
                .replacen("pause_ms = 500", "pause_ms = 0", 1)
                .replacen("requests_per_day = 1000", "requests_per_day = 100000", 1);
            put(&format!("sources/{name}"), &text);
            let ends = corner.ends();
            let desk = Self {
                _broker: broker,
                corner,
                ends,
                contracts: builtin(),
                dir,
                server: Server::start(List::of(NOTICES)),
            };
            let applied = desk.command(&["topics", "apply"]).output().unwrap();
            assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
            desk
        }

        fn file(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn command(&self, args: &[&str]) -> Command {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ieum"));
            command.args(args).arg("--config").arg(self.file("ieum.toml")).stdin(Stdio::null());
            command
        }

        fn collect(&self) -> Command {
            let mut command = self.command(&["collect", "youthcenter", "--json", "--url", &self.server.url]);
            command.arg("--sources").arg(self.file("sources")).arg("--key-file").arg(self.file("key"));
            command
        }

        /// Undisturbed.
        fn whole(&self) -> serde_json::Value {
            let Output { status, stdout, stderr } = self.collect().output().unwrap();
            assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
            serde_json::from_slice(&stdout).unwrap()
        }

        /// Starts it and kills it in the first open transaction behind so many requests; whether one was open then. None where it
        /// ended by itself before.
        fn killed(&self, behind: usize) -> Option<bool> {
            let quiet = || Stdio::from(std::fs::File::create(self.file("log")).unwrap());
            let mut child = self.collect().stdout(quiet()).stderr(quiet()).spawn().unwrap();
            let from = self.server.asked().len();
            let deadline = Instant::now() + PATIENCE;
            while self.server.asked().len() < from + behind || !self.is_open() {
                if child.try_wait().unwrap().is_some() {
                    return None;
                }
                if Instant::now() >= deadline {
                    kill(&mut child);
                    panic!("no transaction was open within {PATIENCE:?}");
                }
            }
            kill(&mut child);
            // What is open twice in a row was not just being committed.
            Some(self.is_open() && self.is_open())
        }

        /// Whether records of a transaction wait for its end.
        fn is_open(&self) -> bool {
            let partitions = self.contracts.topic(TOPIC).unwrap().partitions;
            (0..partitions).any(|partition| {
                let bounds =
                    self.ends.bounds(&TopicPartition { topic: SmolStr::new(TOPIC), partition }).unwrap();
                bounds.stable < bounds.high
            })
        }

        /// What a reader has of each notice: revision, whether it is gone, its words.
        fn versions(&self) -> BTreeMap<String, Vec<(i64, bool, String)>> {
            let topic = self.contracts.topic(TOPIC).unwrap();
            let mut versions: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for record in self.corner.committed_records(TOPIC) {
                let tree = topic.decode_tree(record.value.as_ref().unwrap()).unwrap();
                let words = tree.text("plcySprtCn").map(ToString::to_string).unwrap_or_default();
                let version = (tree.int("revision").unwrap(), tree.flag("removed"), words);
                versions.entry(tree.text("source_key").unwrap().to_string()).or_default().push(version);
            }
            versions
        }
    }

    fn kill(child: &mut Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn killed_in_open_transactions_a_connector_loses_nothing_and_doubles_nothing() {
        let desk = Desk::new();
        let (mut hits, mut kills) = (0, 0);
        let mut expected: Vec<(i64, bool, String)> = Vec::new();
        while hits < HITS && expected.len() < ROUNDS {
            let round = expected.len();
            let words = format!("내용 {round}");
            desk.server.change(|list| {
                let minute = u32::try_from(round).unwrap() + 1;
                (0..NOTICES).for_each(|number| list.edit(number, &words, minute));
            });
            expected.push((i64::try_from(round).unwrap() + 1, false, words));
            for behind in [3, 1, 5] {
                let Some(hit) = desk.killed(behind) else { break };
                kills += 1;
                hits += usize::from(hit);
            }
            desk.whole();
        }
        println!("{kills} kills, {hits} in an open transaction");
        assert!(hits >= HITS, "{hits} of {kills} kills hit an open transaction");

        desk.server.change(|list| GONE.for_each(|number| list.remove(number)));
        let last = desk.whole();
        assert_eq!((&last["gone"], &last["resumed"]), (&GONE.len().into(), &false.into()), "{last}");
        assert!(last["delivered_through"].is_string(), "{last}");

        let versions = desk.versions();
        assert_eq!(versions.len(), usize::try_from(NOTICES).unwrap());
        let mut gone = expected.clone();
        gone.push((i64::try_from(expected.len()).unwrap() + 1, true, String::new()));
        for number in 0..NOTICES {
            let of_it = if GONE.contains(&number) { &gone } else { &expected };
            assert_eq!(&versions[&key(number)], of_it, "notice {number}");
        }
        let marks = desk.corner.committed_records(MARKS_TOPIC);
        assert!(!marks.is_empty() && !said(&desk.file("log")).contains(KEY));
    }

    fn said(log: &Path) -> String {
        std::fs::read_to_string(log).unwrap()
    }
}
