//! What a person sees while the demo runs: a bar on a terminal, a few plain lines otherwise. All of it
//! goes to standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::cell::Cell;
use std::fmt::Write;
use std::io::IsTerminal;

/// Into how many steps the plain lines divide the work.
const STEPS: u64 = 4;

/// The progress of one phase.
pub(crate) struct Progress {
    phase: &'static str,
    total: u64,
    bar: ProgressBar,
    /// The last step that was printed, without a terminal.
    step: Cell<u64>,
    is_terminal: bool,
}

impl Progress {
    /// Begins a phase of `total` flights.
    pub(crate) fn new(phase: &'static str, total: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_prefix(phase);
        let template = "{prefix:>9} {wide_bar} {human_pos} of {human_len} flights, {rate}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        Self { phase, total, bar, step: Cell::new(0), is_terminal }
    }

    /// Shows that so many flights are done.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        let step = (done * STEPS).checked_div(self.total).unwrap_or(STEPS);
        if !self.is_terminal && step > self.step.replace(step) {
            eprintln!("{:>9} {done} of {} flights", self.phase, self.total);
        }
    }

    /// Tells an event, above the bar.
    pub(crate) fn tell(&self, event: &str) {
        if self.is_terminal {
            self.bar.println(format!("{:>9} {event}", ""));
        } else {
            say("", event);
        }
    }

    /// Ends the phase.
    pub(crate) fn finish(self) {
        self.bar.finish();
    }
}

fn rate(state: &ProgressState, out: &mut dyn Write) {
    // Nothing is lost when a part of a bar cannot be drawn.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}

/// Tells what happens outside of a phase with a bar.
pub(crate) fn say(phase: &str, event: &str) {
    eprintln!("{phase:>9} {event}");
}
