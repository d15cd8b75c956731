//! The machine without a network: what it sends, and what it makes of every answer.

mod batching;
mod failures;
mod model;
mod retries;

use super::{Machine, Session};
use crate::backoff::Backoff;
use crate::config::ProducerSettings;
use crate::error::{Error, ErrorKind};
use crate::producer::batch::{Entry, size};
use crate::producer::delivery::Acked;
use levee_proto::v1::produce_stream_response::Result as Answer;
use levee_proto::{batch, v1};
use levee_types::{ErrorCode, Random};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, _: &mut [u8]) {}
}

/// A machine with its clock, and the buffer of its records.
struct Rig {
    machine: Machine,
    now: Duration,
    room: Arc<Semaphore>,
}

/// What the producer is at first.
const FIRST: Session = Session { producer_id: 7, epoch: 0 };

type Outcome = oneshot::Receiver<Result<Acked, Error>>;

const ROOM: usize = 1 << 30;

fn settings() -> ProducerSettings {
    ProducerSettings { linger: Duration::ZERO, batch_bytes: 1, ..ProducerSettings::default() }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Rig {
    /// One record a batch, no lingering.
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: ProducerSettings) -> Self {
        let session = settings.idempotent.then_some(FIRST);
        let machine = Machine::new(settings, session, Backoff::new(Arc::new(NoRandom)));
        Self { machine, now: millis(1000), room: Arc::new(Semaphore::new(ROOM)) }
    }

    fn push(&mut self, partition: u32, value: &str) -> Outcome {
        self.push_record(
            partition,
            v1::Record { value: Some(value.to_owned().into()), ..v1::Record::default() },
        )
    }

    fn push_record(&mut self, partition: u32, record: v1::Record) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let room = Arc::clone(&self.room).try_acquire_many_owned(10).unwrap();
        let batch_bytes = self.machine.settings.batch_bytes;
        let entry = Entry { bytes: size(&record), batch_bytes, record, reply, room };
        self.machine.push(self.now, "t".into(), partition, entry);
        outcome
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.machine.tick(self.now);
    }

    /// Everything that may be sent now.
    fn send(&mut self) -> Vec<Sent> {
        self.machine.tick(self.now);
        std::iter::from_fn(|| self.machine.next(self.now)).map(Sent::from).collect()
    }

    fn send_one(&mut self) -> Sent {
        let mut sent = self.send();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// What is sent, as `partition:sequence=values`.
    fn sent(&mut self) -> Vec<String> {
        self.send().iter().map(Sent::to_string).collect()
    }

    fn ack(&mut self, request: u64, base_offset: u64) {
        let response =
            v1::ProduceResponse { base_offset, append_time_ms: 5, ..v1::ProduceResponse::default() };
        self.respond(request, response);
    }

    fn respond(&mut self, request: u64, response: v1::ProduceResponse) {
        self.answer(request, Answer::Response(response));
    }

    fn refuse(&mut self, request: u64, code: ErrorCode) {
        self.refuse_for(request, code, None);
    }

    /// Refuses, and asks for a pause.
    fn refuse_for(&mut self, request: u64, code: ErrorCode, retry_after_ms: Option<u32>) {
        let detail = v1::ErrorDetail {
            code: code as i32,
            retryable: code.is_retryable(),
            retry_after_ms,
            ..v1::ErrorDetail::default()
        };
        self.answer(request, Answer::Error(detail));
    }

    fn answer(&mut self, correlation_id: u64, result: Answer) {
        let response = v1::ProduceStreamResponse { correlation_id, result: Some(result) };
        self.machine.answered(self.now, response, None).unwrap();
    }

    fn disconnect(&mut self) {
        self.machine.disconnected(self.now, &Error::connection("gone"));
    }

    fn renew(&mut self, producer_id: u64, epoch: u32) {
        self.machine.renewed(self.now, Ok(Session { producer_id, epoch }));
    }

    fn flush(&mut self) -> oneshot::Receiver<Result<(), Error>> {
        let (reply, flushed) = oneshot::channel();
        self.machine.flush(reply);
        flushed
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    request: u64,
    partition: u32,
    sequence: Option<v1::ProducerSequence>,
    values: Vec<String>,
    batch: bytes::Bytes,
}

impl From<v1::ProduceStreamRequest> for Sent {
    fn from(sent: v1::ProduceStreamRequest) -> Self {
        let request = sent.request.unwrap();
        assert_eq!(request.batch_crc32c, Some(crc32c::crc32c(&request.batch)));
        let values = batch::decode(&request.batch).unwrap().into_iter();
        Self {
            request: sent.correlation_id,
            partition: request.partition,
            sequence: request.producer,
            values: values
                .map(|(_, record)| String::from_utf8(record.value.unwrap().into()).unwrap())
                .collect(),
            batch: request.batch,
        }
    }
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.partition)?;
        if let Some(v1::ProducerSequence { producer_id, epoch, sequence }) = &self.sequence {
            write!(f, "{producer_id}.{epoch}.{sequence}=")?;
        }
        f.write_str(&self.values.join(","))
    }
}

/// The outcome of a delivery, which must be there.
fn outcome(delivery: &mut Outcome) -> Result<Acked, Error> {
    delivery.try_recv().expect("an outcome")
}

fn offset(delivery: &mut Outcome) -> u64 {
    outcome(delivery).unwrap().offset
}

/// The code, or else the kind, of a failure, and whether the record may be stored.
fn failure(delivery: &mut Outcome) -> (Result<ErrorCode, ErrorKind>, bool) {
    let error = outcome(delivery).unwrap_err();
    (error.code().ok_or(error.kind()), error.is_outcome_unknown())
}

fn is_open(delivery: &mut Outcome) -> bool {
    delivery.try_recv() == Err(oneshot::error::TryRecvError::Empty)
}
