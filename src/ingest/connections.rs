//! What a client says of its connections. Each that fails anew queues one more word, some ten a second, and a client that
//! nobody polls keeps them all: read one at a time, with a pause behind each, seconds without a broker last for minutes.

use crate::engine::lane::io::Failure;
use crate::telemetry::kafka::failure;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Words of lost connections during one wait: they count once, and only if nothing came behind them.
#[derive(Debug, Default)]
pub(super) struct Connections {
    last: Option<KafkaError>,
}

impl Connections {
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
    fn a_broker_gone_counts_once_however_often_it_is_told() {
        let mut connections = Connections::default();
        for _ in 0..500 {
            connections.take(said(Code::AllBrokersDown)).unwrap();
            connections.take(said(Code::BrokerTransportFailure)).unwrap();
        }
        assert!(matches!(connections.told(), Err(Failure::Retry(_))));
        connections.told().unwrap();
    }

    #[test]
    fn what_comes_behind_it_ends_it_and_one_connection_is_none() {
        let mut connections = Connections::default();
        connections.take(said(Code::AllBrokersDown)).unwrap();
        connections.is_over();
        connections.told().unwrap();
        connections.take(said(Code::Resolve)).unwrap();
        connections.told().unwrap();
    }

    #[test]
    fn any_other_error_is_given_back() {
        let mut connections = Connections::default();
        assert!(connections.take(said(Code::OffsetOutOfRange)).is_err());
        assert!(connections.take(KafkaError::MessageConsumptionFatal(Code::FencedInstanceId)).is_err());
    }
}
