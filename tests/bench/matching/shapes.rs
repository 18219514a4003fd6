//! Two shapes of data, synthetic: the few fields by which the forms were compared first, and as many as real notices ask for.
//! Draws are from no census; what matters is how many values a field has and how uneven they are.

use ieum::matching::{
    Clause, CodeNo, Codes, Dictionary, Field, FieldId, FieldValue, Formula, IfAbsent, Limit, Predicate,
    Profile, Reading, Schema, Test,
};
use ieum::sim::rng::Rng;
use std::sync::Arc;

/// Districts, in the order of their provinces.
const DISTRICTS: u32 = 250;
/// Districts of a province.
const PROVINCE: u32 = 16;
/// Licence codes of construction, service and goods tenders.
const LICENCES: u32 = 1_465;

/// How the values of a field are drawn.
#[derive(Clone, Copy)]
enum Draw {
    /// Evenly.
    Even,
    /// The greater of two draws: the last code is hundreds of times more frequent than the first.
    High,
    /// The lesser of two draws.
    Low,
    /// So many codes at the most, first ones more often.
    Few(u64),
    /// Yes, so many times in a hundred.
    Yes(u64),
}

/// A field and its values.
struct Column {
    field: Field,
    draw: Draw,
    /// Unknown, so many times in a thousand.
    unknown: u64,
}

/// One search.
pub(crate) struct Search {
    pub(crate) name: &'static str,
    pub(crate) predicate: Predicate,
}

/// Profiles, offers and searches of one kind.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) schema: Arc<Schema>,
    columns: Vec<Column>,
    /// What offers ask: how many in a hundred, and what.
    asks: Vec<(u64, Ask)>,
    pub(crate) searches: Vec<Search>,
}

type Ask = Box<dyn Fn(&Schema, &mut Rng) -> Clause>;

/// What was measured when the forms were chosen: eight fields, 250 districts.
pub(crate) fn measured() -> Shape {
    let columns = person(30);
    let schema = schema(&columns);
    let (places, asks) = (Places { field: "district" }, person_asks());
    let find = |clauses: Vec<Clause>| conjunction(&schema, clauses, 2);
    let grown = || between(&schema, "age", 19, 54);
    let income = || between(&schema, "income", None, 150);
    let no_home = || is(&schema, "owns_home", false);
    let searches = vec![
        Search {
            name: "narrow: a small district",
            predicate: find(vec![grown(), places.some(&schema, [2]), income(), no_home()]),
        },
        Search {
            name: "typical: a district",
            predicate: find(vec![grown(), places.some(&schema, [125]), income(), no_home()]),
        },
        Search {
            name: "broad: two provinces",
            predicate: find(vec![grown(), places.some(&schema, 176..208), income(), no_home()]),
        },
        Search {
            name: "scattered: 46 districts",
            predicate: find(vec![grown(), places.some(&schema, scattered(46)), income(), no_home()]),
        },
    ];
    Shape { name: "measured", columns, asks, searches, schema: Arc::clone(&schema) }
}

/// As many fields as persons and companies have together.
pub(crate) fn real() -> Shape {
    let mut columns = person(100);
    columns.extend(more_of_a_person());
    columns.extend(company());
    let schema = schema(&columns);
    let mut asks = person_asks();
    asks.extend(more_asks());
    let find = |clauses: Vec<Clause>| conjunction(&schema, clauses, 2);
    let (places, offices) = (Places { field: "district" }, Places { field: "head_office" });
    let grown = || between(&schema, "age", 19, 54);
    let income = || between(&schema, "income", None, 150);
    let no_home = || is(&schema, "owns_home", false);
    let rare = groups(&[&[900, 1_200], &[300, 310, 320]]);
    let common = groups(&[&[10, 25, 40], &[60]]);
    let searches = vec![
        Search {
            name: "typical: a district",
            predicate: find(vec![
                grown(),
                places.some(&schema, [125]),
                income(),
                no_home(),
                between(&schema, "assets", None, 34_500),
                is(&schema, "flag_3", false),
            ]),
        },
        Search {
            name: "broad: scattered districts",
            predicate: find(vec![
                grown(),
                places.some(&schema, scattered(46)),
                income(),
                no_home(),
                between(&schema, "assets", None, 34_500),
                clause(&schema, "benefits", Reading::none_of([3, 17, 40])),
            ]),
        },
        Search {
            name: "tender: rare licences",
            predicate: find(vec![
                clause(&schema, "licences", Reading::of(Test::EachGroupAny(rare))),
                offices.some(&schema, 96..144),
                between(&schema, "capacity", 300_000_000, None),
            ]),
        },
        Search {
            name: "tender: readings differ",
            predicate: find(vec![
                Clause {
                    limit: Limit::Agree(
                        Reading::of(Test::EachGroupAny(common.clone())),
                        Reading::of(Test::SomeGroupAll(common)),
                    ),
                    ..clause(&schema, "licences", Reading::any_of([0]))
                },
                offices.some(&schema, 96..144),
                between(&schema, "capacity", 300_000_000, None),
            ]),
        },
    ];
    Shape { name: "real", columns, asks, searches, schema: Arc::clone(&schema) }
}

impl Shape {
    /// The profile of a number, the same each time.
    pub(crate) fn profile(&self, no: u32) -> Profile {
        let mut rng = Rng::new(1).fork(u64::from(no));
        let mut profile = Profile::unknown(&self.schema);
        for (id, column) in (0..).map(FieldId).zip(&self.columns) {
            if !rng.chance(column.unknown, 1_000) {
                let value = column.value(&mut rng);
                profile.set(&self.schema, id, value).expect("a value of its field");
            }
        }
        profile
    }

    /// The offer of a number, the same each time.
    pub(crate) fn offer(&self, no: u32) -> Predicate {
        let mut rng = Rng::new(2).fork(u64::from(no));
        let mut clauses = Vec::new();
        for (share, ask) in &self.asks {
            if rng.chance(*share, 100) {
                clauses.push(ask(&self.schema, &mut rng));
            }
        }
        // Some limits could not be read, and some are not set though the rule asks.
        if rng.chance(3, 100)
            && let Some(clause) = clauses.last_mut()
        {
            clause.limit = if rng.chance(1, 2) { Limit::Unparsed } else { Limit::Absent(IfAbsent::Unknown) };
        }
        conjunction(&self.schema, clauses, 2)
    }
}

impl Column {
    fn new(field: Field, draw: Draw, unknown: u64) -> Self {
        Self { field, draw, unknown }
    }

    fn value(&self, rng: &mut Rng) -> FieldValue {
        use ieum::matching::FieldKind;
        let mut below = |n: u64| match self.draw {
            Draw::High => rng.below(n).max(rng.below(n)),
            Draw::Low => rng.below(n).min(rng.below(n)),
            Draw::Even | Draw::Few(_) | Draw::Yes(_) => rng.below(n),
        };
        match (&self.field.kind, self.draw) {
            (FieldKind::Number { bounds, .. }, _) => {
                FieldValue::Number(bounds.start() + below((bounds.end() - bounds.start()) as u64 + 1) as i64)
            }
            (FieldKind::Code(codes), _) => FieldValue::Code(below(codes.len() as u64) as CodeNo),
            (FieldKind::Codes(codes), Draw::Few(most)) => {
                let count = below(most + 1);
                let drawn: Vec<CodeNo> = (0..count).map(|_| few(&mut below, codes.len() as u64)).collect();
                FieldValue::Codes(Codes::new(drawn))
            }
            (FieldKind::Codes(_), _) => FieldValue::Codes(Codes::default()),
            (FieldKind::YesNo, Draw::Yes(share)) => FieldValue::YesNo(below(100) < share),
            (FieldKind::YesNo, _) => FieldValue::YesNo(below(2) == 1),
        }
    }
}

fn few(below: &mut impl FnMut(u64) -> u64, codes: u64) -> CodeNo {
    (below(codes) * below(codes) / codes) as CodeNo
}

fn dictionary(name: &str, codes: u32) -> Arc<Dictionary> {
    Arc::new(Dictionary::new(name, (0..codes).map(|code| format!("{code:05}"))).expect("a dictionary"))
}

fn schema(columns: &[Column]) -> Arc<Schema> {
    Arc::new(Schema::new(columns.iter().map(|column| column.field.clone())).expect("a schema"))
}

fn person(unknown: u64) -> Vec<Column> {
    vec![
        Column::new(Field::number("age", 0..=119, "years"), Draw::Even, unknown),
        Column::new(Field::code("district", &dictionary("district", DISTRICTS)), Draw::High, unknown),
        Column::new(Field::number("income", 0..=300, "% of the median"), Draw::Even, unknown),
        Column::new(Field::number("household_size", 1..=8, "persons"), Draw::Low, unknown),
        Column::new(Field::yes_no("owns_home"), Draw::Yes(55), unknown),
        Column::new(Field::code("work", &dictionary("work", 8)), Draw::Even, unknown),
        Column::new(Field::code("school", &dictionary("school", 8)), Draw::Even, unknown),
        Column::new(Field::codes("traits", &dictionary("trait", 12)), Draw::Few(2), unknown),
    ]
}

fn more_of_a_person() -> Vec<Column> {
    let number =
        |name: &str, most: i64, unit: &str| Column::new(Field::number(name, 0..=most, unit), Draw::Low, 300);
    let mut columns = vec![
        number("assets", 200_000, "10,000 won"),
        number("car", 20_000, "10,000 won"),
        number("earnings", 50_000, "10,000 won a year"),
        number("children", 10, "children"),
        number("waiting", 40, "years"),
        number("resident_months", 900, "months"),
        number("unemployed_months", 240, "months"),
        number("savings_payments", 600, "payments"),
        Column::new(Field::code("housing", &dictionary("housing", 14)), Draw::Even, 200),
        Column::new(Field::code("marriage", &dictionary("marriage", 5)), Draw::Even, 100),
        Column::new(Field::codes("benefits", &dictionary("benefit", 60)), Draw::Few(3), 150),
        Column::new(Field::codes("interests", &dictionary("interest", 200)), Draw::Few(5), 200),
    ];
    let flags = (0..24).map(|n| Column::new(Field::yes_no(format!("flag_{n}")), Draw::Yes(5 + n), 100));
    columns.extend(flags);
    columns
}

fn company() -> Vec<Column> {
    // One profile in ten is a company's.
    let number =
        |name: &str, most: i64, unit: &str| Column::new(Field::number(name, 0..=most, unit), Draw::Low, 900);
    let district = dictionary("district", DISTRICTS);
    vec![
        Column::new(Field::code("head_office", &district), Draw::High, 900),
        Column::new(Field::codes("branches", &district), Draw::Few(3), 900),
        Column::new(Field::codes("licences", &dictionary("licence", LICENCES)), Draw::Few(6), 900),
        Column::new(Field::codes("items", &dictionary("item", 4_000)), Draw::Few(8), 900),
        number("capacity", 50_000_000_000, "won"),
        number("employees", 5_000, "persons"),
        number("awards", 2_000, "awards"),
        number("founded", 80, "years ago"),
        Column::new(Field::code("size", &dictionary("size", 5)), Draw::Even, 900),
        Column::new(Field::code("business", &dictionary("business", 3)), Draw::Even, 900),
    ]
}

fn ask(share: u64, ask: impl Fn(&Schema, &mut Rng) -> Clause + 'static) -> (u64, Ask) {
    (share, Box::new(ask))
}

fn person_asks() -> Vec<(u64, Ask)> {
    let places = Places { field: "district" };
    vec![
        ask(90, |schema, rng| {
            let least = rng.between(15, 65);
            between(schema, "age", least, least + rng.between(10, 35))
        }),
        ask(80, move |schema, rng| places.drawn(schema, rng)),
        ask(75, |schema, rng| between(schema, "income", None, *rng.pick(&[50, 60, 75, 100, 120, 150, 180]))),
        ask(35, |schema, rng| between(schema, "household_size", rng.between(1, 4), None)),
        ask(45, |schema, _| is(schema, "owns_home", false)),
        ask(45, |schema, rng| some_codes(schema, "work", rng, 4)),
        ask(35, |schema, rng| some_codes(schema, "school", rng, 4)),
        ask(20, |schema, rng| {
            let codes = drawn(rng, 12, 2);
            clause(
                schema,
                "traits",
                if rng.chance(1, 2) { Reading::none_of(codes) } else { Reading::any_of(codes) },
            )
        }),
    ]
}

fn more_asks() -> Vec<(u64, Ask)> {
    let offices = Places { field: "head_office" };
    let mut asks = vec![
        ask(25, |schema: &Schema, rng: &mut Rng| {
            between(schema, "assets", None, rng.between(20, 40) * 1_000)
        }),
        ask(15, |schema: &Schema, rng: &mut Rng| between(schema, "car", None, rng.between(30, 45) * 100)),
        ask(10, |schema: &Schema, rng: &mut Rng| {
            between(schema, "resident_months", rng.between(1, 36), None)
        }),
        ask(30, |schema: &Schema, rng: &mut Rng| {
            clause(schema, "benefits", Reading::none_of(drawn(rng, 60, 3)))
        }),
        ask(10, |schema: &Schema, rng: &mut Rng| some_codes(schema, "housing", rng, 5)),
        // A tender: who is no company fails or is unknown at each of these.
        ask(20, |schema: &Schema, rng: &mut Rng| {
            let rows = vec![Codes::new(drawn(rng, LICENCES, 3)), Codes::new(drawn(rng, LICENCES, 2))];
            let one = Reading::of(Test::EachGroupAny(rows.clone()));
            let limit = match rng.below(4) {
                0 => Limit::Agree(one, Reading::of(Test::SomeGroupAll(rows))),
                1 => Limit::Set(one),
                _ => Limit::Set(Reading::of(Test::AnyOf(rows[0].clone()))),
            };
            Clause { limit, ..clause(schema, "licences", Reading::any_of([0])) }
        }),
        ask(20, move |schema: &Schema, rng: &mut Rng| offices.drawn(schema, rng)),
        // As many bounds as tenders.
        ask(20, |schema: &Schema, rng: &mut Rng| {
            between(schema, "capacity", rng.between(20_000, 3_000_000) * 1_000, None)
        }),
    ];
    asks.extend(
        (0..24).map(|n| ask(3, move |schema, rng| is(schema, &format!("flag_{n}"), rng.chance(3, 4)))),
    );
    asks
}

/// Limits of place over one field.
#[derive(Clone, Copy)]
struct Places {
    field: &'static str,
}

impl Places {
    fn some(self, schema: &Schema, codes: impl IntoIterator<Item = CodeNo>) -> Clause {
        clause(schema, self.field, Reading::one_of(codes))
    }

    /// A district, a province, or districts of several provinces.
    fn drawn(self, schema: &Schema, rng: &mut Rng) -> Clause {
        let first = rng.below(u64::from(DISTRICTS)) as CodeNo;
        let province = first / PROVINCE * PROVINCE;
        match rng.below(10) {
            0..4 => self.some(schema, [first]),
            4..8 => self.some(schema, province..(province + PROVINCE).min(DISTRICTS)),
            8 => self.some(schema, drawn(rng, DISTRICTS, 46)),
            // A list that forgets a few districts of the country.
            _ => self.some(schema, (0..DISTRICTS).filter(|code| code % 50 != first % 50)),
        }
    }
}

fn scattered(codes: u32) -> Vec<CodeNo> {
    drawn(&mut Rng::new(3), DISTRICTS, codes)
}

fn drawn(rng: &mut Rng, of: u32, codes: u32) -> Vec<CodeNo> {
    (0..codes).map(|_| rng.below(u64::from(of)) as CodeNo).collect()
}

fn some_codes(schema: &Schema, field: &str, rng: &mut Rng, codes: u32) -> Clause {
    let of = schema.fields()[usize::from(id(schema, field).0)].dictionary().map_or(1, Dictionary::len);
    clause(schema, field, Reading::one_of(drawn(rng, of as u32, codes)))
}

fn groups(groups: &[&[CodeNo]]) -> Vec<Codes> {
    groups.iter().map(|group| Codes::new(group.iter().copied())).collect()
}

fn id(schema: &Schema, field: &str) -> FieldId {
    schema.id(field).expect("a field of the shape")
}

/// A clause named after its field: no offer here asks a field twice.
fn clause(schema: &Schema, field: &str, reading: Reading) -> Clause {
    Clause::new(field, id(schema, field), reading)
}

fn between(
    schema: &Schema,
    field: &str,
    least: impl Into<Option<i64>>,
    most: impl Into<Option<i64>>,
) -> Clause {
    clause(schema, field, Reading::between(least, most))
}

fn is(schema: &Schema, field: &str, yes: bool) -> Clause {
    clause(schema, field, Reading::of(Test::Is(yes)))
}

fn conjunction(schema: &Schema, clauses: Vec<Clause>, unknown_at_most: u8) -> Predicate {
    let formula = Formula::All(clauses.into_iter().map(Formula::Clause).collect());
    Predicate::new(schema, &formula, unknown_at_most).expect("a predicate of the shape")
}
