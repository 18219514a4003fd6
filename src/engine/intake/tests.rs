use super::*;
use crate::contracts::codes::SCHEMA_UNAVAILABLE;
use crate::engine::message::decode;
use crate::engine::state::MemoryState;
use crate::types::{Action, ActionKind, AreaEvent, EntityId, EpisodeId, EventTime, Phase, Signal, SubjectId};

/// Reads `source owner,owner ms` as a signal, `area source` as an area event, `source` alone as a source's report.
struct Words;

impl Reader for Words {
    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new("raw")]
    }

    fn read(&self, _: &str, _: Option<&[u8]>, value: Option<&[u8]>) -> Result<Payload, Reject> {
        let text = std::str::from_utf8(value.unwrap_or_default()).expect("text");
        let key = |source: &str| EventKey { source: SmolStr::new(source), key: SmolStr::new("k") };
        let body = |ms| Change::Body {
            kind: SmolStr::new("debt"),
            time: EventTime::Instant(ms),
            phase: Phase::Open,
            fields: Vec::new(),
        };
        match text.split(' ').collect::<Vec<_>>()[..] {
            ["act", entity] => Ok(Payload::Action(Action {
                key: key("S"),
                entity: EntityId::new(entity),
                episode: EpisodeId::new("e"),
                seen_revision: 1,
                kind: ActionKind::Claim,
                event: SmolStr::new("act"),
                fields: Vec::new(),
                outcome: None,
                actor: SmolStr::new("w"),
                at: EventTime::Instant(5),
            })),
            ["area", source] => Ok(Payload::Area(AreaEvent {
                key: key(source),
                revision: 1,
                change: body(5),
                scope: Vec::new(),
            })),
            [source, owners, ms] => Ok(Payload::Signal(Signal {
                key: key(source),
                revision: 1,
                change: body(ms.parse().expect("a number")),
                owners: owners.split(',').map(SubjectId::new).collect(),
                region: None,
                lateness_days: 7,
            })),
            ["later"] => Err(Reject { code: SCHEMA_UNAVAILABLE, text: String::from("no answer") }),
            _ => Err(Reject { code: "IEUM-D001", text: String::from("no words") }),
        }
    }

    fn has_areas(&self, kind: &str) -> bool {
        kind == "house"
    }
}

fn task() -> Box<dyn Task> {
    let layout = Layout::new([(SmolStr::new(SUBJECTS_LOG), 4), (SmolStr::new(HOUSEHOLDS_LOG), 3)]);
    let letters = Arc::new(Letters::new(layout.clone(), Box::new(|body| body.id.clone().into_bytes())));
    let stage =
        Intake { shared: Arc::new(Shared { reader: Arc::new(Words), opening: None, layout, letters }) };
    stage.task(&at())
}

fn at() -> TopicPartition {
    TopicPartition { topic: SmolStr::new("raw"), partition: 2 }
}

fn handle(task: &mut dyn Task, value: &str) -> Effects {
    let headers =
        [(SmolStr::new("traceparent"), b"00-1-2-01".to_vec()), (SmolStr::new("mine"), b"x".to_vec())];
    let input = Input {
        topic: "raw",
        partition: 2,
        offset: 9,
        timestamp_ms: 1,
        key: None,
        value: Some(value.as_bytes()),
        headers: &headers,
    };
    task.handle(&input, &MemoryState::default()).expect("intake is never blocked")
}

fn control(outputs: &[Output]) -> Vec<ControlMessage> {
    outputs.iter().map(|output| decode(&output.value).expect("a control message")).collect()
}

#[test]
fn a_signal_goes_to_the_partition_of_its_first_owner_with_origin_and_trace() {
    let effects = handle(&mut *task(), "S person:1,address:2 70");
    let [output] = &effects.outputs[..] else { panic!("one record: {effects:?}") };
    let layout = Layout::new([(SmolStr::new(SUBJECTS_LOG), 4)]);
    assert_eq!(
        (output.topic.as_str(), output.partition),
        (SUBJECTS_LOG, layout.partition(SUBJECTS_LOG, "person:1"))
    );
    assert_eq!(output.headers, [(SmolStr::new("traceparent"), b"00-1-2-01".to_vec())]);
    let message = decode(&output.value).expect("a subject message");
    let SubjectMessage::Signal { origin, trail: 0, accepted: None, .. } = message else {
        panic!("a fresh signal: {message:?}")
    };
    assert_eq!((origin.topic.as_str(), origin.partition, origin.offset), ("raw", 2, 9));
}

#[test]
fn casework_goes_to_the_stage_whose_alert_it_is_about() {
    for (entity, topic) in [
        ("h1", HOUSEHOLDS_LOG),
        ("area:house:7", AREAS_LOG),
        // A pseudonym may begin like the name of an area: no kind of area is called so.
        ("area:x:7", HOUSEHOLDS_LOG),
    ] {
        let outputs = handle(&mut *task(), &format!("act {entity}")).outputs;
        let [output] = &outputs[..] else { panic!("one record: {outputs:?}") };
        assert_eq!((output.topic.as_str(), output.key.as_deref()), (topic, Some(entity.as_bytes())));
    }
}

#[test]
fn an_area_event_is_copied_to_every_households_partition() {
    let outputs = handle(&mut *task(), "area S").outputs;
    let to: Vec<i32> = outputs.iter().map(|output| output.partition).collect();
    assert_eq!(to, [0, 1, 2]);
    assert!(outputs.iter().all(|output| output.topic == HOUSEHOLDS_LOG && output.key.is_none()));
}

#[test]
fn a_reject_becomes_one_letter_and_nothing_else() {
    for (value, code) in
        [("?", "IEUM-D001"), ("S  7", BAD_IDENTIFIER), ("S a\0b 7", BAD_IDENTIFIER), (" p 7", BAD_IDENTIFIER)]
    {
        let mut task = task();
        let effects = handle(&mut *task, value);
        let [output] = &effects.outputs[..] else { panic!("one letter for {value:?}: {effects:?}") };
        assert_eq!(output.topic, "dead-letters");
        assert_eq!(effects.facts, [Fact::DeadLetter { code, topic: SmolStr::new("raw") }]);
        assert_eq!(effects, handle(&mut *task, value), "the same record gives the same letter");
        assert!(task.commit_outputs(&[]).is_empty(), "a rejected record speaks for no source");
    }
}

#[test]
fn a_commit_tells_each_source_once_and_a_position_when_it_moved() {
    let mut task = task();
    for value in ["A p 10", "B p 20", "A p 30", "A p 20"] {
        handle(&mut *task, value);
    }
    let seen = |source: &str, newest| ControlMessage::Seen {
        topic: SmolStr::new("raw"),
        source: SmolStr::new(source),
        region: None,
        newest: StreamTime(newest),
    };
    let progress = |offset| ControlMessage::Progress {
        positions: vec![RawPosition { topic: SmolStr::new("raw"), partition: 2, offset }],
    };
    assert!(task.reports_positions());
    assert_eq!(control(&task.commit_outputs(&[(at(), 10)])), [seen("A", 30), seen("B", 20), progress(10)]);
    assert!(task.commit_outputs(&[(at(), 10)]).is_empty());
    let other = TopicPartition { partition: 3, ..at() };
    assert_eq!(control(&task.commit_outputs(&[(other, 90), (at(), 12)])), [progress(12)]);
}

#[test]
fn a_record_that_is_given_up_has_told_nothing_and_takes_nothing_from_those_before_it() {
    for before in [2, SOURCES_PER_COMMIT] {
        let (mut task, mut undisturbed) = (task(), task());
        for task in [&mut task, &mut undisturbed] {
            for n in 0..before {
                handle(&mut **task, &format!("S{n} p {}", 10 + n));
            }
        }
        // A source that is known, one that is not, and one more than a commit takes.
        for value in ["S1 p 500000000", "other p 30"] {
            handle(&mut *task, value);
            assert!(task.give_up(&MemoryState::default()));
        }
        assert_eq!(control(&task.commit_outputs(&[])), control(&undisturbed.commit_outputs(&[])), "{before}");
    }
}

#[test]
fn more_sources_than_a_commit_takes_are_told_at_once_and_none_is_lost() {
    let mut task = task();
    let mut told = Vec::new();
    for n in 0..SOURCES_PER_COMMIT + 3 {
        let outputs = handle(&mut *task, &format!("S{n} p {n}")).outputs;
        told.extend(control(&outputs.into_iter().filter(|o| o.topic == CONTROL_LOG).collect::<Vec<_>>()));
        assert!(told.is_empty() || n >= SOURCES_PER_COMMIT);
    }
    told.extend(control(&task.commit_outputs(&[])));
    assert_eq!(told.len(), SOURCES_PER_COMMIT + 3);
}

#[test]
fn a_record_whose_schema_cannot_be_had_now_waits_and_is_no_letter() {
    let input = Input {
        topic: "raw",
        partition: 2,
        offset: 9,
        timestamp_ms: 77,
        key: None,
        value: Some(b"later"),
        headers: &[],
    };
    let handled = task().handle(&input, &MemoryState::default());
    assert_eq!(handled.err(), Some(Blocked::SchemaUnavailable(String::from("no answer"))));
}

struct After(SmolStr);

impl Opening for After {
    fn waits(&self, at: &TopicPartition) -> Option<String> {
        (at.topic != self.0).then(|| format!("{} first", self.0))
    }
}

#[test]
fn a_partition_waits_for_what_is_read_before_it() {
    for (first, waits) in [("raw", false), ("register", true)] {
        let layout = Layout::new([(SmolStr::new(SUBJECTS_LOG), 4)]);
        let letters = Arc::new(Letters::new(layout.clone(), Box::new(|_| Vec::new())));
        let shared = Shared { reader: Arc::new(Words), opening: None, layout, letters };
        let stage = Intake { shared: Arc::new(shared) }.opening(Arc::new(After(SmolStr::new(first))));
        let value = Some(&b"A p 1"[..]);
        let input =
            Input { topic: "raw", partition: 2, offset: 9, timestamp_ms: 1, key: None, value, headers: &[] };
        let handled = stage.task(&at()).handle(&input, &MemoryState::default());
        assert_eq!(handled.err(), waits.then(|| Blocked::Early(format!("{first} first"))));
    }
}
