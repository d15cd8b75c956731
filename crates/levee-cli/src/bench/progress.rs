//! What a person sees while a bench runs. Nothing is shown where nobody looks: in a pipe.

use super::collector::Tally;
use indicatif::{ProgressBar, ProgressDrawTarget};
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

/// Shows the sum of `parts` until `work` is done, and returns its result.
pub(super) async fn show_until<T>(
    work: impl Future<Output = T>,
    parts: &[Arc<Progress>],
    record_bytes: Option<usize>,
    clock: &dyn Clock,
) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
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
                let sum = |counter: fn(&Progress) -> &AtomicU64| -> u64 {
                    parts.iter().map(|part| counter(part).load(Ordering::Relaxed)).sum()
                };
                let (done, failed) = (sum(|part| &part.done), sum(|part| &part.failed));
                let seconds = clock.monotonic().saturating_sub(start).as_secs_f64().max(1e-3);
                let rate = done as f64 / seconds;
                let bytes = record_bytes.map_or_else(String::new, |bytes| {
                    format!(", {:.1} MB/s", rate * bytes as f64 / 1e6)
                });
                bar.set_message(format!("{seconds:.0} s: {done} records, {rate:.0}/s{bytes}, {failed} failed"));
            }
        }
    }
}
