use super::{Backoff, LONGEST_ASKED};
use levee_types::Random;
use std::sync::Arc;
use std::time::Duration;

struct Always(u8);

impl Random for Always {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

fn waits(random: u8) -> Vec<u128> {
    let mut backoff = Backoff::new(Arc::new(Always(random)));
    (0..7).map(|_| backoff.next(None).as_millis()).collect()
}

#[test]
fn doubles_up_to_two_seconds() {
    assert_eq!(waits(0), [100, 200, 400, 800, 1600, 2000, 2000]);
}

#[test]
fn is_cut_by_a_half_at_most() {
    assert_eq!(waits(255), [50, 100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn starts_again_after_success() {
    let mut backoff = Backoff::new(Arc::new(Always(0)));
    backoff.next(None);
    backoff.next(None);
    backoff.reset();
    assert_eq!(backoff.next(None).as_millis(), 100);
}

#[test]
fn waits_as_long_as_the_broker_asks_within_reason() {
    let mut backoff = Backoff::new(Arc::new(Always(0)));
    let asked = |ms| Some(Duration::from_millis(ms));
    assert_eq!(backoff.next(asked(99)).as_millis(), 100);
    assert_eq!(backoff.next(asked(201)).as_millis(), 201);
    assert_eq!(backoff.next(Some(LONGEST_ASKED)), LONGEST_ASKED);
    assert_eq!(backoff.next(Some(Duration::MAX)), LONGEST_ASKED);
}
