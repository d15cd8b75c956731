//! Putting dead records away: into the dead letter topic, or nowhere.
//!
//! Must hold: a record is in the dead letter topic and done, or neither; it is never dropped because something of ours
//! does not fit.

use super::decoded::Decoded;
use super::live::LiveQueue;
use super::partition::LivePartition;
use crate::blocking::LOOKUP_BYTES;
use crate::codec::table_keys;
use bytes::Bytes;
use levee_groups::queue::Dead;
use levee_proto::{batch, v1};
use levee_storage::{Append, Fetched, StorageError, Suspension, Topic};
use levee_types::limits::{MAX_DEAD_PER_BATCH, MAX_HEADERS, READ_MESSAGE_BYTES};
use levee_types::{ErrorCode, LeveeError, PartitionId, TopicName};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a dead record comes from.
struct Grave<'a> {
    topic: &'a TopicName,
    partition: u32,
    offset: u64,
    group: &'a str,
    dead: &'a Dead,
}

impl Grave<'_> {
    /// What is told of it, the most important first.
    fn headers(&self) -> [v1::RecordHeader; 6] {
        let header = |key: &str, value: String| v1::RecordHeader {
            key: format!("levee-dead-{key}"),
            value: Some(Bytes::from(value)),
        };
        [
            header("topic", self.topic.to_string()),
            header("partition", self.partition.to_string()),
            header("offset", self.offset.to_string()),
            header("reason", self.dead.cause.to_string()),
            header("deliveries", self.dead.deliveries.to_string()),
            header("group", self.group.to_owned()),
        ]
    }

    /// The record as it goes to the dead letter topic, with as many of our headers as it may have and `most` allows.
    fn letter(&self, record: &v1::Record, most: usize) -> v1::Record {
        let room = MAX_HEADERS.saturating_sub(record.headers.len()).min(most);
        let mut letter = record.clone();
        letter.headers.extend(self.headers().into_iter().take(room));
        // Whoever takes it up is not to wait once more.
        letter.deliver_at_ms = None;
        letter
    }
}

/// A batch of dead records that its topic takes.
struct Letters {
    batch: Bytes,
    checked: batch::Checked,
    /// How many of the records are in it: the first ones.
    count: usize,
}

/// Puts as many of the records in a batch as the topic takes, at least the first, and gives up headers for that.
fn letters(records: &[(Grave<'_>, &v1::Record)], limit_bytes: usize) -> Result<Letters, LeveeError> {
    let encode = |count: usize, headers: usize, compression| {
        let letters: Vec<_> =
            records[..count].iter().map(|(grave, record)| grave.letter(record, headers)).collect();
        let batch = batch::encode(&letters, compression);
        let checked = batch::check(&batch, None, limit_bytes)?;
        Ok::<_, LeveeError>(Letters { batch, checked, count })
    };
    let all = encode(records.len(), MAX_HEADERS, v1::Compression::Unspecified);
    let mut failure = match all {
        Ok(letters) => return Ok(letters),
        Err(error) => error,
    };
    // One that came compressed may fit only so.
    for headers in (0..=6).rev() {
        for compression in [v1::Compression::Unspecified, v1::Compression::Zstd] {
            match encode(1, headers, compression) {
                Ok(letters) => return Ok(letters),
                Err(error) => failure = error,
            }
        }
    }
    Err(failure)
}

impl LiveQueue {
    /// Puts some dead records of a partition away. If there are more, the partition is a grave again.
    ///
    /// # Errors
    /// They cannot be put away now, and are as they were.
    pub(super) async fn bury(&self, index: u32) -> Result<(), LeveeError> {
        let Some(partition) = self.partition(index) else { return Ok(()) };
        let dead: Vec<(u64, Dead)> = {
            let state = partition.lock();
            if state.is_gone {
                return Ok(());
            }
            state
                .window
                .dead()
                .take(MAX_DEAD_PER_BATCH)
                .map(|(offset, dead)| (offset, dead.clone()))
                .collect()
        };
        if dead.is_empty() {
            return Ok(());
        }
        let (count, outcome) = match &self.settings.dead_letter_topic {
            Some(topic) => (self.send(&partition, &dead, topic).await?, "stored"),
            None => {
                tracing::warn!(
                    tenant = %self.tenant.id(), group = %self.group.name, topic = %partition.topic.name,
                    partition = partition.id.partition, first = dead[0].0, records = dead.len(),
                    "records of a queue were handed out too often and are dropped, for want of a dead letter topic"
                );
                // Written with whatever comes next; until then they are dead in any case.
                drop(self.write([index]));
                (dead.len(), "dropped")
            }
        };
        self.change(&partition, |state, _| {
            dead.iter().take(count).for_each(|(offset, _)| state.window.put_away(*offset));
        });
        metrics::counter!("levee_queue_dead_total", "outcome" => outcome).increment(count as u64);
        Ok(())
    }

    /// Appends dead records to the dead letter topic and writes that they are done, as one. Returns how many of them.
    async fn send(
        &self,
        partition: &LivePartition,
        dead: &[(u64, Dead)],
        name: &TopicName,
    ) -> Result<usize, LeveeError> {
        let snapshot = self.tenant.snapshot()?;
        // What is read and what is written down of reading goes on in a tenant that is read-only; new records do not
        // come to it.
        if snapshot.is_none_or(|snapshot| snapshot.suspension() != Suspension::None) {
            return Err(LeveeError::new(ErrorCode::TenantSuspended, "the tenant is suspended"));
        }
        let Some((target, batch)) = self.look_up(partition, dead[0].0, name).await? else { return Ok(0) };
        let group = self.group.name.as_str();
        let with_records = dead.iter().map_while(|(offset, dead)| {
            let (topic, partition) = (&partition.topic.name, partition.id.partition);
            Some((Grave { topic, partition, offset: *offset, group, dead }, batch.record(*offset)?))
        });
        let with_records: Vec<_> = with_records.collect();
        let Letters { batch, checked, count } = letters(&with_records, target.config.max_message_bytes)?;
        let put_away: BTreeSet<_> = dead[..count].iter().map(|(offset, _)| *offset).collect();
        let append = Append {
            keys: table_keys(&target, &batch)?,
            partition: PartitionId {
                tenant: self.tenant.id(),
                topic: target.id,
                partition: partition.id.partition % target.partitions,
            },
            crc: checked.crc,
            records: checked.records,
            max_timestamp_ms: checked.max_timestamp_ms,
            producer: None,
            expected_offset: None,
            durability: target.config.durability,
            weight: self.turn(0).weight,
            batch,
        };
        // The rate of what comes in was paid when the records came; the totals are counted by storage.
        let bytes = append.batch.len() as u64;
        let commit = partition.commit(self.group.id, &put_away);
        if let Err(error) = self.shared.shard.commit_dead(append, commit).await {
            partition.lock().is_unwritten = true;
            if matches!(error, StorageError::NoGroup) {
                self.end(error.clone().into());
            }
            return Err(error.into());
        }
        self.tenant.used.appended(bytes, count as u64);
        Ok(count)
    }

    /// The dead letter topic, and the batch that holds a record. None: the record is not there any more.
    async fn look_up(
        &self,
        partition: &LivePartition,
        offset: u64,
        name: &TopicName,
    ) -> Result<Option<(Arc<Topic>, Decoded)>, LeveeError> {
        let (shard, id, tenant) = (self.shared.shard.clone(), partition.id, self.tenant.id());
        let name = name.clone();
        let look_up = move || -> Result<_, LeveeError> {
            let topic = shard.topic(tenant, &name)?;
            let topic = topic.ok_or_else(|| {
                LeveeError::new(
                    ErrorCode::NotFound,
                    format!("there is no dead letter topic {:?}", name.as_str()),
                )
                .with_hint("create it again")
            })?;
            match shard.fetch(id, offset, 1) {
                Ok(Fetched { batches, end }) => Ok((topic, Ok((batches.into_iter().next(), end)))),
                Err(error) => Ok((topic, Err(error))),
            }
        };
        let turn = self.turn(READ_MESSAGE_BYTES + LOOKUP_BYTES);
        let (topic, fetched) = self.shared.blocking.run(turn, look_up).await?;
        let gone_before = match fetched {
            Ok((Some(stored), _)) if stored.base_offset <= offset => {
                let batch = Decoded::new(&stored)?;
                if batch.record(offset).is_some() {
                    return Ok(Some((topic, batch)));
                }
                // Compaction removed it.
                offset + 1
            }
            Ok((Some(stored), _)) => stored.base_offset,
            Ok((None, end)) => end,
            Err(StorageError::NoTopic) => {
                self.lose(partition);
                return Ok(None);
            }
            Err(StorageError::OffsetOutOfRange { start, .. }) if offset < start => start,
            Err(error) => return Err(error.into()),
        };
        let ended = self.change(partition, |state, now| state.window.lose(offset..gone_before, now));
        self.ended(&ended);
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
