use super::*;
use std::sync::Mutex;

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
struct Set(Mutex<Duration>);

impl Clock for Set {
    fn unix_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

fn set(clock: &Set, ms: u64) {
    *clock.0.lock().unwrap() = Duration::from_millis(ms);
}

type Paced = (Pacer<Set>, PacerGuard);

fn schedule(limit: Limit, rate: Option<f64>) -> (Arc<Set>, Schedule<Set>, Option<Paced>) {
    let clock = Arc::new(Set::default());
    let (schedule, pacer) = Schedule::start(limit, rate, Arc::clone(&clock));
    (clock, schedule, pacer)
}

fn at(ms: u64) -> Option<Claim> {
    Some(Claim { records: 1, intended: Some(Duration::from_millis(ms)) })
}

#[tokio::test]
async fn latency_counts_from_the_intended_time_also_when_late() {
    let (clock, schedule, pacer) = schedule(Limit::Records(3), Some(1000.0));
    assert_eq!(schedule.planned(), Some(3));
    // Held up for half a second: all were due long ago.
    set(&clock, 500);
    let (pacer, _guard) = pacer.unwrap();
    pacer.run();
    assert_eq!(schedule.claim(64).await, at(0));
    assert_eq!(schedule.claim(64).await, at(1));
    assert_eq!(schedule.claim(64).await, at(2));
    assert_eq!(schedule.claim(64).await, None);
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_due() {
    let clock = Arc::new(Set::default());
    let (schedule, pacer) =
        Schedule::start(Limit::Duration(Duration::from_secs(1)), Some(10.0), Arc::clone(&clock));
    assert_eq!(schedule.planned(), Some(10));
    let waiting = schedule.claim(1);
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    let (pacer, guard) = pacer.unwrap();
    let pacer = tokio::task::spawn_blocking(move || pacer.run());
    assert_eq!(waiting.await, at(0));
    let waiting = schedule.claim(1);
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    set(&clock, 100);
    assert_eq!(waiting.await, at(100));
    drop(guard);
    pacer.await.unwrap();
}

#[tokio::test]
async fn what_was_due_before_the_end_may_be_a_little_late_and_not_more() {
    let (clock, schedule, pacer) = schedule(Limit::Duration(Duration::from_secs(1)), Some(10.0));
    set(&clock, 1999);
    let (pacer, _guard) = pacer.unwrap();
    pacer.run();
    assert_eq!(schedule.claim(1).await, at(0));
    set(&clock, 2000);
    assert_eq!(schedule.claim(1).await, None);
}

#[tokio::test]
async fn without_a_rate_records_are_handed_out_in_one_go() {
    let (_, schedule, pacer) = schedule(Limit::Records(100), None);
    assert!(pacer.is_none());
    let claim = |records| Some(Claim { records, intended: None });
    assert_eq!(schedule.claim(64).await, claim(64));
    assert_eq!(schedule.claim(64).await, claim(36));
    assert_eq!(schedule.claim(64).await, None);
}

#[test]
fn what_is_due_agrees_with_when_it_is_due() {
    for rate in [0.5, 3.0, 1000.0, 333_333.3] {
        for number in [0, 1, 7, 1000, 123_457] {
            let time = due_time(number, rate);
            assert_eq!(due_before(time, rate), number, "{number} at {rate}");
            assert_eq!(due_before(time + Duration::from_nanos(1), rate), number + 1, "{number} at {rate}");
        }
    }
}
