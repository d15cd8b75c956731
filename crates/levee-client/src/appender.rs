//! Compare-and-append: for those who decide on what they have read of a log, as event-sourced aggregates do.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::{MAX_TIMEOUT, all};
use crate::error::{Error, ErrorKind};
use crate::producer::batch::{Encoded, check_size, encode, size};
use crate::producer::session::{Session, Sessions};
use crate::record::Record;
use levee_proto::v1;
use levee_proto::v1::Compression;
use levee_types::limits::MAX_BATCH_RECORDS;
use levee_types::{ErrorCode, TopicName};
use std::sync::Arc;
use std::time::Duration;

/// Where an appender appends, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppenderSettings {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// How long to go on asking what became of an append while the broker is away. More than zero, at most 30 days.
    /// Default: 120 s.
    pub retry_timeout: Duration,
    /// How batches are compressed. Default: not at all.
    pub compression: Compression,
}

impl AppenderSettings {
    /// Of this partition, with defaults.
    pub fn new(topic: impl Into<String>, partition: u32) -> Self {
        Self {
            topic: topic.into(),
            partition,
            retry_timeout: Duration::from_secs(120),
            compression: Compression::Unspecified,
        }
    }

    fn check(&self) -> Result<(), Error> {
        TopicName::new(&self.topic).map_err(|error| Error::invalid(error.to_string()))?;
        all(&[
            (self.retry_timeout > Duration::ZERO, "retry_timeout is more than zero"),
            (self.retry_timeout <= MAX_TIMEOUT, "retry_timeout is at most 30 days"),
        ])
    }
}

/// Appends records to a partition on condition that nobody else has appended since.
pub struct Appender {
    client: Client,
    settings: AppenderSettings,
    backoff: Backoff,
    sessions: Sessions,
    /// The records that the session has appended.
    sequence: u64,
    /// What became of the last append is not known.
    is_open: bool,
}

impl Appender {
    pub(crate) async fn open(client: &Client, settings: AppenderSettings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self {
            client: client.clone(),
            backoff: Backoff::new(Arc::clone(client.random())),
            sessions: Sessions::open(client).await?,
            settings,
            sequence: 0,
            is_open: false,
        })
    }

    /// Appends these records, 1 to 10,000 that fit into one batch, if the first of them gets the offset `expected`.
    /// Returns the offset behind the last of them, which is what to expect next. An append whose answer is lost is asked
    /// for again: it is done once, and never taken for a lost race.
    ///
    /// # Errors
    /// `OFFSET_MISMATCH`: somebody else has appended since, and nothing was done; [`Error::current_offset`] says what the
    /// next record would get. Read up to there, decide anew, and try again. After other errors nothing was done either,
    /// unless [`Error::is_outcome_unknown`] says that it may have been.
    pub async fn append(&mut self, expected: u64, records: Vec<Record>) -> Result<u64, Error> {
        let (encoded, count) = self.encode(records)?;
        let give_up_at = self.client.clock().monotonic() + self.settings.retry_timeout;
        if self.is_open {
            self.sessions.needs_epoch();
        }
        let mut may_be_done = false;
        loop {
            if self.sessions.is_over() {
                self.sessions.renew(&self.client, &mut self.backoff, give_up_at).await?;
                self.sequence = 0;
            }
            self.is_open = true;
            let error = match self.ask(expected, &encoded).await {
                Ok(_) => return Ok(self.appended(expected, count)),
                // It was done so long ago that the broker has forgotten where.
                Err(error) if error.code() == Some(ErrorCode::DuplicateSequence) => {
                    return Ok(self.appended(expected, count));
                }
                Err(error) => error,
            };
            may_be_done |= !error.has_no_side_effects();
            // The broker does not know the session as it was: another one may ask, if this one did nothing.
            let is_over = self.sessions.refused(&error) || self.is_out_of_order(&error);
            let may_ask_again = match is_over {
                true => !may_be_done,
                false => {
                    error.is_retryable() || error.kind() == ErrorKind::Broker && !error.has_no_side_effects()
                }
            };
            let wait = self.backoff.next(error.retry_after());
            if may_ask_again && self.client.clock().monotonic() + wait < give_up_at {
                tokio::time::sleep(wait).await;
                continue;
            }
            // A log only grows: an earlier copy of the request loses as well.
            if !may_be_done || error.code() == Some(ErrorCode::OffsetMismatch) {
                self.is_open = false;
                return Err(error);
            }
            return Err(error.with_unknown_outcome());
        }
    }

    fn appended(&mut self, expected: u64, count: u64) -> u64 {
        self.is_open = false;
        self.backoff.reset();
        self.sequence += count;
        expected + count
    }

    /// The broker has lost what it acknowledged, or the topic is another one by now.
    fn is_out_of_order(&mut self, error: &Error) -> bool {
        let is_out_of_order = error.code() == Some(ErrorCode::OutOfOrderSequence);
        if is_out_of_order {
            self.sessions.needs_epoch();
        }
        is_out_of_order
    }

    fn encode(&self, records: Vec<Record>) -> Result<(Encoded, u64), Error> {
        if !(1..=MAX_BATCH_RECORDS).contains(&records.len()) {
            return Err(Error::invalid(format!("1 to {MAX_BATCH_RECORDS} records are appended at once")));
        }
        let records = records.into_iter().map(Record::into_message).collect::<Result<Vec<_>, _>>()?;
        let bytes = records.iter().map(size).sum();
        check_size(bytes, self.settings.compression)?;
        Ok((encode(&records, bytes, self.settings.compression)?, records.len() as u64))
    }

    /// Asks once.
    async fn ask(&self, expected: u64, encoded: &Encoded) -> Result<v1::ProduceResponse, Error> {
        let Session { producer_id, epoch } = self.sessions.held();
        let request = self.client.request(v1::ProduceRequest {
            topic: self.settings.topic.clone(),
            partition: self.settings.partition,
            batch: encoded.bytes.clone(),
            batch_crc32c: Some(encoded.crc),
            producer: Some(v1::ProducerSequence { producer_id, epoch, sequence: self.sequence }),
            transaction: None,
            expected_offset: Some(expected),
        });
        Ok(self.client.produces().produce(request).await?.into_inner())
    }
}
