//! Topics as the contracts want them: what differs on the cluster, and making it so.

use crate::config::KafkaConfig;
use crate::contracts::{Contracts, Topic};
use crate::engine::lane::io::Failure;
use crate::ingest::Ends;
use crate::telemetry::kafka::failure;
use crate::types::SmolStr;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One difference between a contract and the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The topic is missing.
    Missing {
        /// Which.
        topic: SmolStr,
        /// Partitions it gets.
        partitions: i32,
        /// Settings it gets.
        settings: BTreeMap<&'static str, String>,
    },
    /// A setting has another value.
    Setting {
        /// Which topic.
        topic: SmolStr,
        /// Which setting.
        name: &'static str,
        /// What the cluster has.
        found: Option<String>,
        /// What the contract wants.
        wanted: String,
    },
    /// The number of partitions differs. Never applied: where records of a key lie depends on it.
    Partitions {
        /// Which topic.
        topic: SmolStr,
        /// What the cluster has.
        found: i32,
        /// What the contract wants.
        wanted: i32,
    },
}

impl Difference {
    /// Whether [`Admin::apply`] mends it.
    pub fn is_applicable(&self) -> bool {
        !matches!(self, Self::Partitions { .. })
    }
}

/// The administrator of a cluster's topics.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    ends: Ends,
    executor: tokio::runtime::Runtime,
}

/// The setting that says whose time stamps a topic's records carry.
pub const TIME_STAMPS: &str = "message.timestamp.type";

const CALL: Duration = Duration::from_secs(30);

impl Admin {
    /// Connects when first used.
    pub fn open(kafka: &KafkaConfig) -> Result<Self, Failure> {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Fatal(error.to_string()))?;
        Ok(Self {
            client: kafka.client().create().map_err(|error| failure(&error))?,
            ends: Ends::open(kafka)?,
            executor,
        })
    }

    /// What differs, by topic.
    pub fn plan(&self, contracts: &Contracts) -> Result<Vec<Difference>, Failure> {
        let there: BTreeMap<String, i32> = self.ends.partitions()?.into_iter().collect();
        let mut differences = Vec::new();
        for topic in contracts.topics() {
            let (name, wanted) = (topic.name.clone(), topic.partitions);
            match there.get(name.as_str()) {
                None => differences.push(Difference::Missing {
                    topic: name,
                    partitions: wanted,
                    settings: settings(topic),
                }),
                Some(found) => {
                    if *found != wanted {
                        differences.push(Difference::Partitions { topic: name, found: *found, wanted });
                    }
                    differences.extend(self.settings_that_differ(topic)?);
                }
            }
        }
        Ok(differences)
    }

    /// Topics of the contracts whose records do not carry the broker's time, with what the cluster has instead.
    pub fn time_stamps(&self, contracts: &Contracts) -> Result<Vec<(SmolStr, String)>, Failure> {
        let mut wrong = Vec::new();
        for topic in contracts.topics() {
            let Some(wanted) = settings(topic).remove(TIME_STAMPS) else { continue };
            let found =
                self.described(&topic.name)?.remove(TIME_STAMPS).map_or_else(String::new, |(value, _)| value);
            if found != wanted {
                wrong.push((topic.name.clone(), found));
            }
        }
        Ok(wrong)
    }

    /// Makes what is missing and sets what differs. `replication` of 0 or less leaves it to the broker's default.
    pub fn apply(&self, differences: &[Difference], replication: i32) -> Result<(), Failure> {
        let mut changed: BTreeMap<&SmolStr, Vec<(&'static str, &str)>> = BTreeMap::new();
        for difference in differences {
            match difference {
                Difference::Missing { topic, partitions, settings } => {
                    self.create(topic, *partitions, settings, replication)?;
                }
                Difference::Setting { topic, name, wanted, .. } => {
                    changed.entry(topic).or_default().push((name, wanted));
                }
                Difference::Partitions { .. } => {}
            }
        }
        for (topic, settings) in changed {
            self.set(topic, &settings)?;
        }
        self.until_seen(differences)
    }

    /// A topic is made before every broker tells of it: whoever starts next must find them all.
    fn until_seen(&self, differences: &[Difference]) -> Result<(), Failure> {
        let deadline = Instant::now() + CALL;
        loop {
            let there: BTreeSet<String> = self.ends.partitions()?.into_iter().map(|(name, _)| name).collect();
            let unseen = differences.iter().find_map(|difference| match difference {
                Difference::Missing { topic, .. } if !there.contains(topic.as_str()) => Some(topic),
                _ => None,
            });
            match unseen {
                None => return Ok(()),
                Some(topic) if Instant::now() >= deadline => {
                    return Err(Failure::Retry(format!("{topic} has been created and is not seen yet")));
                }
                Some(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn create(
        &self,
        topic: &str,
        partitions: i32,
        settings: &BTreeMap<&'static str, String>,
        replication: i32,
    ) -> Result<(), Failure> {
        let replicas = if replication > 0 { replication } else { -1 };
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let made = self
            .executor
            .block_on(self.client.create_topics([&new], &options()))
            .map_err(|error| failure(&error))?;
        refused(made.into_iter().filter_map(Result::err))
    }

    /// The broker replaces all settings of a topic at once, so those that others have set go along.
    fn set(&self, topic: &str, settings: &[(&'static str, &str)]) -> Result<(), Failure> {
        let mut all = self.dynamic_settings(topic)?;
        for (name, value) in settings {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in &all {
            alter = alter.set(name, value);
        }
        let altered = self
            .executor
            .block_on(self.client.alter_configs([&alter], &options()))
            .map_err(|error| failure(&error))?;
        refused(altered.into_iter().filter_map(Result::err).map(|(_, code)| (topic.to_owned(), code)))
    }

    fn settings_that_differ(&self, topic: &Topic) -> Result<Vec<Difference>, Failure> {
        let found = self.described(&topic.name)?;
        Ok(settings(topic)
            .into_iter()
            .filter_map(|(name, wanted)| {
                let found = found.get(name).map(|(value, _)| value.clone());
                let differs = found.as_deref() != Some(wanted.as_str());
                differs.then(|| Difference::Setting { topic: topic.name.clone(), name, found, wanted })
            })
            .collect())
    }

    fn dynamic_settings(&self, topic: &str) -> Result<BTreeMap<String, String>, Failure> {
        let described = self.described(topic)?.into_iter();
        Ok(described.filter(|(_, (_, is_own))| *is_own).map(|(name, (value, _))| (name, value)).collect())
    }

    /// Settings by name: value, and whether it was set on the topic itself.
    fn described(&self, topic: &str) -> Result<BTreeMap<String, (String, bool)>, Failure> {
        let described = self
            .executor
            .block_on(self.client.describe_configs([&ResourceSpecifier::Topic(topic)], &options()))
            .map_err(|error| failure(&error))?;
        let mut found = BTreeMap::new();
        for resource in described {
            let resource = resource.map_err(|code| Failure::Fatal(format!("settings of {topic}: {code}")))?;
            for entry in resource.entries {
                let is_own = entry.source == ConfigSource::DynamicTopic;
                found.insert(entry.name, (entry.value.unwrap_or_default(), is_own));
            }
        }
        Ok(found)
    }
}

fn settings(topic: &Topic) -> BTreeMap<&'static str, String> {
    topic.configs().into_iter().collect()
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(CALL)).operation_timeout(Some(CALL))
}

fn refused(
    errors: impl IntoIterator<Item = (String, rdkafka::error::RDKafkaErrorCode)>,
) -> Result<(), Failure> {
    let told: Vec<String> = errors.into_iter().map(|(topic, code)| format!("{topic}: {code}")).collect();
    if told.is_empty() { Ok(()) } else { Err(Failure::Fatal(told.join("; "))) }
}
