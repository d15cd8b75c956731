//! A broker of groups that does what the test says.

use super::call::{accept, serve};
use super::stream::Call;
use futures::stream::BoxStream;
use levee_client::v1;
use levee_client::v1::consume_request::Kind as Ask;
use levee_client::v1::consume_response::Kind as Answer;
use levee_client::v1::consume_service_server::{ConsumeService, ConsumeServiceServer};
use levee_proto::batch as encoding;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

type Consume = Call<v1::ConsumeRequest, v1::ConsumeResponse>;

pub struct Script {
    endpoint: String,
    calls: mpsc::UnboundedReceiver<Consume>,
}

struct Service(mpsc::UnboundedSender<Consume>);

#[tonic::async_trait]
impl ConsumeService for Service {
    type ConsumeStream = BoxStream<'static, Result<v1::ConsumeResponse, Status>>;

    async fn consume(
        &self,
        requests: Request<Streaming<v1::ConsumeRequest>>,
    ) -> Result<Response<Self::ConsumeStream>, Status> {
        let (call, response) = Call::new(requests.into_inner());
        self.0.send(call).map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(response)
    }
}

impl Script {
    pub async fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let router = Server::builder().add_service(ConsumeServiceServer::new(Service(sender)));
        let endpoint = serve(router).await;
        Self { endpoint, calls }
    }

    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Takes in the next member.
    pub async fn join(&mut self, member_id: u64) -> Member {
        let mut call = accept(&mut self.calls).await;
        let Some(Ask::Join(join)) = call.request().await.and_then(|request| request.kind) else {
            unreachable!("no join")
        };
        let member = Member { call, join };
        member.send(Answer::Joined(v1::ConsumeJoined { member_id, session_timeout_ms: 10_000 }));
        member
    }

    /// Takes in the next member, and sends it a record of partition 0.
    pub async fn join_with(&mut self, member_id: u64, assignment: u32, offset: u64) -> Member {
        let member = self.join(member_id).await;
        member.assign(assignment, 0, offset);
        member.send(Answer::Batches(batch(assignment, offset, 1)));
        member
    }
}

/// The broker's end of a member.
pub struct Member {
    call: Consume,
    pub join: v1::ConsumeJoin,
}

impl Member {
    pub fn send(&self, kind: Answer) {
        self.call.send(v1::ConsumeResponse { kind: Some(kind) });
    }

    pub fn fail(self, status: Status) {
        self.call.fail(status);
    }

    /// Assigns a partition of topic t of which all before `offset` is committed.
    pub fn assign(&self, assignment: u32, partition: u32, offset: u64) {
        let partition = v1::AssignedPartition {
            assignment,
            topic: "t".to_owned(),
            partition,
            offset,
            committed_offset: Some(offset),
            end_offset: 99,
        };
        self.send(Answer::Assigned(v1::ConsumeAssigned { generation: 1, partitions: vec![partition] }));
    }

    pub fn revoke(&self, assignment: u32, lost: bool) {
        let assignments = vec![assignment];
        self.send(Answer::Revoked(v1::ConsumeRevoked { generation: 2, assignments, lost }));
    }

    pub fn committed(&self, commit: &v1::ConsumeCommit) {
        let commit_id = commit.commit_id;
        self.send(Answer::Committed(v1::ConsumeCommitted { commit_id, failures: Vec::new() }));
    }

    /// The next message; none when the member has gone.
    pub async fn request(&mut self) -> Option<Ask> {
        self.call.request().await.and_then(|request| request.kind)
    }

    /// The next message that is no heartbeat.
    pub async fn ask(&mut self) -> Ask {
        loop {
            match self.request().await.expect("a member") {
                Ask::Heartbeat(_) => {}
                ask => return ask,
            }
        }
    }

    pub async fn commit(&mut self) -> v1::ConsumeCommit {
        match self.ask().await {
            Ask::Commit(commit) => commit,
            other => unreachable!("{other:?}"),
        }
    }
}

/// Records whose values are their offsets.
pub fn batch(position: u32, base_offset: u64, record_count: u32) -> v1::ReadBatches {
    let records: Vec<_> = (base_offset..base_offset + u64::from(record_count))
        .map(|offset| v1::Record { value: Some(offset.to_string().into()), ..v1::Record::default() })
        .collect();
    let batch = encoding::encode(&records, v1::Compression::Unspecified);
    let stored = v1::StoredBatch {
        position,
        base_offset,
        record_count,
        append_time_ms: 5,
        batch_crc32c: crc32c::crc32c(&batch),
        end_offset: 99,
        batch,
    };
    v1::ReadBatches { batches: vec![stored] }
}
