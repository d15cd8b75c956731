//! Verifying a topic.

use super::Topics;
use super::progress::Progress;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::Verified;
use levee_types::LeveeError;
use levee_types::limits::MAX_VERIFY_FINDINGS;
use tokio::sync::watch;
use tonic::{Request, Status};

impl Topics {
    pub(super) fn verify(
        &self,
        request: &Request<v1::VerifyTopicRequest>,
    ) -> Result<BoxStream<'static, Result<v1::VerifyTopicResponse, Status>>, LeveeError> {
        let v1::VerifyTopicRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::VerifyTopic, tenant)?;
        let topic = permit.topic("name", name)?;
        let partitions = permit.partitions(&topic);
        let (steps, told) = watch::channel(v1::VerifyTopicResponse::default());
        let (shard, long) = (permit.shard().clone(), self.long.clone());
        let verify = async move {
            let mut so_far = v1::VerifyTopicResponse::default();
            for id in partitions {
                // It ends when nobody listens any more, or the broker stops.
                let mut progress = |of_this: &Verified| {
                    let mut step = so_far.clone();
                    add(&mut step, id.partition, of_this);
                    steps.send(step).is_ok() && long.goes_on().is_ok()
                };
                let verified = shard.verify_partition(id, &mut progress)?;
                long.goes_on()?;
                if steps.is_closed() {
                    break;
                }
                add(&mut so_far, id.partition, &verified);
                steps.send_replace(so_far.clone());
            }
            Ok(v1::VerifyTopicResponse { is_done: true, ..so_far })
        };
        let work = self.long.begin(permit.turn(0), verify);
        Ok(Progress::tell(permit, topic, ConnectionContext::retire(request), told, work))
    }
}

fn add(so_far: &mut v1::VerifyTopicResponse, partition: u32, verified: &Verified) {
    let Verified { batches, records, read_bytes, keys, findings } = verified;
    so_far.batches += batches;
    so_far.records += records;
    so_far.read_bytes += read_bytes;
    so_far.keys += keys;
    let room = MAX_VERIFY_FINDINGS - so_far.findings.len();
    let findings = findings.iter().take(room).map(|(offset, problem)| v1::VerifyFinding {
        partition,
        offset: *offset,
        problem: problem.clone(),
    });
    so_far.findings.extend(findings);
}
