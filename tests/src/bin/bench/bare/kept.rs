//! What can be read again: one log of batches, numbered from 0.

use super::Reads;
use bytes::Bytes;
use levee_types::limits::READ_MESSAGE_BYTES;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The broker's tail cache, by default.
const RECENT_BYTES: usize = 64 * 1024 * 1024;
/// What the broker allows for the fields around a batch.
const ENVELOPE_BYTES: usize = 64;

/// Batches, and who waits for more.
pub(super) struct Kept {
    reads: Reads,
    log: Mutex<Log>,
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Log {
    first: u64,
    batches: VecDeque<Batch>,
    bytes: usize,
}

/// A batch that can be read.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) crc: u32,
    pub(super) place: Place,
    length: usize,
}

/// Where its bytes are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Memory(Bytes),
    File { position: u64, length: usize },
}

impl Kept {
    pub(super) fn new(reads: Reads) -> Self {
        Self { reads, log: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// Adds the next batch.
    pub(super) fn keep(&self, batch: Bytes, crc: u32, position: u64) {
        let length = batch.len();
        let place = match self.reads {
            Reads::Nothing => return,
            Reads::Recent | Reads::Memory => Place::Memory(batch),
            Reads::File => Place::File { position, length },
        };
        let mut log = self.log();
        log.batches.push_back(Batch { crc, place, length });
        log.bytes += length;
        while self.reads == Reads::Recent && log.bytes > RECENT_BYTES {
            let oldest = log.batches.pop_front();
            log.bytes -= oldest.map_or(0, |batch| batch.length);
            log.first += 1;
        }
    }

    /// Wakes readers: there are so many batches now.
    pub(super) fn tell(&self, count: u64) {
        self.count.send_replace(count);
    }

    /// How many batches there are, and when there are more.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// As many batches from `next` on as the broker puts into one message. `None`: they are gone.
    pub(super) fn message(&self, next: u64) -> Option<Vec<Batch>> {
        let log = self.log();
        let skip = usize::try_from(next.checked_sub(log.first)?).ok()?;
        let mut room = READ_MESSAGE_BYTES;
        let batches = log.batches.range(skip.min(log.batches.len())..).take_while(|batch| {
            let has_room = room > 0;
            room = room.saturating_sub(batch.length + ENVELOPE_BYTES);
            has_room
        });
        Some(batches.cloned().collect())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
