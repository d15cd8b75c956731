//! What a call of the table service is about, checked.

use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::fields::{invalid, out_of_range};
use bytes::Bytes;
use levee_storage::{Topic, Wake};
use levee_types::limits::{MAX_TABLE_KEY_BYTES, MAX_TABLE_WAIT};
use levee_types::{ErrorCode, LeveeError, PartitionId};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::timeout;

/// A partition of which the records before an offset are looked at: a watch tells those from there on as they come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) id: PartitionId,
    pub(super) end: u64,
}

/// A table, and the partitions of it that are read.
pub(super) struct Target {
    pub(super) topic: Arc<Topic>,
    pub(super) partitions: Vec<PartitionId>,
    /// What must be there first.
    min_offset: Option<u64>,
}

impl Target {
    /// # Errors
    /// There is no such topic or partition for the caller; the topic is not a table; there is a `min_offset` of no
    /// partition.
    pub(super) fn new(
        permit: &Permit<InTenant>,
        topic: &str,
        partition: Option<u32>,
        min_offset: Option<u64>,
    ) -> Result<Self, LeveeError> {
        let topic = permit.topic("topic", topic)?;
        require_table("topic", &topic)?;
        let partitions = match partition {
            Some(partition) => vec![permit.partition(&topic, partition)?],
            None => permit.partitions(&topic),
        };
        if min_offset.is_some() && partition.is_none() {
            let hint = "name the partition whose log is to come so far";
            return Err(invalid("min_offset", "it is given without partition", hint));
        }
        Ok(Self { topic, partitions, min_offset })
    }

    /// The partitions, with all their records.
    pub(super) fn whole(&self) -> Vec<Part> {
        self.partitions.iter().map(|id| Part { id: *id, end: u64::MAX }).collect()
    }

    /// Waits until the log has come as far as it must, and then decides again.
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE: it has not in time. What was allowed is not any more.
    pub(super) async fn wait(
        &self,
        permit: Permit<InTenant>,
        blocking: &Blocking,
    ) -> Result<Permit<InTenant>, LeveeError> {
        let (Some(min_offset), [partition]) = (self.min_offset, &self.partitions[..]) else {
            return Ok(permit);
        };
        let (shard, partition, turn) = (permit.shard(), *partition, permit.turn(LOOKUP_BYTES));
        let grown = Arc::new(Grown::default());
        // Before it is looked at: what comes in between is told.
        let _subscription = shard.subscribe(partition, Arc::clone(&grown) as Arc<dyn Wake>, 0);
        let reached = async {
            loop {
                let shard = shard.clone();
                if blocking.run(turn, move || shard.offsets(partition)).await?.end >= min_offset {
                    return Ok::<_, LeveeError>(());
                }
                grown.0.notified().await;
            }
        };
        match timeout(MAX_TABLE_WAIT, reached).await {
            Ok(reached) => reached?,
            Err(_) => return Err(not_there(min_offset, partition.partition)),
        }
        self.renew(&permit)
    }

    /// Decides again whether the caller may read it.
    pub(super) fn renew(&self, permit: &Permit<InTenant>) -> Result<Permit<InTenant>, LeveeError> {
        let permit = permit.renew()?;
        permit.require(self.topic.name.as_str())?;
        Ok(permit)
    }
}

/// Told when a partition grows.
#[derive(Default)]
struct Grown(Notify);

impl Wake for Grown {
    fn wake(&self, _: u32) {
        self.0.notify_one();
    }
}

fn not_there(min_offset: u64, partition: u32) -> LeveeError {
    let seconds = MAX_TABLE_WAIT.as_secs();
    let message = format!("partition {partition} has not come to offset {min_offset} within {seconds} s");
    LeveeError::new(ErrorCode::OffsetOutOfRange, message)
        .with_hint("give the offset behind a record that was acknowledged, and the partition that it is in")
}

/// Refuses a topic of which no keys are known. `field` is what the message calls it.
pub(in crate::services) fn require_table(field: &str, topic: &Topic) -> Result<(), LeveeError> {
    if topic.config.cleanup_policy.is_table() {
        return Ok(());
    }
    let problem = format!("topic {:?} is not a table", topic.name.as_str());
    Err(invalid(field, problem, "create a topic with cleanup.policy=compact"))
}

/// Checks keys, of which there are `least` to `most`.
pub(super) fn keys(keys: &[Bytes], least: usize, most: usize) -> Result<(), LeveeError> {
    if !(least..=most).contains(&keys.len()) {
        return Err(out_of_range("keys", keys.len(), least, most));
    }
    let wrong = keys.iter().enumerate().find(|(_, key)| !(1..=MAX_TABLE_KEY_BYTES).contains(&key.len()));
    match wrong {
        Some((index, key)) => Err(out_of_range(
            &format!("keys[{index}]"),
            format!("{} bytes", key.len()),
            1,
            MAX_TABLE_KEY_BYTES,
        )),
        None => Ok(()),
    }
}

/// Checks a part of a key, which may be empty.
pub(super) fn part_of_key(field: &str, part: &Bytes) -> Result<(), LeveeError> {
    match part.len() {
        0..=MAX_TABLE_KEY_BYTES => Ok(()),
        bytes => Err(out_of_range(field, format!("{bytes} bytes"), 0, MAX_TABLE_KEY_BYTES)),
    }
}
