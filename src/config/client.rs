//! librdkafka's configuration from ours. What exactly-once rests on is set here and cannot be passed through.

use super::KafkaConfig;
use crate::contracts::RAW_MESSAGE_BYTES;
use rdkafka::ClientConfig;

/// Keys of librdkafka that ieum sets itself, with the reason or its own key.
pub const OWNED: &[(&str, &str)] = &[
    ("acks", "exactly-once needs all replicas"),
    ("allow.auto.create.topics", "topics are made by \"ieum topics apply\""),
    ("auto.offset.reset", "a lost position must stop the lane"),
    ("bootstrap.servers", "use \"kafka.bootstrap\""),
    ("metadata.broker.list", "use \"kafka.bootstrap\""),
    ("client.id", "use \"application.instance\""),
    ("enable.auto.commit", "offsets are committed with the outputs"),
    ("enable.auto.offset.store", "offsets are committed with the outputs"),
    ("enable.idempotence", "exactly-once needs it"),
    ("enable.partition.eof", "time rests on it"),
    ("group.id", "use \"application.id\""),
    ("group.instance.id", "use \"application.instance\""),
    ("group.protocol", "lanes speak the classic protocol"),
    ("isolation.level", "exactly-once needs read_committed"),
    ("max.in.flight", "order needs it"),
    ("max.in.flight.requests.per.connection", "order needs it"),
    ("max.poll.interval.ms", "a lane polls all the time, a restore included"),
    ("message.max.bytes", "sizes of inputs and letters are matched to each other"),
    ("partition.assignment.strategy", "lanes answer cooperative rebalances"),
    ("queue.buffering.max.kbytes", "use \"memory.mib\""),
    ("queued.max.messages.kbytes", "use \"memory.mib\""),
    ("sasl.mechanism", "use \"kafka.sasl_mechanism\""),
    ("sasl.mechanisms", "use \"kafka.sasl_mechanism\""),
    ("sasl.password", "use \"kafka.password_file\""),
    ("sasl.username", "use \"kafka.username\""),
    ("security.protocol", "use \"kafka.security\""),
    ("session.timeout.ms", "use \"kafka.session_timeout_ms\""),
    ("ssl.ca.location", "use \"kafka.ca_file\""),
    ("ssl.certificate.location", "use \"kafka.certificate_file\""),
    ("ssl.key.location", "use \"kafka.key_file\""),
    ("statistics.interval.ms", "nobody would take the statistics, and they would pile up"),
    ("transaction.timeout.ms", "use \"kafka.transaction_timeout_ms\""),
    ("transactional.id", "use \"application.instance\""),
];

/// The largest record: the largest raw one, what a dead letter adds (64 KiB), and the protocol's own bytes.
const MESSAGE_MAX_BYTES: u64 = RAW_MESSAGE_BYTES.unsigned_abs() as u64 + 128 * 1024;
/// What an answer to a fetch may hold beside records: places and aborted transactions of all its partitions. Seen on Kafka
/// 4.3.1: 2,385 bytes more than `fetch.max.bytes` where sixty partitions had a backlog; a client that does not take them
/// asks for the same for ever.
const FETCH_FRAME_BYTES: u64 = 4 << 20;
/// Least bytes of one fetch. A first record beyond it comes all the same.
const FETCH_BYTES: u64 = 1 << 20;
/// Least bound of an answer. librdkafka unpacks a zstd batch into no more than this bound, and one that it cannot unpack
/// holds its partition up for ever; this is the default that it comes with. A bound, not memory that is set aside.
const RECEIVE_BYTES: u64 = 100_000_000;
/// Most bytes of one fetch: librdkafka counts some of its sizes in 31 bits.
const MOST_FETCH_BYTES: u64 = 256 << 20;
/// Memory that a record takes in librdkafka's queue, as a multiple of its bytes: it counts 100 bytes of a record, keeps about
/// 700 beside them, and what was fetched before it was unpacked.
const QUEUED_WEIGHT: u64 = 8;
/// No more is fetched ahead while so many records wait: a commit's worth.
const QUEUED_RECORDS: u64 = 20_000;
/// An end of a partition shows at most so late: ticks wait for it.
const FETCH_WAIT_MS: u64 = 50;

impl KafkaConfig {
    /// What every client needs.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        // What a person passes through comes first: ieum's own keys win.
        for (key, value) in &self.librdkafka {
            client.set(key, value);
        }
        client
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", &self.client_id)
            .set("allow.auto.create.topics", "false")
            .set("security.protocol", self.protocol());
        if let Some(file) = &self.security.ca_file {
            client.set("ssl.ca.location", file.to_string_lossy());
        }
        if let Some((certificate, key)) = &self.security.certificate {
            client.set("ssl.certificate.location", certificate.to_string_lossy());
            client.set("ssl.key.location", key.to_string_lossy());
        }
        if let Some(sasl) = &self.security.sasl {
            client
                .set("sasl.mechanism", &sasl.mechanism)
                .set("sasl.username", &sasl.username)
                .set("sasl.password", &sasl.password);
        }
        client
    }

    /// A read-committed consumer that commits nothing by itself. What waits in it takes about `queue_bytes` of memory.
    pub fn consumer(&self, queue_bytes: u64) -> ClientConfig {
        let mut client = self.client();
        let record_bytes = (queue_bytes / QUEUED_WEIGHT).min(MOST_FETCH_BYTES);
        let queue_kbytes = (record_bytes / 1024).max(1);
        let partition_bytes = (record_bytes / 4).clamp(64 * 1024, 1024 * 1024);
        self.unless_passed(&mut client, "fetch.wait.max.ms", FETCH_WAIT_MS);
        self.unless_passed(&mut client, "fetch.message.max.bytes", partition_bytes);
        self.unless_passed(&mut client, "fetch.max.bytes", record_bytes.max(FETCH_BYTES));
        self.unless_passed(&mut client, "queued.min.messages", QUEUED_RECORDS);
        self.unless_passed(
            &mut client,
            "receive.message.max.bytes",
            RECEIVE_BYTES.max(MESSAGE_MAX_BYTES.max(record_bytes) + FETCH_FRAME_BYTES),
        );
        client
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            .set("queued.max.messages.kbytes", queue_kbytes.to_string());
        self.unless_passed(
            &mut client,
            "heartbeat.interval.ms",
            (self.session_timeout_ms / 4).clamp(200, 3_000),
        );
        client
    }

    /// An idempotent producer.
    pub fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        self.unless_passed(&mut client, "linger.ms", 2);
        self.unless_passed(&mut client, "compression.type", "lz4");
        self.unless_passed(&mut client, "batch.num.messages", 10_000);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.max.bytes", MESSAGE_MAX_BYTES.to_string())
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", (self.producer_bytes / 1024).max(1024).to_string());
        client
    }

    fn unless_passed(&self, client: &mut ClientConfig, key: &str, value: impl ToString) {
        if !self.librdkafka.contains_key(key) {
            client.set(key, value.to_string());
        }
    }

    fn protocol(&self) -> &'static str {
        match (self.security.sasl.is_some(), self.security.tls) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }
}
