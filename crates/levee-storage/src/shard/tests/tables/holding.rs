//! A tenant that is held: nothing of it is compacted or erased.

use super::*;
use crate::compaction::{Pass, Sizes};
use crate::maintenance::{Maintenance, Upkeep};
use levee_types::{ErrorCode, LeveeError};

#[test]
fn nothing_of_a_tenant_that_is_held_is_compacted_and_it_goes_on_afterwards() {
    let world = World::new(&[]);
    for text in ["aab", "ccd", "eek", "ffg"] {
        world.put(text);
    }
    let Harness { shard, .. } = &world.harness;
    let hold = || world.harness.wait(shard.hold_compaction(world.tenant)).unwrap();
    // In the middle of a pass.
    let sizes = Sizes { neighbours: 1, step_batches: 1, ..Sizes::DEFAULT };
    let mut holds = Vec::new();
    let pass = Pass::new(shard, world.table, sizes).unwrap();
    let ended = world.harness.wait(pass.run(|done| {
        if done.removed_records > 0 {
            holds.extend([hold(), hold()]);
        }
        true
    }));
    assert!(matches!(ended, Err(StorageError::Held)), "{ended:?}");
    let (rows, log) = (world.rows(), world.log());
    assert!(log.len() < 12 && log.len() > 9, "a step was taken, and others were to come: {log:?}");
    world.put("g");
    let (mut maintenance, _stop) = Maintenance::new(shard.clone(), Upkeep::Records);
    while holds.pop().is_some() && !holds.is_empty() {
        world.harness.wait(maintenance.look());
        let compacted = world.harness.wait(shard.compact_partition(world.table, &mut |_| {}));
        let erased = world.harness.wait(shard.erase_key(world.table, b"k", audit()));
        for error in [compacted.err().unwrap(), erased.err().unwrap()] {
            assert_eq!(LeveeError::from(error).code, ErrorCode::Overloaded);
        }
        assert_eq!(world.rows()[..4], rows);
    }
    world.harness.wait(maintenance.look());
    assert_eq!(world.log().iter().map(|(_, letter)| *letter).collect::<String>(), "abcdekfg");
    world.is_exact();
}

#[test]
fn what_was_asked_before_a_tenant_was_held_is_refused_and_other_tenants_go_on() {
    let world = World::new(&[]);
    let other = world.harness.tenant("other");
    let theirs = world.harness.topic(other, "prices", &[("cleanup.policy", "compact")]);
    for table in [world.table, theirs] {
        let append = keyed(append(table, "abab", None));
        world.harness.wait(async { world.harness.shard.submit(append).await?.await }).unwrap();
    }
    let shard = &world.harness.shard;
    let mut told = |_| ();
    let mut compaction = std::pin::pin!(shard.compact_partition(world.table, &mut told));
    let mut erasure = std::pin::pin!(shard.erase_key(world.table, b"a", audit()));
    let mut context = Context::from_waker(std::task::Waker::noop());
    // Both have read the batch, and asked for its change.
    assert!(compaction.as_mut().poll(&mut context).is_pending());
    assert!(erasure.as_mut().poll(&mut context).is_pending());
    let hold = world.harness.wait(shard.hold_compaction(world.tenant)).unwrap();
    assert!(matches!(world.harness.wait(compaction), Err(StorageError::Held)));
    assert!(matches!(world.harness.wait(erasure), Err(StorageError::Held)));
    assert_eq!(world.log().len(), 4);
    let done = world.harness.wait(shard.compact_partition(theirs, &mut |_| {})).unwrap();
    assert_eq!(done.removed_records, 2);
    drop(hold);
    assert_eq!(world.compact().removed_records, 2);
}
