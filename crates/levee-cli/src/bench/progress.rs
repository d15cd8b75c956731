//! What a person sees while a bench runs.

use super::collector::Tally;
use super::schedule::Limit;
use crate::progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levee_types::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the line is renewed.
const INTERVAL: Duration = Duration::from_millis(250);

/// The counters of one producer or reader.
#[derive(Debug, Default)]
pub(super) struct Progress {
    done: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// Shows a tally.
    pub(super) fn set(&self, tally: &Tally) {
        self.done.store(tally.done, Ordering::Relaxed);
        self.failed.store(tally.failed, Ordering::Relaxed);
    }
}

/// Shows the sum of `parts`, and how long it is to `limit`, until `work` is done, and returns its result.
pub(super) async fn show_until<T>(
    work: impl Future<Output = T>,
    parts: &[Arc<Progress>],
    record_bytes: Option<usize>,
    limit: Limit,
    clock: &dyn Clock,
) -> T {
    let bar = line(ProgressDrawTarget::stderr());
    let start = clock.monotonic();
    let mut ticks = tokio::time::interval(INTERVAL);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => {
                bar.finish_and_clear();
                return result;
            }
            _ = ticks.tick() => {
                let elapsed = clock.monotonic().saturating_sub(start);
                bar.set_message(text(parts, record_bytes, limit, elapsed));
            }
        }
    }
}

/// A line that is its message.
fn line(target: ProgressDrawTarget) -> ProgressBar {
    // The style that a line has otherwise draws a bar, and no message.
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    progress::line(target, style)
}

fn text(parts: &[Arc<Progress>], record_bytes: Option<usize>, limit: Limit, elapsed: Duration) -> String {
    let sum = |counter: fn(&Progress) -> &AtomicU64| -> u64 {
        parts.iter().map(|part| counter(part).load(Ordering::Relaxed)).sum()
    };
    let (done, failed) = (sum(|part| &part.done), sum(|part| &part.failed));
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let rate = done as f64 / seconds;
    let bytes =
        record_bytes.map_or_else(String::new, |bytes| format!(", {:.1} MB/s", rate * bytes as f64 / 1e6));
    let share = match limit {
        Limit::Records(records) => done as f64 / records as f64,
        Limit::Duration(duration) => seconds / duration.as_secs_f64(),
    };
    let left = progress::left(elapsed, share);
    format!("{seconds:.0} s: {done} records, {rate:.0}/s{bytes}, {failed} failed{left}")
}

#[cfg(test)]
mod tests;
