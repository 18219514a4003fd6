//! One arm a fact: its log line, where a person would want one, and its metric.

use super::Metrics;
use crate::engine::effect::Fact;
use crate::engine::lane::io::TopicPartition;
use crate::engine::lane::{LaneFact, LaneStop, TaskState, TaskStatus, Then};
use crate::engine::layout::CONTROL_LOG;
use std::time::{SystemTime, UNIX_EPOCH};

/// Telemetry of one lane.
#[derive(Clone, Debug)]
pub struct LaneTelemetry {
    metrics: Metrics,
    stage: &'static str,
    lane: String,
}

impl LaneTelemetry {
    /// For a lane of a stage.
    pub fn new(metrics: &Metrics, stage: &'static str, lane: usize) -> Self {
        Self { metrics: metrics.clone(), stage, lane: lane.to_string() }
    }

    /// Tells what a step brought.
    pub fn facts(&self, facts: &[LaneFact]) {
        for fact in facts {
            self.fact(fact);
        }
    }

    fn fact(&self, fact: &LaneFact) {
        let (stage, lane, metrics) = (self.stage, self.lane.as_str(), &self.metrics);
        match fact {
            LaneFact::Task { at, fact } => self.task_fact(at, fact),
            LaneFact::Counted { fact, count } => self.count(fact, *count),
            LaneFact::Committed { inputs, outputs, changelog, age_ms } => {
                tracing::debug!(stage, lane, inputs, outputs, changelog, age_ms, "committed");
                for (kind, count) in [("input", inputs), ("output", outputs), ("changelog", changelog)] {
                    metrics.records.with_label_values(&[stage, kind]).inc_by(*count);
                }
                metrics.committed.with_label_values(&[stage]).inc();
                metrics.commit_age.with_label_values(&[stage]).observe(seconds(*age_ms));
            }
            LaneFact::Aborted { cause, detail } => {
                tracing::warn!(
                    stage,
                    lane,
                    cause,
                    detail,
                    "transaction aborted; its inputs are handled again"
                );
                metrics.aborts.with_label_values(&[stage, cause]).inc();
            }
            LaneFact::Resolved { committed } => {
                tracing::warn!(stage, lane, committed, "a commit without an answer was resolved");
                let outcome = if *committed { "committed" } else { "aborted" };
                metrics.resolved.with_label_values(&[stage, outcome]).inc();
            }
            LaneFact::Retrying { step, detail } => {
                tracing::warn!(stage, lane, step, detail, "step failed and is made again");
                metrics.retries.with_label_values(&[stage, step]).inc();
            }
            LaneFact::StoreWiped { at, reason } => {
                tracing::warn!(stage, lane, partition = at.partition, reason, "local store wiped");
                metrics.wipes.with_label_values(&[stage, reason]).inc();
            }
            LaneFact::Restoring { at, done, of } => {
                self.metrics
                    .restore
                    .with_label_values(&self.task(at).each_ref().map(String::as_str))
                    .set(of - done);
            }
            LaneFact::Restored { at, records } => {
                tracing::info!(stage, lane, partition = at.partition, records, "task restored");
                self.metrics.restore.with_label_values(&self.task(at).each_ref().map(String::as_str)).set(0);
            }
            LaneFact::Blocked { at, offset, reason } => {
                tracing::warn!(stage, lane, topic = %at.topic, partition = at.partition, offset, reason, "task waits");
                metrics.blocked.with_label_values(&self.task(at).each_ref().map(String::as_str)).set(1);
            }
            LaneFact::Unblocked { at } => {
                tracing::info!(stage, lane, partition = at.partition, "task goes on");
                metrics.blocked.with_label_values(&self.task(at).each_ref().map(String::as_str)).set(0);
            }
            LaneFact::Released { partitions, lost } => {
                let names: Vec<String> =
                    partitions.iter().map(|at| format!("{}-{}", at.topic, at.partition)).collect();
                tracing::info!(stage, lane, lost, partitions = names.join(" "), "partitions released");
                partitions.iter().for_each(|at| self.forget(at));
            }
        }
    }

    /// Facts that only count.
    fn count(&self, fact: &Fact, count: u64) {
        let (stage, metrics) = (self.stage, &self.metrics);
        let input = |topic: &str, outcome| {
            metrics.inputs.with_label_values(&[stage, topic, outcome]).inc_by(count);
        };
        match fact {
            Fact::Accepted { topic } => input(topic, "accepted"),
            Fact::Duplicate { topic } => input(topic, "duplicate"),
            Fact::Late { topic } => input(topic, "late"),
            Fact::Unlinked { hopped } => {
                let next = if *hopped { "next alias" } else { "provisional household" };
                metrics.unlinked.with_label_values(&[stage, next]).inc_by(count);
            }
            Fact::Evaluated { rule, truth } => {
                metrics.evaluated.with_label_values(&[rule.as_str(), truth]).inc_by(count);
            }
            _ => {}
        }
    }

    fn task_fact(&self, at: &TopicPartition, fact: &Fact) {
        let (stage, metrics) = (self.stage, &self.metrics);
        match fact {
            Fact::DeadLetter { code, topic } => {
                tracing::debug!(stage, code, topic = %topic, "record rejected to dead-letters");
                metrics.letters.with_label_values(&[stage, topic.as_str(), code]).inc();
            }
            Fact::Accepted { .. }
            | Fact::Duplicate { .. }
            | Fact::Late { .. }
            | Fact::Unlinked { .. }
            | Fact::Evaluated { .. } => self.count(fact, 1),
            Fact::Ignored { stage, what } => {
                tracing::warn!(stage, what, topic = %at.topic, partition = at.partition, "stage record ignored");
                metrics.ignored.with_label_values(&[stage, what]).inc();
            }
            Fact::SourceHealth { source, region, stale } => {
                let region = region.as_deref().unwrap_or_default();
                if *stale {
                    tracing::warn!(source = %source, region, "a source is silent for longer than its rhythm allows");
                } else {
                    tracing::info!(source = %source, region, "a source came back");
                }
                metrics.stale.with_label_values(&[source.as_str(), region]).set((*stale).into());
            }
            Fact::StreamTime { through, complete } => {
                let labels = self.task(at);
                let labels = labels.each_ref().map(String::as_str);
                metrics.complete.with_label_values(&labels).set((*complete).into());
                metrics.stream_time.with_label_values(&labels).set(through.0 as f64 / 1000.0);
            }
            Fact::Alert { rule, change, level, caused_at_ms } => {
                tracing::info!(stage, rule = %rule, change, level, "alert");
                metrics.alerts.with_label_values(&[rule.as_str(), change, level]).inc();
                let waited = u64::try_from(now_ms() - caused_at_ms).unwrap_or(0);
                metrics.alert_latency.with_label_values(&[level]).observe(seconds(waited));
            }
            Fact::Closed { rule, version, verdict } => {
                let version = version.to_string();
                metrics.closed.with_label_values(&[rule.as_str(), version.as_str(), verdict]).inc();
            }
            Fact::Review { rule } => metrics.reviews.with_label_values(&[rule.as_str()]).inc(),
            Fact::PackSwitched { hash } => {
                tracing::info!(stage, partition = at.partition, pack = hash.short(), "rule pack in force");
                metrics.packs.with_label_values(&self.task(at).each_ref().map(String::as_str)).inc();
            }
            Fact::Job { kind, left } => {
                metrics.jobs.with_label_values(&[stage, kind]).set(i64::try_from(*left).unwrap_or(i64::MAX));
            }
            Fact::Parked { origin } => {
                let (topic, partition, offset) = origin
                    .as_ref()
                    .map_or(("", -1, -1), |origin| (origin.topic.as_str(), origin.partition, origin.offset));
                tracing::error!(
                    stage,
                    topic,
                    partition,
                    offset,
                    "an entity is parked: its records go to dead-letters until a person acts (ieum explain IEUM-L010)"
                );
                metrics.parkings.with_label_values(&[stage]).inc();
            }
        }
    }

    /// Sets the gauges that follow the tasks' state.
    pub fn tasks(&self, tasks: &[TaskStatus]) {
        let mut counts = [("running", 0), ("restoring", 0), ("blocked", 0), ("waiting", 0)];
        for task in tasks {
            let place = match &task.state {
                TaskState::Running => 0,
                TaskState::Restoring { .. } => 1,
                TaskState::Blocked(_) => 2,
                TaskState::Waiting(_) => 3,
            };
            counts[place].1 += 1;
            let labels = self.task(&task.at);
            let parked = i64::try_from(task.parked).unwrap_or(i64::MAX);
            let labels = labels.each_ref().map(String::as_str);
            self.metrics.parked.with_label_values(&labels).set(parked);
            // Before the first tick there is no time that could be late.
            if task.stream_time_ms > 0 {
                let delay = (now_ms() - task.stream_time_ms) as f64 / 1000.0;
                self.metrics.delay.with_label_values(&labels).set(delay);
            }
        }
        for (state, count) in counts {
            self.metrics.tasks.with_label_values(&[self.stage, self.lane.as_str(), state]).set(count);
        }
    }

    /// Tells that the lane stopped.
    pub fn stopped(&self, stop: &LaneStop) {
        let (stage, lane, code, detail) = (self.stage, &self.lane, stop.code, stop.detail.as_str());
        match stop.then {
            Then::Restart => tracing::warn!(stage, lane, code, detail, "lane stopped and starts anew"),
            Then::Exit => tracing::error!(
                stage,
                lane,
                code,
                detail,
                "lane stopped: a person must act (ieum explain {code})"
            ),
        }
        self.metrics.stops.with_label_values(&[stage, code]).inc();
        self.tasks(&[]);
    }

    fn task(&self, at: &TopicPartition) -> [String; 2] {
        [self.stage.to_owned(), at.partition.to_string()]
    }

    /// A gauge of a task that lives elsewhere now would stand still for ever.
    fn forget(&self, at: &TopicPartition) {
        let labels = self.task(at);
        let labels = labels.each_ref().map(String::as_str);
        let metrics = &self.metrics;
        for gauge in [&metrics.restore, &metrics.blocked, &metrics.parked, &metrics.complete] {
            // Never set: nothing to forget.
            let _absent = gauge.remove_label_values(&labels);
        }
        for gauge in [&metrics.stream_time, &metrics.delay] {
            let _absent = gauge.remove_label_values(&labels);
        }
        // Which sources are silent is told by whoever has the control log.
        if at.topic == CONTROL_LOG {
            metrics.stale.reset();
        }
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::StreamTime;

    fn at() -> TopicPartition {
        TopicPartition { topic: "log".into(), partition: 3 }
    }

    #[test]
    fn facts_are_counted_under_bounded_labels() {
        let metrics = Metrics::new();
        let lane = LaneTelemetry::new(&metrics, "identity", 0);
        let task = |fact| LaneFact::Task { at: at(), fact };
        lane.facts(&[
            LaneFact::Committed { inputs: 5, outputs: 7, changelog: 2, age_ms: 40 },
            LaneFact::Aborted { cause: "rebalance", detail: "x".into() },
            task(Fact::DeadLetter { code: "IEUM-D003", topic: "raw".into() }),
            task(Fact::Evaluated { rule: "a_rule".into(), truth: "unknown" }),
            task(Fact::StreamTime { through: StreamTime(1_500), complete: true }),
            task(Fact::Closed { rule: "a_rule".into(), version: 2, verdict: "needed" }),
        ]);
        let text = metrics.render();
        for line in [
            "ieum_lane_records_total{kind=\"output\",stage=\"identity\"} 7",
            "ieum_lane_commits_total{stage=\"identity\"} 1",
            "ieum_lane_aborts_total{cause=\"rebalance\",stage=\"identity\"} 1",
            "ieum_dead_letters_total{code=\"IEUM-D003\",stage=\"identity\",topic=\"raw\"} 1",
            "ieum_rules_evaluated_total{rule=\"a_rule\",truth=\"unknown\"} 1",
            "ieum_task_stream_timestamp_seconds{partition=\"3\",stage=\"identity\"} 1.5",
            "ieum_alerts_closed_total{rule=\"a_rule\",verdict=\"needed\",version=\"2\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_released_task_leaves_no_gauge_behind() {
        let metrics = Metrics::new();
        let lane = LaneTelemetry::new(&metrics, "identity", 0);
        let fact = Fact::StreamTime { through: StreamTime(1_500), complete: true };
        lane.facts(&[LaneFact::Task { at: at(), fact }]);
        assert!(metrics.render().contains("ieum_task_stream_timestamp_seconds{"));
        lane.facts(&[LaneFact::Released { partitions: vec![at()], lost: false }]);
        assert!(!metrics.render().contains("ieum_task_stream_timestamp_seconds{"));
    }
}
