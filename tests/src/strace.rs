//! Failing and lying system calls, injected into a running broker by `strace`.

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A `strace` that is attached to one process and its threads, until dropped.
#[derive(Debug)]
pub struct Strace {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Strace {
    /// Why it cannot be used here, if it cannot.
    #[must_use]
    pub fn missing() -> Option<String> {
        let found = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match found {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("strace -V ends with {status}")),
            Err(error) => Some(format!("strace cannot be started: {error}")),
        }
    }

    /// Attaches to a process and all of its threads. `inject` is what follows `-e inject=`; with `path`,
    /// only calls on that file count.
    ///
    /// Counts in `when=` are those of each thread, from now on.
    ///
    /// # Panics
    /// When it cannot attach.
    #[must_use]
    pub fn attach(pid: Pid, inject: &str, path: Option<&Path>) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let calls = inject.split(':').next().unwrap_or_default();
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-o"]).arg(log.path());
        command.arg("-p").arg(pid.as_raw_nonzero().to_string());
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={inject}")]);
        if let Some(path) = path {
            command.arg("-P").arg(path);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("strace can be started");
        wait_attached(&mut child);
        Self { child, log }
    }

    /// When the first call was injected, since the epoch.
    #[must_use]
    pub fn first_injection(&self) -> Option<Duration> {
        let log = fs::read_to_string(self.log.path()).ok()?;
        let line = log.lines().find(|line| line.contains("(INJECTED)"))?;
        let seconds: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(Duration::from_secs_f64(seconds))
    }

    /// Waits until a call was injected; gives when, since the epoch.
    ///
    /// # Panics
    /// When none is, in time.
    pub async fn injected(&self, within: Duration) -> Duration {
        wait::until("a call is injected", within, || self.first_injection()).await
    }

    /// The calls that were injected.
    #[must_use]
    pub fn injections(&self) -> usize {
        fs::read_to_string(self.log.path()).unwrap_or_default().matches("(INJECTED)").count()
    }
}

/// Now, on the clock that strace writes.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// It says on its standard error that it has attached; the rest of what it says there is dropped.
fn wait_attached(child: &mut Child) {
    let pipe = child.stderr.take().expect("a pipe");
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    let mut said = String::new();
    loop {
        match told.recv_timeout(Duration::from_secs(10)) {
            Ok(line) if line.contains(" attached") => return,
            Ok(line) => said += &line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                panic!("strace did not attach: {said}");
            }
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It detaches; a KILL would take the traced process with it.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
