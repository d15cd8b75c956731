//! A read stream: follows the tails of its positions and sends batches against the client's credit.
//!
//! It is polled as the body of the answer, without a task or a channel of its own: nothing is fetched
//! for a client that does not take what it was sent, and dropping the stream drops everything.

use super::positions::{Named, Resolved, in_position, refuse_repeated, resolve};
use super::reading::{Failed, Filled, Place, Reading};
use super::share::Share;
use crate::authorize::{Doubts, InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::status;
use crate::fields::{invalid, out_of_range};
use crate::services::opening::{self, Body, Retire, first_message, told};
use crate::tenants::OpenStream;
use crate::transport::connection::draining;
use crate::transport::outgoing::Outlet;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_types::LeveeError;
use levee_types::limits::{MAX_READ_CREDIT, READ_MESSAGE_BYTES};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

const START: (&str, &str) = ("start", "send a ReadStart first, with the positions to read from");

/// A stream that is being served.
pub(super) struct ReadStream {
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    requests: Streaming<v1::ReadRequest>,
    /// The client may still send credit.
    is_open: bool,
    retire: Retire,
    is_retiring: CancellationToken,
    /// None until the client has said what it wants to read.
    reading: Option<Reading>,
    doubts: Doubts,
    share: Share,
    outlet: Outlet,
    _open: OpenStream,
}

impl Body for ReadStream {
    type Message = v1::ReadResponse;

    async fn next(&mut self) -> Result<Option<Self::Message>, Status> {
        self.outlet.is_free().await;
        let answer = match self.reading {
            Some(_) => self.follow().await?,
            None => Some(Answer::Started(self.start().await?)),
        };
        Ok(answer.map(|answer| self.outlet.pass(v1::ReadResponse { kind: Some(answer) })))
    }
}

impl ReadStream {
    /// Serves `requests`. `retire`: the connection is to go. `outlet`: that of the answer.
    pub(super) fn new(
        permit: Arc<Permit<InTenant>>,
        blocking: Blocking,
        requests: Streaming<v1::ReadRequest>,
        retire: CancellationToken,
        outlet: Outlet,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            share: Share::None,
            outlet,
            _open: permit.entry().open_stream(),
            permit,
            blocking,
            requests,
            is_open: true,
            is_retiring: retire.clone(),
            retire: Box::pin(retire.cancelled_owned()),
            reading: None,
        }
    }

    /// The messages, and at last how the stream ended.
    pub(super) fn into_messages(self) -> BoxStream<'static, Result<v1::ReadResponse, Status>> {
        opening::into_messages(self)
    }

    /// Takes the first message.
    async fn start(&mut self) -> Result<v1::ReadStarted, Status> {
        let start = first_message(&mut self.requests, &mut self.retire, START, |first| match first.kind {
            Some(Sent::Start(start)) => Some(start),
            _ => None,
        });
        let start = start.await?;
        self.begin(start).await.map_err(|error| status(&error))
    }

    async fn begin(&mut self, start: v1::ReadStart) -> Result<v1::ReadStarted, LeveeError> {
        let v1::ReadStart { positions, credit_bytes, stop_at_end } = start;
        if !(1..=MAX_READ_CREDIT).contains(&credit_bytes) {
            return Err(out_of_range("credit_bytes", credit_bytes, 1, MAX_READ_CREDIT));
        }
        let positions = Named::new(positions)?;
        // The client may have taken its time.
        if self.doubts.have_arisen() {
            self.renew()?;
        }
        let permit = Arc::clone(&self.permit);
        let turn = permit.turn(positions.len() * LOOKUP_BYTES);
        let resolved = self.blocking.run(turn, move || resolve(&permit, positions)).await?;
        refuse_repeated(&resolved)?;
        let started = v1::ReadStarted { positions: resolved.iter().map(Resolved::to_proto).collect() };
        let mut reading = Reading::new(credit_bytes, READ_MESSAGE_BYTES, true);
        for (position, Resolved { topic, partition, offset, log }) in (0..).zip(resolved) {
            let stop_at = stop_at_end.then_some(log.end);
            reading.add(&self.permit, position, Place { topic, partition, next: offset, stop_at });
        }
        self.reading = Some(reading);
        Ok(started)
    }

    /// The next batches.
    async fn follow(&mut self) -> Result<Option<Answer>, Status> {
        loop {
            // A reader that is behind waits for nothing below.
            if self.doubts.have_arisen() {
                self.renew().map_err(|error| status(&error))?;
            }
            let Some(reading) = &mut self.reading else { return Ok(None) };
            // Without it a client that always has credit to give would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            if self.is_retiring.is_cancelled() {
                return Err(status(&draining()));
            }
            if reading.is_finished() {
                return Ok(None);
            }
            if reading.has_credit() {
                if let (Share::None, Some(topic)) = (&self.share, reading.next_topic()) {
                    self.share = Share::ask(&self.permit, topic);
                }
                if let Share::Had(reservation) = &mut self.share {
                    let reservation = std::mem::take(reservation);
                    self.share = Share::None;
                    let mut filled = reading.fill(&self.permit, &self.blocking, reservation);
                    let filling = loop {
                        match filled {
                            Filled::Batches(filling) => break filling,
                            Filled::Cold(cold) => {
                                filled =
                                    reading.take(&self.permit, &self.blocking, cold.await).map_err(failed)?;
                            }
                        }
                    };
                    if !filling.is_empty() {
                        return Ok(Some(Answer::Batches(filling.give(&self.outlet))));
                    }
                    // Those that had their turn had nothing; there may be others.
                    if !reading.is_finished() && reading.next_topic().is_some() {
                        continue;
                    }
                }
                // A position may have turned out to be at its stop.
                if reading.is_finished() {
                    return Ok(None);
                }
            } else if !self.is_open {
                // There will be no more credit: the client has what it wanted.
                return Ok(None);
            }
            tokio::select! {
                biased;
                () = &mut self.retire => return Err(status(&draining())),
                sent = self.requests.message(), if self.is_open => match sent.map_err(told)? {
                    Some(v1::ReadRequest { kind: Some(Sent::Credit(v1::ReadCredit { bytes })) }) => {
                        reading.grant(bytes);
                    }
                    Some(_) => return Err(status(&not_credit())),
                    None => self.is_open = false,
                },
                () = self.doubts.arise() => self.renew().map_err(|error| status(&error))?,
                share = self.share.turn() => {
                    self.share = share.map_or(Share::None, Share::Had);
                }
                () = reading.arrived(), if reading.has_credit() => {}
            }
        }
    }

    /// Decides again whether the caller may read what it reads.
    fn renew(&mut self) -> Result<(), LeveeError> {
        let permit = self.permit.renew()?;
        if let Some(reading) = &self.reading {
            reading.require(&permit)?;
        }
        self.permit = Arc::new(permit);
        Ok(())
    }
}

/// A second start, or nothing.
fn not_credit() -> LeveeError {
    invalid(
        "credit",
        "every message after the first must be one",
        "open another stream to read from elsewhere",
    )
}

fn failed(Failed { position, error }: Failed) -> Status {
    status(&in_position(position as usize, error))
}

#[cfg(test)]
mod tests;
