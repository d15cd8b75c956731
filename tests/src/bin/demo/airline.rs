//! Airlines: each is a tenant of the broker.

use crate::Result;
use levee_types::TenantName;

/// Codes and names, from the same source as the flights.
const AIRLINES: &str = include_str!("../../../demo/airlines.csv");

/// What an airline is called.
pub(crate) fn name(carrier: &str) -> Option<&'static str> {
    AIRLINES
        .lines()
        .filter_map(|line| line.split_once(','))
        .find(|(code, _)| *code == carrier)
        .map(|(_, name)| name)
}

/// The tenant of an airline: `airline-ua`.
pub(crate) fn tenant(carrier: &str) -> Result<TenantName> {
    let name = format!("airline-{}", carrier.to_ascii_lowercase());
    TenantName::new(&name).map_err(|error| format!("carrier {carrier:?}: {error}").into())
}
