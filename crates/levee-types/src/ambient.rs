//! What programs usually take from their surroundings. Levee passes it in, so that storage and
//! coordinators run under a deterministic simulator.

use std::time::Duration;

/// Time.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time in Unix milliseconds; 0 before 1970. May jump.
    fn unix_ms(&self) -> i64;

    /// Time since an arbitrary moment. Never goes back.
    fn monotonic(&self) -> Duration;
}

/// Randomness.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
