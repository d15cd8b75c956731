use super::*;
use crate::operation::{BatchMeta, Operation};
use crate::rows::{BatchRow, Checkpoint};
use levee_types::{PartitionId, TenantId, TopicId};
use prost::Message;

const P: PartitionId = PartitionId { tenant: TenantId(1), topic: TopicId(1), partition: 0 };

fn append(base_offset: u64) -> Operation {
    Operation::Append(BatchMeta {
        partition: P,
        base_offset,
        records: 10,
        append_time_ms: 1,
        max_timestamp_ms: 2,
        bytes_before: 3,
        length: 100,
        crc: 4,
        totals: None,
    })
}

fn apply(index: &Index, operations: &[Operation], sequence: u64) {
    let mut changes = index.changes();
    changes.add(operations, [], 7, 1000);
    changes.set_checkpoint(&Checkpoint { segment: 7, position: 0, sequence, crc: 0 });
    index.apply(changes).unwrap();
}

fn sequence(row: Option<Vec<u8>>) -> u64 {
    row.map_or(0, |row| Checkpoint::decode(&row[..]).unwrap().sequence)
}

#[test]
fn batches_follow_each_other_in_the_payload() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    apply(&index, &[append(0), append(10)], 1);
    let row = |base| {
        let row = index.get(Keyspace::Index, &keys::batch(P, base)).unwrap().unwrap();
        BatchRow::decode(&row).unwrap()
    };
    assert_eq!((row(0).segment, row(0).position), (7, 1000));
    assert_eq!((row(10).segment, row(10).position), (7, 1100));
}

#[test]
fn without_a_flush_nothing_reaches_the_disk_and_with_one_both_keyspaces_do() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    let put = Operation::Put { keyspace: Keyspace::State, key: vec![0, 0, 0, 1, 7], value: vec![1] };
    apply(&index, &[append(0), put.clone()], 1);
    assert_eq!(sequence(index.checkpoint().unwrap()), 1);
    assert_eq!(sequence(index.flushed_checkpoint().unwrap()), 0);
    drop(index);

    let index = Index::open(directory.path(), 1 << 20).unwrap();
    assert_eq!(sequence(index.checkpoint().unwrap()), 0, "closing must not flush");
    apply(&index, &[append(0), put], 1);
    index.flush().unwrap();
    apply(&index, &[append(10)], 2);
    assert_eq!(sequence(index.flushed_checkpoint().unwrap()), 1);
    drop(index);

    let index = Index::open(directory.path(), 1 << 20).unwrap();
    assert_eq!(sequence(index.checkpoint().unwrap()), 1);
    assert!(index.get(Keyspace::Index, &keys::batch(P, 0)).unwrap().is_some());
    assert!(index.get(Keyspace::Index, &keys::batch(P, 10)).unwrap().is_none());
    assert_eq!(index.get(Keyspace::State, &[0, 0, 0, 1, 7]).unwrap(), Some(vec![1]));
}

#[test]
fn a_cursor_cannot_leave_its_range() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    apply(&index, &[append(0)], 1);
    for other in [
        PartitionId { partition: 1, ..P },
        PartitionId { topic: TopicId(2), ..P },
        PartitionId { tenant: TenantId(2), ..P },
    ] {
        let mut cursor = index.cursor(Keyspace::Index, keys::batches(other));
        cursor.first().unwrap();
        assert!(cursor.item().is_none());
        cursor.last().unwrap();
        assert!(cursor.item().is_none());
        cursor.seek_back(&keys::batch(other, u64::MAX)).unwrap();
        assert!(cursor.item().is_none());
        cursor.seek(&keys::batch(P, 0)).unwrap();
        assert!(cursor.item().is_none());
    }
}
