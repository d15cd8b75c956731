//! What is measured, one module each.

mod amplification;
mod compaction;
mod copy;
mod cpu;
mod idle;
mod latency;
mod lookups;
mod neighbour;
mod partitions;
mod queue;
mod quota;
mod rebalance;
mod restart;
mod slow;
mod steady;
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
        Name::Rebalance => rebalance::measure(bench).await,
        Name::Copy => copy::measure(bench).await,
        Name::Queue => queue::measure(bench).await,
        Name::Idle => idle::measure(bench).await,
        Name::Slow => slow::measure(bench).await,
        Name::Amplification => amplification::measure(bench).await,
        Name::Lookups => lookups::measure(bench).await,
        Name::Compaction => compaction::measure(bench).await,
        Name::Steady => steady::measure(bench).await,
    }
}
