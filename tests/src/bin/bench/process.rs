//! The servers as processes: started, measured, ended.

use crate::bare::Reads;
use crate::{Bench, Result};
use levee_tests::broker::{Broker, Setup, free_port};
use levee_tests::raw::Raw;
use levee_tests::wait;
use rustix::process::Pid;
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Who produces and reads.
pub(crate) const TENANT: &str = "bench";
/// What is produced to, and read.
pub(crate) const TOPIC: &str = "records";

/// Of `utime` and `stime`: the same on every Linux, whatever the kernel's own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// The two that take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    Levee,
}

impl Kind {
    /// Both, each first every second time.
    pub(crate) fn turns(round: u32) -> [Self; 2] {
        if round.is_multiple_of(2) { [Self::Bare, Self::Levee] } else { [Self::Levee, Self::Bare] }
    }
}

/// A bare server.
pub(crate) struct Bare {
    child: Child,
    port: u16,
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running server with its directory.
pub(crate) struct Server {
    // Before the directory, so that the process ends first.
    process: Process,
    _directory: TempDir,
}

enum Process {
    Bare(Bare),
    Levee(Broker),
}

impl Server {
    /// Starts a server on an empty directory, with a topic. `capacity`: bytes of batches that are
    /// produced at most. `settings` are the broker's.
    pub(crate) async fn start(
        kind: Kind,
        bench: &Bench,
        partitions: u32,
        reads: Reads,
        capacity: u64,
        settings: &[(&str, u64)],
    ) -> Result<Self> {
        let directory = bench.fresh()?;
        let process = match kind {
            Kind::Bare => Process::Bare(start_bare(&directory, reads, capacity)?),
            Kind::Levee => {
                let setup =
                    settings.iter().fold(setup(&directory), |setup, (key, value)| setup.set(key, *value));
                let broker = Broker::start(&setup).await;
                create_topic(&broker.endpoint(), TOPIC, partitions).await?;
                Process::Levee(broker)
            }
        };
        Ok(Self { process, _directory: directory })
    }

    /// Where clients connect.
    pub(crate) fn endpoint(&self) -> String {
        match &self.process {
            Process::Bare(bare) => format!("http://127.0.0.1:{}", bare.port),
            Process::Levee(broker) => broker.endpoint(),
        }
    }

    /// CPU seconds that the process has used.
    pub(crate) fn cpu(&self) -> Result<f64> {
        match &self.process {
            Process::Bare(bare) => cpu(Pid::from_child(&bare.child)),
            Process::Levee(broker) => cpu(broker.pid()),
        }
    }
}

fn start_bare(directory: &TempDir, reads: Reads, capacity: u64) -> Result<Bare> {
    let port = free_port();
    let child = Command::new(std::env::current_exe()?)
        .arg("bare")
        .arg("--file")
        .arg(directory.path().join("records"))
        .args(["--port", &port.to_string(), "--capacity", &capacity.to_string()])
        .args(["--reads", reads.name()])
        .stdin(Stdio::null())
        .spawn()?;
    let mut bare = Bare { child, port };
    wait::blocking("the bare server listens", Duration::from_secs(60), || {
        let ended = bare.child.try_wait().ok().flatten();
        assert!(ended.is_none(), "the bare server ended: {ended:?}");
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    Ok(bare)
}

/// A broker with default settings below this directory.
pub(crate) fn setup(directory: &TempDir) -> Setup {
    Setup::new(&directory.path().join("data"))
}

/// Creates the tenant, if need be, and a topic.
pub(crate) async fn create_topic(endpoint: &str, topic: &str, partitions: u32) -> Result<()> {
    let operator = Raw::operator(endpoint);
    operator.create_tenant(TENANT).await?;
    operator.create_topics(TENANT, &[topic], partitions).await?;
    Ok(())
}

/// User and system CPU seconds of a process.
pub(crate) fn cpu(pid: Pid) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or_else(|| "odd /proc/<pid>/stat".into())
}

/// `utime` and `stime`. What comes before, the name in parentheses, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Bytes that a process had written to the disk, the index included.
pub(crate) fn written(pid: Pid) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{}/io", pid.as_raw_nonzero()))?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("odd /proc/<pid>/io")?.parse()?)
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(pid: Pid) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ticks_come_after_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 5 6 20 0 1 0 100 1 1";
        assert_eq!(super::ticks(stat), Some(42));
        assert_eq!(super::ticks(""), None);
    }
}
