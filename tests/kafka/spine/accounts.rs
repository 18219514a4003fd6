//! Where each raw record went: its origin in the stage logs, or its letter.

use ieum::engine::message::{AreaMessage, ControlMessage, HouseholdMessage, SubjectMessage, decode};
use ieum::types::Origin;

/// The raw record that a record of `ieum.subjects` was made of. A record further down a trail was made by identity.
pub(crate) fn of_subject(value: &[u8]) -> Option<Origin> {
    match decode(value).expect("a record of ieum.subjects") {
        SubjectMessage::Signal { origin, trail: 0, .. }
        | SubjectMessage::Reading { origin, trail: 0, .. }
        | SubjectMessage::Link { origin, .. } => Some(origin),
        SubjectMessage::Signal { .. }
        | SubjectMessage::Reading { .. }
        | SubjectMessage::Readings { .. }
        | SubjectMessage::Forget { .. }
        | SubjectMessage::ForgetReadings { .. }
        | SubjectMessage::Tick(_)
        | SubjectMessage::Continue => None,
    }
}

/// The raw record that intake made a record of `ieum.households` of, and which copy it is of those that each partition has;
/// those of identity are accounted for in its own log.
pub(crate) fn of_household(value: &[u8], partition: i32) -> (Option<Origin>, i32) {
    match decode(value).expect("a record of ieum.households") {
        HouseholdMessage::Facts { origin, .. } | HouseholdMessage::Action { origin, .. } => (Some(origin), 0),
        HouseholdMessage::Area { origin, .. } => (Some(origin), partition),
        HouseholdMessage::Put { .. }
        | HouseholdMessage::Remove { .. }
        | HouseholdMessage::Joined { .. }
        | HouseholdMessage::Left { .. }
        | HouseholdMessage::Tick(_)
        | HouseholdMessage::Pack { .. }
        | HouseholdMessage::Continue
        | HouseholdMessage::AreaFact { .. }
        | HouseholdMessage::Merged { .. }
        | HouseholdMessage::Split { .. } => (None, 0),
    }
}

/// The raw record that intake made a record of `ieum.areas` of; what households tell is accounted for in their own log.
pub(crate) fn of_area(value: &[u8]) -> Option<Origin> {
    match decode(value).expect("a record of ieum.areas") {
        AreaMessage::Action { origin, .. } => Some(origin),
        AreaMessage::Touch { .. }
        | AreaMessage::Tick(_)
        | AreaMessage::Pack { .. }
        | AreaMessage::Continue => None,
    }
}

/// Whether a record of `ieum.control` is a source's statement, which carries no origin.
pub(crate) fn is_statement(value: &[u8]) -> bool {
    matches!(decode(value), Ok(ControlMessage::Delivered { .. }))
}
