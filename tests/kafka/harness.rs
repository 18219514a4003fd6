//! The broker of the run, and what tests need of it.

use ieum::config::{Config, KafkaConfig, Sources, load};
use ieum::engine::lane::Guarantee;
use ieum::engine::lane::io::{BEGINNING, Broker, Event, Failure, Outgoing, Polled, TopicPartition};
use ieum::ingest::{Ends, Tail, TailFrom};
use ieum::runtime::{KafkaBroker, LaneId};
use ieum::types::SmolStr;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Longest wait for anything that a working broker does at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    bootstrap: String,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static TESTS: AtomicU32 = AtomicU32::new(0);

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local-kafka")
}

/// Started once, and gone with this process.
fn server() -> &'static Server {
    SERVER.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap().keep();
        Server { bootstrap: start_broker(&dir) }
    })
}

/// A broker that keeps its data in a folder; answers where it listens. A process of its own waits for the end of this one,
/// however it ends, and then stops the broker by its process id.
pub(crate) fn start_broker(dir: &Path) -> String {
    let started = Command::new(script()).args(["start", "--port", "0", "--dir"]).arg(dir).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let watch = "while kill -0 \"$1\" 2>/dev/null; do sleep 0.5; done; exec \"$2\" wipe --dir \"$3\"";
    outlive(watch, &[script().as_os_str(), dir.as_os_str()]);
    String::from_utf8(started.stdout).unwrap().trim().to_owned()
}

/// Runs a line of shell that may go on behind the end of this process: `$1` is this process's id, the rest follow.
pub(crate) fn outlive(line: &str, rest: &[&OsStr]) {
    let watcher = Command::new("bash")
        .args(["-c", line, "watch", &std::process::id().to_string()])
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It outlives this process, so nobody here waits for it.
    std::mem::forget(watcher);
}

/// An address that is free now.
pub(crate) fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Stops a broker and deletes its data.
pub(crate) fn wipe_broker(dir: &Path) -> bool {
    let wiped = Command::new(script()).arg("wipe").arg("--dir").arg(dir).output();
    wiped.is_ok_and(|wiped| wiped.status.success())
}

/// A broker for one test alone, which may stop it.
pub(crate) struct OwnBroker {
    dir: tempfile::TempDir,
    bootstrap: String,
}

impl OwnBroker {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bootstrap = String::from_utf8(Self::told(&dir, &["start", "--port", "0"])).unwrap();
        Self { dir, bootstrap: bootstrap.trim().to_owned() }
    }

    /// It keeps its data and its port.
    pub(crate) fn stop(&self) {
        Self::told(&self.dir, &["stop"]);
    }

    pub(crate) fn resume(&self) {
        Self::told(&self.dir, &["start"]);
    }

    /// A corner without a topic of its own.
    pub(crate) fn corner(&self) -> Corner {
        Corner::on(&self.bootstrap)
    }

    fn told(dir: &tempfile::TempDir, order: &[&str]) -> Vec<u8> {
        let ran = Command::new(script()).args(order).arg("--dir").arg(dir.path()).output().unwrap();
        assert!(ran.status.success(), "{order:?}: {}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One test's corner of the broker.
pub(crate) struct Corner {
    pub(crate) config: Config,
    pub(crate) topic: SmolStr,
}

impl Corner {
    /// A topic of its own with so many partitions.
    pub(crate) fn new(partitions: i32) -> Self {
        let corner = Self::on(&server().bootstrap);
        corner.create(&corner.topic, partitions);
        corner
    }

    fn on(bootstrap: &str) -> Self {
        let number = TESTS.fetch_add(1, Ordering::Relaxed);
        let application = format!("t{}-{number}", std::process::id());
        let text = format!(
            "[application]\nid = \"{application}\"\ninstance = \"a\"\n[kafka]\nbootstrap = \"{bootstrap}\"\nsession_timeout_ms = 6000\n"
        );
        let (config, found) = load(&Sources { file: Some(("test.toml".into(), text)), ..Sources::default() });
        let config = config.unwrap_or_else(|| panic!("{found:#?}"));
        Self { config, topic: SmolStr::new(format!("{application}.in")) }
    }

    pub(crate) fn kafka(&self) -> &KafkaConfig {
        &self.config.kafka
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = self.kafka().client().create().unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let made = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(admin.create_topics([&new], &AdminOptions::new()))
            .unwrap();
        made.into_iter().for_each(|result| {
            result.unwrap();
        });
    }

    /// Deletes a partition's records before an offset, as retention would.
    pub(crate) fn delete_before(&self, at: &TopicPartition, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.kafka().client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset)).unwrap();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(admin.delete_records(&list, &AdminOptions::new()))
            .unwrap();
    }

    pub(crate) fn at(&self, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition }
    }

    pub(crate) fn id(&self, instance: &str) -> LaneId {
        LaneId {
            application: self.config.application.id.clone(),
            stage: SmolStr::new("stage"),
            instance: SmolStr::new(instance),
            lane: 0,
        }
    }

    pub(crate) fn ends(&self) -> Arc<Ends> {
        Arc::new(Ends::open(self.kafka()).unwrap())
    }

    /// A lane's broker that reads this corner's topic.
    pub(crate) fn broker(&self, instance: &str) -> KafkaBroker {
        self.broker_with(instance, vec![self.topic.clone()])
    }

    /// A broker that only writes: in a group of its own, so that it takes no partition away.
    pub(crate) fn writer(&self) -> KafkaBroker {
        let id = LaneId { stage: SmolStr::new("writer"), ..self.id("w") };
        let topics = vec![self.topic.clone()];
        KafkaBroker::open(self.kafka(), id, topics, 4 << 20, Guarantee::ExactlyOnce, self.ends()).unwrap()
    }

    pub(crate) fn broker_with(&self, instance: &str, topics: Vec<SmolStr>) -> KafkaBroker {
        let guarantee = Guarantee::ExactlyOnce;
        KafkaBroker::open(self.kafka(), self.id(instance), topics, 4 << 20, guarantee, self.ends()).unwrap()
    }

    /// A broker that has all partitions and reads them from the beginning.
    pub(crate) fn running(&self, instance: &str, partitions: i32) -> KafkaBroker {
        let mut broker = self.broker(instance);
        let mut mine = Vec::new();
        while mine.len() < usize::try_from(partitions).unwrap() {
            mine.extend(assigned(&mut broker));
        }
        start(&mut broker, &mine);
        broker
    }

    /// Every committed record of a topic.
    pub(crate) fn committed_records(&self, topic: &str) -> Vec<Polled> {
        let mut tail = Tail::open(self.kafka(), &[topic], TailFrom::Beginning).unwrap();
        let mut found = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while !tail.has_caught_up() {
            assert!(Instant::now() < deadline, "the end of {topic} was not reached");
            found.extend(tail.poll(Duration::from_millis(100)).unwrap());
        }
        found
    }
}

/// Takes assigned partitions in, from the beginning.
pub(crate) fn start(broker: &mut KafkaBroker, partitions: &[TopicPartition]) {
    let positions: Vec<_> = partitions.iter().map(|at| (at.clone(), BEGINNING)).collect();
    broker.assign(&positions).unwrap();
}

/// Polls until the group assigns something.
pub(crate) fn assigned(broker: &mut KafkaBroker) -> Vec<TopicPartition> {
    until(broker, |event| match event {
        Event::Assigned(partitions) => Some(partitions),
        _ => None,
    })
}

/// Polls until the event that is looked for; the others are dropped.
pub(crate) fn until<T>(broker: &mut KafkaBroker, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match broker.poll(50) {
            Ok(event) => {
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
            Err(Failure::Retry(_)) => {}
            Err(failure) => panic!("{failure}"),
        }
        assert!(Instant::now() < deadline, "it did not come");
    }
}

/// Tries until something else than a retry comes.
pub(crate) fn patiently<T>(mut step: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match step() {
            Err(Failure::Retry(told)) if Instant::now() >= deadline => panic!("still: {told}"),
            Err(Failure::Retry(_)) => {}
            other => return other,
        }
    }
}

/// The offsets of all that was produced, once it is acknowledged.
pub(crate) fn drained(broker: &mut KafkaBroker) -> Result<Vec<i64>, Failure> {
    patiently(|| broker.drain(1_000)?.ok_or_else(|| Failure::Retry(String::from("not all is acknowledged"))))
}

/// Produces values into a partition, in the open transaction.
pub(crate) fn produce(broker: &mut KafkaBroker, at: &TopicPartition, values: &[&str]) {
    for value in values {
        let record = Outgoing {
            topic: &at.topic,
            partition: at.partition,
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        patiently(|| broker.produce(&record)).unwrap();
    }
}

/// One whole transaction; the offsets it got.
pub(crate) fn commit(broker: &mut KafkaBroker, at: &TopicPartition, values: &[&str]) -> Vec<i64> {
    patiently(|| broker.begin()).unwrap();
    produce(broker, at, values);
    let offsets = drained(broker).unwrap();
    broker.commit().unwrap();
    offsets
}

/// A transaction that is given up.
pub(crate) fn abort(broker: &mut KafkaBroker, at: &TopicPartition, values: &[&str]) {
    patiently(|| broker.begin()).unwrap();
    produce(broker, at, values);
    drained(broker).unwrap();
    patiently(|| broker.abort()).unwrap();
}

pub(crate) fn value(record: &Polled) -> String {
    String::from_utf8(record.value.clone().unwrap()).unwrap()
}
