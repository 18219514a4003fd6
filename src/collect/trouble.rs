//! What can go wrong at a source, and whether asking again may help.

use super::codes;
use std::time::Duration;

/// Something that went wrong. Its text never holds the key, nor a value of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct Trouble {
    /// Of which kind.
    pub kind: Kind,
    /// What happened, for a person.
    pub told: String,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection, no answer in time, an error of the server.
    Unreachable,
    /// The source asks for patience: too many requests, or it is not ready.
    Busy {
        /// For how long, where it says.
        retry_after: Option<Duration>,
    },
    /// The key is not accepted.
    KeyRefused,
    /// No more requests today.
    Quota,
    /// No JSON: a web page, or a body that was cut off.
    NotJson,
    /// An error inside an answer.
    Reported,
    /// The request was refused.
    Refused,
    /// Another shape than described.
    Shape,
    /// A redirect.
    Moved,
    /// Someone asked to stop.
    Interrupted,
}

impl Trouble {
    /// Of a kind.
    pub fn new(kind: Kind, told: impl Into<String>) -> Self {
        Self { kind, told: told.into() }
    }

    /// Its code, with a page at `ieum explain`.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::Unreachable | Kind::Busy { .. } => codes::UNREACHABLE,
            Kind::KeyRefused => codes::KEY_REFUSED,
            Kind::Quota => codes::QUOTA,
            Kind::NotJson => codes::NOT_JSON,
            Kind::Reported | Kind::Refused => codes::REPORTED,
            Kind::Shape => codes::SHAPE,
            Kind::Moved => codes::MOVED,
            Kind::Interrupted => codes::INTERRUPTED,
        }
    }

    /// Whether the same request may be answered a moment later. Half an answer, a maintenance page and an error that nobody
    /// has described pass; a refused key, a used-up quota and a redirect do not.
    pub fn may_pass(&self) -> bool {
        match self.kind {
            Kind::Unreachable | Kind::Busy { .. } | Kind::NotJson | Kind::Reported | Kind::Shape => true,
            Kind::KeyRefused | Kind::Quota | Kind::Refused | Kind::Moved | Kind::Interrupted => false,
        }
    }
}
