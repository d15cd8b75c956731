//! What the unit tests of TLS begin with: a clock that they set by hand, and files of an authority.

use super::files::{Content, Contents};
use levee_types::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// 2030-01-01, in seconds of Unix time.
pub(super) const NEW_YEAR: i64 = 1_893_456_000;
/// In seconds.
pub(super) const DAY: i64 = 86_400;

/// The second of Unix time that it shows.
pub(super) struct Manual(AtomicI64);

impl Manual {
    pub(super) fn at(second: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(second)))
    }

    pub(super) fn set(&self, second: i64) {
        self.0.store(second, Ordering::Relaxed);
    }
}

impl Clock for Manual {
    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed) * 1_000
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.unix_ms().try_into().unwrap())
    }
}

/// An authority with one certificate, for both sides, which is valid in 2030.
pub(super) struct Issued {
    authority: CertifiedIssuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Issued {
    pub(super) fn new(names: &[SanType]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2030, 1, 1);
        params.not_after = date_time_ymd(2031, 1, 1);
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        Self { authority, certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// Files that ask clients for certificates of the same authority; with a list of revoked ones, if there is a
    /// day in January on which its next update is due.
    pub(super) fn contents(&self, due: Option<u8>) -> Contents {
        let list = due.map(|day| {
            let list = CertificateRevocationListParams {
                this_update: date_time_ymd(2030, 1, 1),
                next_update: date_time_ymd(2030, 1, day),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: vec![],
                key_identifier_method: KeyIdMethod::Sha256,
            };
            list.signed_by(&self.authority).unwrap().pem().unwrap()
        });
        let content = |text: String| Content { setting: "", path: PathBuf::new(), bytes: text.into_bytes() };
        Contents {
            certificate: content(self.pem.clone()),
            key: content(self.key.serialize_pem()),
            client_ca: Some(content(self.authority.pem())),
            client_crl: list.map(content),
        }
    }
}
