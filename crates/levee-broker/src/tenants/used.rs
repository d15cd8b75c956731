//! What a tenant uses, counted where it happens.
//!
//! Must hold: counters only grow; counting takes no lock.

use levee_storage::ServiceUse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a tenant used since the broker started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bytes of batches that were acknowledged.
    pub bytes_in: u64,
    /// Records that were acknowledged.
    pub records_in: u64,
    /// Bytes of batches that were sent to readers.
    pub bytes_out: u64,
    /// Records that were sent to readers.
    pub records_out: u64,
    /// Calls, and messages within streams.
    pub requests: u64,
    /// Microseconds for which quotas held up its requests, added up over all of them.
    pub throttled_us: u64,
    /// How often it came near to a quota.
    pub soft_marks: u64,
}

impl Counters {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.map2(other, u64::saturating_add)
    }

    /// What was used since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        self.map2(before, u64::saturating_sub)
    }

    fn map2(self, other: Self, map: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            bytes_in: map(self.bytes_in, other.bytes_in),
            records_in: map(self.records_in, other.records_in),
            bytes_out: map(self.bytes_out, other.bytes_out),
            records_out: map(self.records_out, other.records_out),
            requests: map(self.requests, other.requests),
            throttled_us: map(self.throttled_us, other.throttled_us),
            soft_marks: map(self.soft_marks, other.soft_marks),
        }
    }
}

/// What a tenant used of the service.
#[derive(Debug, Default)]
pub struct TenantUse {
    bytes_in: AtomicU64,
    records_in: AtomicU64,
    bytes_out: AtomicU64,
    records_out: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    peak_connections: AtomicU64,
    streams: AtomicU64,
    /// What of it is written down. Whoever counts does not come here.
    written: Mutex<ServiceUse>,
}

impl TenantUse {
    /// A batch was acknowledged.
    pub fn appended(&self, bytes: u64, records: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        self.records_in.fetch_add(records, Ordering::Relaxed);
    }

    /// Batches were sent to a reader.
    pub fn sent(&self, bytes: u64, records: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.records_out.fetch_add(records, Ordering::Relaxed);
    }

    /// A call, or a message within a stream.
    pub fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection more.
    pub fn connected(&self) {
        let now = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak_connections.fetch_max(now, Ordering::Relaxed);
    }

    /// A connection less.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A stream more.
    pub(super) fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// A stream less.
    pub(super) fn stream_closed(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Open streams, of producers and of readers.
    #[must_use]
    pub fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    /// What was counted here; the rest is 0.
    pub(super) fn counters(&self) -> Counters {
        Counters {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            records_in: self.records_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            records_out: self.records_out.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            ..Counters::default()
        }
    }

    /// Takes what is to be written down. None: nothing was used.
    pub fn take(&self) -> Option<ServiceUse> {
        let Counters { bytes_out, records_out, requests, .. } = self.counters();
        let open = self.connections();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let used = ServiceUse {
            bytes_out: bytes_out - written.bytes_out,
            records_out: records_out - written.records_out,
            requests: requests - written.requests,
            peak_connections: self.peak_connections.swap(open, Ordering::Relaxed).max(open),
        };
        *written = ServiceUse { bytes_out, records_out, requests, peak_connections: 0 };
        let is_idle = used.bytes_out == 0 && used.requests == 0 && used.peak_connections == open;
        (!is_idle).then_some(used)
    }

    /// Puts back what could not be written down.
    pub fn put_back(&self, used: ServiceUse) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.bytes_out -= used.bytes_out;
        written.records_out -= used.records_out;
        written.requests -= used.requests;
        self.peak_connections.fetch_max(used.peak_connections, Ordering::Relaxed);
    }
}

/// What was used in the last seconds, to tell who is busy: a sum in which each second weighs three quarters of the one
/// after it. A sum and no mean, so that one request a second is more than none.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Sum>);

#[derive(Debug, Default)]
struct Sum {
    last: Counters,
    weighted: Counters,
}

impl Recent {
    /// A second has passed, about.
    pub(super) fn sample(&self, now: Counters) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.since(sum.last);
        sum.weighted = sum.weighted.map2(second, |before, second| before.saturating_mul(3) / 4 + second);
        sum.last = now;
    }

    pub(super) fn weighted(&self) -> Counters {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).weighted
    }
}

#[cfg(test)]
mod tests;
