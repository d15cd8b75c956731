//! Tenants as their operators and administrators see them, through the client library.

use levee_client::{Admin, Client, ClientConfig, Error, Identity, Secret, v1};
use levee_types::{PlanName, TenantName};
use std::time::{SystemTime, UNIX_EPOCH};

/// A connection of its own.
///
/// # Panics
/// When the endpoint or the identity is not one.
#[must_use]
pub fn client(endpoint: &str, identity: Identity) -> Client {
    Client::new(ClientConfig::new(endpoint, identity)).expect("a client")
}

/// The operator of a broker in development.
///
/// # Panics
/// When the endpoint is not one.
#[must_use]
pub fn operator(endpoint: &str) -> Admin {
    client(endpoint, Identity::DevOperator).admin()
}

/// An administrator of a tenant of a broker in development.
///
/// # Panics
/// When the endpoint or the name is not one.
#[must_use]
pub fn member(endpoint: &str, tenant: &str) -> Client {
    client(endpoint, Identity::DevTenant(name(tenant)))
}

/// Whoever has this token.
///
/// # Panics
/// When the endpoint or the token is not one.
#[must_use]
pub fn bearer(endpoint: &str, token: &str) -> Client {
    client(endpoint, Identity::Token(Secret::new(token)))
}

/// The name of a tenant.
///
/// # Panics
/// When it cannot be one.
#[must_use]
pub fn name(tenant: &str) -> TenantName {
    TenantName::new(tenant).expect("a name")
}

/// The name of a plan.
///
/// # Panics
/// When it cannot be one.
#[must_use]
pub fn plan(plan: &str) -> PlanName {
    PlanName::new(plan).expect("a name")
}

/// A quota with a limit and nothing else.
#[must_use]
pub fn quota(dimension: v1::QuotaDimension, limit: u64) -> v1::Quota {
    v1::Quota { dimension: dimension.into(), limit: Some(limit), ..v1::Quota::default() }
}

/// The tenant itself, for quotas.
#[must_use]
pub fn target(tenant: &str) -> v1::QuotaTarget {
    v1::QuotaTarget { tenant: tenant.to_owned(), part: None }
}

/// A topic with properties.
#[must_use]
pub fn topic(name: &str, partitions: u32, config: &[(&str, &str)]) -> v1::TopicSpec {
    let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    v1::TopicSpec { name: name.to_owned(), partitions, config }
}

/// What a tenant used in the last day, in all: sums, and of connections the most.
///
/// # Errors
/// As the broker answers.
pub async fn usage(admin: &Admin, tenant: &str) -> Result<v1::HourlyUsage, Error> {
    let mut sum = v1::HourlyUsage::default();
    for hour in admin.list_usage(tenant, now_ms() - 24 * 3_600_000, 0).await? {
        sum.bytes_in += hour.bytes_in;
        sum.records_in += hour.records_in;
        sum.stored_byte_hours += hour.stored_byte_hours;
        sum.bytes_out += hour.bytes_out;
        sum.records_out += hour.records_out;
        sum.requests += hour.requests;
        sum.peak_connections = sum.peak_connections.max(hour.peak_connections);
    }
    Ok(sum)
}

/// The time of the real clock, in Unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
