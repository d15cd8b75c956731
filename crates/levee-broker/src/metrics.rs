//! What the broker measures, and what each of it means. Each metric is counted where it happens.
//!
//! Must hold: no series has the name of a topic, and none that of a tenant unless the operator wants it
//! (`metrics.tenant_labels`), and then of a limited number of them: so the number of series is bounded; every metric is
//! described, here or in `tenants`.

mod rpc;
mod shard;
mod tenants;

pub use rpc::RpcMetrics;
pub use shard::ShardGauges;
pub use tenants::TenantPage;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Makes this process collect metrics, also those of storage.
///
/// # Errors
/// When it does so already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    counter!("levee_rpc_total", "Calls that ended, by call and gRPC code.");
    histogram!("levee_rpc_seconds", "Duration of calls that are not streams, by call.");
    counter!("levee_errors_total", "Errors told to clients, by error code.");
    counter!("levee_authentication_failures_total", "Requests without a good credential, by reason.");
    gauge!("levee_connections", "Open connections, by listener.");
    counter!("levee_connections_total", "Connections that were accepted, by listener.");
    counter!("levee_connections_refused_total", "Connections beyond the limit, by listener.");
    counter!("levee_accept_errors_total", "Errors of accept, by listener.");
    counter!(
        "levee_tls_refused_total",
        "TLS connections that were closed before their first byte, by reason."
    );
    counter!(
        "levee_tls_reloads_total",
        "Changes of the files of TLS, by result: ok, or failed and kept as it was."
    );
    gauge!("levee_tls_certificate_expiry_timestamp_seconds", "When the broker's certificate expires.");
    gauge!(
        "levee_tls_client_crl_expiry_timestamp_seconds",
        "When the next update of the lists of revoked client certificates is due; nobody gets in after it."
    );
    counter!("levee_produced_batches_total", "Batches that were acknowledged.");
    counter!("levee_produced_records_total", "Records that were acknowledged.");
    counter!("levee_produced_bytes_total", "Bytes of batches that were acknowledged.");
    counter!("levee_read_batches_total", "Batches that were sent to readers.");
    counter!("levee_read_bytes_total", "Bytes of batches that were sent to readers.");
    counter!("levee_cold_reads_total", "Reads that the tail cache could not answer.");
    counter!(
        "levee_read_parts_total",
        "Parts of large batches that were read when a slow client had room for them, while too much is held for others."
    );
    gauge!("levee_groups", "Groups of consumers that have members.");
    gauge!("levee_group_members", "Members of groups of consumers.");
    counter!("levee_group_rebalances_total", "Changes of who has what in a group of consumers.");
    counter!(
        "levee_group_lost_commits_total",
        "Partitions of which a group had committed more than their log has."
    );
    gauge!("levee_queues", "Queues that have workers.");
    counter!("levee_queue_deliveries_total", "Records that were handed out to workers of queues.");
    counter!("levee_queue_acknowledged_total", "Records that workers acknowledged.");
    counter!("levee_queue_rejected_total", "Records that workers rejected.");
    counter!("levee_queue_expired_total", "Leases of records that ended before their workers settled them.");
    counter!(
        "levee_queue_dead_total",
        "Records that were handed out too often, by outcome: stored in the dead letter topic, dropped for want of one, \
         or failed, and tried again."
    );
    histogram!("levee_commit_seconds", "Time to write, sync and apply a group of journal entries.");
    histogram!("levee_sync_seconds", "Time of a sync of the journal.");
    counter!("levee_journal_entries_total", "Entries that were written to the journal.");
    counter!("levee_journal_bytes_total", "Bytes of entries that were written to the journal, about.");
    counter!("levee_journal_segments_created_total", "Segments that the journal began.");
    counter!("levee_journal_segments_deleted_total", "Segments that the journal gave back.");
    counter!(
        "levee_journal_relocated_bytes_total",
        "Bytes of batches that were moved out of segments with little in them."
    );
    counter!("levee_compactions_total", "Passes over partitions of tables.");
    counter!("levee_compactions_damaged_total", "Passes that ended at a damaged batch.");
    counter!("levee_compaction_read_bytes_total", "Bytes of batches that compaction looked at.");
    counter!("levee_compaction_removed_bytes_total", "Bytes that compaction removed from tables.");
    counter!(
        "levee_retention_removed_bytes_total",
        "Bytes of batches that went unasked, by reason: time (retention.ms), size (retention.bytes), or quota of storage."
    );
    histogram!(
        "levee_retention_seconds",
        "Time of a look at all topics for records that are too old or too many."
    );
    gauge!("levee_journal_stored_bytes", "Bytes of all segments of the journal.");
    gauge!(
        "levee_journal_live_bytes",
        "Bytes of the journal that are needed, about, when that was last looked at."
    );
    gauge!("levee_journal_dead_bytes", "Bytes of the journal that are not needed any more, about, the same.");
    gauge!("levee_shard_state", "1 for the state that the shard is in: serving, full or failed.");
    gauge!("levee_tail_cache_bytes", "Memory of recent batches.");
    gauge!("levee_disk_free_bytes", "Free space of the file system of the data directory.");
}
