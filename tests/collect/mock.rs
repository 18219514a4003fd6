//! The journal on a broker inside this process. What it cannot judge (transactions) is judged in tests/kafka.

use crate::desk::{Desk, REPORTS, TOPIC, Virtual, versions};
use crate::list::{KEY, List, key};
use crate::server::Server;
use ieum::collect::{Collector, Entry, Http, KafkaJournal, MARKS_TOPIC, Scope, Summary};
use ieum::config::{Config, Sources, load};
use ieum::ingest::{Tail, TailFrom};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::time::{Duration, Instant};

fn config(bootstrap: &str) -> Config {
    let set = [format!("kafka.bootstrap={bootstrap}"), String::from("application.instance=a")];
    let (config, found) = load(&Sources { set: set.into(), ..Sources::default() });
    config.unwrap_or_else(|| panic!("{found:#?}"))
}

fn records(config: &Config, topic: &str) -> Vec<Entry> {
    let mut tail = Tail::open(&config.kafka, &[topic], TailFrom::Beginning).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut records = Vec::new();
    while !tail.has_caught_up() {
        assert!(Instant::now() < deadline, "the end of {topic} was not reached");
        let Some(record) = tail.poll(Duration::from_millis(50)).unwrap() else { continue };
        records.push(Entry {
            topic: record.at.topic,
            partition: record.at.partition,
            key: record.key.unwrap(),
            value: record.value,
            headers: record.headers,
        });
    }
    records
}

fn collect(desk: &Desk, config: &Config, server: &Server) -> Summary {
    let mut http = Http::new(&desk.source, Some(KEY.into()), Some(&server.url), None).unwrap();
    Collector {
        source: &desk.source,
        contracts: &desk.contracts,
        ask: &mut http,
        journal: &mut KafkaJournal::open(&config.kafka, &config.application.id, &desk.source.name),
        clock: &Virtual::new(),
        scope: Scope::Whole,
        dry_run: false,
        allow_removals: false,
    }
    .run(&mut |_| {})
    .unwrap()
}

#[test]
fn marks_are_read_back_from_the_broker() {
    let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
    let desk = Desk::new(10);
    for topic in desk.contracts.topics() {
        cluster.create_topic(&topic.name, topic.partitions, 1).unwrap();
    }
    let config = config(&cluster.bootstrap_servers());
    let server = Server::start(List::of(25));
    let first = collect(&desk, &config, &server);
    assert_eq!((first.new, first.delivered_through.is_some()), (25, true));
    server.change(|list| {
        list.edit(3, "달라짐", 5);
        list.remove(4);
    });
    let second = collect(&desk, &config, &server);
    assert_eq!((second.new, second.changed, second.removed, second.unchanged), (0, 1, 1, 23));
    let published = records(&config, TOPIC);
    let versions = versions(&desk.contracts, published.iter());
    assert_eq!((versions.len(), versions[&key(3)].len(), versions[&key(4)].len()), (25, 2, 2));
    let own: Vec<_> = published.iter().filter(|record| record.key.ends_with(key(3).as_bytes())).collect();
    assert!(
        own.len() == 2 && own[0].partition == own[1].partition,
        "versions of a notice lie in one partition"
    );
    assert_eq!(records(&config, REPORTS).len(), 2);
    assert!(records(&config, MARKS_TOPIC).iter().all(|mark| mark.key.starts_with(b"youthcenter/")));
}
