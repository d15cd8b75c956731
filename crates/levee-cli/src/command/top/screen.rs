//! A terminal that is drawn in place.
//!
//! Must hold: however the command ends, the terminal is as it was.

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use tokio::task::spawn_blocking;

/// The other screen of the terminal, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The terminal, until this is dropped.
pub(super) struct Screen {
    /// How standard input was, if it is a terminal.
    before: Option<Termios>,
}

impl Screen {
    /// # Errors
    /// The terminal does not work.
    pub(super) fn open() -> io::Result<Self> {
        let mut screen = Self { before: None };
        if io::stdin().is_terminal() {
            let before = tcgetattr(io::stdin())?;
            let mut keys = before.clone();
            // Keys come at once and are not shown. Ctrl-Z would leave the terminal so, and means nothing.
            keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            keys.special_codes[SpecialCodeIndex::VSUSP] = 0;
            tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
            screen.before = Some(before);
        }
        put(ENTER)?;
        Ok(screen)
    }

    /// Whether somebody can press keys.
    pub(super) fn has_keys(&self) -> bool {
        self.before.is_some()
    }

    /// Draws as much as there is room for.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn draw(&mut self, text: &str) -> io::Result<()> {
        let (rows, columns) = size();
        put(&frame(text, rows, columns))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone need not be put right.
        let _ = put(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Rows and columns; those of the first terminals where nobody knows.
fn size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (24, 80),
    }
}

/// The lines from the upper left corner on, each over what was there before, and nothing below them.
fn frame(text: &str, rows: usize, columns: usize) -> String {
    let mut frame = "\x1b[H".to_owned();
    for (at, line) in text.lines().take(rows).enumerate() {
        if at > 0 {
            frame.push_str("\r\n");
        }
        frame.extend(line.chars().take(columns));
        frame.push_str("\x1b[K");
    }
    frame.push_str("\x1b[J");
    frame
}

fn put(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Resolves when q is pressed; never where no keys can be. A thread waits for them, since nothing else can wait for a
/// terminal.
pub(super) async fn pressed_q(has_keys: bool) {
    let wait = || io::stdin().lock().bytes().map_while(Result::ok).any(|key| matches!(key, b'q' | b'Q'));
    if !has_keys || !spawn_blocking(wait).await.unwrap_or(false) {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
