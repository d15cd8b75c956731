//! Tables: the newest record of each key, read by key, whatever happens beside it.

mod compaction;
mod erasing;
mod holding;
mod maintaining;
mod model;
mod reading;
mod transactions;
mod verifying;

use super::*;
use crate::error::StorageError;
use crate::rows::BatchRow;
use crate::shard::{Compacted, TablePage, TableRecord};

/// A tenant with a table. Each letter is a record, whose key it is; a capital one is a tombstone.
struct World {
    harness: Harness,
    tenant: TenantId,
    table: PartitionId,
}

impl World {
    fn new(set: &[(&str, &str)]) -> Self {
        Self::on(Harness::new(), set)
    }

    fn on(harness: Harness, set: &[(&str, &str)]) -> Self {
        let tenant = harness.tenant("acme");
        let set = [&[("cleanup.policy", "compact")], set].concat();
        let table = harness.topic(tenant, "prices", &set);
        Self { harness, tenant, table }
    }

    fn with(self, harness: impl FnOnce(Harness) -> Harness) -> Self {
        Self { harness: harness(self.harness), ..self }
    }

    fn put(&self, text: &str) -> u64 {
        let append = keyed(append(self.table, text, None));
        self.harness.wait(async { self.harness.shard.submit(append).await?.await }).unwrap().base_offset
    }

    fn get(&self, key: &str) -> Option<(u64, String)> {
        let record = self.harness.shard.table_get(self.table, key.as_bytes()).unwrap()?;
        assert_eq!(record.key, key.as_bytes());
        Some((record.offset, text(&record)))
    }

    fn page(&self, prefix: &str, after: Option<&str>, records: usize, bytes: usize) -> TablePage {
        let (prefix, after) = (prefix.as_bytes(), after.map(str::as_bytes));
        self.harness.shard.table_scan(self.table, prefix, after, records, bytes).unwrap()
    }

    /// All keys, by pages of so many records and bytes.
    fn scan(&self, records: usize, bytes: usize) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.page("", after.as_deref(), records, bytes);
            all.extend(page.records.iter().map(|record| (record.offset, text(record))));
            match page.after {
                Some(key) => after = Some(String::from_utf8(key.to_vec()).unwrap()),
                None => return all,
            }
        }
    }
}

impl World {
    /// The records of the log with their offsets, as a reader gets them who begins at an offset.
    fn log_from(&self, mut offset: u64) -> Vec<(u64, char)> {
        let shard = &self.harness.shard;
        let mut records = Vec::new();
        loop {
            let fetched = shard.fetch(self.table, offset, 100).unwrap();
            let Some(last) = fetched.batches.last() else {
                assert_eq!(offset, fetched.end, "a reader stands before the end and gets nothing");
                return records;
            };
            let mut next = fetched.batches[0].base_offset;
            assert!(next <= offset);
            for batch in &fetched.batches {
                assert_eq!(batch.base_offset, next);
                next = batch.end();
                let letters = (batch.base_offset..).zip(batch.bytes.iter().map(|letter| char::from(*letter)));
                records.extend(letters.filter(|(at, letter)| *at >= offset && *letter != '-'));
            }
            offset = last.end();
        }
    }

    fn log(&self) -> Vec<(u64, char)> {
        self.log_from(self.harness.shard.offsets(self.table).unwrap().start)
    }

    fn rows(&self) -> Vec<(u64, BatchRow)> {
        self.harness.shard.inner.log.rows(self.table, 0, 1000).unwrap()
    }

    fn compact(&self) -> Compacted {
        let mut last = Compacted::default();
        let mut told = |done| last = done;
        let done = self.harness.wait(self.harness.shard.compact_partition(self.table, &mut told)).unwrap();
        assert_eq!(last, done);
        self.is_exact();
        done
    }

    /// What is known of the stored bytes is what is stored.
    fn is_exact(&self) {
        let stored: u64 = self.rows().iter().map(|(_, row)| u64::from(row.length)).sum();
        assert_eq!(self.harness.shard.offsets(self.table).unwrap().stored_bytes, stored);
        let tenant = self.harness.shard.tenant_by_id(self.tenant).unwrap().unwrap();
        assert_eq!(tenant.stored_bytes, stored);
    }

    fn now_ms(&self) -> i64 {
        self.harness.clock.0.load(Ordering::Relaxed)
    }

    fn pass_time(&self, ms: i64) {
        self.harness.clock.0.fetch_add(ms, Ordering::Relaxed);
    }
}

fn text(record: &TableRecord) -> String {
    String::from_utf8(record.record.to_vec()).unwrap()
}

/// With the keys of its records.
fn keyed(append: Append) -> Append {
    Append { keys: Some(LetterCodec.keys(&append.batch).unwrap()), ..append }
}

/// The broker has these done on threads of its own.
#[test]
fn what_takes_long_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: T) {}
    let world = World::new(&[]);
    let shard = &world.harness.shard;
    let mut told = |_: Compacted| ();
    is_send(shard.compact_partition(world.table, &mut told));
    is_send(shard.erase_key(world.table, b"a", audit()));
}
