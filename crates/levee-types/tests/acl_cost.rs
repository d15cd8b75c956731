//! What a decision and a policy cost. The figures:
//! `cargo test -p levee-types --release --test acl_cost -- --ignored --nocapture`

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use levee_types::acl::{
    AclOperation, AclOperations, AclPolicy, AclRule, Effect, Member, Pattern, Resource, ResourceKind, Subject,
};
use levee_types::{UserGroup, UserName};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

/// Counts what a thread allocates.
struct Counting;

thread_local! {
    /// Allocations that were made, and bytes that are held: those asked for, without what the allocator adds.
    static COUNTED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

#[expect(unsafe_code, reason = "there is no safe way to count allocations")]
// SAFETY: everything is done by the system's allocator, on the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (count, held) = COUNTED.get();
        COUNTED.set((count + 1, held.wrapping_add(layout.size())));
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let (count, held) = COUNTED.get();
        COUNTED.set((count, held.wrapping_sub(layout.size())));
        // SAFETY: see above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rule(id: u64, subject: Subject, resources: Pattern) -> AclRule {
    let effect = if id.is_multiple_of(10) { Effect::Deny } else { Effect::Allow };
    let operations = AclOperations::new([AclOperation::Produce, AclOperation::Describe]).unwrap();
    AclRule { id, effect, subject, operations, resources, created_ms: 1_700_000_000_000 }
}

fn user(number: u64) -> UserName {
    UserName::new(&format!("service-{number}")).unwrap()
}

fn group(number: u64) -> UserGroup {
    UserGroup::new(&format!("group-{number}")).unwrap()
}

/// What a tenant has: 5 users and 2 groups, on 10 topics by name and by prefix.
fn usual() -> AclPolicy {
    AclPolicy::compile((1..=20).map(|id| {
        let subject = match id % 4 {
            0 => Subject::Group(group(id % 2)),
            _ => Subject::User(user(id % 5)),
        };
        let topics = match id % 2 {
            0 => Pattern::prefix(ResourceKind::Topic, &format!("orders.region-{}", id % 10)),
            _ => Pattern::name(ResourceKind::Topic, &format!("orders.region-{}.events", id % 10)),
        };
        rule(id, subject, topics.unwrap())
    }))
}

/// Each of 20 rules has to be looked up: all are for whoever asks, by prefixes of different lengths.
fn worst_of_20() -> AclPolicy {
    AclPolicy::compile((1..=20).map(|id| {
        let subject = if id == 20 { Subject::Everyone } else { Subject::Group(group(id)) };
        rule(
            id,
            subject,
            Pattern::prefix(ResourceKind::Topic, &TOPIC.name[..usize::try_from(id).unwrap()]).unwrap(),
        )
    }))
}

/// 10,000 rules for one user, half by name and half by prefix of one of 6 lengths.
fn many() -> AclPolicy {
    AclPolicy::compile((1..=10_000).map(|id| {
        let topics = match id % 2 {
            0 => Pattern::prefix(ResourceKind::Topic, &format!("orders.region-{id}")),
            _ => Pattern::name(ResourceKind::Topic, &format!("orders.region-{id}.events")),
        };
        rule(id, Subject::User(user(0)), topics.unwrap())
    }))
}

const TOPIC: Resource<'_> = Resource::topic("orders.region-7.events-of-the-whole-year");

#[test]
fn a_decision_allocates_nothing() {
    let (user, groups) = (user(0), [group(0), group(1)]);
    for policy in [usual(), worst_of_20(), AclPolicy::compile([])] {
        let who = Member { user: &user, groups: &groups, is_admin: false };
        let (before, _) = COUNTED.get();
        for operation in AclOperation::ALL {
            black_box(policy.decide(&who, operation, TOPIC));
            black_box(policy.decide(&who, operation, Resource::group(TOPIC.name)));
            black_box(policy.may_any(&who, operation, TOPIC.kind));
        }
        assert_eq!(COUNTED.get().0, before);
    }
}

#[test]
#[ignore = "prints figures"]
fn costs() {
    let user = user(0);
    let few = [group(0), group(1)];
    let many_groups: Vec<_> = (1..=32).map(group).collect();
    for (what, policy, groups) in [
        ("20 rules, 5 users, 2 groups", usual(), &few[..]),
        ("20 rules, all looked up, 32 groups", worst_of_20(), &many_groups),
        ("10,000 rules of one user", many(), &few),
    ] {
        let who = Member { user: &user, groups, is_admin: false };
        println!("{what}: {:.0} ns a decision", nanoseconds(&policy, &who));
    }
    let (_, before) = COUNTED.get();
    let policies: Vec<_> = (0..10_000).map(|_| usual()).collect();
    let held = COUNTED.get().1.wrapping_sub(before);
    println!("10,000 policies of 20 rules: {} bytes in all, {} each", held, held / policies.len());
}

/// Of the round that was disturbed least.
fn nanoseconds(policy: &AclPolicy, who: &Member<'_>) -> f64 {
    const DECISIONS: u32 = 1_000;
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let now = Instant::now;
    let rounds = (0..500).map(|_| {
        let begin = now();
        for _ in 0..DECISIONS {
            black_box(policy.decide(black_box(who), AclOperation::Produce, black_box(TOPIC)));
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(DECISIONS)
    });
    rounds.fold(f64::INFINITY, f64::min)
}
