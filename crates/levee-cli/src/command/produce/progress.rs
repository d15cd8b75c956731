//! What a person sees while records are sent.

use crate::progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what is acknowledged.
pub(super) struct Progress {
    bar: ProgressBar,
    /// Bytes of the input that are acknowledged.
    bytes: Arc<AtomicU64>,
}

impl Progress {
    /// Nothing yet, of an input of so many bytes if that is known.
    pub(super) fn new(target: ProgressDrawTarget, size: Option<u64>) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let done = Arc::clone(&bytes);
        let left = move |state: &ProgressState, out: &mut dyn Write| {
            let share = size.map_or(0.0, |size| done.load(Ordering::Relaxed) as f64 / size as f64);
            // Nothing is lost when a part of a line cannot be drawn.
            let _ = out.write_str(&progress::left(state.elapsed(), share));
        };
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        let style = ProgressStyle::with_template("{pos} records acknowledged, {rate}{left}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self { bar: progress::line(target, style.with_key("rate", rate).with_key("left", left)), bytes }
    }

    /// One more record, of so many bytes of the input.
    pub(super) fn acked(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bar.inc(1);
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests;
