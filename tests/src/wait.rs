//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Between two looks at the condition.
const STEP: Duration = Duration::from_millis(5);

/// Looks until `condition` gives something.
///
/// # Panics
/// When the deadline has passed; `what` says what did not happen.
pub async fn until<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        tokio::time::sleep(STEP).await;
    }
}

/// The same on a thread that may block.
///
/// # Panics
/// As [`until`].
pub fn blocking<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        std::thread::sleep(STEP);
    }
}

/// Says, past the capture of the test harness, that a test did not run.
///
/// # Panics
/// When `LEVEE_NO_SKIP` is set: where everything must run, a skip is a failure.
pub fn skipped(test: &str, reason: &str) {
    use std::io::Write as _;
    // The macros are captured; this is not.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {reason}");
    assert!(std::env::var_os("LEVEE_NO_SKIP").is_none(), "SKIPPED {test}: {reason}");
}
