//! Batches of a transaction that are staged before its commit: which to send next, and what answers mean. No I/O.
//!
//! Must hold: a batch keeps its index and its bytes until the broker has it, and is sent in the order of the index; so a
//! repeated one is known to the broker, and none is left out.

use super::buffer::Batch;
use crate::error::{Error, RequestId};
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Answer;
use levee_types::ErrorCode;
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches on their way at once.
pub(super) const MAX_IN_FLIGHT: usize = 16;

/// Whose transaction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) producer_id: u64,
    pub(super) epoch: u32,
    pub(super) number: u64,
    pub(super) timeout_ms: u32,
}

/// What an answer means for the transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The broker has the batch.
    Progress,
    /// Wait a little before anything is sent again.
    Backoff(Error),
    /// The transaction cannot be committed any more.
    Lost(Error),
}

struct Staged {
    index: u32,
    batch: Batch,
    is_sent: bool,
}

#[derive(Default)]
pub(super) struct Staging {
    /// Those that the broker may not have.
    open: VecDeque<Staged>,
    /// The indexes of those on their way, in the order of sending.
    in_flight: VecDeque<u32>,
    /// Something was refused for the time being. What was sent after it may be refused for that reason alone, and nothing
    /// more is sent until all answers are there.
    goes_back: bool,
    count: u32,
    bytes: usize,
}

impl Staging {
    pub(super) fn push(&mut self, batch: Batch) {
        self.bytes += batch.encoded.bytes.len();
        self.open.push_back(Staged { index: self.count, batch, is_sent: false });
        self.count += 1;
    }

    /// How many batches there are, with those that the broker has.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The bytes that the broker may not have.
    pub(super) fn open_bytes(&self) -> usize {
        self.bytes
    }

    /// The next request, if one may be sent.
    pub(super) fn next(&mut self, name: Name) -> Option<v1::ProduceStreamRequest> {
        if self.in_flight.len() >= MAX_IN_FLIGHT || self.goes_back && !self.in_flight.is_empty() {
            return None;
        }
        self.goes_back = false;
        let staged = self.open.iter_mut().find(|staged| !staged.is_sent)?;
        staged.is_sent = true;
        self.in_flight.push_back(staged.index);
        let Name { producer_id, epoch, number, timeout_ms } = name;
        let Batch { topic, partition, encoded, .. } = &staged.batch;
        let index = staged.index;
        let transaction = v1::TransactionSequence { producer_id, epoch, number, index, timeout_ms };
        let request = v1::ProduceRequest {
            topic: topic.to_string(),
            partition: *partition,
            batch: encoded.bytes.clone(),
            batch_crc32c: Some(encoded.crc),
            transaction: Some(transaction),
            ..v1::ProduceRequest::default()
        };
        Some(v1::ProduceStreamRequest { correlation_id: index.into(), request: Some(request) })
    }

    /// The stream, which the broker calls `id`, answered a request.
    ///
    /// # Errors
    /// It is not the answer to the oldest request: the stream cannot be used any more.
    pub(super) fn answered(
        &mut self,
        response: v1::ProduceStreamResponse,
        id: Option<&RequestId>,
    ) -> Result<Verdict, Error> {
        let index = self.in_flight.pop_front().filter(|index| u64::from(*index) == response.correlation_id);
        let at = index.and_then(|index| self.open.iter().position(|staged| staged.index == index));
        let Some(at) = at else {
            return Err(Error::protocol("the broker answered a request that is not the next one"));
        };
        let error = match response.result {
            Some(Answer::Response(_)) => {
                self.bytes -= self.open.remove(at).map_or(0, |staged| staged.batch.encoded.bytes.len());
                return Ok(Verdict::Progress);
            }
            Some(Answer::Error(detail)) => Error::from(detail).of_request(id),
            None => return Err(Error::protocol("the broker's answer is empty")),
        };
        let is_behind = self.goes_back && error.code() == Some(ErrorCode::OutOfOrderSequence);
        if !(error.is_retryable() || is_behind) {
            let place = &self.open[at].batch;
            let error = match error.code() {
                // Batches before this one were acknowledged and not durable, as those that are staged need not be.
                Some(ErrorCode::OutOfOrderSequence) => {
                    Error::refused(ErrorCode::TransactionAborted, "the broker has lost what was staged")
                        .of_request(id)
                }
                _ => error.at(&format!("{}/{}", place.topic, place.partition)),
            };
            return Ok(Verdict::Lost(error));
        }
        self.goes_back = true;
        self.open[at].is_sent = false;
        Ok(Verdict::Backoff(error))
    }

    /// The stream ended: what it had not answered is sent again.
    pub(super) fn disconnected(&mut self) {
        self.in_flight.clear();
        self.goes_back = false;
        for staged in &mut self.open {
            staged.is_sent = false;
        }
    }
}

/// Where the records of a batch went to, for the outcome of the commit.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) topic: Arc<str>,
    pub(super) partition: u32,
    pub(super) records: usize,
}

impl Sent {
    pub(super) fn of(batch: &Batch) -> Self {
        Self { topic: Arc::clone(&batch.topic), partition: batch.partition, records: batch.records }
    }
}

#[cfg(test)]
mod tests;
