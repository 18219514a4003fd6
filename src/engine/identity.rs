//! The identity stage: de-duplicates, resolves subjects to households, moves events with the person.

use serde::{Deserialize, Serialize};

/// What is known of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectHead {}
/// Events of a subject in one year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectPage {}
/// A bodiless change that waits for its original.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {}
