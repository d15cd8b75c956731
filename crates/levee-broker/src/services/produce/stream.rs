//! A pipelined produce stream: requests are handed to storage in their order, and answered in it.
//!
//! It is polled as the body of the answer, without a task or a channel of its own. So a client that
//! does not take its answers is not read from; and dropping the stream, at any moment, drops everything
//! that it holds. What was submitted before is then stored or not as a whole.

use super::append::{Checked, Produced, Volume, answer, check};
use super::submission::{Submission, Submitted};
use crate::authorize::{Doubts, InTenant, Permit};
use crate::error::{detail, explain, status};
use crate::fields::invalid;
use crate::tenants::{OpenStream, TenantUse};
use crate::transport::aligned::MessageMemory;
use crate::transport::connection::draining;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_storage::Topic;
use levee_types::limits::MAX_PRODUCE_IN_FLIGHT;
use levee_types::quota::Dimension;
use levee_types::{ErrorCode, LeveeError};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, Streaming};

/// A stream that is being served.
pub(super) struct ProduceStream {
    permit: Permit<InTenant>,
    doubts: Doubts,
    requests: Requests,
    in_flight: VecDeque<InFlight>,
    /// A request that waits for the tenant's quota. Meanwhile no other is read: that is the backpressure.
    held: Option<Held>,
    /// Set when no more requests are taken: how the stream ends after the last answer.
    end: Option<Result<(), Status>>,
    retire: Pin<Box<WaitForCancellationFutureOwned>>,
    idle: Idle,
    produced: Produced,
    _open: OpenStream,
}

/// What a client sends.
pub(super) struct Requests {
    pub(super) stream: Streaming<v1::ProduceStreamRequest>,
    /// What the last one holds in memory.
    pub(super) memory: MessageMemory,
}

/// A request without an answer.
struct InFlight {
    correlation_id: u64,
    state: State,
}

/// A request that waits for the tenant's quota.
struct Held {
    correlation_id: u64,
    submission: Submission,
    topic: Arc<Topic>,
    wait: BoxFuture<'static, Duration>,
}

enum State {
    /// Storage has it, after it had waited so long for the quota.
    Submitted(Submitted, Volume, Duration),
    /// It was refused.
    Refused(LeveeError),
}

impl ProduceStream {
    /// Serves `requests`. `retire`: the connection is to go.
    pub(super) fn new(
        permit: Permit<InTenant>,
        requests: Requests,
        retire: CancellationToken,
        idle: Idle,
        produced: Produced,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            _open: permit.entry().open_stream(),
            permit,
            requests,
            in_flight: VecDeque::new(),
            held: None,
            end: None,
            retire: Box::pin(retire.cancelled_owned()),
            idle,
            produced,
        }
    }

    /// The answers, and at last how the stream ended.
    pub(super) fn into_answers(self) -> BoxStream<'static, Result<v1::ProduceStreamResponse, Status>> {
        stream::unfold(Some(self), |stream| async move {
            let mut stream = stream?;
            match stream.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(stream))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<v1::ProduceStreamResponse>, Status> {
        loop {
            // Without it a client that is always ahead of us would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            let is_open = self.end.is_none();
            let has_room = self.in_flight.len() < MAX_PRODUCE_IN_FLIGHT && self.held.is_none();
            tokio::select! {
                biased;
                // Answers come first, and there are never more of them than requests were taken: so
                // requests get their turn.
                (correlation_id, outcome) = first(&mut self.in_flight, &self.produced, &self.permit.entry().used), if !self.in_flight.is_empty() => {
                    self.in_flight.pop_front();
                    return Ok(Some(v1::ProduceStreamResponse { correlation_id, result: Some(outcome) }));
                }
                throttled = held(&mut self.held), if self.held.is_some() => self.release(throttled).await,
                () = self.doubts.arise(), if is_open => self.renew(),
                () = &mut self.retire, if is_open => self.end = Some(Err(status(&draining()))),
                request = self.requests.stream.message(), if is_open && has_room => self.take(request).await,
                () = self.idle.expired(), if is_open && has_room => self.end = Some(Err(status(&self.idle.error()))),
                // Nothing in flight, and no more requests.
                else => return self.end.take().unwrap_or(Ok(())).map(|()| None),
            }
        }
    }

    /// Takes what the client sent: a request, the end of the stream, or an error on the way.
    async fn take(&mut self, request: Result<Option<v1::ProduceStreamRequest>, Status>) {
        match request {
            Ok(Some(request)) => {
                self.idle.reset();
                let correlation_id = request.correlation_id;
                match self.check(request) {
                    Ok(Checked { submission, reservation, .. }) if reservation.delay().is_zero() => {
                        self.submit(correlation_id, submission, reservation.wait().await).await;
                    }
                    Ok(Checked { submission, topic, reservation }) => {
                        let wait = reservation.wait().boxed();
                        self.held = Some(Held { correlation_id, submission, topic, wait });
                    }
                    Err(error) => {
                        self.in_flight.push_back(InFlight { correlation_id, state: State::Refused(error) });
                    }
                }
            }
            Ok(None) => self.end = Some(Ok(())),
            // The library lost its place in the stream, so it must end.
            Err(error) => {
                self.end = Some(Err(explain(&error).map_or(error, |error| status(&error))));
            }
        }
    }

    fn check(&self, request: v1::ProduceStreamRequest) -> Result<Checked, LeveeError> {
        self.permit.entry().used.requested();
        let request =
            request.request.ok_or_else(|| invalid("request", "it is missing", "give the batch to append"))?;
        let one = self.permit.reserve(Dimension::Requests, 1, None)?;
        match check(&self.permit, request, self.requests.memory.bytes()) {
            Ok(checked) => Ok(Checked { reservation: checked.reservation.and(one), ..checked }),
            Err(error) => {
                // It was a request all the same.
                one.settle(1);
                Err(error)
            }
        }
    }

    /// Decides again whether the caller may go on. If not, what waits for the quota does not wait any more.
    fn renew(&mut self) {
        match self.permit.renew() {
            Ok(permit) => self.permit = permit,
            Err(error) => {
                self.end = Some(Err(status(&error)));
                if let Some(Held { correlation_id, .. }) = self.held.take() {
                    self.in_flight.push_back(InFlight { correlation_id, state: State::Refused(error) });
                }
            }
        }
    }

    /// The turn of the request that was held has come. What was decided before it waited may not hold any more.
    async fn release(&mut self, throttled: Duration) {
        let Some(Held { correlation_id, submission, topic, .. }) = self.held.take() else { return };
        let decided = self.permit.renew().and_then(|permit| {
            permit.require(topic.name.as_str())?;
            Ok(permit)
        });
        match decided {
            Ok(permit) => {
                self.permit = permit;
                self.submit(correlation_id, submission, throttled).await;
            }
            Err(error) => self.in_flight.push_back(InFlight { correlation_id, state: State::Refused(error) }),
        }
    }

    /// Waits for room in storage's queue. Meanwhile nothing more is read either.
    async fn submit(&mut self, correlation_id: u64, submission: Submission, throttled: Duration) {
        let volume = submission.volume();
        let state = match submission.submit(self.permit.shard()).await {
            Ok(submitted) => State::Submitted(submitted, volume, throttled),
            Err(error) => State::Refused(error.into()),
        };
        self.in_flight.push_back(InFlight { correlation_id, state });
    }
}

/// Resolves when the request that is held has waited. Cancel-safe.
async fn held(held: &mut Option<Held>) -> Duration {
    match held {
        Some(held) => held.wait.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Waits for the outcome of the first request. Only this one is polled: the others are answered after
/// it in any case. Cancel-safe.
async fn first(
    in_flight: &mut VecDeque<InFlight>,
    produced: &Produced,
    tenant: &TenantUse,
) -> (u64, Outcome) {
    let Some(InFlight { correlation_id, state }) = in_flight.front_mut() else {
        return std::future::pending().await;
    };
    let outcome = match state {
        State::Submitted(submitted, volume, throttled) => match submitted.await {
            Ok(appended) => {
                produced.count(*volume, tenant);
                Outcome::Response(answer(appended, *throttled))
            }
            Err(error) => Outcome::Error(detail(error.into())),
        },
        State::Refused(error) => Outcome::Error(detail(error.clone())),
    };
    (*correlation_id, outcome)
}

/// Notices a stream without messages. A message costs nothing but a flag: the time is looked at once per
/// timeout, so that the stream ends after one to two of them.
pub(super) struct Idle {
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    is_fresh: bool,
}

impl Idle {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, timer: Box::pin(sleep(timeout)), is_fresh: false }
    }

    fn reset(&mut self) {
        self.is_fresh = true;
    }

    /// Cancel-safe.
    async fn expired(&mut self) {
        loop {
            self.timer.as_mut().await;
            if !std::mem::take(&mut self.is_fresh) {
                return;
            }
            self.timer.set(sleep(self.timeout));
        }
    }

    fn error(&self) -> LeveeError {
        LeveeError::new(
            ErrorCode::Unavailable,
            format!("no message came for {} ms: the stream ends", self.timeout.as_millis()),
        )
        .with_hint("open another stream when there is something to send")
    }
}
