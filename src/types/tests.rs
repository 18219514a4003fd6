use super::*;
use proptest::prelude::*;

#[test]
fn a_day_begins_at_midnight_in_korea() {
    let day = Day::from_ymd(2026, 3, 1).expect("a date");
    assert_eq!(day.start().to_string(), "2026-03-01T00:00:00+09:00");
    assert_eq!(day.start().day(), day);
    assert_eq!(day.start().plus_ms(-1).day(), day.plus(-1));
    assert_eq!("2026-03-01".parse(), Ok(day));
    assert!("2026-02-30".parse::<Day>().is_err());
}

#[test]
fn a_month_counts_at_its_last_day() {
    let last = Day::from_ymd(2026, 2, 28).expect("a date");
    assert_eq!(EventTime::Month(last).day(), last);
    assert!(EventTime::Month(last).has_day_precision());
}

#[test]
fn decimals_are_exact_and_in_lowest_terms() {
    let one: Decimal = "1.50".parse().expect("a decimal");
    assert_eq!(one, "1.5".parse().expect("a decimal"));
    assert_eq!(one.to_string(), "1.5");
    assert!(Value::Int(1).compare(&Value::Decimal(one)) == Some(std::cmp::Ordering::Less));
    assert!("1.5e3".parse::<Decimal>().is_err());
    assert!(".5".parse::<Decimal>().is_err());
}

#[test]
fn null_and_foreign_types_do_not_compare() {
    assert_eq!(Value::Null.compare(&Value::Int(1)), None);
    assert_eq!(Value::text("1").compare(&Value::Int(1)), None);
}

#[test]
fn the_nearest_word_is_suggested() {
    assert_eq!(did_you_mean("monts", ["months", "amount"]), Some("months"));
    assert_eq!(did_you_mean("xyz", ["months", "amount"]), None);
}

#[test]
fn digests_do_not_collide_by_concatenation() {
    assert_ne!(digest_hex(&["ab", "c"]), digest_hex(&["a", "bc"]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_decimal_reads_what_it_prints(mantissa in any::<i64>(), scale in 0u8..=12) {
        let decimal = Decimal::new(mantissa, scale).expect("scale is in range");
        prop_assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal));
    }

    #[test]
    fn a_day_reads_what_it_prints(day in -100_000i32..100_000) {
        prop_assert_eq!(Day(day).to_string().parse::<Day>(), Ok(Day(day)));
        prop_assert_eq!(Day(day).start().day(), Day(day));
    }

    #[test]
    fn a_pack_hash_reads_what_it_prints(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(PackHash(bytes).to_string().parse::<PackHash>(), Ok(PackHash(bytes)));
    }
}
