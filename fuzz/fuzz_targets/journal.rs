//! Opens journals that were damaged in any way: each opens with everything in it, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use levee_storage::journal::{Entry, Journal, JournalDamage};
use levee_storage::operation::{Keyspace, Operation};
use levee_storage::segments::{MemorySegments, SegmentStore};
use std::sync::Arc;

const ID: [u8; 16] = [1; 16];
const SEGMENT: u64 = 1024;
const ENTRIES: usize = 30;

/// A journal of several segments, all of it durable.
fn journal() -> Arc<MemorySegments> {
    let store = MemorySegments::default();
    Journal::create(&store, ID, SEGMENT).expect("memory has room");
    let store = Arc::new(store);
    let mut journal = open(&store).expect("it is new").0;
    for number in 0..ENTRIES {
        let put = Operation::Put {
            keyspace: Keyspace::State,
            key: number.to_le_bytes().to_vec(),
            value: vec![number as u8; number * 3],
        };
        journal.append(&[Entry { operations: vec![put], payload: vec![] }]).expect("it fits");
        journal.sync().expect("memory does not fail");
    }
    store
}

fn open(store: &Arc<MemorySegments>) -> Result<(Journal<MemorySegments>, usize), JournalDamage> {
    let mut found = 0;
    let journal = Journal::open(Arc::clone(store), ID, SEGMENT, None, |_| {
        found += 1;
        Ok::<(), JournalDamage>(())
    })?;
    Ok((journal, found))
}

// Each five bytes are a change: segment, position (two bytes), what is done, and with what.
fuzz_target!(|data: &[u8]| {
    let store = journal();
    let segments = store.list().expect("memory does not fail");
    for change in data.chunks_exact(5) {
        let segment = segments[usize::from(change[0]) % segments.len()];
        let length = store.length(segment).expect("it exists");
        if length == 0 {
            continue;
        }
        let position = u64::from(u16::from_le_bytes([change[1], change[2]])) % length;
        match change[3] % 4 {
            0 => store.resize(segment, position).expect("memory has room"),
            1 => store.damage(segment, position as usize, |byte| *byte ^= change[4]),
            _ => store.damage(segment, position as usize, |byte| *byte = change[4]),
        }
    }
    if let Ok((_, found)) = open(&store) {
        assert_eq!(found, ENTRIES);
    }
});
