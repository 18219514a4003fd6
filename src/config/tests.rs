use super::super::{ClockKind, Config, STAGES, StoreEngine};
use super::{Loaded, Sources, load};

const MINIMAL: &str = "[application]\ninstance = \"a\"\n[kafka]\nbootstrap = \"127.0.0.1:9092\"\n";

fn load_with(text: &str, environment: &[(&str, &str)], set: &[&str]) -> Loaded {
    load(&Sources {
        file: Some(("test.toml".into(), text.to_owned())),
        environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        set: set.iter().map(|s| (*s).to_owned()).collect(),
    })
}

fn good(text: &str, environment: &[(&str, &str)], set: &[&str]) -> Config {
    let (config, found) = load_with(text, environment, set);
    config.unwrap_or_else(|| panic!("{found:#?}"))
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let text = format!("{MINIMAL}[lanes]\nintake = 2\nidentity = 2\nhouseholds = 2\n");
    let environment = [("IEUM__LANES__IDENTITY", "3"), ("IEUM__LANES__HOUSEHOLDS", "3"), ("HOME", "x")];
    let config = good(&text, &environment, &["lanes.households=4", "application.clock=declared"]);
    let lanes = ["intake", "identity", "households", "control"].map(|stage| config.lanes(stage));
    assert_eq!(lanes, [2, 3, 4, 1]);
    assert_eq!(config.application.clock, ClockKind::Declared);
}

#[test]
fn every_stage_may_be_given_lanes() {
    let lanes: Vec<_> = STAGES.iter().map(|stage| format!("lanes.{stage}=2")).collect();
    let config = good(MINIMAL, &[], &lanes.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(STAGES.iter().all(|stage| config.lanes(stage) == 2));
}

#[test]
fn a_store_is_sorted_files_unless_sled_is_asked_for() {
    let engine = |set: &[&str]| good(MINIMAL, &[], set).state.engine;
    assert_eq!(engine(&[]), StoreEngine::Tables);
    assert_eq!(engine(&["state.engine=tables"]), StoreEngine::Tables);
    assert_eq!(engine(&["state.engine=sled"]), StoreEngine::Sled);
    let (config, found) = load_with(MINIMAL, &[], &["state.engine=slet"]);
    assert!(config.is_none());
    assert_eq!(found.first().and_then(|told| told.help.as_deref()), Some("did you mean \"sled\"?"));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "[application]\ninstanse = \"a\"\nclock = \"appendd\"\n\n[kafka]\nbootstrap = 9092\nsecurity = \"sasl\"\n\
                username = \"u\"\npassword_file = \"/nowhere/at/all\"\n[kafka.librdkafka]\n\"isolation.level\" = \"read_uncommitted\"\n\
                [http]\nlisten = \"nine\"\n[lanes]\nintake = 0\n[extra]\nkey = 1\n";
    let (config, found) = load_with(text, &[], &["nothing"]);
    assert!(config.is_none());
    let told: Vec<(&str, &str)> = found.iter().map(|d| (d.code, &text[d.span.clone()])).collect();
    for expected in [
        ("IEUM-G002", "instanse"),
        ("IEUM-G004", "\"appendd\""),
        ("IEUM-G003", "9092"),
        ("IEUM-G006", "\"/nowhere/at/all\""),
        ("IEUM-G007", "\"isolation.level\""),
        ("IEUM-G004", "\"nine\""),
        ("IEUM-G004", "0"),
        ("IEUM-G002", "key"),
        ("IEUM-G005", ""),
        ("IEUM-G008", ""),
    ] {
        assert!(told.contains(&expected), "{expected:?} not in {told:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
    let help = |key: &str| found.iter().find(|d| d.message.contains(key)).and_then(|d| d.help.clone());
    assert_eq!(help("instanse").as_deref(), Some("did you mean \"application.instance\"?"));
    assert_eq!(help("appendd").as_deref(), Some("did you mean \"append\"?"));
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_place() {
    let (config, found) = load_with("[application\ninstance = \"a\"", &[], &[]);
    assert!(config.is_none());
    assert_eq!(found[0].code, "IEUM-G001", "{found:#?}");
}

#[test]
fn what_would_defeat_a_lane_is_refused() {
    for (text, at) in [
        ("[lanes]\ncommit_interval_ms = 4000\n", "4000"),
        ("transaction_timeout_ms = 1000\n[lanes]\ncommit_interval_ms = 334\n", "334"),
        ("[application]\nhistory_days = 799\n", "799"),
        ("[application]\nhistory_days = 1201\n", "1201"),
    ] {
        let text = match text.strip_prefix("[application]\n") {
            Some(key) => MINIMAL.replacen("[kafka]", &format!("{key}[kafka]"), 1),
            None => format!("{MINIMAL}{text}"),
        };
        let (config, found) = load_with(&text, &[], &[]);
        assert!(config.is_none(), "{text}");
        assert_eq!((found[0].code, &text[found[0].span.clone()]), ("IEUM-G004", at), "{found:#?}");
    }
    good(&format!("{MINIMAL}transaction_timeout_ms = 1000\n[lanes]\ncommit_interval_ms = 333\n"), &[], &[]);
}

#[test]
fn a_registry_is_an_address_and_stands_alone() {
    let config = good(&format!("{MINIMAL}[schemas]\nregistry = \"http://registry:8081/apis/\"\n"), &[], &[]);
    let registry = config.schemas.registry.unwrap();
    assert_eq!((registry.host.as_str(), registry.port, registry.path.as_str()), ("registry", 8081, "/apis"));
    for wrong in ["https://registry:8081", "registry:8081", "http://registry", "http://:1", "http://a b:1"] {
        let (config, found) = load_with(&format!("{MINIMAL}[schemas]\nregistry = \"{wrong}\"\n"), &[], &[]);
        assert!(config.is_none() && found[0].code == "IEUM-G004", "{wrong}");
    }
    let both = format!("{MINIMAL}[schemas]\nregistry = \"http://r:1\"\ndir = \"schemas\"\n");
    assert!(load_with(&both, &[], &[]).0.is_none());
}

#[test]
fn a_secret_comes_from_its_file_and_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), "hush\n").unwrap();
    let text = format!("{MINIMAL}security = \"sasl_tls\"\nusername = \"u\"\npassword_file = \"password\"\n");
    let file = Some((dir.path().join("ieum.toml"), text));
    let (config, found) = load(&Sources { file, ..Sources::default() });
    let config = config.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(config.kafka.client().get("sasl.password"), Some("hush"));
    assert_eq!(config.kafka.client().get("security.protocol"), Some("sasl_ssl"));
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn librdkafka_keys_pass_through_and_ours_win() {
    let text =
        format!("{MINIMAL}[kafka.librdkafka]\n\"linger.ms\" = 7\n\"socket.keepalive.enable\" = true\n");
    let environment = [("IEUM__KAFKA__LIBRDKAFKA__FETCH_WAIT_MAX_MS", "20")];
    let config = good(&text, &environment, &["kafka.librdkafka.linger.ms=9"]);
    assert_eq!(config.kafka.producer().get("linger.ms"), Some("9"));
    assert_eq!(config.kafka.consumer(1 << 20).get("fetch.wait.max.ms"), Some("20"));
    assert_eq!(config.kafka.consumer(1 << 20).get("isolation.level"), Some("read_committed"));
}

#[test]
fn an_answer_to_a_fetch_may_be_as_full_as_was_asked_for_and_have_its_frame_beside() {
    /// Bytes of the protocol for a partition, and for a transaction that was aborted in it (Kafka's FetchResponse, v12 on).
    const PARTITION: u64 = 64;
    const ABORTED: u64 = 16;
    let config = good(MINIMAL, &[], &[]);
    for queue_bytes in [1 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 40] {
        let consumer = config.kafka.consumer(queue_bytes);
        let get = |key: &str| consumer.get(key).and_then(|value| value.parse::<u64>().ok()).expect(key);
        let largest: u64 = config.kafka.producer().get("message.max.bytes").unwrap().parse().unwrap();
        // A first record comes whole, however little was asked for.
        let records = get("fetch.max.bytes").max(largest);
        assert!(get("receive.message.max.bytes") >= records + 1_000 * (PARTITION + 100 * ABORTED));
        // The largest record, packed by zstd: librdkafka tries buffers each three times the one before, up to this bound.
        assert!(get("receive.message.max.bytes") >= 3 * largest);
        assert!(get("queued.max.messages.kbytes") <= 2_097_151 && get("fetch.max.bytes") <= 2_147_483_135);
    }
}

#[test]
fn the_files_in_deploy_load() {
    for (file, text, clock) in [
        ("ieum.toml", include_str!("../../deploy/ieum.toml"), ClockKind::Append),
        ("local.toml", include_str!("../../deploy/local.toml"), ClockKind::Declared),
    ] {
        // The password lies in a secret that only the machine of production has.
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("password"), "x").unwrap();
        let text = text.replace("/run/secrets/ieum-kafka-password", "password");
        let (config, found) =
            load(&Sources { file: Some((dir.path().join(file), text)), ..Sources::default() });
        let config = config.unwrap_or_else(|| panic!("{file}: {found:#?}"));
        assert_eq!(config.application.clock, clock, "{file}");
    }
}

#[test]
fn every_key_of_ours_is_explained_in_the_production_file() {
    let text = include_str!("../../deploy/ieum.toml");
    for path in super::KNOWN {
        let key = path.rsplit('.').next().unwrap();
        assert!(text.contains(key), "deploy/ieum.toml does not show {path}");
    }
}
