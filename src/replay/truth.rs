//! The hidden truth of a synthetic city as a file beside its recorded log: for measuring, never for deciding.

use crate::sim::city::{Cause, Spell};
use crate::sim::ground::Ground;
use crate::types::{Day, SmolStr};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of the file; a change of its keys raises it.
const FORM: &str = "ieum-truth/1";

/// Truth, and under which pseudonyms alerts may name whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Spells, with the day on which each was first heard of.
    pub ground: Ground,
    /// Number of the household by pseudonym; households without a spell are not named.
    pub names: BTreeMap<SmolStr, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    form: String,
    end: String,
    spells: Vec<Line>,
    names: BTreeMap<SmolStr, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    household: u32,
    cause: String,
    severity: u8,
    from: String,
    to: String,
    first_signal: Option<String>,
}

impl Truth {
    /// The file: one JSON document.
    pub fn to_json(&self) -> String {
        let line = |(spell, first): &(Spell, Option<Day>)| Line {
            household: spell.household,
            cause: spell.cause.as_str().to_owned(),
            severity: spell.severity,
            from: spell.from.to_string(),
            to: spell.to.to_string(),
            first_signal: first.map(|day| day.to_string()),
        };
        let file = File {
            form: FORM.to_owned(),
            end: self.ground.end().to_string(),
            spells: self.ground.spells().iter().map(line).collect(),
            names: self.names.clone(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("texts and numbers are JSON");
        text.push('\n');
        text
    }

    /// Reads the file. An error says what is wrong with it.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let file: File =
            serde_json::from_str(text).map_err(|error| format!("no truth of a city: {error}"))?;
        if file.form != FORM {
            return Err(format!("truth of form {:?}, this binary reads {FORM:?}", file.form));
        }
        let spell = |line: &Line| -> Result<(Spell, Option<Day>), String> {
            let cause = Cause::ALL.into_iter().find(|cause| cause.as_str() == line.cause);
            let cause = cause.ok_or_else(|| format!("{:?} is no cause of a crisis", line.cause))?;
            let (from, to) = (line.from.parse()?, line.to.parse()?);
            let first = line.first_signal.as_deref().map(str::parse).transpose()?;
            Ok((Spell { household: line.household, cause, severity: line.severity, from, to }, first))
        };
        let spells = file.spells.iter().map(spell).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { ground: Ground::new(spells, file.end.parse()?), names: file.names })
    }
}
