//! Readers while things happen: some follow every partition from its start, some jump.

use super::World;
use crate::payload;
use crate::seed::Seed;
use levee_client::{ReadBatch, ReaderSettings, StartAt};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Followers at work, until dropped.
#[derive(Debug)]
pub struct Followers(Vec<JoinHandle<()>>);

impl Followers {
    /// Starts readers that read everything from the start and then follow the tail, as fast as they can.
    #[must_use]
    pub fn start(world: &World, count: usize) -> Self {
        Self((0..count).map(|_| tokio::spawn(follow(world.clone()))).collect())
    }

    /// The same, with readers that jump in addition.
    #[must_use]
    pub fn and_hoppers(mut self, world: &World, count: usize, seed: &mut Seed) -> Self {
        for _ in 0..count {
            let (world, mut seed) = (world.clone(), seed.fork());
            self.0.push(tokio::spawn(async move {
                loop {
                    hop(&world, &mut seed).await;
                }
            }));
        }
        self
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// When a reader ends with an error, it is opened again at the next offset: nothing is skipped on purpose.
async fn follow(world: World) {
    let process = world.recorder.process();
    let mut next: Vec<u64> = vec![0; world.partitions as usize];
    for partition in 0..world.partitions {
        world.recorder.seek(process, world.number(partition), 0);
    }
    let client = world.client();
    loop {
        let positions =
            (0..).zip(&next).map(|(n, offset)| world.position(n, StartAt::Offset(*offset))).collect();
        if let Ok(mut reader) = client.reader(positions, ReaderSettings::default()).await {
            while let Some(Ok(batch)) = reader.next_batch().await {
                next[batch.partition as usize] = note(&world, process, &batch);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads a few records from a random offset of a random partition.
pub async fn hop(world: &World, seed: &mut Seed) {
    let process = world.recorder.process();
    let client = world.client();
    let partition = u32::try_from(seed.index(world.partitions as usize)).unwrap_or(0);
    let Ok(offsets) = client.offsets(vec![world.position(partition, StartAt::End)]).await else {
        tokio::time::sleep(Duration::from_millis(20)).await;
        return;
    };
    let start = seed.range(offsets[0].start..offsets[0].end + 1);
    world.recorder.seek(process, world.number(partition), start);
    let settings = ReaderSettings { credit_bytes: seed.range(1..100_000), ..ReaderSettings::default() };
    let position = world.position(partition, StartAt::Offset(start));
    let Ok(mut reader) = client.reader(vec![position], settings).await else { return };
    for _ in 0..seed.range(1..20) {
        // The tail may be quiet.
        match tokio::time::timeout(Duration::from_millis(200), reader.next_batch()).await {
            Ok(Some(Ok(batch))) => note(world, process, &batch),
            _ => return,
        };
    }
}

/// Writes down a batch; gives the next offset.
pub(super) fn note(world: &World, process: u32, batch: &ReadBatch) -> u64 {
    for (offset, record) in batch.offsets.iter().zip(&batch.records) {
        let value = record.value.as_deref().and_then(payload::parse);
        world.recorder.read(process, world.number(batch.partition), value, *offset);
    }
    batch.next_offset
}
