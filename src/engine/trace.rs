//! The thread of a trace through the stages: what is carried from a record to all that it causes.

use crate::types::SmolStr;

/// W3C trace context, as producers send it.
pub(super) const TRACEPARENT: &str = "traceparent";

/// The headers that a record hands on. Others are the producer's own and end here.
pub(super) fn carried(headers: &[(SmolStr, Vec<u8>)]) -> Vec<(SmolStr, Vec<u8>)> {
    headers.iter().find(|(name, _)| name == TRACEPARENT).cloned().into_iter().collect()
}
