//! Settings of a client, a producer and a reader: plain data. Those of others are beside what they are for.

use crate::error::Error;
use crate::identity::Identity;
use crate::tls::TlsSettings;
use levee_proto::v1::Compression;
use levee_types::limits::{MAX_BATCH_BYTES, MAX_READ_CREDIT, PRODUCER_WINDOW};
use std::time::Duration;

/// The longest of every timeout: far beyond use, and still far from where times overflow.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where the broker is and who asks.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// As in `https://levee.example:9400`, or `http://127.0.0.1:9400` for a broker without TLS.
    pub endpoint: String,
    /// Who asks.
    pub identity: Identity,
    /// For `https://` alone. Default: the system's authorities, no certificate of the client.
    pub tls: TlsSettings,
    /// How long one attempt to connect may take. At most 30 days. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long one call may take, including the connection. Streams are not limited. At most 30 days.
    /// Default: 30 s.
    pub request_timeout: Duration,
}

impl ClientConfig {
    /// With default timeouts.
    pub fn new(endpoint: impl Into<String>, identity: Identity) -> Self {
        Self {
            endpoint: endpoint.into(),
            identity,
            tls: TlsSettings::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.identity == Identity::Certificate && self.tls.certificate_pem.is_none() {
            return Err(Error::invalid("the identity is that of a certificate, and there is none"));
        }
        all(&[
            (self.connect_timeout <= MAX_TIMEOUT, "connect_timeout is at most 30 days"),
            (self.request_timeout <= MAX_TIMEOUT, "request_timeout is at most 30 days"),
        ])
    }
}

/// How a producer batches, waits and retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSettings {
    /// How long a record may wait for others of its partition before it is sent. Default: 5 ms.
    pub linger: Duration,
    /// Bytes of records, before compression, at which a batch is sent without waiting; a larger record
    /// gets a batch of its own. A topic's `max.message.bytes` holds as well. 1 to 1 MiB. Default: 64 KiB.
    pub batch_bytes: usize,
    /// Bytes of records that may wait for their acknowledgement; beyond them `send` waits. At least
    /// 64 KiB. Default: 32 MiB.
    pub buffer_bytes: usize,
    /// Batches of one partition that may wait for their acknowledgement. 1 to 8, the number that the
    /// broker remembers. Default: 8.
    pub max_in_flight: usize,
    /// How long a record may take from `send` to its acknowledgement, retries included, before its
    /// delivery fails; less by up to an eighth, or by `linger` if that is more, for a record that shares its
    /// batch with an older one. More than `linger`, at most 30 days. Default: 120 s.
    pub delivery_timeout: Duration,
    /// How batches are compressed. Default: not at all.
    pub compression: Compression,
    /// Batches that are sent again are stored once and stay in order. Default: true.
    ///
    /// When false, a batch is sent again only if it certainly was not stored; it may then come after
    /// batches that were sent later, unless `max_in_flight` is 1.
    pub idempotent: bool,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(5),
            batch_bytes: 64 * 1024,
            buffer_bytes: 32 * 1024 * 1024,
            max_in_flight: PRODUCER_WINDOW,
            delivery_timeout: Duration::from_secs(120),
            compression: Compression::Unspecified,
            idempotent: true,
        }
    }
}

impl ProducerSettings {
    /// How old a batch may be that still takes a record. The batch is late when its first record is, and
    /// may wait long when the broker is away.
    pub(crate) fn longest_sharing(&self) -> Duration {
        self.linger.max(self.delivery_timeout / 8)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_valid = [
            ((1..=MAX_BATCH_BYTES).contains(&self.batch_bytes), "batch_bytes is 1 to 1048576"),
            (
                (65_536..=u32::MAX as usize).contains(&self.buffer_bytes),
                "buffer_bytes is 65536 to 4294967295",
            ),
            ((1..=PRODUCER_WINDOW).contains(&self.max_in_flight), "max_in_flight is 1 to 8"),
            (self.delivery_timeout > self.linger, "delivery_timeout is longer than linger"),
            (self.delivery_timeout <= MAX_TIMEOUT, "delivery_timeout is at most 30 days"),
        ];
        all(&is_valid)
    }
}

/// How a reader reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderSettings {
    /// Bytes of batches that the broker may send ahead of the reader. 1 to 64 MiB. Default: 8 MiB.
    pub credit_bytes: u64,
    /// End when every position has reached the end that its log had at the start. Default: false.
    pub stop_at_end: bool,
}

impl Default for ReaderSettings {
    fn default() -> Self {
        Self { credit_bytes: 8 * 1024 * 1024, stop_at_end: false }
    }
}

impl ReaderSettings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        all(&[((1..=MAX_READ_CREDIT).contains(&self.credit_bytes), "credit_bytes is 1 to 67108864")])
    }
}

pub(crate) fn all(rules: &[(bool, &str)]) -> Result<(), Error> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(Error::invalid(format!("setting out of range: {rule}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
