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

/// The same for a condition that takes a while to look at, such as a call.
///
/// # Panics
/// As [`until`].
pub async fn poll<T>(what: &str, within: Duration, condition: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = condition().await {
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

/// Says, past the capture of the test harness, that a test did not run: on standard error, and in the file
/// that the variable `LEVEE_SKIPPED` names, so that it is not counted as passed. Call it on the thread of the
/// test, whose name the test has.
///
/// A line of the file: the test binary, the test and why, between tabs. A test that gives up several times
/// has several lines.
///
/// # Panics
/// When `LEVEE_NO_SKIP` is set: where everything must run, a skip is a failure. When the file cannot be
/// written.
pub fn skipped(test: &str, reason: &str) {
    use std::io::Write as _;
    // The macros are captured; this is not.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {reason}");
    assert!(std::env::var_os("LEVEE_NO_SKIP").is_none(), "SKIPPED {test}: {reason}");
    let Some(file) = std::env::var_os("LEVEE_SKIPPED") else { return };
    let binary = std::env::current_exe().unwrap_or_default();
    let thread = std::thread::current();
    let line = format!("{}\t{}\t{test}: {reason}\n", binary.display(), thread.name().unwrap_or(test));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("LEVEE_SKIPPED");
    // In one call, so that lines of tests that run at once stay whole.
    file.write_all(line.as_bytes()).expect("LEVEE_SKIPPED");
}
