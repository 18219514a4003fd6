//! What identity does when a record is given up, and who is parked.

use super::*;
use crate::engine::lane::{Parked, UNPARK_HEADER};
use crate::engine::state::{Key, Record};

impl World {
    /// Parks a subject as a lane does: a record fails at it, the mark is set, the record is given up and handed again.
    fn park(&mut self, subject: &str) {
        let partition = self.layout.partition(SUBJECTS_LOG, subject);
        let (task, state, offset) = &mut self.parts[usize::try_from(partition).unwrap()];
        let value = encode(&SubjectMessage::Continue);
        let (offset, timestamp_ms, value) = (*offset, 0, Some(value.as_slice()));
        let input =
            Input { topic: SUBJECTS_LOG, partition, offset, timestamp_ms, key: None, value, headers: &[] };
        task.handle(&input, &*state).expect("readable");
        let mark = Arc::new(Record::Parked(Parked { offset, timestamp_ms }));
        state.apply(&[(Parked::key(subject), Some(mark))]);
        assert!(task.give_up(&*state));
        self.append(partition, &encode(&SubjectMessage::Continue));
    }

    /// Takes it back as a lane does: the mark goes, then the task is handed the record.
    fn take_back(&mut self, subject: &str) {
        let partition = self.layout.partition(SUBJECTS_LOG, subject);
        let (_, state, _) = &mut self.parts[usize::try_from(partition).unwrap()];
        state.apply(&[(Parked::key(subject), None)]);
        let header = (SmolStr::new_static(UNPARK_HEADER), Vec::new());
        let value = encode(&SubjectMessage::Continue);
        self.hand(partition, Some(subject.as_bytes()), &value, &[header]);
    }
}

#[test]
fn nothing_of_a_parked_subject_is_due_until_it_is_taken_back() {
    for restart in [false, true] {
        let mut world = world();
        world.tick(TODAY);
        let subjects = ["p", "q", "r", "s", "t", "u"];
        for subject in subjects {
            world.send(&signal(&[subject], "lost", 1, Change::Void));
        }
        world.park("p");
        if restart {
            world.restart();
        }
        world.tick(TODAY + 9);
        assert_eq!(world.letters.len(), subjects.len() - 1);
        assert!(world.parts.iter().all(|(task, ..)| !task.has_job()), "a parked subject is no job");
        world.take_back("p");
        assert_eq!(world.letters.len(), subjects.len());
        assert!(world.parts.iter().all(|(task, ..)| !task.has_job()));
    }
}

#[test]
fn trimming_passes_a_parked_subject_over() {
    let mut world = world();
    world.tick(TODAY);
    for subject in ["p", "q"] {
        world.send(&reading(&[subject], "S", TODAY - 700, 1, DayState::Used));
    }
    world.park("p");
    world.tick(TODAY + 140);
    for _ in 0..8 {
        world.send(&SubjectMessage::Continue);
    }
    assert!(world.parts.iter().all(|(task, ..)| !task.has_job()));
    let kept = world.parts.iter().flat_map(|(_, state, _)| state.iter().map(|(key, _)| key));
    let kept: Vec<Key> = kept.filter(|key| matches!(key.sub, crate::engine::state::Sub::Daily(_))).collect();
    assert!(kept.iter().all(|key| key.entity == "p") && kept.len() == 1, "{kept:?}");
}

fn days() -> impl Strategy<Value = Vec<(i32, u8)>> {
    proptest::collection::vec((0..12_i32, 0..6_u8), 1..40)
}

/// A record that is given up and handed again is handled as if for the first time.
fn plays_alike(steps: &[(i32, u8)], all: &[SubjectMessage]) -> bool {
    let play = |twice: bool| {
        let mut world = world();
        world.twice = twice;
        let mut day = TODAY;
        for (at, (ahead, kind)) in steps.iter().enumerate() {
            let (subject, key) = (["p", "q", "r"][at % 3], format!("k{}", kind / 2));
            match kind {
                0 | 1 => world.send(&signal(&[subject], &key, 1, Change::Void)),
                2 => world.send(&signal(&[subject], &key, 1, Change::End(EventTime::Day(Day(day))))),
                3 => world.send(&signal(&[subject], &key, 1, body("debt", day))),
                4 => world.send(&SubjectMessage::Continue),
                _ => {
                    day += ahead * ahead;
                    world.tick(day);
                }
            }
            if let Some(message) = all.get(at) {
                world.send(message);
            }
            world.settle();
        }
        let jobs: Vec<bool> = world.parts.iter().map(|(task, ..)| task.has_job()).collect();
        let states: Vec<Vec<_>> = world.parts.iter().map(|(_, state, _)| state.iter().collect()).collect();
        (world.letters, holdings(&world.households), jobs, states)
    };
    play(false) == play(true)
}

#[test]
fn a_void_that_waits_for_its_report_leaves_no_trace_when_it_is_given_up() {
    // Found by the law below.
    assert!(plays_alike(&[(0, 0), (0, 5)], &[signal(&["p:1", "s:1", "a:1"], "k0", 1, Change::Void)]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn giving_a_record_up_leaves_no_trace(steps in days(), all in histories()) {
        prop_assert!(plays_alike(&steps, &all));
    }
}
