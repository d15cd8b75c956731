//! A hash table without keys, and its hash function.

use std::hash::{BuildHasher as _, RandomState};

/// Where items stand in a slice, found by the hash of a key that is part of the item. Whoever has the slice
/// compares; so keys are kept once, and looking up takes no owned key.
///
/// Open addressing with linear probing, at most half full.
#[derive(Debug)]
pub(super) struct Slots(Box<[u32]>);

const FREE: u32 = u32::MAX;

impl Slots {
    /// For at most so many items.
    pub(super) fn for_items(items: usize) -> Self {
        Self(vec![FREE; (items * 2).next_power_of_two()].into())
    }

    /// The item that has this hash and `is_it`, or the slot that is free for it.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Result<u32, Slot> {
        let mask = self.0.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the lower bits are as good as any")]
        let mut slot = hash as usize & mask;
        loop {
            match self.0[slot] {
                FREE => return Err(Slot(slot)),
                item if is_it(item) => return Ok(item),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Puts an item where none was found.
    pub(super) fn fill(&mut self, slot: Slot, item: u32) {
        self.0[slot.0] = item;
    }
}

/// A free slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot(usize);

/// Hashes short texts, and what they are the text of.
///
/// Whoever is decided on has a say in the texts, so the hash is keyed: nobody can choose texts that meet in one
/// slot. It multiplies eight bytes at a time and folds the product, as in wyhash: the standard library's hash
/// would be most of what a decision costs.
#[derive(Debug)]
pub(super) struct Hashing {
    start: u64,
    factor: u64,
}

impl Hashing {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        // Odd: no bit of what is multiplied is lost.
        Self { start: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }

    /// The hash of a text as that of `what`.
    pub(super) fn tag(&self, text: TextHash, what: u64) -> u64 {
        self.step(text.0, what)
    }

    pub(super) fn text(&self, text: &[u8]) -> TextHash {
        let mut state = self.step(self.start, text.len() as u64);
        let (chunks, rest) = text.as_chunks();
        for chunk in chunks {
            state = self.step(state, u64::from_le_bytes(*chunk));
        }
        TextHash(match (rest, text.last_chunk()) {
            ([], _) => state,
            // Some bytes a second time is faster than so many and no more.
            (_, Some(last)) => self.step(state, u64::from_le_bytes(*last)),
            (rest, None) => self.step(state, rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
        })
    }

    fn step(&self, state: u64, word: u64) -> u64 {
        let product = u128::from(state ^ word) * u128::from(self.factor);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let folded = product as u64 ^ (product >> 64) as u64;
        folded
    }
}

/// Not yet a hash: no place of anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextHash(u64);

#[cfg(test)]
mod tests;
