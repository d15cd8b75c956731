//! Which partition a record goes to.

/// The partition of a record with a key, as Kafka's default partitioner has it: users who come from
/// there find their keys together as before. `partitions` is at least 1.
pub(crate) fn by_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// MurmurHash2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    #[expect(clippy::cast_possible_truncation, reason = "a key has at most 64 KiB")]
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// Spreads records without a key: it stays with a partition until a batch's worth of bytes went there,
/// so that batches fill up, and then takes the next one in turn.
#[derive(Debug)]
pub(crate) struct Sticky {
    partition: u32,
    bytes: usize,
}

impl Sticky {
    /// Begins with a partition that the caller picked at random, so that producers spread out.
    pub(crate) fn starting_at(partition: u32) -> Self {
        Self { partition, bytes: 0 }
    }

    /// The partition, out of `partitions`, of a record of `bytes` bytes. `partitions` is at least 1.
    pub(crate) fn next(&mut self, bytes: usize, batch_bytes: usize, partitions: u32) -> u32 {
        if self.bytes > 0 && self.bytes + bytes > batch_bytes {
            self.partition = self.partition.wrapping_add(1);
            self.bytes = 0;
        }
        self.bytes += bytes.max(1);
        self.partition %= partitions;
        self.partition
    }
}

#[cfg(test)]
mod tests;
