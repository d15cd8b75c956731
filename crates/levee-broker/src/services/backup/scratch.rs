//! A directory that is removed with all that is in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A directory that goes when this is dropped. What a death of the broker leaves goes at its next start.
pub(super) struct Scratch {
    path: PathBuf,
    tasks: TaskTracker,
}

impl Scratch {
    /// Nothing is made yet.
    pub(super) fn new(path: PathBuf, tasks: TaskTracker) -> Self {
        Self { path, tasks }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        let remove = move || match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "what a restore left cannot be removed");
            }
            _ => {}
        };
        // Without a runtime the broker is gone as well.
        if Handle::try_current().is_ok() {
            self.tasks.spawn_blocking(remove);
        }
    }
}
