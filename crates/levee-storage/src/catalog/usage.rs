//! Reading what tenants used, hour by hour.

use super::Catalog;
use crate::error::StorageError;
use crate::keys::{self, KeyRange, Keyspace};
use crate::rows::{BadRow, ServiceUseRow};
use crate::usage::{HOUR_MS, Totals, begin_of, hour_of};
use levee_types::TenantId;
use levee_types::limits::MAX_USAGE_HOURS;
use prost::Message;
use std::collections::BTreeMap;

/// What a tenant used of the service since it was said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceUse {
    /// Bytes of batches that were sent to readers.
    pub bytes_out: u64,
    /// Records that were sent to readers.
    pub records_out: u64,
    /// Calls, and messages within streams.
    pub requests: u64,
    /// The most connections that were open at once.
    pub peak_connections: u64,
}

/// What a tenant used in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HourlyUse {
    /// Bytes of batches that were appended.
    pub bytes_in: u64,
    /// Records that were appended.
    pub records_in: u64,
    /// Bytes of stored batches times hours.
    pub stored_byte_hours: f64,
    /// Bytes of batches that were stored at the end.
    pub stored_bytes: u64,
    /// What it used of the service.
    pub service: ServiceUse,
}

impl Catalog {
    /// What a tenant has used of storage; none if that is nothing.
    pub(crate) fn totals(&self, tenant: TenantId) -> Result<Option<Totals>, StorageError> {
        self.last_totals(keys::usage_hours(tenant))
    }

    /// What a tenant used in each hour of `from..to`, counted from 1970; hours without any use are left out. The
    /// present hour is counted until `now_ms`.
    pub(crate) fn hourly_use(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
        now_ms: i64,
    ) -> Result<BTreeMap<u64, HourlyUse>, StorageError> {
        let now = hour_of(now_ms);
        // The row before the hours that are kept is what they are counted from, and no hour itself.
        let from = from.max(now.saturating_sub(MAX_USAGE_HOURS));
        let before = self.last_totals((keys::usage(tenant, 0), keys::usage(tenant, from)))?;
        let rows = self.rows(keys::usage(tenant, from), keys::usage(tenant, to), Totals::decode)?;
        let mut hours: BTreeMap<u64, HourlyUse> = BTreeMap::new();
        let mut last = before.unwrap_or_default();
        for hour in from..to.min(now + 1) {
            let totals = rows.get(&hour).copied();
            if totals.is_none() && last.stored_bytes == 0 {
                continue;
            }
            let begun = last.at(begin_of(hour));
            let end_ms = begin_of(hour + 1).min(now_ms);
            let ended = totals.unwrap_or(last).at(end_ms);
            let use_of_hour = HourlyUse {
                bytes_in: ended.bytes_in - last.bytes_in,
                records_in: ended.records_in - last.records_in,
                stored_byte_hours: byte_hours(ended.stored_byte_ms.saturating_sub(begun.stored_byte_ms)),
                stored_bytes: ended.stored_bytes,
                service: ServiceUse::default(),
            };
            hours.insert(hour, use_of_hour);
            last = totals.unwrap_or(last);
        }
        self.add_service_use(tenant, from, to, &mut hours)?;
        Ok(hours)
    }

    fn add_service_use(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
        hours: &mut BTreeMap<u64, HourlyUse>,
    ) -> Result<(), StorageError> {
        let decode = |row: &[u8]| ServiceUseRow::decode(row).map_err(|_| BadRow);
        let mut cursor = self
            .index
            .cursor(Keyspace::State, (keys::service_use(tenant, 0), keys::service_use(tenant, from)));
        cursor.last()?;
        let mut last = cursor.item().map(|(_, row)| decode(row)).transpose()?.unwrap_or_default();
        let rows = self.rows(keys::service_use(tenant, from), keys::service_use(tenant, to), decode)?;
        for (hour, row) in rows {
            hours.entry(hour).or_default().service = ServiceUse {
                bytes_out: row.bytes_out - last.bytes_out,
                records_out: row.records_out - last.records_out,
                requests: row.requests - last.requests,
                peak_connections: row.peak_connections,
            };
            last = row;
        }
        Ok(())
    }

    fn last_totals(&self, range: KeyRange) -> Result<Option<Totals>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, range);
        cursor.last()?;
        Ok(cursor.item().map(|(_, row)| Totals::decode(row)).transpose()?)
    }

    /// The rows of a range by their hours.
    fn rows<T>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
        decode: impl Fn(&[u8]) -> Result<T, BadRow>,
    ) -> Result<BTreeMap<u64, T>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, (from, to));
        cursor.first()?;
        let mut rows = BTreeMap::new();
        while let Some((key, row)) = cursor.item() {
            rows.insert(keys::last_u64(key).ok_or(BadRow)?, decode(row)?);
            cursor.next()?;
        }
        Ok(rows)
    }
}

fn byte_hours(byte_ms: u128) -> f64 {
    byte_ms as f64 / HOUR_MS as f64
}
