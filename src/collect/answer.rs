//! Bytes of an answer into a page of records, or into what is wrong with it. An error that comes with status 200 is an error.

use super::asking::Raw;
use super::source::{Envelope, EnvelopeForm, Meaning, Source};
use super::trouble::{Kind, Trouble};
use serde_json::Value;

/// A page of the list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    /// How many records all pages have together, as the source says.
    pub(super) total: u64,
    /// Records, as they came.
    pub(super) records: Vec<Value>,
}

/// Most characters that are repeated of a source's own words.
const WORDS: usize = 160;

/// Reads an answer to the request for a page; of a saved one nobody knows which page was asked for.
pub(super) fn read(source: &Source, number: Option<u32>, raw: &Raw) -> Result<Page, Trouble> {
    let body = raw.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&raw.body).trim_ascii();
    let shape = Shape { source, body };
    match raw.status {
        200..=299 => {}
        300..=399 => {
            return Err(Trouble::new(Kind::Moved, format!("it answers {} (elsewhere)", raw.status)));
        }
        429 => {
            let kind = Kind::Busy { retry_after: raw.retry_after };
            return Err(shape
                .envelope()
                .unwrap_or_else(|| Trouble::new(kind, "it answers 429 (too many requests)")));
        }
        500.. => {
            let kind = Kind::Busy { retry_after: raw.retry_after };
            return Err(Trouble::new(kind, format!("it answers {}", raw.status)));
        }
        401 | 403 => {
            return Err(Trouble::new(Kind::KeyRefused, format!("it answers {} (not allowed)", raw.status)));
        }
        status => {
            let told = format!("it answers {status}");
            return Err(shape.envelope().unwrap_or_else(|| Trouble::new(Kind::Refused, told)));
        }
    }
    if body.first() == Some(&b'<') {
        let page = "it answers a page of HTML or XML instead of JSON";
        return Err(shape.envelope().unwrap_or_else(|| Trouble::new(Kind::NotJson, page)));
    }
    let json = json(body)?;
    for envelope in source.envelopes.iter().filter(|envelope| envelope.form == EnvelopeForm::Json) {
        let said = at(&json, &envelope.code).and_then(plain);
        match said.and_then(|code| meant(envelope, &code, || text_at(&json, envelope.message.as_deref()))) {
            None => {}
            Some(Said::Empty) => return Ok(Page { total: 0, records: Vec::new() }),
            Some(Said::Wrong(trouble)) => return Err(trouble),
        }
    }
    page(source, number, json)
}

struct Shape<'a> {
    source: &'a Source,
    body: &'a [u8],
}

impl Shape<'_> {
    /// What an envelope of a body that is no list says, if it is one.
    fn envelope(&self) -> Option<Trouble> {
        let text = std::str::from_utf8(self.body).ok()?;
        let json: Option<Value> = serde_json::from_str(text).ok();
        self.source.envelopes.iter().find_map(|envelope| {
            let found = |name: &str| match envelope.form {
                EnvelopeForm::Json => at(json.as_ref()?, name).and_then(plain),
                EnvelopeForm::Xml => element(text, name).map(str::to_owned),
            };
            let code = found(&envelope.code)?;
            let message = || envelope.message.as_deref().and_then(found);
            match meant(envelope, &code, message)? {
                Said::Wrong(trouble) => Some(trouble),
                Said::Empty => None,
            }
        })
    }
}

enum Said {
    Empty,
    Wrong(Trouble),
}

/// What a code means; none if it means success.
fn meant(envelope: &Envelope, code: &str, message: impl FnOnce() -> Option<String>) -> Option<Said> {
    if envelope.good.iter().any(|good| good == code) {
        return None;
    }
    let kind = match envelope.means.iter().find(|(known, _)| known == code).map(|(_, meaning)| *meaning) {
        Some(Meaning::Empty) => return Some(Said::Empty),
        Some(Meaning::Key) => Kind::KeyRefused,
        Some(Meaning::Quota) => Kind::Quota,
        Some(Meaning::Busy) => Kind::Busy { retry_after: None },
        Some(Meaning::Refused) => Kind::Refused,
        None => Kind::Reported,
    };
    let words = message().map_or_else(String::new, |words| format!(": {}", cut(&words)));
    Some(Said::Wrong(Trouble::new(kind, format!("it reports code {}{words}", cut(code)))))
}

/// One line of a source's own words.
fn cut(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(WORDS).collect()
}

fn json(body: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(body).map_err(|error| {
        let told = if body.is_empty() {
            String::from("its answer is empty")
        } else if error.is_eof() {
            format!("its answer ends in the middle, after {} bytes", body.len())
        } else {
            format!("its answer is no JSON at line {} column {}", error.line(), error.column())
        };
        Trouble::new(Kind::NotJson, told)
    })
}

fn page(source: &Source, number: Option<u32>, mut json: Value) -> Result<Page, Trouble> {
    let form = &source.answer;
    let lacks =
        |path: &str, what: &str| Trouble::new(Kind::Shape, format!("its answer has no {what} at \"{path}\""));
    let total =
        at(&json, &form.total).and_then(count).ok_or_else(|| lacks(&form.total, "number of records"))?;
    let answered = form.number.as_ref().and_then(|path| at(&json, path)).and_then(count);
    if let Some((answered, number)) = answered.zip(number)
        && answered != u64::from(number)
    {
        let told = format!("it answers page {answered} when asked for page {number}");
        return Err(Trouble::new(Kind::Shape, told));
    }
    let records = match at_mut(&mut json, &form.records).map(Value::take) {
        Some(Value::Array(records)) => records,
        // Where one record is no list of one.
        Some(record @ Value::Object(_)) => vec![record],
        Some(Value::Null) | None if total == 0 => Vec::new(),
        _ => return Err(lacks(&form.records, "list of records")),
    };
    Ok(Page { total, records })
}

fn at<'j>(json: &'j Value, path: &str) -> Option<&'j Value> {
    path.split('.').try_fold(json, |json, name| json.get(name))
}

fn at_mut<'j>(json: &'j mut Value, path: &str) -> Option<&'j mut Value> {
    path.split('.').try_fold(json, |json, name| json.get_mut(name))
}

/// A text or a number as text.
fn plain(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text_at(json: &Value, path: Option<&str>) -> Option<String> {
    at(json, path?).and_then(plain)
}

/// A count as number or text.
fn count(json: &Value) -> Option<u64> {
    plain(json)?.parse().ok()
}

/// The text of the first element of this name.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim())
}

#[cfg(test)]
#[path = "tests/answers.rs"]
mod tests;
