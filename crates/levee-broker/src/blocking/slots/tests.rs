use super::*;
use levee_types::limits::DEFAULT_PLAN_WEIGHT;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Acquiring = Pin<Box<dyn Future<Output = Slot>>>;

fn turn(tenant: u32) -> Turn {
    Turn { tenant: TenantId(tenant), weight: DEFAULT_PLAN_WEIGHT, bytes: 0 }
}

fn poll(acquiring: &mut Acquiring) -> Poll<Slot> {
    acquiring.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A call that waits for a slot.
fn waiting(slots: &Arc<Slots>, turn: Turn) -> Acquiring {
    let slots = Arc::clone(slots);
    let mut acquiring: Acquiring = Box::pin(async move { slots.acquire(turn).await });
    assert!(poll(&mut acquiring).is_pending());
    acquiring
}

fn taken(slots: &Arc<Slots>, turn: Turn) -> Slot {
    let slots = Arc::clone(slots);
    let mut acquiring: Acquiring = Box::pin(async move { slots.acquire(turn).await });
    match poll(&mut acquiring) {
        Poll::Ready(slot) => slot,
        Poll::Pending => panic!("there is no free slot"),
    }
}

/// Frees a slot so often, and tells who got it each time.
fn grants(mut slot: Slot, calls: &mut Vec<(u32, Acquiring)>, times: usize) -> Vec<u32> {
    let mut order = Vec::new();
    for _ in 0..times {
        drop(slot);
        let granted = calls.iter_mut().enumerate().find_map(|(index, (_, call))| match poll(call) {
            Poll::Ready(slot) => Some((index, slot)),
            Poll::Pending => None,
        });
        let (index, next) = granted.unwrap();
        order.push(calls.remove(index).0);
        slot = next;
    }
    order
}

#[test]
fn so_many_at_once_and_no_more() {
    let slots = Arc::new(Slots::new(2));
    let (one, two) = (taken(&slots, turn(1)), taken(&slots, turn(1)));
    let mut third = waiting(&slots, turn(1));
    let mut fourth = waiting(&slots, turn(1));
    drop(one);
    assert!(poll(&mut fourth).is_pending(), "calls of a tenant begin in their order");
    let Poll::Ready(third) = poll(&mut third) else { panic!("it is free") };
    drop(two);
    let Poll::Ready(fourth) = poll(&mut fourth) else { panic!("it is free") };
    drop((third, fourth));
    let free = slots.lock().free;
    assert_eq!(free, 2);
}

#[test]
fn a_light_tenant_does_not_wait_for_what_a_heavy_one_wants() {
    let slots = Arc::new(Slots::new(1));
    let slot = taken(&slots, turn(1));
    let heavy = Turn { bytes: 1024 * 1024, ..turn(1) };
    let mut calls: Vec<_> = (0..100).map(|_| (1, waiting(&slots, heavy))).collect();
    calls.push((2, waiting(&slots, turn(2))));
    let order = grants(slot, &mut calls, 2);
    assert!(order.contains(&2), "{order:?}");
}

#[test]
fn tenants_share_by_weight_and_by_what_they_read() {
    let slots = Arc::new(Slots::new(1));
    let slot = taken(&slots, turn(1));
    let kinds = [
        turn(1),
        Turn { weight: 30, ..turn(2) },
        // Twice as expensive.
        Turn { bytes: 64 * 1024, ..turn(3) },
    ];
    let mut calls = Vec::new();
    for _ in 0..200 {
        calls.extend(kinds.map(|kind| (kind.tenant.0, waiting(&slots, kind))));
    }
    let order = grants(slot, &mut calls, 270);
    let count = |tenant| order.iter().filter(|of| **of == tenant).count();
    for (tenant, expected) in [(1, 60), (2, 180), (3, 30)] {
        assert!(count(tenant).abs_diff(expected) <= 4, "{tenant} has {} of 270", count(tenant));
    }
}

#[test]
fn a_slot_goes_past_callers_that_are_gone() {
    let slots = Arc::new(Slots::new(1));
    let slot = taken(&slots, turn(1));
    let gone = waiting(&slots, turn(1));
    let leaving = waiting(&slots, turn(1));
    let mut last = waiting(&slots, turn(1));
    drop(gone);
    drop(slot);
    // This one has got it, but never looks.
    drop(leaving);
    assert!(poll(&mut last).is_ready());
}

#[test]
fn callers_that_are_gone_do_not_pile_up() {
    let slots = Arc::new(Slots::new(1));
    let slot = taken(&slots, turn(1));
    for tenant in 0..100_000 {
        drop(waiting(&slots, turn(tenant)));
    }
    assert!(slots.lock().waiting.len() <= SWEEP_AT);
    drop(slot);
    let free = slots.lock().free;
    assert_eq!(free, 1);
}
