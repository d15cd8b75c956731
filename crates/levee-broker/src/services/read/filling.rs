//! The batches of a message, and what is in memory of them until the client has taken them.

use super::message::Message;
use super::reading::Place;
use crate::admission::{Held, TenantAdmission};
use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use crate::error::status;
use crate::transport::outgoing::{Outlet, Rest};
use bytes::Bytes;
use futures::FutureExt as _;
use levee_proto::v1;
use levee_storage::{Fetched, StoredBatch, Topic};
use levee_types::limits::{MAX_STORED_BATCH_BYTES, UNHELD_ANSWER_BYTES, UNHELD_BATCH_BYTES};
use levee_types::{ErrorCode, LeveeError, PartitionId};
use std::ops::Range;
use std::sync::Arc;

/// What goes out as one message.
pub(in crate::services) struct Filling {
    batches: Vec<v1::StoredBatch>,
    held: [Option<Held>; 2],
    rest: Option<Rest>,
}

impl Filling {
    /// `again` says how the last batch is read again, should it be too large to be kept; if it may be.
    pub(super) fn new(
        admission: &TenantAdmission,
        mut message: Message,
        again: impl FnOnce(&v1::StoredBatch) -> Option<Rest>,
    ) -> Self {
        let bytes = message.batch_bytes();
        let mut held = message.held.take().filter(|_| bytes > UNHELD_ANSWER_BYTES);
        let missing = bytes.saturating_sub(held.as_ref().map_or(UNHELD_ANSWER_BYTES, Held::bytes));
        let more = if missing > 0 { admission.hold(missing) } else { None };
        let is_kept = missing == 0 || more.is_some();
        let rest = message.last().and_then(|batch| {
            let is_large = batch.batch.len() > UNHELD_BATCH_BYTES;
            let is_absent = message.absent == Some(batch.base_offset);
            if is_absent || is_large && !is_kept { again(batch) } else { None }
        });
        if let Some(held) = &mut held {
            held.shrink(bytes - rest.as_ref().map_or(0, Rest::length));
        }
        Self { batches: message.into_batches(), held: [held, more], rest }
    }

    pub(in crate::services) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The batches, which go out as the last field of the next message of the stream whose outlet this is.
    pub(in crate::services) fn give(self, outlet: &Outlet) -> v1::ReadBatches {
        self.held.into_iter().flatten().for_each(|held| outlet.hold(held));
        if let Some(rest) = self.rest {
            outlet.put(rest);
        }
        v1::ReadBatches { batches: self.batches }
    }
}

/// What was read from the disk.
pub(super) struct Read {
    pub(super) batches: Vec<StoredBatch>,
    pub(super) end: u64,
    /// The offset of a batch of whose bytes only the number is there.
    pub(super) absent: Option<u64>,
}

/// Stands in for the bytes of a batch.
static ZEROS: [u8; MAX_STORED_BATCH_BYTES] = [0; MAX_STORED_BATCH_BYTES];

impl Read {
    /// Of what need not be kept, a large batch is left out: until the stream goes on, which may take a while when there
    /// are many, it would be there.
    pub(super) fn new(Fetched { mut batches, end }: Fetched, is_kept: bool) -> Self {
        let mut absent = None;
        if let Some(last) = batches.last_mut()
            && !is_kept
            && last.bytes.len() > UNHELD_BATCH_BYTES
            && let Some(zeros) = ZEROS.get(..last.bytes.len())
        {
            last.bytes = Bytes::from_static(zeros);
            absent = Some(last.base_offset);
        }
        Self { batches, end, absent }
    }
}

/// A batch that is read again while it is sent.
struct Again {
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    topic: Arc<Topic>,
    partition: PartitionId,
    base_offset: u64,
    crc: u32,
}

/// How a batch that was read from a place is read again, a part at a time.
pub(super) fn again(
    permit: &Arc<Permit<InTenant>>,
    blocking: &Blocking,
    place: &Place,
    batch: &v1::StoredBatch,
) -> Rest {
    let again = Arc::new(Again {
        permit: Arc::clone(permit),
        blocking: blocking.clone(),
        topic: Arc::clone(&place.topic),
        partition: place.partition,
        base_offset: batch.base_offset,
        crc: batch.batch_crc32c,
    });
    Rest::new(batch.batch.len(), move |part| {
        let again = Arc::clone(&again);
        async move { again.read(part).await.map_err(|error| status(&error)) }.boxed()
    })
}

impl Again {
    async fn read(&self, part: Range<usize>) -> Result<Bytes, LeveeError> {
        // The message may be on its way for long: longer than a right lasts.
        let permit = self.permit.renew()?;
        permit.require(self.topic.name.as_str())?;
        metrics::counter!("levee_read_parts_total").increment(1);
        let (shard, partition, base_offset, crc) =
            (permit.shard().clone(), self.partition, self.base_offset, self.crc);
        let read = move || shard.fetch_part(partition, base_offset, crc, &part);
        let turn = permit.turn(UNHELD_BATCH_BYTES);
        self.blocking.run(turn, read).await?.ok_or_else(|| {
            let message =
                format!("the batch at offset {base_offset} was removed or rewritten while it was being sent");
            LeveeError::new(ErrorCode::Unavailable, message).with_hint("read again from that offset")
        })
    }
}
