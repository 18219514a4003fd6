//! The consuming side of a lane on librdkafka.
