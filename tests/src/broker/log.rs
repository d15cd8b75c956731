//! What a broker writes, line by line, while it runs.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Lines that are shown when something fails.
const TAIL: usize = 60;

/// Standard output and standard error of one process.
#[derive(Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

impl Log {
    /// Takes the pipes of a child and reads them to their end.
    pub(super) fn of(child: &mut Child) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let out = child.stdout.take().map(|pipe| gather(pipe, Arc::clone(&lines)));
        let err = child.stderr.take().map(|pipe| gather(pipe, Arc::clone(&lines)));
        Self { lines, readers: Mutex::new(out.into_iter().chain(err).collect()) }
    }

    /// Everything, once the process has ended: waits until its pipes are closed.
    #[must_use]
    pub fn complete(&self) -> String {
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = reader.join();
        }
        self.so_far()
    }

    /// Everything that has arrived.
    #[must_use]
    pub fn so_far(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// The last lines that have arrived.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

fn gather(pipe: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            line.clear();
        }
    })
}

/// The lines that report an error or a panic.
pub(super) fn errors(log: &str) -> Vec<&str> {
    log.lines().filter(|line| is_error(line)).collect()
}

fn is_error(line: &str) -> bool {
    if line.contains("panicked at") {
        return !is_spurious(line);
    }
    match serde_json::from_str::<serde_json::Value>(line) {
        Ok(json) => json.get("level").is_some_and(|level| level == "ERROR"),
        Err(_) => line.split_whitespace().take(3).any(|word| word == "ERROR"),
    }
}

/// A debug assertion of h2, not there in release builds, that a connection meets which is cut while streams are open:
/// hyperium/h2#907.
fn is_spurious(panic: &str) -> bool {
    panic.contains("/h2-") && panic.contains("/src/proto/streams/counts.rs:369:")
}

#[cfg(test)]
mod tests {
    use super::errors;

    #[test]
    fn errors_in_both_formats() {
        let log = r#"{"timestamp":"t","level":"ERROR","message":"a"}
{"timestamp":"t","level":"INFO","message":"ERROR"}
2026-01-01T00:00:00Z ERROR leveed: b
2026-01-01T00:00:00Z  INFO leveed: no ERROR here
thread 'worker' (1) panicked at /crates/h2-0.4.20/src/proto/streams/counts.rs:369:13:
thread 'main' panicked at src/main.rs:1"#;
        let found = errors(log);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
