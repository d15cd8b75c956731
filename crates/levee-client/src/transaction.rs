//! Transactions: records for several partitions and offsets of groups, all or nothing.
//!
//! Records wait in [`buffer`] for the commit, which takes them with it. What is too much for one request is sent before,
//! by [`staging`]. There is no task behind it, but for the abort of a transaction that was dropped.

mod buffer;
mod producer;
mod settings;
mod staging;

pub use producer::TransactionalProducer;
pub use settings::TransactionSettings;

use crate::consumer::Positions;
use crate::error::{Error, ErrorKind};
use crate::producer::batch::{check_size, size};
use crate::producer::link::Link;
use crate::record::Record;
use buffer::{Batch, Buffer};
use futures::{FutureExt as _, StreamExt as _};
use levee_proto::v1;
use levee_types::ErrorCode;
use levee_types::limits::MAX_TRANSACTION_BATCHES;
use staging::{MAX_IN_FLIGHT, Name, Sent, Staging, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of staged batches that the broker may not have; beyond them `send` waits.
const OPEN_BYTES: usize = 4 * 1024 * 1024;

/// A transaction. Nobody reads anything of it before it is committed. One that is dropped is aborted.
///
/// After an error of any method but for those of a single record (which say so), it cannot be committed any more: drop
/// it, or abort it, and begin another one.
pub struct Transaction<'a> {
    producer: &'a mut TransactionalProducer,
    buffer: Buffer,
    staging: Staging,
    sent: Vec<Sent>,
    positions: Vec<Positions>,
    link: Option<Link>,
    /// No connection, and nothing is sent again, before; on the clock.
    retry_at: Duration,
    /// What the broker calls it, once something of it may have been sent.
    name: Option<Name>,
    failure: Option<Error>,
    /// There is nothing to be aborted.
    has_ended: bool,
}

/// A transaction that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Where its records are: those of a partition in the order in which they were sent.
    pub batches: Vec<CommittedBatch>,
    /// When it was committed, in Unix milliseconds: the append time of all its records. 0 if there was nothing to commit.
    pub commit_time_ms: i64,
}

/// Records of a transaction that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedBatch {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The offset of the first of them.
    pub base_offset: u64,
    /// How many there are.
    pub records: usize,
}

impl Transaction<'_> {
    /// Sends a record to the partition of its key, or without a key to the partitions in turn, as
    /// [`Producer::send`](crate::Producer::send) does. Its offset is told by the commit.
    ///
    /// # Errors
    /// The record is beyond a limit, or there is no such topic: then the transaction is as before, without the record.
    /// Otherwise: the broker refuses what was sent before, or cannot be reached within `retry_timeout`; there are more
    /// than 1,000 batches.
    pub async fn send(&mut self, topic: &str, record: Record) -> Result<(), Error> {
        self.add(topic, None, record).await
    }

    /// Sends a record to a partition.
    ///
    /// # Errors
    /// As [`Transaction::send`].
    pub async fn send_to(&mut self, topic: &str, partition: u32, record: Record) -> Result<(), Error> {
        self.add(topic, Some(partition), record).await
    }

    /// Commits with the transaction how far a consumer has come: what [`Consumer::positions`](crate::Consumer::positions)
    /// says. If one of the partitions is not that consumer's any more, the transaction is not committed.
    pub fn commit_offsets(&mut self, positions: Positions) {
        self.positions.push(positions);
    }

    /// Commits. When this returns, everything of the transaction is durable and readable. While the outcome is unknown, the
    /// broker is asked again, for `retry_timeout` at most.
    ///
    /// # Errors
    /// Nothing of the transaction is done, unless [`Error::is_outcome_unknown`] says that all of it may be.
    /// `TRANSACTION_ABORTED`: it was open for too long, or the broker was restarted. `MEMBER_FENCED`: a partition went to
    /// another consumer. `PRODUCER_FENCED`, `UNKNOWN_PRODUCER`: the broker does not know this producer any more, and
    /// gives the next transaction another id. After each of them, let the consumer join again
    /// ([`Consumer::rejoin`](crate::Consumer::rejoin)), and begin another transaction.
    pub async fn commit(mut self) -> Result<Committed, Error> {
        let outcome = self.try_commit().await;
        if outcome.is_ok() {
            self.has_ended = true;
            self.positions.iter().for_each(Positions::committed);
        }
        outcome
    }

    /// Aborts: nothing of the transaction is done. Dropping it does the same, without waiting for it.
    ///
    /// # Errors
    /// The broker cannot be reached within `retry_timeout`. The transaction is aborted nevertheless, before the next one
    /// begins or after its timeout.
    pub async fn abort(mut self) -> Result<(), Error> {
        self.link = None;
        let Some(name) = self.name.filter(|_| !self.has_ended) else { return Ok(()) };
        let outcome = self.producer.abort(name).await;
        self.has_ended = true;
        if outcome.is_err() {
            self.producer.needs_epoch();
        }
        outcome
    }

    async fn add(&mut self, topic: &str, partition: Option<u32>, record: Record) -> Result<(), Error> {
        self.check()?;
        let record = record.into_message()?;
        let bytes = size(&record);
        check_size(bytes, self.producer.settings.compression)?;
        let place = self.producer.topics.place(topic, partition, record.key.as_deref(), bytes).await?;
        self.buffer.push(place, record, bytes);
        let outcome = self.after_push().await;
        outcome.inspect_err(|error| self.failure = Some(error.clone()))
    }

    async fn after_push(&mut self) -> Result<(), Error> {
        if self.staging.count() as usize + self.buffer.batches() > MAX_TRANSACTION_BATCHES {
            let message = format!("transaction has more than {MAX_TRANSACTION_BATCHES} batches");
            return Err(Error::refused(ErrorCode::LimitExceeded, message)
                .with_hint("commit more often, or let batches be larger with `batch_bytes`"));
        }
        if !self.buffer.overflows() {
            return Ok(());
        }
        while let Some(batch) = self.buffer.spill()? {
            self.sent.push(Sent::of(&batch));
            self.staging.push(batch);
        }
        self.stage(OPEN_BYTES).await
    }

    fn check(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    async fn try_commit(&mut self) -> Result<Committed, Error> {
        self.check()?;
        let batches = self.buffer.drain()?;
        let mut offsets = Positions::merged(&self.positions);
        if self.sent.is_empty() && batches.is_empty() && offsets.is_empty() {
            return Ok(Committed { batches: Vec::new(), commit_time_ms: 0 });
        }
        self.stage(0).await?;
        let Name { producer_id, epoch, number, .. } = self.name().await?;
        self.sent.extend(batches.iter().map(Sent::of));
        let inline = |Batch { topic, partition, encoded, .. }: Batch| v1::TransactionBatch {
            topic: topic.to_string(),
            partition,
            batch: encoded.bytes,
            batch_crc32c: Some(encoded.crc),
        };
        let request = v1::CommitTransactionRequest {
            producer_id,
            epoch,
            number,
            staged: self.staging.count(),
            batches: batches.into_iter().map(inline).collect(),
            offsets: std::mem::take(&mut offsets),
        };
        let response = self.ask_until_known(request).await?;
        if response.base_offsets.len() != self.sent.len() {
            let error = Error::protocol("the broker committed another number of batches");
            return Err(error.with_unknown_outcome());
        }
        let batch = |(sent, base_offset): (&Sent, &u64)| CommittedBatch {
            topic: Arc::clone(&sent.topic),
            partition: sent.partition,
            base_offset: *base_offset,
            records: sent.records,
        };
        let batches = self.sent.iter().zip(&response.base_offsets).map(batch).collect();
        Ok(Committed { batches, commit_time_ms: response.commit_time_ms })
    }

    /// Asks for the commit until the broker says what became of it.
    async fn ask_until_known(
        &mut self,
        request: v1::CommitTransactionRequest,
    ) -> Result<v1::CommitTransactionResponse, Error> {
        let give_up_at = self.producer.give_up_at();
        let mut may_be_done = false;
        loop {
            let error = match self.producer.ask_commit(request.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            may_be_done |= !error.has_no_side_effects();
            let is_known = error.has_no_side_effects() && !error.is_retryable();
            if !is_known && error.kind() != ErrorKind::Protocol {
                let wait = self.producer.backoff.next(error.retry_after());
                if self.producer.clock.monotonic() + wait < give_up_at {
                    tracing::debug!(%error, "commit of a transaction is asked for again");
                    tokio::time::sleep(wait).await;
                    continue;
                }
            }
            let error = self.producer.refused(error);
            return match error.code() {
                // Whatever is under way finds the transaction ended.
                Some(ErrorCode::TransactionAborted) => {
                    self.has_ended = true;
                    Err(error)
                }
                _ if !may_be_done => Err(error),
                // An earlier copy of the request may still be under way.
                _ if is_known && self.end().await => Err(error),
                _ => {
                    self.has_ended = true;
                    self.producer.needs_epoch();
                    Err(error.with_unknown_outcome())
                }
            };
        }
    }

    /// Aborts, so that no copy of a commit can succeed. Tells whether that is certain.
    async fn end(&mut self) -> bool {
        let Some(name) = self.name else { return true };
        let is_certain = !self.producer.is_renewing() && self.producer.abort(name).await.is_ok();
        self.has_ended |= is_certain;
        is_certain
    }

    /// Sends what is staged, and waits until the broker has all but so many bytes of it.
    async fn stage(&mut self, most: usize) -> Result<(), Error> {
        let mut give_up_at = self.producer.give_up_at();
        let mut last_error = None;
        loop {
            self.transmit().await?;
            let now = self.producer.clock.monotonic();
            let answer = match &mut self.link {
                Some(link) if self.staging.open_bytes() <= most => match link.answers.next().now_or_never() {
                    None => return Ok(()),
                    answer => answer,
                },
                _ if self.staging.open_bytes() <= most => return Ok(()),
                _ if now >= give_up_at => {
                    let waited = self.producer.settings.retry_timeout.as_millis();
                    let late = Error::timeout(format!("batches were not staged within {waited} ms"));
                    return Err(last_error.unwrap_or(late));
                }
                Some(link) => {
                    let due = if self.retry_at > now { self.retry_at.min(give_up_at) } else { give_up_at };
                    tokio::time::timeout(due - now, link.answers.next()).await.ok()
                }
                None => {
                    tokio::time::sleep(self.retry_at.min(give_up_at).saturating_sub(now)).await;
                    None
                }
            };
            let verdict = match answer {
                None => continue,
                Some(Some(Ok((response, id)))) => self.staging.answered(response, id.as_ref()),
                Some(Some(Err(error))) => Err(error),
                Some(None) => Err(Error::connection("the broker ended the stream")),
            };
            match verdict {
                Ok(Verdict::Progress) => {
                    self.producer.backoff.reset();
                    give_up_at = self.producer.give_up_at();
                }
                Ok(Verdict::Backoff(error)) => {
                    self.back_off(&error);
                    last_error = Some(error);
                }
                Err(error) if error.is_retryable() => {
                    tracing::debug!(%error, "stream of a transaction lost");
                    self.link = None;
                    self.staging.disconnected();
                    self.back_off(&error);
                    last_error = Some(error);
                }
                Ok(Verdict::Lost(error)) | Err(error) => return Err(self.producer.refused(error)),
            }
        }
    }

    /// Sends what may be sent.
    async fn transmit(&mut self) -> Result<(), Error> {
        if self.staging.open_bytes() == 0 || self.producer.clock.monotonic() < self.retry_at {
            return Ok(());
        }
        let name = self.name().await?;
        let link = self.link.get_or_insert_with(|| Link::open(&self.producer.client, MAX_IN_FLIGHT));
        while let Some(request) = self.staging.next(name) {
            // There is room for all that may be under way. A stream that has ended says so by itself.
            if link.requests.try_send(request).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn back_off(&mut self, error: &Error) {
        let wait = self.producer.backoff.next(error.retry_after());
        self.retry_at = self.producer.clock.monotonic() + wait;
    }

    /// What the broker calls the transaction.
    async fn name(&mut self) -> Result<Name, Error> {
        match self.name {
            Some(name) => Ok(name),
            None => Ok(*self.name.insert(self.producer.next_name().await?)),
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.filter(|_| !self.has_ended) {
            self.producer.abort_later(name);
        }
    }
}
