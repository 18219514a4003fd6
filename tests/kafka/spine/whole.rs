//! A hundred thousand events through one process, undisturbed and killed again and again.

mod on_kafka {
    use crate::spine::hand::Elder;
    use crate::spine::verify::Outcome;
    use crate::spine::world::World;
    use ieum::sim::city::{Plan, Stop};
    use ieum::sim::rng::Rng;
    use std::sync::Arc;
    use std::time::Duration;

    const CHANGES: [&str; 9] = [
        "opened",
        "raised",
        "reopened",
        "escalated",
        "amended",
        "suppressed",
        "withdrawn",
        "closed",
        "casework",
    ];

    /// A city of a hundred thousand events, in which one source is silent when absences fall due.
    fn plan() -> Plan {
        let start = Plan::default().start;
        let stop = Stop { source: "KEPCO".into(), from: start.plus(19), to: start.plus(23) };
        Plan { seed: 19, households: 13_200, days: 60, stops: vec![stop], ..Plan::default() }
    }

    /// The city, and some elders alone in a dong of their own whose meters stand still: the supply of the dong fails before
    /// their source is heard again, so that their alerts are suppressed.
    fn world() -> World {
        let mut world = World::new(plan());
        let contracts = Arc::clone(&world.contracts);
        let day = |days: i32| plan().start.plus(days);
        for name in ["hand-1", "hand-2", "hand-3"] {
            let region = "99110";
            let elder = Elder { contracts: &contracts, name, source: "KEPCO", kind: "electricity", region };
            let mut arrives = |days: i32, record| world.by_hand.entry(day(days)).or_default().push(record);
            elder.registered(plan().start).into_iter().for_each(|record| arrives(0, record));
            for on in 0..40 {
                arrives(on + 1, elder.reading(day(on), i64::from(on < 5)));
            }
            arrives(21, elder.outage("started", day(21)));
            arrives(26, elder.outage("ended", day(26)));
        }
        world
    }

    fn assert_whole(world: &World, outcome: &Outcome) {
        let changes = outcome.changes();
        println!(
            "{} events, {} alerts {changes:?}, {} letters",
            world.raw.len(),
            outcome.alerts.len(),
            outcome.letters.len()
        );
        assert!(world.raw.len() >= 100_000, "{} events", world.raw.len());
        assert!(outcome.alerts.len() >= 1_000, "{} alerts", outcome.alerts.len());
        for change in CHANGES {
            assert!(changes.contains_key(change), "no {change} among {changes:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_events_leave_what_one_thread_makes_of_them() {
        let mut world = world();
        world.start("a");
        for _ in 0..plan().days {
            world.day();
        }
        let outcome = world.verify();
        assert_whole(&world, &outcome);
        world.check_decisions(&outcome);
    }

    /// Kills that must hit, and a few more.
    const HITS: usize = 12;

    #[test]
    fn killed_again_and_again_in_open_transactions_they_leave_the_same() {
        let mut rng = Rng::new(7);
        let (mut hits, mut kills) = (0, 0);
        let mut world = world();
        world.start("a");
        for _ in 0..plan().days {
            world.day_while(|world| {
                while hits < HITS && rng.chance(1, 2) {
                    world.pass(Duration::from_millis(rng.below(400)));
                    // Few of all moments lie in a transaction: the next one that does.
                    world.await_open(Duration::from_secs(4));
                    world.kill("a");
                    kills += 1;
                    // What is undecided twice in a row was not just being committed.
                    let open = world.undecided();
                    let still = world.undecided();
                    hits += usize::from(open.iter().any(|at| still.contains(at)));
                    world.start("a");
                }
            });
        }
        println!("{kills} kills, {hits} in an open transaction");
        assert!(hits >= 10, "{hits} of {kills} kills hit an open transaction");
        let outcome = world.verify();
        assert_whole(&world, &outcome);
        world.check_decisions(&outcome);
    }
}
