//! The whole process on a real broker. Its topics have the names of the contracts, so one test at a time.

pub(crate) mod on_kafka {
    use crate::harness::*;
    use ieum::contracts::{Contracts, builtin};
    use ieum::engine::lane::FENCED;
    use ieum::engine::lane::io::{Outgoing, TopicPartition};
    use ieum::engine::layout::{CONTROL_LOG, PACKS_TOPIC};
    use ieum::engine::message::{ControlMessage, encode};
    use ieum::ingest::{Member, Membership};
    use ieum::publish::Plain;
    use ieum::runtime::admin::Admin;
    use ieum::runtime::{LaneState, Runtime, RuntimeOptions, Status, TOPICS_DIFFER, pack_records};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::{Duration, Instant};

    static ONE: Mutex<()> = Mutex::new(());

    /// Waits for a status. A failure tells, in short lines, what the process waited for and since when.
    pub(crate) fn until(runtime: &Runtime, mut wanted: impl FnMut(&Status) -> bool) -> Status {
        let began = Instant::now();
        let mut story: Vec<(Duration, Vec<String>)> = Vec::new();
        loop {
            let status = runtime.status();
            if wanted(&status) {
                return status;
            }
            if story.last().is_none_or(|(_, waiting)| *waiting != status.waiting) {
                story.push((began.elapsed(), status.waiting.clone()));
            }
            if began.elapsed() > 2 * PATIENCE {
                for (since, waiting) in &story {
                    eprintln!("{} ms:", since.as_millis());
                    waiting.iter().for_each(|why| eprintln!("  {why}"));
                }
                panic!("not in {} s; ended: {:?}", 2 * PATIENCE.as_secs(), status.ended);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn publish_builtin_pack(corner: &Corner, contracts: &Contracts) {
        let files = ieum::rules::builtin_files();
        let (pack, mistakes) = ieum::rules::load(files.iter().copied(), contracts);
        let pack = pack.unwrap_or_else(|| panic!("{mistakes:#?}"));
        let mut producer = Plain::open(corner.kafka()).unwrap();
        for (key, value) in pack_records(&pack.hash, files.iter().copied(), contracts) {
            let (key, value) = (Some(key.as_bytes()), Some(value.as_slice()));
            producer.send(&Outgoing { topic: PACKS_TOPIC, partition: 0, key, value, headers: &[] }).unwrap();
        }
        let switch = encode(&ControlMessage::Pack { hash: pack.hash });
        let value = Some(switch.as_slice());
        producer
            .send(&Outgoing { topic: CONTROL_LOG, partition: 0, key: None, value, headers: &[] })
            .unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    #[test]
    fn a_process_starts_on_planned_topics_becomes_ready_and_ends_in_order() {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let contracts = Arc::new(builtin());
        let mut corner = Corner::new(1);
        let state = tempfile::tempdir().unwrap();
        corner.config.state.dir = state.path().to_owned();
        corner.config.application.clock = ieum::config::ClockKind::Declared;

        // Without topics it ends and says what is missing.
        let runtime =
            Runtime::start(corner.config.clone(), Arc::clone(&contracts), RuntimeOptions::default());
        let status = until(&runtime, |status| status.ended.is_some());
        let ended = status.ended.unwrap();
        assert_eq!(ended.code, TOPICS_DIFFER);
        assert!(
            ended.detail.contains("missing topics: ") && ended.detail.contains("ieum.control,"),
            "{}",
            ended.detail
        );
        drop(runtime);

        let admin = Admin::open(corner.kafka()).unwrap();
        let plan = admin.plan(&contracts).unwrap();
        assert_eq!(plan.len(), contracts.topics().count());
        admin.apply(&plan, 1).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !admin.plan(&contracts).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "{:?}", admin.plan(&contracts));
        }

        let runtime =
            Runtime::start(corner.config.clone(), Arc::clone(&contracts), RuntimeOptions::default());
        until(&runtime, |status| status.lanes.iter().any(|lane| !lane.tasks.is_empty()));
        publish_builtin_pack(&corner, &contracts);
        let ready = until(&runtime, Status::is_ready);
        let tasks = |stage: &str| {
            ready.lanes.iter().filter(|lane| lane.stage == stage).map(|lane| lane.tasks.len()).sum::<usize>()
        };
        let partitions = |topic: &str| usize::try_from(contracts.topic(topic).unwrap().partitions).unwrap();
        let logs = ["ieum.subjects", "ieum.households", "ieum.areas", CONTROL_LOG];
        let all: usize = logs.into_iter().map(partitions).sum();
        until(&runtime, |status| status.lanes.iter().map(|lane| lane.tasks.len()).sum::<usize>() >= all);
        assert_eq!(tasks("control"), 1);
        let committed = "ieum_lane_commits_total{stage=\"control\"}";
        until(&runtime, |_| runtime.metrics().render().contains(committed));
        let stored = "ieum_store_bytes{partition=\"0\",stage=\"control\"} ";
        until(&runtime, |_| {
            let text = runtime.metrics().render();
            text.lines().any(|line| line.strip_prefix(stored).is_some_and(|bytes| bytes != "0"))
        });

        // A consumer without a producer under the name of one of its lanes: what is left of a request whose answer
        // was lost. The lane takes its name back.
        let householders = || {
            let status = runtime.status();
            let lane = status.lanes.into_iter().find(|lane| lane.stage == "households").unwrap();
            (lane.state, lane.tasks.len())
        };
        let id = corner.config.application.clone();
        let lost = Membership {
            group: format!("{}-households", id.id),
            member: format!("{}-0", id.instance),
            topics: vec!["ieum.households".into()],
            queue_bytes: 1 << 20,
        };
        let mut lost = Member::join(corner.kafka(), &lost, corner.ends()).unwrap();
        until(&runtime, |_| {
            drop(lost.poll(20));
            !matches!(householders(), (LaneState::Running, _))
        });
        until(&runtime, |_| {
            drop(lost.poll(20));
            matches!(householders(), (LaneState::Running, held) if held == partitions("ieum.households"))
        });
        until(&runtime, Status::is_ready);
        drop(lost);

        // A second process under its name, on a disk of its own: one of the two ends and says why, the other goes on.
        let elsewhere = tempfile::tempdir().unwrap();
        corner.config.state.dir = elsewhere.path().to_owned();
        let second = Runtime::start(corner.config.clone(), Arc::clone(&contracts), RuntimeOptions::default());
        let ended = |runtime: &Runtime| runtime.status().ended;
        until(&second, |_| ended(&runtime).is_some() || ended(&second).is_some());
        let (gone, left) = if ended(&second).is_some() { (second, runtime) } else { (runtime, second) };
        assert_eq!(gone.stop().ended.unwrap().code, FENCED);
        until(&left, Status::is_ready);
        let runtime = left;

        let status = runtime.stop();
        assert!(status.ended.is_none(), "{status:?}");
        assert!(status.lanes.iter().all(|lane| lane.state == LaneState::Stopped), "{status:?}");
        let control = corner.committed_records(CONTROL_LOG);
        assert!(
            control
                .iter()
                .any(|record| record.at == TopicPartition { topic: CONTROL_LOG.into(), partition: 0 })
        );
    }

    #[test]
    fn a_broker_that_is_away_is_waited_for() {
        let contracts = Arc::new(builtin());
        let mut corner = Corner::new(1);
        corner.config.kafka.bootstrap = String::from("127.0.0.1:1");
        let runtime = Runtime::start(corner.config, contracts, RuntimeOptions::default());
        let status = until(&runtime, |status| status.waiting.iter().any(|why| why.contains("not reachable")));
        assert!(status.ended.is_none() && !status.is_ready());
        let began = Instant::now();
        runtime.stop();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
