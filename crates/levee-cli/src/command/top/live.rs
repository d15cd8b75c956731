//! `levee top` on a terminal: drawn in place again and again, until somebody ends it.

use super::Watch;
use super::screen::{Screen, pressed_q};
use crate::failure::Failure;
use crate::output::{self, Format, View};
use crate::units::show_duration;
use tokio::signal::unix::{SignalKind, signal};

/// The last round is the result: it stays when the screen is gone.
pub(super) async fn run(watch: &mut Watch<'_>, format: Format) -> Result<View, Failure> {
    let failed = |error| Failure::io("terminal", &error);
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut screen = Screen::open().map_err(failed)?;
    let has_keys = screen.has_keys();
    let mut last = View::default();
    let outcome = tokio::select! {
        outcome = draw(watch, &mut screen, format, &mut last) => outcome,
        () = pressed_q(has_keys) => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminated.recv() => Ok(()),
    };
    drop(screen);
    outcome.map(|()| last)
}

/// Never ends by itself. A server that is away is waited for.
async fn draw(
    watch: &mut Watch<'_>,
    screen: &mut Screen,
    format: Format,
    last: &mut View,
) -> Result<(), Failure> {
    let every = show_duration(watch.args.interval);
    loop {
        let said = match watch.look().await {
            Ok(view) => {
                *last = view;
                format!("every {every}; q ends")
            }
            Err(failure) if failure.retryable => format!("waiting for the server: {}", failure.message),
            Err(failure) => return Err(failure),
        };
        let text = format!("levee top: {said}\n\n{}", output::text(format, last)?);
        screen.draw(&text).map_err(|error| output::stdout_failed(&error))?;
        tokio::time::sleep(watch.args.interval).await;
    }
}
