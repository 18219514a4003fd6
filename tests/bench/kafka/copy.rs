//! The physical limit beside which a stage is laid: bare rdkafka copies each record of one topic to another, exactly
//! once, a transaction every 100 ms. It runs in a process of its own, so that its CPU is told with librdkafka's threads.

use ieum::config::KafkaConfig;
use ieum::engine::lane::io::Outgoing;
use ieum::publish::Plain;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};
use std::process::Command;
use std::time::{Duration, Instant};

const FROM: &str = "bench.copy.from";
const TO: &str = "bench.copy.to";
const PARTITIONS: i32 = 4;
const COMMIT: Duration = Duration::from_millis(100);
const WAIT: Duration = Duration::from_secs(30);
/// The first argument of this program when it is the copier.
pub(crate) const COPIER: &str = "copier";

/// Records a second of CPU, and of the clock, of a copy of so many records of the size of an event of the households log.
pub(crate) fn measure(kafka: &KafkaConfig, records: u64, bytes: usize) -> Result<(f64, f64), String> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().map_err(|e| e.to_string())?;
    let topics = [FROM, TO].map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let made =
        runtime.block_on(admin.create_topics(&topics, &AdminOptions::new())).map_err(|e| e.to_string())?;
    for made in made {
        made.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    let mut producer = Plain::open(kafka).map_err(|e| e.to_string())?;
    for number in 0..records {
        let key = format!("household-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut value = vec![0x5a; bytes];
        value[..8].copy_from_slice(&number.to_be_bytes());
        let partition = i32::try_from(number % PARTITIONS.unsigned_abs() as u64).unwrap_or(0);
        let (key, value) = (Some(key.as_bytes()), Some(value.as_slice()));
        producer
            .send(&Outgoing { topic: FROM, partition, key, value, headers: &[] })
            .map_err(|e| e.to_string())?;
        if number % 100_000 == 99_999 {
            producer.flush(WAIT).map_err(|e| e.to_string())?;
        }
    }
    producer.flush(WAIT).map_err(|e| e.to_string())?;
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let answer = Command::new(program)
        .args([COPIER, &kafka.bootstrap, &records.to_string()])
        .output()
        .map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let mut numbers = text.split_whitespace().filter_map(|n| n.parse::<f64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(cpu), Some(wall)) => Ok((records as f64 / cpu, records as f64 / wall)),
        _ => Err(format!("the copier said {text:?} {}", String::from_utf8_lossy(&answer.stderr))),
    }
}

/// The copier itself; prints its seconds of CPU and of the clock.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let [_, bootstrap, records] = args else { return Err(String::from("copier BOOTSTRAP RECORDS")) };
    let records: u64 = records.parse().map_err(|_| String::from("copier needs a number"))?;
    copy(bootstrap, records).map_err(|error| error.to_string())
}

fn copy(bootstrap: &str, records: u64) -> rdkafka::error::KafkaResult<()> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", bootstrap);
    let consumer: BaseConsumer = client
        .clone()
        .set("group.id", "bench-copy")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .create()?;
    let producer: BaseProducer = client
        .set("transactional.id", "bench-copy")
        .set("linger.ms", "2")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "500000")
        .create()?;
    let mut from = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        from.add_partition_offset(FROM, partition, Offset::Beginning)?;
    }
    consumer.assign(&from)?;
    producer.init_transactions(WAIT)?;
    let (mut copied, began) = (0, Instant::now());
    while copied < records {
        producer.begin_transaction()?;
        let (opened, mut next) = (Instant::now(), [0_i64; PARTITIONS as usize]);
        while copied < records && opened.elapsed() < COMMIT {
            let Some(message) = consumer.poll(Duration::from_millis(5)) else { continue };
            let message = message?;
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(TO).partition(message.partition());
            (record.key, record.payload) = (message.key(), message.payload());
            while let Err((_, back)) = producer.send(record) {
                producer.poll(Duration::from_millis(1));
                record = back;
            }
            next[usize::try_from(message.partition()).unwrap_or(0)] = message.offset() + 1;
            copied += 1;
            if copied % 256 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        while producer.in_flight_count() > 0 {
            producer.poll(Duration::from_micros(200));
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in (0..).zip(next).filter(|(_, offset)| *offset > 0) {
            offsets.add_partition_offset(FROM, partition, Offset::Offset(offset))?;
        }
        if let Some(group) = consumer.group_metadata() {
            producer.send_offsets_to_transaction(&offsets, &group, WAIT)?;
        }
        producer.commit_transaction(WAIT)?;
    }
    println!("{} {}", own_cpu(), began.elapsed().as_secs_f64());
    Ok(())
}

fn own_cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ns = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    ns.sum::<f64>() / 1e9
}
