use super::{Secret, TlsSettings};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::{Client, ErrorKind as Kind};
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate and its key.
fn pair() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

async fn made(endpoint: &str, tls: TlsSettings) -> Result<Client, Error> {
    Client::new(ClientConfig { tls, ..ClientConfig::new(endpoint, Identity::DevOperator) })
}

async fn refusal(endpoint: &str, tls: TlsSettings) -> String {
    let error = made(endpoint, tls).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    error.to_string()
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_connected() {
    let (certificate, key) = pair();
    let (_, other_key) = pair();
    let https = "https://localhost:1";
    let ca = |pem: &str| TlsSettings { ca_pem: Some(pem.to_owned()), ..TlsSettings::default() };
    let with = |certificate: Option<&String>, key: Option<&str>| TlsSettings {
        certificate_pem: certificate.cloned(),
        key_pem: key.map(Secret::new),
        ..ca(&pair().0)
    };
    made(https, ca(&certificate)).await.unwrap();
    made(https, with(Some(&certificate), Some(&key))).await.unwrap();
    for (tls, says) in [
        (ca("not PEM"), "ca_pem has no certificate"),
        (ca(""), "ca_pem has no certificate"),
        (with(Some(&certificate), None), "needs its key"),
        (with(None, Some(&key)), "needs its certificate"),
        (with(Some(&key), Some(&key)), "certificate_pem has no certificate"),
        (with(Some(&certificate), Some("canary")), "private key"),
        (with(Some(&certificate), Some(&other_key)), "keys may not be consistent"),
    ] {
        let told = refusal(https, tls).await;
        assert!(told.contains(says), "{told}");
        assert!(!told.contains("canary") && !told.contains("BEGIN"), "{told}");
    }
    assert!(refusal("http://localhost:1", ca(&certificate)).await.contains("not https"));
}

#[tokio::test]
async fn an_identity_by_certificate_needs_one() {
    let config = ClientConfig::new("https://localhost:1", Identity::Certificate);
    let error = Client::new(config).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn the_key_shows_nowhere() {
    let (certificate, key) = pair();
    let tls = TlsSettings {
        ca_pem: None,
        certificate_pem: Some(certificate),
        key_pem: Some(Secret::new(format!("canary{key}"))),
    };
    let config = ClientConfig { tls, ..ClientConfig::new("https://localhost:1", Identity::Certificate) };
    let shown = format!("{config:?}");
    assert!(!shown.contains("canary") && !shown.contains("PRIVATE"), "{shown}");
}
