//! The services of the bare server.

use super::append::Appender;
use super::kept::{Batch, Kept, Place};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_response::Kind as Answer;
use levee_types::limits::MAX_PRODUCE_IN_FLIGHT;
use std::fs::File;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

/// Appends and reads.
#[derive(Clone)]
pub(super) struct Bare {
    pub(super) appender: Arc<Appender>,
    pub(super) kept: Arc<Kept>,
    pub(super) file: Arc<File>,
}

#[tonic::async_trait]
impl v1::produce_service_server::ProduceService for Bare {
    type ProduceStreamStream = BoxStream<'static, Result<v1::ProduceStreamResponse, Status>>;

    async fn produce(&self, _: Request<v1::ProduceRequest>) -> Result<Response<v1::ProduceResponse>, Status> {
        Err(Status::unimplemented("use the stream"))
    }

    async fn produce_stream(
        &self,
        requests: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Result<Response<Self::ProduceStreamStream>, Status> {
        let appender = Arc::clone(&self.appender);
        let answers = requests.into_inner().map(move |request| {
            let appended = request.map(|v1::ProduceStreamRequest { correlation_id, request }| {
                let request = request.unwrap_or_default();
                (correlation_id, appender.append(request.batch, request.batch_crc32c.unwrap_or_default()))
            });
            async {
                let (correlation_id, number) = appended?;
                let base_offset = number.await.map_err(|_| Status::internal("not written"))?;
                let response = v1::ProduceResponse { base_offset, ..v1::ProduceResponse::default() };
                Ok(v1::ProduceStreamResponse { correlation_id, result: Some(Outcome::Response(response)) })
            }
        });
        Ok(Response::new(answers.buffered(MAX_PRODUCE_IN_FLIGHT).boxed()))
    }

    async fn init_producer(
        &self,
        _: Request<v1::InitProducerRequest>,
    ) -> Result<Response<v1::InitProducerResponse>, Status> {
        Ok(Response::new(v1::InitProducerResponse { producer_id: 1, epoch: 0 }))
    }
}

#[tonic::async_trait]
impl v1::read_service_server::ReadService for Bare {
    type ReadStream = BoxStream<'static, Result<v1::ReadResponse, Status>>;

    /// Reads position 0, from the start or the end. Credit is not looked at, and stays unread: a few bytes
    /// for each message. The window of HTTP/2 holds back what is sent.
    async fn read(
        &self,
        requests: Request<Streaming<v1::ReadRequest>>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let mut requests = requests.into_inner();
        let first = requests.message().await?.and_then(|request| request.kind);
        let Some(v1::read_request::Kind::Start(start)) = first else {
            return Err(Status::invalid_argument("no start"));
        };
        let from_end =
            start.positions.first().and_then(|position| position.from).is_some_and(|from| {
                from.spec == Some(v1::offset_spec::Spec::Edge(v1::OffsetEdge::End.into()))
            });
        let count = self.kept.count();
        let end = *count.borrow();
        let reading = Reading {
            kept: Arc::clone(&self.kept),
            file: Arc::clone(&self.file),
            count,
            next: if from_end { end } else { 0 },
            stop: start.stop_at_end.then_some(end),
            _requests: requests,
        };
        let position = v1::ResolvedPosition { offset: reading.next, start_offset: 0, end_offset: end };
        let started = Answer::Started(v1::ReadStarted { positions: vec![position] });
        let started = v1::ReadResponse { kind: Some(started) };
        let answers = stream::once(async { Ok(started) }).chain(reading.into_answers());
        Ok(Response::new(answers.boxed()))
    }

    async fn list_offsets(
        &self,
        _: Request<v1::ListOffsetsRequest>,
    ) -> Result<Response<v1::ListOffsetsResponse>, Status> {
        Err(Status::unimplemented("use the stream"))
    }
}

struct Reading {
    kept: Arc<Kept>,
    file: Arc<File>,
    count: watch::Receiver<u64>,
    next: u64,
    stop: Option<u64>,
    /// Dropping it would tell the client to stop.
    _requests: Streaming<v1::ReadRequest>,
}

impl Reading {
    fn into_answers(self) -> BoxStream<'static, Result<v1::ReadResponse, Status>> {
        stream::try_unfold(self, |mut reading| async move {
            Ok(reading.message().await?.map(|message| (message, reading)))
        })
        .boxed()
    }

    async fn message(&mut self) -> Result<Option<v1::ReadResponse>, Status> {
        if self.stop.is_some_and(|stop| self.next >= stop) {
            return Ok(None);
        }
        let next = self.next;
        if self.count.wait_for(|count| *count > next).await.is_err() {
            return Ok(None);
        }
        let batches = self.kept.message(next).ok_or_else(|| Status::out_of_range("fell behind"))?;
        self.next += batches.len() as u64;
        let is_in_file = batches.iter().any(|batch| matches!(batch.place, Place::File { .. }));
        let file = Arc::clone(&self.file);
        let batches = if is_in_file {
            let read = tokio::task::spawn_blocking(move || stored(next, batches, &file));
            read.await.map_err(|_| Status::internal("panicked"))?
        } else {
            stored(next, batches, &file)
        };
        let batches = batches.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(v1::ReadResponse { kind: Some(Answer::Batches(v1::ReadBatches { batches })) }))
    }
}

fn stored(first: u64, batches: Vec<Batch>, file: &File) -> std::io::Result<Vec<v1::StoredBatch>> {
    let read = |(base_offset, Batch { crc, place, .. }): (u64, Batch)| {
        let batch = match place {
            Place::Memory(bytes) => bytes,
            Place::File { position, length } => {
                let mut bytes = Vec::with_capacity(length);
                let read = rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), position)?;
                if read != length {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                bytes.into()
            }
        };
        let end_offset = base_offset + 1;
        let fixed = v1::StoredBatch { record_count: 1, batch_crc32c: crc, ..v1::StoredBatch::default() };
        Ok(v1::StoredBatch { base_offset, end_offset, batch, ..fixed })
    };
    (first..).zip(batches).map(read).collect()
}
