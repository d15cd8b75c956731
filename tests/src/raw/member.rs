//! A member of a group by the protocol alone: it does what it is told to, also what a good member would not.

use super::Raw;
use futures::channel::mpsc;
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Ask;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_proto::v1::consume_service_client::ConsumeServiceClient;
use std::time::Duration;
use tonic::{Status, Streaming};

/// A stream of membership. Dropping it is leaving.
#[derive(Debug)]
pub struct Member {
    /// Given by the broker.
    pub id: u64,
    asks: mpsc::UnboundedSender<v1::ConsumeRequest>,
    answers: Streaming<v1::ConsumeResponse>,
}

impl Raw {
    /// Joins a group.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn join(&self, join: v1::ConsumeJoin) -> Result<Member, Status> {
        let (asks, asked) = mpsc::unbounded();
        let _ = asks.unbounded_send(v1::ConsumeRequest { kind: Some(Ask::Join(join)) });
        let mut client = ConsumeServiceClient::new(self.service());
        let answers = client.consume(asked).await?.into_inner();
        let mut member = Member { id: 0, asks, answers };
        match member.next().await? {
            Answer::Joined(joined) => member.id = joined.member_id,
            other => return Err(Status::internal(format!("it begins with {other:?}"))),
        }
        Ok(member)
    }
}

impl Member {
    /// Sends a message. That the stream has ended is told by [`Member::next`].
    pub fn ask(&self, kind: Ask) {
        let _ = self.asks.unbounded_send(v1::ConsumeRequest { kind: Some(kind) });
    }

    /// A sign of life.
    pub fn beat(&self) {
        self.ask(Ask::Heartbeat(v1::ConsumeHeartbeat {}));
    }

    /// Lets go of partitions.
    pub fn release(&self, assignments: Vec<u32>) {
        self.ask(Ask::Release(v1::ConsumeRelease { assignments }));
    }

    /// Asks for a commit. The answer comes with the other messages.
    pub fn commit(&self, commit_id: u64, offsets: Vec<v1::CommitOffset>) {
        self.ask(Ask::Commit(v1::ConsumeCommit { commit_id, offsets }));
    }

    /// The next message.
    ///
    /// # Errors
    /// As the broker answers; UNAVAILABLE when the stream has ended.
    pub async fn next(&mut self) -> Result<Answer, Status> {
        let message = self.answers.message().await?;
        message.and_then(|message| message.kind).ok_or_else(|| Status::unavailable("the stream has ended"))
    }

    /// Waits for the message that `wanted` takes something from, and passes over others; signs of life go out meanwhile.
    ///
    /// # Errors
    /// As the broker answers.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn wait<T>(
        &mut self,
        within: Duration,
        wanted: impl Fn(Answer) -> Option<T>,
    ) -> Result<T, Status> {
        let mut beats = tokio::time::interval(Duration::from_millis(200));
        let found = async {
            loop {
                tokio::select! {
                    answer = self.answers.message() => {
                        let kind = answer?.and_then(|message| message.kind);
                        let kind = kind.ok_or_else(|| Status::unavailable("the stream has ended"))?;
                        if let Some(found) = wanted(kind) {
                            return Ok(found);
                        }
                    }
                    _ = beats.tick() => {
                        let beat = Ask::Heartbeat(v1::ConsumeHeartbeat {});
                        let _ = self.asks.unbounded_send(v1::ConsumeRequest { kind: Some(beat) });
                    }
                }
            }
        };
        let found = tokio::time::timeout(within, found).await;
        found.unwrap_or_else(|_| panic!("the member is not told within {within:?}"))
    }

    /// Waits until it has so many more partitions.
    ///
    /// # Errors
    /// As the broker answers.
    ///
    /// # Panics
    /// When it has not, in time.
    pub async fn assigned(
        &mut self,
        count: usize,
        within: Duration,
    ) -> Result<Vec<v1::AssignedPartition>, Status> {
        let mut all = Vec::new();
        while all.len() < count {
            let assigned = |answer| match answer {
                Answer::Assigned(assigned) => Some(assigned.partitions),
                _ => None,
            };
            all.extend(self.wait(within, assigned).await?);
        }
        Ok(all)
    }

    /// The answer to a commit.
    ///
    /// # Errors
    /// As the broker answers.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn committed(
        &mut self,
        commit_id: u64,
        within: Duration,
    ) -> Result<Vec<v1::CommitFailure>, Status> {
        let answer = |answer| match answer {
            Answer::Committed(committed) if committed.commit_id == commit_id => Some(committed.failures),
            _ => None,
        };
        self.wait(within, answer).await
    }
}
