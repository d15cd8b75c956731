//! Randomness of a run, from a seed that is printed, so that a run can be repeated (up to the timing of
//! real processes): `LEVEE_SEED=…`.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64. Source: <https://prng.di.unimi.it/splitmix64.c>, public domain.
#[derive(Debug, Clone)]
pub struct Seed(u64);

impl Seed {
    /// From `LEVEE_SEED`, else from the time; prints it.
    #[must_use]
    pub fn from_env(test: &str) -> Self {
        let given = std::env::var("LEVEE_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.as_secs() ^ u64::from(now.subsec_nanos()).rotate_left(32)
        });
        println!("{test}: LEVEE_SEED={seed}");
        Self(seed)
    }

    /// This seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "not an iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of the range, which is not empty.
    pub fn range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// A time of the range, in milliseconds.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.range(range))
    }

    /// An index below `length`, which is not 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.range(0..length as u64)).unwrap_or(0)
    }

    /// Another independent sequence.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
