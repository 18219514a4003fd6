//! `ieum check`: contracts, rules and configuration, without a network. All mistakes at once.

use super::args::{Check, Sources};
use super::{Exit, output};
use crate::contracts::Contracts;
use crate::types::{Diagnostic, Severity};
use std::collections::BTreeMap;
use std::path::Path;

/// Checks and says what it found.
pub(super) fn run(args: &Check) -> Exit {
    let mut found = Vec::new();
    let mut sources = BTreeMap::new();
    let topics = check_topics(&args.sources, &mut found, &mut sources);
    output::diagnostics(&found, &sources);
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    if errors > 0 {
        anstream::eprintln!("{errors} errors, {} warnings", found.len() - errors);
        return Exit::Found;
    }
    anstream::println!("{topics} topics, {} warnings", found.len());
    Exit::Ok
}

fn check_topics(
    args: &Sources,
    found: &mut Vec<Diagnostic>,
    sources: &mut BTreeMap<String, String>,
) -> usize {
    let root = args.topics.as_deref().unwrap_or(Path::new("topics"));
    read_files(root, root, sources);
    let files = sources.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    match Contracts::parse(files) {
        Ok(contracts) => contracts.topics().count(),
        Err(mistakes) => {
            found.extend(mistakes);
            0
        }
    }
}

/// All text files below a folder, by path relative to `root`. A folder that cannot be read holds none.
fn read_files(root: &Path, dir: &Path, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_files(root, &path, into);
        } else if let (Ok(text), Ok(name)) = (std::fs::read_to_string(&path), path.strip_prefix(root)) {
            into.insert(name.to_string_lossy().replace('\\', "/"), text);
        }
    }
}
