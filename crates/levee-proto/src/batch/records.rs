//! Checks records one by one, on their bytes, and counts what the broker wants to know of them.

use super::fault::{corrupt, invalid, too_large, too_many};
use super::wire::{BYTES, Once, VARINT, Wire, field_key, unexpected};
use levee_types::LeveeError;
use levee_types::limits::{
    MAX_BATCH_RECORDS, MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_KEY_BYTES,
};

pub(super) const RECORDS: u64 = field_key(1, BYTES);

pub(super) const KEY: u64 = field_key(1, BYTES);
pub(super) const VALUE: u64 = field_key(2, BYTES);
const HEADERS: u64 = field_key(3, BYTES);
pub(super) const TIMESTAMP_MS: u64 = field_key(4, VARINT);
const DELIVER_AT_MS: u64 = field_key(5, VARINT);

const HEADER_KEY: u64 = field_key(1, BYTES);
const HEADER_VALUE: u64 = field_key(2, BYTES);

/// The records of one batch so far.
#[derive(Default)]
pub(super) struct Tally {
    records: u32,
    max_timestamp_ms: Option<i64>,
}

impl Tally {
    pub(super) fn records(&self) -> u32 {
        self.records
    }

    pub(super) fn max_timestamp_ms(&self) -> Option<i64> {
        self.max_timestamp_ms
    }

    /// Checks the bytes of a `Records` message.
    pub(super) fn add_all(&mut self, records: &[u8]) -> Result<(), LeveeError> {
        let mut wire = Wire::new(records);
        while !wire.is_empty() {
            match wire.key()? {
                RECORDS => self.add(wire.bytes()?)?,
                key => return Err(unexpected("Records", 1, key)),
            }
        }
        Ok(())
    }

    /// Checks the bytes of a `Record` message.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), LeveeError> {
        if self.records as usize == MAX_BATCH_RECORDS {
            return Err(too_many("batch has too many records", MAX_BATCH_RECORDS)
                .with_hint("send them in several batches"));
        }
        let timestamp_ms = record(bytes).map_err(|mut error| {
            error.message = format!("record {}: {}", self.records, error.message);
            error
        })?;
        self.records += 1;
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        Ok(())
    }
}

/// Checks a record and returns its timestamp.
fn record(bytes: &[u8]) -> Result<Option<i64>, LeveeError> {
    let mut once = Once::new("Record");
    let mut wire = Wire::new(bytes);
    let mut headers = 0;
    let mut timestamp_ms = None;
    while !wire.is_empty() {
        match wire.key()? {
            KEY => {
                once.see(1)?;
                limit("key", wire.bytes()?, MAX_KEY_BYTES)?;
            }
            VALUE => {
                once.see(2)?;
                wire.bytes()?;
            }
            HEADERS => {
                headers += 1;
                if headers > MAX_HEADERS {
                    return Err(too_many("too many headers", MAX_HEADERS)
                        .with_hint("put what does not fit into the value"));
                }
                header(wire.bytes()?)?;
            }
            TIMESTAMP_MS => {
                once.see(4)?;
                timestamp_ms = Some(time("timestamp_ms", wire.varint()?)?);
            }
            DELIVER_AT_MS => {
                once.see(5)?;
                time("deliver_at_ms", wire.varint()?)?;
            }
            key => return Err(unexpected("Record", 5, key)),
        }
    }
    Ok(timestamp_ms)
}

fn time(field: &str, value: u64) -> Result<i64, LeveeError> {
    i64::try_from(value).map_err(|_| {
        invalid(format!("{field} is {}", value.cast_signed()))
            .with_hint("it counts milliseconds since 1970; leave it out if unknown")
    })
}

fn header(bytes: &[u8]) -> Result<(), LeveeError> {
    let mut once = Once::new("RecordHeader");
    let mut wire = Wire::new(bytes);
    let mut has_key = false;
    while !wire.is_empty() {
        match wire.key()? {
            HEADER_KEY => {
                once.see(1)?;
                let key = wire.bytes()?;
                limit("header key", key, MAX_HEADER_KEY_BYTES)?;
                if str::from_utf8(key).is_err() {
                    return Err(corrupt("header key is not UTF-8"));
                }
                has_key = !key.is_empty();
            }
            HEADER_VALUE => {
                once.see(2)?;
                limit("header value", wire.bytes()?, MAX_HEADER_VALUE_BYTES)?;
            }
            key => return Err(unexpected("RecordHeader", 2, key)),
        }
    }
    if !has_key {
        return Err(invalid("header has no key").with_hint("give it 1 to 249 bytes of UTF-8"));
    }
    Ok(())
}

#[cold]
fn too_long(what: &str, bytes: usize, limit: usize) -> LeveeError {
    too_large(what, bytes, limit).with_hint("make it shorter, or put what does not fit into the value")
}

#[inline]
fn limit(what: &str, bytes: &[u8], limit: usize) -> Result<(), LeveeError> {
    if bytes.len() > limit { Err(too_long(what, bytes.len(), limit)) } else { Ok(()) }
}
