//! What a process does now, for `/readyz`, `ieum status` and tests.

use crate::engine::lane::io::TopicPartition;
use crate::engine::lane::{TaskState, TaskStatus};
use crate::types::StreamTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// For what the process waits; empty when it is ready.
    pub waiting: Vec<String>,
    /// Its lanes, by stage and number.
    pub lanes: Vec<LaneStatus>,
    /// Why it must end, once it must.
    pub ended: Option<Ended>,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Stage.
    pub stage: &'static str,
    /// Number in this process.
    pub lane: usize,
    /// What it does.
    pub state: LaneState,
    /// Its tasks.
    pub tasks: Vec<TaskStatus>,
}

/// What a lane does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// It has not joined its group yet.
    Starting,
    /// It steps.
    Running,
    /// Something failed and is tried again.
    Troubled(String),
    /// It has left its group.
    Stopped,
}

/// Why a process must end: a code with an `explain` page and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Code.
    pub code: &'static str,
    /// What happened.
    pub detail: String,
}

impl Status {
    /// Whether all that this process is for is running.
    pub fn is_ready(&self) -> bool {
        self.waiting.is_empty() && self.ended.is_none()
    }

    /// As JSON, for `/readyz`.
    pub fn to_json(&self) -> serde_json::Value {
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| {
                serde_json::json!({
                    "stage": lane.stage,
                    "lane": lane.lane,
                    "state": match &lane.state {
                        LaneState::Starting => "starting",
                        LaneState::Running => "running",
                        LaneState::Troubled(_) => "troubled",
                        LaneState::Stopped => "stopped",
                    },
                    "tasks": lane.tasks.iter().map(task_json).collect::<Vec<_>>(),
                })
            })
            .collect();
        let ended = self.ended.as_ref();
        serde_json::json!({
            "ready": self.is_ready(),
            "waiting": self.waiting,
            "lanes": lanes,
            "ended": ended.map(|ended| format!("{} {}", ended.code, ended.detail)),
        })
    }
}

fn task_json(task: &TaskStatus) -> serde_json::Value {
    serde_json::json!({
        "topic": task.at.topic.as_str(),
        "partition": task.at.partition,
        "state": match &task.state {
            TaskState::Restoring { .. } => "restoring",
            TaskState::Running => "running",
            TaskState::Waiting(_) => "waiting",
            TaskState::Blocked(_) => "blocked",
        },
        "committed": (task.committed >= 0).then_some(task.committed),
        "stream_time": (task.stream_time_ms > 0).then(|| StreamTime(task.stream_time_ms).to_string()),
        "parked": task.parked,
    })
}

/// Where lanes and the supervisor write down what they do.
#[derive(Debug, Default)]
pub(super) struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What the whole process waits for before any lane starts.
    starting: Option<String>,
    /// The broker has not answered the last question: why.
    silent: Option<String>,
    lanes: BTreeMap<(&'static str, usize), (LaneState, Vec<TaskStatus>)>,
    ended: Option<Ended>,
}

impl Board {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn starting(&self, wait: Option<String>) {
        self.inner().starting = wait;
    }

    /// Whether the broker answered the last time, and if not, why.
    pub(super) fn silent(&self, why: Option<String>) {
        self.inner().silent = why;
    }

    pub(super) fn lane(&self, stage: &'static str, lane: usize, state: LaneState, tasks: Vec<TaskStatus>) {
        self.inner().lanes.insert((stage, lane), (state, tasks));
    }

    /// The first reason counts.
    pub(super) fn end(&self, code: &'static str, detail: String) {
        self.inner().ended.get_or_insert(Ended { code, detail });
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.inner().ended.clone()
    }

    /// Whether a lane of this process runs the task of a partition.
    pub(super) fn runs(&self, at: &TopicPartition) -> bool {
        let inner = self.inner();
        inner
            .lanes
            .values()
            .any(|(_, tasks)| tasks.iter().any(|task| task.at == *at && task.state == TaskState::Running))
    }

    pub(super) fn status(&self) -> Status {
        let inner = self.inner();
        let lanes: Vec<LaneStatus> = inner
            .lanes
            .iter()
            .map(|((stage, lane), (state, tasks))| LaneStatus {
                stage,
                lane: *lane,
                state: state.clone(),
                tasks: tasks.clone(),
            })
            .collect();
        let mut waiting: Vec<String> = inner.starting.iter().chain(&inner.silent).cloned().collect();
        for lane in &lanes {
            waiting.extend(waits(lane));
        }
        if inner.starting.is_none() && lanes.iter().all(|lane| lane.tasks.is_empty()) {
            waiting.push(String::from("no partition is assigned to this process"));
        }
        Status { waiting, lanes, ended: inner.ended.clone() }
    }
}

fn waits(lane: &LaneStatus) -> Vec<String> {
    let name = format!("{} lane {}", lane.stage, lane.lane);
    let mut waits: Vec<String> = match &lane.state {
        LaneState::Starting => vec![format!("{name} joins its group")],
        LaneState::Troubled(why) => vec![format!("{name}: {why}")],
        LaneState::Stopped => vec![format!("{name} has stopped")],
        LaneState::Running => Vec::new(),
    };
    // What all tasks of a lane wait for is said once.
    let common: BTreeSet<&str> = lane
        .tasks
        .iter()
        .filter_map(|task| match task.state {
            TaskState::Waiting(why) => Some(why),
            _ => None,
        })
        .collect();
    waits.extend(common.into_iter().map(|why| format!("{name} waits for {why}")));
    waits.extend(lane.tasks.iter().filter_map(|task| match &task.state {
        TaskState::Restoring { done, of, held } => {
            let held = held.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
            Some(format!("{name}: partition {} restores, {done} of {of}{held}", task.at.partition))
        }
        TaskState::Blocked(why) => Some(format!("{name}: partition {} waits: {why}", task.at.partition)),
        TaskState::Running | TaskState::Waiting(_) => None,
    }));
    waits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: TaskState) -> TaskStatus {
        TaskStatus {
            at: TopicPartition { topic: "log".into(), partition: 2 },
            state,
            committed: 4,
            stream_time_ms: 0,
            parked: 0,
        }
    }

    fn restoring(done: i64, of: i64, held: Option<&str>) -> TaskState {
        TaskState::Restoring { done, of, held: held.map(String::from) }
    }

    #[test]
    fn a_process_is_ready_when_nothing_waits() {
        for (state, tasks, expected) in [
            (LaneState::Running, vec![], Some("no partition")),
            (LaneState::Running, vec![task(TaskState::Running)], None),
            (LaneState::Starting, vec![], Some("joins its group")),
            (LaneState::Troubled("broker away".into()), vec![task(TaskState::Running)], Some("broker away")),
            (LaneState::Running, vec![task(restoring(3, 9, None))], Some("restores, 3 of 9")),
            (LaneState::Running, vec![task(restoring(0, 0, Some("no answer")))], Some("0 of 0; no answer")),
            (LaneState::Running, vec![task(TaskState::Blocked("pack".into()))], Some("waits: pack")),
            (LaneState::Running, vec![task(TaskState::Waiting("rules"))], Some("waits for rules")),
        ] {
            let board = Board::default();
            board.lane("identity", 0, state.clone(), tasks);
            let status = board.status();
            match expected {
                None => assert!(status.is_ready(), "{state:?}: {:?}", status.waiting),
                Some(word) => {
                    assert!(
                        status.waiting.iter().any(|w| w.contains(word)),
                        "{state:?}: {:?}",
                        status.waiting
                    );
                    assert!(!status.is_ready());
                }
            }
        }
    }

    #[test]
    fn a_process_whose_broker_fell_silent_is_not_ready_until_it_answers() {
        let board = Board::default();
        board.lane("identity", 0, LaneState::Running, vec![task(TaskState::Running)]);
        board.silent(Some("broker away".into()));
        assert_eq!(board.status().waiting, ["broker away"]);
        board.silent(None);
        assert!(board.status().is_ready());
    }

    #[test]
    fn a_stopped_process_is_not_ready_and_tells_the_first_reason() {
        let board = Board::default();
        board.lane("identity", 0, LaneState::Running, vec![task(TaskState::Running)]);
        board.end("IEUM-L003", "fenced".into());
        board.end("IEUM-L004", "later".into());
        assert!(!board.status().is_ready());
        assert_eq!(board.status().to_json()["ended"], "IEUM-L003 fenced");
    }
}
