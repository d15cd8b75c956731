//! What verification finds.

use super::*;
use crate::keys::{self, Keyspace};
use crate::operation::Operation;
use crate::rows::KeyRow;

impl World {
    fn findings(&self) -> Vec<u64> {
        let verified = self.harness.shard.verify_partition(self.table, &mut |_| true).unwrap();
        verified.findings.into_iter().map(|(offset, _)| offset).collect()
    }

    /// Breaks the index.
    fn apply(&self, operation: Operation) {
        let index = &self.harness.shard.inner.index;
        let mut changes = index.changes();
        changes.add(&[operation], [], 1, 0);
        index.apply(changes).unwrap();
    }

    fn set_key(&self, key: &str, offset: u64, is_tombstone: bool) {
        let (keyspace, key) = (Keyspace::Keys, keys::table_key(self.table, key.as_bytes()));
        let value = KeyRow { offset, is_tombstone }.encode().to_vec();
        self.apply(Operation::Put { keyspace, key, value });
    }
}

#[test]
fn a_sound_table_is_proved_so() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("bDx");
    let verified = world.harness.shard.verify_partition(world.table, &mut |_| true).unwrap();
    assert_eq!((verified.batches, verified.records, verified.read_bytes), (2, 6, 6));
    assert_eq!((verified.keys, verified.findings), (4, vec![]));
    let mut told = 0;
    let stop = &mut |_: &Verified| {
        told += 1;
        false
    };
    assert_eq!(world.harness.shard.verify_partition(world.table, stop).unwrap().batches, 1);
    assert_eq!(told, 1);
}

#[test]
fn each_kind_of_damage_is_found() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("bd");
    assert_eq!(world.findings(), []);
    // A key that has gone, one that is older than its record, one that leads nowhere, and one of the wrong kind.
    world.apply(Operation::Delete { keyspace: Keyspace::Keys, key: keys::table_key(world.table, b"d") });
    assert_eq!(world.findings(), [4]);
    world.set_key("d", 1, false);
    assert_eq!(world.findings(), [4, 1]);
    world.set_key("d", 4, true);
    assert_eq!(world.findings(), [4]);
    world.set_key("d", 4, false);
    world.set_key("e", 2, false);
    assert_eq!(world.findings(), [2]);
    world.set_key("e", 7, false);
    assert_eq!(world.findings(), [7]);
    world.apply(Operation::Delete { keyspace: Keyspace::Keys, key: keys::table_key(world.table, b"e") });
    assert_eq!(world.findings(), []);
    let (base, row) = world.rows()[1];
    world.harness.segments.damage(row.segment, usize::try_from(row.position).unwrap(), |byte| *byte ^= 1);
    assert_eq!(world.findings(), [base, base, base + 1], "the batch, and the keys whose records are in it");
    world.apply(Operation::Delete { keyspace: Keyspace::Index, key: keys::batch(world.table, 0) });
    assert!(world.findings().contains(&0), "fewer bytes are stored than are counted");
}
