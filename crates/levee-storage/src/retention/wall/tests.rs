use super::{STANDS, TOLERANCE_MS, Wall};
use std::time::Duration;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn minutes(count: i64) -> Duration {
    Duration::from_millis((count * MINUTE_MS).unsigned_abs())
}

#[test]
fn a_leap_forward_must_stand_and_one_back_counts_at_once() {
    let start = 1_000 * DAY_MS;
    let mut wall = Wall::new(start, minutes(0));
    assert_eq!(wall.believe(start + MINUTE_MS, minutes(1)), start + MINUTE_MS);
    // A year ahead, for 59 minutes, and right again.
    for minute in 2..61 {
        let believed = wall.believe(start + 365 * DAY_MS + minute * MINUTE_MS, minutes(minute));
        assert_eq!(believed, start + minute * MINUTE_MS);
    }
    assert_eq!(wall.believe(start + 61 * MINUTE_MS, minutes(61)), start + 61 * MINUTE_MS);
    // The hour begins anew with each leap.
    let leap = |minute: i64| start + 2 * DAY_MS + minute * MINUTE_MS;
    assert_eq!(wall.believe(leap(62), minutes(62)), start + 62 * MINUTE_MS);
    assert_eq!(wall.believe(leap(121), minutes(121)), start + 121 * MINUTE_MS);
    assert_eq!(wall.believe(leap(122), minutes(122)), leap(122), "it has stood for {STANDS:?}");
    // Back, and at once.
    assert_eq!(wall.believe(start, minutes(123)), start);
}

#[test]
fn a_clock_that_is_set_a_little_is_not_doubted() {
    let mut wall = Wall::new(0, minutes(0));
    assert_eq!(wall.believe(MINUTE_MS + TOLERANCE_MS, minutes(1)), MINUTE_MS + TOLERANCE_MS);
    let next = 2 * MINUTE_MS + TOLERANCE_MS;
    assert_eq!(wall.believe(next + TOLERANCE_MS + 1, minutes(2)), next);
}

#[test]
fn each_leap_stands_for_itself() {
    let start = 1_000 * DAY_MS;
    let mut wall = Wall::new(start, minutes(0));
    for minute in 1..200 {
        // Every half hour further ahead.
        let ahead = (1 + minute / 30) * DAY_MS;
        let right = start + minute * MINUTE_MS;
        assert_eq!(wall.believe(right + ahead, minutes(minute)), right);
    }
}
