//! A table at work: keys that are put, overwritten and deleted, and everybody who reads it meanwhile.

mod readers;
mod watch;
mod writers;

pub use readers::TableReaders;

use crate::history::{Logged, Shown, TableHistory, Value};
use crate::payload;
use crate::raw::Raw;
use crate::{tenancy, wait};
use bytes::Bytes;
use levee_client::{Client, Error, Position, ReadRecord, Reader, ReaderSettings, Record, StartAt};
use levee_proto::v1;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// Keys begin with one of so many prefixes.
const PREFIXES: u32 = 7;
/// The header that says which change a record is; of a tombstone nothing else does.
const HEADER: &str = "change";
/// Longer than this without a record is a failure, also when the broker is started again meanwhile.
const PATIENCE: Duration = Duration::from_secs(90);

/// A table of one tenant, and the history of what happens to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    /// Of the broker; the same after a restart.
    pub endpoint: String,
    /// Whose it is.
    pub tenant: String,
    /// Its name.
    pub topic: String,
    /// Its partitions.
    pub partitions: u32,
    /// How many keys there are.
    pub keys: u32,
    /// Where everything is written down.
    pub history: Arc<TableHistory>,
}

impl Table {
    /// Creates the table `table` of a tenant, with properties beside its `cleanup.policy`.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn create(
        endpoint: &str,
        tenant: &str,
        partitions: u32,
        keys: u32,
        properties: &[(&str, &str)],
    ) -> Self {
        let topic = "table".to_owned();
        let config: Vec<_> = properties.iter().copied().chain([("cleanup.policy", "compact")]).collect();
        let raw = Raw::operator(endpoint);
        raw.create_tenant(tenant).await.expect("a tenant can be created");
        let spec = tenancy::topic(&topic, partitions, &config);
        raw.create(tenant, vec![spec]).await.expect("a table can be created");
        let keeps_tombstones = properties.iter().all(|(name, _)| *name != "delete.retention.ms");
        let history = Arc::new(TableHistory::new(partitions, keeps_tombstones));
        Self { endpoint: endpoint.to_owned(), tenant: tenant.to_owned(), topic, partitions, keys, history }
    }

    /// A client of its own: a connection of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        tenancy::member(&self.endpoint, &self.tenant)
    }

    /// The protocol itself, as the tenant.
    #[must_use]
    pub fn raw(&self) -> Raw {
        Raw::tenant(&self.endpoint, &self.tenant)
    }

    /// Waits until this many more changes are acknowledged.
    ///
    /// # Panics
    /// When they are not in time.
    pub async fn progress(&self, changes: u64) {
        let goal = self.history.tally().acked + changes;
        let enough = || (self.history.tally().acked >= goal).then_some(());
        wait::until("changes are acknowledged", PATIENCE, enough).await;
    }

    /// Nobody writes any more: the table, its log, and what was acknowledged are the same, before and after compaction.
    ///
    /// # Panics
    /// When it cannot be read, or the broker has findings.
    pub async fn check(&self) {
        for is_compacted in [false, true] {
            if is_compacted {
                self.raw().compact(&self.topic).await.expect("it can be compacted");
            }
            self.scan(None).await.expect("it can be scanned");
            for partition in 0..self.partitions {
                let mut reader = self.reader(partition, StartAt::Start, None).await.expect("a reader");
                let (records, end) = self.read_to_end(&mut reader).await;
                end.expect("the log can be read");
                self.history.is_the_log(partition, &records, is_compacted);
            }
            let verified = self.raw().verify(&self.topic).await.expect("it can be verified");
            let live = self.history.live_keys();
            assert!(verified.is_done && verified.findings.is_empty(), "the broker finds: {verified:?}");
            assert!(verified.keys >= live, "{live} keys are there: {verified:?}");
        }
    }

    /// Reads all keys of a prefix, or all keys, from the table.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn scan(&self, prefix: Option<u32>) -> Result<(), Status> {
        let keys = (0..self.keys).filter(|key| prefix.is_none_or(|prefix| key % PREFIXES == prefix));
        let asked = self.history.ask(keys);
        let request = v1::ScanTableRequest {
            topic: self.topic.clone(),
            prefix: prefix.map(|prefix| format!("{prefix:02}/").into()).unwrap_or_default(),
            ..Default::default()
        };
        let mut answers = self.raw().tables().scan_table(request).await?.into_inner();
        let mut there = BTreeMap::new();
        let mut last = Bytes::new();
        while let Some(answer) = answers.message().await? {
            for value in answer.values {
                assert!(last < value.key, "{value:?} in a scan behind {last:?}");
                last = value.key.clone();
                let key =
                    parse_key(&value.key).unwrap_or_else(|| panic!("a key that nobody sent: {value:?}"));
                there.insert(key, shown(key, &value));
            }
        }
        for asked in asked {
            let shown = there.remove(&asked.key).unwrap_or(Shown::NoRecord);
            assert!(!matches!(shown, Shown::Tombstone { .. } | Shown::Nothing), "a scan shows {shown:?}");
            self.history.told(asked, shown);
        }
        assert!(there.is_empty(), "a scan shows other keys: {there:?}");
        Ok(())
    }

    /// Where the log of a partition begins and ends.
    async fn offsets(&self, partition: u32) -> Result<Range<u64>, Status> {
        let position = Position { topic: self.topic.clone(), partition, from: StartAt::End };
        let offsets = self.client().offsets(vec![position]).await.map_err(|error| away(&error))?;
        Ok(offsets[0].start..offsets[0].end)
    }

    async fn reader(&self, partition: u32, from: StartAt, credit: Option<u64>) -> Result<Reader, Error> {
        let defaults = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
        let settings = ReaderSettings { credit_bytes: credit.unwrap_or(defaults.credit_bytes), ..defaults };
        self.client().reader(vec![Position { topic: self.topic.clone(), partition, from }], settings).await
    }

    /// What a reader gives until it ends or fails.
    async fn read_to_end(&self, reader: &mut Reader) -> (Vec<Logged>, Result<(), Error>) {
        let mut records = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, reader.next()).await;
            match next.unwrap_or_else(|_| panic!("a reader stands still behind {:?}", records.last())) {
                Some(Ok(record)) => records.push(logged(&record)),
                Some(Err(error)) => return (records, Err(error)),
                None => return (records, Ok(())),
            }
        }
    }
}

/// The error of a client library that is to try again, as a call of the protocol has it.
fn away(error: &Error) -> Status {
    assert!(error.is_retryable(), "{error}");
    Status::unavailable(error.to_string())
}

/// The name of a key.
fn name(key: u32) -> Bytes {
    format!("{:02}/{key:07}", key % PREFIXES).into()
}

fn parse_key(bytes: &[u8]) -> Option<u32> {
    let key = std::str::from_utf8(bytes).ok()?.split_once('/')?.1.parse().ok()?;
    (name(key) == bytes).then_some(key)
}

/// The record of a change, whose value has about so many bytes.
fn record(key: u32, change: u32, bytes: Option<usize>) -> Record {
    Record {
        key: Some(name(key)),
        value: bytes.map(|bytes| payload::make(Value { writer: key, counter: change }, bytes)),
        headers: vec![(HEADER.to_owned(), Some(change.to_string().into()))],
        ..Record::default()
    }
}

/// The change that a value names, if it is one of this key.
fn change_of(key: u32, value: &[u8]) -> Option<u32> {
    payload::parse(value).filter(|value| value.writer == key).map(|value| value.counter)
}

fn shown(key: u32, value: &v1::KeyValue) -> Shown {
    match (&value.record, value.offset) {
        (Some(record), Some(offset)) => {
            assert_eq!(record.key.as_ref(), Some(&value.key), "a record of another key");
            Shown::Record { offset, change: record.value.as_deref().and_then(|value| change_of(key, value)) }
        }
        (None, Some(offset)) => Shown::Tombstone { offset },
        (None, None) => Shown::Nothing,
        (Some(_), None) => panic!("a record without an offset: {value:?}"),
    }
}

fn logged(read: &ReadRecord) -> Logged {
    let key = read.record.key.as_deref().and_then(parse_key);
    let key = key.unwrap_or_else(|| panic!("a key that nobody sent: {read:?}"));
    let header = read.record.headers.iter().find(|(name, _)| name == HEADER);
    let header = header.and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok()?.parse().ok());
    let change = match &read.record.value {
        Some(value) => change_of(key, value).filter(|change| Some(*change) == header),
        None => header,
    };
    Logged { offset: read.offset, key, change, is_tombstone: read.record.value.is_none() }
}
