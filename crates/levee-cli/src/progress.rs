//! What a person sees while long work runs: one line on standard error, renewed in place, and gone at the
//! end. Nothing where nobody looks: in a pipe.

use crate::units::show_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// The line, drawn in this style.
pub(crate) fn line(target: ProgressDrawTarget, style: ProgressStyle) -> ProgressBar {
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// `, 8s left`: how long work goes on of which this share (0 to 1) took `elapsed`. Empty as long as that
/// says nothing.
pub(crate) fn left(elapsed: Duration, share: f64) -> String {
    let seconds = (elapsed.as_secs_f64() * (1.0 / share - 1.0)).max(0.0).ceil();
    match Duration::try_from_secs_f64(seconds) {
        Ok(left) if share > 0.0 => format!(", {} left", show_duration(left)),
        _ => String::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
