//! The words every other module speaks: ids, the three times, values, facts and compact events.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod diagnostic;
mod event;
mod id;
mod record;
mod time;
mod value;

pub use diagnostic::{Diagnostic, Severity, did_you_mean};
pub use event::{Event, EventKey, FactVersion, Phase};
pub use id::{EntityId, EpisodeId, PackHash, SubjectId, digest_hex};
pub use record::{
    Action, ActionKind, AreaEvent, AreaScope, Change, DayState, FactsRecord, LinkRecord, Origin, Payload,
    Reading, Signal, SourceReport,
};
pub use smol_str::SmolStr;
pub use time::{Day, EventTime, KST_OFFSET_MS, MS_PER_DAY, MS_PER_HOUR, StreamTime};
pub use value::{Decimal, Value};

#[cfg(test)]
mod tests;
