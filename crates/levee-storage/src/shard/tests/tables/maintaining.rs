//! When tables are compacted without being asked.

use super::*;
use crate::maintenance::{Maintenance, MaintenanceStop, Upkeep};

struct Kept {
    maintenance: Maintenance<MemorySegments>,
    _stop: MaintenanceStop,
}

impl Kept {
    fn of(world: &World) -> Self {
        let (maintenance, stop) = Maintenance::new(world.harness.shard.clone(), Upkeep::Records);
        Self { maintenance, _stop: stop }
    }

    fn look(&mut self, world: &World) -> String {
        world.harness.wait(self.maintenance.look());
        world.log().iter().map(|(_, letter)| *letter).collect()
    }
}

#[test]
fn a_table_is_compacted_when_enough_of_it_is_new() {
    let world = World::new(&[("min.cleanable.dirty.ratio", "0.5")]);
    let mut kept = Kept::of(&world);
    assert_eq!(kept.look(&world), "");
    world.put("abcd");
    assert_eq!(kept.look(&world), "abcd");
    world.put("bcd");
    assert_eq!(kept.look(&world), "abcdbcd", "3 of 7 are new");
    world.put("a");
    assert_eq!(kept.look(&world), "bcda");
    let mut again = Kept::of(&world);
    assert_eq!(again.look(&world), "bcda");
    world.is_exact();
}

#[test]
fn a_table_is_compacted_when_its_time_has_come() {
    let set = [
        ("min.cleanable.dirty.ratio", "1"),
        ("max.compaction.lag.ms", "1000"),
        ("min.compaction.lag.ms", "10"),
    ];
    let world = World::new(&set);
    let mut kept = Kept::of(&world);
    world.pass_time(10_000);
    world.put("abcd");
    world.pass_time(1000);
    assert_eq!(kept.look(&world), "abcd");
    world.put("aa");
    world.pass_time(999);
    assert_eq!(kept.look(&world), "abcdaa");
    world.pass_time(1);
    assert_eq!(kept.look(&world), "bcda");
}

#[test]
fn what_a_pass_could_not_remove_is_not_due_again() {
    let world = World::new(&[("delete.retention.ms", "1000")]);
    world.put("abA");
    world.compact();
    // Only its batch says now that a tombstone is there.
    world.harness.wait(world.harness.shard.erase_key(world.table, b"a", audit())).unwrap();
    world.pass_time(1001);
    let due = |since_ms| world.harness.shard.log().tombstones_due(world.table, since_ms).unwrap();
    let due_ms = world.harness.shard.steady().now_ms() - 1;
    assert_eq!((due(0), due(due_ms), due(due_ms + 1)), (Some(due_ms), Some(due_ms), None));
    let mut kept = Kept::of(&world);
    for (is_idle, what) in [(false, "it was due"), (true, "it was passed over again")] {
        kept.look(&world);
        assert_eq!(kept.maintenance.is_idle(), is_idle, "{what}");
        world.pass_time(1);
    }
    assert_eq!(kept.look(&world), "b");
}

#[test]
fn tombstones_go_when_their_time_is_over_also_in_a_table_that_nobody_changes() {
    let world = World::new(&[("delete.retention.ms", "1000")]);
    let mut kept = Kept::of(&world);
    world.put("abA");
    assert_eq!(kept.look(&world), "bA");
    world.pass_time(999);
    assert_eq!(kept.look(&world), "bA");
    world.pass_time(1);
    assert_eq!(kept.look(&world), "b");
    // Also when somebody else compacted it, and after a restart.
    world.put("Bc");
    world.compact();
    drop(kept);
    let world = world.with(Harness::reopen);
    let mut kept = Kept::of(&world);
    assert_eq!(kept.look(&world), "Bc");
    world.pass_time(1000);
    assert_eq!(kept.look(&world), "c");
}

#[test]
fn time_that_was_written_down_counts_after_a_restart() {
    let world = World::new(&[("delete.retention.ms", "100000")]);
    let mut kept = Kept::of(&world);
    world.put("A");
    kept.look(&world);
    for _ in 0..10 {
        world.pass_time(9000);
        kept.look(&world);
    }
    drop(kept);
    let world = world.with(Harness::reopen);
    let mut kept = Kept::of(&world);
    world.pass_time(36_999);
    assert_eq!(kept.look(&world), "A");
    world.pass_time(1);
    assert_eq!(kept.look(&world), "", "63 of the 90 seconds were written down");
}

#[test]
fn a_damaged_table_holds_up_no_other() {
    let world = World::new(&[]);
    let (tenant, damaged) = (world.tenant, world.table);
    world.put("aab");
    let position = usize::try_from(world.rows()[0].1.position).unwrap();
    world.harness.segments.damage(1, position, |byte| *byte ^= 1);
    let others = world.harness.tenant("others");
    let table = world.harness.topic(others, "prices", &[("cleanup.policy", "compact")]);
    let world = World { tenant: others, table, ..world };
    world.put("aab");
    let mut kept = Kept::of(&world);
    assert_eq!(kept.look(&world), "ab");
    // It is tried again later.
    let world = World { tenant, table: damaged, ..world };
    world.harness.segments.damage(1, position, |byte| *byte ^= 1);
    assert_eq!(kept.look(&world), "aab");
    world.pass_time(600_000);
    assert_eq!(kept.look(&world), "ab");
}
