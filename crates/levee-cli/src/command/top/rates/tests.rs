use super::{Amounts, Counted, Meter, Time, rates};

fn counted(run_id: u64, monotonic_ms: u64, bytes_in: u64) -> Counted {
    let amounts = Amounts { bytes_in, requests: bytes_in / 10, ..Amounts::default() };
    Counted { time: Time { run_id, monotonic_ms }, amounts }
}

fn bytes_in(before: Counted, now: Counted) -> Option<u64> {
    rates(&before, &now).map(|rates| rates.bytes_in)
}

#[test]
fn a_rate_is_the_growth_by_the_time_of_the_server() {
    let before = counted(1, 10_000, 500);
    let expected = Amounts { bytes_in: 1_000, requests: 100, ..Amounts::default() };
    assert_eq!(rates(&before, &counted(1, 12_000, 2_500)), Some(expected));
    assert_eq!(bytes_in(before, counted(1, 10_500, 600)), Some(200));
    assert_eq!(bytes_in(before, counted(1, 13_000, 500)), Some(0));
    assert_eq!(bytes_in(before, counted(1, 10_003, 501)), Some(333), "to the nearest");
    assert_eq!(bytes_in(before, counted(1, 10_001, u64::MAX)), Some(u64::MAX), "and no further");
}

#[test]
fn after_a_restart_there_is_no_rate_whatever_the_counters_say() {
    let before = counted(1, 10_000, 500);
    assert_eq!(bytes_in(before, counted(2, 100, 0)), None);
    assert_eq!(bytes_in(before, counted(2, 12_000, 2_500)), None, "it was quick, and has counted more");
}

#[test]
fn what_goes_back_or_stands_still_has_no_rate() {
    let before = counted(1, 10_000, 500);
    assert_eq!(bytes_in(before, counted(1, 12_000, 499)), None, "another topic of the same name");
    assert_eq!(bytes_in(before, counted(1, 10_000, 500)), None);
    assert_eq!(bytes_in(before, counted(1, 9_000, 900)), None);
}

#[test]
fn lines_are_known_by_their_names() {
    let mut meter = Meter::default();
    let first = [("a", counted(1, 1_000, 10)), ("b", counted(1, 1_000, 20))];
    assert_eq!(meter.measure(first), [None, None]);
    let second = [("b", counted(1, 2_000, 50)), ("c", counted(1, 2_000, 70)), ("a", counted(1, 2_000, 11))];
    let rates: Vec<_> = meter.measure(second).into_iter().map(|rates| rates.map(|of| of.bytes_in)).collect();
    assert_eq!(rates, [Some(30), None, Some(1)]);
    // One that was not there for a round begins anew.
    assert_eq!(meter.measure([("c", counted(1, 3_000, 70))])[0].map(|of| of.bytes_in), Some(0));
    assert_eq!(meter.measure([("a", counted(1, 4_000, 99))]), [None]);
}
