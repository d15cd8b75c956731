//! Everything that an operator can set, with unit, range and default.
//!
//! A flag wins over the environment, the environment over the file, the file over the default. The
//! variable of a key is `LEVEE_` and the key in upper case with `_` for each dot.
//!
//! Must hold: an unknown key is an error; a value outside of its range is an error; all errors of a
//! configuration are reported at once; `config/leveed.toml` holds every key with its default and range,
//! commented out.

mod backup;
mod check;
mod load;
mod tls;

#[cfg(test)]
mod tests;

pub use backup::BackupSettings;
pub use check::check;
pub(crate) use load::nearest;
pub use load::{Invalid, Overrides, load};
pub use tls::TlsSettings;

use levee_storage::ShardSettings;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// All settings of `leveed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where journal and index live; created with mode 0700. Default `/var/lib/levee`; a temporary directory
    /// with `--dev`.
    pub data_dir: PathBuf,
    /// A file with the token of the first operator, read when there is no operator yet. Default empty: a token is
    /// made and printed once.
    pub bootstrap_token_file: PathBuf,
    /// gRPC.
    pub grpc: GrpcSettings,
    /// TLS of gRPC.
    pub tls: TlsSettings,
    /// Metrics and health over HTTP.
    pub http: HttpSettings,
    /// What is measured.
    pub metrics: MetricsSettings,
    /// Who may connect.
    pub auth: AuthSettings,
    /// What tenants get.
    pub tenants: TenantSettings,
    /// What topics have that do not say.
    pub topics: TopicSettings,
    /// What all tenants may use together.
    pub node: NodeSettings,
    /// Journal, index and caches.
    pub storage: ShardSettings,
    /// Where backups go.
    pub backup: BackupSettings,
    /// Threads.
    pub runtime: RuntimeSettings,
    /// Log lines.
    pub log: LogSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/levee"),
            bootstrap_token_file: PathBuf::new(),
            grpc: GrpcSettings::default(),
            tls: TlsSettings::default(),
            http: HttpSettings::default(),
            metrics: MetricsSettings::default(),
            auth: AuthSettings::default(),
            tenants: TenantSettings::default(),
            topics: TopicSettings::default(),
            node: NodeSettings::default(),
            storage: ShardSettings::default(),
            backup: BackupSettings::default(),
            runtime: RuntimeSettings::default(),
            log: LogSettings::default(),
        }
    }
}

/// The gRPC listener and what its connections and calls may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcSettings {
    /// Address and port. Default `0.0.0.0:9400`; `127.0.0.1:9400` with `--dev`.
    pub listen: SocketAddr,
    /// Open connections; one more is closed at once. 1 to 1,000,000, default 10,000.
    pub max_connections: usize,
    /// Milliseconds after which a connection is asked to go; clients connect again by themselves. 1,000
    /// to 604,800,000 (a week), default 3,600,000 (1 h).
    pub connection_age_ms: u64,
    /// Milliseconds from then until it is cut. 1,000 to 3,600,000, default 30,000.
    pub connection_age_grace_ms: u64,
    /// Milliseconds for one call that is not a stream, from its headers to its answer. A client may set
    /// a shorter time for itself. 100 to 600,000, default 30,000.
    pub request_timeout_ms: u64,
    /// Milliseconds without a message after which a produce stream or the import of a tenant ends. 1,000 to 86,400,000,
    /// default 300,000 (5 min).
    pub idle_timeout_ms: u64,
    /// Milliseconds for what is running when the broker is told to stop. 0 to 25,000, default 25,000:
    /// with what comes after, the whole stop stays within 30 s.
    pub drain_timeout_ms: u64,
    /// Whether to describe the protocol over gRPC reflection. Default false; always on with `--dev`.
    pub reflection: bool,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9400),
            max_connections: 10_000,
            connection_age_ms: 3_600_000,
            connection_age_grace_ms: 30_000,
            request_timeout_ms: 30_000,
            idle_timeout_ms: 300_000,
            drain_timeout_ms: 25_000,
            reflection: false,
        }
    }
}

impl GrpcSettings {
    /// After which a connection is asked to go.
    #[must_use]
    pub fn connection_age(&self) -> Duration {
        Duration::from_millis(self.connection_age_ms)
    }

    /// From then until it is cut.
    #[must_use]
    pub fn connection_age_grace(&self) -> Duration {
        Duration::from_millis(self.connection_age_grace_ms)
    }

    /// For one call that is not a stream.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Without a message, after which a produce stream ends.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// For what is running when the broker is told to stop.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

/// The listener for metrics and health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port. It asks for no credentials: keep it from strangers. Default `127.0.0.1:9401`.
    pub listen: SocketAddr,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9401) }
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// Whether metrics tell what each tenant uses, by its name. Default false.
    pub tenant_labels: bool,
    /// Tenants that have series of their own, the oldest ones; all others are `tenant="_other"` together. Each has
    /// eight. 1 to 100,000, default 1,000.
    pub max_tenant_series: usize,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { tenant_labels: false, max_tenant_series: 1_000 }
    }
}

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// How callers may prove who they are: `token`, `certificate` and `jwt`, separated by commas. What is named needs
    /// its files, and a file is of no use without being named: so a part of it that is lost does not go unnoticed.
    /// Default `token`.
    pub methods: String,
    /// The file that says whose JWTs are accepted; [`crate::identity::jwt`] says what is in it. Default
    /// empty: nobody's.
    pub issuers_file: PathBuf,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self { methods: "token".to_owned(), issuers_file: PathBuf::new() }
    }
}

/// What tenants get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// The plan of tenants that are created without one. Default `default`; `unlimited` with `--dev`.
    pub default_plan: String,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { default_plan: "default".to_owned() }
    }
}

/// Properties of topics for which neither the topic nor its tenant has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicSettings {
    /// Milliseconds after which records go, `retention.ms`. 1 to 3,155,760,000,000; -1, the default: they stay.
    pub retention_ms: i64,
    /// Bytes that a partition stores, `retention.bytes`: the oldest records go when there are more. 1 to
    /// 1,152,921,504,606,846,976; -1, the default: no limit.
    pub retention_bytes: i64,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self { retention_ms: -1, retention_bytes: -1 }
    }
}

impl Settings {
    /// Those of the shard.
    #[must_use]
    pub fn shard(&self) -> ShardSettings {
        let TopicSettings { retention_ms, retention_bytes } = self.topics;
        let set = [("retention.ms", retention_ms), ("retention.bytes", retention_bytes)];
        let set = set.into_iter().filter(|(_, value)| *value != -1);
        let topic_defaults = set.map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        ShardSettings { topic_defaults, ..self.storage.clone() }
    }
}

/// What all tenants may use together. What comes beyond waits, or is refused if it would wait too long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Bytes of batches that are appended, a second. 0 to 100,000,000,000, default 0: no limit.
    pub ingress_bytes: u64,
    /// Bytes of batches that are sent to readers, a second. 0 to 100,000,000,000, default 0: no limit.
    pub egress_bytes: u64,
    /// Calls, and messages within streams, a second. 0 to 100,000,000,000, default 0: no limit.
    pub requests: u64,
}

/// Threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeSettings {
    /// Threads that serve connections. 0 to 1,024, default 0: one for each core. The committer and
    /// calls that wait for the disk have threads of their own.
    pub worker_threads: usize,
    /// Calls that wait for the disk at once. 1 to 512, default 8.
    pub blocking_calls: usize,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self { worker_threads: 0, blocking_calls: 8 }
    }
}

/// Log lines, on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or such levels by module as in
    /// `info,levee_broker=debug`. Default `info`.
    pub level: String,
    /// `auto`, `text` or `json`. Default `auto`: text on a terminal, JSON otherwise.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
