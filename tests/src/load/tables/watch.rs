//! A watcher of a table: it is told what is there, and then of every change.

use super::{Table, parse_key, shown};
use crate::history::{Asked, Shown, TableHistory};
use crate::seed::Seed;
use levee_proto::v1;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tonic::{Status, Streaming};

/// Longer than this without a message that is owed is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watch<'a> {
    table: &'a Table,
    answers: Streaming<v1::WatchTableResponse>,
    told: HashMap<u32, (u64, Shown)>,
    is_current: bool,
}

/// Watches all keys for a while. What was acknowledged before is told in the beginning, or as a change.
pub(super) async fn watch(table: &Table, seed: &mut Seed) -> Result<(), Status> {
    let before = table.history.ask(0..table.keys);
    let request = v1::WatchTableRequest { topic: table.topic.clone(), ..Default::default() };
    let answers = table.raw().tables().watch_table(request).await?.into_inner();
    let mut watch = Watch { table, answers, told: HashMap::new(), is_current: false };
    while !watch.is_current {
        watch.next().await?;
    }
    for asked in before {
        let shown = watch.told.get(&asked.key).map_or(Shown::NoRecord, |(_, shown)| *shown);
        table.history.told(asked, shown);
    }
    // A key of which nothing was told, and whose tombstone is before here, may have been deleted before the watch
    // began: nothing is to be told. It is the offset that says so, as who deleted it may not know yet, or never.
    let mut ends = Vec::new();
    for partition in 0..table.partitions {
        ends.push(table.offsets(partition).await?.end);
    }
    let is_gone = |asked: &Asked| {
        asked.deleted_at().is_some_and(|offset| offset < ends[table.history.partition(asked.key) as usize])
    };
    let until = Instant::now() + seed.millis(0..3_000);
    // It may be quiet.
    while let Ok(next) = tokio::time::timeout_at(until.into(), watch.next()).await {
        next?;
    }
    for asked in table.history.ask(0..table.keys) {
        while asked.is_owed(watch.last_told(asked.key))
            && (watch.last_told(asked.key).is_some() || !is_gone(&asked))
        {
            watch.next().await?;
        }
    }
    Ok(())
}

impl Watch<'_> {
    fn last_told(&self, key: u32) -> Option<u64> {
        self.told.get(&key).map(|(offset, _)| *offset)
    }

    async fn next(&mut self) -> Result<(), Status> {
        let next = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let next = next.unwrap_or_else(|_| panic!("a watcher of {} is told nothing more", self.table.tenant));
        let answer = next?.ok_or_else(|| Status::unavailable("the watch has ended"))?;
        assert!(!(answer.is_current && self.is_current), "everything was told twice");
        for value in &answer.values {
            let key = parse_key(&value.key).unwrap_or_else(|| panic!("a key that nobody sent: {value:?}"));
            let shown = shown(key, value);
            let offset = value.offset.unwrap_or_else(|| panic!("a change without an offset: {value:?}"));
            if let Some((before, _)) = self.told.insert(key, (offset, shown)) {
                assert!(before < offset, "key {key}: {before}, and then {offset}");
            }
            // Nothing was asked for: it is compared with what others saw there.
            self.table.history.told(TableHistory::no_floor(key), shown);
        }
        self.is_current |= answer.is_current;
        Ok(())
    }
}
