use super::*;
use futures::FutureExt as _;
use levee_types::quota::{Plan, Quota, Quotas};
use levee_types::{PlanName, TenantName, UserName};
use proptest::prelude::*;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// A clock that stands unless it is moved.
#[derive(Default)]
struct Manual(AtomicU64);

impl Clock for Manual {
    fn unix_ms(&self) -> i64 {
        i64::try_from(self.monotonic().as_millis()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

impl Manual {
    fn set(&self, time: Duration) {
        self.0.store(u64::try_from(time.as_nanos()).unwrap(), Relaxed);
    }
}

fn limits(own: &Quotas, users: Vec<(UserName, Quotas)>, topics: Vec<(TopicName, Quotas)>) -> Limits {
    let plan = PlanName::new("unlimited").unwrap();
    let planned = Plan::built_in(&plan).unwrap();
    Limits::new(TenantName::new("acme").unwrap(), plan, &planned, own, users, topics)
}

fn only(dimension: Dimension, quota: Quota) -> Quotas {
    [(dimension, quota)].into_iter().collect()
}

fn tenant(clock: &Arc<Manual>, node: NodeRates, limits: &Limits) -> TenantAdmission {
    let node = Arc::new(NodeAdmission::new(node));
    let admission = TenantAdmission::new(Arc::clone(clock) as Arc<dyn Clock>, node);
    admission.apply(limits);
    admission
}

fn ingress<'a>(amount: u64, topic: Option<&'a TopicName>) -> Charge<'a> {
    Charge { dimension: Dimension::Ingress, amount, user: "svc", topic, request_id: "id" }
}

const SECOND: Duration = Duration::from_secs(1);

/// What passes when many callers, each with one request at a time, want as much as they can get: when, and how much.
/// A caller that is refused comes back when it was told to.
fn passed(
    admission: &TenantAdmission,
    clock: &Manual,
    callers: usize,
    sizes: &[u64],
) -> Vec<(Duration, u64)> {
    let end = SECOND * 40;
    let mut turns: std::collections::BinaryHeap<_> =
        (0..callers).map(|caller| std::cmp::Reverse((Duration::ZERO, caller))).collect();
    let mut passed = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while let Some(std::cmp::Reverse((now, caller))) = turns.pop() {
        if now > end {
            break;
        }
        clock.set(now);
        let size = *sizes.next().unwrap();
        let next = match admission.reserve(ingress(size, None)) {
            Ok(reservation) => {
                let at = now + reservation.delay();
                passed.push((at, size));
                // Waited for, without the wait.
                reservation.settle(size);
                // It takes a moment to come back.
                at + Duration::from_micros(50)
            }
            Err(error) => {
                assert_eq!(error.code, ErrorCode::QuotaExceeded);
                now + error.retry_after.unwrap().max(Duration::from_millis(1))
            }
        };
        turns.push(std::cmp::Reverse((next, caller)));
    }
    passed.sort_unstable();
    passed
}

/// The least and the most within 10 s, but for the begin and the end.
fn extremes(passed: &[(Duration, u64)]) -> (u64, u64) {
    let (mut least, mut most) = (u64::MAX, 0);
    for begin in 0..=250_u32 {
        let begin = Duration::from_millis(100) * begin;
        let sum = passed
            .iter()
            .filter(|(at, _)| (begin..begin + SECOND * 10).contains(at))
            .map(|(_, size)| size)
            .sum();
        least = least.min(sum);
        most = most.max(sum);
    }
    (least, most)
}

#[test]
fn a_rate_is_met_from_one_caller_and_from_500() {
    const LIMIT: u64 = 10_000_000;
    for callers in [1, 500] {
        for sizes in [&[100_u64][..], &[64 * 1024], &[1024 * 1024], &[100, 64 * 1024, 900 * 1024]] {
            if sizes == [100] && callers == 1 {
                // It cannot offer more than 2 MB/s.
                continue;
            }
            let clock = Arc::new(Manual::default());
            let quotas = only(Dimension::Ingress, Quota::of(LIMIT));
            let admission = tenant(&clock, NodeRates::default(), &limits(&quotas, vec![], vec![]));
            let (least, most) = extremes(&passed(&admission, &clock, callers, sizes));
            let largest = sizes.iter().max().unwrap();
            assert!(most <= LIMIT * 10 + LIMIT / 10 + largest, "{callers} {sizes:?}: {most}");
            assert!(least + largest >= LIMIT * 98 / 10, "{callers} {sizes:?}: {least}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_window_holds_more_than_rate_burst_and_one_charge(
        limit in 1_000_u64..10_000_000,
        burst in proptest::option::of(1_u64..1_000_000),
        sizes in proptest::collection::vec(1_u64..300_000, 1..20),
        callers in 1_usize..50,
    ) {
        let clock = Arc::new(Manual::default());
        let quota = Quota { burst, ..Quota::of(limit) };
        let admission = tenant(&clock, NodeRates::default(), &limits(&only(Dimension::Ingress, quota), vec![], vec![]));
        let passed = passed(&admission, &clock, callers, &sizes);
        let burst = burst.unwrap_or((limit / 10).max(1));
        let largest = *sizes.iter().max().unwrap();
        let (_, most) = extremes(&passed);
        // A nanosecond of rounding for each charge.
        let rounding = passed.len() as u64 * limit / 1_000_000_000 + 1;
        prop_assert!(most <= limit * 10 + burst + largest + rounding, "{} of {}", most, limit);
    }
}

#[test]
fn the_longest_delay_of_all_levels_holds_and_each_is_charged() {
    let clock = Arc::new(Manual::default());
    let topic = TopicName::new("orders").unwrap();
    let quota = |limit| only(Dimension::Ingress, Quota { burst: Some(1), ..Quota::of(limit) });
    let users = vec![(UserName::new("svc").unwrap(), quota(500))];
    let topics = vec![(topic.clone(), quota(100))];
    let node = NodeRates { ingress: 10_000, ..NodeRates::default() };
    let admission = tenant(&clock, node, &limits(&quota(1_000), users, topics));
    let delay = |amount, topic| {
        let reservation = admission.reserve(ingress(amount, topic)).unwrap();
        let delay = reservation.delay();
        reservation.settle(amount);
        delay
    };
    assert_eq!(delay(100, Some(&topic)), Duration::ZERO);
    // The topic owes a second, the user a fifth of one, the tenant a tenth: but for the burst of 1.
    assert_eq!(delay(100, Some(&topic)), Duration::from_millis(990));
    assert_eq!(delay(100, None), Duration::from_millis(398), "the user has used both");
    let other = Charge { user: "other", ..ingress(100, None) };
    assert_eq!(admission.reserve(other).unwrap().delay(), Duration::from_millis(299), "so has the tenant");
    let held_up = admission.held_up();
    assert_eq!(
        held_up.iter().map(|event| (event.level, event.limit)).collect::<Vec<_>>(),
        [(Level::Tenant, 1_000), (Level::User, 500), (Level::Topic, 100)]
    );
    assert_eq!((held_up[2].topic.as_str(), held_up[2].request_id.as_str()), ("orders", "id"));
}

#[test]
fn who_would_wait_too_long_is_refused_and_charged_nothing() {
    let clock = Arc::new(Manual::default());
    let quotas = only(Dimension::Ingress, Quota { burst: Some(1), ..Quota::of(1_000) });
    let admission = tenant(&clock, NodeRates::default(), &limits(&quotas, vec![], vec![]));
    let take =
        |amount| admission.reserve(ingress(amount, None)).map(|reservation| reservation.settle(amount));
    let longest = MAX_THROTTLE.as_secs() * 1_000;
    take(longest + 1).unwrap();
    take(1).unwrap();
    for _ in 0..3 {
        let error = take(1).unwrap_err();
        assert_eq!(error.code, ErrorCode::QuotaExceeded);
        assert_eq!(error.retry_after, Some(MAX_THROTTLE + Duration::from_millis(1)));
        assert!(error.message.contains("1000 bytes") && error.hint.contains("ingress=2000"), "{error:?}");
    }
    clock.set(Duration::from_millis(1));
    take(1).unwrap();
}

#[test]
fn to_reject_is_to_refuse_at_once_and_to_observe_is_to_count() {
    let clock = Arc::new(Manual::default());
    for (action, passes) in [(Action::Reject, false), (Action::Observe, true)] {
        let quota = Quota { action: Some(action), burst: Some(1), ..Quota::of(10) };
        let admission =
            tenant(&clock, NodeRates::default(), &limits(&only(Dimension::Ingress, quota), vec![], vec![]));
        admission.reserve(ingress(10, None)).unwrap().settle(10);
        let second = admission.reserve(ingress(10, None));
        assert_eq!(second.as_ref().is_ok_and(|reservation| reservation.delay().is_zero()), passes);
        drop(second);
        clock.set(clock.monotonic() + SECOND);
        admission.reserve(ingress(1, None)).unwrap().settle(1);
        clock.set(clock.monotonic() + SECOND);
    }
}

#[tokio::test]
async fn who_goes_away_while_it_waits_gives_back_what_it_took() {
    let clock = Arc::new(Manual::default());
    let quotas = only(Dimension::Ingress, Quota { burst: Some(1), ..Quota::of(100_000) });
    let admission = tenant(&clock, NodeRates::default(), &limits(&quotas, vec![], vec![]));
    admission.reserve(ingress(1_000, None)).unwrap().settle(1_000);
    let before = admission.reserve(ingress(0, None)).unwrap().delay();
    for _ in 0..100 {
        let mut waiting = Box::pin(admission.reserve(ingress(500, None)).unwrap().wait());
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    assert_eq!(admission.reserve(ingress(0, None)).unwrap().delay(), before);
    // What was waited for is used.
    assert_eq!(admission.reserve(ingress(500, None)).unwrap().wait().await, before);
    assert_eq!(admission.reserve(ingress(0, None)).unwrap().delay(), before + Duration::from_millis(5));
}

#[test]
fn another_limit_holds_at_once_and_what_is_owed_stays() {
    let clock = Arc::new(Manual::default());
    let quotas = |limit| {
        limits(&only(Dimension::Ingress, Quota { burst: Some(1), ..Quota::of(limit) }), vec![], vec![])
    };
    let admission = tenant(&clock, NodeRates::default(), &quotas(1_000));
    admission.reserve(ingress(2_000, None)).unwrap().settle(2_000);
    admission.apply(&quotas(1_000));
    let owed = |admission: &TenantAdmission| admission.reserve(ingress(0, None)).unwrap().delay();
    assert_eq!(owed(&admission), Duration::from_millis(1_999));
    admission.apply(&limits(&Quotas::default(), vec![], vec![]));
    assert_eq!(owed(&admission), Duration::ZERO);
    admission.apply(&quotas(10_000));
    assert_eq!(owed(&admission), Duration::from_nanos(1_999_900_000));
}

#[test]
fn connections_are_counted_exactly() {
    let clock = Arc::new(Manual::default());
    let quotas = only(Dimension::Connections, Quota::of(2));
    let admission = tenant(&clock, NodeRates::default(), &limits(&quotas, vec![], vec![]));
    let (first, second) = (admission.connect().unwrap(), admission.connect().unwrap());
    assert_eq!(admission.connect().unwrap_err().code, ErrorCode::LimitExceeded);
    assert_eq!(admission.used(Dimension::Connections), 2);
    drop(first);
    let third = admission.connect().unwrap();
    assert!(admission.connect().is_err());
    drop((second, third));
    assert_eq!(admission.used(Dimension::Connections), 0);
}

#[test]
fn what_came_within_the_last_second_is_known() {
    let clock = Arc::new(Manual::default());
    clock.set(SECOND * 5);
    let quotas = only(Dimension::Ingress, Quota::of(1_000_000));
    let admission = tenant(&clock, NodeRates::default(), &limits(&quotas, vec![], vec![]));
    admission.reserve(ingress(300, None)).unwrap().settle(300);
    admission.reserve(ingress(200, None)).unwrap().settle(200);
    assert_eq!(admission.used(Dimension::Ingress), 0);
    clock.set(SECOND * 6);
    assert_eq!(admission.used(Dimension::Ingress), 500);
    clock.set(SECOND * 8);
    assert_eq!(admission.used(Dimension::Ingress), 0);
}

#[test]
fn used_is_what_passed_and_not_what_was_taken_for_it() {
    let clock = Arc::new(Manual::default());
    clock.set(SECOND * 5);
    let unlimited = limits(&Quotas::default(), vec![], vec![]);
    let limited = limits(&only(Dimension::Egress, Quota::of(1_000_000)), vec![], vec![]);
    for limits in [unlimited, limited] {
        let admission = tenant(&clock, NodeRates::default(), &limits);
        let egress = |amount| Charge { dimension: Dimension::Egress, ..ingress(amount, None) };
        admission.reserve(egress(128 * 1024)).unwrap().settle(700);
        drop(admission.reserve(egress(128 * 1024)).unwrap());
        let both = admission.reserve(egress(5)).unwrap().and(admission.reserve(ingress(6, None)).unwrap());
        both.wait().now_or_never().unwrap();
        clock.set(clock.monotonic() + SECOND);
        assert_eq!((admission.used(Dimension::Egress), admission.used(Dimension::Ingress)), (705, 6));
    }
}

#[tokio::test]
async fn what_waits_for_its_own_quota_takes_nothing_of_the_node() {
    let clock = Arc::new(Manual::default());
    let node = Arc::new(NodeAdmission::new(NodeRates { ingress: 500, ..NodeRates::default() }));
    let of_tenant = |quotas| {
        let admission = TenantAdmission::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&node));
        admission.apply(&limits(&quotas, vec![], vec![]));
        admission
    };
    let slow = of_tenant(only(Dimension::Ingress, Quota { burst: Some(1), ..Quota::of(1_000) }));
    let other = of_tenant(Quotas::default());
    let delay = |admission: &TenantAdmission| admission.reserve(ingress(0, None)).unwrap().delay();
    slow.reserve(ingress(20, None)).unwrap().settle(20);
    let mut waiting: Vec<_> = (0..10).map(|_| slow.reserve(ingress(15, None)).unwrap()).collect();
    assert!(delay(&slow) > Duration::from_millis(150));
    assert_eq!(delay(&other), Duration::ZERO, "the node let 20 through, and lets 50 through at once");
    // When they have waited, they take their share of the node too.
    futures::future::join_all(waiting.iter_mut().map(Reservation::ready)).await;
    assert_eq!(delay(&other), Duration::from_millis(240));
    // And give it back.
    drop(waiting);
    assert_eq!(delay(&other), Duration::ZERO);
}

#[test]
#[ignore = "prints a figure; run it with --release --nocapture"]
fn what_admission_costs() {
    let clock = Arc::new(Manual::default());
    let topic = TopicName::new("orders").unwrap();
    let quota = || only(Dimension::Ingress, Quota::of(1_000_000_000));
    let users = vec![(UserName::new("svc").unwrap(), quota())];
    let topics = vec![(topic.clone(), quota())];
    let node = NodeRates { ingress: 1_000_000_000, ..NodeRates::default() };
    let admission = tenant(&clock, node, &limits(&quota(), users, topics));
    let rounds = 1_000_000_u32;
    let real = crate::ambient::SystemClock::new();
    let started = real.monotonic();
    for _ in 0..rounds {
        admission.reserve(ingress(1, Some(&topic))).unwrap().settle(1);
    }
    println!("{:?} for each charge at four levels", (real.monotonic() - started) / rounds);
}
