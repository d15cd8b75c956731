//! Reads every topic from its start to its end.

use crate::flights::Flight;
use crate::progress::Progress;
use crate::verify::{Place, Stored};
use crate::{Result, TOPIC};
use futures::future::try_join_all;
use levee_client::{Client, Position, ReaderSettings, StartAt};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// What reading gave.
pub(crate) struct ReadBack {
    /// For each client, every record of its topic, in the order in which each partition has them.
    pub(crate) stored: Vec<Vec<Stored>>,
    /// From the first request to the last record.
    pub(crate) elapsed: Duration,
}

/// Reads the topic of each client; `expected` records altogether, for the progress.
pub(crate) async fn read_back(clients: &[Client], partitions: u32, expected: u64) -> Result<ReadBack> {
    let progress = Progress::new("read back", expected);
    let done = Cell::new(0);
    let start = Instant::now();
    let stored =
        try_join_all(clients.iter().map(|client| read(client, partitions, &done, &progress))).await?;
    let elapsed = start.elapsed();
    progress.finish();
    Ok(ReadBack { stored, elapsed })
}

async fn read(
    client: &Client,
    partitions: u32,
    done: &Cell<u64>,
    progress: &Progress,
) -> Result<Vec<Stored>> {
    let positions = (0..partitions)
        .map(|partition| Position { topic: TOPIC.to_owned(), partition, from: StartAt::Start })
        .collect();
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = client.reader(positions, settings).await?;
    let mut stored = Vec::new();
    while let Some(read) = reader.next().await {
        let read = read?;
        stored.push(Stored {
            place: Place { partition: read.partition, offset: read.offset },
            flight: Flight::from_record(&read.record, read.timestamp_ms),
        });
        done.set(done.get() + 1);
        progress.set(done.get());
    }
    Ok(stored)
}
