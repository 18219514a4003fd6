//! Indicators of the national list that are neither bills nor cut-offs: which a cause leads to, and which turn up without.

use super::feeds::Feed;
use super::item::Told;
use super::life::Writer;
use super::people::Household;
use super::truth::{Cause, Spell, days};
use crate::types::Day;

/// Who reports, with weights. *Assumption*.
pub(super) const ROLES: [(u64, &str); 14] = [
    (250, "self"),
    (100, "family"),
    (200, "neighbour"),
    (140, "village_head"),
    (40, "council_member"),
    (50, "honorary_official"),
    (70, "postal_worker"),
    (30, "meter_reader"),
    (20, "public_official"),
    (30, "welfare_worker"),
    (25, "medical_worker"),
    (15, "educator"),
    (20, "building_manager"),
    (10, "police_fire"),
];

pub(super) fn household_type(household: &Household) -> &'static str {
    match household {
        h if h.alone() && h.elder => "elder_alone",
        h if h.single_parent => "single_parent",
        h if h.disability => "disabled",
        h if h.alone() => "single",
        h if h.child => "child",
        h if h.size == 2 => "couple",
        _ => "other",
    }
}

const fn told_by(source: &'static str) -> Feed {
    Feed { source, rhythm: 61, by_region: false }
}

/// Every indicator: its source, and its weight where it turns up without a crisis (*assumption*).
pub(super) const ALL: [(&str, Feed, u64); 34] = [
    ("DEBT_ADJ_STOP", told_by("CCRS"), 3),
    ("SILVER_LOAN", told_by("NPS"), 3),
    ("EMP_EXT_BENEFIT", told_by("MOEL"), 2),
    ("EMP_NO_UB", told_by("MOEL"), 8),
    ("EMP_ACCIDENT_BREAK", told_by("COMWEL"), 2),
    ("EMP_UB", told_by("MOEL"), 20),
    ("EMP_DAILY", told_by("MOEL"), 20),
    ("BIZ_CLOSED", told_by("NTS"), 12),
    ("EMP_INS_LOST", told_by("MOEL"), 25),
    ("HOUSE_JEONSE_WEAK", told_by("MOLIT"), 4),
    ("HOUSE_RENT_WEAK", told_by("MOLIT"), 8),
    ("MED_SELFHARM_ER", told_by("NMC"), 1),
    ("MH_SUICIDE_HIGH", told_by("MHC"), 1),
    ("MED_NO_USE", told_by("NHIS"), 10),
    ("MED_HIGH_COST", told_by("NHIS"), 12),
    ("LTC_GRADED", told_by("NHIS"), 12),
    ("LTC_UNGRADED", told_by("NHIS"), 3),
    ("MED_SEVERE", told_by("NHIS"), 12),
    ("MED_DEP_LONG", told_by("NHIS"), 2),
    ("MED_CATASTROPHIC", told_by("NHIS"), 2),
    ("CRIME_VICTIM", told_by("NPA"), 2),
    ("HEAD_DEATH", told_by("MOIS"), 4),
    ("FIRE", told_by("NFA"), 1),
    ("DISASTER", told_by("MOIS"), 1),
    ("CHILD_DIAPER", told_by("MOHW"), 3),
    ("WELF_REJECTED", told_by("MOHW"), 5),
    ("HEALTH_VISIT", told_by("PHC"), 6),
    ("FACILITY_LEAVER", told_by("FACILITY"), 1),
    ("NEWBORN_HEARING", told_by("MOHW"), 1),
    ("NUTRI_UNSERVED", told_by("PHC"), 2),
    ("MEMB_NOT_APPLIED", told_by("MOHW"), 8),
    ("STUDENT_CRISIS", told_by("MOE"), 3),
    ("EMP_NONE_1Y", told_by("MOEL"), 6),
    ("MICROFIN_REJECT", told_by("KINFA"), 4),
];

/// What a cause shows, in thousandths a spell. *Assumption*.
fn of_cause(cause: Cause) -> &'static [(&'static str, u64)] {
    match cause {
        Cause::JobLoss => &[
            ("EMP_INS_LOST", 450),
            ("EMP_UB", 250),
            ("EMP_NO_UB", 200),
            ("BIZ_CLOSED", 180),
            ("EMP_EXT_BENEFIT", 60),
            ("EMP_DAILY", 150),
            ("EMP_NONE_1Y", 60),
        ],
        Cause::Illness => &[
            ("MED_HIGH_COST", 350),
            ("MED_SEVERE", 250),
            ("MED_CATASTROPHIC", 120),
            ("MED_DEP_LONG", 60),
            ("EMP_ACCIDENT_BREAK", 50),
            ("HEALTH_VISIT", 60),
        ],
        Cause::Death => &[("HEAD_DEATH", 850), ("EMP_NONE_1Y", 80)],
        Cause::Debt => {
            &[("DEBT_ADJ_STOP", 200), ("MICROFIN_REJECT", 220), ("BIZ_CLOSED", 120), ("EMP_DAILY", 100)]
        }
        Cause::Isolation => &[
            ("MED_NO_USE", 250),
            ("MH_SUICIDE_HIGH", 50),
            ("MED_SELFHARM_ER", 30),
            ("LTC_UNGRADED", 50),
            ("FACILITY_LEAVER", 40),
        ],
    }
}

impl Writer<'_> {
    /// The indicators of a spell.
    pub(super) fn indicators(&mut self, spell: &Spell) {
        let general = [
            ("WELF_REJECTED", if self.household.poor() { 150 } else { 40 }),
            ("HOUSE_RENT_WEAK", if self.household.poor() { 100 } else { 20 }),
            ("MEMB_NOT_APPLIED", 60),
            ("STUDENT_CRISIS", if self.household.child { 150 } else { 0 }),
            ("SILVER_LOAN", if self.household.elder { 60 } else { 0 }),
        ];
        for (name, likely) in of_cause(spell.cause).iter().chain(&general) {
            if self.rng.chance(*likely, 1000) {
                let on = spell.from.plus(days(self.rng.between(0, spell.days().min(90))));
                self.indicator(name, on);
            }
        }
    }

    /// One indicator, told with its source's next delivery.
    pub(super) fn indicator(&mut self, name: &str, on: Day) {
        let Some((name, feed, _)) = ALL.iter().find(|(known, ..)| *known == name) else { return };
        let (number, owners) = (self.number(), self.person_owner());
        let delivery = feed.delivery(self.plan, on.plus(1));
        let value = self.rng.chance(500, 1000).then(|| self.rng.between(1, 12));
        self.signal(*feed, delivery, number, 1, owners, None, Told::Indicator { name, value, on });
    }
}
