//! The thread of a trace through the stages: what is carried from a record to all that it causes.

use crate::types::SmolStr;

/// W3C trace context, as producers send it.
pub(super) const TRACEPARENT: &str = "traceparent";

/// Longest value that is carried: version 00 has 55 bytes. What a producer sends is copied into every record that it causes.
const CARRIED_BYTES: usize = 64;

/// The headers that a record hands on. Others are the producer's own and end here.
pub(super) fn carried(headers: &[(SmolStr, Vec<u8>)]) -> Vec<(SmolStr, Vec<u8>)> {
    let found = headers.iter().find(|(name, _)| name == TRACEPARENT);
    found.filter(|(_, value)| value.len() <= CARRIED_BYTES).cloned().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_carried_and_nothing_that_only_bears_its_name() {
        let header = |name: &str, bytes: usize| (SmolStr::new(name), vec![b'0'; bytes]);
        let good = header(TRACEPARENT, 55);
        assert_eq!(carried(&[header("other", 1), good.clone()]), [good]);
        assert_eq!(carried(&[header(TRACEPARENT, 1 << 20)]), []);
    }
}
