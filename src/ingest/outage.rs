//! What a client says of its connections. Each that fails anew queues one more word, some ten a second, and a client that
//! nobody polls keeps them all: read one at a time, with a pause behind each, an outage of seconds lasts for minutes.

use crate::engine::lane::io::Failure;
use crate::telemetry::kafka::failure;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Words of lost connections during one wait: they count once, and only if nothing came behind them.
#[derive(Debug, Default)]
pub(super) struct Outage {
    last: Option<KafkaError>,
}

impl Outage {
    /// Takes an error in if it is about connections; gives any other back.
    pub(super) fn take(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        match error.rdkafka_error_code() {
            // One connection; the others go on, and it is made again.
            Some(Code::BrokerTransportFailure | Code::Resolve) => Ok(()),
            Some(Code::AllBrokersDown) => {
                self.last = Some(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Something else came.
    pub(super) fn is_over(&mut self) {
        self.last = None;
    }

    /// Nothing more came.
    pub(super) fn told(&mut self) -> Result<(), Failure> {
        self.last.take().map_or(Ok(()), |error| Err(failure(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: Code) -> KafkaError {
        KafkaError::MessageConsumption(code)
    }

    #[test]
    fn an_outage_counts_once_however_often_it_is_told() {
        let mut outage = Outage::default();
        for _ in 0..500 {
            outage.take(said(Code::AllBrokersDown)).unwrap();
            outage.take(said(Code::BrokerTransportFailure)).unwrap();
        }
        assert!(matches!(outage.told(), Err(Failure::Retry(_))));
        outage.told().unwrap();
    }

    #[test]
    fn what_comes_behind_it_ends_it_and_one_connection_is_none() {
        let mut outage = Outage::default();
        outage.take(said(Code::AllBrokersDown)).unwrap();
        outage.is_over();
        outage.told().unwrap();
        outage.take(said(Code::Resolve)).unwrap();
        outage.told().unwrap();
    }

    #[test]
    fn any_other_error_is_given_back() {
        let mut outage = Outage::default();
        assert!(outage.take(said(Code::OffsetOutOfRange)).is_err());
        assert!(outage.take(KafkaError::MessageConsumptionFatal(Code::FencedInstanceId)).is_err());
    }
}
