//! The changes of a table, as the logs of its partitions have them.
//!
//! Must hold: of each partition, every record from where it begins is looked at once and in order.

use super::stream::Serving;
use super::value::{Filling, damaged};
use crate::services::read::ReadyQueue;
use bytes::Bytes;
use levee_proto::batch::{self, RawRecord};
use levee_proto::v1;
use levee_storage::{Cached, Fetched, Shard, StoredBatch, Subscription, Wake};
use levee_types::{LeveeError, PartitionId};
use prost::Message as _;
use std::collections::HashSet;
use std::sync::Arc;

/// Which keys are watched.
pub(super) enum Wanted {
    Keys(HashSet<Bytes>),
    Prefix(Bytes),
}

impl Wanted {
    fn is(&self, key: &[u8]) -> bool {
        match self {
            Self::Keys(keys) => keys.contains(key),
            Self::Prefix(prefix) => key.starts_with(prefix),
        }
    }
}

/// The logs that are followed.
pub(super) struct Changes {
    wanted: Arc<Wanted>,
    logs: Vec<Log>,
    ready: Arc<ReadyQueue>,
    /// Logs that have not come to where the watch is current.
    behind: usize,
    /// That it is current was told.
    is_current: bool,
}

struct Log {
    id: PartitionId,
    /// The next record.
    next: u64,
    current_at: u64,
    _subscription: Subscription,
}

impl Changes {
    /// Is told of changes from now on.
    pub(super) fn new(serving: &Serving, wanted: Arc<Wanted>) -> Self {
        let ready = Arc::new(ReadyQueue::default());
        let log = |(token, id): (u32, &PartitionId)| {
            ready.insert(token);
            let wake = Arc::clone(&ready) as Arc<dyn Wake>;
            let subscription = serving.permit.shard().subscribe(*id, wake, token);
            Log { id: *id, next: 0, current_at: u64::MAX, _subscription: subscription }
        };
        let logs: Vec<_> = (0..).zip(&serving.target.partitions).map(log).collect();
        Self { wanted, behind: logs.len(), logs, ready, is_current: false }
    }

    /// Where the logs are followed from.
    pub(super) fn begin_at(&mut self, offsets: &[u64]) {
        self.logs.iter_mut().zip(offsets).for_each(|(log, offset)| log.next = *offset);
    }

    /// Where they are when the watch is current.
    pub(super) fn current_at(&mut self, offsets: &[u64]) {
        self.logs.iter_mut().zip(offsets).for_each(|(log, offset)| log.current_at = *offset);
        self.behind = self.logs.iter().filter(|log| log.next < log.current_at).count();
    }

    /// The next message. Waits until there is something to tell.
    pub(super) async fn next(&mut self, serving: &mut Serving) -> Result<v1::WatchTableResponse, LeveeError> {
        loop {
            serving.check().await?;
            let mut values = Vec::new();
            if self.ready.front().is_some() {
                let (share, most) = serving.share().await?;
                let mut filling = Filling::new(most);
                self.fill(serving, most, &mut filling).await?;
                values = filling.values;
                serving.sent(share, &values);
            }
            let is_current = self.behind == 0 && !std::mem::replace(&mut self.is_current, self.behind == 0);
            if is_current || !values.is_empty() {
                return Ok(v1::WatchTableResponse { values, is_current });
            }
            if self.ready.front().is_none() {
                let ready = Arc::clone(&self.ready);
                serving.until(ready.arrived()).await?;
            }
        }
    }

    /// Looks at the logs that may have grown, one after the other, until the message is full or it had to be waited for
    /// the disk.
    async fn fill(
        &mut self,
        serving: &mut Serving,
        most: usize,
        filling: &mut Filling,
    ) -> Result<(), LeveeError> {
        while !filling.is_full()
            && let Some(index) = self.ready.pop()
        {
            let Some(log) = self.logs.get(index as usize) else { continue };
            let (id, next) = (log.id, log.next);
            match serving.permit.shard().fetch_cached(id, next, most) {
                Cached::Batches(batches, end) => self.look(index, &batches, end, filling)?,
                Cached::AtEnd(_) => {}
                Cached::Miss => {
                    let read = move |shard: &Shard| Ok(shard.fetch(id, next, most)?);
                    let Fetched { batches, end } = serving.read(most, read).await?;
                    self.look(index, &batches, end, filling)?;
                    if !filling.values.is_empty() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks at what a log has from its next record on.
    fn look(
        &mut self,
        index: u32,
        batches: &[StoredBatch],
        end: u64,
        filling: &mut Filling,
    ) -> Result<(), LeveeError> {
        let Some(log) = self.logs.get_mut(index as usize) else { return Ok(()) };
        let was_behind = log.next < log.current_at;
        let whole = batches.iter().try_fold(true, |goes_on, batch| {
            Ok::<_, LeveeError>(goes_on && look_at(log, &self.wanted, batch, filling)?)
        })?;
        if batches.is_empty() {
            // Compaction left nothing up to there.
            log.next = log.next.max(end);
        }
        if was_behind && log.next >= log.current_at {
            self.behind -= 1;
        }
        if !whole || log.next < end {
            self.ready.push(index);
        }
        Ok(())
    }
}

/// Looks at the records of a batch that were not looked at. False: the message is full.
fn look_at(
    log: &mut Log,
    wanted: &Wanted,
    stored: &StoredBatch,
    filling: &mut Filling,
) -> Result<bool, LeveeError> {
    let records = batch::open(&stored.bytes).map_err(|error| damaged(stored.base_offset, &error))?;
    for RawRecord { delta, key, has_value, bytes, .. } in records {
        let offset = stored.base_offset + u64::from(delta);
        let Some(key) = key.filter(|key| offset >= log.next && wanted.is(key)) else { continue };
        let record = match has_value {
            true => Some(v1::Record::decode(bytes).map_err(|error| damaged(offset, &error))?),
            false => None,
        };
        let value = v1::KeyValue {
            key,
            record,
            partition: Some(log.id.partition),
            offset: Some(offset),
            append_time_ms: Some(stored.append_time_ms),
        };
        if filling.add(value).is_err() {
            log.next = offset;
            return Ok(false);
        }
    }
    log.next = log.next.max(stored.end());
    Ok(true)
}
