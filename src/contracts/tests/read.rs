use super::super::codes::*;
use super::super::mapping::last_of_month;
use super::super::*;
use super::*;
use crate::types::{
    ActionKind, Change, Day, DayState, EventKey, EventTime, Payload, Phase, Signal, SmolStr, StreamTime,
    SubjectId, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const MARCH_1: i64 = 1_772_323_200_000; // 2026-03-01T09:00+09:00

fn topic(name: &str) -> &'static Topic {
    contracts().topic(name).expect("a topic")
}

fn arrears(changes: &[(&str, Tree)]) -> Tree {
    let mut fields: BTreeMap<&str, Tree> = BTreeMap::from([
        ("source", text("NHIS")),
        ("source_key", text("debt-1")),
        ("person", text("p1")),
        ("address", text("a1")),
        ("kind", text("health_insurance")),
        ("months", Tree::Int(3)),
        ("amount_krw", Tree::Int(240_000)),
        ("as_of", Tree::Int(20_513)),
    ]);
    fields.extend(changes.iter().cloned());
    Tree::Record(fields.into_iter().map(|(name, value)| (SmolStr::new(name), value)).collect())
}

fn read(name: &str, record: &Tree) -> Result<Payload, Reject> {
    let bytes = topic(name).encode(record).unwrap_or_else(|e| panic!("{e}"));
    topic(name).read(None, Some(&bytes))
}

fn signal(payload: Result<Payload, Reject>) -> Signal {
    match payload {
        Ok(Payload::Signal(signal)) => signal,
        other => panic!("not a signal: {other:?}"),
    }
}

fn key(source: &str, key: &str) -> EventKey {
    EventKey { source: source.into(), key: key.into() }
}

#[test]
fn a_signal_has_owners_in_order_and_its_kept_fields() {
    let signal = signal(read("signals.arrears", &arrears(&[])));
    assert_eq!(signal.key, key("NHIS", "debt-1"));
    assert_eq!((signal.revision, signal.lateness_days, signal.region), (1, 62, None));
    assert_eq!(signal.owners, [SubjectId::new("person:p1"), SubjectId::new("address:a1")]);
    let Change::Body { kind, time, phase, fields } = signal.change else { panic!("a body") };
    assert_eq!((kind.as_str(), time, phase), ("arrears", EventTime::Day(Day(20_513)), Phase::Open));
    let kept = [
        ("kind", Value::text("health_insurance")),
        ("months", Value::Int(3)),
        ("amount_krw", Value::Int(240_000)),
    ];
    assert_eq!(fields, kept.map(|(name, value)| (SmolStr::new(name), value)));
}

#[test]
fn an_end_and_a_void_need_no_body() {
    let envelope = |change: &str, rest: &[(&str, Tree)]| {
        let mut fields =
            vec![("source", text("KEPCO")), ("source_key", text("c1")), ("service_point", text("s1"))];
        fields.push(("change", text(change)));
        fields.extend(rest.iter().cloned());
        signal(read("signals.cutoff", &record(&fields))).change
    };
    assert_eq!(envelope("void", &[]), Change::Void);
    assert_eq!(
        envelope("end", &[("ended_at", Tree::Int(MARCH_1))]),
        Change::End(EventTime::Instant(MARCH_1))
    );
}

#[test]
fn a_reading_says_what_it_knows_of_a_day_and_its_void_names_the_day() {
    let read = |change: &str, rest: &[(&str, Tree)]| {
        let mut fields = vec![("source", text("GAS")), ("source_key", text("m1")), ("address", text("a1"))];
        fields.push(("change", text(change)));
        fields.extend(rest.iter().cloned());
        match read("signals.meter", &record(&fields)) {
            Ok(Payload::Reading(reading)) => Ok(reading),
            Ok(other) => panic!("not a reading: {other:?}"),
            Err(reject) => Err(reject.code),
        }
    };
    let (kind, day, used) =
        (("kind", text("gas")), ("read_on", Tree::Int(20_513)), |n| ("use", Tree::Int(n)));
    let state = |change: &str, rest: &[(&str, Tree)]| read(change, rest).map(|reading| reading.state);
    let whole =
        read("report", &[kind.clone(), day.clone(), used(0), ("revision", Tree::Int(2))]).expect("good");
    assert_eq!(
        (whole.source.as_str(), whole.kind.as_str(), whole.day),
        ("GAS", "meter_reading", Day(20_513))
    );
    assert_eq!(
        (whole.revision, whole.state, whole.owners),
        (2, DayState::Idle, vec![SubjectId::new("address:a1")])
    );
    assert_eq!(state("report", &[kind.clone(), day.clone(), used(3)]), Ok(DayState::Used));
    assert_eq!(state("report", &[kind.clone(), day.clone()]), Err(MISSING_FIELD));
    assert_eq!(state("void", &[kind.clone(), day.clone()]), Ok(DayState::Void));
    assert_eq!(state("void", std::slice::from_ref(&kind)), Err(VOID_WITHOUT_DAY));
    assert_eq!(state("void", std::slice::from_ref(&day)), Err(VOID_WITHOUT_DAY));
    assert_eq!(state("end", &[kind, day]), Err(UNKNOWN_KIND));
}

#[test]
fn a_body_that_has_ended_says_so() {
    let signal = signal(read("signals.arrears", &arrears(&[("paid_on", Tree::Int(20_520))])));
    let Change::Body { phase, .. } = signal.change else { panic!("a body") };
    assert_eq!(phase, Phase::Ended(EventTime::Day(Day(20_520))));
}

#[test]
fn an_outage_names_its_areas() {
    let record = record(&[
        ("source", text("KEPCO")),
        ("source_key", text("o1/started")),
        ("kind", text("started")),
        ("outage_id", text("o1")),
        ("utility", text("electricity")),
        ("dong", Tree::List(vec![text("1168010100"), text("1168010300")])),
        ("occurred_at", Tree::Int(MARCH_1)),
    ]);
    let Ok(Payload::Area(event)) = read("signals.outage", &record) else { panic!("an area event") };
    let areas: Vec<(&str, &str)> = event.scope.iter().map(|s| (s.fact.as_str(), s.value.as_str())).collect();
    assert_eq!(areas, [("dong", "1168010100"), ("dong", "1168010300")]);
    assert!(matches!(event.change, Change::Body { kind, .. } if kind == "outage.started"));
}

#[test]
fn an_outcome_says_what_its_topic_says_of_it() {
    let contracts = contracts();
    for (outcome, verdict) in [
        ("public_support", Verdict::Needed),
        ("not_eligible", Verdict::NotNeeded),
        ("unreachable", Verdict::Unclear),
        ("a code of tomorrow", Verdict::Unclear),
    ] {
        assert_eq!(contracts.verdict(outcome), verdict, "{outcome}");
    }
    // Every code that the field lists is read, and none that it does not.
    let wrong = |from: &str, to: &str| {
        let changed: Vec<(String, String)> = builtin_files()
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.replacen(from, to, 1)))
            .collect();
        let found = Contracts::parse(changed.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        found.err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let found = wrong("vacant = \"not_needed\"", "vacnt = \"not_needed\"");
    assert!(found.contains("vacnt") && found.contains("did you mean \"vacant\"?"), "{found}");
    let found = wrong("vacant = \"not_needed\"", "vacant = \"no\"");
    assert!(found.contains("takes one of needed, not_needed, unclear"), "{found}");
}

#[test]
fn an_action_is_a_step_and_an_event() {
    let record = record(&[
        ("action_id", text("act-1")),
        ("household", text("h1")),
        ("episode", text("e1")),
        ("alert_revision", Tree::Int(2)),
        ("action", text("contacted")),
        ("actor", text("w1")),
        ("acted_at", Tree::Int(MARCH_1)),
    ]);
    let Ok(Payload::Action(action)) = read("casework.actions", &record) else { panic!("an action") };
    assert_eq!((action.kind, action.seen_revision), (ActionKind::Contact, 2));
    assert_eq!((action.key, action.event.as_str()), (key("CASEWORK", "act-1"), "casework.action"));
    assert_eq!(action.fields, [(SmolStr::new("action"), Value::text("contacted"))]);
}

#[test]
fn a_source_says_how_far_it_is() {
    let said = record(&[("source", text("KEPCO")), ("delivered_through", Tree::Int(MARCH_1))]);
    let Ok(Payload::Source(report)) = read("sources.reports", &said) else { panic!("a statement") };
    assert_eq!((report.source.as_str(), report.delivered_through), ("KEPCO", StreamTime(MARCH_1)));
}

#[test]
fn facts_are_sorted_and_unknown_ones_left_out() {
    let record = record(&[
        ("source", text("MOIS")),
        ("source_key", text("r1")),
        ("household", text("h1")),
        ("valid_from", Tree::Int(20_000)),
        ("size", Tree::Int(1)),
        ("oldest_born", Tree::Int(-8_000)),
        ("has_disability", Tree::Bool(false)),
    ]);
    let Ok(Payload::Facts(facts)) = read("registry.households", &record) else { panic!("facts") };
    let names: Vec<&str> = facts.version.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["has_disability", "oldest_born", "size"]);
    assert_eq!(topic("registry.households").record_key(&record).as_deref(), Some("h1/MOIS/r1"));
}

#[test]
fn a_null_value_takes_a_registry_entry_back() {
    let links = topic("registry.subjects");
    let Ok(Payload::Link(link)) = links.read(Some(b"person:p1/MOIS/r/7"), None) else { panic!("a link") };
    assert_eq!(
        (link.subject, link.key, link.removed),
        (SubjectId::new("person:p1"), key("MOIS", "r/7"), true)
    );
    let Ok(Payload::Facts(facts)) = topic("registry.households").read(Some(b"h1/MOIS/r1"), None) else {
        panic!("facts")
    };
    assert_eq!((facts.entity.as_str(), facts.version.key, facts.removed), ("h1", key("MOIS", "r1"), true));
    for bad in [&b"person:p1"[..], b"p1/MOIS/r1", b"person:/MOIS/r1", b"\xff"] {
        assert_eq!(links.read(Some(bad), None).expect_err("no key of a link").code, BAD_KEY);
    }
}

#[test]
fn bad_input_is_rejected_with_its_cause_and_without_its_content() {
    let secret = "SECRET-7";
    let cases: &[(&'static str, &[(&str, Tree)])] = &[
        (MISSING_FIELD, &[("months", Tree::Null)]),
        (MISSING_FIELD, &[("as_of", Tree::Null)]),
        (MISSING_FIELD, &[("kind", Tree::Null)]),
        (DATE_RANGE, &[("as_of", Tree::Int(165_900))]),
        (DATE_RANGE, &[("as_of", Tree::Int(7_304))]),
        (DATE_RANGE, &[("as_of", Tree::Int(i64::from(i32::MAX)))]),
        (NUMBER_RANGE, &[("amount_krw", Tree::Int(-1))]),
        (UNKNOWN_KIND, &[("kind", text(secret))]),
        (UNKNOWN_KIND, &[("change", text(secret))]),
        (NO_OWNER, &[("person", Tree::Null), ("address", Tree::Null)]),
        (BAD_TEXT, &[("source_key", text("SECRET-7\0"))]),
        (BAD_TEXT, &[("source_key", text(""))]),
        (BAD_TEXT, &[("person", text(&secret.repeat(30)))]),
    ];
    for (code, changes) in cases {
        let reject = read("signals.arrears", &arrears(changes)).expect_err("a reject");
        assert_eq!(reject.code, *code, "{changes:?}: {}", reject.text);
        assert!(!reject.text.contains("SECRET") && !reject.text.contains("165900"), "{}", reject.text);
    }
}

#[test]
fn bytes_that_are_no_record_are_rejected() {
    let topic = topic("signals.arrears");
    let good = topic.encode(&arrears(&[])).expect("it encodes");
    let code = |bytes: &[u8]| topic.read(None, Some(bytes)).expect_err("a reject").code;
    assert_eq!(code(&good[..good.len() - 1]), UNDECODABLE);
    assert_eq!(code(&[good.as_slice(), &[0]].concat()), UNDECODABLE);
    assert_eq!(code(&good[..6]), UNDECODABLE);
    assert_eq!(code(&[0xC3, 1, 9, 9, 9, 9, 9, 9, 9, 9, 0]), UNKNOWN_SCHEMA);
    assert_eq!(code(&[0, 0, 0, 0, 7, 2, 2]), UNKNOWN_SCHEMA);
    assert_eq!(code(b""), WRONG_ENCODING);
    assert_eq!(code(b"source=NHIS"), WRONG_ENCODING);
    assert_eq!(code(b"{\"source\": \"NHIS\""), BAD_JSON);
    assert_eq!(code(b"{\"source\": \"NHIS\"}"), BAD_JSON);
    assert_eq!(code(&vec![b' '; 10_000_000]), TOO_LARGE);
    assert_eq!(topic.read(None, None).expect_err("a reject").code, NULL_VALUE);
    let alerts = contracts().topic("alerts.crisis").expect("a topic");
    assert_eq!(alerts.read(None, Some(&good)).expect_err("a reject").code, NO_INPUT);
}

#[test]
fn json_and_avro_say_the_same() {
    let json = r#"{"source": "NHIS", "source_key": "debt-1", "person": "p1", "address": "a1",
        "kind": "health_insurance", "months": 3, "amount_krw": 240000, "as_of": "2026-03-01"}"#;
    let topic = topic("signals.arrears");
    assert_eq!(topic.read(None, Some(json.as_bytes())), read("signals.arrears", &arrears(&[])));
    let unknown = topic.read(None, Some(br#"{"source": "NHIS", "source_key": "d", "SECRET": 1}"#));
    let reject = unknown.expect_err("a field that the schema does not have");
    assert_eq!(reject.code, BAD_JSON);
    assert!(!reject.text.contains("SECRET"), "{}", reject.text);
}

#[test]
fn a_registry_id_is_asked_once_and_resolved() {
    let writer = r#"{"type": "record", "name": "Other", "fields": [
        {"name": "source", "type": "string"}, {"name": "noise", "type": "double"},
        {"name": "source_key", "type": "string"}, {"name": "person", "type": "string"},
        {"name": "kind", "type": "string"}, {"name": "months", "type": "int"},
        {"name": "amount_krw", "type": "int"}, {"name": "as_of", "type": {"type": "int", "logicalType": "date"}}]}"#;
    let schema = apache_avro::Schema::parse_str(writer).expect("a schema");
    let fields = [
        ("source", "NHIS".into()),
        ("noise", 0.5_f64.into()),
        ("source_key", "debt-1".into()),
        ("person", "p1".into()),
        ("kind", "health_insurance".into()),
        ("months", 3_i32.into()),
        ("amount_krw", 240_000_i32.into()),
        ("as_of", apache_avro::types::Value::Date(20_513)),
    ];
    let fields = fields.map(|(name, value): (&str, apache_avro::types::Value)| (name.to_owned(), value));
    let datum = datum(&schema, apache_avro::types::Value::Record(fields.into()));
    let bytes = [&[0, 0, 0, 0, 7][..], &datum].concat();

    let with = |schemas: FixedSchemas| builtin().with_schemas(Arc::new(schemas));
    let known = with(FixedSchemas(BTreeMap::from([(7, writer.to_owned())])));
    let topic = known.topic("signals.arrears").expect("a topic");
    let expected = read("signals.arrears", &arrears(&[("address", Tree::Null)]));
    assert_eq!(topic.read(None, Some(&bytes)), expected);
    assert_eq!(topic.read(None, Some(&bytes)), expected);
    let unknown = with(FixedSchemas::default());
    let reject =
        unknown.topic("signals.arrears").expect("a topic").read(None, Some(&bytes)).expect_err("unknown");
    assert_eq!(reject.code, UNKNOWN_SCHEMA);
}

#[derive(Debug)]
struct Away;

impl SchemaSource for Away {
    fn schema(&self, _topic: &str, _id: u32) -> Result<Option<String>, SchemaUnavailable> {
        Err(SchemaUnavailable(String::from("connection refused")))
    }
}

#[test]
fn a_registry_that_is_away_rejects_nothing() {
    let contracts = builtin().with_schemas(Arc::new(Away));
    let topic = contracts.topic("signals.arrears").expect("a topic");
    let reject = topic.read(None, Some(&[0, 0, 0, 0, 7, 2, 2])).expect_err("not now");
    assert!(reject.is_transient());
}

#[test]
fn a_record_that_does_not_encode_says_which_field() {
    let topic = topic("signals.arrears");
    let error = |record: &Tree| topic.encode(record).expect_err("it does not fit");
    assert!(error(&arrears(&[("monts", Tree::Int(3))])).contains("did you mean \"months\"?"));
    assert!(
        error(&arrears(&[("months", text("drei"))])).contains("field \"months\" takes an int, not a text")
    );
    assert!(error(&record(&[("source", text("NHIS"))])).contains("field \"source_key\" is missing"));
}

#[test]
fn a_month_counts_at_its_last_day() {
    let day = |text: &str| text.parse::<Day>().expect("a day");
    assert_eq!(last_of_month(day("2028-02-03")), day("2028-02-29"));
    assert_eq!(last_of_month(day("2026-12-31")), day("2026-12-31"));
}
