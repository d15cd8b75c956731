//! Segments in memory, for simulation: what is written but not synced can be lost or torn.

use super::{SegmentStore, WATERMARK_BYTES};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a disk writes as one: a torn write keeps some sectors and loses others.
const SECTOR: usize = 512;

/// Segments in memory.
#[derive(Default)]
pub struct MemorySegments {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    segments: BTreeMap<u64, Segment>,
    watermark: [u8; WATERMARK_BYTES],
    fault: Option<Fault>,
    syncs: u64,
}

#[derive(Default)]
struct Segment {
    /// What the next reader sees.
    written: Vec<u8>,
    /// What survives a power loss in any case.
    synced: Vec<u8>,
    /// Position and length of each write since the last sync.
    pending: Vec<(usize, usize)>,
}

/// The next operation of this kind fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write stores nothing and fails.
    Write,
    /// A sync fails. What was written can be read, but is not durable, and a later sync does not make it
    /// so: this is what Linux does.
    Sync,
    /// There is no room for a new segment.
    Create,
}

impl MemorySegments {
    /// Makes the next operation of a kind fail.
    pub fn inject(&self, fault: Fault) {
        self.lock().fault = Some(fault);
    }

    /// How often segments were synced.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Loses power: of each sector that was written and not synced, `keep` says whether it survives. A fault that
    /// nothing has met yet is over.
    pub fn lose_power(&self, mut keep: impl FnMut() -> bool) {
        let mut state = self.lock();
        state.fault = None;
        for segment in state.segments.values_mut() {
            let mut survived = std::mem::take(&mut segment.synced);
            for (position, length) in segment.pending.drain(..) {
                let mut at = position;
                while at < position + length {
                    let next = (position + length).min((at / SECTOR + 1) * SECTOR);
                    if keep() && next <= survived.len() {
                        survived[at..next].copy_from_slice(&segment.written[at..next]);
                    }
                    at = next;
                }
            }
            segment.written.clone_from(&survived);
            segment.synced = survived;
        }
    }

    /// Changes stored bytes, as a failing disk would.
    pub fn damage(&self, id: u64, position: usize, change: impl FnOnce(&mut u8)) {
        if let Some(segment) = self.lock().segments.get_mut(&id) {
            change(&mut segment.written[position]);
            segment.synced[position] = segment.written[position];
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(state: &mut State, fault: Fault) -> bool {
        if state.fault == Some(fault) {
            state.fault = None;
            return true;
        }
        false
    }
}

impl Segment {
    fn sync(&mut self) {
        for (position, length) in self.pending.drain(..) {
            let range = position..position + length;
            self.synced[range.clone()].copy_from_slice(&self.written[range]);
        }
    }
}

impl State {
    fn segment(&mut self, id: u64) -> io::Result<&mut Segment> {
        self.segments.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl SegmentStore for MemorySegments {
    fn list(&self) -> io::Result<Vec<u64>> {
        Ok(self.lock().segments.keys().copied().collect())
    }

    fn create(&self, id: u64, capacity: u64, header: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        if Self::fails(&mut state, Fault::Create) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.segments.contains_key(&id) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut written = header.to_vec();
        written.resize(usize::try_from(capacity).map_err(io::Error::other)?, 0);
        state.segments.insert(id, Segment { synced: written.clone(), written, pending: Vec::new() });
        Ok(())
    }

    fn remove(&self, id: u64) -> io::Result<()> {
        self.lock().segments.remove(&id).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn length(&self, id: u64) -> io::Result<u64> {
        Ok(self.lock().segment(id)?.written.len() as u64)
    }

    fn resize(&self, id: u64, length: u64) -> io::Result<()> {
        let mut state = self.lock();
        let segment = state.segment(id)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        segment.sync();
        segment.written.resize(length, 0);
        segment.synced.resize(length, 0);
        Ok(())
    }

    fn write(&self, id: u64, position: u64, parts: &[&[u8]]) -> io::Result<()> {
        let mut state = self.lock();
        if Self::fails(&mut state, Fault::Write) {
            return Err(io::Error::other("injected"));
        }
        let segment = state.segment(id)?;
        let start = usize::try_from(position).map_err(io::Error::other)?;
        let bytes = parts.concat();
        let target = segment.written.get_mut(start..start + bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        target.copy_from_slice(&bytes);
        segment.pending.push((start, bytes.len()));
        Ok(())
    }

    fn sync(&self, id: u64) -> io::Result<()> {
        let mut state = self.lock();
        let fails = Self::fails(&mut state, Fault::Sync);
        state.syncs += 1;
        let segment = state.segment(id)?;
        if fails {
            segment.pending.clear();
            return Err(io::Error::other("injected"));
        }
        segment.sync();
        Ok(())
    }

    fn read(&self, id: u64, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let mut state = self.lock();
        let segment = state.segment(id)?;
        let start = usize::try_from(position).map_err(io::Error::other)?;
        into.extend_from_slice(
            segment.written.get(start..start + length).ok_or(io::ErrorKind::UnexpectedEof)?,
        );
        Ok(())
    }

    fn watermark(&self) -> io::Result<[u8; WATERMARK_BYTES]> {
        Ok(self.lock().watermark)
    }

    fn set_watermark(&self, watermark: [u8; WATERMARK_BYTES]) -> io::Result<()> {
        self.lock().watermark = watermark;
        Ok(())
    }
}
