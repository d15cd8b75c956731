//! A scan: all keys that begin with a prefix.

use super::Tables;
use super::merge::Merge;
use super::stream::Serving;
use super::target::{Target, part_of_key};
use super::value::Filling;
use crate::error::status;
use crate::operation::Operation;
use crate::services::opening::{Body, into_messages};
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::Shard;
use levee_types::LeveeError;
use tonic::{Request, Status};

impl Tables {
    pub(super) async fn scan(
        &self,
        request: Request<v1::ScanTableRequest>,
    ) -> Result<BoxStream<'static, Result<v1::ScanTableResponse, Status>>, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::ScanTable, "")?;
        let retire = ConnectionContext::retire(&request);
        let v1::ScanTableRequest { topic, prefix, partition, min_offset, after_key, limit } =
            request.into_inner();
        part_of_key("prefix", &prefix)?;
        part_of_key("after_key", &after_key)?;
        let target = Target::new(&permit, &topic, partition, min_offset)?;
        let permit = target.wait(permit, &self.blocking).await?;
        let after = Some(&after_key).filter(|after| !after.is_empty());
        let limit = if limit == 0 { u64::MAX } else { limit };
        let merge = Merge::new(target.whole(), prefix, after, limit);
        let serving = Serving::new(permit, target, self.blocking.clone(), retire);
        Ok(into_messages(Scan { serving, merge: Some(merge) }))
    }
}

/// A scan that goes on.
struct Scan {
    serving: Serving,
    /// None while it reads.
    merge: Option<Merge>,
}

impl Body for Scan {
    type Message = v1::ScanTableResponse;

    async fn next(&mut self) -> Result<Option<Self::Message>, Status> {
        let values = self.values().await.map_err(|error| status(&error))?;
        Ok(values.map(|values| v1::ScanTableResponse { values }))
    }
}

impl Scan {
    async fn values(&mut self) -> Result<Option<Vec<v1::KeyValue>>, LeveeError> {
        loop {
            self.serving.check().await?;
            let Some(mut merge) = self.merge.take().filter(|merge| !merge.is_over()) else { return Ok(None) };
            let (share, most) = self.serving.share().await?;
            let (bytes, mut filling) = (merge.turn_bytes(), Filling::new(most));
            let read = move |shard: &Shard| {
                merge.take(shard, &mut filling)?;
                Ok((merge, filling.values))
            };
            let (merge, values) = self.serving.read(bytes, read).await?;
            self.merge = Some(merge);
            self.serving.sent(share, &values);
            if !values.is_empty() {
                return Ok(Some(values));
            }
        }
    }
}
