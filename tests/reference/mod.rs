//! The decisions of ieum a second time, end to end and for clarity alone: raw events in the order of their arrival, with
//! ticks of stream time between them, to episodes of alerts. It shares no code with the engine, so that a mistake has to
//! be made twice to go unseen. Everything is worked out anew from all records at each step; nothing is kept but episodes.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

pub(crate) mod episodes;
pub(crate) mod history;
pub(crate) mod rules;
pub(crate) mod time;
#[cfg(test)]
mod tests;

use episodes::{Act, Decision, Episodes};
use history::{Accepted, Event, Facts, History, Reading};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use time::{DAY, Day, HOUR, Ms, When, day_of};

/// A raw record, or stream time.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Signal(Signal),
    /// A subject belongs to a household from a day on, until before another.
    Link {
        key: String,
        revision: i64,
        subject: String,
        household: String,
        from: Day,
        to: Option<Day>,
        removed: bool,
    },
    Facts {
        household: String,
        key: String,
        revision: i64,
        facts: Facts,
        removed: bool,
    },
    /// A caseworker acts on an episode.
    Action {
        key: String,
        household: String,
        rule: String,
        number: u32,
        act: Act,
        at: Ms,
    },
    /// An outage of an area began, or ended.
    OutageStarted {
        id: String,
        dongs: Vec<String>,
        at: Ms,
    },
    OutageEnded {
        id: String,
        at: Ms,
    },
    /// Stream time, and how far each source is complete.
    Tick {
        through: Ms,
        complete: bool,
        sources: Vec<(String, Ms)>,
    },
}

/// A signal about an owner.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) source: String,
    pub(crate) key: String,
    pub(crate) revision: i64,
    /// Subjects, in the order to try them.
    pub(crate) owners: Vec<String>,
    pub(crate) lateness_days: Day,
    /// Stream time at which it was taken in; none: as the clock stands.
    pub(crate) accepted: Option<Ms>,
    pub(crate) change: Change,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Body(Body),
    End(When),
    Void,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// `cutoff.water`, `arrears`, `meter_reading`, `report.self`.
    pub(crate) name: String,
    pub(crate) when: When,
    pub(crate) ended: Option<When>,
    pub(crate) kind: Option<String>,
    pub(crate) months: Option<i64>,
    pub(crate) amount_krw: Option<i64>,
    /// Of a reading: whether anything was used.
    pub(crate) used: bool,
}

/// Source and source key.
type Key = (String, String);

/// What is known of one thing reported.
#[derive(Clone, Debug)]
struct Thing {
    revision: i64,
    owners: Vec<String>,
    body: Option<(Body, Accepted, bool)>,
    voided: bool,
    /// The households that have it.
    places: Vec<String>,
    /// A change without body that waits for what it changes, and since when.
    waiting: Option<(i64, Change, Ms)>,
}

#[derive(Clone, Debug)]
struct Link {
    revision: i64,
    subject: String,
    household: String,
    from: Day,
    to: Option<Day>,
    removed: bool,
}

/// Beginning and end, in whatever order they are told.
#[derive(Clone, Debug, Default)]
struct Outage {
    start: Option<(Ms, Vec<String>)>,
    end: Option<Ms>,
}

/// The households that are decided.
pub(crate) type Concerned = Box<dyn Fn(&str) -> bool>;

/// Feed it; ask it.
#[derive(Default)]
pub(crate) struct Reference {
    /// Only these are decided; all, if nothing is said.
    concerned: Option<Concerned>,
    now: Ms,
    /// Inputs so far.
    step: u64,
    complete: Arc<BTreeMap<String, Ms>>,
    things: BTreeMap<Key, Thing>,
    by_owner: BTreeMap<String, BTreeSet<Key>>,
    by_household: BTreeMap<String, BTreeSet<Key>>,
    /// The households of which more is known than that a meter ran: the others are in no crisis.
    troubled: BTreeSet<String>,
    /// By subject, then by the registry's key.
    links: BTreeMap<String, BTreeMap<String, Link>>,
    /// By household and the registry's key.
    facts: BTreeMap<Key, (i64, bool, Facts)>,
    outages: BTreeMap<String, Outage>,
    actions: BTreeSet<String>,
    contacts: BTreeMap<String, Vec<Event>>,
    households: BTreeMap<String, Episodes>,
    /// Midnights passed under ticks that were not complete.
    undecided: Option<Day>,
}

impl Reference {
    /// One that decides some households alone.
    pub(crate) fn of(concerned: Concerned) -> Self {
        Self { concerned: Some(concerned), ..Self::default() }
    }

    fn concerns(&self, household: &str) -> bool {
        self.concerned.as_ref().is_none_or(|concerned| concerned(household))
    }

    pub(crate) fn feed(&mut self, input: Input) {
        self.step += 1;
        match input {
            Input::Signal(signal) => self.signal(signal),
            Input::Link { key, revision, subject, household, from, to, removed } => {
                self.link(key, Link { revision, subject, household, from, to, removed });
            }
            Input::Facts { household, key, revision, facts, removed } => {
                let from = match self.facts.get_mut(&(household.clone(), key.clone())) {
                    // A removal has no revision: it takes back what is known, until a higher one comes.
                    Some((_, gone, facts)) if removed && !*gone => {
                        *gone = true;
                        facts.from
                    }
                    Some((known, ..)) if removed || *known >= revision => return,
                    None if removed => return,
                    known => known.map_or(facts.from, |(.., known)| known.from.min(facts.from)),
                };
                if !removed {
                    self.facts.insert((household.clone(), key), (revision, removed, facts));
                }
                self.decide(&household, from, true);
            }
            Input::Action { key, household, rule, number, act, at } => {
                if self.actions.insert(key.clone()) {
                    if act == Act::Contact {
                        self.contacts.entry(household.clone()).or_default().push(contact(
                            key,
                            at,
                            (self.now, self.step),
                        ));
                    }
                    let episodes = self.households.entry(household.clone()).or_default();
                    episodes.act(&rule, number, act, (self.now, self.step));
                    // Handed back, it stands or falls with its basis.
                    self.decide(&household, day_of(at), act == Act::Unclaim);
                }
            }
            Input::OutageStarted { id, dongs, at } => {
                self.outages.entry(id).or_default().start = Some((at, dongs));
                self.decide_all(day_of(at));
            }
            Input::OutageEnded { id, at } => {
                let outage = self.outages.entry(id).or_default();
                outage.end = Some(at);
                let from = outage.start.as_ref().map_or(at, |(from, _)| *from);
                self.decide_all(day_of(from));
            }
            Input::Tick { through, complete, sources } => self.tick(through, complete, sources),
        }
    }

    /// Every episode so far, by household, rule and number.
    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.households.iter().flat_map(|(household, episodes)| episodes.decisions(household)).collect()
    }

    fn tick(&mut self, through: Ms, complete: bool, sources: Vec<(String, Ms)>) {
        let before = day_of(self.now);
        self.now = self.now.max(through);
        let today = day_of(self.now);
        let mut from = (today > before).then_some(before + 1);
        for (source, through) in sources {
            // Deadlines are midnights: within a day nothing new is known to be absent. What is known now of earlier days is
            // decided on them.
            let known = Arc::make_mut(&mut self.complete).insert(source, through).map(day_of);
            if known != Some(day_of(through)) {
                let first = known.map_or(today, |known| today.min(known + 1));
                from = Some(from.map_or(first, |from| from.min(first)));
            }
        }
        if !complete {
            self.undecided.get_or_insert(before);
        } else if let Some(from) = from.into_iter().chain(self.undecided.take()).min() {
            for household in self.known() {
                self.decide(&household, from, false);
            }
        }
        let live: Vec<String> =
            self.households.iter().filter(|(_, all)| all.any_live()).map(|(id, _)| id.clone()).collect();
        for household in live {
            let history = self.history(&household);
            self.households.entry(household).or_default().escalate(&history);
        }
    }

    /// The households to be decided.
    fn known(&self) -> BTreeSet<String> {
        self.troubled.iter().filter(|household| self.concerns(household)).cloned().collect()
    }

    fn signal(&mut self, signal: Signal) {
        let (now, step) = (signal.accepted.unwrap_or(self.now), self.step);
        let owners = signal.owners.clone();
        let key = (signal.source, signal.key);
        for owner in &owners {
            self.by_owner.entry(owner.clone()).or_default().insert(key.clone());
        }
        let thing = self.things.entry(key.clone()).or_insert_with(|| Thing {
            revision: i64::MIN,
            owners: signal.owners,
            body: None,
            voided: false,
            places: Vec::new(),
            waiting: None,
        });
        if signal.revision <= thing.revision {
            return;
        }
        let mut from = thing.body.as_ref().map(|(body, ..)| body.when.day());
        match signal.change {
            Change::Body(body) => {
                let day = body.when.day();
                from = Some(from.map_or(day, |from| from.min(day)));
                let late = day + signal.lateness_days < day_of(now);
                // Told again, it is as old as when it was told first; unless it was taken back in between.
                let known = thing.body.as_ref().filter(|_| !thing.voided).map(|(_, accepted, _)| *accepted);
                thing.revision = signal.revision;
                thing.voided = false;
                thing.owners = owners;
                thing.body = Some((body, known.unwrap_or((now, step)), late));
                if let Some((revision, change, since)) = thing.waiting.take()
                    && revision > signal.revision
                    && day_of(since) + signal.lateness_days >= day_of(now)
                {
                    thing.revision = revision;
                    thing.apply(change);
                }
            }
            change if thing.body.is_some() => {
                thing.revision = signal.revision;
                thing.apply(change);
            }
            change => {
                if thing.waiting.as_ref().is_none_or(|(revision, ..)| *revision < signal.revision) {
                    thing.waiting = Some((signal.revision, change, now));
                }
            }
        }
        let Some(from) = from else { return };
        for household in self.place(&key) {
            self.decide(&household, from, true);
        }
    }

    fn link(&mut self, key: String, link: Link) {
        let links = self.links.entry(link.subject.clone()).or_default();
        let subject = link.subject.clone();
        match links.get_mut(&key) {
            Some(known) if link.removed && !known.removed => known.removed = true,
            Some(known) if link.removed || known.revision >= link.revision => return,
            None if link.removed => return,
            _ => drop(links.insert(key, link)),
        }
        // Events go where the links now lead: from a stand-in or a later alias, from one household to another.
        let mut touched = BTreeMap::new();
        for key in self.by_owner.get(&subject).cloned().unwrap_or_default() {
            let Some(day) = self.things[&key].body.as_ref().map(|(body, ..)| body.when.day()) else {
                continue;
            };
            let before = self.things[&key].places.clone();
            let places = self.place(&key);
            if before == self.things[&key].places {
                continue;
            }
            for household in places {
                let from = touched.entry(household).or_insert(day);
                *from = day.min(*from);
            }
        }
        for (household, from) in touched {
            self.decide(&household, from, true);
        }
    }

    /// Puts a thing where it belongs now; the households that have it or had it.
    fn place(&mut self, key: &Key) -> BTreeSet<String> {
        let thing = &self.things[key];
        let day = thing.body.as_ref().map(|(body, ..)| body.when.day());
        let places = day.map(|day| self.places(&thing.owners, day)).unwrap_or_default();
        let mut touched: BTreeSet<String> = thing.places.iter().cloned().collect();
        for household in &touched {
            self.by_household.entry(household.clone()).or_default().remove(key);
        }
        for household in &places {
            self.by_household.entry(household.clone()).or_default().insert(key.clone());
        }
        touched.extend(places.iter().cloned());
        if thing.body.as_ref().is_some_and(|(body, ..)| body.name != "meter_reading" || !body.used) {
            self.troubled.extend(places.iter().cloned());
        }
        self.things.get_mut(key).expect("it is there").places = places;
        touched
    }

    /// The households to which something of a day belongs: by the first owner that has a link, else the last one's stand-in.
    fn places(&self, owners: &[String], day: Day) -> Vec<String> {
        let links = |owner: &String| -> Vec<&Link> {
            let all = self.links.get(owner).into_iter().flat_map(BTreeMap::values);
            all.filter(|link| !link.removed).collect()
        };
        let linked = owners.iter().find(|owner| !links(owner).is_empty());
        let Some(owner) = linked.or(owners.last()) else { return Vec::new() };
        let holds = |link: &&Link| link.from <= day && link.to.is_none_or(|to| day < to);
        let mut holding: Vec<String> =
            links(owner).into_iter().filter(holds).map(|link| link.household.clone()).collect();
        holding.sort();
        holding.dedup();
        // Where nobody held it on that day there is a stand-in as well.
        if holding.is_empty() { vec![stand_in(owner)] } else { holding }
    }

    fn decide_all(&mut self, from: Day) {
        for household in self.known() {
            self.decide(&household, from, true);
        }
    }

    /// Decides R(from)…R(today) again. A correction may take back what was.
    fn decide(&mut self, household: &str, from: Day, correction: bool) {
        if !self.concerns(household) {
            return;
        }
        let history = self.history(household);
        let days = from..=day_of(self.now);
        self.households.entry(household.to_owned()).or_default().decide(&history, days, correction);
    }

    /// All that is known of a household.
    fn history(&self, household: &str) -> History {
        let mut history = History {
            complete: Arc::clone(&self.complete),
            now: self.now,
            step: self.step,
            ..History::default()
        };
        for at in self.by_household.get(household).into_iter().flatten() {
            let ((source, key), thing) = (at, &self.things[at]);
            let Some((body, accepted, late)) = thing.body.as_ref().filter(|_| !thing.voided) else {
                continue;
            };
            if body.name == "meter_reading" {
                let meter = thing.owners.join("/");
                let (source, day) = (source.clone(), body.when.day());
                history.readings.push(Reading { source, meter, day, used: body.used });
                continue;
            }
            history.events.push(Event {
                source: source.clone(),
                key: key.clone(),
                name: body.name.clone(),
                when: body.when,
                ended: body.ended.map(When::day),
                kind: body.kind.clone(),
                months: body.months,
                amount_krw: body.amount_krw,
                accepted: *accepted,
                late: *late,
            });
        }
        history.events.extend(self.contacts.get(household).into_iter().flatten().cloned());
        let of_household = (household.to_owned(), String::new())..;
        let facts = self.facts.range(of_household).take_while(|((of, _), _)| of == household);
        let facts = facts.filter(|(_, (_, removed, _))| !removed);
        history.facts = facts.map(|((_, key), (.., facts))| (key.clone(), facts.clone())).collect();
        for Outage { start, end } in self.outages.values() {
            let Some((from, dongs)) = start else { continue };
            let ever = |(_, facts): &(_, Facts)| facts.dong.as_ref().is_some_and(|dong| dongs.contains(dong));
            if !history.facts.iter().any(ever) {
                continue;
            }
            let dong = history.fact(day_of(*from), |facts| facts.dong.clone());
            if dong.is_some_and(|dong| dongs.contains(&dong)) {
                let longest = from + 7 * DAY;
                let to = end.map_or(longest, |end| end.min(longest)) + 24 * HOUR;
                history.outages.push((*from, to));
            }
        }
        history
    }
}

impl Thing {
    fn apply(&mut self, change: Change) {
        match (change, &mut self.body) {
            (Change::End(at), Some((body, ..))) => body.ended = Some(at),
            (Change::Void, _) => self.voided = true,
            _ => {}
        }
    }
}

const STAND_IN: &str = "stand-in for ";

/// The household that stands in for a subject that nobody linked.
pub(crate) fn stand_in(subject: &str) -> String {
    format!("{STAND_IN}{subject}")
}

/// The subject for which a household stands in, if it does.
pub(crate) fn stands_in_for(household: &str) -> Option<&str> {
    household.strip_prefix(STAND_IN)
}

fn contact(key: String, at: Ms, now: Accepted) -> Event {
    Event {
        source: String::from("casework"),
        key,
        name: String::from("contacted"),
        when: When::Instant(at),
        ended: None,
        kind: None,
        months: None,
        amount_krw: None,
        accepted: now,
        late: false,
    }
}
