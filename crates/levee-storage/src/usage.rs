//! What a tenant uses of storage, as running totals: what was appended, and what is stored, summed up over time.
//!
//! Each operation that changes them carries them, so that a total is as durable as what it counts: it is neither
//! lost nor counted twice, whatever crashes. The row of an hour is what the totals were at its end; the
//! difference of two rows is what was used between.
//!
//! Must hold: totals never go back in time, also when the clock does.

use crate::rows::{BadRow, Fields};

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The hour of a time in Unix milliseconds, counted from 1970.
#[must_use]
pub fn hour_of(unix_ms: i64) -> u64 {
    (unix_ms.max(0) / HOUR_MS).unsigned_abs()
}

/// When an hour begins, in Unix milliseconds.
#[must_use]
pub fn begin_of(hour: u64) -> i64 {
    i64::try_from(hour).unwrap_or(i64::MAX).saturating_mul(HOUR_MS)
}

/// What a tenant has used of storage since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Bytes of the batches that were appended.
    pub bytes_in: u64,
    /// Records that were appended.
    pub records_in: u64,
    /// Bytes of the batches that are stored now.
    pub stored_bytes: u64,
    /// Stored bytes times milliseconds, until `at_ms`.
    pub stored_byte_ms: u128,
    /// When this was so, in Unix milliseconds.
    pub at_ms: i64,
}

impl Totals {
    const VERSION: u8 = 1;
    /// Encoded size in bytes, without the version.
    pub(crate) const SIZE: usize = 3 * 8 + 16 + 8;

    /// The same a while later.
    #[must_use]
    pub fn at(mut self, now_ms: i64) -> Self {
        let elapsed = now_ms.saturating_sub(self.at_ms).max(0).unsigned_abs();
        // The first totals have no time yet.
        if self.at_ms > 0 {
            self.stored_byte_ms += u128::from(self.stored_bytes) * u128::from(elapsed);
        }
        self.at_ms = self.at_ms.max(now_ms);
        self
    }

    /// With another batch.
    #[must_use]
    pub(crate) fn append(self, bytes: u64, records: u64, now_ms: i64) -> Self {
        let mut next = self.at(now_ms);
        next.bytes_in += bytes;
        next.records_in += records;
        next.stored_bytes += bytes;
        next
    }

    /// With another batch that is stored, and was not appended by the tenant.
    #[must_use]
    pub(crate) fn store(self, bytes: u64, now_ms: i64) -> Self {
        let mut next = self.at(now_ms);
        next.stored_bytes += bytes;
        next
    }

    /// With less that is stored.
    #[must_use]
    pub(crate) fn remove(self, bytes: u64, now_ms: i64) -> Self {
        let mut next = self.at(now_ms);
        next.stored_bytes = next.stored_bytes.saturating_sub(bytes);
        next
    }

    /// The hour whose row this is, counted from 1970.
    #[must_use]
    pub fn hour(&self) -> u64 {
        hour_of(self.at_ms)
    }

    /// Adds the fields to `out`, little endian.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        for part in [self.bytes_in, self.records_in, self.stored_bytes] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out.extend_from_slice(&self.stored_byte_ms.to_le_bytes());
        out.extend_from_slice(&self.at_ms.to_le_bytes());
    }

    /// Reads what [`Self::put`] wrote.
    pub(crate) fn take(bytes: &[u8; Self::SIZE]) -> Result<Self, BadRow> {
        let mut input = Fields(bytes);
        Ok(Self {
            bytes_in: u64::from_le_bytes(input.take()?),
            records_in: u64::from_le_bytes(input.take()?),
            stored_bytes: u64::from_le_bytes(input.take()?),
            stored_byte_ms: u128::from_le_bytes(input.take()?),
            at_ms: i64::from_le_bytes(input.take()?),
        })
    }

    /// The stored form of a row.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + Self::SIZE);
        out.push(Self::VERSION);
        self.put(&mut out);
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`BadRow`] for bytes that [`Self::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        match bytes.split_first() {
            Some((&Self::VERSION, fields)) => Self::take(fields.try_into().map_err(|_| BadRow)?),
            _ => Err(BadRow),
        }
    }
}
