//! Reads everything that is stored, once nobody writes any more.

use super::World;
use super::follower::note;
use levee_client::{Error, ReaderSettings, StartAt};
use std::time::Duration;

/// Longer than this without a batch is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads every partition from its start to its end; gives the number of records.
///
/// # Errors
/// When a partition cannot be read to its end.
///
/// # Panics
/// When the reader neither goes on nor ends.
pub async fn drain(world: &World) -> Result<u64, Error> {
    let client = world.client();
    let process = world.recorder.process();
    let starts = (0..world.partitions).map(|n| world.position(n, StartAt::Start)).collect();
    let offsets = client.offsets(starts).await?;
    for (partition, offsets) in (0..).zip(&offsets) {
        world.recorder.drain(process, world.number(partition), offsets.start);
    }
    let positions =
        (0..).zip(&offsets).map(|(n, offsets)| world.position(n, StartAt::Offset(offsets.start))).collect();
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = client.reader(positions, settings).await?;
    let mut records = 0;
    loop {
        let next = tokio::time::timeout(PATIENCE, reader.next_batch()).await;
        match next.unwrap_or_else(|_| panic!("the drain stands still after {records} records")) {
            None => break,
            Some(batch) => {
                let batch = batch?;
                records += batch.records.len() as u64;
                note(world, process, &batch);
            }
        }
    }
    for (partition, offsets) in (0..).zip(&offsets) {
        world.recorder.drained(process, world.number(partition), offsets.end);
    }
    Ok(records)
}
