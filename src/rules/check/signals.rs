//! `signals:` of a rule: names for events, with tests of their fields.

use super::operand::{Operands, Want};
use crate::contracts::{Contracts, EventType, FieldType, Route};
use crate::rules::codes::{
    AREA_EVENT, DAILY_SIGNAL, DECLARED_TWICE, RESTRICTED, TOO_MANY, UNKNOWN_EVENT, UNKNOWN_FIELD,
    UNKNOWN_SIGNAL, UNUSED, WRONG_TYPE,
};
use crate::rules::keys;
use crate::rules::mistakes::Mistakes;
use crate::rules::plan::{
    Cmp, DailyTest, FieldTest, MAX_SIGNALS, Operand, RESTRICTED_FOLDER, SignalDef, SignalId, Test,
};
use crate::rules::source::{Entry, Node};
use crate::types::{SmolStr, Value};
use std::ops::Range;

/// A rule's signals while it is read.
pub(super) struct Signals<'c> {
    list: Vec<Known<'c>>,
}

struct Known<'c> {
    def: SignalDef,
    span: Range<usize>,
    used: bool,
    has_filter: bool,
    types: Vec<&'c EventType>,
}

/// The beginning of names of events that alerts themselves will be.
const ALERT_EVENTS: &str = "alert.";

impl<'c> Signals<'c> {
    /// Reads them.
    pub(super) fn read(node: Option<&Node>, contracts: &'c Contracts, operands: &mut Operands<'_>) -> Self {
        let mut signals = Self { list: Vec::new() };
        let Some(node) = node else { return signals };
        for entry in operands.mistakes.entries(node, "signals").unwrap_or_default() {
            if signals.list.iter().any(|known| known.def.name == entry.key) {
                continue; // told as a repeated key
            }
            if signals.list.len() == MAX_SIGNALS {
                let message = format!("the rule has more than {MAX_SIGNALS} signals");
                operands.mistakes.error(TOO_MANY, &entry.key_span, message, "one too many", None);
            }
            signals.list.push(signal(entry, contracts, operands));
        }
        signals
    }

    /// Looks a name up; the signal counts as used.
    pub(super) fn take(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<SignalId> {
        let name = mistakes.text(node, "the name of a signal")?;
        match self.list.iter().position(|known| known.def.name == name) {
            Some(index) => {
                self.list[index].used = true;
                SignalId::try_from(index).ok()
            }
            None => {
                let known = self.list.iter().map(|known| known.def.name.as_str());
                mistakes.unknown(UNKNOWN_SIGNAL, &node.span, "signal", name, known);
                None
            }
        }
    }

    /// One name or a list of names; each once.
    pub(super) fn take_all(&mut self, node: &Node, mistakes: &mut Mistakes) -> Vec<SignalId> {
        let mut ids = Vec::new();
        for node in mistakes.one_or_many(node, "signal") {
            let Some(id) = self.take(node, mistakes) else { continue };
            if ids.contains(&id) {
                let name = node.scalar().unwrap_or_default();
                mistakes.error(
                    DECLARED_TWICE,
                    &node.span,
                    format!("signal \"{name}\" is named twice"),
                    "second time",
                    None,
                );
            } else {
                ids.push(id);
            }
        }
        ids
    }

    /// A field that each event of these signals has, of one type; `None` and a mistake otherwise.
    pub(super) fn field(
        &self,
        ids: &[SignalId],
        node: &Node,
        code: &'static str,
        mistakes: &mut Mistakes,
    ) -> Option<FieldType> {
        let name = mistakes.text(node, "the name of a field")?;
        let types: Vec<_> = ids.iter().flat_map(|id| &self.list[usize::from(*id)].types).copied().collect();
        common_field(&types, name, &node.span, code, mistakes)
    }

    /// Whether one of these is stored by days.
    pub(super) fn any_daily(&self, ids: &[SignalId]) -> bool {
        ids.iter().any(|id| self.list[usize::from(*id)].def.daily.is_some())
    }

    /// Refuses signals stored by days where single events are needed.
    pub(super) fn refuse_daily(&self, ids: &[SignalId], node: &Node, what: &str, mistakes: &mut Mistakes) {
        if self.any_daily(ids) {
            mistakes.error(
                DAILY_SIGNAL,
                &node.span,
                format!("{what} cannot be asked of days of use"),
                "stored by days",
                Some(String::from("count and absent can")),
            );
        }
    }

    /// Those of these signals of which areas are not told, and why.
    pub(super) fn not_told_to_areas(
        &self,
        ids: &[SignalId],
        contracts: &Contracts,
    ) -> Vec<(SmolStr, &'static str)> {
        let known = ids.iter().map(|id| &self.list[usize::from(*id)]);
        let why = |known: &Known<'_>| {
            if known.def.daily.is_some() {
                Some("takes days of use, of which areas are not told")
            } else if known.has_filter {
                Some("tests fields, of which areas are not told")
            } else if known.types.iter().any(|ty| is_casework(ty, contracts)) {
                Some("takes casework, of which areas are not told")
            } else {
                None
            }
        };
        known.filter_map(|known| Some((known.def.name.clone(), why(known)?))).collect()
    }

    /// Whether they take casework alone.
    pub(super) fn are_casework(&self, ids: &[SignalId], contracts: &Contracts) -> bool {
        let known = ids.iter().map(|id| &self.list[usize::from(*id)]);
        known.flat_map(|known| &known.types).all(|ty| is_casework(ty, contracts))
    }

    /// An ordinary rule reads no restricted event.
    pub(super) fn refuse_restricted(&self, mistakes: &mut Mistakes) {
        for known in &self.list {
            let Some(ty) = known.types.iter().find(|ty| ty.restricted) else { continue };
            mistakes.error(
                RESTRICTED,
                &known.span,
                format!("signal \"{}\" takes the restricted event \"{}\"", known.def.name, ty.name),
                "not for this rule",
                Some(format!(
                    "leave it out, or move the rule to {RESTRICTED_FOLDER}/; \"ieum explain IEUM-R040\""
                )),
            );
        }
    }

    /// The plan's signals, with a warning for each that nothing uses.
    pub(super) fn into_plan(self, mistakes: &mut Mistakes) -> Vec<SignalDef> {
        for known in self.list.iter().filter(|known| !known.used) {
            let message = format!("signal \"{}\" is not used", known.def.name);
            mistakes.warning(UNUSED, &known.span, message, "nothing names it", None);
        }
        self.list.into_iter().map(|known| known.def).collect()
    }
}

fn is_casework(ty: &EventType, contracts: &Contracts) -> bool {
    contracts.topic(&ty.topic).is_some_and(|topic| topic.route == Route::Household)
}

fn signal<'c>(entry: &Entry, contracts: &'c Contracts, operands: &mut Operands<'_>) -> Known<'c> {
    let mut known = Known {
        def: SignalDef {
            name: SmolStr::new(&entry.key),
            kinds: Vec::new(),
            filter: Vec::new(),
            sources: Vec::new(),
            daily: None,
        },
        span: entry.key_span.clone(),
        used: false,
        has_filter: false,
        types: Vec::new(),
    };
    let Some(fields) = operands.mistakes.map(&entry.value, "a signal", keys::SIGNAL) else {
        return known;
    };
    if let Some(node) = operands.mistakes.need(&fields, "event") {
        known.types = events(node, contracts, operands.mistakes);
    }
    for ty in &known.types {
        known.def.kinds.push(ty.name.clone());
        known.def.sources.extend(ty.sources.iter().cloned());
    }
    known.def.sources.sort();
    known.def.sources.dedup();

    let daily = known.types.iter().filter(|ty| ty.daily).count();
    if daily > 0 && daily < known.types.len() {
        operands.mistakes.error(
            DAILY_SIGNAL,
            &entry.key_span,
            format!("signal \"{}\" mixes events with days of use", entry.key),
            "stored in two ways",
            Some(String::from("make two signals of it and name both")),
        );
    } else if daily > 0 {
        known.def.daily = Some(DailyTest::Read);
    }
    if let Some(node) = fields.get("where") {
        known.has_filter = true;
        let filter = filter(node, &known.types, operands);
        match known.def.daily {
            Some(_) => known.def.daily = daily_test(node, &filter, &known.types, operands.mistakes),
            None => known.def.filter = filter,
        }
    }
    known
}

/// One event name, a list of names, or `prefix.*`.
fn events<'c>(node: &Node, contracts: &'c Contracts, mistakes: &mut Mistakes) -> Vec<&'c EventType> {
    let mut types: Vec<&EventType> = Vec::new();
    for node in mistakes.one_or_many(node, "event") {
        let Some(name) = mistakes.text(node, "the name of an event") else { continue };
        if name.starts_with(ALERT_EVENTS) {
            mistakes.later(&node.span, &format!("event \"{name}\""), "rules about alerts");
            continue;
        }
        let found: Vec<_> = match name.strip_suffix('*') {
            Some(prefix) => contracts.events().filter(|ty| ty.name.starts_with(prefix)).collect(),
            None => contracts.event(name).into_iter().collect(),
        };
        if found.is_empty() {
            let names = contracts.events().map(|ty| ty.name.as_str()).collect::<Vec<_>>();
            mistakes.unknown(UNKNOWN_EVENT, &node.span, "event", name, names.iter().copied());
        }
        for ty in found {
            if ty.area {
                mistakes.error(
                    AREA_EVENT,
                    &node.span,
                    format!("\"{}\" happens to an area", ty.name),
                    "has no household",
                    Some(String::from("a suppression rule can begin and end with it")),
                );
            } else if !types.iter().any(|known| known.name == ty.name) {
                types.push(ty);
            }
        }
    }
    types
}

fn filter(node: &Node, types: &[&EventType], operands: &mut Operands<'_>) -> Vec<FieldTest> {
    let mut tests = Vec::new();
    for entry in operands.mistakes.entries(node, "where").unwrap_or_default() {
        let field = common_field(types, &entry.key, &entry.key_span, UNKNOWN_FIELD, operands.mistakes);
        let Some(field) = field else { continue };
        let test = operands.test(&entry.value, &Want::field(&field));
        tests.extend(test.map(|test| FieldTest { field: field.name, test }));
    }
    tests
}

/// The field of that name if each type has it with one type.
fn common_field(
    types: &[&EventType],
    name: &str,
    span: &Range<usize>,
    code: &'static str,
    mistakes: &mut Mistakes,
) -> Option<FieldType> {
    let mut common: Option<FieldType> = None;
    for ty in types {
        let Some(field) = ty.fields.iter().find(|field| field.name == name) else {
            let known: Vec<_> = ty.fields.iter().map(|field| field.name.as_str()).collect();
            let owner = format!("\"{}\"", ty.name);
            mistakes.lacking(code, span, &owner, "field", name, known.iter().copied());
            return None;
        };
        match &mut common {
            None => common = Some(field.clone()),
            Some(known) if known.ty != field.ty => {
                mistakes.error(
                    WRONG_TYPE,
                    span,
                    format!("\"{name}\" has another type in {} than in {}", ty.name, types[0].name),
                    "of two types",
                    None,
                );
                return None;
            }
            // A value is possible if one of the events can have it; no list means that any is.
            Some(known) if known.values.is_empty() || field.values.is_empty() => known.values.clear(),
            Some(known) => known.values.extend(field.values.iter().cloned()),
        }
    }
    common
}

/// Of a day with a reading it is only known whether there was use: more than nothing, or nothing.
fn daily_test(
    node: &Node,
    filter: &[FieldTest],
    types: &[&EventType],
    mistakes: &mut Mistakes,
) -> Option<DailyTest> {
    let zero = |operand: &Operand| matches!(operand, Operand::Const(Value::Int(0)));
    let one = |operand: &Operand| matches!(operand, Operand::Const(Value::Int(1)));
    let is_use = |field: &SmolStr| types.iter().all(|ty| ty.daily_field.as_ref() == Some(field));
    if let [FieldTest { field, test: Test::Compare(tests) }] = filter
        && is_use(field)
        && let [(cmp, operand)] = tests.as_slice()
    {
        match cmp {
            Cmp::Gt | Cmp::Ne if zero(operand) => return Some(DailyTest::Used),
            Cmp::Gte if one(operand) => return Some(DailyTest::Used),
            Cmp::Eq | Cmp::Lte if zero(operand) => return Some(DailyTest::Unused),
            Cmp::Lt if one(operand) => return Some(DailyTest::Unused),
            Cmp::Eq | Cmp::Ne | Cmp::Lt | Cmp::Lte | Cmp::Gt | Cmp::Gte => {}
        }
    }
    // Tests that failed to read have told of it.
    if filter.len() == node.entries().map_or(0, <[Entry]>::len) {
        mistakes.error(
            DAILY_SIGNAL,
            &node.span,
            "a day of use is only known as used or not used",
            "asks for more",
            Some(String::from("write {use: {gt: 0}} for days with use, {use: 0} for read days without")),
        );
    }
    Some(DailyTest::Read)
}
