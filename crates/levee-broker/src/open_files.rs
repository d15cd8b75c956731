//! Open files: how many descriptors the process may have, and how many of them connections may take.
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

/// How many of `wanted` connections may be open. Says so when that is not all of them.
#[must_use]
pub fn allow_connections(wanted: usize) -> usize {
    lower(wanted, for_connections())
}

fn lower(wanted: usize, possible: usize) -> usize {
    if wanted > possible {
        tracing::warn!(
            wanted,
            possible,
            "grpc.max_connections is lowered to half of the limit of open files (ulimit -n); raise that limit, \
             or lower the setting"
        );
    }
    wanted.min(possible)
}

/// How many connections there can be: half of the descriptors. Storage keeps at most a few hundred open,
/// and with a small limit has few files.
fn for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::lower;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_operator_is_told_of_fewer_connections_than_were_set() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(lower(10, 10), 10);
            assert!(lines.0.lock().unwrap().is_empty());
            assert_eq!(lower(11, 10), 10);
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("WARN") && said.contains("grpc.max_connections"), "{said}");
    }
}
