//! The reader: follows partitions, and resumes where it was when the connection is lost.
//!
//! There is no task behind it. The broker sends as far ahead as the credit allows; taking batches gives
//! it more. Every method may be dropped at any await without losing a record.

mod cursor;

use crate::backoff::Backoff;
use crate::client::{Client, Transport};
use crate::config::ReaderSettings;
use crate::error::{Error, RequestId};
use crate::position::Position;
use crate::record::{ReadBatch, ReadRecord};
use crate::stored::Opened;
use cursor::Cursor;
use levee_proto::v1;
use levee_proto::v1::read_request::Kind as Ask;
use levee_proto::v1::read_response::Kind as Answer;
use levee_proto::v1::read_service_client::ReadServiceClient;
use levee_types::Clock;
use levee_types::limits::MAX_READ_POSITIONS;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

/// Reads records from positions that were given, in the order of each partition.
///
/// When the connection is lost, or the broker is away, it waits and goes on at the next offset, without
/// end: put a timeout around a call that must not wait for long.
pub struct Reader {
    service: ReadServiceClient<Transport>,
    settings: ReaderSettings,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    cursor: Cursor,
    link: Option<Link>,
    /// No attempt to connect before, on the clock. A moment and not a wait, so that callers who give up
    /// early and come again do not put it off for ever.
    retry_at: Duration,
    /// Arrived, not yet handed out.
    arrived: VecDeque<v1::StoredBatch>,
    /// The rest of a batch that is handed out record by record.
    current: Option<Opened>,
    has_ended: bool,
}

struct Link {
    requests: mpsc::UnboundedSender<v1::ReadRequest>,
    answers: Streaming<v1::ReadResponse>,
    id: Option<RequestId>,
    /// Bytes of batches that were handed out since the last credit.
    taken: u64,
}

impl Reader {
    pub(crate) async fn open(
        client: &Client,
        positions: Vec<Position>,
        settings: ReaderSettings,
    ) -> Result<Self, Error> {
        settings.check()?;
        if !(1..=MAX_READ_POSITIONS).contains(&positions.len()) {
            return Err(Error::invalid(format!("a reader has 1 to {MAX_READ_POSITIONS} positions")));
        }
        let mut reader = Self {
            service: client.reads(client.connect()),
            cursor: Cursor::new(positions, settings.stop_at_end),
            settings,
            request_timeout: client.request_timeout(),
            clock: Arc::clone(client.clock()),
            backoff: Backoff::new(Arc::clone(client.random())),
            link: None,
            retry_at: Duration::ZERO,
            arrived: VecDeque::new(),
            current: None,
            has_ended: false,
        };
        reader.link = Some(reader.connect().await?);
        Ok(reader)
    }

    /// The next record. None when the reader stops at the end and is there, or has failed before.
    ///
    /// # Errors
    /// What will not get better by waiting: a partition or offset that is gone, damaged data, a lost
    /// permission. The reader has ended then.
    pub async fn next(&mut self) -> Option<Result<ReadRecord, Error>> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(record) = current.next() {
                    return Some(Ok(record));
                }
                self.current = None;
            }
            match self.take().await? {
                Ok(batch) => self.current = Some(Opened::new(batch)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next batch of records, or the rest of the one that [`Reader::next`] is in.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub async fn next_batch(&mut self) -> Option<Result<ReadBatch, Error>> {
        match self.current.take().and_then(Opened::rest) {
            Some(batch) => Some(Ok(batch)),
            None => self.take().await,
        }
    }

    /// The next batch that arrives.
    async fn take(&mut self) -> Option<Result<ReadBatch, Error>> {
        while !self.has_ended {
            match self.try_take().await {
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) => {}
                Err(error) if error.is_retryable() => {
                    tracing::debug!(%error, "read stream lost");
                    self.link = None;
                    self.arrived.clear();
                    self.retry_at = self.clock.monotonic() + self.backoff.next(error.retry_after());
                }
                Err(error) => {
                    self.end();
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// One step: opens a batch that arrived, or waits for more of them.
    async fn try_take(&mut self) -> Result<Option<ReadBatch>, Error> {
        if let Some(stored) = self.arrived.pop_front() {
            self.credit(stored.batch.len() as u64);
            return self.cursor.open(&stored);
        }
        if self.cursor.is_finished() {
            self.end();
            return Ok(None);
        }
        if self.link.is_none() {
            tokio::time::sleep(self.retry_at.saturating_sub(self.clock.monotonic())).await;
            self.link = Some(self.connect().await?);
        }
        let Some(link) = &mut self.link else { return Ok(None) };
        let of_link = |error: Error| error.of_request(link.id.as_ref());
        match link.answers.message().await.map_err(|status| of_link(status.into()))? {
            Some(v1::ReadResponse { kind: Some(Answer::Batches(batches)) }) => {
                self.backoff.reset();
                self.arrived = batches.batches.into();
                Ok(None)
            }
            Some(_) => Err(of_link(Error::protocol("the broker sent something else than batches"))),
            None if self.cursor.ended() => Ok(None),
            None => Err(of_link(Error::connection("the broker ended the stream"))),
        }
    }

    /// Opens a stream at the places where reading goes on.
    async fn connect(&mut self) -> Result<Link, Error> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let start = Ask::Start(self.cursor.start(self.settings.credit_bytes));
        let gone = |_| Error::connection("the stream was closed");
        requests.send(v1::ReadRequest { kind: Some(start) }).map_err(gone)?;
        let opening = async {
            let response = self.service.read(UnboundedReceiverStream::new(receiver)).await?;
            let id = RequestId::of(response.metadata());
            let mut answers = response.into_inner();
            match answers.message().await {
                Ok(started) => Ok((answers, started, id)),
                Err(status) => Err(Error::from(status).of_request(id.as_ref())),
            }
        };
        let (answers, started, id) = tokio::time::timeout(self.request_timeout, opening)
            .await
            .map_err(|_| Error::timeout("no answer in time"))??;
        match started {
            Some(v1::ReadResponse { kind: Some(Answer::Started(started)) }) => {
                self.cursor.started(&started)?;
            }
            Some(_) => return Err(Error::protocol("the broker did not say where it starts")),
            None => return Err(Error::connection("the broker ended the stream")),
        }
        Ok(Link { requests, answers, id, taken: 0 })
    }

    /// Gives back credit when half of it is used up: rarely enough to cost little, and early enough that
    /// the broker need not wait.
    fn credit(&mut self, bytes: u64) {
        let Some(link) = &mut self.link else { return };
        link.taken += bytes;
        if link.taken >= self.settings.credit_bytes.div_ceil(2) {
            let credit = Ask::Credit(v1::ReadCredit { bytes: link.taken });
            link.taken = 0;
            // A stream that is gone says so with its next answer.
            let _ = link.requests.send(v1::ReadRequest { kind: Some(credit) });
        }
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.link = None;
        self.arrived.clear();
    }
}
