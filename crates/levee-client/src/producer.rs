//! The producer: batches records, sends them again when needed, and tells what became of each.
//!
//! A record goes from `send` through an unbounded channel, whose content the buffer's semaphore bounds, to
//! the one task of the producer ([`driver`]). What the task decides is in [`machine`] and [`partition`],
//! which do no I/O.

pub(crate) mod batch;
mod delivery;
mod driver;
pub(crate) mod link;
mod machine;
mod partition;
pub(crate) mod session;
pub(crate) mod topics;

pub use delivery::{Acked, Delivery};

use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;
use crate::record::Record;
use batch::{Entry, check_size, size};
use driver::{Command, Driver};
use levee_proto::v1;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use topics::{Place, Topics};

/// What a record takes of the buffer besides its bytes: its place in a batch, and whoever waits for it.
const RECORD_OVERHEAD: usize = 256;

/// Sends records. Records for the same partition are stored in the order in which they are sent.
///
/// A producer that is dropped still sends what it took, until each record is stored or late; use
/// [`Producer::close`] to wait for that.
pub struct Producer {
    commands: mpsc::UnboundedSender<Command>,
    topics: Arc<Topics>,
    room: Arc<Semaphore>,
    settings: ProducerSettings,
    task: JoinHandle<()>,
}

impl Producer {
    pub(crate) async fn open(client: &Client, settings: ProducerSettings) -> Result<Self, Error> {
        settings.check()?;
        let session =
            if settings.idempotent { Some(session::new_session(client, None).await?) } else { None };
        let (commands, receiver) = mpsc::unbounded_channel();
        let topics = Arc::new(Topics::new(client.clone(), settings.clone()));
        let driver = Driver::new(client, settings.clone(), session, receiver, Arc::clone(&topics));
        let task = client.tasks().spawn(driver.run());
        Ok(Self { commands, topics, room: Arc::new(Semaphore::new(settings.buffer_bytes)), settings, task })
    }

    /// Sends a record to the partition of its key, or without a key to the partitions in turn, a batch
    /// each. The partition of a key is the one that Kafka's default partitioner gives it.
    ///
    /// Waits for room in the buffer, and for the number of partitions and `max.message.bytes` when the topic
    /// is new to the producer. They are looked up again once a minute, which nobody waits for.
    ///
    /// # Errors
    /// The record is beyond a limit; there is no such topic; the broker cannot be reached within the
    /// delivery timeout; the producer has ended.
    pub async fn send(&self, topic: &str, record: Record) -> Result<Delivery, Error> {
        self.enqueue(topic, None, record).await
    }

    /// Sends a record to a partition. Waits as [`Producer::send`] does.
    ///
    /// # Errors
    /// As [`Producer::send`]; that there is no such partition is told by the delivery.
    pub async fn send_to(&self, topic: &str, partition: u32, record: Record) -> Result<Delivery, Error> {
        self.enqueue(topic, Some(partition), record).await
    }

    /// Sends what waits without lingering, and waits until all records that were sent before are stored
    /// or have failed; their deliveries say which.
    ///
    /// # Errors
    /// The producer has ended.
    pub async fn flush(&self) -> Result<(), Error> {
        let (reply, flushed) = oneshot::channel();
        self.commands.send(Command::Flush(reply)).map_err(|_| ended())?;
        flushed.await.map_err(|_| ended())?
    }

    /// Flushes and ends.
    ///
    /// # Errors
    /// The producer had ended before.
    pub async fn close(self) -> Result<(), Error> {
        let Self { commands, task, .. } = self;
        let (reply, flushed) = oneshot::channel();
        commands.send(Command::Flush(reply)).map_err(|_| ended())?;
        drop(commands);
        let outcome = flushed.await.map_err(|_| ended())?;
        // The task ends by itself now; that it panicked would be told by `flushed`.
        let _ = task.await;
        outcome
    }

    fn size_of(&self, message: &v1::Record) -> Result<usize, Error> {
        let bytes = size(message);
        check_size(bytes, self.settings.compression)?;
        match self.settings.buffer_bytes {
            buffer if bytes > buffer => {
                Err(Error::too_large(format!("record has {bytes} bytes; the buffer has {buffer}")))
            }
            _ => Ok(bytes),
        }
    }

    async fn enqueue(&self, topic: &str, partition: Option<u32>, record: Record) -> Result<Delivery, Error> {
        let record = record.into_message()?;
        let bytes = self.size_of(&record)?;
        let place = self.topics.place(topic, partition, record.key.as_deref(), bytes).await?;
        let Place { topic, partition, batch_bytes } = place;
        let share = (bytes + RECORD_OVERHEAD).min(self.settings.buffer_bytes);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(share).await.map_err(|_| ended())?;
        let (reply, outcome) = oneshot::channel();
        let entry = Entry { record, bytes, batch_bytes, reply, room };
        self.commands.send(Command::Send { topic, partition, entry }).map_err(|_| ended())?;
        Ok(Delivery::new(outcome))
    }
}

fn ended() -> Error {
    Error::closed("the producer has ended")
}
