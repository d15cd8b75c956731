//! What is measured, one module each.

mod cpu;
mod latency;
mod neighbour;
mod partitions;
mod quota;
mod restart;
mod tenancy;
mod tenants;
mod topics;

use crate::{Bench, Name, Result};

/// Takes one measurement.
pub(crate) async fn measure(name: Name, bench: &mut Bench) -> Result<()> {
    match name {
        Name::Produce => cpu::produce(bench).await,
        Name::Follow => cpu::follow(bench).await,
        Name::Tail => cpu::tail(bench).await,
        Name::Catchup => cpu::catch_up(bench).await,
        Name::Partitions => partitions::measure(bench).await,
        Name::Topics => topics::measure(bench).await,
        Name::Latency => latency::measure(bench).await,
        Name::Restart => restart::measure(bench).await,
        Name::Quota => quota::measure(bench).await,
        Name::Neighbour => neighbour::measure(bench).await,
        Name::Tenancy => tenancy::measure(bench).await,
        Name::Tenants => tenants::measure(bench).await,
    }
}
