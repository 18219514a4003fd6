//! Nobody runs for three days of stream time, and then somebody does.

mod on_kafka {
    use crate::spine::hand::Elder;
    use crate::spine::world::{Seen, World};
    use ieum::sim::city::Plan;
    use ieum::types::{Day, MS_PER_DAY, SmolStr};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// Days before the system goes, without it, and after its return.
    const BEFORE: i32 = 6;
    const AWAY: i32 = 3;
    const AFTER: i32 = 5;
    const ELDERS: i32 = 6;

    fn day(days: i32) -> Day {
        Plan::default().start.plus(days)
    }

    /// Elders who are reported, and cut off twice, a day before the system goes or a day after.
    fn reports(world: &mut World, name: &str, on: i32) {
        let contracts = Arc::clone(&world.contracts);
        for number in 0..ELDERS {
            let name = format!("hand-{name}-{number}");
            let elder = Elder {
                contracts: &contracts,
                name: &name,
                source: "KEPCO",
                kind: "electricity",
                region: "99110",
            };
            world.by_hand.entry(day(0)).or_default().extend(elder.registered(day(0)));
            let told =
                [elder.report(day(on)), elder.cutoff("electricity", day(on)), elder.cutoff("gas", day(on))];
            world.by_hand.entry(day(on)).or_default().extend(told);
        }
    }

    #[test]
    fn on_return_nothing_escalates_that_nobody_could_have_seen() {
        let plan = Plan {
            households: 1_000,
            seed: 19,
            days: (BEFORE + AWAY + AFTER).unsigned_abs(),
            ..Plan::default()
        };
        let mut world = World::new(plan);
        reports(&mut world, "seen", BEFORE - 1);
        reports(&mut world, "unseen", BEFORE + 1);
        world.start("a");
        (0..BEFORE).for_each(|_| world.day());
        world.await_quiet();
        let before = world.seen.len();
        world.kill("a");

        // What arrives meanwhile lies there; nobody takes note of the time, for who does is away too.
        let return_at = day(BEFORE + AWAY).start();
        let gone: Vec<_> = (0..AWAY)
            .flat_map(|_| {
                let (early, late) = world.next_day();
                world.now = world.now.day().plus(1).start();
                [early, late]
            })
            .flatten()
            .collect();
        world.write_at_once(gone, return_at);
        world.start("a");
        world.await_reached();
        (0..AFTER).for_each(|_| world.day());
        world.await_quiet();
        let seen = std::mem::take(&mut world.seen);
        world.verify();

        // The first look that anybody could take at an episode, by its place among all alerts.
        let mut first: BTreeMap<SmolStr, usize> = BTreeMap::new();
        let (mut early, mut late) = (0, 0);
        for (place, Seen { at, alert }) in seen.iter().enumerate() {
            let since = *first.entry(alert.episode.clone()).or_insert(place);
            if alert.change != "escalated" || *at < return_at {
                continue;
            }
            if since < before {
                early += 1;
                continue;
            }
            late += 1;
            assert!(
                at.0 >= return_at.0 + MS_PER_DAY,
                "{alert:?} at {at}, nobody could see it before {return_at}"
            );
        }
        println!(
            "{} alerts before, {} in all; escalated: {early} seen before, {late} first seen on return",
            before,
            seen.len()
        );
        // Those seen before are not forgiven, and those of the backlog have their time from the return.
        let escalated = |name: &str| {
            let of =
                |seen: &&Seen| seen.alert.household.starts_with(name) && seen.alert.change == "escalated";
            seen.iter().filter(of).count()
        };
        assert!(escalated("hand-seen") >= 6, "{}", escalated("hand-seen"));
        assert!(escalated("hand-unseen") >= 6, "{}", escalated("hand-unseen"));
    }
}
