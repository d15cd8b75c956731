use super::*;
use proptest::prelude::*;

#[test]
fn sizes() {
    for (text, bytes) in [
        ("0", 0),
        ("65536", 65_536),
        ("64KiB", 65_536),
        ("64kib", 65_536),
        ("64 KiB", 65_536),
        ("5MB", 5_000_000),
        ("1.5MiB", 1_572_864),
        ("0.1GB", 100_000_000),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for text in
        ["", "KiB", "64K", "64Ki", "-1", "1e3", "1.", ".5KiB", "1.2.3", "18446744073709551616", "16777216TiB"]
    {
        assert!(parse_size(text).is_err(), "{text}");
    }
}

#[test]
fn rates() {
    for (text, rate) in
        [("1000", 1000.0), ("1000/s", 1000.0), ("10k/s", 10_000.0), ("90/m", 1.5), ("0.5/s", 0.5)]
    {
        assert_eq!(parse_rate(text), Ok(rate), "{text}");
    }
    for text in ["", "0", "0/s", "-1/s", "1000/d", "1000/", "ten", "1G/s", "1.2.3", "1001M/s"] {
        assert!(parse_rate(text).is_err(), "{text}");
    }
}

#[test]
fn counts() {
    for (text, count) in [("0", 0), ("100", 100), ("10k", 10_000), ("10K", 10_000), ("2M", 2_000_000)] {
        assert_eq!(parse_count(text), Ok(count), "{text}");
    }
    for text in ["", "k", "-1", "1.5", "1.5k", "1G", "1e3", "18446744073709551616", "18446744073709551615k"] {
        assert!(parse_count(text).is_err(), "{text}");
    }
}

#[test]
fn durations() {
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
    assert!(parse_duration("10").is_err());
    assert_eq!(show_duration(Duration::from_millis(61_900)), "1m 1s");
    assert_eq!(show_duration(Duration::from_micros(500_700)), "500ms");
}

#[test]
fn times_are_rfc_3339() {
    assert_eq!(show_time(0), "1970-01-01T00:00:00Z");
    assert_eq!(show_time(1_357_034_400_123), "2013-01-01T10:00:00.123Z");
    assert_eq!(parse_time("2013-01-01T05:00:00-05:00"), Some(1_357_034_400_000));
    assert_eq!(parse_time("2013-01-01"), None);
    assert_eq!(show_time(i64::MAX), i64::MAX.to_string());
}

#[test]
fn shown_sizes_never_reach_the_next_unit() {
    for (bytes, text) in
        [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (u64::MAX, "16.0 EiB")]
    {
        assert_eq!(show_size(bytes), text);
    }
}

#[test]
fn exact_sizes_are_in_the_largest_unit_that_fits() {
    for (bytes, text) in [
        (0, "0"),
        (1, "1B"),
        (1_000, "1KB"),
        (5_000_000, "5MB"),
        (1_024_000, "1000KiB"),
        (10 << 30, "10GiB"),
        (1_073_741_825, "1073741825B"),
    ] {
        assert_eq!(show_exact_size(bytes), text);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in ".{0,40}") {
        let _ = (parse_size(&text), parse_rate(&text), parse_duration(&text), parse_time(&text));
    }

    #[test]
    fn every_number_of_bytes_is_a_size(bytes: u64) {
        prop_assert_eq!(parse_size(&bytes.to_string()), Ok(bytes));
    }

    #[test]
    fn every_exact_size_round_trips(bytes: u64) {
        prop_assert_eq!(parse_size(&show_exact_size(bytes)), Ok(bytes));
    }

    #[test]
    fn every_time_of_our_years_round_trips(ms in 0_i64..4_102_444_800_000) {
        prop_assert_eq!(parse_time(&show_time(ms)), Some(ms));
    }
}
