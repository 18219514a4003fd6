//! Where data and marks are written together: one transaction, or nothing.

use super::marks::MARKS_TOPIC;
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, Outgoing};
use crate::ingest::{Tail, TailFrom};
use crate::publish::{Mode, Publisher};
use crate::types::SmolStr;
use std::time::{Duration, Instant};

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Topic.
    pub topic: SmolStr,
    /// Partition.
    pub partition: i32,
    /// Key.
    pub key: Vec<u8>,
    /// Value; none deletes a mark.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(SmolStr, Vec<u8>)>,
}

/// A mark as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Key.
    pub key: Vec<u8>,
    /// Value; none where it was deleted.
    pub value: Option<Vec<u8>>,
}

/// Keeps marks and commits them with data.
pub trait Journal {
    /// Takes over from whoever wrote before, whose open transaction is decided first; then every mark, in the order written.
    fn load(&mut self) -> Result<Vec<Stored>, Failure>;
    /// Writes all of it or nothing. After an error nobody knows which, and [`Self::load`] finds out.
    fn commit(&mut self, entries: &[Entry]) -> Result<(), Failure>;
}

/// Longest wait for the end of the marks, or for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(200);

/// The journal on Kafka. One process writes for a source: a second one under the same name fences it.
pub struct KafkaJournal {
    kafka: KafkaConfig,
    /// None where nothing is to be written.
    transactional_id: Option<String>,
    publisher: Option<Publisher>,
}

impl KafkaJournal {
    /// For a source of an installation.
    pub fn open(kafka: &KafkaConfig, application: &str, source: &str) -> Self {
        let transactional_id = Some(format!("{application}-collect-{source}"));
        Self { kafka: kafka.clone(), transactional_id, publisher: None }
    }

    /// One that only reads, and fences nobody.
    pub fn reading(kafka: &KafkaConfig) -> Self {
        Self { kafka: kafka.clone(), transactional_id: None, publisher: None }
    }
}

impl Journal for KafkaJournal {
    fn load(&mut self) -> Result<Vec<Stored>, Failure> {
        if let Some(id) = &self.transactional_id {
            let timeout_ms = self.kafka.transaction_timeout_ms;
            match &mut self.publisher {
                Some(publisher) => publisher.reopen()?,
                None => {
                    let mode = Mode::Transactions { id: id.clone(), timeout_ms };
                    self.publisher = Some(Publisher::open(&self.kafka, mode)?);
                }
            }
        }
        let mut tail = Tail::open(&self.kafka, &[MARKS_TOPIC], TailFrom::Beginning)?;
        let mut marks = Vec::new();
        let mut deadline = Instant::now() + PATIENCE;
        while !tail.has_caught_up() {
            match tail.poll(STEP)? {
                Some(record) => {
                    let Some(key) = record.key else { continue };
                    marks.push(Stored { key, value: record.value });
                    deadline = Instant::now() + PATIENCE;
                }
                None if Instant::now() >= deadline => {
                    return Err(Failure::Retry(format!("the end of {MARKS_TOPIC} was not reached")));
                }
                None => {}
            }
        }
        Ok(marks)
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let publisher = self
            .publisher
            .as_mut()
            .ok_or_else(|| Failure::Fatal(String::from("this journal was opened for reading alone")))?;
        let written = write(publisher, entries);
        if written.is_err() {
            // Whatever became of it, the next load makes a fresh producer, which decides it.
            if let Err(failure) = publisher.abort() {
                tracing::debug!(%failure, "the transaction could not be aborted");
            }
        }
        written
    }
}

fn write(publisher: &mut Publisher, entries: &[Entry]) -> Result<(), Failure> {
    publisher.begin()?;
    let deadline = Instant::now() + PATIENCE;
    for entry in entries {
        let record = Outgoing {
            topic: &entry.topic,
            partition: entry.partition,
            key: Some(&entry.key),
            value: entry.value.as_deref(),
            headers: &entry.headers,
        };
        while let Err(failure) = publisher.produce(&record) {
            match failure {
                Failure::Retry(_) if Instant::now() < deadline => {}
                other => return Err(other),
            }
        }
    }
    while publisher.drain(STEP)?.is_none() {
        if Instant::now() >= deadline {
            return Err(Failure::Abort(String::from("not all records were acknowledged in time")));
        }
    }
    publisher.commit()
}

/// No journal: nothing was published, and nothing is written.
pub struct NoJournal;

impl Journal for NoJournal {
    fn load(&mut self) -> Result<Vec<Stored>, Failure> {
        Ok(Vec::new())
    }

    fn commit(&mut self, _entries: &[Entry]) -> Result<(), Failure> {
        Ok(())
    }
}
