//! When clients are let in, with a clock that is set by hand.

use super::Endpoint;
use crate::transport::tls::files::{Content, Contents};
use crate::transport::tls::manual::Manual;
use levee_types::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use std::path::PathBuf;
use std::sync::Arc;

/// 2030-01-01, in seconds of Unix time.
const NEW_YEAR: i64 = 1_893_456_000;
const DAY: i64 = 86_400;

struct Setup {
    clock: Arc<Manual>,
    endpoint: Endpoint,
    /// A client's certificate, which is valid in 2030.
    client: CertificateDer<'static>,
}

impl Setup {
    /// With a list whose next update is due on that day of January, if there is one.
    fn new(due: Option<u8>) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2030, 1, 1);
        params.not_after = date_time_ymd(2031, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let list = due.map(|day| {
            let list = CertificateRevocationListParams {
                this_update: date_time_ymd(2030, 1, 1),
                next_update: date_time_ymd(2030, 1, day),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: vec![],
                key_identifier_method: KeyIdMethod::Sha256,
            };
            list.signed_by(&authority).unwrap().pem().unwrap()
        });
        let content = |text: String| Content { setting: "", path: PathBuf::new(), bytes: text.into_bytes() };
        // One certificate will do for both sides.
        let contents = Contents {
            certificate: content(certificate.pem()),
            key: content(key.serialize_pem()),
            client_ca: Some(content(authority.pem())),
            client_crl: list.map(content),
        };
        let clock = Arc::new(Manual::at(NEW_YEAR));
        let endpoint = Endpoint::new(&contents, &(Arc::clone(&clock) as Arc<dyn Clock>)).unwrap();
        Self { clock, endpoint, client: certificate.der().clone() }
    }

    fn admits_at(&self, second: i64) -> bool {
        self.clock.set(second);
        let admits = self.endpoint.admits(std::slice::from_ref(&self.client));
        assert_eq!(self.endpoint.check().is_ok(), admits, "what is refused is told");
        admits
    }
}

#[test]
fn a_certificate_is_let_in_while_it_is_valid() {
    let setup = Setup::new(None);
    assert!(setup.admits_at(NEW_YEAR) && setup.admits_at(NEW_YEAR + 365 * DAY));
    assert!(!setup.admits_at(NEW_YEAR - 1) && !setup.admits_at(NEW_YEAR + 365 * DAY + 1));
    assert!(!setup.endpoint.admits(&[]));
}

#[test]
fn a_list_whose_next_update_is_due_lets_nobody_in() {
    let setup = Setup::new(Some(11));
    assert!(setup.admits_at(NEW_YEAR + 10 * DAY - 1));
    assert!(!setup.admits_at(NEW_YEAR + 10 * DAY + 1));
}
