//! When to stop.

use std::future::Future;
use std::io;
use std::process;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code after a second signal: whatever was running was not waited for.
const EXIT_AT_ONCE: i32 = 130;

/// Resolves at the first SIGTERM or SIGINT. The second one ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub(crate) fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        impatient(terminate, interrupt);
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "it outlives everything that could own it")]
fn impatient(mut terminate: Signal, mut interrupt: Signal) {
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        eprintln!("leveed: a second signal: ending at once");
        process::exit(EXIT_AT_ONCE);
    });
}
