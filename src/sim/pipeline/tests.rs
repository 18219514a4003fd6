use super::*;
use crate::engine::clock::TaskClock;
use crate::engine::effect::{Effects, Input};
use crate::engine::message::decode;
use crate::engine::state::{Key, Record, StateRead};
use crate::engine::task::Task;

/// Copies `raw` to `log`, and says on commit how far it came.
struct Copy;
/// Adds the lengths of what it reads; for a long record it takes a second step as a job.
struct Sum;

struct CopyTask;

#[derive(Default)]
struct SumTask {
    job: bool,
}

const TOTAL: &str = "total";

fn output(topic: &str, value: &[u8]) -> Output {
    let (topic, value) = (SmolStr::new(topic), value.to_vec());
    Output { topic, partition: 0, key: None, value, headers: Vec::new() }
}

impl Stage for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new("raw")]
    }
    fn changelog(&self) -> Option<&'static str> {
        None
    }
    fn task(&self, _: &TopicPartition) -> Box<dyn Task> {
        Box::new(CopyTask)
    }
}

impl Task for CopyTask {
    fn handle(&mut self, input: &Input<'_>, _: &dyn StateRead) -> Result<Effects, Blocked> {
        let value = input.value.ok_or_else(|| Blocked::Unreadable(String::from("nothing")))?;
        Ok(Effects { outputs: vec![output("log", value)], ..Effects::default() })
    }
    fn has_job(&self) -> bool {
        false
    }
    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        None
    }
    fn rebuild(&mut self, _: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {}
    fn commit_outputs(&mut self, positions: &[(TopicPartition, i64)]) -> Vec<Output> {
        positions
            .iter()
            .map(|(at, offset)| output("positions", format!("{} {offset}", at.partition).as_bytes()))
            .collect()
    }
    fn stream_time_ms(&self) -> i64 {
        0
    }
}

impl Stage for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new("log")]
    }
    fn changelog(&self) -> Option<&'static str> {
        Some("changelog")
    }
    fn task(&self, _: &TopicPartition) -> Box<dyn Task> {
        Box::new(SumTask::default())
    }
}

impl Task for SumTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        let key = Key::own(TOTAL);
        let mut clock = match state.get(&key).as_deref() {
            Some(Record::Clock(clock)) => clock.clone(),
            _ => TaskClock::default(),
        };
        let value = input.value.unwrap_or_default();
        self.job = value.len() > 3;
        clock.through.0 += i64::try_from(value.len()).unwrap_or(0);
        let outputs = vec![output("sums", clock.through.0.to_string().as_bytes())];
        Ok(Effects {
            outputs,
            delta: vec![(key, Some(Arc::new(Record::Clock(clock))))],
            ..Effects::default()
        })
    }
    fn has_job(&self) -> bool {
        self.job
    }
    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        Some(("log", b"+".to_vec()))
    }
    fn rebuild(&mut self, _: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        self.job = false;
    }
    fn stream_time_ms(&self) -> i64 {
        0
    }
}

fn pipeline() -> Pipeline {
    Pipeline::new(vec![Arc::new(Copy), Arc::new(Sum)], Layout::new([(SmolStr::new("raw"), 2)]))
}

fn feed(pipeline: &mut Pipeline, values: &[&str]) {
    for (n, value) in values.iter().enumerate() {
        pipeline.feed("raw", None, Some(value.as_bytes().to_vec()), StreamTime(n as i64));
    }
}

fn emitted(pipeline: &mut Pipeline, topic: &str) -> Vec<String> {
    let all = pipeline.take_emitted();
    let of_topic = all.into_iter().filter(|emitted| emitted.output.topic == topic);
    of_topic.map(|emitted| String::from_utf8(emitted.output.value).expect("text")).collect()
}

#[test]
fn records_pass_through_all_stages_and_jobs_go_on_until_done() {
    let mut pipeline = pipeline();
    feed(&mut pipeline, &["a", "bb", "four"]);
    pipeline.run().expect("nothing is stuck");
    // Without a key records go round: partition 0 holds the first and third, and is read first; then the job.
    assert_eq!(emitted(&mut pipeline, "sums"), ["1", "5", "7"]);
    feed(&mut pipeline, &["long one"]);
    pipeline.run().expect("nothing is stuck");
    assert_eq!(emitted(&mut pipeline, "sums"), ["15", "16"]);
}

#[test]
fn a_commit_tells_the_position_of_each_partition() {
    let mut pipeline = pipeline();
    feed(&mut pipeline, &["a", "b", "c"]);
    pipeline.run().expect("nothing is stuck");
    assert_eq!(emitted(&mut pipeline, "positions"), ["0 2", "1 1"]);
}

#[test]
fn a_restart_keeps_what_was_stored_and_nothing_else() {
    let mut pipeline = pipeline();
    feed(&mut pipeline, &["a", "b"]);
    pipeline.run().expect("nothing is stuck");
    pipeline.restart();
    feed(&mut pipeline, &["c"]);
    pipeline.run().expect("nothing is stuck");
    assert_eq!(emitted(&mut pipeline, "sums"), ["1", "2", "3"]);
}

#[test]
fn a_stage_replayed_over_its_kept_log_gives_its_outputs_again() {
    let mut kept = pipeline().keeping_logs();
    feed(&mut kept, &["a", "long one", "c"]);
    kept.run().expect("nothing is stuck");
    let at = TopicPartition { topic: SmolStr::new("log"), partition: 0 };
    let replayed = replay_stage(&Sum, &at, kept.log("log", 0)).expect("nothing is stuck");
    let replayed: Vec<_> = replayed.into_iter().map(|o| String::from_utf8(o.value).expect("text")).collect();
    assert_eq!(replayed, emitted(&mut kept, "sums"));

    let mut dropped = pipeline();
    feed(&mut dropped, &["a"]);
    dropped.run().expect("nothing is stuck");
    assert_eq!(dropped.log("log", 0).count(), 0, "what has been handled is dropped unless asked for");
}

#[test]
fn a_tapped_log_is_handed_on_once_whole_and_in_order() {
    let mut tapped = pipeline().tapping("log");
    let mut kept = pipeline().keeping_logs();
    let mut drawn = Vec::new();
    for values in [&["a", "long one"][..], &["c"]] {
        for pipeline in [&mut tapped, &mut kept] {
            feed(pipeline, values);
            pipeline.run().expect("nothing is stuck");
        }
        drawn.extend(tapped.take_drawn());
    }
    let whole: Vec<(i32, LogRecord)> = kept.log("log", 0).map(|record| (0, record.clone())).collect();
    assert_eq!(drawn, whole);
    assert_eq!(tapped.log("log", 0).count(), 0, "what was handed on is dropped all the same");
}

#[test]
fn a_record_that_no_task_can_handle_is_named() {
    let mut pipeline = pipeline();
    pipeline.feed("raw", Some(b"k".to_vec()), None, StreamTime(1));
    let stuck = pipeline.run().expect_err("a null value blocks");
    assert_eq!((stuck.stage, stuck.topic.as_str(), stuck.offset), ("copy", "raw", 0));
}

#[test]
fn the_first_sample_fixes_the_clock_and_names_where_raw_partitions_end() {
    let mut pipeline = pipeline().keeping_logs();
    feed(&mut pipeline, &["a", "b", "c"]);
    pipeline.sample(StreamTime(50));
    pipeline.sample(StreamTime(60));
    let messages: Vec<ControlMessage> = pipeline
        .log(CONTROL_LOG, 0)
        .map(|record| decode(record.value.as_deref().expect("a value")).expect("a control message"))
        .collect();
    let ends: Vec<RawPosition> = [(0, 2), (1, 1)]
        .map(|(partition, offset)| RawPosition { topic: SmolStr::new("raw"), partition, offset })
        .to_vec();
    let sample = |t| ControlMessage::Sample { t: StreamTime(t), ends: ends.clone() };
    assert_eq!(messages, [ControlMessage::Clock(Clock::Declared), sample(50), sample(60)]);
    assert_eq!(pipeline.now(), StreamTime(60));
}
