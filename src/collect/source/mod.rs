//! A source as its file describes it: where to ask, how pages and errors look, which fields name a record, how often it may be asked.

mod reader;

use super::codes::{WRONG_TOPIC, WRONG_VALUE};
use crate::contracts::{Contracts, Route, Topic};
use crate::types::{Diagnostic, SmolStr, did_you_mean};
use include_dir::{Dir, include_dir};
use reader::{Mistakes, Section, Word, parse};
use std::path::PathBuf;
use std::time::Duration;

static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/deploy/sources");

/// Files of `deploy/sources` as this binary was built, by name.
pub fn builtin_files() -> Vec<(&'static str, &'static str)> {
    let text = |file: &'static include_dir::File<'_>| Some((file.path().to_str()?, file.contents_utf8()?));
    let mut files: Vec<_> = SOURCES.files().filter_map(text).collect();
    files.sort_unstable();
    files
}

/// An open API that lists notices page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its file's name without the ending.
    pub name: SmolStr,
    /// Korean name.
    pub label: String,
    /// Topic that takes its records.
    pub topic: SmolStr,
    /// Its code, as records name it.
    pub code: SmolStr,
    /// How it is asked.
    pub request: Request,
    /// How pages are asked for.
    pub paging: Paging,
    /// Where an answer has what.
    pub answer: AnswerForm,
    /// How it reports errors inside answers.
    pub envelopes: Vec<Envelope>,
    /// What its records are.
    pub record: RecordForm,
    /// When its list is whole.
    pub whole: Whole,
}

/// How a source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Address without parameters.
    pub url: String,
    /// Parameter that carries the key, and the file that holds it.
    pub key: Option<(String, PathBuf)>,
    /// Parameters of every request.
    pub parameters: Vec<(String, String)>,
    /// Longest wait for one whole answer.
    pub timeout: Duration,
    /// Attempts at one page.
    pub attempts: u32,
    /// Least time between two requests.
    pub pause: Duration,
    /// Requests that it may be sent on a day (KST).
    pub per_day: u32,
}

/// How pages are asked for. They are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Parameter of the page's number.
    pub number: String,
    /// Parameter of the number of records in a page.
    pub size: String,
    /// Records in a page.
    pub records: u32,
}

/// Where an answer has what: names joined by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerForm {
    /// The list of records.
    pub records: String,
    /// How many records all pages have together.
    pub total: String,
    /// The page's number, where it is told.
    pub number: Option<String>,
}

/// How errors are reported inside answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// In JSON or XML.
    pub form: EnvelopeForm,
    /// The code: a path in JSON, an element in XML.
    pub code: String,
    /// Words for a person.
    pub message: Option<String>,
    /// Codes of success.
    pub good: Vec<String>,
    /// What the other codes mean.
    pub means: Vec<(String, Meaning)>,
}

/// How an envelope is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeForm {
    /// A path of names.
    Json,
    /// An element, wherever it stands.
    Xml,
}

/// What a code of an envelope means for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The key is not accepted.
    Key,
    /// No more requests today.
    Quota,
    /// Ask again in a moment.
    Busy,
    /// The list is empty.
    Empty,
    /// The request is wrong: asking again is no use.
    Refused,
}

const MEANINGS: &[(&str, Meaning)] = &[
    ("key", Meaning::Key),
    ("quota", Meaning::Quota),
    ("busy", Meaning::Busy),
    ("empty", Meaning::Empty),
    ("refused", Meaning::Refused),
];

/// What records are, and which fields of the topic carry what is said beside the source's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordForm {
    /// Field of the source's own key.
    pub key: String,
    /// Field that tells when a record was last modified; its texts sort as their times.
    pub modified: Option<String>,
    /// Fields that are never carried: names of people.
    pub left_out: Vec<String>,
    /// Fields whose change alone is no new version: counters of readers.
    pub uncounted: Vec<String>,
    /// Fields of the topic.
    pub into: Target,
}

/// Fields of the topic's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Source.
    pub source: SmolStr,
    /// The source's own key.
    pub key: SmolStr,
    /// Versions of a notice counted by the connector, from 1.
    pub revision: Option<SmolStr>,
    /// Hash of the content.
    pub hash: Option<SmolStr>,
    /// The source no longer lists it.
    pub removed: SmolStr,
    /// When it was collected.
    pub collected: Option<SmolStr>,
    /// Record of the source's own fields; none where they stand beside the others.
    pub original: Option<SmolStr>,
}

/// When a list is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Parameter that asks for one notice by its key, to be sure that it is gone.
    pub confirm: Option<String>,
    /// Largest part of the known notices that may be gone at once, %.
    pub most_removed_percent: u32,
}

const ROOT: &[&str] =
    &["label", "topic", "source", "request", "paging", "answer", "envelope", "record", "whole"];
const REQUEST: &[&str] = &[
    "url",
    "key_parameter",
    "key_file",
    "parameters",
    "timeout_seconds",
    "attempts",
    "pause_ms",
    "requests_per_day",
];
const INTO: &[&str] = &["source", "key", "revision", "hash", "removed", "collected", "original"];

/// Reads a source file, `name.toml`. All mistakes at once; the source is there unless one prevents it.
pub fn check(file: &str, text: &str, contracts: &Contracts) -> (Option<Source>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut mistakes = Mistakes { file, found: &mut found };
    let source = parse(text, &mut mistakes).and_then(|table| {
        let root = Section::root(&table, ROOT, &mut mistakes);
        read(file, root, contracts, &mut mistakes)
    });
    found.sort_by_key(|mistake| mistake.span.start);
    (source.filter(|_| found.is_empty()), found)
}

fn read(
    file: &str,
    root: Section<'_, '_>,
    contracts: &Contracts,
    mistakes: &mut Mistakes<'_>,
) -> Option<Source> {
    let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
    let label = root.word("label", mistakes).text;
    let (topic, code) = (root.word("topic", mistakes), root.word("source", mistakes).text);
    let request = root.section("request", REQUEST, mistakes).map(|section| request(section, mistakes));
    let paging = root.section("paging", &["number", "size", "records"], mistakes).map(|section| Paging {
        number: section.word("number", mistakes).text,
        size: section.word("size", mistakes).text,
        records: section.number("records", 1..=10_000, 100, mistakes),
    });
    let answer =
        root.section("answer", &["records", "total", "number"], mistakes).map(|section| AnswerForm {
            records: section.word("records", mistakes).text,
            total: section.word("total", mistakes).text,
            number: section.word_if_any("number", mistakes).map(|word| word.text),
        });
    let envelopes = root.sections("envelope", &["form", "code", "message", "good", "means"], mistakes);
    let envelopes = envelopes.into_iter().map(|section| envelope(section, mistakes)).collect();
    let record = root
        .section("record", &["key", "modified", "left_out", "uncounted", "into"], mistakes)
        .and_then(|section| record(section, &topic, contracts, mistakes));
    let whole = root.section("whole", &["confirm", "most_removed_percent"], mistakes).map(|section| Whole {
        confirm: section.word_if_any("confirm", mistakes).map(|word| word.text),
        most_removed_percent: section.number("most_removed_percent", 1..=100, 20, mistakes),
    });
    Some(Source {
        name: SmolStr::new(name),
        label,
        topic: SmolStr::new(topic.text),
        code: SmolStr::new(code),
        request: request?,
        paging: paging?,
        answer: answer?,
        envelopes,
        record: record?,
        whole: whole?,
    })
}

fn request(section: Section<'_, '_>, mistakes: &mut Mistakes<'_>) -> Request {
    let url = section.word("url", mistakes);
    if !url.text.is_empty() && !is_safe(&url.text) {
        let message = format!("\"url\" is \"{}\"", url.text);
        let help = "write https://HOST/PATH without parameters; the request carries the key";
        mistakes.tell(WRONG_VALUE, url.span, message, Some(help.to_owned()));
    }
    let parameter = section.word_if_any("key_parameter", mistakes);
    let file = section.word_if_any("key_file", mistakes);
    if let (Some(word), None) | (None, Some(word)) = (&parameter, &file) {
        let message = String::from("\"key_parameter\" and \"key_file\" go together");
        mistakes.tell(WRONG_VALUE, word.span.clone(), message, None);
    }
    let pairs = section.pairs("parameters", mistakes);
    Request {
        url: url.text,
        key: parameter.zip(file).map(|(parameter, file)| (parameter.text, PathBuf::from(file.text))),
        parameters: pairs.into_iter().map(|(name, word)| (name, word.text)).collect(),
        timeout: Duration::from_secs(section.number("timeout_seconds", 1..=600, 30, mistakes).into()),
        attempts: section.number("attempts", 1..=20, 5, mistakes),
        pause: Duration::from_millis(section.number("pause_ms", 0..=60_000, 500, mistakes).into()),
        per_day: section.number("requests_per_day", 1..=10_000_000, 1_000, mistakes),
    }
}

/// Encrypted, or on this machine; a key is in no address.
pub(super) fn is_safe(url: &str) -> bool {
    let plain = url.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let host =
        url.strip_prefix("https://").or(plain.filter(|host| ["127.0.0.1", "localhost"].contains(host)));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) && !url.contains(['?', '#', ' ', '@'])
}

fn envelope(section: Section<'_, '_>, mistakes: &mut Mistakes<'_>) -> Envelope {
    let form = section.word("form", mistakes);
    let form = choice("form", &form, &[("json", EnvelopeForm::Json), ("xml", EnvelopeForm::Xml)], mistakes);
    let means = section.pairs("means", mistakes);
    let means = means.into_iter().filter_map(|(code, word)| {
        let meaning = choice(&code, &word, MEANINGS, mistakes)?;
        Some((code, meaning))
    });
    let means = means.collect();
    Envelope {
        form: form.unwrap_or(EnvelopeForm::Json),
        code: section.word("code", mistakes).text,
        message: section.word_if_any("message", mistakes).map(|word| word.text),
        good: section.words("good", mistakes).into_iter().map(|word| word.text).collect(),
        means,
    }
}

fn choice<T: Copy>(key: &str, word: &Word, choices: &[(&str, T)], mistakes: &mut Mistakes<'_>) -> Option<T> {
    if let Some((_, chosen)) = choices.iter().find(|(name, _)| *name == word.text) {
        return Some(*chosen);
    }
    if !word.text.is_empty() {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let help = did_you_mean(&word.text, choices.iter().map(|(name, _)| *name))
            .map(|near| format!("did you mean \"{near}\"?"));
        let message = format!("\"{key}\" takes one of {}", names.join(", "));
        mistakes.tell(WRONG_VALUE, word.span.clone(), message, help);
    }
    None
}

fn record(
    section: Section<'_, '_>,
    topic: &Word,
    contracts: &Contracts,
    mistakes: &mut Mistakes<'_>,
) -> Option<RecordForm> {
    let taking = contracts.topic(&topic.text).filter(|topic| topic.route == Route::Notices);
    if taking.is_none() && !topic.text.is_empty() {
        let topics = contracts.topics().filter(|topic| topic.route == Route::Notices);
        let near = did_you_mean(&topic.text, topics.map(|topic| topic.name.as_str()));
        let help = near.map(|near| format!("did you mean \"{near}\"?"));
        mistakes.tell(
            WRONG_TOPIC,
            topic.span.clone(),
            format!("\"{}\" is no topic of notices", topic.text),
            help,
        );
    }
    let key = section.word("key", mistakes).text;
    let modified = section.word_if_any("modified", mistakes).map(|word| word.text);
    let texts = |words: Vec<Word>| words.into_iter().map(|word| word.text).collect::<Vec<_>>();
    let left_out = texts(section.words("left_out", mistakes));
    let uncounted = texts(section.words("uncounted", mistakes));
    let into = section.section("into", INTO, mistakes)?;
    let mut field = |word: Option<Word>| {
        let word = word?;
        if let Some(topic) = taking {
            known(topic, &word, mistakes);
        }
        Some(SmolStr::new(word.text))
    };
    // Read before they are checked: both tell mistakes.
    let mut nothing = Vec::new();
    let mut quiet = Mistakes { file: "", found: &mut nothing };
    let mut any = |key: &str| into.word_if_any(key, &mut quiet);
    let optional = ["revision", "hash", "collected", "original"].map(&mut any);
    let needed = ["source", "key", "removed"].map(&mut any);
    let [revision, hash, collected, original] = optional.map(&mut field);
    let [source, own_key, removed] = needed.map(&mut field);
    for key in ["source", "key", "removed"] {
        into.word(key, mistakes);
    }
    Some(RecordForm {
        key,
        modified,
        left_out,
        uncounted,
        into: Target {
            source: source.unwrap_or_default(),
            key: own_key.unwrap_or_default(),
            revision,
            hash,
            removed: removed.unwrap_or_default(),
            collected,
            original,
        },
    })
}

fn known(topic: &Topic, word: &Word, mistakes: &mut Mistakes<'_>) {
    if word.text.is_empty() || topic.fields.iter().any(|field| field.path == word.text) {
        return;
    }
    let near = did_you_mean(&word.text, topic.fields.iter().map(|field| field.path.as_str()));
    let help = near.map(|near| format!("did you mean \"{near}\"?"));
    let message = format!("topic \"{}\" has no field \"{}\"", topic.name, word.text);
    mistakes.tell(WRONG_TOPIC, word.span.clone(), message, help);
}
