//! Pseudonyms and codes of the city: well-formed, clearly synthetic, reversible for the city alone.

use super::Plan;
use crate::sim::rng::Rng;
use crate::types::SmolStr;

/// Utilities with a supply point of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Utility {
    Electricity,
    Water,
    Gas,
}

impl Utility {
    pub(super) const ALL: [Self; 3] = [Self::Electricity, Self::Water, Self::Gas];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Electricity => "electricity",
            Self::Water => "water",
            Self::Gas => "gas",
        }
    }
}

/// What a signal can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alias {
    /// The person who leads household number so.
    Person(u32),
    /// The supply point of a utility in a home.
    Point(Utility, u32),
    /// The address of a home.
    Address(u32),
}

/// Added to a number to name someone or something that nobody knows.
pub(super) const NOBODY: u32 = 1 << 31;

/// Whether it names somebody or something that does not exist.
pub(super) fn is_nobody(alias: Alias) -> bool {
    match alias {
        Alias::Person(n) | Alias::Point(_, n) | Alias::Address(n) => n & NOBODY != 0,
    }
}

impl Alias {
    /// The kind as registries code it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Point(..) => "service_point",
            Self::Address(_) => "address",
        }
    }
}

/// Turns numbers into pseudonyms and back.
#[derive(Clone, Debug)]
pub(super) struct Names {
    key: u32,
    households: u32,
    dongs: u32,
}

/// Odd, so multiplication by it can be undone modulo 2^32; and what undoes it.
const SPREAD: u32 = 0x9e37_79b1;
const GATHER: u32 = inverse(SPREAD);

const fn inverse(odd: u32) -> u32 {
    // Newton's iteration doubles the right low bits each time: 3, 6, 12, 24, 48.
    let mut x = odd;
    let mut round = 0;
    while round < 4 {
        x = x.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

/// Homes of a dong, and dongs of a sigungu; real ones are some times larger, but small cities should have several.
const HOMES_PER_DONG: u32 = 700;
const DONGS_PER_SIGUNGU: u32 = 12;
/// No province has this code.
const PROVINCE: u32 = 99;

/// Homes of one building. *Assumption*.
const HOMES_OF_A_BUILDING: u32 = 24;

impl Names {
    pub(super) fn new(plan: &Plan) -> Self {
        let key = Rng::new(plan.seed).fork_named("names").next_u64();
        Self {
            key: u32::try_from(key >> 32).unwrap_or(0),
            households: plan.households.max(1),
            dongs: (plan.households / HOMES_PER_DONG).max(4),
        }
    }

    fn spread(&self, number: u32, salt: u32) -> u32 {
        (number ^ self.key).wrapping_mul(SPREAD) ^ salt
    }

    /// A household's pseudonym.
    pub(super) fn household(&self, number: u32) -> SmolStr {
        SmolStr::new(format!("hh-{:08x}", self.spread(number, 0)))
    }

    /// Whose pseudonym this is.
    pub(super) fn household_number(&self, pseudonym: &str) -> Option<u32> {
        let spread = u32::from_str_radix(pseudonym.strip_prefix("hh-")?, 16).ok()?;
        let number = spread.wrapping_mul(GATHER) ^ self.key;
        (number < self.households).then_some(number)
    }

    /// The pseudonym of an alias, without its kind.
    pub(super) fn alias(&self, alias: Alias) -> SmolStr {
        SmolStr::new(match alias {
            Alias::Person(n) => format!("p-{:08x}", self.spread(n, 0x5bd1_e995)),
            Alias::Point(utility, n) => {
                format!("sp-{}{:08x}", &utility.as_str()[..1], self.spread(n, 0x1b87_3593))
            }
            Alias::Address(n) => format!("ad-{:08x}", self.spread(n, 0xcc9e_2d51)),
        })
    }

    /// A key of a source: household and running number under the source's own name.
    pub(super) fn source_key(&self, household: u32, number: u32) -> SmolStr {
        SmolStr::new(format!("{:08x}-{number}", self.spread(household, 0x85eb_ca6b)))
    }

    pub(super) fn dongs(&self) -> u32 {
        self.dongs
    }

    pub(super) fn sigungus(&self) -> u32 {
        self.dongs.div_ceil(DONGS_PER_SIGUNGU).max(2)
    }

    /// The dong in which a home lies. A spare home (numbers from the count of households on) lies elsewhere.
    pub(super) fn dong_of(&self, home: u32) -> u32 {
        let spare = home >= self.households;
        let place = if spare { (home - self.households).wrapping_add(self.households / 2) } else { home };
        let place = u64::from(place % self.households);
        u32::try_from(place * u64::from(self.dongs) / u64::from(self.households)).unwrap_or(0)
    }

    pub(super) fn sigungu_of(&self, dong: u32) -> u32 {
        dong % self.sigungus()
    }

    /// Legal dong, ten digits: province, sigungu, dong, 00.
    pub(super) fn dong_code(&self, dong: u32) -> SmolStr {
        let within = dong / self.sigungus();
        SmolStr::new(format!("{}{:03}00", self.sigungu_code(self.sigungu_of(dong)), 101 + within))
    }

    /// Administrative dong, ten digits.
    pub(super) fn admin_dong_code(&self, dong: u32) -> SmolStr {
        let within = dong / self.sigungus();
        SmolStr::new(format!("{}{:03}00", self.sigungu_code(self.sigungu_of(dong)), 510 + within))
    }

    /// The building of a home: neighbours by number share one, and none lies in two dongs.
    pub(super) fn building(&self, home: u32) -> SmolStr {
        SmolStr::new(format!("bldg-{:05}-{:04}", home / HOMES_OF_A_BUILDING, self.dong_of(home)))
    }

    /// Sigungu, five digits.
    pub(super) fn sigungu_code(&self, sigungu: u32) -> SmolStr {
        SmolStr::new(format!("{PROVINCE}{:03}", 10 + sigungu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_lead_back_to_their_household_alone() {
        let names = Names::new(&Plan { households: 1_000, ..Plan::default() });
        for number in [0, 1, 77, 999] {
            assert_eq!(names.household_number(&names.household(number)), Some(number));
        }
        assert_eq!(names.household_number(&names.household(1_000)), None);
        assert_eq!(names.household_number("prov-00"), None);
        assert_ne!(names.alias(Alias::Person(1)), names.alias(Alias::Address(1)));
    }

    #[test]
    fn codes_are_well_formed_and_of_no_real_province() {
        let names = Names::new(&Plan { households: 50_000, ..Plan::default() });
        for dong in 0..names.dongs() {
            for code in [names.dong_code(dong), names.admin_dong_code(dong)] {
                assert!(code.len() == 10 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
                assert!(code.starts_with(names.sigungu_code(names.sigungu_of(dong)).as_str()));
            }
        }
        assert!(names.dong_of(49_999) < names.dongs() && names.dong_of(99_999) < names.dongs());
    }
}
