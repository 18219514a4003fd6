//! librdkafka's errors as the failures of a protocol step, and its log lines as events.

use crate::engine::lane::io::Failure;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What an error of any call but those of a transaction means to a lane.
pub fn failure(error: &KafkaError) -> Failure {
    match error {
        KafkaError::Transaction(inner) => {
            let told = format!("{} ({})", inner.string(), inner.name());
            match inner.code() {
                Code::FencedInstanceId => Failure::Displaced(told),
                code if is_fencing(code) => Failure::Fenced(told),
                _ if inner.txn_requires_abort() => Failure::Abort(told),
                _ if inner.is_retriable() => Failure::Retry(told),
                // This producer never works again; a fresh one finds out what became of its transaction.
                code if inner.is_fatal() => if_hopeless(code, told, Failure::Indefinite),
                code => if_hopeless(code, told, Failure::Abort),
            }
        }
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            Failure::Fatal(error.to_string())
        }
        _ => match error.rdkafka_error_code() {
            Some(Code::FencedInstanceId) => Failure::Displaced(error.to_string()),
            Some(code) if is_fencing(code) => Failure::Fenced(error.to_string()),
            Some(Code::Fatal) => Failure::Fatal(error.to_string()),
            Some(code) => if_hopeless(code, error.to_string(), Failure::Retry),
            None => Failure::Retry(error.to_string()),
        },
    }
}

fn if_hopeless(code: Code, told: String, otherwise: fn(String) -> Failure) -> Failure {
    if is_hopeless(code) { Failure::Fatal(told) } else { otherwise(told) }
}

/// Another producer took over the transactional id.
pub fn is_fencing(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

/// No retry can mend it.
pub fn is_hopeless(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::MessageSizeTooLarge
            | Code::InvalidRecord
            | Code::PolicyViolation
            | Code::InvalidTransactionTimeout
            | Code::UnsupportedFeature
            | Code::AutoOffsetReset
            | Code::OffsetOutOfRange
    )
}

/// One of librdkafka's own log lines.
pub fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(target: "ieum::kafka", facility, "{line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "ieum::kafka", facility, "{line}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "ieum::kafka", facility, "{line}"),
    }
}

/// An error that no call answers for: a broker that went away, mostly.
pub fn error(error: &KafkaError, reason: &str) {
    // The end of a partition passes here too, on its way to the one who polls.
    if error.rdkafka_error_code() == Some(Code::PartitionEOF) {
        return;
    }
    tracing::warn!(target: "ieum::kafka", %error, "{reason}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_failure_that_a_lane_can_answer() {
        for (error, expected) in [
            (KafkaError::MetadataFetch(Code::OperationTimedOut), "retry"),
            (KafkaError::MessageConsumption(Code::AllBrokersDown), "retry"),
            (KafkaError::MessageConsumption(Code::AutoOffsetReset), "fatal"),
            (KafkaError::MessageConsumption(Code::TopicAuthorizationFailed), "fatal"),
            (KafkaError::MessageConsumptionFatal(Code::FencedInstanceId), "displaced"),
            (KafkaError::MessageProduction(Code::ProducerFenced), "fenced"),
            (KafkaError::MessageProduction(Code::MessageSizeTooLarge), "fatal"),
            (KafkaError::MessageProduction(Code::QueueFull), "retry"),
        ] {
            let got = match failure(&error) {
                Failure::Retry(_) => "retry",
                Failure::Abort(_) => "abort",
                Failure::Indefinite(_) => "indefinite",
                Failure::Displaced(_) => "displaced",
                Failure::Fenced(_) => "fenced",
                Failure::Fatal(_) => "fatal",
            };
            assert_eq!(got, expected, "{error}");
        }
    }
}
