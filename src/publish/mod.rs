//! The producing side of a lane on librdkafka: transactions, drained before they commit.
