//! What storage must know of the inside of batches, by the format of the protocol.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use levee_proto::batch::{self, RawRecord};
use levee_storage::keyed::{Keyed, Keys, KeysBuilder};
use levee_storage::{BadBatch, BatchCodec, OpenRecord, Topic};
use levee_types::LeveeError;

/// The codec of [`levee_proto::batch`].
#[derive(Debug, Clone, Copy)]
pub struct ProtocolCodec;

impl BatchCodec for ProtocolCodec {
    fn open(&self, batch: &Bytes) -> Result<Vec<OpenRecord>, BadBatch> {
        let records = batch::open(batch).map_err(bad)?;
        Ok(records.into_iter().map(opened).collect())
    }

    fn record(&self, batch: &Bytes, delta: u32) -> Result<Option<OpenRecord>, BadBatch> {
        Ok(batch::raw_at(batch, delta).map_err(bad)?.map(opened))
    }

    fn build(&self, records: &[OpenRecord], like: &Bytes) -> Bytes {
        let records = records.iter().map(|record| (record.delta, record.timestamp_ms, &record.bytes));
        batch::build(records, like)
    }

    fn keys(&self, batch: &Bytes) -> Result<Keys, BadBatch> {
        keys(batch).map_err(bad)
    }
}

/// What storage must know of the keys of a batch that is to be appended, if its topic is a table.
///
/// # Errors
/// INVALID_ARGUMENT or TOO_LARGE: a record has no key that a table takes.
pub(crate) fn table_keys(topic: &Topic, batch: &Bytes) -> Result<Option<Keys>, LeveeError> {
    topic.config.cleanup_policy.is_table().then(|| keys(batch)).transpose()
}

fn keys(batch: &Bytes) -> Result<Keys, LeveeError> {
    let mut keys = KeysBuilder::default();
    batch::keys(batch, |delta, key, is_tombstone| keys.push(Keyed { delta, is_tombstone, key }))?;
    Ok(keys.finish())
}

fn opened(RawRecord { delta, key, has_value, timestamp_ms, bytes }: RawRecord) -> OpenRecord {
    OpenRecord { delta, key, is_tombstone: !has_value, timestamp_ms, bytes }
}

fn bad(error: LeveeError) -> BadBatch {
    BadBatch(error.message)
}
