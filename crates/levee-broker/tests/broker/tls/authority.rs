//! Authorities that issue certificates for a test.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const HOUR: i64 = 3_600;

/// No two certificates have the same.
static SERIAL: AtomicU64 = AtomicU64::new(1);

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
    serial: u64,
}

impl Issued {
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()]
    }

    pub(super) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(&[(DnType::CommonName, name)]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// For a broker on `localhost`.
    pub(super) fn server(&self) -> Issued {
        self.issue(|params| {
            params.subject_alt_names = vec![dns("localhost")];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    /// For a client with these names.
    pub(super) fn client(&self, names: &[SanType]) -> Issued {
        self.issue(|params| {
            params.subject_alt_names = names.to_vec();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// Valid from an hour ago for a day, unless changed.
    pub(super) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        valid(&mut params, -HOUR..24 * HOUR);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Issued { certificate, key: key.serialize_pem(), serial }
    }

    /// A list of revoked certificates, whose next update is due in so many seconds.
    pub(super) fn revoke(&self, revoked: &[&Issued], due: i64) -> String {
        let revoked = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let (made, next) = times(due - 2 * HOUR..due);
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + made,
            next_update: date_time_ymd(1970, 1, 1) + next,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

/// Sets the validity, in seconds from now.
pub(super) fn valid(params: &mut CertificateParams, seconds: Range<i64>) {
    let (from, until) = times(seconds);
    params.not_before = date_time_ymd(1970, 1, 1) + from;
    params.not_after = date_time_ymd(1970, 1, 1) + until;
}

/// Times since 1970 of seconds from now.
fn times(seconds: Range<i64>) -> (Duration, Duration) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = |second| Duration::from_secs(now.checked_add_signed(second).unwrap());
    (at(seconds.start), at(seconds.end))
}

pub(super) fn subject(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    parts.iter().for_each(|(kind, text)| name.push(kind.clone(), *text));
    name
}

pub(super) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(super) fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}
