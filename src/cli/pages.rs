//! One registry over the code tables of all modules.

use crate::collect::COLLECT_CODES;
use crate::config::CONFIG_CODES;
use crate::contracts::{CONTRACT_CODES, DECODE_CODES};
use crate::engine::codes::STAGE_CODES;
use crate::engine::lane::LANE_CODES;
use crate::rules::RULE_CODES;
use crate::runtime::RUNTIME_CODES;
use crate::types::did_you_mean;

/// A code's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// Paragraphs, parted by empty lines.
    pub(super) text: &'static str,
}

type Table = &'static [(&'static str, &'static str, &'static str)];

/// Every table of codes, with what its codes are about.
const TABLES: &[(&str, Table)] = &[
    ("mistakes in the configuration", CONFIG_CODES),
    ("mistakes in topics", CONTRACT_CODES),
    ("mistakes in rules", RULE_CODES),
    ("rejected records", DECODE_CODES),
    ("records that a stage rejects", STAGE_CODES),
    ("lanes: commit and recovery", LANE_CODES),
    ("start and end of a process", RUNTIME_CODES),
    ("connectors and their source files", COLLECT_CODES),
];

/// Tables in their order: what they are about, and their pages.
pub(super) fn tables() -> impl Iterator<Item = (&'static str, impl Iterator<Item = Page>)> {
    TABLES
        .iter()
        .map(|(about, table)| (*about, table.iter().map(|(code, title, text)| Page { code, title, text })))
}

/// All pages.
fn all() -> impl Iterator<Item = Page> {
    tables().flat_map(|(_, pages)| pages)
}

/// A code's page; lower case and a missing `IEUM-` are forgiven.
pub(super) fn find(code: &str) -> Option<Page> {
    let code = spelt_out(code);
    all().find(|page| page.code == code)
}

/// The nearest code there is.
pub(super) fn nearest(code: &str) -> Option<Page> {
    let code = spelt_out(code);
    did_you_mean(&code, all().map(|page| page.code)).and_then(find)
}

fn spelt_out(code: &str) -> String {
    let code = code.trim().to_uppercase();
    if code.starts_with("IEUM") { code } else { format!("IEUM-{code}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                into.push(path);
            }
        }
    }

    fn code() -> String {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        // Tests name codes that nothing says.
        let said = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        files.iter().map(|file| said(std::fs::read_to_string(file).unwrap())).collect()
    }

    #[test]
    fn every_code_is_unique_and_has_a_page() {
        let mut seen = BTreeSet::new();
        for page in all() {
            assert!(seen.insert(page.code), "{} stands twice", page.code);
            assert!(page.code.len() == 9 && page.code.starts_with("IEUM-"), "{}", page.code);
            assert!(!page.title.is_empty() && !page.title.ends_with('.'), "{}: {}", page.code, page.title);
            assert!(page.text.len() > 40, "{} has no page", page.code);
        }
    }

    #[test]
    fn every_table_is_registered() {
        let code = code();
        let registered = include_str!("pages.rs").split("#[cfg(test)]").next().unwrap();
        let tables: Vec<&str> = code
            .match_indices("pub const ")
            .filter_map(|(at, marker)| code[at + marker.len()..].split(':').next())
            .filter(|name| name.ends_with("_CODES"))
            .collect();
        assert!(tables.len() >= 3, "{tables:?}");
        for table in tables {
            assert!(registered.contains(&format!(", {table})")), "{table} is not in TABLES");
        }
    }

    #[test]
    fn every_code_that_the_program_says_has_a_page() {
        let code = code();
        for (at, _) in code.match_indices("\"IEUM-") {
            let word: String = code[at + 1..].chars().take_while(|c| *c != '"').collect();
            if word.len() == 9 && word[6..].chars().all(|c| c.is_ascii_digit()) {
                assert!(find(&word).is_some(), "{word} has no page");
            }
        }
    }

    /// A page sends nobody to a command that does not exist.
    #[test]
    fn every_command_on_a_page_exists() {
        let program = crate::cli::args::Args::command();
        let mut named = 0;
        for page in all() {
            for (at, start) in page.text.match_indices("`ieum ") {
                let words = page.text[at + start.len()..].split('`').next().unwrap_or_default();
                let mut command = &program;
                for word in words.split_whitespace() {
                    if !command.has_subcommands() {
                        break;
                    }
                    let found = command.find_subcommand(word);
                    command = found.unwrap_or_else(|| panic!("{}: no command \"ieum {words}\"", page.code));
                    named += 1;
                }
            }
        }
        assert!(named > 3, "pages name {named} commands");
    }

    #[test]
    fn a_code_is_found_as_people_type_it_and_a_near_one_is_named() {
        let code = all().next().unwrap().code;
        for typed in [code, &code.to_lowercase(), &code[5..], &format!(" {code} ")] {
            assert_eq!(find(typed).map(|page| page.code), Some(code), "{typed}");
        }
        assert_eq!(find("IEUM-Z999"), None);
        assert!(nearest("IEUM-Z001").is_some());
        assert_eq!(nearest("nonsense"), None);
    }
}
