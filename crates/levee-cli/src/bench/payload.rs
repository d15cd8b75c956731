//! What generated records are made of.

use crate::cli::bench::PayloadArg;
use bytes::Bytes;

/// Records do not repeat within this many bytes, so that no compressor finds one record in another of
/// its batch (which has at most 1 MiB).
const POOL_BYTES: usize = 1024 * 1024;

/// Words of the text payload.
const WORDS: [&str; 16] = [
    "river", "levee", "gate", "tide", "bank", "flood", "basin", "delta", "marsh", "canal", "weir", "sluice",
    "ford", "creek", "shore", "spring",
];

/// An endless supply of values of one size, all slices of one buffer.
#[derive(Debug)]
pub(super) struct Payload {
    pool: Bytes,
    record_bytes: usize,
    at: usize,
}

impl Payload {
    /// Values of `record_bytes` each; `seed` makes those of one producer differ from another's.
    pub(super) fn new(kind: PayloadArg, record_bytes: usize, seed: u64) -> Self {
        let size = POOL_BYTES + record_bytes;
        let mut random = SplitMix(seed);
        let mut pool = Vec::with_capacity(size + 16);
        while pool.len() < size {
            let number = random.next();
            match kind {
                PayloadArg::Random => pool.extend_from_slice(&number.to_le_bytes()),
                PayloadArg::Text => {
                    let word = WORDS[usize::from(number.to_le_bytes()[7] >> 4)];
                    pool.extend_from_slice(word.as_bytes());
                    pool.push(b' ');
                }
            }
        }
        pool.truncate(size);
        Self { pool: Bytes::from(pool), record_bytes, at: 0 }
    }

    /// The next value.
    pub(super) fn next(&mut self) -> Bytes {
        let end = self.at + self.record_bytes;
        let value = self.pool.slice(self.at..end);
        self.at = if end + self.record_bytes > self.pool.len() { 0 } else { end };
        value
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests;
