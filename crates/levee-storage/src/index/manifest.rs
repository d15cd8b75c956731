//! RocksDB's MANIFEST, looked at before RocksDB opens it.
//!
//! A record whose type says that the file is a recycled log, which a MANIFEST never is, keeps the reader of
//! RocksDB 11.8 busy for ever: `log::Reader` neither passes over it nor gives up, so that one flipped bit
//! makes a broker that never starts and never says why. Everything else RocksDB notices by itself.
//!
//! The format is that of RocksDB's `db/log_format.h`: blocks of 32 KiB with records one behind the other,
//! none of which crosses a block. A record is checksum u32, length u16 (little endian), type u8, payload.

use std::fs;
use std::path::{Path, PathBuf};

const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;
/// Full, first, middle and last part of a record.
const TYPES: std::ops::RangeInclusive<u8> = 1..=4;

/// The MANIFEST of an index, and where the first record begins that RocksDB must not meet. A file that
/// cannot be read is none: what RocksDB says of it is better.
pub(super) fn impossible_record(index: &Path) -> Option<(PathBuf, usize)> {
    let current = fs::read_to_string(index.join("CURRENT")).ok()?;
    let name = current.trim_end();
    if !name.starts_with("MANIFEST-") || name.contains('/') {
        return None;
    }
    let path = index.join(name);
    let bytes = fs::read(&path).ok()?;
    first_impossible(&bytes).map(|position| (path, position))
}

fn first_impossible(manifest: &[u8]) -> Option<usize> {
    for (number, block) in manifest.chunks(BLOCK).enumerate() {
        let mut at = 0;
        while let Some(header) = block.get(at..at + HEADER) {
            let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
            match (header[6], length) {
                // Preallocated: the rest of the block was never written.
                (0, 0) => break,
                (kind, _) if !TYPES.contains(&kind) => return Some(number * BLOCK + at),
                _ => at += HEADER + length,
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
