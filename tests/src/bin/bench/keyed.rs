//! Records of tables: what the key of a number is, and how many of them are produced.

use crate::Result;
use crate::payload::{self, Batch};
use crate::process::TENANT;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use levee_proto::v1;
use levee_tests::raw::Raw;
use levee_tests::seed::Seed;
use levee_tests::tenancy;

/// What the tables are called.
pub(crate) const TABLE: &str = "table";
/// Batches on their way.
const IN_FLIGHT: usize = 16;

/// Creates a table of a tenant, and the tenant if need be. With properties beside its `cleanup.policy`.
pub(crate) async fn create(
    endpoint: &str,
    tenant: &str,
    partitions: u32,
    properties: &[(&str, &str)],
) -> Result<()> {
    let config: Vec<_> = properties.iter().copied().chain([("cleanup.policy", "compact")]).collect();
    let operator = Raw::operator(endpoint);
    operator.create_tenant(tenant).await?;
    operator.create(tenant, vec![tenancy::topic(TABLE, partitions, &config)]).await?;
    Ok(())
}

/// The key of a number: 16 bytes, in another order than the numbers.
pub(crate) fn key(number: u64) -> Bytes {
    format!("{:016x}", Seed::new(number).next()).into()
}

/// A batch of new values for the keys of these numbers.
pub(crate) fn batch(numbers: impl Iterator<Item = u64>, bytes: usize, seed: &mut Seed) -> Batch {
    let record = |number| v1::Record {
        key: Some(key(number)),
        value: Some(payload::random(seed, bytes)),
        ..v1::Record::default()
    };
    Batch::of_records(&numbers.map(record).collect::<Vec<_>>())
}

/// Produces batches to the only partition of a tenant's table; gives their bytes.
pub(crate) async fn produce(
    endpoint: &str,
    tenant: &str,
    batches: impl Iterator<Item = Batch> + Send,
) -> Result<u64> {
    let raw = Raw::tenant(endpoint, tenant);
    let send = |batch: Batch| {
        let raw = raw.clone();
        async move {
            let bytes = batch.bytes.len() as u64;
            raw.produce().produce(batch.request(TABLE, 0, None)).await?;
            Ok::<_, tonic::Status>(bytes)
        }
    };
    let sent = stream::iter(batches).map(send).buffer_unordered(IN_FLIGHT);
    Ok(sent.try_fold(0, |sum, bytes| async move { Ok(sum + bytes) }).await?)
}

/// A value for each number below `keys`, `each` in a batch.
pub(crate) async fn fill(endpoint: &str, keys: u64, bytes: usize, each: u64) -> Result<u64> {
    let mut seed = Seed::new(keys);
    let batch = |first: u64| batch(first..(first + each).min(keys), bytes, &mut seed);
    let steps = usize::try_from(each)?;
    produce(endpoint, TENANT, (0..keys).step_by(steps).map(batch)).await
}
