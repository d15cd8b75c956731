//! How a broker is started: the same each time, so that a restart is a restart.

use super::binary::leveed;
use crate::tls::Certificate;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which Linux takes ports for outgoing connections: a port that is free stays free
/// while a broker restarts.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The data directory, ports and settings of a broker.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The data directory.
    pub data: PathBuf,
    /// gRPC, on loopback.
    pub port: u16,
    /// Metrics and health over HTTP, on loopback.
    pub http_port: u16,
    /// A command that the broker's command line is given to.
    pub wrapper: Vec<OsString>,
    /// Errors in its log are no failure.
    pub expects_errors: bool,
    /// Without authentication.
    pub(super) is_dev: bool,
    pub(super) has_tls: bool,
    /// Its configuration file.
    config: Option<PathBuf>,
    settings: Vec<(String, String)>,
}

impl Setup {
    /// A broker on this directory with free ports and default settings, that asks nobody who they are.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            port: free_port(),
            http_port: free_port(),
            wrapper: Vec::new(),
            expects_errors: false,
            is_dev: true,
            has_tls: false,
            config: None,
            settings: Vec::new(),
        }
    }

    /// The same with another value of a setting, named as in `leveed.toml`: `storage.segment_bytes`.
    #[must_use]
    pub fn set(self, key: &str, value: u64) -> Self {
        self.set_text(key, &value.to_string())
    }

    /// The same for a setting that is a text.
    #[must_use]
    pub fn set_text(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same, but it asks everybody who they are.
    #[must_use]
    pub fn with_authentication(mut self) -> Self {
        self.is_dev = false;
        self
    }

    /// The same with TLS.
    ///
    /// # Panics
    /// When the path is no text.
    #[must_use]
    pub fn with_tls(mut self, certificate: &Certificate) -> Self {
        self.has_tls = true;
        let text = |path: &Path| path.to_str().expect("a path").to_owned();
        self.set_text("tls.certificate_file", &text(&certificate.certificate_file))
            .set_text("tls.key_file", &text(&certificate.key_file))
    }

    /// The same with a configuration file.
    #[must_use]
    pub fn with_config(mut self, file: &Path) -> Self {
        self.config = Some(file.to_owned());
        self
    }

    /// The same, started through another command, such as `prlimit`.
    #[must_use]
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(OsString::from).collect();
        self
    }

    /// The same, with errors in the log announced.
    #[must_use]
    pub fn expecting_errors(mut self) -> Self {
        self.expects_errors = true;
        self
    }

    /// The same on a copy of the data directory, with ports of its own.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn on(&self, data: &Path) -> Self {
        Self { data: data.to_owned(), port: free_port(), http_port: free_port(), ..self.clone() }
    }

    pub(super) fn command(&self) -> Command {
        let binary = leveed().into_os_string();
        let line: Vec<_> = self.wrapper.iter().cloned().chain([binary]).collect();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).arg("--data").arg(&self.data);
        if self.is_dev {
            command.arg("--dev");
        }
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port));
        command.arg("--http-listen").arg(format!("127.0.0.1:{}", self.http_port));
        // Those of the tests themselves are none that the broker knows.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LEVEE_"))
        {
            command.env_remove(name);
        }
        for (key, value) in &self.settings {
            command.env(format!("LEVEE_{}", key.to_uppercase().replace('.', "_")), value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A port of loopback that nobody listens on, and that no other call in this process gets.
///
/// # Panics
/// When none is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes that run at once begin at different places.
    let first = u16::try_from(std::process::id() * 97 % u32::from(count)).unwrap_or(0);
    for _ in 0..count {
        let place = (u32::from(first) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(count);
        let port = PORTS.start + u16::try_from(place).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
