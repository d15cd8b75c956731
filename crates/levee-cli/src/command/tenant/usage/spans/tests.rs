use super::*;
use crate::failure::Exit;
use std::time::Duration;

fn hours(hours: i64) -> i64 {
    hours * HOUR_MS
}

fn ago(hours: u64) -> Moment {
    Moment::Ago(Duration::from_secs(hours * 3600))
}

fn requests(from: Moment, to: Moment, now_ms: i64) -> Vec<(i64, i64)> {
    Spans::new(from, to, now_ms).unwrap().requests().collect()
}

#[test]
fn whole_hours_up_to_the_present_of_the_server() {
    let now = hours(10_000) + 5;
    assert_eq!(requests(ago(24), Moment::Now, now), [(hours(9_976), 0)]);
    let spans = Spans::new(ago(24), Moment::Now, now).unwrap();
    assert_eq!((spans.from_ms, spans.to_ms), (hours(9_976), hours(10_001)));
    assert_eq!(requests(ago(2), ago(1), now), [(hours(9_998), hours(10_000))]);
    assert_eq!(requests(Moment::At(hours(7) + 1), Moment::At(hours(7) + 2), now), [(hours(7), hours(8))]);
}

#[test]
fn long_times_take_several_requests_that_fit_together() {
    let now = hours(10_000);
    let found = requests(ago(1_001), Moment::Now, now);
    assert_eq!(found, [(hours(8_999), hours(9_499)), (hours(9_499), hours(9_999)), (hours(9_999), 0)]);
    assert_eq!(requests(ago(1_000), ago(0), now).last(), Some(&(hours(9_500), hours(10_000))));
}

#[test]
fn nobody_asks_for_what_is_not_kept() {
    let kept = i64::try_from(MAX_USAGE_HOURS).unwrap();
    let spans = Spans::new(Moment::At(0), Moment::Now, hours(1_000_000)).unwrap();
    assert_eq!(spans.from_ms, hours(1_000_000 - kept));
    assert!(Spans::new(Moment::At(0), Moment::At(i64::MAX), 0).is_ok());
}

#[test]
fn there_must_be_an_hour() {
    for (from, to) in [(Moment::Now, Moment::Now), (ago(1), ago(2)), (Moment::At(5), Moment::At(5))] {
        assert_eq!(Spans::new(from, to, hours(100)).unwrap_err().exit, Exit::Usage);
    }
}
