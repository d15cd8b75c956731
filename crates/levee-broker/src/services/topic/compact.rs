//! Compacting a table now.

use super::progress::Progress;
use super::{Topics, resource};
use crate::operation::Operation;
use crate::services::table::require_table;
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::Compacted;
use levee_types::LeveeError;
use tokio::sync::watch;
use tonic::{Request, Status};

impl Topics {
    pub(super) async fn compact(
        &self,
        request: &Request<v1::CompactTopicRequest>,
    ) -> Result<BoxStream<'static, Result<v1::CompactTopicResponse, Status>>, LeveeError> {
        let v1::CompactTopicRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::CompactTopic, tenant)?;
        let topic = permit.topic("name", name)?;
        require_table("name", &topic)?;
        let partitions = permit.partitions(&topic);
        permit.shard().note(permit.tenant(), permit.audit(resource(name))).await?;
        let begin = v1::CompactTopicResponse { partitions: topic.partitions, ..Default::default() };
        let (steps, told) = watch::channel(begin);
        let shard = permit.shard().clone();
        let compact = async move {
            let mut so_far = begin;
            for partition in partitions {
                let mut progress = |of_this: Compacted| {
                    steps.send_replace(plus(so_far, of_this));
                };
                let compacted = shard.compact_partition(partition, &mut progress).await?;
                so_far = plus(so_far, compacted);
                so_far.partitions_done += 1;
                steps.send_replace(so_far);
            }
            Ok(so_far)
        };
        let work = self.long.begin(permit.turn(0), compact);
        Ok(Progress::tell(permit, topic, ConnectionContext::retire(request), told, work))
    }
}

fn plus(so_far: v1::CompactTopicResponse, of_this: Compacted) -> v1::CompactTopicResponse {
    v1::CompactTopicResponse {
        read_bytes: so_far.read_bytes + of_this.read_bytes,
        removed_bytes: so_far.removed_bytes + of_this.removed_bytes,
        removed_records: so_far.removed_records + of_this.removed_records,
        ..so_far
    }
}
