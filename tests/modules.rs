//! The dependency rule of `src/ARCHITECTURE.md`, enforced: which module may name which, which crates the pure core may
//! name, and that the engine knows no word of the domain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module → modules of this crate that it may name. Arrows run one way.
const MODULES: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("contracts", &["types"]),
    ("rules", &["types", "contracts"]),
    ("engine", &["types", "contracts", "rules"]),
    ("matching", &["types", "contracts", "rules"]),
    ("sim", &["types", "contracts", "rules", "engine", "matching"]),
    ("replay", &["types", "contracts", "rules", "engine", "sim"]),
    ("config", &["types", "contracts"]),
    ("telemetry", &["types", "contracts", "rules", "engine", "config"]),
    ("ingest", &["types", "contracts", "engine", "config", "telemetry"]),
    ("store", &["types", "contracts", "engine", "config", "telemetry"]),
    ("publish", &["types", "contracts", "engine", "config", "telemetry"]),
    ("collect", &["types", "contracts", "engine", "config", "telemetry", "ingest", "publish"]),
    (
        "runtime",
        &[
            "types",
            "contracts",
            "rules",
            "engine",
            "matching",
            "config",
            "telemetry",
            "ingest",
            "store",
            "publish",
        ],
    ),
    ("casework", &["types", "contracts", "rules", "engine", "config", "telemetry", "ingest", "publish"]),
    ("http", &["types", "contracts", "rules", "engine", "config", "telemetry", "casework", "runtime"]),
    (
        "cli",
        &[
            "types",
            "contracts",
            "rules",
            "engine",
            "matching",
            "sim",
            "replay",
            "config",
            "telemetry",
            "ingest",
            "store",
            "publish",
            "collect",
            "runtime",
            "casework",
            "http",
        ],
    ),
];

/// The modules that compile with `--no-default-features`.
const PURE: &[&str] = &["types", "contracts", "rules", "engine", "matching", "sim", "replay"];

/// Crates that no pure module may name: each is a door to the world.
const WORLDLY: &[&str] = &[
    "anstream",
    "annotate_snippets",
    "axum",
    "clap",
    "clap_complete",
    "clap_mangen",
    "console",
    "indicatif",
    "prometheus",
    "rdkafka",
    "signal_hook",
    "sled",
    "tokio",
    "tracing",
    "tracing_subscriber",
    "ureq",
];

/// Standard library doors. (`std::fmt`, `std::error` and collections are no doors.)
const DOORS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::io",
    "SystemTime",
    "Instant::now",
    "HashMap",
    "HashSet",
    "Utc::now",
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("an entry of src").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Each module's files, comment lines taken out.
fn code_by_module() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).expect("below src").to_path_buf();
        let first = relative.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("a source file is text");
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        modules.entry(module).or_default().push((relative, code));
    }
    modules
}

fn words_after<'a>(code: &'a str, marker: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(marker).filter_map(move |(at, _)| {
        let before = at.checked_sub(1).map_or(b' ', |i| code.as_bytes()[i]);
        let rest = &code[at + marker.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (!before.is_ascii_alphanumeric() && before != b'_').then_some(&rest[..end])
    })
}

#[test]
fn modules_name_only_what_the_matrix_allows() {
    let mut wrong = Vec::new();
    for (module, files) in code_by_module() {
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("src/{module} has no row in the matrix"));
            continue;
        };
        for (path, code) in files {
            for named in words_after(&code, "crate::") {
                let known = MODULES.iter().any(|(name, _)| *name == named);
                if known && named != module && !allowed.contains(&named) {
                    wrong.push(format!("src/{} names {named}, which {module} may not", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_core_opens_no_door_to_the_world() {
    let mut wrong = Vec::new();
    for (module, files) in code_by_module() {
        if !PURE.contains(&module.as_str()) {
            continue;
        }
        for (path, code) in files {
            for name in WORLDLY.iter().filter(|c| words_before_path(&code, c)) {
                wrong.push(format!("src/{} names the crate {name}", path.display()));
            }
            for door in DOORS.iter().filter(|d| code.contains(**d)) {
                wrong.push(format!("src/{} names {door}", path.display()));
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&module).join("mod.rs");
        let text = fs::read_to_string(root).unwrap_or_default();
        if !text.contains("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]") {
            wrong.push(format!("src/{module}/mod.rs does not turn the bans of .clippy.toml on"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `crate_name::` occurs as a path of its own.
fn words_before_path(code: &str, crate_name: &str) -> bool {
    code.match_indices(&format!("{crate_name}::")).any(|(at, _)| {
        at.checked_sub(1).is_none_or(|i| {
            let before = code.as_bytes()[i];
            !before.is_ascii_alphanumeric() && before != b'_' && before != b':'
        })
    })
}

/// Words that are the engine's own though topics declare them too.
const OWN_WORDS: &[&str] = &[
    "household",
    "source",
    "subject",
    "notice",
    "profile",
    "area",
    "region",
    "link",
    "action",
    "casework",
    "report",
];

#[test]
fn the_engine_knows_no_word_of_the_domain() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = domain_words(root);
    words.retain(|word| !OWN_WORDS.contains(&word.as_str()));

    let mut wrong = Vec::new();
    for (module, files) in code_by_module() {
        for (path, code) in files {
            let path_text = path.to_string_lossy().replace('\\', "/");
            let is_test = path_text.contains("/tests") || path_text.ends_with("tests.rs");
            if module == "casework" || path_text.starts_with("sim/city") || is_test {
                continue;
            }
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            for word in words.iter().filter(|word| says(code, word)) {
                wrong.push(format!("src/{path_text} says \"{word}\""));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Event names that topics declare (`cutoff.water` gives `cutoff` and `cutoff.water`) and names of rules.
fn domain_words(root: &Path) -> Vec<String> {
    let mut words = Vec::new();
    for entry in fs::read_dir(root.join("topics")).into_iter().flatten() {
        let dir = entry.expect("an entry of topics").path();
        let Ok(text) = fs::read_to_string(dir.join("topic.toml")) else { continue };
        let table: toml::Table = text.parse().expect("topic.toml is TOML");
        if let Some(events) = table.get("events").and_then(toml::Value::as_table) {
            for name in events.values().filter_map(toml::Value::as_str) {
                words.push(name.to_owned());
                words.extend(name.split('.').next().map(str::to_owned));
            }
        }
    }
    for group in ["crisis", "suppress"] {
        for entry in fs::read_dir(root.join("rules").join(group)).into_iter().flatten() {
            let name = entry.expect("an entry of rules").file_name().to_string_lossy().into_owned();
            words.extend(name.strip_suffix(".yaml").map(str::to_owned));
        }
    }
    words.sort();
    words.dedup();
    words
}

fn says(code: &str, word: &str) -> bool {
    let bytes = code.as_bytes();
    let free = |c: Option<u8>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != b'_');
    code.match_indices(word)
        .any(|(at, _)| free(at.checked_sub(1).map(|i| bytes[i])) && free(bytes.get(at + word.len()).copied()))
}
