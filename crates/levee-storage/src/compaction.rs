//! Removing records of tables that nobody needs any more, and keys that nobody may have any more.
//!
//! Neither decides anything: they read, and ask the committer for small changes.

mod batches;
mod erasure;
mod newest;
mod pass;
mod steps;

use levee_types::limits::{COMPACTED_BATCH_BYTES, MAX_COMPACTED_SPAN};
use std::time::Duration;

pub(crate) use erasure::Erasure;
pub(crate) use pass::Pass;

/// Who is further behind a rate does not catch up: that would be a burst, and others wait for it.
const MOST_BEHIND: Duration = Duration::from_millis(100);

/// Keeps work at the rate that maintenance has.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u64,
    /// When all that was done may be done.
    due: Duration,
    /// Bytes that were done.
    bytes: u64,
}

impl Pace {
    /// It begins now, by the time that never jumps. A rate of 0 is none.
    pub(crate) fn new(started: Duration, rate: u64) -> Self {
        Self { rate, due: started, bytes: 0 }
    }

    /// The rate when `wasted` of `all` bytes are to be won: `rate` up to a fifth, four times as much for two fifths,
    /// and up to 25 times as much, so that who falls behind catches up.
    pub(crate) fn hurry(rate: u64, wasted: u64, all: u64) -> u64 {
        let fifths = u128::from(wasted.min(all)) * 5;
        let all = u128::from(all.max(1));
        let hurried = u128::from(rate) * fifths * fifths / (all * all);
        u64::try_from(hurried).unwrap_or(u64::MAX).max(rate)
    }

    /// How long work must still take that comes to so many bytes since it began.
    pub(crate) fn wait(&mut self, now: Duration, bytes: u64) -> Duration {
        let more = bytes.saturating_sub(self.bytes);
        let micros = more.saturating_mul(1_000_000).checked_div(self.rate).unwrap_or(0);
        self.bytes = bytes;
        self.due = self.due.max(now.saturating_sub(MOST_BEHIND)) + Duration::from_micros(micros);
        self.due.saturating_sub(now)
    }
}

/// How much is done at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Bytes of records of a batch that is made of several.
    pub(crate) batch_bytes: usize,
    /// Offsets that it covers.
    pub(crate) span: u32,
    /// Batches that become one: so small are the steps of the committer.
    pub(crate) neighbours: usize,
    /// Bytes of new batches in one step; the last one may exceed it.
    pub(crate) step_bytes: usize,
    /// Batches that one step replaces, about.
    pub(crate) step_batches: usize,
    /// Bytes of keys in one step. They are among the operations of an entry, and those of many bytes are no proof for
    /// recovery.
    pub(crate) step_keys_bytes: usize,
    /// Offsets of newest records that are held, in 8 bytes each.
    pub(crate) newest: usize,
}

impl Sizes {
    /// Small enough for those who wait behind a step.
    pub(crate) const DEFAULT: Self = Self {
        batch_bytes: COMPACTED_BATCH_BYTES,
        span: MAX_COMPACTED_SPAN,
        neighbours: 64,
        step_bytes: 128 * 1024,
        step_batches: 64,
        step_keys_bytes: 16 * 1024,
        newest: 4 * 1024 * 1024,
    };

    /// A batch with as many bytes of records is large enough: it is not put into another one only to have fewer. So
    /// what compaction has made is not made again and again.
    fn large(&self) -> usize {
        self.batch_bytes / 2
    }
}

#[cfg(test)]
mod tests;
