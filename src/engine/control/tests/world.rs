//! Control alone, told by scripts.

use super::super::health::Health;
use super::super::records::ControlState;
use super::super::sources::DeclaredFeed;
use super::super::task::{ControlTask, Shared};
use super::super::*;
use crate::engine::effect::{Fact, Input};
use crate::engine::layout::{AREAS_LOG, HOUSEHOLDS_LOG, SUBJECTS_LOG};
use crate::engine::message::{
    AreaMessage, Clock, ControlMessage, HouseholdMessage, RawPosition, SubjectMessage, Tick, decode, encode,
};
use crate::engine::state::{MemoryState, Record};
use crate::types::{MS_PER_DAY, PackHash, StreamTime};

/// Control alone. Times in scripts are seconds; log time follows the newest sample.
pub(super) struct World {
    pub(super) shared: Arc<Shared>,
    pub(super) task: ControlTask,
    pub(super) state: MemoryState,
    pub(super) at_ms: i64,
    pub(super) offset: i64,
    pub(super) facts: Vec<Fact>,
}

pub(super) fn feed(source: &str, topic: &str, rhythm_days: u16) -> DeclaredFeed {
    DeclaredFeed {
        source: SmolStr::new(source),
        topic: SmolStr::new(topic),
        rhythm_days,
        expected: true,
        deciding: true,
        by_region: false,
    }
}

pub(super) fn world(feeds: Vec<DeclaredFeed>) -> World {
    let logs = [SUBJECTS_LOG, HOUSEHOLDS_LOG, AREAS_LOG];
    let layout = Layout::new(logs.map(|log| (SmolStr::new_static(log), 2)));
    let health = Health::with(Box::new(|tree| Some(format!("{tree:?}").into_bytes())));
    let shared = Arc::new(Shared { feeds, health, config: ControlConfig::default(), layout });
    let task = ControlTask::new(Arc::clone(&shared));
    World { shared, task, state: MemoryState::default(), at_ms: 0, offset: 0, facts: Vec::new() }
}

impl World {
    /// Handles a message and says what left: `I10` a tick to identity, `H10!` one to households that is not complete,
    /// `A10` one to areas, each into every partition, with the sources that changed; `pack`, `apack` to areas; `health`.
    pub(super) fn send(&mut self, message: &ControlMessage) -> String {
        if let ControlMessage::Sample { t, .. } = message {
            self.at_ms = t.0;
        }
        self.send_at(message, self.at_ms)
    }

    /// The same with a log time of its own.
    pub(super) fn send_at(&mut self, message: &ControlMessage, at_ms: i64) -> String {
        let value = encode(message);
        let input = Input {
            topic: "ieum.control",
            partition: 0,
            offset: self.offset,
            timestamp_ms: at_ms,
            key: None,
            value: Some(&value),
            headers: &[],
        };
        self.offset += 1;
        let effects = self.task.handle(&input, &self.state).expect("readable");
        self.state.apply(&effects.delta);
        self.facts.extend(effects.facts);
        let mut said: Vec<(String, Vec<i32>)> = Vec::new();
        for output in effects.outputs {
            let word = match output.topic.as_str() {
                SUBJECTS_LOG => match decode(&output.value).expect("a subject message") {
                    SubjectMessage::Tick(tick) => tick_word('I', &tick),
                    other => panic!("only ticks go to identity: {other:?}"),
                },
                HOUSEHOLDS_LOG => match decode(&output.value).expect("a household message") {
                    HouseholdMessage::Tick(tick) => tick_word('H', &tick),
                    HouseholdMessage::Pack { .. } => String::from("pack"),
                    other => panic!("only ticks and packs go to households: {other:?}"),
                },
                AREAS_LOG => match decode(&output.value).expect("an area message") {
                    AreaMessage::Tick(tick) => tick_word('A', &tick),
                    AreaMessage::Pack { .. } => String::from("apack"),
                    other => panic!("only ticks and packs go to areas: {other:?}"),
                },
                _ => String::from("health"),
            };
            match said.last_mut().filter(|(last, to)| *last == word && !to.contains(&output.partition)) {
                Some((_, partitions)) => partitions.push(output.partition),
                None => said.push((word, vec![output.partition])),
            }
        }
        for (word, partitions) in &said {
            assert!(word == "health" || *partitions == [0, 1], "{word} went to {partitions:?}");
        }
        said.into_iter().map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn run(&mut self, line: &str) -> String {
        self.send(&message(line))
    }

    pub(super) fn control(&self) -> ControlState {
        let found = self.state.iter().find_map(|(_, record)| match &*record {
            Record::Control(state) => Some(state.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }
}

fn tick_word(to: char, tick: &Tick) -> String {
    let mut word = format!("{to}{}{}", tick.through.0 / 1000, if tick.complete { "" } else { "!" });
    for state in &tick.sources {
        let through = state.complete_through.0 / MS_PER_DAY;
        word += &format!("[{}<{through}d{}]", state.source, if state.stale { " stale" } else { "" });
    }
    word
}

/// `clock append`, `sample 10 a:5 b:2`, `progress a:5`, `reached identity 0 10`, `seen topic source 10`, `says source 10`,
/// `pack`.
pub(super) fn message(line: &str) -> ControlMessage {
    let words: Vec<&str> = line.split(' ').collect();
    let seconds = |word: &str| StreamTime(word.parse::<i64>().expect("seconds") * 1000);
    let positions = |words: &[&str]| {
        let position = |word: &&str| {
            let (topic, offset) = word.split_once(':').expect("topic:offset");
            RawPosition { topic: SmolStr::new(topic), partition: 0, offset: offset.parse().expect("offset") }
        };
        words.iter().map(position).collect::<Vec<_>>()
    };
    match words[..] {
        ["clock", "append"] => ControlMessage::Clock(Clock::Append),
        ["clock", "declared"] => ControlMessage::Clock(Clock::Declared),
        ["sample", t, ref ends @ ..] => ControlMessage::Sample { t: seconds(t), ends: positions(ends) },
        ["progress", ref at @ ..] => ControlMessage::Progress { positions: positions(at) },
        ["reached", stage, partition, t] => ControlMessage::Reached {
            stage: SmolStr::new(stage),
            partition: partition.parse().expect("partition"),
            through: seconds(t),
        },
        ["seen", topic, source, t] => ControlMessage::Seen {
            topic: SmolStr::new(topic),
            source: SmolStr::new(source),
            region: None,
            newest: seconds(t),
        },
        ["says", source, t] => {
            ControlMessage::Delivered { source: SmolStr::new(source), region: None, through: seconds(t) }
        }
        ["pack"] => ControlMessage::Pack { hash: PackHash([7; 32]) },
        _ => panic!("no such command: {line}"),
    }
}

/// Runs a script; each line is a command and what left because of it.
pub(super) fn check(world: &mut World, script: &[(&str, &str)]) {
    for (n, (line, expected)) in script.iter().enumerate() {
        assert_eq!(world.run(line), *expected, "line {n}: {line}");
    }
}
