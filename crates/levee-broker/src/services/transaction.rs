//! Ending transactions, for tenants. Their batches are staged by the produce service, or come with the commit.
//!
//! Must hold: everything that a commit touches is decided on before anything is done: one topic or group that the
//! caller may not use, or that is not there, refuses all of it.

mod offsets;

use super::produce::{Produced, Volume, check_batch, transaction_number};
use crate::admission::Reservation;
use crate::authorize::{Authorizer, InTenant, Permit};
use crate::blocking::Blocking;
use crate::error::reply;
use crate::fields::{invalid, out_of_range};
use crate::groups::Groups;
use crate::operation::Operation;
use levee_proto::v1;
use levee_storage::{Append, ProducerSession, Topic, TransactionCommit, TransactionCommitted};
use levee_types::limits::{MAX_COMMIT_OFFSETS, MAX_TRANSACTION_BATCHES};
use levee_types::quota::Dimension;
use levee_types::{ErrorCode, LeveeError, ProducerId};
use offsets::commits;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// `levee.v1.TransactionService`.
pub(super) struct Transactions {
    authorizer: Authorizer,
    blocking: Blocking,
    groups: Groups,
    produced: Produced,
}

#[tonic::async_trait]
impl v1::transaction_service_server::TransactionService for Transactions {
    async fn commit_transaction(
        &self,
        request: Request<v1::CommitTransactionRequest>,
    ) -> Result<Response<v1::CommitTransactionResponse>, Status> {
        reply(self.commit(request).await)
    }

    async fn abort_transaction(
        &self,
        request: Request<v1::AbortTransactionRequest>,
    ) -> Result<Response<v1::AbortTransactionResponse>, Status> {
        reply(self.abort(&request).await)
    }
}

impl Transactions {
    pub(super) fn new(authorizer: Authorizer, blocking: Blocking, groups: Groups) -> Self {
        Self { authorizer, blocking, groups, produced: Produced::new() }
    }

    async fn commit(
        &self,
        request: Request<v1::CommitTransactionRequest>,
    ) -> Result<v1::CommitTransactionResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::CommitTransaction, "")?;
        let request = request.into_inner();
        let v1::CommitTransactionRequest { producer_id, epoch, number, staged, batches, offsets } = request;
        let number = transaction_number("number", number)?;
        if staged as usize > MAX_TRANSACTION_BATCHES {
            return Err(out_of_range("staged", staged, 0, MAX_TRANSACTION_BATCHES));
        }
        if staged as usize + batches.len() > MAX_TRANSACTION_BATCHES {
            let problem = format!(
                "there are {}, with {staged} that were staged; it takes {MAX_TRANSACTION_BATCHES} in all",
                batches.len()
            );
            return Err(invalid("batches", problem, "put fewer batches in a transaction, or larger ones"));
        }
        if offsets.len() > MAX_COMMIT_OFFSETS {
            return Err(out_of_range("offsets", offsets.len(), 0, MAX_COMMIT_OFFSETS));
        }
        let (appends, mut topics) = check_batches(&permit, batches)?;
        let session = ProducerSession { producer: ProducerId(producer_id), epoch };
        if staged > 0 {
            topics.extend(self.staged_topics(&permit, session.producer).await?);
        }
        let commits = match commits(&permit, &self.groups, offsets) {
            Ok(commits) => commits,
            // Who asks again after a restart of the broker is no member any more, but may have committed before it.
            Err(error) if error.code == ErrorCode::MemberFenced => {
                let repeated = permit.shard().committed_transaction(permit.tenant(), session, number);
                return repeated.await?.map(|committed| answer(committed, Duration::ZERO)).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let mut reservation = Reservation::default();
        for (append, topic) in appends.iter().zip(&topics) {
            let bytes = append.batch.len() as u64;
            reservation = reservation.and(permit.reserve(Dimension::Ingress, bytes, Some(topic))?);
        }
        let (permit, throttled) = permit.wait(reservation).await?;
        if !throttled.is_zero() {
            // What was decided before may not hold any more.
            topics.iter().try_for_each(|topic| permit.require(topic.name.as_str()))?;
        }
        let volumes: Vec<_> = appends.iter().map(Volume::of).collect();
        let weight = permit.weight();
        let commit = TransactionCommit { session, number, staged, batches: appends, commits, weight };
        let committed = permit.shard().commit_transaction(permit.tenant(), commit).await?;
        if !committed.duplicate {
            volumes.into_iter().for_each(|volume| self.produced.count(volume, &permit.entry().used));
        }
        Ok(answer(committed, throttled))
    }

    /// The topics of batches that were staged, which the caller must be allowed to produce to when they become
    /// records: it may be another user than the one who staged them, and the rules may be others by now.
    async fn staged_topics(
        &self,
        permit: &Permit<InTenant>,
        producer: ProducerId,
    ) -> Result<Vec<Arc<Topic>>, LeveeError> {
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let topics = self.blocking.run(permit.turn(0), move || shard.staged_topics(tenant, producer)).await?;
        topics.iter().try_for_each(|topic| permit.require(topic.name.as_str()))?;
        Ok(topics)
    }

    async fn abort(
        &self,
        request: &Request<v1::AbortTransactionRequest>,
    ) -> Result<v1::AbortTransactionResponse, LeveeError> {
        let permit = self.authorizer.tenant(request, Operation::AbortTransaction, "")?;
        let v1::AbortTransactionRequest { producer_id, epoch, number } = *request.get_ref();
        let number = transaction_number("number", number)?;
        let session = ProducerSession { producer: ProducerId(producer_id), epoch };
        permit.shard().abort_transaction(permit.tenant(), session, number).await?;
        Ok(v1::AbortTransactionResponse {})
    }
}

/// The answer to a commit, after it had waited so long for the quota.
fn answer(committed: TransactionCommitted, throttled: Duration) -> v1::CommitTransactionResponse {
    let TransactionCommitted { base_offsets, commit_time_ms, duplicate } = committed;
    let throttle_ms = u32::try_from(throttled.as_millis()).unwrap_or(u32::MAX);
    v1::CommitTransactionResponse { base_offsets, commit_time_ms, duplicate, throttle_ms }
}

/// Checks the batches that come with a commit, and gives each with its topic.
fn check_batches(
    permit: &Permit<InTenant>,
    batches: Vec<v1::TransactionBatch>,
) -> Result<(Vec<Append>, Vec<Arc<Topic>>), LeveeError> {
    let check = |(index, batch): (usize, v1::TransactionBatch)| {
        let v1::TransactionBatch { topic, partition, batch, batch_crc32c } = batch;
        // Always copied: beside all that a call costs, that is little.
        check_batch(permit, &topic, partition, batch, batch_crc32c, usize::MAX).map_err(|mut error| {
            error.message = format!("batches[{index}]: {}", error.message);
            error
        })
    };
    batches.into_iter().enumerate().map(check).collect()
}
