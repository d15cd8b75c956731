//! Looking up keys.

use super::Tables;
use super::lookup::Lookup;
use super::target::{Target, keys};
use super::value::{Filling, volume};
use crate::blocking::LOOKUP_BYTES;
use crate::operation::Operation;
use crate::services::read::EGRESS_SHARE_BYTES;
use levee_proto::v1;
use levee_types::LeveeError;
use levee_types::limits::{MAX_TABLE_KEYS, TABLE_ANSWER_BYTES};
use levee_types::quota::Dimension;
use tonic::Request;

/// What a value takes of the egress until its size is known, in bytes.
const EXPECTED_BYTES: usize = 4 * 1024;

impl Tables {
    pub(super) async fn get(
        &self,
        request: Request<v1::GetValuesRequest>,
    ) -> Result<v1::GetValuesResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::GetValues, "")?;
        let v1::GetValuesRequest { topic, keys: wanted, partition, min_offset } = request.into_inner();
        keys(&wanted, 1, MAX_TABLE_KEYS)?;
        let target = Target::new(&permit, &topic, partition, min_offset)?;
        let mut permit = target.wait(permit, &self.blocking).await?;
        // Had before anything is read, so that what waits for it holds nothing.
        let expected = (wanted.len() * EXPECTED_BYTES).min(EGRESS_SHARE_BYTES);
        let mut share = permit.reserve(Dimension::Egress, expected as u64, Some(&target.topic))?;
        if !share.ready().await.is_zero() {
            permit = target.renew(&permit)?;
        }
        let most = if share.is_limited() { EGRESS_SHARE_BYTES } else { TABLE_ANSWER_BYTES };
        let (mut lookup, mut filling) = (Lookup::new(wanted, target.whole()), Filling::new(most));
        let mut is_full = false;
        while !is_full && !lookup.is_over() {
            let (shard, turn) = (permit.shard().clone(), permit.turn(lookup.looks() * LOOKUP_BYTES));
            let look = move || {
                let is_full = lookup.take(&shard, &mut filling)?;
                Ok::<_, LeveeError>((is_full, lookup, filling))
            };
            (is_full, lookup, filling) = self.blocking.run(turn, look).await?;
        }
        let (bytes, records) = volume(&filling.values);
        share.settle(bytes);
        permit.entry().used.sent(bytes, records);
        Ok(v1::GetValuesResponse { values: filling.values })
    }
}
