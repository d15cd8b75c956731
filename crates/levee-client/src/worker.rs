//! The worker of a queue: gets single records, and says what became of each.
//!
//! Its task has the stream, so that records can be settled from anywhere, many in one message.

mod delivery;
mod driver;
mod ledger;
mod link;
mod settings;

pub use delivery::{Leased, Settled};
pub use settings::{QueueSettings, WorkerSettings};

use crate::client::Client;
use crate::error::Error;
use delivery::Settle;
use driver::Driver;
use futures::{Stream, stream};
use link::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Takes records of a queue, each for a time: one that is not settled before its lease ends is handed out again.
///
/// Each record is handed out at least once. At most [`WorkerSettings::credit`] of them are in the hands of the worker;
/// settling one makes room for the next. When the connection is lost, it connects again, without end; what it had is
/// handed out again, here or elsewhere, and what is said of it afterwards is refused.
pub struct Worker {
    deliveries: mpsc::UnboundedReceiver<Result<Leased, Error>>,
    /// Keeps the task.
    settler: mpsc::UnboundedSender<Settle>,
    stream: Arc<AtomicU64>,
    task: JoinHandle<()>,
    failure: Option<Error>,
}

impl Worker {
    pub(crate) async fn open(client: &Client, settings: WorkerSettings) -> Result<Self, Error> {
        settings.check()?;
        let link = Link::open(client, &settings).await?;
        let (sender, deliveries) = mpsc::unbounded_channel();
        let (settler, settles) = mpsc::unbounded_channel();
        let stream = Arc::new(AtomicU64::new(0));
        let weak = settler.downgrade();
        let driver = Driver::new(client, settings, link, Arc::clone(&stream), settles, weak, sender);
        let task = client.tasks().spawn(driver.run());
        Ok(Self { deliveries, settler, stream, task, failure: None })
    }

    /// The next record. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// What will not get better by waiting: a queue or topic that is gone, a lost permission. The worker has ended then.
    pub async fn next(&mut self) -> Result<Leased, Error> {
        while self.failure.is_none() {
            match self.deliveries.recv().await {
                // The lease of one that waited here ended with its stream.
                Some(Ok(leased)) if leased.stream != self.stream.load(Ordering::Relaxed) => {}
                Some(Ok(leased)) => return Ok(leased),
                Some(Err(error)) => self.failure = Some(error),
                None => self.failure = Some(Error::closed("the worker's runtime was shut down")),
            }
        }
        Err(self.failure.clone().unwrap_or_else(|| Error::closed("the worker has ended")))
    }

    /// The records as a stream, which ends after an error.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Leased, Error>> + '_ {
        stream::unfold(Some(self), |worker| async move {
            let worker = worker?;
            match worker.next().await {
                Ok(leased) => Some((Ok(leased), Some(worker))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Takes no more, and waits until everything is settled that was handed out: settle or drop it first, or elsewhere.
    /// What nobody has taken is handed out again at once.
    pub async fn close(self) {
        let Self { deliveries, settler, task, .. } = self;
        drop((deliveries, settler));
        // That it panicked is in the log.
        let _ = task.await;
    }
}
