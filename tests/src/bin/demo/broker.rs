//! The broker of the demo: the real `leveed` on an empty directory, and `levee` beside it.
//!
//! Must hold: whatever way the demo ends, the process that it started is gone, and so is its directory.

use crate::{Result, TOPIC};
use levee_client::Client;
use levee_tests::broker::{self, START_WITHIN, Setup};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};
use tempfile::TempDir;

/// The broker, running or not.
pub(crate) struct Broker {
    // Before the directory, so that the process ends first.
    running: Option<broker::Broker>,
    setup: Setup,
    directory: TempDir,
}

impl Broker {
    /// Makes an empty directory and chooses ports. The directory lies beside the binaries, because
    /// temporary files often live in memory.
    pub(crate) fn new() -> Result<Self> {
        let program = broker::leveed();
        let binaries = program.parent().unwrap_or(Path::new("."));
        let directory = tempfile::Builder::new().prefix("demo-").tempdir_in(binaries)?;
        let setup = Setup::new(&directory.path().join("data"));
        Ok(Self { running: None, setup, directory })
    }

    /// What a client connects to.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.port)
    }

    /// Starts the broker and waits until it serves; says how long that took.
    pub(crate) async fn start(&mut self) -> Result<Duration> {
        let broker = self.running.insert(broker::Broker::spawn(&self.setup));
        match broker.ready(START_WITHIN).await {
            Ok(elapsed) => Ok(elapsed),
            Err(refusal) => {
                broker.expect_errors();
                Err(format!("leveed ended by itself: {refusal}").into())
            }
        }
    }

    /// Kills the broker with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut broker) = self.running.take() {
            broker.kill();
        }
    }

    /// Runs a command of `levee` on some names, as the operator.
    pub(crate) fn levee(&self, arguments: &[&str], names: &[impl AsRef<OsStr>]) -> Result<()> {
        let output = Command::new(broker::levee())
            // A person's own contexts are none of the demo's business.
            .env("XDG_CONFIG_HOME", self.directory.path())
            .env_remove("LEVEE_CONTEXT")
            .env("LEVEE_ENDPOINT", self.endpoint())
            .args(arguments)
            .args(names)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run levee: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(format!("levee {}: {}: {said}", arguments.join(" "), output.status).into())
    }

    /// Bytes of all files of the data directory.
    pub(crate) fn directory_bytes(&self) -> io::Result<u64> {
        bytes_below(&self.setup.data)
    }
}

/// Bytes that the broker stores for the topic of a tenant.
pub(crate) async fn stored_bytes(client: &Client) -> Result<u64> {
    let topic = client.admin().get_topic("", TOPIC).await?;
    Ok(topic.partitions.iter().map(|partition| partition.stored_bytes).sum())
}

fn bytes_below(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path())?,
            Ok(metadata) => metadata.len(),
            // The broker runs, and replaces files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}
