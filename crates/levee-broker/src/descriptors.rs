//! File descriptors: how many the process may have, and how many of them connections may take.
//!
//! Must hold: storage never runs out of them because of clients. A segment or a table of the index that
//! cannot be opened is a failure of storage, and would end the broker.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of this process as far as it may.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// How many connections may be open: half of the descriptors. Storage keeps at most a few hundred open,
/// and with a small limit has few files.
#[must_use]
pub fn for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}
