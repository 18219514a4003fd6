use super::super::codes::{CONTRACT_CODES, DECODE_CODES};
use super::super::*;
use super::*;
use crate::types::SmolStr;

#[test]
fn the_built_in_contracts_load() {
    match Contracts::parse(builtin_files()) {
        Ok(contracts) => assert_eq!(contracts.topics().count(), 26),
        Err(found) => {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

#[test]
fn every_change_of_an_alert_has_an_example_that_goes_round() {
    let topic = contracts().topic("alerts.crisis").expect("alerts are a topic");
    let change = topic.fields.iter().find(|field| field.path == "change").expect("a change");
    for (code, _) in &change.values {
        let path = format!("alerts.crisis/examples/{code}.json");
        let files = builtin_files();
        let (_, json) = files.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no {path}"));
        let tree = topic.from_json(json.as_bytes()).unwrap_or_else(|e| panic!("{path}: {}", e.text));
        let bytes = topic.encode(&tree).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(topic.decode_tree(&bytes).as_ref(), Ok(&tree), "{path}");
        assert_eq!(topic.from_json(topic.to_json(&tree).to_string().as_bytes()), Ok(tree.clone()), "{path}");
        assert!(tree_says(&tree, "change", code), "{path} is of another change");
    }
}

#[test]
fn restricted_alerts_have_the_schema_of_alerts() {
    let newest = |topic: &str| {
        let files = builtin_files();
        let of_topic = files.iter().filter(|(name, _)| name.starts_with(topic) && name.ends_with(".avsc"));
        of_topic.max_by_key(|(name, _)| *name).map(|(_, text)| *text).expect("a schema")
    };
    assert_eq!(newest("alerts.restricted/"), newest("alerts.crisis/"));
    let topic = contracts().topic("alerts.restricted").expect("a topic");
    assert_eq!(topic.access.class, "restricted");
}

fn tree_says(tree: &Tree, field: &str, value: &str) -> bool {
    matches!(tree, Tree::Record(fields) if fields.iter().any(|(n, v)| n == field && *v == text(value)))
}

#[test]
fn no_output_names_a_person() {
    for topic in contracts().topics().filter(|topic| topic.route == Route::Output) {
        for field in &topic.fields {
            let last = field.path.rsplit('.').next().unwrap_or_default();
            let forbidden = ["person", "address", "phone", "resident_number", "person_name"];
            assert!(!forbidden.contains(&last), "{} has the field {}", topic.name, field.path);
        }
    }
}

#[test]
fn what_rules_may_name_is_typed_and_labelled() {
    let event = contracts().event("arrears").expect("arrears is an event");
    let months = event.fields.iter().find(|field| field.name == "months").expect("months are kept");
    assert_eq!(
        (months.ty, months.unit.as_deref(), months.label.as_str()),
        (Type::Int, Some("개월"), "체납 개월")
    );
    assert!(event.sources.contains(&SmolStr::new("NHIS")));

    let meter = contracts().event("meter_reading").expect("a reading is an event");
    assert_eq!((meter.daily, meter.daily_field.as_deref(), meter.area), (true, Some("use"), false));
    assert_eq!(meter.sources, ["GAS", "KEPCO", "WATER"]);
    assert_eq!(contracts().event("cutoff.water").expect("an event").sources, ["WATER"]);
    assert!(contracts().event("outage.started").expect("an event").area);
    assert!(contracts().event("welfare.head_death").is_some());
    assert!(contracts().event("casework.action").is_some());

    let age = contracts().fact("oldest_age").expect("an age is derived");
    assert_eq!((age.field.ty, age.born.as_deref()), (Type::Age, Some("oldest_born")));
    assert_eq!(contracts().fact("size").map(|fact| fact.field.ty), Some(Type::Int));
    assert!(contracts().fact("household.size").is_none());
}

#[test]
fn changelogs_are_compacted_within_two_days_and_not_within_the_hour() {
    let topic = contracts().topic("ieum.households.changelog").expect("a changelog");
    let configs: BTreeMap<&str, String> = topic.configs().into_iter().collect();
    let want = [
        ("cleanup.policy", "compact"),
        ("delete.retention.ms", "86400000"),
        ("max.compaction.lag.ms", "86400000"),
        ("max.message.bytes", "8388608"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.compaction.lag.ms", "3600000"),
        ("segment.ms", "86400000"),
    ];
    assert_eq!(configs, want.map(|(key, value)| (key, value.to_owned())).into());
}

#[test]
fn a_raw_topic_takes_what_intake_rejects_as_too_large() {
    let inputs = contracts().topics().filter(|topic| topic.is_input());
    for topic in inputs {
        assert!(topic.max_message_bytes > 10_000_000, "{}", topic.name);
        assert!(usize::try_from(topic.max_message_bytes).expect("positive") > RECORD_LIMIT_BYTES);
    }
}

#[test]
fn a_layout_has_the_partitions_of_every_topic() {
    let layout: BTreeMap<SmolStr, i32> = contracts().layout().collect();
    assert_eq!(layout["ieum.households"], layout["ieum.households.changelog"]);
    assert_eq!(layout["ieum.control"], 1);
}

#[test]
fn codes_are_told_apart() {
    let mut codes: Vec<&str> = CONTRACT_CODES.iter().chain(DECODE_CODES).map(|(code, _, _)| *code).collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

#[test]
fn contracts_know_the_files_they_were_read_from_without_examples() {
    let read: Vec<_> = contracts().files().collect();
    assert!(read.iter().any(|(path, _)| path.ends_with("topic.toml")));
    assert!(read.iter().all(|(path, _)| !path.contains("examples/")));
    let again = Contracts::parse(read.iter().copied()).expect("they load");
    assert_eq!(again.files().collect::<Vec<_>>(), read);
}
