//! Whose entries a sealed segment has.

use super::format::{ENTRY_HEADER, EntryHeader, Kind, SEGMENT_HEADER, Seed};
use super::recovery::JournalDamage;
use crate::keys;
use crate::operation::Operation;
use crate::segments::SegmentStore;
use levee_types::TenantId;
use std::collections::BTreeSet;
use std::io;

/// How much is read at a time, in bytes: payloads are skipped, so most of a larger piece would be read for nothing.
const READ_AHEAD: u64 = 64 * 1024;

/// The tenants of whom a sealed segment has a batch, a row or the name of one. `pace` is told how many bytes were read,
/// now and then, and ends it with `false`; then there is no answer.
///
/// # Errors
/// `Lost` for what is no chain of entries up to the seal.
pub(crate) fn tenants_of(
    store: &impl SegmentStore,
    journal: [u8; 16],
    segment: u64,
    mut pace: impl FnMut(u64) -> bool,
) -> Result<Option<BTreeSet<TenantId>>, JournalDamage> {
    let seed = Seed::new(journal);
    let length = store.length(segment)?;
    let mut tenants = BTreeSet::new();
    let mut position = SEGMENT_HEADER as u64;
    let (mut start, mut window) = (0, Vec::new());
    loop {
        let lost = || JournalDamage::Lost {
            segment,
            position,
            sequence: 0,
            evidence: "the segment is sealed further behind".to_owned(),
        };
        // The header first, and then with the operations that it says there are.
        let mut needed = ENTRY_HEADER;
        let header = loop {
            let end = position + needed as u64;
            if end > length {
                return Err(lost());
            }
            if position < start || end > start + window.len() as u64 {
                let ahead = (needed as u64).max(READ_AHEAD).min(length - position);
                start = position;
                window.clear();
                store.read(
                    segment,
                    position,
                    usize::try_from(ahead).map_err(io::Error::other)?,
                    &mut window,
                )?;
                if !pace(ahead) {
                    return Ok(None);
                }
            }
            let from = usize::try_from(position - start).map_err(io::Error::other)?;
            let bytes = &window[from..from + needed];
            let header = EntryHeader::peek(bytes).map_err(|_| lost())?;
            if needed == header.payload_start() {
                for operation in header.check(seed, bytes).map_err(|_| lost())? {
                    tenants.extend(tenants_in(&operation).into_iter().flatten());
                }
                break header;
            }
            needed = header.payload_start();
        };
        if header.kind == Kind::Seal {
            return Ok(Some(tenants));
        }
        position += header.size() as u64;
    }
}

/// Whose an operation is, and whom a row of the system is about.
fn tenants_in(operation: &Operation) -> [Option<TenantId>; 2] {
    match operation {
        Operation::Append(batch) | Operation::AppendStaged(batch, _) => [Some(batch.partition.tenant), None],
        Operation::Stage(batch) => [Some(batch.partition.tenant), None],
        Operation::SetKeys(keys) => [Some(keys.partition.tenant), None],
        Operation::Rewrite(rewrite) => [Some(rewrite.batch.partition.tenant), None],
        Operation::Put { key, .. } | Operation::Delete { key, .. } => [keys::owner(key), keys::subject(key)],
        Operation::DeleteRange { from, .. } => [keys::owner(from), None],
    }
}
