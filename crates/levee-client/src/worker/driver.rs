//! The task of a worker: moves records to the caller and their fates to the broker. What it decides is in
//! [`super::ledger`].

use super::delivery::{Leased, Settle};
use super::ledger::{Extension, Ledger, answer, expired};
use super::link::Link;
use super::settings::{WorkerSettings, millis};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::error::Error;
use crate::record::{ReadRecord, Record};
use futures::FutureExt as _;
use futures::future::{BoxFuture, OptionFuture};
use levee_proto::v1;
use levee_proto::v1::work_request::Kind as Ask;
use levee_proto::v1::work_response::Kind as Answer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Fates that are taken together.
const SETTLES: usize = 1024;

/// How long the task sleeps when nothing is due. Any event wakes it.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct Driver {
    client: Client,
    settings: WorkerSettings,
    backoff: Backoff,
    ledger: Ledger,
    link: Option<Link>,
    /// The next one, on its way.
    opening: Option<BoxFuture<'static, Result<Link, Error>>>,
    /// No attempt to connect before, on the clock.
    retry_at: Duration,
    /// Which stream it is, for those who have records of an earlier one.
    stream: Arc<AtomicU64>,
    settles: mpsc::UnboundedReceiver<Settle>,
    /// For the deliveries. It does not keep the channel open.
    settler: mpsc::WeakUnboundedSender<Settle>,
    deliveries: mpsc::UnboundedSender<Result<Leased, Error>>,
}

impl Driver {
    pub(super) fn new(
        client: &Client,
        settings: WorkerSettings,
        link: Link,
        stream: Arc<AtomicU64>,
        settles: mpsc::UnboundedReceiver<Settle>,
        settler: mpsc::WeakUnboundedSender<Settle>,
        deliveries: mpsc::UnboundedSender<Result<Leased, Error>>,
    ) -> Self {
        let lease_ms = millis(settings.lease);
        let extension = settings.auto_extend.map(|until| Extension { lease_ms, until });
        Self {
            client: client.clone(),
            backoff: Backoff::new(Arc::clone(client.random())),
            ledger: Ledger::new(extension),
            settings,
            link: Some(link),
            opening: None,
            retry_at: Duration::ZERO,
            stream,
            settles,
            settler,
            deliveries,
        }
    }

    /// Runs until all handles are gone and everything that was settled is answered, or until the broker refuses for good.
    pub(super) async fn run(mut self) {
        let mut settles = Vec::with_capacity(SETTLES);
        let mut is_closed = false;
        while !is_closed || self.link.is_some() && self.ledger.is_settling() {
            let now = self.client.clock().monotonic();
            self.ledger.tick(now);
            while let (Some(link), Some(message)) = (&self.link, self.ledger.next()) {
                link.send(Ask::Settle(message));
            }
            let sleep = self.ledger.extend_at().map_or(IDLE, |due| due.saturating_sub(now));
            // Who does not take records any more needs no new stream.
            if self.link.is_none() && self.opening.is_none() && !self.deliveries.is_closed() {
                self.opening = Some(open(self.client.clone(), self.settings.clone(), self.retry_at).boxed());
            }
            let opening: OptionFuture<_> = self.opening.as_mut().into();
            let message: OptionFuture<_> = self.link.as_mut().map(Link::receive).into();
            let outcome = tokio::select! {
                taken = self.settles.recv_many(&mut settles, SETTLES), if !is_closed => {
                    is_closed = taken == 0;
                    self.take(&mut settles);
                    Ok(())
                }
                Some(message) = message => message.and_then(|message| self.take_in(message)),
                Some(opened) = opening => {
                    self.opening = None;
                    opened.map(|link| self.link = Some(link))
                }
                () = tokio::time::sleep(sleep) => Ok(()),
            };
            match outcome {
                Ok(()) => {}
                Err(error) if error.is_retryable() => self.disconnected(&error),
                Err(error) => {
                    self.disconnected(&error);
                    let _ = self.deliveries.send(Err(error));
                    return;
                }
            }
        }
    }

    fn take(&mut self, settles: &mut Vec<Settle>) {
        let current = self.stream.load(Ordering::Relaxed);
        for Settle { stream, delivery_id, fate, reply } in settles.drain(..) {
            match stream == current && self.link.is_some() {
                true => self.ledger.settle(delivery_id, fate, reply),
                false => answer(reply, Err(expired())),
            }
        }
    }

    fn take_in(&mut self, message: Answer) -> Result<(), Error> {
        self.backoff.reset();
        match message {
            Answer::Started(_) => return Err(Error::protocol("the broker started twice")),
            Answer::Deliveries(deliveries) => {
                let now = self.client.clock().monotonic();
                for delivery in deliveries.deliveries {
                    self.ledger.delivered(delivery.delivery_id, now);
                    // Nobody takes it: it is dropped, and so rejected.
                    let _ = self.deliveries.send(Ok(self.leased(delivery)));
                }
            }
            Answer::Settled(settled) => {
                let records = self.ledger.answered(settled)?;
                if records > 0
                    && !self.deliveries.is_closed()
                    && let Some(link) = &self.link
                {
                    link.send(Ask::Credit(v1::WorkCredit { records }));
                }
            }
        }
        Ok(())
    }

    fn leased(&self, delivery: v1::Delivery) -> Leased {
        let v1::Delivery { delivery_id, topic, partition, offset, append_time_ms, deliveries, record } =
            delivery;
        let record = Record::from_message(record.unwrap_or_default());
        let timestamp_ms = record.timestamp_ms.unwrap_or(append_time_ms);
        Leased {
            record: ReadRecord { topic: topic.into(), partition, offset, timestamp_ms, record },
            deliveries,
            stream: self.stream.load(Ordering::Relaxed),
            delivery_id,
            worker: self.settler.upgrade(),
        }
    }

    fn disconnected(&mut self, error: &Error) {
        tracing::debug!(%error, group = %self.settings.group, "work stream lost");
        self.link = None;
        self.stream.fetch_add(1, Ordering::Relaxed);
        self.ledger.lost(error);
        self.retry_at = self.client.clock().monotonic() + self.backoff.next(error.retry_after());
    }
}

async fn open(client: Client, settings: WorkerSettings, at: Duration) -> Result<Link, Error> {
    tokio::time::sleep(at.saturating_sub(client.clock().monotonic())).await;
    Link::open(&client, &settings).await
}
