//! Which tenants are busiest.

use crate::tenants::TenantEntry;
use levee_proto::v1::TenantOrder;
use levee_types::TenantId;
use std::cmp::Reverse;
use std::sync::Arc;

/// The busiest ones, at most `limit`, the busiest first; among equals the older one. Reads nothing but counters.
pub(super) fn busiest(
    tenants: Vec<Arc<TenantEntry>>,
    order: TenantOrder,
    limit: usize,
) -> Vec<Arc<TenantEntry>> {
    let measured = tenants.into_iter().map(|tenant| (measure(&tenant, order), tenant.id(), tenant));
    top(measured.collect(), limit).into_iter().map(|(.., tenant)| tenant).collect()
}

fn measure(tenant: &TenantEntry, order: TenantOrder) -> u64 {
    match order {
        TenantOrder::Unspecified | TenantOrder::BytesIn => tenant.recent().bytes_in,
        TenantOrder::BytesOut => tenant.recent().bytes_out,
        TenantOrder::RecordsIn => tenant.recent().records_in,
        TenantOrder::RecordsOut => tenant.recent().records_out,
        TenantOrder::Requests => tenant.recent().requests,
        TenantOrder::Throttled => tenant.recent().throttled_us,
        TenantOrder::Connections => tenant.used.connections(),
        TenantOrder::Streams => tenant.used.streams(),
    }
}

/// The largest ones. Only they are sorted.
pub(super) fn top<T>(mut measured: Vec<(u64, TenantId, T)>, limit: usize) -> Vec<(u64, TenantId, T)> {
    let key = |(amount, id, _): &(u64, TenantId, T)| (Reverse(*amount), *id);
    if measured.len() > limit && limit > 0 {
        measured.select_nth_unstable_by_key(limit - 1, key);
        measured.truncate(limit);
    }
    measured.sort_unstable_by_key(key);
    measured
}
