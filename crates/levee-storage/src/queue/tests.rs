//! The queue alone: order, turns, room, and callers that go away.

use super::*;
use proptest::prelude::*;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Pushing<'a> = Pin<Box<dyn Future<Output = Result<(), StorageError>> + 'a>>;

const MIB: usize = 1024 * 1024;
const GROUP: u64 = 64 * 1024;

/// Room for 32 MiB in all, and 4 MiB for one tenant.
fn queue() -> Queue<u32> {
    Queue::new(32 * MIB as u64, GROUP)
}

fn claim(tenant: u32, bytes: usize) -> Claim {
    Claim { tenant: TenantId(tenant), weight: 10, bytes, cost: bytes as u64 }
}

fn poll(pushing: &mut Pushing<'_>) -> Poll<Result<(), StorageError>> {
    pushing.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Pushes; gives the call if it waits.
fn push(queue: &Queue<u32>, command: u32, claim: Claim) -> Option<Pushing<'_>> {
    let mut pushing: Pushing<'_> = Box::pin(queue.push(command, claim));
    match poll(&mut pushing) {
        Poll::Ready(result) => {
            result.unwrap();
            None
        }
        Poll::Pending => Some(pushing),
    }
}

/// Takes a group, and keeps its room until it is dropped.
fn take(queue: &Queue<u32>) -> (Vec<u32>, Vec<Room<u32>>) {
    queue.take(Some(Duration::ZERO)).unwrap().into_iter().map(Queued::into_parts).unzip()
}

fn drain(queue: &Queue<u32>) -> Vec<u32> {
    let mut all = Vec::new();
    loop {
        let (commands, _rooms) = take(queue);
        if commands.is_empty() {
            return all;
        }
        all.extend(commands);
    }
}

fn assert_idle(queue: &Queue<u32>) {
    let state = queue.0.lock();
    assert!(state.commands.is_empty());
    assert_eq!((state.rooms.tenants.len(), state.rooms.occupied), (0, 0), "an idle tenant takes memory");
}

#[test]
fn a_group_is_taken_at_a_time_and_what_comes_meanwhile_from_others_is_in_the_next() {
    let queue = queue();
    for command in 0..300 {
        assert!(push(&queue, command, claim(1, 1024)).is_none());
    }
    let (first, writing) = take(&queue);
    assert_eq!(first, (0..64).collect::<Vec<_>>());
    assert!(push(&queue, 1000, claim(2, 1024)).is_none());
    drop(writing);
    let (second, _) = take(&queue);
    assert!(second.contains(&1000));
    assert_eq!(second.len(), 64);
}

#[test]
fn a_command_that_ends_its_group_costs_one() {
    let queue = queue();
    for command in 0..10 {
        push(&queue, command, Claim { cost: Claim::WHOLE_GROUP, ..claim(1, 0) });
    }
    push(&queue, 100, claim(2, 1024));
    assert_eq!(take(&queue).0, [100, 0], "nobody with small commands waits for one that takes long");
    assert_eq!(take(&queue).0, [1]);
}

#[test]
fn who_fills_its_room_waits_and_nobody_else() {
    let queue = queue();
    for command in 0..3 {
        assert!(push(&queue, command, claim(1, MIB)).is_none());
    }
    let mut fourth = push(&queue, 3, claim(1, MIB)).expect("4 MiB with what they take beside");
    let mut fifth = push(&queue, 4, claim(1, 1)).expect("behind the one that waits");
    assert!(push(&queue, 100, claim(2, MIB)).is_none());
    let (taken, room) = take(&queue);
    assert_eq!(taken, [0]);
    assert!(poll(&mut fourth).is_pending(), "room is occupied until the group is done");
    drop(room);
    assert!(poll(&mut fourth).is_ready() && poll(&mut fifth).is_ready());
    assert_eq!(drain(&queue), [100, 1, 2, 3, 4]);
    assert_idle(&queue);
}

#[test]
fn who_waits_for_room_is_not_passed_by_smaller_commands() {
    let queue = queue();
    push(&queue, 0, claim(1, 3 * MIB));
    let _large = push(&queue, 1, claim(1, 2 * MIB)).unwrap();
    let _small = push(&queue, 2, claim(1, 1)).unwrap();
    assert_eq!(drain(&queue), [0, 1, 2]);
}

#[test]
fn all_together_have_what_all_have_and_each_has_a_command() {
    let queue = queue();
    let mut waiting: Vec<_> = (0..64).filter_map(|n| push(&queue, n, claim(n % 16, MIB))).collect();
    assert_eq!(waiting.len(), 64 - 16, "a second one is more than an equal share");
    let light = push(&queue, 100, claim(100, MIB));
    assert!(light.is_none(), "there is room for who comes next");
    let mut rooms = Vec::new();
    while !waiting.is_empty() {
        let (commands, taken) = take(&queue);
        assert!(!commands.is_empty());
        rooms.extend(taken);
        waiting.retain_mut(|pushing| poll(pushing).is_pending());
    }
    drop(rooms);
    drain(&queue);
    assert_idle(&queue);
}

#[test]
fn what_has_no_room_takes_its_turn_all_the_same() {
    let queue = queue();
    let heavy: Vec<_> = (0..3200).filter_map(|n| push(&queue, n, claim(n % 32, MIB))).collect();
    let (full, _) = (100..3_000).find_map(|n| Some((n, push(&queue, n, claim(n, 0))?))).unwrap();
    let light = push(&queue, 5000, claim(full + 1, 64)).expect("there is no room");
    // A turn of a heavy one is less than a command: before any of them can afford one, everybody has its turn.
    let (first, _) = take(&queue);
    assert!(first.contains(&5000), "{first:?}");
    drop((heavy, light));
}

#[test]
fn what_was_taken_without_room_holds_up_nothing_behind_it() {
    let queue = queue();
    // Less than 1 MiB is left.
    for tenant in 0..8 {
        assert!(push(&queue, tenant, claim(tenant, 3 * MIB + 900 * 1024)).is_none());
    }
    let mut waiting = push(&queue, 100, claim(100, MIB)).unwrap();
    let mut kept = Vec::new();
    for _ in 0..9 {
        let (commands, rooms) = take(&queue);
        if commands == [100] {
            kept = rooms;
        }
    }
    assert!(poll(&mut waiting).is_ready());
    assert!(push(&queue, 101, claim(100, MIB)).is_none(), "there is room by now");
    drop(kept);
    assert_eq!(drain(&queue), [101]);
    assert_idle(&queue);
}

#[test]
fn a_call_that_is_dropped_while_it_waits_does_nothing() {
    let queue = queue();
    push(&queue, 0, claim(1, 4 * MIB));
    let dropped = push(&queue, 1, claim(1, MIB)).unwrap();
    let kept = push(&queue, 2, claim(1, MIB)).unwrap();
    let last = push(&queue, 3, claim(1, MIB)).unwrap();
    drop(dropped);
    assert_eq!(take(&queue).0, [0]);
    drop(last);
    assert_eq!(drain(&queue), [2, 3], "there had been room for the last one when it was dropped");
    drop(kept);
    assert_idle(&queue);
}

#[test]
fn calls_that_are_dropped_do_not_pile_up() {
    let queue = queue();
    push(&queue, 0, claim(1, 4 * MIB));
    let kept = push(&queue, 1, claim(1, MIB)).unwrap();
    for command in 2..100_000 {
        drop(push(&queue, command, claim(1, MIB)).unwrap());
    }
    assert!(queue.0.lock().commands.len() <= SWEEP_AT);
    assert_eq!(drain(&queue), [0, 1]);
    drop(kept);
    assert_idle(&queue);
}

#[test]
fn a_closed_queue_gives_what_has_room_and_refuses_the_rest() {
    let queue = queue();
    for command in 0..3 {
        push(&queue, command, claim(1, MIB));
    }
    let mut waiting = push(&queue, 3, claim(1, MIB)).unwrap();
    queue.close();
    assert!(matches!(poll(&mut waiting), Poll::Ready(Err(StorageError::Stopping))));
    let mut late: Pushing<'_> = Box::pin(queue.push(4, claim(2, 1)));
    assert!(matches!(poll(&mut late), Poll::Ready(Err(StorageError::Stopping))));
    let (mut all, mut rooms) = (Vec::new(), Vec::new());
    while let Some(commands) = queue.take(None) {
        let (commands, taken): (Vec<_>, Vec<_>) = commands.into_iter().map(Queued::into_parts).unzip();
        all.extend(commands);
        rooms.extend(taken);
    }
    assert_eq!(all, [0, 1, 2]);
    drop(rooms);
    assert_idle(&queue);
}

#[test]
fn patience_ends_and_closing_ends_waiting() {
    let queue = queue();
    assert!(queue.take(Some(Duration::from_millis(1))).unwrap().is_empty());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| queue.take(None).is_none());
        queue.close();
        assert!(waits.join().unwrap());
    });
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Push { tenant: u32, weight: u32, bytes: usize },
    Take,
    Finish,
    GiveUp(usize),
}

proptest! {
    /// Whatever happens, commands of a tenant are taken in the order of the calls, each once, unless the caller
    /// gave up; what callers were told of is within the bounds, and in the end nothing is left.
    #[test]
    fn nothing_is_lost_repeated_or_reordered(
        steps in proptest::collection::vec(
            prop_oneof![
                8 => (0_u32..12, 1_u32..=100, 0_usize..2 * MIB)
                    .prop_map(|(tenant, weight, bytes)| Step::Push { tenant, weight, bytes }),
                3 => Just(Step::Take),
                2 => Just(Step::Finish),
                1 => any::<usize>().prop_map(Step::GiveUp),
            ],
            0..400,
        ),
    ) {
        let queue = queue();
        let (mut tenants, mut sizes) = (Vec::new(), Vec::new());
        let (mut waiting, mut given_up) = (Vec::new(), Vec::new());
        let (mut taken, mut rooms) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Push { tenant, weight, bytes } => {
                    let command = u32::try_from(tenants.len()).unwrap();
                    tenants.push(tenant);
                    sizes.push(bytes + 1024);
                    let pushing = push(&queue, command, Claim { weight, ..claim(tenant, bytes) });
                    waiting.extend(pushing.map(|pushing| (command, pushing)));
                }
                Step::Take => {
                    let (commands, with_room) = take(&queue);
                    taken.extend(commands);
                    rooms.extend(with_room);
                }
                Step::Finish => rooms.clear(),
                Step::GiveUp(_) if waiting.is_empty() => {}
                Step::GiveUp(which) => {
                    let (command, _) = waiting.remove(which % waiting.len());
                    given_up.push(command);
                }
            }
            waiting.retain_mut(|(_, pushing)| poll(pushing).is_pending());
            let with_room = (0..).zip(&sizes).filter(|(command, _)| {
                let has_none = waiting.iter().any(|(waits, _)| waits == command);
                !has_none && !given_up.contains(command) && !taken.contains(command)
            });
            let queued: usize = with_room.map(|(_, size)| size).sum();
            let in_groups: usize = rooms.iter().map(|room: &Room<_>| room.size).sum();
            prop_assert!(queued <= 32 * MIB);
            prop_assert_eq!(queue.0.lock().rooms.occupied, queued + in_groups);
        }
        rooms.clear();
        taken.extend(drain(&queue));
        prop_assert!(waiting.iter_mut().all(|(_, pushing)| poll(pushing).is_ready()));
        let missing = (0..u32::try_from(tenants.len()).unwrap()).filter(|command| !taken.contains(command));
        prop_assert_eq!(missing.collect::<Vec<_>>(), { given_up.sort_unstable(); given_up });
        for tenant in 0..12 {
            let of_tenant = taken.iter().filter(|command| tenants[**command as usize] == tenant);
            prop_assert!(of_tenant.is_sorted_by(|a, b| a < b));
        }
        assert_idle(&queue);
    }
}
