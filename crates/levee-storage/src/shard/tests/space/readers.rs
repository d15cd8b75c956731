//! A reader whose batch is moved, and whose segment is deleted, between its look at the row and its look at the
//! segment.

use super::*;
use crate::index::Index;
use crate::keys::{self, Keyspace};
use crate::log::LogReader;
use crate::operation::Operation;
use crate::segments::WATERMARK_BYTES;
use std::io;
use std::sync::Mutex;

/// Segments that do something before they are read.
struct Racing {
    segments: Arc<MemorySegments>,
    before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl SegmentStore for Racing {
    fn list(&self) -> io::Result<Vec<u64>> {
        self.segments.list()
    }

    fn create(&self, id: u64, capacity: u64, header: &[u8]) -> io::Result<()> {
        self.segments.create(id, capacity, header)
    }

    fn remove(&self, id: u64) -> io::Result<()> {
        self.segments.remove(id)
    }

    fn length(&self, id: u64) -> io::Result<u64> {
        self.segments.length(id)
    }

    fn resize(&self, id: u64, length: u64) -> io::Result<()> {
        self.segments.resize(id, length)
    }

    fn write(&self, id: u64, position: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.segments.write(id, position, parts)
    }

    fn sync(&self, id: u64) -> io::Result<()> {
        self.segments.sync(id)
    }

    fn read(&self, id: u64, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        if let Some(before) = self.before.lock().unwrap().take() {
            before();
        }
        self.segments.read(id, position, length, into)
    }

    fn watermark(&self) -> io::Result<[u8; WATERMARK_BYTES]> {
        self.segments.watermark()
    }

    fn set_watermark(&self, watermark: [u8; WATERMARK_BYTES]) -> io::Result<()> {
        self.segments.set_watermark(watermark)
    }
}

fn put(index: &Index, key: &[u8], value: Vec<u8>) {
    let mut changes = index.changes();
    changes.add(&[Operation::Put { keyspace: Keyspace::Index, key: key.to_vec(), value }], [], 0, 0);
    index.apply(changes).unwrap();
}

#[test]
fn c5_a_reader_finds_a_batch_that_is_moved_under_its_hands() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let texts = fill(&harness, p, 0..30);
    let index = Arc::clone(&harness.shard.inner.index);
    // Where the second batch is, and where it will be.
    let key = keys::batch(p, 1000);
    let old = index.get(Keyspace::Index, &key).unwrap().unwrap();
    let lying = harness.shard.lying_in(&[1].into(), &keys::batch(p, 1000), 1).unwrap();
    harness.wait(harness.shard.relocate(tenant, lying.batches)).unwrap();
    let new = index.get(Keyspace::Index, &key).unwrap().unwrap();
    assert_ne!(old, new);
    put(&index, &key, old.clone());
    let racing = |then: Option<Vec<u8>>| {
        let (segments, index, key) = (Arc::clone(&harness.segments), Arc::clone(&index), key.clone());
        let before = move || {
            then.into_iter().for_each(|row| put(&index, &key, row));
            segments.remove(1).unwrap();
        };
        let before: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(Some(Box::new(before)));
        Arc::new(Racing { segments: Arc::clone(&harness.segments), before })
    };
    let reader = LogReader::new(Arc::clone(&index), racing(Some(new)));
    let fetched = reader.fetch(p, 1500, 1).unwrap();
    assert_eq!(fetched.batches[0].bytes, texts[1].as_bytes());
    // With the row as it was, it is damage.
    put(&index, &key, old);
    harness.segments.create(1, SEGMENT, &[]).unwrap();
    let reader = LogReader::new(Arc::clone(&index), racing(None));
    assert!(matches!(reader.fetch(p, 1500, 1), Err(StorageError::Damaged { offset: 1000, segment: 1, .. })));
}
