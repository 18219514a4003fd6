use super::fixture::{HOUSEHOLD, Script, day, pack_with};
use crate::contracts::{Contracts, builtin};
use crate::engine::effect::Output;
use crate::engine::households::pack_in_force;
use crate::engine::layout::{ALERTS_TOPIC, HOUSEHOLDS_LOG};
use crate::replay::{Machine, Scope};
use crate::rules::plan::Pack;
use crate::sim::city::Plan;
use crate::sim::pipeline::{KnownPacks, LogRecord};
use crate::sim::run::{Happening, run};
use crate::types::{SmolStr, StreamTime};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a run of a city leaves behind.
pub(super) struct Recorded {
    pub(super) contracts: Arc<Contracts>,
    pub(super) pack: Arc<Pack>,
    pub(super) log: Vec<(i32, LogRecord)>,
    pub(super) alerts: Vec<Output>,
}

pub(super) fn city(plan: Plan) -> Recorded {
    let contracts = Arc::new(builtin());
    let (pack, found) = crate::rules::load(crate::rules::builtin_files(), &contracts);
    let pack = Arc::new(pack.unwrap_or_else(|| panic!("{found:?}")));
    let (mut log, mut alerts) = (Vec::new(), Vec::new());
    run(plan, &contracts, &pack, Some(HOUSEHOLDS_LOG), &mut |_, happening| match happening {
        Happening::Handled(partition, record) => log.push((partition, record.clone())),
        Happening::Alert { output, .. } => alerts.push(output.clone()),
        _ => {}
    })
    .expect("the city runs through");
    Recorded { contracts, pack, log, alerts }
}

pub(super) fn alerts(recorded: &Recorded, scope: Scope) -> Vec<Output> {
    let packs = Arc::new(KnownPacks::new([Arc::clone(&recorded.pack)]));
    let mut machine = Machine::new(&recorded.contracts, 1, packs, scope).expect("a machine");
    let mut outputs = Vec::new();
    for (partition, record) in &recorded.log {
        outputs.extend(machine.handle(*partition, record).expect("nothing is stuck"));
    }
    outputs.extend(machine.settle().expect("nothing is stuck").into_iter().map(|(_, output)| output));
    outputs.retain(|output| output.topic == ALERTS_TOPIC);
    outputs
}

/// A replay may have other partitions than the run; what it says is the same.
type Bytes<'a> = (&'a Option<Vec<u8>>, &'a Vec<u8>, &'a Vec<(SmolStr, Vec<u8>)>);

fn bytes(outputs: &[Output]) -> Vec<Bytes<'_>> {
    outputs.iter().map(|output| (&output.key, &output.value, &output.headers)).collect()
}

#[test]
fn a_recorded_log_gives_the_alerts_of_the_run_byte_for_byte_whole_or_of_one_household() {
    let recorded = city(Plan { households: 800, days: 50, seed: 3, ..Plan::default() });
    assert!(recorded.alerts.len() > 30, "{} alerts", recorded.alerts.len());
    assert!(bytes(&alerts(&recorded, Scope::default())) == bytes(&recorded.alerts));

    let households: BTreeSet<Vec<u8>> =
        recorded.alerts.iter().filter_map(|alert| alert.key.clone()).collect();
    for household in households.iter().take(5) {
        let name = SmolStr::new(String::from_utf8_lossy(household));
        let alone = alerts(&recorded, Scope { household: Some(name), ..Scope::default() });
        let own: Vec<Output> =
            recorded.alerts.iter().filter(|alert| alert.key.as_ref() == Some(household)).cloned().collect();
        assert!(bytes(&alone) == bytes(&own));
    }
}

#[test]
fn a_replay_ends_at_the_last_tick_by_its_time() {
    let mut script = Script::new();
    script.until(day(3, 5));
    script.put("cutoff.gas", day(3, 5), &[]);
    script.until(day(3, 20));
    for (at, reached, knows) in [
        (day(3, 4).start(), day(3, 4), false),
        (day(3, 6).start().plus_ms(-1), day(3, 5), true),
        (day(5, 1).start(), day(3, 20), true),
    ] {
        let mut machine = script.machine(Scope { until: Some(at), ..Scope::default() });
        script.told(&mut machine);
        assert_eq!(machine.stream_time(0), reached.start());
        let state = machine.state(0).expect("a state");
        let page = crate::engine::state::Key::new(HOUSEHOLD, crate::engine::state::Sub::Page(2026));
        assert_eq!(crate::engine::state::StateRead::get(state, &page).is_some(), knows, "{at}");
        assert_eq!(machine.is_over(1), at < day(3, 20).start());
    }
}

/// A pack that was chosen decides from the first record, whatever the log names and whether it is there or not.
#[test]
fn a_chosen_pack_takes_the_place_of_those_that_the_log_names() {
    let mut script = Script::new();
    let stricter = pack_with(&script.contracts, |text| text.replace("gte: 2}", "gte: 3}"));
    for at in [2, 4] {
        script.until(day(3, at));
        script.put("cutoff.gas", day(3, at), &[]);
    }
    script.until(day(4, 12));
    let opened = |packs: &[Arc<Pack>], scope: Scope| -> Vec<(SmolStr, StreamTime)> {
        let mut machine = script.machine_with(packs, scope);
        let told = script.told(&mut machine);
        let pack = machine.state(0).and_then(|state| pack_in_force(state));
        assert_eq!(pack, Some(packs[0].hash));
        let opened = told.into_iter().filter(|told| told.opens() && told.rule == "crisis.frail");
        opened.map(|told| (told.rule, told.at)).collect()
    };
    let as_recorded = opened(&[Arc::clone(&script.pack)], Scope::default());
    assert_eq!(as_recorded, [(SmolStr::new("crisis.frail"), day(4, 10).start())]);
    let same =
        opened(&[Arc::clone(&script.pack)], Scope { pack: Some(script.pack.hash), ..Scope::default() });
    assert_eq!(same, as_recorded);
    let other = opened(&[Arc::clone(&stricter)], Scope { pack: Some(stricter.hash), ..Scope::default() });
    assert_eq!(other, []);
}
