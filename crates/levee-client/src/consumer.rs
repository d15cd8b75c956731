//! The consumer: a member of a group.
//!
//! There is no task behind it, but for the connection, which tells that the member is alive. The broker sends as far
//! ahead as the credit allows; taking batches gives it more. What messages mean is decided by [`member`].

mod link;
mod listener;
mod member;
mod positions;
mod settings;

pub use listener::RebalanceListener;
pub use positions::Positions;
pub use settings::ConsumerSettings;

use crate::backoff::Backoff;
use crate::client::{Client, Transport};
use crate::error::Error;
use crate::position::PartitionOffset;
use crate::record::{ReadBatch, ReadRecord};
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, stream};
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Ask;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_proto::v1::consume_service_client::ConsumeServiceClient;
use levee_types::{Clock, ErrorCode};
use link::Link;
use listener::Nobody;
use member::{Event, Member};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// How long [`Consumer::next`] waits when nothing is due. Any message ends it.
const IDLE: Duration = Duration::from_secs(3600);

/// Consumes topics as a member of a group, which shares their partitions out and remembers how far it has come.
///
/// * Each record is handed out at least once: what was handed out and not committed is handed out again when the
///   consumer, or its connection, is lost.
/// * [`Consumer::commit`] commits what was handed out, the last record included: call it when that is done. With
///   [`ConsumerSettings::auto_commit`], a record is committed only after the caller has asked for the next one, which
///   says that it is done.
/// * Partitions that are to go to other members are let go of within [`Consumer::next`] alone: to ask for more says that
///   what was handed out is done. Who does not ask within the session timeout loses them, and what is committed
///   afterwards is refused.
/// * The connection tells that the member is alive, whatever the caller does: a consumer that never asks for more keeps
///   its partitions for as long as it lives, if nobody else is to get them.
/// * When the connection is lost, it joins again, without end: put a timeout around a call that must not wait for long.
///   Nothing is lost when a call is dropped.
pub struct Consumer {
    service: ConsumeServiceClient<Transport>,
    settings: ConsumerSettings,
    group: Arc<str>,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    listener: Box<dyn RebalanceListener>,
    member: Member,
    link: Option<Link>,
    /// The next one, on its way. Kept, so that callers who give up early and come again do not put it off for ever.
    joining: Option<BoxFuture<'static, Result<(Link, u64), Error>>>,
    /// No attempt to join before, on the clock.
    retry_at: Duration,
    /// When to commit what is done, on the clock.
    commit_at: Duration,
    letting_go: Option<LettingGo>,
    failure: Option<Error>,
}

/// Partitions that are let go of once their last commit is answered.
struct LettingGo {
    assignments: Vec<u32>,
    commit: oneshot::Receiver<Result<(), Error>>,
}

impl Consumer {
    pub(crate) async fn open(client: &Client, settings: ConsumerSettings) -> Result<Self, Error> {
        settings.check()?;
        let mut consumer = Self {
            service: client.consumes(client.connect()),
            group: settings.group.as_str().into(),
            member: Member::new(settings.auto_commit.is_none()),
            settings,
            request_timeout: client.request_timeout(),
            clock: Arc::clone(client.clock()),
            backoff: Backoff::new(Arc::clone(client.random())),
            listener: Box::new(Nobody),
            link: None,
            joining: None,
            retry_at: Duration::ZERO,
            commit_at: Duration::ZERO,
            letting_go: None,
            failure: None,
        };
        consumer.join().await?;
        Ok(consumer)
    }

    /// Tells this listener which partitions come and go, from the next call of [`Consumer::next`] on.
    pub fn set_listener(&mut self, listener: impl RebalanceListener + 'static) {
        self.listener = Box::new(listener);
    }

    /// The next record. Says that all before it are done, so far as `auto_commit` and rebalances are concerned.
    ///
    /// # Errors
    /// What will not get better by waiting: a topic that is gone, damaged data, a lost permission. The consumer has
    /// ended then.
    pub async fn next(&mut self) -> Result<ReadRecord, Error> {
        self.more(Member::next_record).await
    }

    /// The next batch of records, or the rest of the one that [`Consumer::next`] is in. Says that all before it are done.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub async fn next_batch(&mut self) -> Result<ReadBatch, Error> {
        self.more(Member::next_batch).await
    }

    /// The records as a stream, which ends after an error. Drop it to commit, and begin another one; nothing is lost.
    pub fn stream(&mut self) -> impl Stream<Item = Result<ReadRecord, Error>> + '_ {
        stream::unfold(Some(self), |consumer| async move {
            let consumer = consumer?;
            match consumer.next().await {
                Ok(record) => Some((Ok(record), Some(consumer))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Commits everything that was handed out. Of a partition of which the group had committed nothing, that is at least
    /// where it began.
    ///
    /// # Errors
    /// `MEMBER_FENCED`: records that were handed out are not committed, and will be handed out again, because their
    /// partition went to another member or the connection was lost. All others are committed. The error is not repeated:
    /// what is handed out afterwards can be committed. If the connection is lost before the answer, the outcome is
    /// unknown.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let committed = match self.member.commit_handed_out() {
            Some((commit, outcome)) => self.send_commit(commit, outcome).await,
            None => Ok(()),
        };
        let gone = self.member.take_gone();
        committed.and(gone.map_or(Ok(()), Err))
    }

    /// Commits these: each is the offset behind the last record of the partition that is done. One that is lower than
    /// what is committed changes nothing.
    ///
    /// # Errors
    /// `MEMBER_FENCED`: the consumer does not have one of the partitions. If it never had, nothing was committed. If the
    /// connection is lost before the answer, the outcome is unknown.
    pub async fn commit_offsets(&mut self, offsets: &[PartitionOffset]) -> Result<(), Error> {
        match self.member.commit(offsets)? {
            Some((commit, outcome)) => self.send_commit(commit, outcome).await,
            None => Ok(()),
        }
    }

    /// The partitions that the consumer has, and where each goes on.
    #[must_use]
    pub fn assignment(&self) -> Vec<PartitionOffset> {
        self.member.assignment()
    }

    /// Everything that was handed out and is not committed, to be committed with a transaction:
    /// [`Transaction::commit_offsets`](crate::Transaction::commit_offsets). Not together with `auto_commit`.
    #[must_use]
    pub fn positions(&self) -> Positions {
        self.member.positions(&self.group)
    }

    /// Leaves the group and joins it again: what was handed out and is not committed is handed out again. For use after a
    /// transaction that was aborted. Other members are disturbed by it, unless this one is static.
    pub fn rejoin(&mut self) {
        self.lose();
        let _ = self.member.take_gone();
        self.retry_at = self.clock.monotonic();
    }

    /// Leaves the group. With `auto_commit` what is done is committed before: not what was handed out last, unless more
    /// was asked for after it. Dropping a consumer is leaving the group without a commit.
    ///
    /// # Errors
    /// The commit failed, or its outcome is unknown.
    pub async fn close(mut self) -> Result<(), Error> {
        if self.settings.auto_commit.is_none() {
            return Ok(());
        }
        let mut outcome = Ok(());
        while outcome.is_ok() && self.member.is_committing() {
            outcome = self.receive().await;
        }
        match self.member.commit_done() {
            Some((commit, committed)) => outcome.and(self.send_commit(commit, committed).await),
            None => outcome,
        }
    }

    /// Waits until something is at hand.
    async fn more<T>(&mut self, take: impl Fn(&mut Member) -> Result<Option<T>, Error>) -> Result<T, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.member.asked_for_more();
        loop {
            let step = match self.step().await {
                Ok(true) => take(&mut self.member),
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            };
            match step {
                Ok(Some(taken)) => {
                    self.give_credit();
                    return Ok(taken);
                }
                Ok(None) => {}
                Err(error) => self.stream_ended(error),
            }
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            self.tell();
        }
    }

    /// One step: takes in what has arrived, and waits for more if there was nothing. Tells whether there may be something
    /// to hand out.
    async fn step(&mut self) -> Result<bool, Error> {
        if self.link.is_none() {
            self.join().await?;
        }
        // Revocations are behind batches that are not handed out yet.
        while let Some(message) = self.link.as_mut().and_then(|link| link.receive().now_or_never()) {
            self.take_in(message?)?;
        }
        self.tell();
        self.let_go();
        let now = self.clock.monotonic();
        self.commit_done(now);
        if self.letting_go.is_none() && self.member.has_batches() {
            return Ok(true);
        }
        self.give_credit();
        let due = self.settings.auto_commit.map_or(IDLE, |_| self.commit_at.saturating_sub(now));
        match tokio::time::timeout(due, self.receive()).await {
            Ok(received) => received.map(|()| false),
            // It is time to commit.
            Err(_) => Ok(false),
        }
    }

    /// Waits for a message.
    async fn receive(&mut self) -> Result<(), Error> {
        let Some(link) = &mut self.link else { return Err(Error::connection("the stream was closed")) };
        let message = link.receive().await?;
        self.take_in(message)
    }

    fn take_in(&mut self, message: Answer) -> Result<(), Error> {
        self.backoff.reset();
        match message {
            Answer::Joined(_) => return Err(Error::protocol("the broker took the member in twice")),
            Answer::Assigned(assigned) => self.member.assigned(assigned)?,
            Answer::Revoked(revoked) => self.member.revoked(&revoked),
            Answer::Batches(batches) => self.member.arrived(batches),
            Answer::Committed(committed) => self.member.committed(committed)?,
        }
        Ok(())
    }

    async fn join(&mut self) -> Result<(), Error> {
        let joining = self.joining.get_or_insert_with(|| {
            let (service, settings) = (self.service.clone(), self.settings.clone());
            let wait = self.retry_at.saturating_sub(self.clock.monotonic());
            let timeout = self.request_timeout;
            async move {
                tokio::time::sleep(wait).await;
                Link::open(service, &settings, timeout).await
            }
            .boxed()
        });
        let joined = joining.await;
        self.joining = None;
        let (link, member_id) = joined?;
        self.member.joined(member_id);
        self.link = Some(link);
        self.commit_at = self.clock.monotonic() + self.settings.auto_commit.unwrap_or_default();
        Ok(())
    }

    /// Joins again, or has ended.
    fn stream_ended(&mut self, error: Error) {
        tracing::debug!(%error, group = %self.group, "consume stream lost");
        self.lose();
        if may_join_again(&error) {
            self.retry_at = self.clock.monotonic() + self.backoff.next(error.retry_after());
        } else {
            self.failure = Some(error);
        }
    }

    fn lose(&mut self) {
        self.link = None;
        self.joining = None;
        self.letting_go = None;
        self.member.disconnected();
    }

    /// Tells the listener what happened.
    fn tell(&mut self) {
        while let Some(event) = self.member.next_event() {
            match event {
                Event::Assigned(partitions) => self.listener.assigned(&partitions),
                Event::Lost(partitions) => self.listener.lost(&partitions),
            }
        }
    }

    /// Lets go of what is revoked, when its last commit is answered.
    fn let_go(&mut self) {
        let Some(link) = &self.link else { return };
        if self.letting_go.is_none() {
            let (assignments, partitions) = self.member.take_revoked();
            if assignments.is_empty() {
                return;
            }
            let chosen = self.listener.revoked(&partitions);
            let offsets = if self.settings.auto_commit.is_some() { partitions } else { chosen };
            let commit = match self.member.commit(&offsets) {
                Ok(Some((message, commit))) => {
                    link.send(Ask::Commit(message));
                    commit
                }
                Ok(None) => oneshot::channel().1,
                Err(error) => {
                    tracing::warn!(%error, group = %self.group, "the listener commits what is not revoked");
                    oneshot::channel().1
                }
            };
            self.letting_go = Some(LettingGo { assignments, commit });
        }
        if let Some(LettingGo { assignments, mut commit }) = self.letting_go.take() {
            match commit.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.letting_go = Some(LettingGo { assignments, commit });
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, group = %self.group, "last commit of a revoked partition failed");
                }
                Ok(Ok(())) | Err(TryRecvError::Closed) => {}
            }
            self.member.release(&assignments);
            link.send(Ask::Release(v1::ConsumeRelease { assignments }));
        }
    }

    /// Commits what is done, if it is time to.
    fn commit_done(&mut self, now: Duration) {
        let (Some(every), Some(link)) = (self.settings.auto_commit, &self.link) else { return };
        if now < self.commit_at {
            return;
        }
        self.commit_at = now + every;
        if let Some((message, _)) = self.member.commit_done() {
            link.send(Ask::Commit(message));
        }
    }

    async fn send_commit(
        &mut self,
        commit: v1::ConsumeCommit,
        mut outcome: oneshot::Receiver<Result<(), Error>>,
    ) -> Result<(), Error> {
        if let Some(link) = &self.link {
            link.send(Ask::Commit(commit));
        }
        loop {
            match outcome.try_recv() {
                Ok(outcome) => return outcome,
                Err(TryRecvError::Closed) => {
                    return Err(Error::connection("the stream was closed").with_unknown_outcome());
                }
                Err(TryRecvError::Empty) => {}
            }
            if let Err(error) = self.receive().await {
                self.stream_ended(error.clone());
                return Err(error.with_unknown_outcome());
            }
        }
    }

    /// Gives back credit when half of it is used up, as [`Reader`](crate::Reader) does.
    fn give_credit(&mut self) {
        let Some(link) = &self.link else { return };
        if let Some(bytes) = self.member.take_credit(self.settings.credit_bytes.div_ceil(2)) {
            link.send(Ask::Credit(v1::ReadCredit { bytes }));
        }
    }
}

/// The stream is gone, and another one may do.
fn may_join_again(error: &Error) -> bool {
    error.is_retryable() || error.code() == Some(ErrorCode::MemberFenced)
}
