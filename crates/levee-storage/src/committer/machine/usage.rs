//! What tenants use: the totals that go with what they count.

use super::{Draft, Machine};
use crate::catalog::usage::ServiceUse;
use crate::error::StorageError;
use crate::keys::{self, KeyRange, Keyspace};
use crate::log;
use crate::rows::{ServiceUseRow, TenantRow, TopicRow};
use crate::usage::{Totals, hour_of};
use levee_types::limits::MAX_USAGE_HOURS;
use levee_types::{PartitionId, TenantId, TopicId};
use prost::Message;

impl Machine {
    /// What a tenant has used of storage, with what earlier commands of the group add.
    pub(super) fn totals(&mut self, tenant: TenantId) -> Result<Totals, StorageError> {
        if let Some(totals) = self.totals.get(&tenant) {
            return Ok(*totals);
        }
        let mut cursor = self.index.cursor(Keyspace::State, keys::usage_hours(tenant));
        cursor.last()?;
        let totals = match cursor.item() {
            Some((_, row)) => Totals::decode(row)?,
            // Nothing was counted yet, but for what an earlier version may have stored.
            None => Totals { stored_bytes: self.stored_bytes(tenant)?, ..Totals::default() },
        };
        self.totals.insert(tenant, totals);
        Ok(totals)
    }

    /// Remembers what a tenant has used. The entry that makes it so carries the totals.
    pub(super) fn set_totals(&mut self, tenant: TenantId, totals: Totals) {
        self.totals.insert(tenant, totals);
    }

    /// Notes that less is stored, in a draft that removes it.
    pub(super) fn forget_stored(
        &mut self,
        tenant: TenantId,
        bytes: u64,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        if bytes > 0 {
            let totals = self.totals(tenant)?.remove(bytes, now_ms);
            draft.put(keys::usage(tenant, totals.hour()), totals.encode());
            self.set_totals(tenant, totals);
        }
        Ok(())
    }

    /// Notes that what was stored in `old` bytes is stored in `new` ones, in a draft that does it.
    pub(super) fn exchange_stored(
        &mut self,
        tenant: TenantId,
        (old, new): (u64, u64),
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        if new > old {
            let totals = self.totals(tenant)?.store(new - old, now_ms);
            draft.put(keys::usage(tenant, totals.hour()), totals.encode());
            self.set_totals(tenant, totals);
            return Ok(());
        }
        self.forget_stored(tenant, old - new, draft, now_ms)
    }

    /// Adds what tenants used of the service. Nobody waits for it to be durable.
    pub(crate) fn use_service(
        &self,
        used: &[(TenantId, ServiceUse)],
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let now = hour_of(now_ms);
        for (tenant, used) in used {
            // It may be gone by now.
            if self.row::<TenantRow>(&keys::tenant(*tenant))?.is_none() {
                continue;
            }
            let mut cursor = self.index.cursor(Keyspace::State, keys::service_use_hours(*tenant));
            cursor.last()?;
            let (hour, last) = match cursor.item() {
                Some((key, row)) => (keys::last_u64(key).unwrap_or(0), ServiceUseRow::decode(row)?),
                None => (now, ServiceUseRow::default()),
            };
            // Never back, also when the clock goes back.
            let is_new_hour = now > hour;
            let peak = if is_new_hour { 0 } else { last.peak_connections };
            let row = ServiceUseRow {
                bytes_out: last.bytes_out + used.bytes_out,
                records_out: last.records_out + used.records_out,
                requests: last.requests + used.requests,
                peak_connections: peak.max(used.peak_connections),
            };
            draft.put_row(keys::service_use(*tenant, hour.max(now)), &row);
            if is_new_hour {
                self.drop_old_hours(*tenant, now, draft)?;
            }
        }
        draft.relax();
        Ok(())
    }

    /// Lets go of hours that are older than what is kept. The row before the first hour that is kept stays, as what
    /// that hour is counted from.
    fn drop_old_hours(&self, tenant: TenantId, now: u64, draft: &mut Draft) -> Result<(), StorageError> {
        let oldest = now.saturating_sub(MAX_USAGE_HOURS);
        for range in [
            (keys::usage(tenant, 0), keys::usage(tenant, oldest)),
            (keys::service_use(tenant, 0), keys::service_use(tenant, oldest)),
        ] {
            for key in self.all_but_last(range)? {
                draft.delete(key);
            }
        }
        Ok(())
    }

    fn all_but_last(&self, range: KeyRange) -> Result<Vec<Vec<u8>>, StorageError> {
        let mut keys = Vec::new();
        self.scan(range, |key, _| {
            keys.push(key.to_vec());
            Ok(())
        })?;
        keys.pop();
        Ok(keys)
    }

    /// Bytes of the batches of a tenant that are stored, added up.
    fn stored_bytes(&self, tenant: TenantId) -> Result<u64, StorageError> {
        let mut bytes = 0;
        self.scan(keys::topics(tenant), |key, row| {
            let id = TopicId(keys::last_u64(key).unwrap_or(0));
            bytes += self.stored_bytes_of(tenant, id, TopicRow::decode(row)?.partitions)?;
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The same of one topic.
    pub(super) fn stored_bytes_of(
        &self,
        tenant: TenantId,
        topic: TopicId,
        partitions: u32,
    ) -> Result<u64, StorageError> {
        let mut bytes = 0;
        for partition in 0..partitions {
            let partition = PartitionId { tenant, topic, partition };
            bytes += log::stored_bytes(&self.index, partition, log::head(&self.index, partition)?)?;
        }
        Ok(bytes)
    }
}
