//! Settling what a worker has.

use super::Worker;
use crate::error::detail;
use crate::queues::partition::State;
use crate::queues::rounds::Written;
use levee_groups::queue::{Lease, LeaseExpired, Now, Rejection};
use levee_proto::v1;
use levee_types::limits::MAX_PARTITIONS_PER_GROUP;
use levee_types::{ErrorCode, LeveeError};
use std::time::Duration;

/// Bits of a delivery id that say which partition it is of. The others are the lease.
const PARTITION_BITS: u32 = 14;
const _: () = assert!(MAX_PARTITIONS_PER_GROUP < 1 << PARTITION_BITS);

/// What became of a message that settles records.
#[derive(Default)]
pub(crate) struct Settled {
    /// Those that were not settled.
    pub(crate) failures: Vec<v1::SettleFailure>,
    /// Deliveries whose settling is to be written, with their partitions.
    pub(crate) unwritten: Vec<(u64, u32)>,
    /// Tells when that is so; none if there is nothing to write.
    pub(crate) written: Option<Written>,
}

impl Worker {
    /// Settles records. The message was checked.
    pub(crate) fn settle(&self, settle: v1::WorkSettle) -> Settled {
        let v1::WorkSettle { acknowledge, reject, extend } = settle;
        let mut settled = Settled::default();
        let mut counts = [0_u64; 2];
        for id in acknowledge {
            let outcome = self.with_lease(id, |state, lease, now| state.window.acknowledge(lease, now));
            counts[0] += u64::from(outcome.is_ok());
            self.note(id, outcome.map(|((), partition)| (true, true, partition)), &mut settled);
        }
        for v1::WorkReject { delivery_id: id, delay_ms, dead, reason } in reject {
            let delay = Duration::from_millis(delay_ms.into());
            let rejection = Rejection { delay, dead, reason: &reason };
            let outcome = self.with_lease(id, |state, lease, now| state.window.reject(lease, rejection, now));
            counts[1] += u64::from(outcome.is_ok());
            self.note(id, outcome.map(|(is_dead, partition)| (true, is_dead, partition)), &mut settled);
        }
        for v1::WorkExtend { delivery_id: id, lease_ms } in extend {
            let term = Duration::from_millis(lease_ms.into());
            let outcome = self.with_lease(id, |state, lease, now| state.window.extend(lease, term, now));
            self.note(id, outcome.map(|((), partition)| (false, false, partition)), &mut settled);
        }
        metrics::counter!("levee_queue_acknowledged_total").increment(counts[0]);
        metrics::counter!("levee_queue_rejected_total").increment(counts[1]);
        if !settled.unwritten.is_empty() {
            // Joined after all of it is done, so that what is written has it.
            settled.written =
                Some(self.queue.write(settled.unwritten.iter().map(|(_, partition)| *partition)));
        }
        settled
    }

    fn with_lease<T>(
        &self,
        id: u64,
        change: impl FnOnce(&mut State, Lease, Now) -> Result<T, LeaseExpired>,
    ) -> Result<(T, u32), LeaseExpired> {
        let (index, lease) = parts(id);
        let partition = self.queue.partition(index).ok_or(LeaseExpired)?;
        let lease = Lease { worker: self.id, id: lease };
        let outcome = self.queue.change(&partition, |state, now| change(state, lease, now))?;
        Ok((outcome, index))
    }

    /// Notes the outcome for a delivery: whether its lease ended, whether that is to be written, and where.
    fn note(&self, id: u64, outcome: Result<(bool, bool, u32), LeaseExpired>, settled: &mut Settled) {
        match outcome {
            Ok((is_ended, is_to_write, partition)) => {
                if is_ended {
                    self.working.lost();
                }
                if is_to_write {
                    settled.unwritten.push((id, partition));
                }
            }
            Err(LeaseExpired) => settled.failures.push(failure(id, expired())),
        }
    }
}

/// A delivery that was not settled.
pub(crate) fn failure(delivery_id: u64, error: LeveeError) -> v1::SettleFailure {
    v1::SettleFailure { delivery_id, error: Some(detail(error)) }
}

fn expired() -> LeveeError {
    LeveeError::new(ErrorCode::LeaseExpired, "the worker does not have the record any more")
        .with_hint("drop it: it is handed out again; ask for longer leases, or extend them in time")
}

/// What a lease is called on a stream.
pub(super) fn delivery_id(partition: u32, lease: u64) -> u64 {
    lease << PARTITION_BITS | u64::from(partition)
}

fn parts(delivery_id: u64) -> (u32, u64) {
    let partition = delivery_id & ((1 << PARTITION_BITS) - 1);
    (u32::try_from(partition).unwrap_or(u32::MAX), delivery_id >> PARTITION_BITS)
}
