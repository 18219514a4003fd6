//! All metrics of a process, in base units: `_total`, `_seconds`, `_bytes`, `_records`.

use crate::types::SmolStr;
use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The registry and its metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    pub(super) records: IntCounterVec,
    pub(super) committed: IntCounterVec,
    pub(super) commit_age: HistogramVec,
    pub(super) aborts: IntCounterVec,
    pub(super) resolved: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) stops: IntCounterVec,
    pub(super) wipes: IntCounterVec,
    pub(super) restore: IntGaugeVec,
    pub(super) blocked: IntGaugeVec,
    pub(super) parked: IntGaugeVec,
    pub(super) tasks: IntGaugeVec,
    pub(super) stream_time: GaugeVec,
    pub(super) delay: GaugeVec,
    pub(super) letters: IntCounterVec,
    pub(super) inputs: IntCounterVec,
    pub(super) unlinked: IntCounterVec,
    pub(super) ignored: IntCounterVec,
    pub(super) stale: IntGaugeVec,
    pub(super) complete: IntGaugeVec,
    pub(super) evaluated: IntCounterVec,
    pub(super) alerts: IntCounterVec,
    pub(super) closed: IntCounterVec,
    pub(super) alert_latency: HistogramVec,
    pub(super) reviews: IntCounterVec,
    pub(super) packs: IntCounterVec,
    pub(super) jobs: IntGaugeVec,
    pub(super) parkings: IntCounterVec,
    lag: IntGaugeVec,
    unstable: IntGaugeVec,
    lag_seconds: GaugeVec,
    store_bytes: IntGaugeVec,
}

/// From a hop's interval to an hour, in seconds.
const BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh registry with every metric.
    pub fn new() -> Self {
        let registry = Registry::new();
        let lane: &[&str] = &["stage"];
        let task: &[&str] = &["stage", "partition"];
        let topic: &[&str] = &["stage", "topic"];
        let counter = |name: &str, help: &str, labels: &[&str]| {
            made(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            made(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            made(&registry, GaugeVec::new(Opts::new(name, help), labels))
        };
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            let opts = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            made(&registry, HistogramVec::new(opts, labels))
        };
        Self {
            records: counter(
                "ieum_lane_records_total",
                "Records by kind, once committed.",
                &["stage", "kind"],
            ),
            committed: counter("ieum_lane_commits_total", "Transactions committed.", lane),
            commit_age: histogram(
                "ieum_lane_commit_age_seconds",
                "Age of the oldest input of a transaction when it committed.",
                lane,
            ),
            aborts: counter("ieum_lane_aborts_total", "Transactions aborted, by cause.", &["stage", "cause"]),
            resolved: counter(
                "ieum_lane_indefinite_total",
                "Commits without an answer, by what they turned out to be.",
                &["stage", "outcome"],
            ),
            retries: counter("ieum_lane_retries_total", "Steps that will be made again.", &["stage", "step"]),
            stops: counter("ieum_lane_stops_total", "Lanes that stopped, by code.", &["stage", "code"]),
            wipes: counter(
                "ieum_store_wipes_total",
                "Local stores wiped before a restore.",
                &["stage", "reason"],
            ),
            restore: gauge("ieum_task_restore_remaining_records", "Changelog offsets left to restore.", task),
            blocked: gauge("ieum_task_blocked", "1 while a task waits before a record.", task),
            parked: gauge("ieum_task_parked_entities", "Entities parked after a defect.", task),
            tasks: gauge("ieum_lane_tasks", "Tasks by state.", &["stage", "lane", "state"]),
            stream_time: seconds(
                "ieum_task_stream_timestamp_seconds",
                "Stream time, seconds since the Unix epoch.",
                task,
            ),
            delay: seconds(
                "ieum_task_stream_time_delay_seconds",
                "This machine's clock minus stream time; says nothing under a declared clock.",
                task,
            ),
            letters: counter(
                "ieum_dead_letters_total",
                "Records rejected to dead-letters, by code.",
                &["stage", "topic", "code"],
            ),
            inputs: counter(
                "ieum_inputs_total",
                "Raw records by what became of them.",
                &["stage", "topic", "outcome"],
            ),
            unlinked: counter(
                "ieum_unlinked_total",
                "Signals whose owner had no household.",
                &["stage", "next"],
            ),
            ignored: counter(
                "ieum_ignored_total",
                "Stage records that said what cannot hold.",
                &["stage", "what"],
            ),
            stale: gauge(
                "ieum_source_stale",
                "1 while a source is silent for longer than its rhythm allows.",
                &["source", "region"],
            ),
            complete: gauge("ieum_time_complete", "1 while all upstreams are complete.", task),
            evaluated: counter(
                "ieum_rules_evaluated_total",
                "Evaluations of rules, by truth.",
                &["rule", "truth"],
            ),
            alerts: counter("ieum_alerts_total", "Alert revisions.", &["rule", "change", "level"]),
            closed: counter(
                "ieum_alerts_closed_total",
                "Alerts that caseworkers closed, by what the outcome says: needed / (needed + not_needed) is a rule's precision.",
                &["rule", "version", "verdict"],
            ),
            alert_latency: histogram(
                "ieum_alert_latency_seconds",
                "From the append of the causing record in ieum.households to the committed alert.",
                &["level"],
            ),
            reviews: counter("ieum_reviews_total", "Cases sent to a person's review.", &["rule"]),
            packs: counter("ieum_pack_switches_total", "Rule packs taken into force.", task),
            jobs: gauge("ieum_job_remaining_units", "Units of durable jobs still to do.", &["stage", "job"]),
            parkings: counter("ieum_parkings_total", "Entities parked after a defect.", lane),
            lag: gauge("ieum_input_lag_records", "Committed records that a stage has not handled.", topic),
            unstable: gauge(
                "ieum_input_unstable_records",
                "Records behind an open transaction, which no stage can read yet: stays high where one hangs.",
                topic,
            ),
            lag_seconds: seconds(
                "ieum_input_lag_seconds",
                "How long the oldest unhandled input has waited.",
                lane,
            ),
            store_bytes: gauge("ieum_store_bytes", "Bytes of local stores on disk.", task),
            registry,
        }
    }

    /// The metrics in Prometheus text format.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        let families = self.registry.gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics do not render");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Sets the lag of all stages: records by stage and topic, records behind open transactions alike, and how long the
    /// oldest has waited by stage. What is not named is no longer this process's.
    pub fn set_lag(
        &self,
        records: &BTreeMap<(&'static str, SmolStr), i64>,
        held: &BTreeMap<(&'static str, SmolStr), i64>,
        seconds: &BTreeMap<&'static str, Duration>,
    ) {
        self.lag.reset();
        self.unstable.reset();
        self.lag_seconds.reset();
        for (gauge, values) in [(&self.lag, records), (&self.unstable, held)] {
            for ((stage, topic), count) in values {
                gauge.with_label_values(&[stage, topic.as_str()]).set(*count);
            }
        }
        for (stage, longest) in seconds {
            self.lag_seconds.with_label_values(&[stage]).set(longest.as_secs_f64());
        }
    }

    /// Sets the sizes of the stores of this process's tasks, by stage and partition; what is not named is forgotten.
    pub fn set_store_bytes(&self, sizes: &BTreeMap<(&'static str, i32), u64>) {
        self.store_bytes.reset();
        for ((stage, partition), bytes) in sizes {
            let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
            self.store_bytes.with_label_values(&[*stage, &partition.to_string()]).set(bytes);
        }
    }
}

fn made<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("a metric's name and labels are written here");
    registry.register(Box::new(collector.clone())).expect("each name is registered once");
    collector
}
