//! The oldest batches of a tenant, over all its partitions.

use super::{BATCHES_AT_ONCE, Cut, Reason};
use crate::catalog::Catalog;
use crate::error::StorageError;
use crate::index::Index;
use crate::keys::{self, Keyspace};
use crate::log;
use levee_types::{PartitionId, TenantId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// Partitions whose first batches are compared; of more than that, those with the oldest ones.
const COMPARED: usize = 10_000;

/// The first batch of a partition that is not taken yet, ordered by its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    append_time_ms: i64,
    partition: PartitionId,
    end: u64,
    length: u32,
}

/// What is to be removed so that `bytes` are, the oldest batches first; perhaps less, and then there may be more.
pub(crate) fn oldest(
    catalog: &Catalog,
    index: &Arc<Index>,
    tenant: TenantId,
    bytes: u64,
) -> Result<Vec<Cut>, StorageError> {
    let mut compared = BinaryHeap::new();
    // What is younger than what was left out may not be next.
    let mut horizon = i64::MAX;
    catalog.trimmable(tenant, |partition| {
        compared.extend(first(index, partition, 0)?);
        if compared.len() > COMPARED
            && let Some(youngest) = compared.pop()
        {
            horizon = youngest.append_time_ms;
        }
        Ok(())
    })?;
    let mut queue: BinaryHeap<_> = compared.into_iter().map(Reverse).collect();
    let mut cuts = BTreeMap::new();
    let (mut taken, mut batches) = (0, 0);
    while taken < bytes
        && batches < BATCHES_AT_ONCE
        && let Some(Reverse(next)) = queue.pop()
        && next.append_time_ms <= horizon
    {
        taken += u64::from(next.length);
        batches += 1;
        let First { partition, end: before, .. } = next;
        cuts.insert(partition, Cut { partition, before, reason: Reason::Quota, is_partial: false });
        queue.extend(first(index, partition, before)?.map(Reverse));
    }
    Ok(cuts.into_values().collect())
}

/// The first batch of a partition from an offset on.
fn first(index: &Arc<Index>, partition: PartitionId, from: u64) -> Result<Option<First>, StorageError> {
    let mut cursor = index.cursor(Keyspace::Index, keys::batches(partition));
    cursor.seek(&keys::batch(partition, from))?;
    Ok(log::item(&cursor)?.map(|(base, row)| First {
        append_time_ms: row.append_time_ms,
        partition,
        end: base + u64::from(row.records),
        length: row.length,
    }))
}
