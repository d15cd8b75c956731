//! Scanning a table.

use super::TableAt;
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

/// What to scan. By default every key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableScan {
    /// Keys that begin with it, at most 4,096 bytes.
    pub prefix: Bytes,
    /// Keys behind this one only, at most 4,096 bytes.
    pub after_key: Option<Bytes>,
    /// At most so many keys.
    pub limit: Option<u64>,
    /// Where.
    pub at: TableAt,
}

/// A scan that goes on. When the connection is lost, or the broker is away, it goes on behind the last key that it
/// gave, without end: put a timeout around a call that must not wait for long.
pub struct TableScanner {
    service: TableServiceClient<Transport>,
    link: Link<v1::ScanTableResponse>,
    topic: Arc<str>,
    scan: TableScan,
    arrived: VecDeque<v1::KeyValue>,
    has_ended: bool,
}

impl TableScanner {
    pub(super) async fn open(client: &Client, topic: &str, scan: TableScan) -> Result<Self, Error> {
        let mut scanner = Self {
            service: client.tables_of(Some(client.connect())),
            link: Link::new(client),
            topic: topic.into(),
            has_ended: scan.limit == Some(0),
            scan,
            arrived: VecDeque::new(),
        };
        if !scanner.has_ended {
            scanner.connect().await?;
        }
        Ok(scanner)
    }

    /// The next key with its record. None: there are no more, or it has failed before. Nothing is lost when this is
    /// dropped.
    ///
    /// # Errors
    /// What will not get better by waiting, as [`Tables`](super::Tables) says. It has ended then.
    pub async fn next(&mut self) -> Option<Result<ReadRecord, Error>> {
        loop {
            if let Some(value) = self.arrived.pop_front() {
                self.scan.after_key = Some(value.key.clone());
                self.scan.limit = self.scan.limit.map(|limit| limit.saturating_sub(1));
                if let Found::Record(record) = found(&self.topic, value) {
                    return Some(Ok(record));
                }
            } else if self.has_ended || self.scan.limit == Some(0) {
                return None;
            } else if let Err(error) = self.step().await
                && let Err(error) = self.link.lost(error)
            {
                self.has_ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<(), Error> {
        if !self.link.is_open() {
            return self.connect().await;
        }
        match self.link.message().await? {
            Some(message) => self.arrived.extend(message.values),
            None => self.has_ended = true,
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let TableScan { prefix, after_key, limit, at } = self.scan.clone();
        let request = v1::ScanTableRequest {
            topic: self.topic.to_string(),
            prefix,
            partition: at.partition,
            min_offset: at.min_offset,
            after_key: after_key.unwrap_or_default(),
            limit: limit.unwrap_or_default(),
        };
        self.link.open(self.service.scan_table(Request::new(request))).await
    }
}
