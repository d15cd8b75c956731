//! Watching a table.

use super::link::Link;
use super::value::{Found, found};
use crate::client::{Client, Transport};
use crate::error::Error;
use crate::record::ReadRecord;
use bytes::Bytes;
use levee_proto::v1;
use levee_proto::v1::table_service_client::TableServiceClient;
use std::collections::VecDeque;
use std::sync::Arc;
use tonic::Request;

/// What to watch. By default every key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableWatch {
    /// These keys, up to 1,000, each of 1 to 4,096 bytes. None: those that begin with `prefix`.
    pub keys: Vec<Bytes>,
    /// Keys that begin with it, at most 4,096 bytes.
    pub prefix: Bytes,
    /// In this partition only. Otherwise in all that there are when the watch begins.
    pub partition: Option<u32>,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// It begins, or the connection was lost and it begins again: what was told before may not hold any more, and what
    /// keys have comes next.
    Begin,
    /// A key has this record.
    Put(ReadRecord),
    /// A key was deleted.
    Deleted {
        /// The key.
        key: Bytes,
        /// The partition.
        partition: u32,
        /// Where the record is that deleted it.
        offset: u64,
        /// When the broker appended that, in Unix milliseconds.
        append_time_ms: i64,
    },
    /// Everything that was there when it began has been told. What comes is new.
    Current,
}

/// A watch that goes on, until it is dropped. When the connection is lost, or the broker is away, it begins again, and
/// tries to without end.
pub struct TableWatcher {
    service: TableServiceClient<Transport>,
    link: Link<v1::WatchTableResponse>,
    topic: Arc<str>,
    watch: TableWatch,
    arrived: VecDeque<TableChange>,
}

impl TableWatcher {
    pub(super) async fn open(client: &Client, topic: &str, watch: TableWatch) -> Result<Self, Error> {
        let mut watcher = Self {
            service: client.tables_of(Some(client.connect())),
            link: Link::new(client),
            topic: topic.into(),
            watch,
            arrived: VecDeque::new(),
        };
        watcher.connect().await?;
        Ok(watcher)
    }

    /// The next change: of each key in their order, in each partition. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// What will not get better by waiting, as [`Tables`](super::Tables) says: also the topic was deleted, or the right
    /// to read it lost. Asked again, it tries again.
    pub async fn next(&mut self) -> Result<TableChange, Error> {
        loop {
            if let Some(change) = self.arrived.pop_front() {
                return Ok(change);
            }
            if let Err(error) = self.step().await {
                self.link.lost(error)?;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Error> {
        if !self.link.is_open() {
            return self.connect().await;
        }
        let message = self.link.message().await?;
        let message = message.ok_or_else(|| Error::connection("the broker ended the stream"))?;
        let change = |value| match found(&self.topic, value) {
            Found::Record(record) => Some(TableChange::Put(record)),
            Found::Deleted { key, partition, offset, append_time_ms } => {
                Some(TableChange::Deleted { key, partition, offset, append_time_ms })
            }
            Found::Absent => None,
        };
        self.arrived.extend(message.values.into_iter().filter_map(change));
        self.arrived.extend(message.is_current.then_some(TableChange::Current));
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let TableWatch { keys, prefix, partition } = self.watch.clone();
        let request = v1::WatchTableRequest { topic: self.topic.to_string(), keys, prefix, partition };
        self.link.open(self.service.watch_table(Request::new(request))).await?;
        self.arrived.push_back(TableChange::Begin);
        Ok(())
    }
}
