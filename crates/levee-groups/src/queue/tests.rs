mod model;
mod properties;

use super::{Cause, Now, Offered, Progress, Rejection, Rules, Window, WorkerId};
use levee_types::group::{Ahead, AheadState};
use levee_types::limits::MAX_UNDONE_PER_PARTITION;
use std::collections::BTreeSet;
use std::time::Duration;

const TERM: Duration = Duration::from_secs(30);
const RULES: Rules = Rules { max_deliveries: 2, ordered_by_key: true };
const ANN: WorkerId = WorkerId(1);
const BOB: WorkerId = WorkerId(2);

fn at(seconds: u64) -> Now {
    Now { monotonic: Duration::from_secs(seconds), unix_ms: i64::try_from(seconds).unwrap() * 1_000 }
}

fn plain(offset: u64) -> Offered {
    Offered { offset, key: None, deliver_at_ms: None }
}

fn window(records: u64) -> Window {
    let mut window = Window::new(RULES, 0);
    window.offer((0..records).map(plain), records, at(0));
    window
}

#[test]
fn what_was_handed_out_too_often_is_dead_until_it_is_put_away() {
    let mut window = window(2);
    let first = window.take(ANN, TERM, 9, at(0)).unwrap();
    assert_eq!((first.offset, first.deliveries), (0, 1));
    assert!(window.expire(at(29)).is_empty());
    assert_eq!(window.expire(at(30)), [first.lease]);
    assert_eq!(window.acknowledge(first.lease, at(30)), Err(super::LeaseExpired));
    let second = window.take(BOB, TERM, 9, at(30)).unwrap();
    assert_eq!((second.offset, second.deliveries), (0, 2));
    let no = Rejection { reason: "no", ..Rejection::default() };
    assert_eq!(window.reject(second.lease, no, at(31)), Ok(true));
    let dead: Vec<_> =
        window.dead().map(|(offset, dead)| (offset, dead.deliveries, dead.cause.to_string())).collect();
    assert_eq!(dead, [(0, 2, "no".to_owned())]);
    assert_eq!(window.take(BOB, TERM, 9, at(31)).unwrap().offset, 1);
    assert_eq!(window.low(), 0);
    let delivered = |first, times| Ahead { first, records: 1, state: AheadState::Delivered(times) };
    let written = Progress { offset: 0, ahead: vec![delivered(0, 2), delivered(1, 1)] };
    assert_eq!(window.progress(&BTreeSet::new()), written);
    assert_eq!(window.progress(&BTreeSet::from([0])), Progress { offset: 1, ahead: vec![delivered(1, 1)] });
    window.put_away(0);
    assert_eq!((window.low(), window.dead().count()), (1, 0));
    // It was not written that it was put away: it is dead still, and is not handed out.
    let mut again = Window::restore(RULES, &written, 0, 2);
    again.offer((0..2).map(plain), 2, at(40));
    let dead: Vec<_> = again.dead().map(|(offset, dead)| (offset, dead.cause.clone())).collect();
    assert_eq!(dead, [(0, Cause::Before)]);
    assert_eq!(again.take(ANN, TERM, 9, at(40)).map(|taken| (taken.offset, taken.deliveries)), Some((1, 2)));
}

#[test]
fn a_lease_ends_at_its_time_also_if_nobody_looked() {
    let mut window = window(1);
    let taken = window.take(ANN, TERM, 9, at(0)).unwrap();
    window.extend(taken.lease, TERM, at(10)).unwrap();
    assert_eq!(window.due_in(at(10)), Some(TERM));
    assert_eq!(window.acknowledge(taken.lease, at(40)), Err(super::LeaseExpired));
    assert_eq!(window.extend(taken.lease, TERM, at(40)), Err(super::LeaseExpired));
    assert_eq!(
        window.acknowledge(super::Lease { worker: BOB, ..taken.lease }, at(39)),
        Err(super::LeaseExpired)
    );
    assert_eq!(window.acknowledge(taken.lease, at(39)), Ok(()));
    assert_eq!(window.low(), 1);
}

#[test]
fn setting_the_clock_moves_moments_and_no_spans() {
    let mut window = Window::new(RULES, 0);
    let later = Offered { deliver_at_ms: Some(100_000), ..plain(1) };
    window.offer([plain(0), later], 2, at(0));
    let taken = window.take(ANN, Duration::from_secs(100), 9, at(0)).unwrap();
    assert_eq!(window.due_in(at(0)), Some(Duration::from_secs(60)), "a moment is looked at again");
    let mut now = Now { unix_ms: 99_999, ..at(1) };
    assert!(window.expire(now).is_empty());
    assert_eq!(window.available(), None);
    assert_eq!(window.due_in(now), Some(Duration::from_millis(1)));
    now.unix_ms = 100_000;
    assert!(window.expire(now).is_empty(), "the lease is not over");
    assert_eq!(window.available(), Some(1));
    now.unix_ms = 0;
    assert_eq!(window.acknowledge(taken.lease, now), Ok(()));
}

#[test]
fn a_window_looks_no_further_than_it_may_hold() {
    let mut window = Window::new(RULES, 0);
    let max = MAX_UNDONE_PER_PARTITION as u64;
    window.offer((0..max - 1).map(plain), max - 1, at(0));
    window.offer((max - 1..max + 9).map(plain), max + 9, at(0));
    assert_eq!((window.looks_for(), window.available_len()), (None, MAX_UNDONE_PER_PARTITION));
    let taken = window.take(ANN, TERM, u64::MAX, at(0)).unwrap();
    window.acknowledge(taken.lease, at(0)).unwrap();
    assert_eq!(window.looks_for(), Some(max), "the rest of the batch is looked at again");
    window.offer((max - 1..max + 9).map(plain), max + 9, at(0));
    assert_eq!((window.low(), window.looks_for()), (1, None));
}

#[test]
fn what_is_behind_the_end_of_the_log_is_not_believed() {
    let ahead = vec![Ahead { first: 12, records: 8, state: AheadState::Done }];
    let progress = Progress { offset: 10, ahead };
    let mut window = Window::restore(RULES, &progress, 0, 15);
    assert_eq!(window.looks_for(), Some(10));
    window.offer((10..18).map(plain), 18, at(0));
    let taken: Vec<_> =
        std::iter::from_fn(|| window.take(ANN, TERM, 99, at(0))).map(|taken| taken.offset).collect();
    assert_eq!(taken, [10, 11, 15, 16, 17]);
    assert_eq!(Window::restore(RULES, &progress, 0, 5).looks_for(), Some(5));
    assert_eq!(Window::restore(RULES, &progress, 13, 25).looks_for(), Some(20));
}

#[test]
fn done_runs_are_joined() {
    let mut window = window(6);
    let leases: Vec<_> =
        std::iter::from_fn(|| window.take(ANN, TERM, 99, at(0))).map(|taken| taken.lease).collect();
    for index in [1, 3, 2, 5] {
        window.acknowledge(leases[index], at(0)).unwrap();
    }
    let run = |first, records, state| Ahead { first, records, state };
    let ahead = vec![
        run(0, 1, AheadState::Delivered(1)),
        run(1, 3, AheadState::Done),
        run(4, 1, AheadState::Delivered(1)),
        run(5, 1, AheadState::Done),
    ];
    assert_eq!(window.progress(&BTreeSet::new()), Progress { offset: 0, ahead });
}
