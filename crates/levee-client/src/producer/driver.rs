//! The task of a producer: moves records, requests and answers between its callers, the machine that
//! decides, and the stream to the broker.

use super::batch::Entry;
use super::link::{Answer, Link};
use super::machine::{MAX_IN_FLIGHT, Machine};
use super::session::{Session, new_session};
use super::topics::Topics;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;
use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt as _, StreamExt as _};
use levee_types::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands that are taken together.
const COMMANDS: usize = 1024;

/// How long the task sleeps when nothing is due. Any event wakes it.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) enum Command {
    Send { topic: Arc<str>, partition: u32, entry: Entry },
    Flush(oneshot::Sender<Result<(), Error>>),
}

pub(super) struct Driver {
    client: Client,
    clock: Arc<dyn Clock>,
    machine: Machine,
    commands: mpsc::UnboundedReceiver<Command>,
    topics: Arc<Topics>,
    link: Option<Link>,
    session: OptionFuture<BoxFuture<'static, Result<Session, Error>>>,
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
            self.link = Some(Link::open(&self.client, MAX_IN_FLIGHT));
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
}
