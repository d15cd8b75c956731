//! Consent to what cannot be undone: `--yes`, or an answer where there is somebody to ask.

use crate::failure::Failure;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Returns once the user agrees to `action`, such as `delete topic acme/orders with all its records`.
///
/// # Errors
/// The user does not agree, or there is no terminal to ask on.
pub(crate) fn consent(yes: bool, action: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refused = || Failure::usage(format!("not confirmed: {action}")).with_hint("add --yes");
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return Err(refused());
    }
    let mut answer = String::new();
    write!(stderr, "{action}? [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut answer))
        .map_err(|error| Failure::io("terminal", &error))?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(refused()) }
}
