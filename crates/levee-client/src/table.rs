//! Tables: topics of which the broker knows the newest record of each key.

mod link;
mod scan;
mod value;
mod watch;

pub use scan::{TableScan, TableScanner};
pub use watch::{TableChange, TableWatch, TableWatcher};

use crate::client::Client;
use crate::error::{Error, RequestId};
use crate::producer::Acked;
use crate::record::ReadRecord;
use bytes::Bytes;
use levee_proto::v1;
use levee_types::limits::{MAX_TABLE_KEY_BYTES, MAX_TABLE_KEYS};
use std::sync::Arc;
use value::{Found, found};

/// Reads tables by key. What was acknowledged is seen by every later read. Clones share the connection.
///
/// Every call fails with `NOT_FOUND` if there is no such topic or partition, `INVALID_ARGUMENT` if the topic is not a
/// table or a key is not of 1 to 4,096 bytes, `PERMISSION_DENIED`, `QUOTA_EXCEEDED`, or when the broker cannot be
/// reached in time.
#[derive(Clone)]
pub struct Tables {
    client: Client,
}

/// Where a table is read. By default in all partitions: of a key that several have, the record counts that was
/// appended last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableAt {
    /// In this partition only.
    pub partition: Option<u32>,
    /// At least with everything before this offset of the partition, which must be given: the broker waits for that
    /// up to 10 s, and then says `OFFSET_OUT_OF_RANGE`.
    pub min_offset: Option<u64>,
}

/// Where a record is, and everything before it in its partition.
impl From<Acked> for TableAt {
    fn from(acked: Acked) -> Self {
        // Where it is may be forgotten; it is there all the same.
        let known = (acked.offset != Acked::UNKNOWN_OFFSET).then(|| acked.offset + 1);
        Self { partition: Some(acked.partition), min_offset: known }
    }
}

impl Tables {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The newest record of a key; none if there is none, or if it was deleted.
    ///
    /// # Errors
    /// As [`Tables`] says.
    pub async fn get(
        &self,
        topic: &str,
        key: impl Into<Bytes>,
        at: TableAt,
    ) -> Result<Option<ReadRecord>, Error> {
        let mut values = self.get_many(topic, vec![key.into()], at).await?;
        values.pop().ok_or_else(|| Error::protocol("the broker told nothing of the key"))
    }

    /// The newest records of any number of keys, in their order. They are asked for in as many calls as it takes, so
    /// what changes meanwhile is told as it was or as it is.
    ///
    /// # Errors
    /// As [`Tables`] says.
    pub async fn get_many(
        &self,
        topic: &str,
        keys: Vec<Bytes>,
        at: TableAt,
    ) -> Result<Vec<Option<ReadRecord>>, Error> {
        if let Some(key) = keys.iter().find(|key| !(1..=MAX_TABLE_KEY_BYTES).contains(&key.len())) {
            let bytes = key.len();
            return Err(Error::invalid(format!(
                "a key has {bytes} bytes; a key of a table has 1 to {MAX_TABLE_KEY_BYTES}"
            )));
        }
        let name: Arc<str> = topic.into();
        let mut values = Vec::with_capacity(keys.len());
        while values.len() < keys.len() {
            let rest = &keys[values.len()..];
            let asked = &rest[..rest.len().min(MAX_TABLE_KEYS)];
            let request = v1::GetValuesRequest {
                topic: topic.to_owned(),
                keys: asked.to_vec(),
                partition: at.partition,
                min_offset: at.min_offset,
            };
            let response = self.client.tables_of(None).get_values(self.client.request(request)).await?;
            let id = RequestId::of(response.metadata());
            let answer = response.into_inner().values;
            let is_of_asked = answer.iter().zip(asked).all(|(value, key)| value.key == *key);
            if answer.is_empty() || answer.len() > asked.len() || !is_of_asked {
                return Err(Error::protocol("the broker told of other keys").of_request(id.as_ref()));
            }
            values.extend(answer.into_iter().map(|value| match found(&name, value) {
                Found::Record(record) => Some(record),
                Found::Deleted { .. } | Found::Absent => None,
            }));
        }
        Ok(values)
    }

    /// The newest record of each key, in the order of the bytes of the keys.
    ///
    /// # Errors
    /// As [`Tables`] says.
    pub async fn scan(&self, topic: &str, scan: TableScan) -> Result<TableScanner, Error> {
        TableScanner::open(&self.client, topic, scan).await
    }

    /// What keys have now, and then every change.
    ///
    /// # Errors
    /// As [`Tables`] says.
    pub async fn watch(&self, topic: &str, watch: TableWatch) -> Result<TableWatcher, Error> {
        TableWatcher::open(&self.client, topic, watch).await
    }
}
