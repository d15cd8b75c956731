//! The stream of a member: what it is assigned, what there is to read, and what it commits.
//!
//! It is polled as the body of the answer, without a task or a channel of its own: nothing is fetched for a client that
//! does not take what it was sent; and dropping the stream leaves the group. What the client says comes before what is
//! sent to it, so that signs of life and commits never wait behind data: neither for credit, nor for a quota, nor for
//! the disk.

use super::begin::{Begun, begin};
use super::commit::Commits;
use super::join::{Described, check};
use crate::authorize::{Doubts, InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::status;
use crate::fields::{invalid, out_of_range};
use crate::groups::{Groups, Membership, News, Offer};
use crate::services::opening::{self, Body, Retire, first_message, told};
use crate::services::read::{Cold, Failed, Filled, Filling, Place, Reading, Share};
use crate::tenants::OpenStream;
use crate::transport::connection::draining;
use crate::transport::outgoing::Outlet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use levee_groups::consumers::Expelled;
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Sent;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_types::limits::{CONSUME_MESSAGE_BYTES, MAX_COMMIT_OFFSETS};
use levee_types::{ErrorCode, LeveeError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

const START: (&str, &str) = ("join", "send a ConsumeJoin first, with the group and its topics");

/// What a member was told that it has.
pub(super) type Assignments = HashMap<u32, Offer>;

/// A stream that is being served.
pub(super) struct ConsumeStream {
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    groups: Groups,
    requests: Streaming<v1::ConsumeRequest>,
    /// The client may still send.
    is_open: bool,
    retire: Retire,
    is_retiring: CancellationToken,
    doubts: Doubts,
    /// None until the client has joined.
    member: Option<Member>,
    outlet: Outlet,
    _open: OpenStream,
}

/// Somebody who has joined.
struct Member {
    described: Described,
    membership: Membership,
    reading: Reading,
    share: Share,
    assignments: Assignments,
    /// Those of them that it is to let go of.
    revoked: HashSet<u32>,
    commits: Commits,
    /// What it was assigned, until it is known where that begins. Meanwhile no other news is taken.
    beginning: Option<Beginning>,
    /// What comes from the disk next.
    disk: Option<BoxFuture<'static, FromDisk>>,
    /// What goes out before anything else.
    answers: VecDeque<Answer>,
    /// How the stream ends after that.
    end: Option<LeveeError>,
}

/// In which generation, and what comes of it.
type Beginning = (u64, BoxFuture<'static, Result<Vec<Begun>, LeveeError>>);

enum FromDisk {
    Batches(Cold),
    /// Where a log begins whose oldest records were trimmed under a position.
    Start(u32, Result<u64, LeveeError>),
}

impl Body for ConsumeStream {
    type Message = v1::ConsumeResponse;

    async fn next(&mut self) -> Result<Option<Self::Message>, Status> {
        self.outlet.is_free().await;
        let answer = match self.member {
            Some(_) => self.follow().await?,
            None => Some(Answer::Joined(self.start().await?)),
        };
        Ok(answer.map(|answer| self.outlet.pass(v1::ConsumeResponse { kind: Some(answer) })))
    }
}

impl ConsumeStream {
    /// Serves `requests`. `retire`: the connection is to go. `outlet`: that of the answer.
    pub(super) fn new(
        permit: Arc<Permit<InTenant>>,
        blocking: Blocking,
        groups: Groups,
        requests: Streaming<v1::ConsumeRequest>,
        retire: CancellationToken,
        outlet: Outlet,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            _open: permit.entry().open_stream(),
            permit,
            blocking,
            groups,
            requests,
            is_open: true,
            is_retiring: retire.clone(),
            retire: Box::pin(retire.cancelled_owned()),
            member: None,
            outlet,
        }
    }

    /// The messages, and at last how the stream ended.
    pub(super) fn into_messages(self) -> BoxStream<'static, Result<v1::ConsumeResponse, Status>> {
        opening::into_messages(self)
    }

    /// Takes the first message.
    async fn start(&mut self) -> Result<v1::ConsumeJoined, Status> {
        let join = first_message(&mut self.requests, &mut self.retire, START, |first| match first.kind {
            Some(Sent::Join(join)) => Some(join),
            _ => None,
        });
        let join = join.await?;
        self.join(join).await.map_err(|error| status(&error))
    }

    async fn join(&mut self, join: v1::ConsumeJoin) -> Result<v1::ConsumeJoined, LeveeError> {
        let described = check(join)?;
        // The client may have taken its time.
        if self.doubts.have_arisen() {
            self.permit = Arc::new(self.permit.renew()?);
        }
        let wanted = described.find(&self.permit)?;
        let membership = self.groups.join(&self.permit, wanted).await?;
        let timeout_ms = u32::try_from(described.session_timeout.as_millis()).unwrap_or(u32::MAX);
        let joined = v1::ConsumeJoined { member_id: membership.id(), session_timeout_ms: timeout_ms };
        self.member = Some(Member::new(described, membership));
        Ok(joined)
    }

    /// The next message.
    async fn follow(&mut self) -> Result<Option<Answer>, Status> {
        self.go_on().await.map_err(|end| match end {
            End::Told(error) => status(&error),
            End::Broken(status) => status,
        })
    }

    async fn go_on(&mut self) -> Result<Option<Answer>, End> {
        loop {
            if self.doubts.have_arisen() {
                self.renew()?;
            }
            let Some(member) = &mut self.member else { return Ok(None) };
            // Without it a client that always has something to say would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            if self.is_retiring.is_cancelled() {
                return Err(draining().into());
            }
            if let Some(answer) = member.answers.pop_front() {
                return Ok(Some(answer));
            }
            if let Some(end) = member.end.take() {
                return Err(end.into());
            }
            if member.beginning.is_none()
                && let Some(news) = member.membership.news()
            {
                member.hear(&self.permit, &self.blocking, news);
                continue;
            }
            let (shard, group) = (self.permit.shard(), member.membership.group());
            member.commits.go_on(shard, self.permit.tenant(), group, &member.assignments);
            if !self.is_open && member.commits.are_done() {
                // It can give no sign of life any more: it has left.
                return Ok(None);
            }
            let can_send = member.can_send(&self.permit);
            tokio::select! {
                biased;
                () = &mut self.retire => return Err(draining().into()),
                sent = self.requests.message(), if self.is_open && member.commits.has_room() => {
                    match sent.map_err(|error| End::Broken(told(error)))? {
                        Some(sent) => member.take(sent)?,
                        None => self.is_open = false,
                    }
                }
                () = self.doubts.arise() => self.renew()?,
                () = member.membership.told(), if member.beginning.is_none() => {}
                committed = member.commits.answered() => return Ok(Some(Answer::Committed(committed))),
                begun = begun(&mut member.beginning) => member.begin(&self.permit, begun)?,
                share = member.share.turn() => member.share = share.map_or(Share::None, Share::Had),
                read = from_disk(&mut member.disk) => {
                    if let Some(filling) = member.read(&self.permit, &self.blocking, read)? {
                        return Ok(Some(Answer::Batches(filling.give(&self.outlet))));
                    }
                }
                () = ready(()), if can_send => {
                    if let Some(filling) = member.send(&self.permit, &self.blocking) {
                        return Ok(Some(Answer::Batches(filling.give(&self.outlet))));
                    }
                }
                () = member.reading.arrived(), if member.disk.is_none() && member.reading.has_credit() => {}
            }
        }
    }

    /// Decides again whether the caller may do what it does.
    fn renew(&mut self) -> Result<(), LeveeError> {
        let permit = self.permit.renew()?;
        if let Some(member) = &self.member {
            member.described.require(&permit)?;
        }
        self.permit = Arc::new(permit);
        Ok(())
    }
}

/// Why a stream ends.
enum End {
    Told(LeveeError),
    /// The client broke off.
    Broken(Status),
}

impl From<LeveeError> for End {
    fn from(error: LeveeError) -> Self {
        Self::Told(error)
    }
}

impl Member {
    fn new(described: Described, membership: Membership) -> Self {
        Self {
            reading: Reading::new(described.credit, CONSUME_MESSAGE_BYTES, false),
            described,
            membership,
            share: Share::None,
            assignments: HashMap::new(),
            revoked: HashSet::new(),
            commits: Commits::default(),
            beginning: None,
            disk: None,
            answers: VecDeque::new(),
            end: None,
        }
    }

    /// Takes what the group decided.
    fn hear(&mut self, permit: &Arc<Permit<InTenant>>, blocking: &Blocking, news: News) {
        let News { generation, assigned, revoked, mut lost, expelled } = news;
        if let Some(why) = expelled {
            lost = self.assignments.keys().copied().collect();
            lost.sort_unstable();
            self.end = Some(expulsion(why, self.described.session_timeout));
        }
        if !revoked.is_empty() {
            self.stop_reading(&revoked);
            self.revoked.extend(&revoked);
            self.tell_revoked(generation, revoked, false);
        }
        lost.retain(|assignment| self.assignments.remove(assignment).is_some());
        if !lost.is_empty() {
            self.stop_reading(&lost);
            lost.iter().for_each(|assignment| _ = self.revoked.remove(assignment));
            self.tell_revoked(generation, lost, true);
        }
        if !assigned.is_empty() {
            let (permit, blocking) = (Arc::clone(permit), blocking.clone());
            let begun = begin(permit, blocking, self.membership.group(), self.described.start, assigned);
            self.beginning = Some((generation, begun.boxed()));
        }
    }

    fn tell_revoked(&mut self, generation: u64, assignments: Vec<u32>, lost: bool) {
        self.answers.push_back(Answer::Revoked(v1::ConsumeRevoked { generation, assignments, lost }));
    }

    fn stop_reading(&mut self, assignments: &[u32]) {
        self.reading.remove(assignments);
        // It may be that of another topic.
        self.share = Share::None;
    }

    /// Tells the member what it has, and begins to read it.
    fn begin(
        &mut self,
        permit: &Permit<InTenant>,
        begun: (u64, Result<Vec<Begun>, LeveeError>),
    ) -> Result<(), LeveeError> {
        let (generation, begun) = (begun.0, begun.1?);
        let partitions: Vec<_> = begun.iter().map(Begun::to_proto).collect();
        for Begun { assignment, offer, offset, .. } in begun {
            let (topic, partition) = (Arc::clone(&offer.topic), offer.partition);
            self.reading.add(permit, assignment, Place { topic, partition, next: offset, stop_at: None });
            self.assignments.insert(assignment, offer);
        }
        if !partitions.is_empty() {
            self.answers.push_back(Answer::Assigned(v1::ConsumeAssigned { generation, partitions }));
        }
        Ok(())
    }

    /// Takes what the client sent.
    fn take(&mut self, sent: v1::ConsumeRequest) -> Result<(), LeveeError> {
        self.membership.is_alive();
        match sent.kind {
            Some(Sent::Credit(v1::ReadCredit { bytes })) => self.reading.grant(bytes),
            Some(Sent::Heartbeat(v1::ConsumeHeartbeat {})) => {}
            Some(Sent::Commit(commit)) => self.commits.push(commit)?,
            Some(Sent::Release(v1::ConsumeRelease { assignments })) => self.release(&assignments)?,
            Some(Sent::Join(_)) => {
                return Err(invalid("join", "it was sent before", "open another stream for another member"));
            }
            None => {
                return Err(invalid("kind", "it is missing", "send a heartbeat to say that you are there"));
            }
        }
        Ok(())
    }

    fn release(&mut self, assignments: &[u32]) -> Result<(), LeveeError> {
        let count = assignments.len();
        if !(1..=MAX_COMMIT_OFFSETS).contains(&count) {
            return Err(out_of_range("release.assignments", count, 1, MAX_COMMIT_OFFSETS));
        }
        // What is unknown may be lost already.
        let kept = |assignment: &u32| {
            self.assignments.contains_key(assignment) && !self.revoked.contains(assignment)
        };
        if let Some(index) = assignments.iter().position(kept) {
            let field = format!("release.assignments[{index}]");
            let problem = format!("{} was not revoked", assignments[index]);
            return Err(invalid(&field, problem, "release what a ConsumeRevoked names"));
        }
        for assignment in assignments {
            self.revoked.remove(assignment);
            self.assignments.remove(assignment);
        }
        self.membership.release(assignments);
        Ok(())
    }

    /// Whether batches may be sent now; if not, what is missing is asked for.
    fn can_send(&mut self, permit: &Permit<InTenant>) -> bool {
        if self.disk.is_some() || !self.reading.has_credit() {
            return false;
        }
        let Some(topic) = self.reading.next_topic() else { return false };
        if matches!(self.share, Share::None) {
            self.share = Share::ask(permit, topic);
        }
        matches!(self.share, Share::Had(_))
    }

    /// What fits into the next message.
    fn send(&mut self, permit: &Arc<Permit<InTenant>>, blocking: &Blocking) -> Option<Filling> {
        let Share::Had(reservation) = std::mem::replace(&mut self.share, Share::None) else { return None };
        let filled = self.reading.fill(permit, blocking, reservation);
        self.filled(filled)
    }

    fn filled(&mut self, filled: Filled) -> Option<Filling> {
        match filled {
            Filled::Batches(filling) => Some(filling).filter(|filling| !filling.is_empty()),
            Filled::Cold(cold) => {
                self.disk = Some(cold.map(FromDisk::Batches).boxed());
                None
            }
        }
    }

    /// Takes what came from the disk.
    fn read(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        read: FromDisk,
    ) -> Result<Option<Filling>, LeveeError> {
        match read {
            FromDisk::Batches(cold) => match self.reading.take(permit, blocking, cold) {
                Ok(filled) => Ok(self.filled(filled)),
                Err(failed) => self.failed(permit, blocking, failed).map(|()| None),
            },
            FromDisk::Start(position, start) => {
                match start {
                    Ok(start) => self.reading.jump(position, start),
                    Err(error) => self.failed(permit, blocking, Failed { position, error })?,
                }
                Ok(None)
            }
        }
    }

    /// A partition cannot be read where it was to be read.
    fn failed(
        &mut self,
        permit: &Permit<InTenant>,
        blocking: &Blocking,
        failed: Failed,
    ) -> Result<(), LeveeError> {
        let Failed { position, error } = failed;
        let Some(offer) = self.assignments.get(&position) else { return Ok(()) };
        match error.code {
            // The topic is gone: so is the assignment.
            ErrorCode::NotFound => {
                self.membership.look_at_topics();
                if offer.fence.is_closed() { Ok(()) } else { Err(error) }
            }
            // The oldest records were trimmed meanwhile.
            ErrorCode::OffsetOutOfRange => {
                let (shard, partition, turn) =
                    (permit.shard().clone(), offer.partition, permit.turn(LOOKUP_BYTES));
                let blocking = blocking.clone();
                let start = async move {
                    let log = blocking.run(turn, move || shard.offsets(partition)).await;
                    FromDisk::Start(position, log.map(|log| log.start))
                };
                self.disk = Some(start.boxed());
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// What was begun, and in which generation. Cancel-safe.
async fn begun(beginning: &mut Option<Beginning>) -> (u64, Result<Vec<Begun>, LeveeError>) {
    let Some((generation, begun)) = beginning else { return pending().await };
    let begun = (*generation, begun.await);
    *beginning = None;
    begun
}

/// What came from the disk. Cancel-safe.
async fn from_disk(disk: &mut Option<BoxFuture<'static, FromDisk>>) -> FromDisk {
    let Some(read) = disk else { return pending().await };
    let read = read.await;
    *disk = None;
    read
}

fn expulsion(why: Expelled, session_timeout: Duration) -> LeveeError {
    let timeout_ms = session_timeout.as_millis();
    let (code, message, hint) = match why {
        Expelled::Silent => (
            ErrorCode::MemberFenced,
            format!("nothing came from the member for its session timeout of {timeout_ms} ms"),
            "join again, and send a heartbeat in each third of the session timeout",
        ),
        Expelled::KeptRevoked => (
            ErrorCode::MemberFenced,
            format!("the member kept what was revoked for its session timeout of {timeout_ms} ms"),
            "join again, and answer a ConsumeRevoked with a ConsumeRelease in time",
        ),
        // No MEMBER_FENCED, on which a member joins again: the two would replace each other for ever.
        Expelled::Replaced => (
            ErrorCode::AlreadyExists,
            "another member joined under the same instance name".to_owned(),
            "give each member an instance name of its own",
        ),
    };
    LeveeError::new(code, message).with_hint(hint)
}
