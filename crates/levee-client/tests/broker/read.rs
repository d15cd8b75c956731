//! Follows logs, one batch a message, against credit.

use super::state::Fake;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_client::v1;
use levee_client::v1::offset_spec::Spec;
use levee_client::v1::read_request::Kind as Ask;
use levee_client::v1::read_response::Kind as Answer;
use levee_client::v1::read_service_server::ReadService;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

struct Reading {
    fake: Fake,
    requests: Streaming<v1::ReadRequest>,
    grown: watch::Receiver<()>,
    /// Partition and next offset of each position.
    places: Vec<(u32, u64)>,
    credit: u64,
    sent: usize,
    is_started: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Answer, Status> {
        if !self.is_started {
            return self.start().await;
        }
        if let Some(status) = self.fake.breaks(self.sent) {
            return Err(status);
        }
        loop {
            self.grown.mark_unchanged();
            if let Some(batch) = self.available() {
                self.sent += 1;
                self.credit = self.credit.saturating_sub(batch.batch.len() as u64);
                return Ok(Answer::Batches(v1::ReadBatches { batches: vec![batch] }));
            }
            tokio::select! {
                Ok(()) = self.grown.changed(), if self.credit > 0 => {}
                request = self.requests.message() => match request?.and_then(|request| request.kind) {
                    Some(Ask::Credit(credit)) => self.credit += credit.bytes,
                    _ => return Err(Status::cancelled("the client has gone")),
                },
            }
        }
    }

    async fn start(&mut self) -> Result<Answer, Status> {
        let Some(Ask::Start(start)) = self.requests.message().await?.and_then(|request| request.kind) else {
            return Err(Status::invalid_argument("start"));
        };
        let logs = self.fake.state.logs.lock().unwrap();
        let mut positions = Vec::new();
        for position in start.positions {
            let offset = match position.from.unwrap().spec.unwrap() {
                Spec::Offset(offset) => offset,
                _ => 0,
            };
            self.places.push((position.partition, offset));
            let end_offset = logs.end(position.partition);
            positions.push(v1::ResolvedPosition { offset, start_offset: 0, end_offset });
        }
        self.credit = start.credit_bytes;
        self.is_started = true;
        Ok(Answer::Started(v1::ReadStarted { positions }))
    }

    fn available(&mut self) -> Option<v1::StoredBatch> {
        if self.credit == 0 {
            return None;
        }
        let logs = self.fake.state.logs.lock().unwrap();
        for (position, (partition, next)) in (0..).zip(&mut self.places) {
            let batches = logs.batches.get(partition).into_iter().flatten();
            let after = |batch: &v1::StoredBatch| batch.base_offset + u64::from(batch.record_count);
            if let Some(found) = batches.into_iter().find(|batch| after(batch) > *next) {
                *next = after(found);
                return Some(v1::StoredBatch { position, ..found.clone() });
            }
        }
        None
    }
}

#[tonic::async_trait]
impl ReadService for Fake {
    type ReadStream = BoxStream<'static, Result<v1::ReadResponse, Status>>;

    async fn read(
        &self,
        requests: Request<Streaming<v1::ReadRequest>>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let reading = Reading {
            grown: self.state.grown.subscribe(),
            fake: self.clone(),
            requests: requests.into_inner(),
            places: Vec::new(),
            credit: 0,
            sent: 0,
            is_started: false,
        };
        let answers = stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(kind) => Some((Ok(v1::ReadResponse { kind: Some(kind) }), Some(reading))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn list_offsets(
        &self,
        _: Request<v1::ListOffsetsRequest>,
    ) -> Result<Response<v1::ListOffsetsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
