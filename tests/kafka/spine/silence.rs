//! One source says nothing for three days, while the others go on.

mod on_kafka {
    use crate::spine::hand::Elder;
    use crate::spine::world::{Seen, World};
    use ieum::sim::city::{Plan, Stop};
    use ieum::types::{Day, StreamTime};
    use std::sync::Arc;

    /// The days of silence; the source is heard again on the day after the last.
    const SILENT: (i32, i32) = (19, 22);
    const DAYS: i32 = 27;

    fn start() -> Day {
        Plan::default().start
    }

    fn day(days: i32) -> Day {
        start().plus(days)
    }

    /// Few homes beside those made by hand: they are there for their sources' statements.
    fn plan() -> Plan {
        let stop = Stop { source: "KEPCO".into(), from: day(SILENT.0), to: day(SILENT.1) };
        Plan {
            households: 200,
            days: DAYS.unsigned_abs(),
            feed_faults: false,
            outages: false,
            stops: vec![stop],
            ..Plan::default()
        }
    }

    /// When an alert first opened for a household, in stream time, and the day that it is about.
    fn opened(seen: &[Seen], household: &str) -> Option<(StreamTime, Day)> {
        let first =
            seen.iter().find(|seen| seen.alert.household == household && seen.alert.change == "opened");
        first.map(|seen| (seen.at, seen.alert.occurred_on))
    }

    #[test]
    fn a_silent_source_raises_nothing_a_healthy_one_does_and_what_was_held_back_comes() {
        let mut world = World::new(plan());
        let contracts = Arc::clone(&world.contracts);
        let of = |name, source, kind, region| Elder { contracts: &contracts, name, source, kind, region };
        // Who stopped using power fourteen days before; who did too and used some again while nobody told; whose water
        // another source counts; and who uses power every day.
        let unused = of("hand-unused", "KEPCO", "electricity", "99110");
        let again = of("hand-again", "KEPCO", "electricity", "99110");
        let water = of("hand-water", "WATER", "water", "99120");
        let used = of("hand-used", "KEPCO", "electricity", "99110");
        let mut arrives = |days: i32, record| world.by_hand.entry(day(days)).or_default().push(record);
        for elder in [&unused, &again, &water, &used] {
            elder.registered(start()).into_iter().for_each(|record| arrives(0, record));
        }
        for on in 0..DAYS - 1 {
            let next = on + 1;
            let told = if (SILENT.0..SILENT.1).contains(&next) { SILENT.1 } else { next };
            arrives(told, unused.reading(day(on), i64::from(on < 5)));
            arrives(told, again.reading(day(on), i64::from(on < 5 || on == 18)));
            arrives(told, used.reading(day(on), 1));
            arrives(next, water.reading(day(on), i64::from(on < 3)));
        }

        world.start("a");
        for _ in 0..DAYS {
            world.day();
        }
        world.await_quiet();
        let seen = std::mem::take(&mut world.seen);
        let outcome = world.verify();
        assert_eq!(outcome.alerts.len(), seen.len());

        let (silent, heard) = (day(SILENT.0).start(), day(SILENT.1).start());
        let (at, about) = opened(&seen, "hand-water").expect("the healthy source's absence");
        println!("healthy: at {at}, about {about}; silent from {silent} until {heard}");
        assert!(silent < at && at < heard, "{at}");
        assert_eq!(about, day(18));
        let (at, about) = opened(&seen, "hand-unused").expect("what was held back");
        println!("held back: at {at}, about {about}");
        assert!(at > heard, "{at}");
        // Due while nobody told.
        assert_eq!(about, day(20));
        assert!(about.start() > silent && about.start() < heard);
        assert_eq!(opened(&seen, "hand-again"), None);
        assert_eq!(opened(&seen, "hand-used"), None);
        // Nor any home of the city: all its meters are the silent source's.
        let during = |seen: &&Seen| {
            seen.alert.rule == "crisis.no-usage"
                && seen.alert.household != "hand-water"
                && silent < seen.at
                && seen.at < heard
        };
        let wrong: Vec<_> = seen.iter().filter(during).filter(|seen| seen.alert.change == "opened").collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
