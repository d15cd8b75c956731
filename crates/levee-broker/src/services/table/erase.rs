//! Erasing a key.

use super::Tables;
use crate::fields::out_of_range;
use crate::operation::Operation;
use levee_proto::v1;
use levee_types::limits::MAX_KEY_BYTES;
use levee_types::{LeveeError, hex};
use tonic::Request;

impl Tables {
    /// What was begun goes on when the caller leaves: half an erasure is none.
    pub(super) async fn erase(
        &self,
        request: Request<v1::EraseKeyRequest>,
    ) -> Result<v1::EraseKeyResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::EraseKey, &request.get_ref().tenant)?;
        let v1::EraseKeyRequest { topic: name, key, .. } = request.into_inner();
        if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
            return Err(out_of_range("key", format!("{} bytes", key.len()), 1, MAX_KEY_BYTES));
        }
        let topic = permit.topic("topic", &name)?;
        let partitions = permit.partitions(&topic);
        let receipt = self.receipt();
        // The key is what is to be forgotten: no log has it.
        let mut event = permit.audit(format!("topic:{name}"));
        event.note = format!("receipt {receipt}");
        let (shard, turn) = (permit.shard().clone(), permit.turn(0));
        let erase = async move {
            let mut removed_records = 0;
            for partition in partitions {
                removed_records += shard.erase_key(partition, &key, event.clone()).await?;
            }
            Ok(removed_records)
        };
        let removed_records = self.long.begin(turn, erase).await?;
        // Workers of queues may have batches at hand as they were.
        self.queues.forget_decoded(permit.tenant(), topic.id);
        Ok(v1::EraseKeyResponse { receipt, removed_records })
    }

    fn receipt(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        hex::encode(&bytes)
    }
}
