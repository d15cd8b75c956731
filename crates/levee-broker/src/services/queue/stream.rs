//! A worker's stream: hands records out against credit, and takes what became of them.
//!
//! It is polled as the body of the answer, without a task or a channel of its own: a client that does not take what
//! it was sent gets no more; and dropping the stream, at any moment, hands what the worker has out again.

use super::settings::to_proto;
use super::settle::check;
use super::start::{Started, require_topics, start};
use crate::authorize::{Doubts, InTenant, Permit};
use crate::blocking::Blocking;
use crate::error::status;
use crate::fields::invalid;
use crate::queues::{Queues, Settled, Worker, failure};
use crate::services::opening::{self, Body, Retire, first_message, told};
use crate::services::read::{EGRESS_SHARE_BYTES, Share};
use crate::tenants::OpenStream;
use crate::transport::connection::draining;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_proto::v1::work_request::Kind as Sent;
use levee_proto::v1::work_response::Kind as Answer;
use levee_types::LeveeError;
use levee_types::limits::{MAX_SETTLES_IN_FLIGHT, MAX_WORK_CREDIT};
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

const START: (&str, &str) = ("start", "send a WorkStart first, with the group");

/// A stream that is being served.
pub(super) struct WorkStream {
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    queues: Queues,
    requests: Streaming<v1::WorkRequest>,
    retire: Retire,
    /// None until the client has said what it works on.
    working: Option<Working>,
    /// What was settled and is not answered yet.
    settled: VecDeque<Settled>,
    /// Set when no more is handed out: how the stream ends after the last answer.
    end: Option<Result<(), Status>>,
    doubts: Doubts,
    share: Share,
    _open: OpenStream,
}

struct Working {
    worker: Worker,
    /// Records that may be handed out.
    credit: u32,
}

impl Working {
    fn may_have_more(&self) -> bool {
        self.credit > 0 && self.worker.room() > 0
    }
}

impl Body for WorkStream {
    type Message = v1::WorkResponse;

    async fn next(&mut self) -> Result<Option<Self::Message>, Status> {
        let answer = match self.working {
            Some(_) => self.work().await?,
            None => Some(Answer::Started(self.start().await?)),
        };
        Ok(answer.map(|answer| v1::WorkResponse { kind: Some(answer) }))
    }
}

impl WorkStream {
    /// Serves `requests`. `retire`: the connection is to go.
    pub(super) fn new(
        permit: Arc<Permit<InTenant>>,
        blocking: Blocking,
        queues: Queues,
        requests: Streaming<v1::WorkRequest>,
        retire: CancellationToken,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            share: Share::None,
            _open: permit.entry().open_stream(),
            permit,
            blocking,
            queues,
            requests,
            retire: Box::pin(retire.cancelled_owned()),
            working: None,
            settled: VecDeque::new(),
            end: None,
        }
    }

    /// The messages, and at last how the stream ended.
    pub(super) fn into_messages(self) -> BoxStream<'static, Result<v1::WorkResponse, Status>> {
        opening::into_messages(self)
    }

    /// Takes the first message.
    async fn start(&mut self) -> Result<v1::WorkStarted, Status> {
        let start = first_message(&mut self.requests, &mut self.retire, START, |first| match first.kind {
            Some(Sent::Start(start)) => Some(start),
            _ => None,
        });
        let start = start.await?;
        self.begin(start).await.map_err(|error| status(&error))
    }

    async fn begin(&mut self, asked: v1::WorkStart) -> Result<v1::WorkStarted, LeveeError> {
        // The client may have taken its time.
        if self.doubts.have_arisen() {
            self.permit = Arc::new(self.permit.renew()?);
        }
        let Started { worker, credit } = start(&self.permit, &self.blocking, &self.queues, asked).await?;
        let started = v1::WorkStarted { settings: Some(to_proto(worker.settings())), member_id: worker.id() };
        self.working = Some(Working { worker, credit });
        Ok(started)
    }

    /// The next message.
    async fn work(&mut self) -> Result<Option<Answer>, Status> {
        loop {
            if self.end.is_none() && self.doubts.have_arisen() {
                self.renew();
            }
            // Without it a client that always has credit to give would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            let is_open = self.end.is_none();
            let Some(working) = &mut self.working else { return Ok(None) };
            if !is_open {
                working.worker.pass();
            } else if working.may_have_more() {
                if let Some(deliveries) = hand_out(working, &self.permit, &mut self.share).await? {
                    return Ok(Some(Answer::Deliveries(v1::Deliveries { deliveries })));
                }
                if matches!(self.share, Share::None) {
                    if !working.worker.stand() {
                        continue;
                    }
                } else {
                    // Others may not have to wait for their share.
                    working.worker.pass();
                }
            }
            let has_room = self.settled.len() < MAX_SETTLES_IN_FLIGHT;
            tokio::select! {
                biased;
                // Answers come first, and there are never more of them than requests were taken: so requests get
                // their turn.
                answer = first(&mut self.settled), if !self.settled.is_empty() => {
                    self.settled.pop_front();
                    return Ok(Some(Answer::Settled(answer)));
                }
                () = &mut self.retire, if is_open => self.end = Some(Err(status(&draining()))),
                error = working.worker.over(), if is_open => self.end = Some(Err(status(&error))),
                sent = self.requests.message(), if is_open && has_room => self.take(sent),
                () = self.doubts.arise(), if is_open => self.renew(),
                share = self.share.turn(), if is_open => self.share = share.map_or(Share::None, Share::Had),
                () = working.worker.called(), if is_open => {}
                // Nothing to answer, and nothing more to do.
                else => return self.end.take().unwrap_or(Ok(())).map(|()| None),
            }
        }
    }

    /// Takes what the client sent: a message, the end of the stream, or an error on the way.
    fn take(&mut self, sent: Result<Option<v1::WorkRequest>, Status>) {
        let Some(working) = &mut self.working else { return };
        match sent {
            Ok(Some(v1::WorkRequest { kind: Some(Sent::Credit(v1::WorkCredit { records })) })) => {
                working.credit = working.credit.saturating_add(records).min(MAX_WORK_CREDIT);
            }
            Ok(Some(v1::WorkRequest { kind: Some(Sent::Settle(settle)) })) => match check(settle) {
                Ok(settle) => {
                    self.permit.entry().used.requested();
                    self.settled.push_back(working.worker.settle(settle));
                }
                Err(error) => self.end = Some(Err(status(&error))),
            },
            Ok(Some(_)) => self.end = Some(Err(status(&unexpected()))),
            // Whoever settles nothing any more gets nothing any more.
            Ok(None) => self.end = Some(Ok(())),
            // The library lost its place in the stream, so it must end.
            Err(error) => self.end = Some(Err(told(error))),
        }
    }

    /// Decides again whether the caller may work on the queue.
    fn renew(&mut self) {
        let decided = self.permit.renew().and_then(|permit| {
            if let Some(Working { worker, .. }) = &self.working {
                permit.require_group(worker.group().as_str())?;
                require_topics(&permit, worker.settings())?;
            }
            Ok(permit)
        });
        match decided {
            Ok(permit) => self.permit = Arc::new(permit),
            Err(error) => self.end = Some(Err(status(&error))),
        }
    }
}

/// Hands out what there is, once the share of the egress is there.
async fn hand_out(
    Working { worker, credit }: &mut Working,
    permit: &Arc<Permit<InTenant>>,
    share: &mut Share,
) -> Result<Option<Vec<v1::Delivery>>, Status> {
    if let (Share::None, Some(topic)) = (&*share, worker.next_topic()) {
        *share = Share::ask(permit, &topic);
    }
    let Share::Had(reservation) = share else { return Ok(None) };
    let reservation = std::mem::take(reservation);
    *share = Share::None;
    let deliveries = worker
        .take(permit, reservation, EGRESS_SHARE_BYTES, *credit)
        .await
        .map_err(|error| status(&error))?;
    *credit -= u32::try_from(deliveries.len()).unwrap_or(u32::MAX).min(*credit);
    Ok(Some(deliveries).filter(|deliveries| !deliveries.is_empty()))
}

/// The answer to what was settled first, when it is written. Cancel-safe.
async fn first(settled: &mut VecDeque<Settled>) -> v1::WorkSettled {
    let Some(Settled { failures, unwritten, written }) = settled.front_mut() else { return pending().await };
    if let Some(written) = written {
        let outcome = written.over().await;
        for (delivery, partition) in unwritten.drain(..) {
            failures.extend(outcome.failure(partition).map(|error| failure(delivery, error)));
        }
    }
    v1::WorkSettled { failures: std::mem::take(failures) }
}

/// A second start, or nothing.
fn unexpected() -> LeveeError {
    invalid(
        "kind",
        "every message after the first gives credit or settles records",
        "open another stream to work on another queue",
    )
}
