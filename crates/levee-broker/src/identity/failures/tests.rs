use super::{Admission, Failures};
use crate::identity::Reason;
use crate::identity::manual_clock::ManualClock;
use futures::FutureExt as _;
use levee_types::Clock as _;
use levee_types::limits::{
    FAILED_CHECKS_BURST, FAILED_CHECKS_PER_S, MAX_FAILURE_SOURCES, MAX_WAITING_REFUSALS,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const BURST: usize = FAILED_CHECKS_BURST as usize;
const PER_S: usize = FAILED_CHECKS_PER_S as usize;

fn failures() -> (Arc<ManualClock>, Failures) {
    let clock = ManualClock::new();
    (Arc::clone(&clock), Failures::new(clock))
}

/// How many of `tries` credentials that are bad are checked.
fn checked(failures: &Failures, address: IpAddr, tries: usize) -> usize {
    (0..tries).filter(|_| matches!(failures.admit(address), Admission::Admitted(_))).count()
}

#[test]
fn ten_thousand_bad_logins_cost_few_checks_and_another_source_none_of_its_own() {
    let (clock, failures) = failures();
    let mut stranger = 0;
    for _ in 0..100 {
        // A bad login each millisecond for ten seconds.
        stranger += checked(&failures, STRANGER, 100);
        clock.advance(Duration::from_millis(100));
        let Admission::Admitted(attempt) = failures.admit(OTHER) else { panic!("another source is held up") };
        attempt.succeeded();
    }
    assert!((BURST + 9 * PER_S..=BURST + 10 * PER_S).contains(&stranger), "{stranger} checks");
    assert_eq!(checked(&failures, OTHER, 10_000), BURST);
}

#[test]
fn checks_that_succeed_cost_nothing() {
    let (_clock, failures) = failures();
    for _ in 0..10_000 {
        let Admission::Admitted(attempt) = failures.admit(STRANGER) else { panic!("a good one is held up") };
        attempt.succeeded();
    }
}

#[test]
fn checks_that_go_on_at_once_are_bounded_too() {
    let (_clock, failures) = failures();
    let admitted: Vec<_> = (0..10_000).map(|_| failures.admit(STRANGER)).collect();
    let attempts: Vec<_> = admitted
        .into_iter()
        .filter_map(|admission| match admission {
            Admission::Admitted(attempt) => Some(attempt),
            Admission::Refused => None,
        })
        .collect();
    assert_eq!(attempts.len(), BURST);
    attempts.into_iter().for_each(super::Attempt::succeeded);
    assert_eq!(checked(&failures, STRANGER, 10_000), BURST);
}

#[test]
fn the_addresses_of_an_ipv6_network_count_together() {
    let (_clock, failures) = failures();
    let address = |network, host| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host));
    let of_network: usize = (0..10_000).map(|host| checked(&failures, address(1, host), 1)).sum();
    assert_eq!(of_network, BURST);
    assert_eq!(checked(&failures, address(2, 0), 1), 1);
}

#[test]
fn the_number_of_sources_is_bounded() {
    let (_clock, failures) = failures();
    for address in 0..3 * u32::try_from(MAX_FAILURE_SOURCES).unwrap() {
        checked(&failures, IpAddr::V4(Ipv4Addr::from_bits(address)), 1);
    }
    let remembered = failures.accounts.len();
    assert!((MAX_FAILURE_SOURCES / 2..=MAX_FAILURE_SOURCES + 100).contains(&remembered), "{remembered}");
}

#[tokio::test]
async fn a_refusal_waits_but_not_many_of_a_source_at_once() {
    let (clock, failures) = failures();
    let now = clock.monotonic();
    let refuse = |address| Box::pin(failures.refuse(address, now, Reason::Malformed));
    let mut waiting: Vec<_> = (0..MAX_WAITING_REFUSALS).map(|_| refuse(STRANGER)).collect();
    for refusal in &mut waiting {
        assert_eq!(refusal.now_or_never(), None, "it is told at once");
    }
    assert_eq!(refuse(STRANGER).now_or_never(), Some(()), "one more waits too");
    assert_eq!(refuse(OTHER).now_or_never(), None, "another source is told at once");
    // One that is given up makes room.
    waiting.pop();
    assert_eq!(refuse(STRANGER).now_or_never(), None);
    futures::future::join_all(waiting).await;
}
