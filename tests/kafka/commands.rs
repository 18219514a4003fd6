//! The README's way, by the program alone: what an operator, a caseworker and a newcomer type, against a broker of its own.

mod on_kafka {
    use crate::harness::{OwnBroker, PATIENCE, free_address};
    use crate::spine::process::Process;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};
    use std::time::Instant;

    struct Desk {
        _broker: OwnBroker,
        dir: tempfile::TempDir,
        config: PathBuf,
        http: String,
    }

    impl Desk {
        fn new() -> Self {
            let broker = OwnBroker::start();
            let dir = tempfile::tempdir().unwrap();
            let config = dir.path().join("ieum.toml");
            let http = free_address();
            let text = format!(
                "[application]\nid = \"desk\"\ninstance = \"a\"\nclock = \"declared\"\n[kafka]\nbootstrap = \"{}\"\n\
                 session_timeout_ms = 6000\n[http]\nlisten = \"{http}\"\n",
                broker.corner().config.kafka.bootstrap
            );
            std::fs::write(&config, text).unwrap();
            Self { _broker: broker, dir, config, http }
        }

        fn ieum(&self, args: &[&str]) -> Output {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ieum"));
            command.args(args).args(["--config".as_ref(), self.config.as_os_str()]).output().unwrap()
        }

        fn told(&self, args: &[&str]) -> String {
            let output = self.ieum(args);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "ieum {}: {}: {errors}", args.join(" "), output.status);
            String::from_utf8(output.stdout).unwrap()
        }

        fn run(&self) -> Process {
            let topics = Path::new(env!("CARGO_MANIFEST_DIR")).join("topics");
            Process::start(&self.config, &topics, &self.dir.path().join("log"), self.http.clone())
        }

        fn alerts(&self) -> Vec<serde_json::Value> {
            let all = self.told(&["alerts", "list", "--all", "--limit", "100000", "--json"]);
            serde_json::from_str(&all).unwrap()
        }
    }

    impl Desk {
        /// What the broker retains is recorded; an alert derived from it says what its record said, revision by revision.
        fn questions(&self, id: &str, alert: &serde_json::Value) {
            let file = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
            let (log, alerts) = (file("march.log"), file("alerts.log"));
            self.told(&["log", "record", "--to", &log]);
            self.told(&["log", "record", "--topic", "alerts.crisis", "--to", &alerts]);
            let explained = self.told(&["rules", "explain", id, "--log", &log, "--alerts", &alerts]);
            assert!(explained.contains(alert["reasons"][0]["say"].as_str().unwrap()), "{explained}");

            let (rule, household) = (alert["rule"].as_str().unwrap(), alert["household"].as_str().unwrap());
            let asked = self.told(&["rules", "why-not", rule, household, "--log", &log]);
            assert_eq!(
                self.told(&["rules", "why-not", rule, household]),
                asked,
                "asked of the broker itself"
            );
            assert!(
                !self.ieum(&["log", "record", "--to", &log]).status.success(),
                "a recording is written over"
            );
        }
    }

    impl Desk {
        /// Another pack comes into force, signed, and one command goes back to the first.
        fn back_and_forth(&self) {
            let history = || -> Vec<serde_json::Value> {
                serde_json::from_str(&self.told(&["rules", "history", "--json"])).unwrap()
            };
            let first = history();
            assert_eq!((first.len(), &first[0]["author"]), (1, &serde_json::Value::Null));
            assert_eq!(self.ieum(&["rules", "rollback"]).status.code(), Some(1), "there was no other pack");
            let rules = self.dir.path().join("rules");
            for (name, text) in ieum::rules::builtin_files() {
                let path = rules.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text.replace("score:\n  base: 40", "score:\n  base: 60")).unwrap();
            }
            let rules = rules.to_str().unwrap();
            let signed = ["--author", "작성자 1", "--comment", "더 엄격하게"];
            let publish = ["rules", "publish", "--skip-tests", "--rules", rules];
            let other = self.told(&[&publish[..], &signed].concat());
            self.await_pack(other.trim());
            let back = self.told(&["rules", "rollback", "--comment", "알림이 너무 많음"]);
            let packs: Vec<serde_json::Value> =
                history().iter().map(|switch| switch["pack"].clone()).collect();
            let first = first[0]["pack"].as_str().unwrap();
            assert_eq!(packs, [first, other.trim(), first]);
            assert_eq!(back.trim(), first);
            let listed = self.told(&["rules", "history"]);
            assert!(listed.contains("작성자 1") && listed.contains("알림이 너무 많음"), "{listed}");
            self.await_pack(first);
        }

        fn await_pack(&self, hash: &str) {
            let deadline = Instant::now() + 2 * PATIENCE;
            loop {
                let status = String::from_utf8(self.ieum(&["status", "--json"]).stdout).unwrap();
                if status.contains(&format!("\"pack\":\"{hash}\"")) {
                    return;
                }
                assert!(Instant::now() < deadline, "{status}");
            }
        }
    }

    #[test]
    fn a_city_is_written_alerts_are_read_and_an_action_comes_back() {
        let desk = Desk::new();
        let planned = desk.ieum(&["topics", "plan"]);
        assert_eq!(planned.status.code(), Some(1), "nothing is there yet");
        desk.told(&["topics", "apply"]);
        assert!(desk.ieum(&["topics", "plan"]).status.success(), "nothing is left to do");

        let waiting = desk.run();
        let deadline = Instant::now() + 2 * PATIENCE;
        while !waiting.get("/readyz").is_some_and(|why| why.contains("a rule pack")) {
            assert!(Instant::now() < deadline, "{:?}\n{}", waiting.get("/readyz"), waiting.told());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        desk.told(&["rules", "publish"]);
        desk.told(&["simulate", "--households", "1000", "--days", "60", "--seed", "3"]);

        let deadline = Instant::now() + 2 * PATIENCE;
        let open = loop {
            let alerts = desk.alerts();
            // The city's own caseworkers have taken most of them on.
            let live = |alert: &serde_json::Value| {
                alert["per"] == "household"
                    && ["OPEN", "REOPENED", "CLAIMED"].contains(&alert["status"].as_str().unwrap())
            };
            if let Some(open) = alerts.into_iter().find(live) {
                break open;
            }
            assert!(Instant::now() < deadline, "no alert is open\n{}", waiting.told());
        };
        let id = open["id"].as_str().unwrap();
        let shown = desk.told(&["alerts", "show", id]);
        let say = open["reasons"][0]["say"].as_str().unwrap();
        assert!(shown.contains(say) && shown.contains(open["clears_when"].as_str().unwrap()), "{shown}");
        assert!(desk.told(&["alerts", "list"]).contains(&id[..10]));

        if let Some(other) = open["claimed_by"].as_str() {
            desk.told(&["alerts", "act", id, "unclaimed", "--actor", other]);
        }
        desk.told(&["alerts", "act", id, "claimed", "--actor", "w-017"]);
        let taken = desk.alerts().into_iter().find(|alert| alert["id"] == open["id"]).unwrap();
        assert_eq!((&taken["status"], &taken["claimed_by"]), (&"CLAIMED".into(), &"w-017".into()));
        let again = desk.ieum(&["alerts", "act", id, "claimed", "--actor", "w-018"]);
        assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));

        let status: serde_json::Value =
            serde_json::from_slice(&desk.ieum(&["status", "--json"]).stdout).unwrap();
        assert!(status.to_string().contains("households"), "{status}");
        assert!(waiting.get("/metrics").is_some_and(|page| page.contains("ieum_")));
        let taken = desk.ieum(&["run", "--set", "application.instance=b"]);
        assert_eq!(
            taken.status.code(),
            Some(3),
            "the port is taken: {}",
            String::from_utf8_lossy(&taken.stderr)
        );
        desk.questions(id, &open);
        desk.back_and_forth();
        waiting.stop();
        let store = desk.dir.path().join("state/desk/households/0");
        let inspected = Command::new(env!("CARGO_BIN_EXE_ieum"))
            .args(["state", "inspect", "--json"])
            .arg(&store)
            .output()
            .unwrap();
        assert!(inspected.status.success(), "{}", String::from_utf8_lossy(&inspected.stderr));
    }
}
