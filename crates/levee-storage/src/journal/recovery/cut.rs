//! Cutting a journal that nobody has open, for restores to a position or time between two backups.

use super::JournalDamage;
use super::chain::Chain;
use super::scan::{Found, Scan};
use crate::keys;
use crate::operation::Operation;
use crate::restore::Until;
use crate::rows::{AuditEventRow, Checkpoint};
use crate::segments::SegmentStore;
use prost::Message as _;
use std::collections::BTreeMap;

/// Ends a journal behind the last entry that is to stay, and tells which that is. `from`: the entry up to which the
/// index goes, which stays in any case.
pub(crate) fn cut(
    store: &impl SegmentStore,
    journal: [u8; 16],
    from: Option<Checkpoint>,
    until: Until,
) -> Result<u64, JournalDamage> {
    let ids = store.list()?;
    let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else {
        return Err(JournalDamage::Missing { segment: 1 });
    };
    let chain = Chain { first, last, unused: None, sealed: BTreeMap::new(), journal };
    let mut scan = Scan::start(store, &chain, from)?;
    let mut end = (scan.segment, scan.position, scan.sequence - 1);
    loop {
        match scan.next()? {
            Found::Entry(entry) if is_behind(until, entry.written.at.sequence, &entry.operations) => break,
            Found::Entry(entry) => end = (scan.segment, scan.position, entry.written.at.sequence),
            Found::Seal if scan.segment < last => {
                let next = scan.segment + 1;
                if !ids.contains(&next) {
                    return Err(JournalDamage::Missing { segment: next });
                }
                scan.enter(next)?;
                end = (scan.segment, scan.position, end.2);
            }
            Found::Nothing if scan.segment < last => {
                return Err(scan.lost(format!("segment {} follows", scan.segment + 1)));
            }
            Found::Seal | Found::Nothing => break,
        }
    }
    let (segment, position, sequence) = end;
    for id in ids.into_iter().rev().take_while(|id| *id > segment) {
        store.remove(id)?;
    }
    store.resize(segment, position)?;
    Ok(sequence)
}

fn is_behind(until: Until, sequence: u64, operations: &[Operation]) -> bool {
    match until {
        Until::End => false,
        Until::Sequence(last) => sequence > last,
        Until::Time(time_ms) => operations.iter().filter_map(made_ms).any(|made_ms| made_ms > time_ms),
    }
}

/// When an operation was decided, if it says so: appends do, and so does the event that each change of the catalog
/// has. What was written again by the broker itself has the time of the first time.
fn made_ms(operation: &Operation) -> Option<i64> {
    match operation {
        Operation::Append(batch) | Operation::AppendStaged(batch, _) => Some(batch.append_time_ms),
        Operation::Put { key, value, .. } if keys::is_audit_event(key) => {
            AuditEventRow::decode(&value[..]).ok().map(|event| event.time_ms)
        }
        _ => None,
    }
}
