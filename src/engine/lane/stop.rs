//! Why a lane stopped: a code with an `explain` page, and whether a fresh start can mend it.

use super::io::Failure;

/// A lane ended. Nothing of its open transaction will ever be visible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {detail}")]
pub struct LaneStop {
    /// Code with an `explain` page ([`LANE_CODES`]).
    pub code: &'static str,
    /// What the supervisor does.
    pub then: Then,
    /// What happened.
    pub detail: String,
}

/// What the supervisor does after a lane stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Make the lane anew, with a fresh consumer and producer.
    Restart,
    /// End the process with a non-zero code: a person must act.
    Exit,
}

/// Committed offset and changelog disagree.
pub const OFFSETS_DISAGREE: &str = "IEUM-L001";
/// The changelog has a gap or a torn transaction.
pub const CHANGELOG_TORN: &str = "IEUM-L002";
/// Another process runs under the same instance name.
pub const FENCED: &str = "IEUM-L003";
/// The outcome of a transaction could not be told.
pub const OUTCOME_UNKNOWN: &str = "IEUM-L004";
/// The broker refused what a lane cannot do without.
pub const BROKER_REFUSED: &str = "IEUM-L005";
/// The local store cannot be used.
pub const STORE_UNUSABLE: &str = "IEUM-L006";
/// The changelog holds what this binary cannot read.
pub const CHANGELOG_UNREADABLE: &str = "IEUM-L007";
/// The local store turned out corrupt while running.
pub const STORE_CORRUPT: &str = "IEUM-L008";
/// A task panicked while handling a record; the record became a letter.
pub const PANICKED: &str = "IEUM-L009";
/// The record's entity was parked by an earlier defect; the record became a letter.
pub const PARKED: &str = "IEUM-L010";
/// Handling the record would write more than a topic takes; the record became a letter.
pub const TOO_LARGE: &str = "IEUM-L011";
/// The group gave the lane's member name to another consumer.
pub const DISPLACED: &str = "IEUM-L012";
/// What was to be said because of the record does not fit its topic's contract; the record became a letter.
pub const UNFIT: &str = "IEUM-L013";
/// A timer or a job's step of another entity failed while a record was handled; that entity is parked.
pub const UNIT_FAILED: &str = "IEUM-L014";

/// Every code of this module: code, title, explanation for `ieum explain`.
pub const LANE_CODES: &[(&str, &str, &str)] = &[
    (
        OFFSETS_DISAGREE,
        "committed offset and changelog disagree",
        "The group's committed input offset is not the one that the last marker of the task's changelog names. Both are \
         written in one transaction, so one of the two topics was changed behind ieum's back: offsets were reset, the \
         changelog was deleted or truncated, or a backup of one of them was restored.\n\nThe task handles nothing until \
         they agree. To go back to the changelog's state, set the group's offset to the one named in the message \
         (kafka-consumer-groups --reset-offsets --to-offset, with every member stopped). To build the state anew from \
         the log, delete the changelog topic and the group's offsets together and start again: retained input is \
         replayed from its beginning, and alerts that were already sent are sent again with the same ids.",
    ),
    (
        CHANGELOG_TORN,
        "changelog is not contiguous",
        "A marker of the changelog does not continue the one before it, or records stand behind the last marker. Each \
         transaction writes its records and then one marker with their number, so part of a transaction became visible \
         without the rest: the trace of a commit request that reached the broker late and hit a later transaction, of \
         an unclean leader election, or of a second writer.\n\nThe task handles nothing. Compare the outputs after the \
         offset named in the message with the input, then rebuild the state from the stage log: delete the changelog \
         and the group's offsets together.",
    ),
    (
        FENCED,
        "another process runs under this instance name",
        "Another producer with the same transactional.id took over, and no rebalance explains it. Two processes were \
         started with the same instance name.\n\nThis one has stopped; nothing of its open transaction is visible. Give \
         each process its own `instance` and start again.",
    ),
    (
        OUTCOME_UNKNOWN,
        "outcome of a transaction could not be told",
        "A commit was not answered, and the group's offsets afterwards are neither those before it nor those after it: \
         another member has taken the partitions over meanwhile. The lane starts anew and takes its state from the \
         changelog. Nothing is lost or done twice.",
    ),
    (
        BROKER_REFUSED,
        "the broker refused what a lane cannot do without",
        "The broker answered with an error that no retry can mend: a topic is missing, access is not granted, a record \
         is larger than the topic allows, or the group's position is older than what the topic still holds.\n\nThe \
         message says which. `ieum topics plan` shows which topics differ from their contracts.",
    ),
    (
        STORE_UNUSABLE,
        "local store cannot be used",
        "The directory of a task's local store cannot be opened or written: the disk is full, the process may not \
         write there, or another process has it open. Nothing is lost: the changelog in Kafka is the truth, the store a \
         cache of it.\n\nFree space, end the other process (two instances on one machine need a `state.dir` each), or set \
         `state.dir` to another place, then start again.",
    ),
    (
        CHANGELOG_UNREADABLE,
        "changelog holds what this binary cannot read",
        "A record of the task's changelog has a newer format, a key that is not loaded, or does not decode. A newer \
         version of ieum has written it, or something else writes to the topic.\n\nStart the version that wrote it.",
    ),
    (
        STORE_CORRUPT,
        "local store turned out corrupt",
        "The local store of a task failed a read. It is wiped and restored from the changelog by itself. If it happens \
         again, look at the disk.",
    ),
    (
        PANICKED,
        "a task panicked while handling a record",
        "A defect in ieum: the task met a state that it holds to be impossible. The record is in `dead-letters` with its \
         bytes, and the entity that it belongs to is parked: its later records go to `dead-letters` too, so that nothing \
         is decided on half of what is known. All other entities go on.\n\nReport it with the letter. After the repair, \
         take the entity back with `ieum state unpark`, then send the records of its letters again: a letter holds topic, \
         key and bytes.",
    ),
    (
        PARKED,
        "the record's entity is parked",
        "The task failed at this entity before: the first letter of it says how (IEUM-L009, IEUM-L011, IEUM-L013 or \
         IEUM-L014). Until an operator acts, its records are kept in `dead-letters`, in order, to be sent again.",
    ),
    (
        TOO_LARGE,
        "the record would write more than a topic takes",
        "What the task made of this record, an output or the state of its entity, is larger than the largest record that \
         every topic takes. The record is in `dead-letters`, and its entity is parked like after a panic \
         (IEUM-L009), for its state no longer holds all that was said of it. All other entities go on.\n\nLook for a \
         source that floods one entity. To go on, correct its records at the \
         source, take the entity back with `ieum state unpark`, and send the records of its letters again.",
    ),
    (
        DISPLACED,
        "the group knows another consumer by this lane's name",
        "The group coordinator gave the lane's static member name to another consumer, while the lane's producer is still \
         the newest of its name: so that consumer is no other process, but a request of this one, made again after its \
         broker went away before it could answer. The lane drops its consumer and joins anew by itself; nothing is lost \
         or done twice.\n\nA second process under the same name is told by IEUM-L003.",
    ),
    (
        UNFIT,
        "an output does not fit its topic's contract",
        "What the task was to say because of this record has no place in the contract of its topic: the rules and the \
         contracts in force do not go together, or it is a defect in ieum. The letter names the field. Nothing of the \
         record was kept, and its entity is parked like after a panic (IEUM-L009). All other entities go on.\n\nRun `ieum \
         check` on the topics and rules that are deployed. After the repair, take the entity back with `ieum state \
         unpark`, then send the records of its letters again.",
    ),
    (
        UNIT_FAILED,
        "a timer or a job's step of an entity failed",
        "Every record advances what is due by time and the jobs of its task (a new rule pack, an event of an area), for any entity. \
         Here such a step of one entity panicked, or made more than a topic takes, or what its contract does not \
         take. That entity is parked (the letter's key): nothing more is decided of it and its records go to `dead-letters`. \
         The record at which it happened (the letter's topic, partition and offset) was handled as if the step did not \
         exist, and all other entities go on; this letter holds no bytes, for there is nothing to send again.\n\nReport it \
         with the letter. After the repair, take the entity back with `ieum state unpark`: what is due of it happens then, \
         and the pack in force decides it anew. Then send the records of its later letters (IEUM-L010) again.",
    ),
];

/// What a letter says of a record that its own entity's defect kept from being handled.
pub(crate) fn letter_text(code: &str) -> &'static str {
    match code {
        PANICKED => "the task panicked while handling this record",
        TOO_LARGE => "what the task made of this record is larger than a topic takes",
        UNFIT => "what the task was to say because of this record does not fit its contract",
        _ => "an earlier defect parked this entity",
    }
}

/// What a letter says of an entity whose timer or job step failed, by the code of the same defect in a record.
pub(crate) fn unit_text(code: &str) -> &'static str {
    match code {
        TOO_LARGE => "what a timer or a job's step of this entity made is larger than a topic takes",
        UNFIT => "what a timer or a job's step of this entity was to say does not fit its contract",
        _ => "a timer or a job's step of this entity panicked",
    }
}

impl LaneStop {
    /// A stop after which a person must act.
    pub(super) fn exit(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, then: Then::Exit, detail: detail.into() }
    }

    /// A stop that a fresh start mends.
    pub(super) fn restart(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, then: Then::Restart, detail: detail.into() }
    }
}

/// Why an advance ended early: wait and make it again, or stop.
#[derive(Debug)]
pub(super) enum Halt {
    /// Failed at this step, and may pass.
    Wait(&'static str, String),
    /// Another consumer bears this member's name; at this step it was learned.
    Displaced(&'static str, String),
    /// The lane ends.
    Stop(LaneStop),
}

impl From<LaneStop> for Halt {
    fn from(stop: LaneStop) -> Self {
        Self::Stop(stop)
    }
}

/// How a failure outside a transaction is answered: what may pass is made again, the rest ends the lane.
pub(super) fn outside(step: &'static str, failure: Failure) -> Halt {
    match failure {
        Failure::Retry(detail) | Failure::Abort(detail) | Failure::Indefinite(detail) => {
            Halt::Wait(step, detail)
        }
        Failure::Displaced(detail) => Halt::Displaced(step, detail),
        Failure::Fenced(detail) => LaneStop::exit(FENCED, format!("at {step}: {detail}")).into(),
        Failure::Fatal(detail) => LaneStop::exit(BROKER_REFUSED, format!("at {step}: {detail}")).into(),
    }
}
