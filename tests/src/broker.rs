//! A real `leveed` as a child process.
//!
//! Must hold: only processes that were started here are ever signalled, and they end with the value that
//! stands for them; a broker that logs an error that the test did not announce fails the test.

mod binary;
mod http;
mod log;
mod setup;

pub use binary::{levee, leveed};
pub use log::Log;
pub use setup::{Setup, free_port};

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use tonic::Streaming;
use tonic::transport::Endpoint;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// A start that takes longer than this has failed. Far more than any start needs, on a busy machine.
pub const START_WITHIN: Duration = Duration::from_secs(60);

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    log: Log,
    port: u16,
    http_port: u16,
    /// Its health can be asked for over gRPC without TLS and credential.
    is_plain: bool,
    ended: Option<ExitStatus>,
    expects_errors: bool,
    started: Instant,
}

/// A broker that ended instead of becoming ready.
#[derive(Debug)]
pub struct Refusal {
    /// How.
    pub status: ExitStatus,
    /// All that it wrote.
    pub log: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.status, self.log)
    }
}

impl Broker {
    /// Starts the process and waits for nothing.
    ///
    /// # Panics
    /// When the binary is missing; the message says how to build it.
    #[must_use]
    pub fn spawn(setup: &Setup) -> Self {
        let mut child = setup.command().spawn().expect("leveed can be started");
        let log = Log::of(&mut child);
        let expects_errors = setup.expects_errors;
        Self {
            child,
            log,
            port: setup.port,
            http_port: setup.http_port,
            is_plain: setup.is_dev && !setup.has_tls,
            ended: None,
            expects_errors,
            started: Instant::now(),
        }
    }

    /// Starts a broker and waits until it serves.
    ///
    /// # Panics
    /// When it ends or does not serve within [`START_WITHIN`].
    pub async fn start(setup: &Setup) -> Self {
        Self::try_start(setup).await.unwrap_or_else(|refusal| panic!("leveed ended at its start: {refusal}"))
    }

    /// Starts a broker and waits until it serves or has ended by itself.
    ///
    /// # Errors
    /// When it has ended.
    ///
    /// # Panics
    /// When neither happens within [`START_WITHIN`].
    pub async fn try_start(setup: &Setup) -> Result<Self, Refusal> {
        let mut broker = Self::spawn(setup);
        match broker.ready(START_WITHIN).await {
            Ok(_) => Ok(broker),
            Err(refusal) => {
                // Saying why it ends, as an error, is its duty here.
                broker.expects_errors = true;
                Err(refusal)
            }
        }
    }

    /// Waits until it serves; gives the time since its start.
    ///
    /// # Errors
    /// When it has ended.
    ///
    /// # Panics
    /// When neither happens in time.
    pub async fn ready(&mut self, within: Duration) -> Result<Duration, Refusal> {
        let deadline = Instant::now() + within;
        loop {
            if self.is_ready().await {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.exited() {
                return Err(Refusal { status, log: self.log.complete() });
            }
            assert!(
                Instant::now() < deadline,
                "leveed does not serve within {within:?}:\n{}",
                self.log.tail()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it serves: by the standard health service, or over HTTP where that asks for a credential or TLS.
    async fn is_ready(&self) -> bool {
        if self.is_plain {
            return self.health().await == Some(ServingStatus::Serving);
        }
        let port = self.http_port;
        tokio::task::spawn_blocking(move || http::status(port, "/health/ready") == Some(200))
            .await
            .unwrap_or(false)
    }

    /// What the standard health service answers within a second; `None` when nothing answers.
    pub async fn health(&self) -> Option<ServingStatus> {
        let ask = async {
            let mut client = HealthClient::new(self.channel()?.connect().await.ok()?);
            let answer = client.check(HealthCheckRequest::default()).await.ok()?;
            Some(answer.get_ref().status())
        };
        tokio::time::timeout(Duration::from_secs(1), ask).await.ok()?
    }

    /// What the health service tells from now on, after it has said that it serves.
    ///
    /// # Panics
    /// When it does not say so.
    pub async fn watch_health(&self) -> Streaming<HealthCheckResponse> {
        let channel = self.channel().expect("an endpoint").connect().await.expect("leveed takes connections");
        let mut client = HealthClient::new(channel);
        let answer = client.watch(HealthCheckRequest::default()).await.expect("health can be watched");
        let mut told = answer.into_inner();
        let first = tokio::time::timeout(START_WITHIN, told.message()).await.expect("it says something");
        let first = first.expect("it says something").expect("it says something");
        assert_eq!(first.status(), ServingStatus::Serving);
        told
    }

    fn channel(&self) -> Option<Endpoint> {
        Endpoint::from_shared(self.endpoint()).ok()
    }

    /// Where clients connect.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The most memory that it ever had, in KiB.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn most_memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(status).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("what Linux tells");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The number of the process.
    ///
    /// # Panics
    /// Never: a child has a number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The token of the first operator, if it was told by now.
    #[must_use]
    pub fn bootstrap_token(&self) -> Option<String> {
        let log = self.log.so_far();
        log.lines().map(str::trim).find(|line| line.starts_with("levee_")).map(str::to_owned)
    }

    /// From now on, errors in its log are no failure.
    pub fn expect_errors(&mut self) {
        self.expects_errors = true;
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exited().is_none() {
            // Our own child that was not waited for: the number cannot belong to another process.
            let _ = kill_process(self.pid(), signal);
        }
    }

    /// SIGSTOP, and waits until it stands still.
    ///
    /// # Panics
    /// When it does not.
    pub async fn halt(&mut self) {
        self.signal(Signal::STOP);
        let path = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let stopped = || {
            let stat = std::fs::read_to_string(&path).ok()?;
            // The state follows the name, which is in parentheses.
            stat.rsplit_once(") ")?.1.starts_with(['T', 't']).then_some(())
        };
        wait::until("leveed stands still", Duration::from_secs(10), stopped).await;
    }

    /// The status, when it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended in time.
    pub async fn wait(&mut self, within: Duration) -> ExitStatus {
        wait::until("leveed ends", within, || self.exited()).await
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        wait::blocking("leveed is dead", Duration::from_secs(30), || self.exited());
    }

    /// SIGTERM; it must end well within 30 seconds.
    ///
    /// # Panics
    /// When it does not.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(Duration::from_secs(30)).await;
        assert!(status.success(), "leveed ended with {status} on SIGTERM:\n{}", self.log.tail());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.exited().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let complete = self.log.complete();
        if std::thread::panicking() {
            println!("the log of leveed ends with:\n{}", self.log.tail());
        } else if !self.expects_errors {
            let errors = log::errors(&complete);
            assert!(errors.is_empty(), "leveed logged errors:\n{}", errors.join("\n"));
        }
    }
}
