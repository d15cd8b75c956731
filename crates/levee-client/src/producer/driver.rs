//! The task of a producer: moves records, requests and answers between its callers, the machine that
//! decides, and the stream to the broker.

use super::batch::Entry;
use super::machine::{MAX_IN_FLIGHT, Machine, Session};
use super::topics::Topics;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::{Error, RequestId};
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use levee_proto::v1;
use levee_types::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Commands that are taken together.
const COMMANDS: usize = 1024;

/// How long the task sleeps when nothing is due. Any event wakes it.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) enum Command {
    Send { topic: Arc<str>, partition: u32, entry: Entry },
    Flush(oneshot::Sender<Result<(), Error>>),
}

/// A stream to the broker. It counts as open from the first request on: whether the broker is there is
/// seen by its answers.
struct Link {
    requests: mpsc::Sender<v1::ProduceStreamRequest>,
    answers: BoxStream<'static, Result<Answer, Error>>,
}

/// An answer, and the stream it came from.
type Answer = (v1::ProduceStreamResponse, Option<RequestId>);

pub(super) struct Driver {
    client: Client,
    clock: Arc<dyn Clock>,
    machine: Machine,
    commands: mpsc::UnboundedReceiver<Command>,
    topics: Arc<Topics>,
    link: Option<Link>,
    session: OptionFuture<BoxFuture<'static, Result<Session, Error>>>,
}

/// Asks the broker for the identity of a producer: the epoch after `held`, or that of a new one.
pub(super) async fn new_session(client: &Client, held: Option<Session>) -> Result<Session, Error> {
    let request = client.request(v1::InitProducerRequest {
        producer_id: held.map(|session| session.producer_id),
        epoch: held.map(|session| session.epoch),
    });
    let v1::InitProducerResponse { producer_id, epoch } =
        client.produces().init_producer(request).await?.into_inner();
    Ok(Session { producer_id, epoch })
}

impl Driver {
    pub(super) fn new(
        client: &Client,
        settings: ProducerSettings,
        session: Option<Session>,
        commands: mpsc::UnboundedReceiver<Command>,
        topics: Arc<Topics>,
    ) -> Self {
        let machine = Machine::new(settings, session, Backoff::new(Arc::clone(client.random())));
        Self {
            client: client.clone(),
            clock: Arc::clone(client.clock()),
            machine,
            commands,
            topics,
            link: None,
            session: None.into(),
        }
    }

    /// Runs until all handles are gone and every record has its outcome.
    pub(super) async fn run(mut self) {
        let mut commands = Vec::with_capacity(COMMANDS);
        let mut is_closed = false;
        let mut is_asking = false;
        while !is_closed || self.machine.has_work() {
            let now = self.clock.monotonic();
            self.machine.tick(now);
            if !is_asking && let Some(held) = self.machine.wants_session(now) {
                let client = self.client.clone();
                self.session = Some(async move { new_session(&client, held).await }.boxed()).into();
                is_asking = true;
            }
            self.transmit(now);
            let sleep = self.machine.next_tick(now).map_or(IDLE, |tick| tick.saturating_sub(now));
            let answer: OptionFuture<_> = self.link.as_mut().map(|link| link.answers.next()).into();
            tokio::select! {
                taken = self.commands.recv_many(&mut commands, COMMANDS), if !is_closed => {
                    if taken == 0 {
                        is_closed = true;
                        // Nobody will add to what lingers.
                        self.machine.flush(oneshot::channel().0);
                    }
                    self.obey(&mut commands);
                }
                Some(answer) = answer => self.receive(answer),
                Some(session) = &mut self.session, if is_asking => {
                    is_asking = false;
                    self.session = None.into();
                    self.machine.renewed(self.clock.monotonic(), session);
                }
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    fn obey(&mut self, commands: &mut Vec<Command>) {
        let now = self.clock.monotonic();
        for command in commands.drain(..) {
            match command {
                Command::Send { topic, partition, entry } => self.machine.push(now, topic, partition, entry),
                Command::Flush(reply) => self.machine.flush(reply),
            }
        }
    }

    /// Sends what may be sent.
    fn transmit(&mut self, now: Duration) {
        if self.link.is_none() && self.machine.wants_connection(now) {
            self.link = Some(self.connect());
        }
        let Some(link) = &self.link else { return };
        while let Some(request) = self.machine.next(now) {
            // There is room for all that may be under way. A stream that has ended says so by itself.
            if link.requests.try_send(request).is_err() {
                break;
            }
        }
    }

    fn receive(&mut self, answer: Option<Result<Answer, Error>>) {
        let now = self.clock.monotonic();
        let outcome = match answer {
            Some(Ok((response, id))) => self.machine.answered(now, response, id.as_ref()),
            Some(Err(error)) => Err(error),
            None => Err(Error::connection("the broker ended the stream")),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "produce stream lost");
            self.link = None;
            self.machine.disconnected(now, &error);
        }
        for topic in self.machine.take_missing() {
            self.topics.forget(&topic);
        }
    }

    fn connect(&self) -> Link {
        let (requests, receiver) = mpsc::channel(MAX_IN_FLIGHT);
        let mut service = self.client.produces();
        let answers = async move {
            let response = service.produce_stream(ReceiverStream::new(receiver)).await?;
            let id = RequestId::of(response.metadata());
            Ok::<_, Error>(response.into_inner().map(move |answer| match answer {
                Ok(answer) => Ok((answer, id.clone())),
                Err(status) => Err(Error::from(status).of_request(id.as_ref())),
            }))
        };
        Link { requests, answers: answers.try_flatten_stream().boxed() }
    }
}
