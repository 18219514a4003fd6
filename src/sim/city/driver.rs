//! Drives a city against any broker: records up to a declared time, then the sample that declares it.

use super::{City, RawRecord};
use crate::types::StreamTime;

/// What the driver asks for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Produce these, in this order.
    Records(Vec<RawRecord>),
    /// Everything before this time has been handed out: learn where the raw partitions end, and write the sample.
    Sample(StreamTime),
    /// The run is over.
    End,
}

/// Hands out a run in steps.
#[derive(Debug)]
pub struct Driver {
    /// The city; alerts are given to it by [`City::see`] between steps.
    pub city: City,
    next_sample: StreamTime,
    batch_records: usize,
}

/// Records of a step, so that neither a first day nor a flood is held in memory at once.
const BATCH_RECORDS: usize = 2_000;

impl Driver {
    /// A driver at the beginning of the run.
    pub fn new(city: City) -> Self {
        let next_sample = city.plan().start.start().plus_ms(city.plan().sample_ms);
        Self { city, next_sample, batch_records: BATCH_RECORDS }
    }

    /// The next step. Samples are [`super::Plan::sample_ms`] apart, one at each KST midnight among them.
    pub fn step(&mut self) -> Result<Step, String> {
        let end = self.city.plan().start.start().plus_ms(super::run_ms(self.city.plan()));
        if self.next_sample > end {
            return Ok(Step::End);
        }
        let records = self.city.next(self.next_sample, self.batch_records)?;
        if !records.is_empty() {
            return Ok(Step::Records(records));
        }
        let sample = self.next_sample;
        self.next_sample = sample.plus_ms(self.city.plan().sample_ms);
        Ok(Step::Sample(sample))
    }

    /// How far the run has come, in thousandths.
    pub fn progress(&self) -> i64 {
        let plan = self.city.plan();
        (self.next_sample.0 - plan.start.start().0).min(super::run_ms(plan)) * 1000
            / super::run_ms(plan).max(1)
    }
}
