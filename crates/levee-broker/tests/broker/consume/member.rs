//! A member of a group, as a client that does what the protocol says.

use crate::harness::{Broker, next};
use levee_proto::v1::consume_request::Kind as Sent;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_proto::{batch, v1};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

pub(crate) const CREDIT: u64 = 64 << 20;

/// One member.
pub(crate) struct Member {
    pub(crate) id: u64,
    sender: Option<mpsc::Sender<v1::ConsumeRequest>>,
    answers: Streaming<v1::ConsumeResponse>,
    /// By assignment, what it has, and the next offset of each.
    pub(crate) has: BTreeMap<u32, v1::AssignedPartition>,
    pub(crate) next: BTreeMap<u32, u64>,
    /// What it was told to let go of and has not released yet.
    pub(crate) revoked: BTreeSet<u32>,
    pub(crate) lost: BTreeSet<u32>,
    pub(crate) generation: u64,
    /// Partition, offset and value of what it read.
    pub(crate) read: Vec<(u32, u64, String)>,
    pub(crate) committed: Vec<v1::ConsumeCommitted>,
    /// Whether it releases at once.
    pub(crate) is_obedient: bool,
    /// Whether records may be missing.
    pub(crate) may_skip: bool,
    commits: u64,
}

pub(crate) fn join(group: &str, topics: &[&str]) -> v1::ConsumeJoin {
    v1::ConsumeJoin {
        group: group.to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        credit_bytes: CREDIT,
        ..Default::default()
    }
}

pub(crate) fn by<T>(credential: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", credential.parse().unwrap());
    request
}

impl Member {
    /// A member of a group of tenant acme.
    pub(crate) async fn join(broker: &Broker, join: v1::ConsumeJoin) -> Self {
        Self::try_join(broker, "Dev tenant acme", join).await.unwrap()
    }

    pub(crate) async fn try_join(
        broker: &Broker,
        credential: &str,
        join: v1::ConsumeJoin,
    ) -> Result<Self, Status> {
        let (sender, receiver) = mpsc::channel(64);
        sender.send(v1::ConsumeRequest { kind: Some(Sent::Join(join)) }).await.unwrap();
        let request = by(credential, ReceiverStream::new(receiver));
        let mut answers = broker.consume().consume(request).await?.into_inner();
        let first = next(&mut answers).await?.unwrap();
        let Some(Answer::Joined(joined)) = first.kind else { panic!("not joined: {first:?}") };
        Ok(Self {
            id: joined.member_id,
            sender: Some(sender),
            answers,
            has: BTreeMap::new(),
            next: BTreeMap::new(),
            revoked: BTreeSet::new(),
            lost: BTreeSet::new(),
            generation: 0,
            read: Vec::new(),
            committed: Vec::new(),
            is_obedient: true,
            may_skip: false,
            commits: 0,
        })
    }

    pub(crate) async fn send(&self, kind: Sent) {
        // The broker may have ended the stream, which shows in its answers.
        let _ = self.sender.as_ref().unwrap().send(v1::ConsumeRequest { kind: Some(kind) }).await;
    }

    pub(crate) async fn beat(&self) {
        self.send(Sent::Heartbeat(v1::ConsumeHeartbeat {})).await;
    }

    /// Sends nothing any more.
    pub(crate) fn close(&mut self) {
        self.sender = None;
    }

    /// Sends a commit, and tells its id.
    pub(crate) async fn send_commit(&mut self, offsets: &[(u32, u64)]) -> u64 {
        self.commits += 1;
        let offsets = offsets
            .iter()
            .map(|(assignment, offset)| v1::CommitOffset { assignment: *assignment, offset: *offset });
        let commit = v1::ConsumeCommit { commit_id: self.commits, offsets: offsets.collect() };
        self.send(Sent::Commit(commit)).await;
        self.commits
    }

    /// Commits, and waits for the answer.
    pub(crate) async fn commit(&mut self, offsets: &[(u32, u64)]) -> Vec<v1::CommitFailure> {
        let id = self.send_commit(offsets).await;
        self.until(|member| member.committed.iter().any(|committed| committed.commit_id == id)).await;
        self.committed.pop().unwrap().failures
    }

    /// Commits all that it has read.
    pub(crate) async fn commit_all(&mut self) {
        let offsets: Vec<_> = self.next.iter().map(|(assignment, next)| (*assignment, *next)).collect();
        assert_eq!(self.commit(&offsets).await, []);
    }

    pub(crate) async fn release(&mut self, assignments: Vec<u32>) {
        for assignment in &assignments {
            self.forget(*assignment);
        }
        self.send(Sent::Release(v1::ConsumeRelease { assignments })).await;
    }

    fn forget(&mut self, assignment: u32) {
        self.has.remove(&assignment);
        self.next.remove(&assignment);
        self.revoked.remove(&assignment);
    }

    /// The partitions that it has.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        let mut partitions: Vec<_> = self.has.values().map(|assigned| assigned.partition).collect();
        partitions.sort_unstable();
        partitions
    }

    /// The assignment under which it has a partition.
    pub(crate) fn assignment(&self, partition: u32) -> u32 {
        *self.has.iter().find(|(_, assigned)| assigned.partition == partition).unwrap().0
    }

    pub(crate) fn values(&self) -> Vec<&str> {
        self.read.iter().map(|(_, _, value)| value.as_str()).collect()
    }

    /// Takes messages until it is as it should be.
    pub(crate) async fn until(&mut self, is_done: impl Fn(&Self) -> bool) {
        while !is_done(self) {
            let answer = next(&mut self.answers).await.unwrap().expect("the stream ended");
            self.take(answer).await;
        }
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Result<(), Status> {
        loop {
            match next(&mut self.answers).await? {
                Some(answer) => self.take(answer).await,
                None => return Ok(()),
            }
        }
    }

    /// Takes what comes for so long.
    pub(crate) async fn listen(&mut self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while let Ok(answer) = tokio::time::timeout_at(end, self.answers.message()).await {
            self.take(answer.unwrap().expect("the stream ended")).await;
        }
    }

    async fn take(&mut self, answer: v1::ConsumeResponse) {
        match answer.kind.unwrap() {
            Answer::Joined(_) => panic!("joined again"),
            Answer::Assigned(assigned) => {
                assert!(assigned.generation >= self.generation);
                self.generation = assigned.generation;
                for partition in assigned.partitions {
                    assert!(partition.offset <= partition.end_offset);
                    self.next.insert(partition.assignment, partition.offset);
                    let before = self.has.insert(partition.assignment, partition);
                    assert!(before.is_none(), "an assignment is used again");
                }
            }
            Answer::Revoked(v1::ConsumeRevoked { assignments, lost: true, .. }) => {
                for assignment in assignments {
                    self.forget(assignment);
                    self.lost.insert(assignment);
                }
            }
            Answer::Revoked(revoked) => {
                self.revoked.extend(&revoked.assignments);
                if self.is_obedient {
                    self.release(revoked.assignments).await;
                }
            }
            Answer::Batches(batches) => batches.batches.iter().for_each(|stored| self.take_batch(stored)),
            Answer::Committed(committed) => self.committed.push(committed),
        }
    }

    fn take_batch(&mut self, stored: &v1::StoredBatch) {
        let partition = self.has[&stored.position].partition;
        assert!(!self.revoked.contains(&stored.position), "a batch of what was revoked");
        let next = self.next.get_mut(&stored.position).unwrap();
        for (delta, record) in batch::decode(&stored.batch).unwrap() {
            let offset = stored.base_offset + u64::from(delta);
            if offset >= *next {
                assert!(offset == *next || self.may_skip, "a record was passed over");
                *next = offset + 1;
                self.read.push((
                    partition,
                    offset,
                    String::from_utf8(record.value.unwrap().to_vec()).unwrap(),
                ));
            }
        }
    }
}
