//! Whose state a task keeps. Rules, episodes and their life are the same for households and for areas; where they read from,
//! and what they count, is not.

use crate::engine::effect::Input;
use crate::engine::layout::{AREAS_LOG, HOUSEHOLDS_LOG};
use crate::engine::message::{AreaMessage, HouseholdMessage, MessageError, TouchedDay, decode, encode};
use crate::types::{EntityId, Origin, SmolStr};

/// Which of the two stages a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Role {
    /// An entity is a household: its events are its own.
    Households,
    /// An entity is an area: its events are those of its households, by day.
    Areas,
}

/// A record of either log.
pub(super) enum Message {
    /// What both can be told.
    Shared(HouseholdMessage),
    /// What a household tells its area.
    Touch(Touched),
}

/// What a household told its area.
pub(super) struct Touched {
    pub(super) origin: Origin,
    pub(super) household: EntityId,
    pub(super) place: Vec<(SmolStr, SmolStr)>,
    pub(super) days: Vec<TouchedDay>,
}

impl Message {
    /// A kind that a later stage will send.
    pub(super) fn is_reserved(&self) -> bool {
        use HouseholdMessage::{AreaFact, Merged, Split};
        matches!(self, Self::Shared(AreaFact { .. } | Merged { .. } | Split { .. }))
    }

    /// It is about the entity that its key names.
    pub(super) fn is_of_an_entity(&self) -> bool {
        use HouseholdMessage::{Action, Facts, Joined, Left, Put, Remove};
        match self {
            Self::Touch(_) => true,
            Self::Shared(message) => matches!(
                message,
                Put { .. } | Remove { .. } | Joined { .. } | Left { .. } | Facts { .. } | Action { .. }
            ),
        }
    }

    /// The raw record behind it, or its own place where there is none.
    pub(super) fn origin(&self, input: &Input<'_>) -> Origin {
        match self {
            Self::Touch(Touched { origin, .. })
            | Self::Shared(
                HouseholdMessage::Put { origin, .. }
                | HouseholdMessage::Remove { origin, .. }
                | HouseholdMessage::Facts { origin, .. }
                | HouseholdMessage::Action { origin, .. }
                | HouseholdMessage::Area { origin, .. },
            ) => origin.clone(),
            Self::Shared(_) => {
                Origin { topic: SmolStr::new(input.topic), partition: input.partition, offset: input.offset }
            }
        }
    }
}

impl Role {
    /// Name of the stage.
    pub(super) fn stage(self) -> &'static str {
        match self {
            Self::Households => super::Households::NAME,
            Self::Areas => crate::engine::areas::NAME,
        }
    }

    /// Its changelog topic.
    pub(super) fn changelog(self) -> &'static str {
        match self {
            Self::Households => super::Households::CHANGELOG,
            Self::Areas => crate::engine::areas::CHANGELOG,
        }
    }

    /// The log that it reads.
    pub(super) fn log(self) -> &'static str {
        match self {
            Self::Households => HOUSEHOLDS_LOG,
            Self::Areas => AREAS_LOG,
        }
    }

    /// Reads a record of its log.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Message, MessageError> {
        if self == Self::Households {
            return Ok(Message::Shared(decode(bytes)?));
        }
        Ok(Message::Shared(match decode(bytes)? {
            AreaMessage::Touch { origin, household, place, days } => {
                return Ok(Message::Touch(Touched { origin, household, place, days }));
            }
            AreaMessage::Action { origin, action } => HouseholdMessage::Action { origin, action },
            AreaMessage::Tick(tick) => HouseholdMessage::Tick(tick),
            AreaMessage::Pack { hash } => HouseholdMessage::Pack { hash },
            AreaMessage::Continue => HouseholdMessage::Continue,
        }))
    }

    /// A record that says nothing.
    pub(super) fn continues(self) -> Vec<u8> {
        match self {
            Self::Households => encode(&HouseholdMessage::Continue),
            Self::Areas => encode(&AreaMessage::Continue),
        }
    }

    /// The kind of an entity that is an area.
    pub(super) fn area(self, entity: &EntityId) -> Option<SmolStr> {
        match self {
            Self::Households => None,
            Self::Areas => entity.area().map(|(kind, _)| SmolStr::new(kind)),
        }
    }
}
