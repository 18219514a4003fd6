//! Who put which pack into force, when and why: the switches of the control log. Author and comment are their headers.

use crate::cli::control;
use crate::cli::exit::Stop;
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, Outgoing, Polled};
use crate::engine::layout::CONTROL_LOG;
use crate::engine::message::{ControlMessage, decode, encode};
use crate::publish::Plain;
use crate::types::{PackHash, SmolStr, StreamTime};

/// Longest author and comment, in characters: a line each.
const AUTHOR_CHARS: usize = 60;
const COMMENT_CHARS: usize = 300;

/// Who switches, and why.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Signed {
    /// Who answers for this switch; "ieum rules history" shows it.
    #[arg(long, value_name = "NAME", value_parser = author)]
    author: Option<String>,
    /// Why, in one line.
    #[arg(long, value_name = "TEXT", value_parser = comment)]
    comment: Option<String>,
}

fn author(text: &str) -> Result<String, String> {
    line(text, AUTHOR_CHARS)
}

fn comment(text: &str) -> Result<String, String> {
    line(text, COMMENT_CHARS)
}

fn line(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(String::from("it is more than one line"));
    }
    match text.chars().count() {
        0 => Err(String::from("it is empty")),
        count if count > most => Err(format!("its {count} characters are more than {most}")),
        _ => Ok(text.to_owned()),
    }
}

/// A pack put into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    /// Log time of the record.
    pub(super) at: StreamTime,
    pub(super) hash: PackHash,
    pub(super) author: Option<String>,
    pub(super) comment: Option<String>,
}

impl Switch {
    fn of(record: &Polled) -> Option<Self> {
        let value = record.value.as_deref()?;
        let Ok(ControlMessage::Pack { hash }) = decode(value) else { return None };
        let said = |name: &str| {
            let (_, text) = record.headers.iter().find(|(known, _)| known == name)?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        let (author, comment) = (said("author"), said("comment"));
        Some(Self { at: StreamTime(record.timestamp_ms), hash, author, comment })
    }
}

/// Every switch that the control log retains, oldest first. The last one is in force, or will be once all have come to it.
pub(super) fn read(kafka: &KafkaConfig) -> Result<Vec<Switch>, Stop> {
    let mut switches = Vec::new();
    control::each(kafka, |record| switches.extend(Switch::of(record)))?;
    Ok(switches)
}

/// Queues a switch.
pub(super) fn say(producer: &mut Plain, hash: PackHash, signed: &Signed) -> Result<(), Failure> {
    let value = encode(&ControlMessage::Pack { hash });
    let headers = [("author", &signed.author), ("comment", &signed.comment)];
    let headers: Vec<(SmolStr, Vec<u8>)> = headers
        .into_iter()
        .filter_map(|(name, text)| Some((SmolStr::new_static(name), text.as_ref()?.clone().into_bytes())))
        .collect();
    let value = Some(value.as_slice());
    producer.send(&Outgoing { topic: CONTROL_LOG, partition: 0, key: None, value, headers: &headers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lane::io::TopicPartition;

    #[test]
    fn a_switch_is_read_with_who_and_why_and_nothing_else_is_one() {
        let record = |message: &ControlMessage, headers: &[(&str, &str)]| Polled {
            at: TopicPartition { topic: CONTROL_LOG.into(), partition: 0 },
            offset: 3,
            timestamp_ms: 5_000,
            key: None,
            value: Some(encode(message)),
            headers: headers
                .iter()
                .map(|(name, text)| (SmolStr::new(name), text.as_bytes().to_vec()))
                .collect(),
        };
        let pack = ControlMessage::Pack { hash: PackHash([7; 32]) };
        let signed = Switch::of(&record(&pack, &[("comment", "더 엄격하게"), ("author", "작성자 1")]));
        let expected = Switch {
            at: StreamTime(5_000),
            hash: PackHash([7; 32]),
            author: Some("작성자 1".into()),
            comment: Some("더 엄격하게".into()),
        };
        assert_eq!(signed.as_ref(), Some(&expected));
        let unsigned = Switch { author: None, comment: None, ..expected };
        assert_eq!(Switch::of(&record(&pack, &[])), Some(unsigned));
        let clock = ControlMessage::Clock(crate::engine::message::Clock::Declared);
        assert_eq!(Switch::of(&record(&clock, &[])), None);
    }

    #[test]
    fn an_author_is_one_short_line() {
        assert_eq!(author("  작성자 1 "), Ok(String::from("작성자 1")));
        for wrong in ["", "  ", "a\nb", &"가".repeat(AUTHOR_CHARS + 1)] {
            assert!(author(wrong).is_err(), "{wrong:?}");
        }
    }
}
