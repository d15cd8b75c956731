//! A shard: one journal with its index, the unit of atomicity. This is its handle.

mod acl;
mod audit;
mod backup;
mod compaction;
mod groups;
mod import;
mod plans;
mod replay;
mod retention;
mod space;
mod tables;
mod tenants;
mod topics;
mod transactions;
mod usage;
mod users;

pub(crate) use backup::SCRATCH;
pub use backup::Snapshot;
pub(crate) use backup::Stand;
#[cfg(test)]
pub(crate) use space::BATCH_OVERHEAD;
pub(crate) use space::{SegmentUse, Survey};
pub use tables::{Compacted, TablePage, TableRecord, Verified};

use crate::catalog::Catalog;
use crate::catalog::audit::AuditEvent;
use crate::codec::BatchCodec;
use crate::command::{Append, Appended, Command, ProducerSession, Reply, Turn};
use crate::committer::{Committer, Draft, Group, Machine, Shared};
use crate::directory::{Directory, Identity};
use crate::error::{OpenError, StorageError, rebuild_advice};
use crate::holds::Holds;
use crate::index::Index;
use crate::journal::{Journal, JournalDamage};
use crate::keys::{self, Keyspace};
use crate::log::{Fetched, LogReader, PartitionOffsets};
use crate::pins::Pins;
use crate::pressure::Pressure;
use crate::queue::Queue;
use crate::rows::{Checkpoint, SegmentsRow, SteadyRow};
use crate::segments::{FileSegments, SegmentStore};
use crate::settings::ShardSettings;
use crate::status::{ShardState, ShardStatus, StatusBoard};
use crate::steady::Steady;
use crate::tail::{Cached, Subscription, TailWriter, Tails, Wake};
use crate::watches::TenantWatches;
use bytes::Bytes;
use levee_types::{Clock, PartitionId, ProducerId, Random, TenantId};
use prost::Message;
use replay::Replay;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::sync::{oneshot, watch};

/// A handle of a shard; cheap to clone. Its [`Committer`] must run for anything but reads.
pub struct Shard<S = FileSegments> {
    inner: Arc<Inner<S>>,
}

impl<S> Clone for Shard<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<S> {
    queue: Queue<Command>,
    board: Arc<StatusBoard>,
    index: Arc<Index>,
    catalog: Arc<Catalog>,
    log: LogReader<S>,
    watches: Arc<TenantWatches>,
    tails: Arc<Tails>,
    segments: Arc<S>,
    codec: Arc<dyn BatchCodec>,
    steady: Steady,
    clock: Arc<dyn Clock>,
    pressure: Arc<Pressure>,
    path: PathBuf,
    settings: ShardSettings,
    identity: Identity,
    /// Tenants of which nothing is compacted or erased now.
    holds: Holds,
    /// Held by whoever copies segments, and by whoever deletes them.
    pins: Pins,
    /// Keeps the directory locked; `None` in simulation.
    _directory: Option<Directory>,
}

/// An append on its way: resolves when the batch is durable under its durability, and readable. Dropping
/// it does not take the batch back.
pub struct Receipt<T = Appended>(oneshot::Receiver<Result<T, StorageError>>);

impl<T> Future for Receipt<T> {
    type Output = Result<T, StorageError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(unwrap_answer)
    }
}

/// The committer answers everything that it takes; it drops a command only when it dies.
fn unwrap_answer<T>(
    answer: Result<Result<T, StorageError>, oneshot::error::RecvError>,
) -> Result<T, StorageError> {
    answer.unwrap_or_else(|_| Err(StorageError::Failed { reason: "the committer died".to_owned() }))
}

impl Shard {
    /// Opens a data directory, or makes a new one, and replays what the index does not cover.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        path: &Path,
        settings: ShardSettings,
        codec: Arc<dyn BatchCodec>,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<(Self, Committer<FileSegments>), OpenError> {
        settings.check()?;
        let (directory, segments) = Directory::open(path, settings.segment_bytes, random)?;
        let identity = directory.identity;
        let data = directory.path.clone();
        Self::assemble(Arc::new(segments), identity, &data, Some(directory), settings, codec, clock)
    }
}

impl<S: SegmentStore> Shard<S> {
    /// Opens a shard whose journal is in `segments`, and whose index is below `path`. For simulation.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        segments: Arc<S>,
        id: [u8; 16],
        path: &Path,
        settings: ShardSettings,
        codec: Arc<dyn BatchCodec>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Committer<S>), OpenError> {
        Self::assemble(segments, Identity::original(id), path, None, settings, codec, clock)
    }

    fn assemble(
        segments: Arc<S>,
        identity: Identity,
        path: &Path,
        directory: Option<Directory>,
        settings: ShardSettings,
        codec: Arc<dyn BatchCodec>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Committer<S>), OpenError> {
        let index_path = path.join("index");
        // While no segment is deleted, and so none is missing, everything can be built from them.
        let can_be_rebuilt =
            segments.list().is_ok_and(|ids| ids.iter().zip(1..).all(|(id, next)| *id == next));
        let damaged = |source| OpenError::Index { path: index_path.clone(), can_be_rebuilt, source };
        let block_cache = usize::try_from(settings.block_cache_bytes).unwrap_or(usize::MAX);
        let index = Arc::new(Index::open(&index_path, block_cache).map_err(damaged)?);
        let checkpoint = match index.checkpoint().map_err(damaged)? {
            Some(row) => Some(Checkpoint::decode(&row[..]).map_err(|_| OpenError::Format {
                path: index_path.clone(),
                message: format!(
                    "its checkpoint cannot be read{}",
                    rebuild_advice(can_be_rebuilt, &index_path)
                ),
            })?),
            None => None,
        };
        let started = clock.monotonic();
        let mut replay = Replay::new(&index);
        let apply = |entry| replay.apply(&entry).map_err(damaged);
        let mut journal = Journal::open(
            Arc::clone(&segments),
            identity.journal,
            settings.segment_bytes,
            checkpoint,
            apply,
        )?;
        replay.finish().map_err(damaged)?;
        let (entries, unflushed) = (replay.entries, replay.unflushed);
        drop(replay);
        let deleted = match index.get(Keyspace::State, &keys::segments()).map_err(damaged)? {
            Some(row) => SegmentsRow::decode(&row[..]).map_err(|_| OpenError::Format {
                path: index_path.clone(),
                message: "it cannot be read which segments are deleted".to_owned(),
            })?,
            None => SegmentsRow::default(),
        };
        let leftovers = journal.leftovers(&deleted)?;
        if !leftovers.is_empty() {
            // The index on disk must not need them any more.
            index.flush().map_err(damaged)?;
            journal.remove(&leftovers).map_err(JournalDamage::from)?;
        }
        tracing::info!(
            entries,
            segments = journal.segments(),
            bytes = journal.bytes(),
            seconds = clock.monotonic().saturating_sub(started).as_secs_f64(),
            "replayed the journal behind the index"
        );

        let steady = match index.get(Keyspace::State, &keys::steady()).map_err(damaged)? {
            Some(row) => SteadyRow::decode(&row[..]).map_err(|_| OpenError::Format {
                path: index_path.clone(),
                message: "its steady time cannot be read".to_owned(),
            })?,
            None => SteadyRow::default(),
        };
        let queue = Queue::new(settings.queue_bytes, settings.group_bytes);
        let board = Arc::new(StatusBoard::new());
        let catalog = Arc::new(Catalog::new(Arc::clone(&index), settings.cached_topics));
        let watches = Arc::new(TenantWatches::default());
        let tails = Arc::new(Tails::new());
        let pressure = Arc::new(Pressure::default());
        let inner = Inner {
            queue: queue.clone(),
            board: Arc::clone(&board),
            log: LogReader::new(Arc::clone(&index), Arc::clone(&segments)),
            segments,
            codec,
            steady: Steady::new(Arc::clone(&clock), steady.ms),
            clock: Arc::clone(&clock),
            pressure: Arc::clone(&pressure),
            index: Arc::clone(&index),
            catalog: Arc::clone(&catalog),
            watches: Arc::clone(&watches),
            tails: Arc::clone(&tails),
            path: path.to_owned(),
            settings: settings.clone(),
            identity,
            holds: Holds::default(),
            pins: Pins::default(),
            _directory: directory,
        };
        let writer = TailWriter::new(tails, settings.tail_cache_bytes);
        let shared = Shared { queue, board, index, catalog, watches, pressure, clock };
        let committer = Committer::new(shared, journal, writer, settings, unflushed);
        Ok((Self { inner: Arc::new(inner) }, committer))
    }

    /// Hands a batch to the committer, in the order of the calls for one tenant; tenants take turns. Waits for
    /// room in the queue; a call that is dropped while it waits does nothing.
    ///
    /// # Errors
    /// `Stopping`; everything else comes with the receipt.
    pub async fn submit(&self, append: Append) -> Result<Receipt, StorageError> {
        let (reply, receipt) = oneshot::channel();
        let bytes = append.batch.len();
        self.push(Command::Append(append, reply), bytes).await?;
        Ok(Receipt(receipt))
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StorageError> {
        self.ask_with(0, command).await
    }

    /// Asks something that holds about so many bytes.
    async fn ask_with<T>(
        &self,
        bytes: usize,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.push(command(reply), bytes).await?;
        unwrap_answer(answer.await)
    }

    async fn push(&self, command: Command, bytes: usize) -> Result<(), StorageError> {
        let claim = command.claim(bytes);
        self.inner.queue.push(command, claim).await
    }

    /// Has the committer decide a change that holds about so many bytes. What is decided and the event that says so
    /// in the audit log of `log` are one entry; a change of nothing is no event.
    async fn change<T: Send + 'static>(
        &self,
        bytes: usize,
        audit: Option<(TenantId, AuditEvent)>,
        decide: impl FnOnce(&mut Machine, &mut Draft, i64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let tenant = audit.as_ref().map_or(TenantId::SYSTEM, |(log, _)| *log);
        self.change_in_turn_of(tenant, bytes, audit, decide).await
    }

    /// The same, when the turn of `tenant` has come.
    async fn change_in_turn_of<T: Send + 'static>(
        &self,
        tenant: TenantId,
        bytes: usize,
        audit: Option<(TenantId, AuditEvent)>,
        decide: impl FnOnce(&mut Machine, &mut Draft, i64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (reply, answer) = oneshot::channel();
        let change = move |turn: Result<Turn<'_>, &StorageError>, group: &mut Group| {
            let mut draft = Draft::default();
            let result = turn.map_err(Clone::clone).and_then(|Turn { machine, now_ms }| {
                let decided = decide(machine, &mut draft, now_ms).and_then(|decided| {
                    match &audit {
                        Some((log, event)) if !draft.is_empty() => {
                            machine.audit(&mut draft, *log, std::slice::from_ref(event), now_ms)?;
                        }
                        _ => {}
                    }
                    Ok(decided)
                });
                if decided.is_err() && !draft.is_empty() {
                    machine.forget();
                }
                decided
            });
            if result.is_ok() && !draft.is_empty() {
                draft.finish(group);
            }
            group.answer(reply, result);
        };
        self.push(Command::Change(tenant, Box::new(change)), bytes).await?;
        unwrap_answer(answer.await)
    }

    /// Removes the records before an offset, and makes it the start of the log, which is returned. Whole
    /// batches are removed: one that begins before the start and holds it is still served as a whole.
    ///
    /// # Errors
    /// `NoTopic`, `OffsetOutOfRange`, or the shard does not work.
    pub async fn trim(
        &self,
        partition: PartitionId,
        before: u64,
        audit: AuditEvent,
    ) -> Result<u64, StorageError> {
        self.change(0, Some((partition.tenant, audit)), move |machine, draft, now_ms| {
            machine.trim(partition, before, draft, now_ms)
        })
        .await
    }

    /// Gives a new producer its id, or takes an existing one over: whoever had it is fenced.
    ///
    /// # Errors
    /// `NoTenant`, `UnknownProducer`, or the shard does not work.
    pub async fn init_producer(
        &self,
        tenant: TenantId,
        existing: Option<ProducerId>,
    ) -> Result<ProducerSession, StorageError> {
        self.ask(|reply| Command::InitProducer(tenant, existing, reply)).await
    }

    /// Gives a producer the epoch after the one that it has. Asking again is asking once.
    ///
    /// # Errors
    /// `NoTenant`, `ProducerFenced`, `UnknownProducer`, or the shard does not work.
    pub async fn renew_producer(
        &self,
        tenant: TenantId,
        held: ProducerSession,
    ) -> Result<ProducerSession, StorageError> {
        self.ask(|reply| Command::RenewProducer(tenant, held, reply)).await
    }

    /// Where the log of a partition begins and ends. May block.
    ///
    /// # Errors
    /// `NoTopic`, or the index cannot be read.
    pub fn offsets(&self, partition: PartitionId) -> Result<PartitionOffsets, StorageError> {
        self.inner.log.offsets(partition)
    }

    /// The offset of the first batch with this timestamp or a later one; the end offset if there is none.
    /// May block.
    ///
    /// # Errors
    /// `NoTopic`, or the index cannot be read.
    pub fn offset_at(&self, partition: PartitionId, timestamp_ms: i64) -> Result<u64, StorageError> {
        self.inner.log.offset_at(partition, timestamp_ms)
    }

    /// Recent batches from the one that holds `offset` on, up to `max_bytes` with
    /// [`FETCH_OVERHEAD_BYTES`](crate::FETCH_OVERHEAD_BYTES) each, but at least one. Never blocks.
    #[must_use]
    pub fn fetch_cached(&self, partition: PartitionId, offset: u64, max_bytes: usize) -> Cached {
        self.inner.tails.fetch(partition, offset, max_bytes)
    }

    /// Batches from the one that holds `offset` on, up to `max_bytes` with
    /// [`FETCH_OVERHEAD_BYTES`](crate::FETCH_OVERHEAD_BYTES) each, but at least one; none at the end of the
    /// log. May block.
    ///
    /// # Errors
    /// `NoTopic`, `OffsetOutOfRange`, `Damaged`, or the index cannot be read.
    pub fn fetch(
        &self,
        partition: PartitionId,
        offset: u64,
        max_bytes: usize,
    ) -> Result<Fetched, StorageError> {
        self.inner.log.fetch(partition, offset, max_bytes)
    }

    /// A part of the bytes of a batch that was fetched before, and had this checksum: for who does not keep them. The
    /// part is not checked. `None`: the batch is gone, or was rewritten. May block.
    ///
    /// # Errors
    /// `NoTopic`, `Unreadable`, or the index cannot be read.
    pub fn fetch_part(
        &self,
        partition: PartitionId,
        base_offset: u64,
        crc: u32,
        part: &Range<usize>,
    ) -> Result<Option<Bytes>, StorageError> {
        self.inner.log.part(partition, base_offset, crc, part)
    }

    /// Asks to be told when a partition grows, is trimmed or deleted. What is appended after this call is
    /// told; what is readable before must be fetched.
    pub fn subscribe(&self, partition: PartitionId, wake: Arc<dyn Wake>, token: u32) -> Subscription {
        self.inner.tails.subscribe(partition, wake, token)
    }

    /// How the shard is.
    #[must_use]
    pub fn status(&self) -> ShardStatus {
        let board = &self.inner.board;
        // Unreadable counters must not hide the rest: the state says what is wrong.
        let counters = self.inner.catalog.counters().unwrap_or_default();
        let flushed = self.inner.index.flushed_checkpoint().ok().flatten();
        let flushed = flushed.and_then(|row| Checkpoint::decode(&row[..]).ok());
        ShardStatus {
            state: board.state(),
            reason: board.reason(),
            tenants: counters.tenants,
            topics: counters.topics,
            segments: board.segments.load(Ordering::Relaxed),
            journal_bytes: board.journal_bytes.load(Ordering::Relaxed),
            durable_sequence: board.durable_sequence.load(Ordering::Relaxed),
            flushed_sequence: flushed.map_or(0, |at| at.sequence),
            disk_free_bytes: self.disk_free_bytes(),
            tail_cache_bytes: self.inner.tails.bytes(),
        }
    }

    pub(crate) fn disk_free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.inner.path).map_or(0, |fs| fs.f_bavail * fs.f_frsize)
    }

    /// Tells when the shard stops serving.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<ShardState> {
        self.inner.board.watch()
    }

    /// Refuses new commands. The committer answers those that wait, makes everything durable, flushes the
    /// index and returns from [`Committer::run`].
    pub fn stop(&self) {
        self.inner.pressure.close();
        self.inner.queue.close();
    }
}

#[cfg(test)]
mod tests;
