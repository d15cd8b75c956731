use super::*;
use crate::failure::Exit;
use crate::settings::Source;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

fn setting<T>(value: T) -> Option<Setting<T>> {
    Some(Setting { value, source: Source::Flag })
}

fn of_token(file: PathBuf) -> CredentialSettings {
    CredentialSettings { token: setting(TokenFrom::File(file)), ..CredentialSettings::default() }
}

#[test]
fn a_token_is_what_its_file_says_without_the_newline() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "canary\n").unwrap();
    let credentials = Credentials::read(&of_token(file)).unwrap();
    assert_eq!(credentials.identity, Some(Identity::Token(Secret::new("canary"))));
    assert!(!format!("{credentials:?}").contains("canary"), "{credentials:?}");
}

#[test]
fn a_token_decides_who_asks_and_without_one_the_certificate_does() {
    let directory = TempDir::new().unwrap();
    let text = |name: &str| format!("-----BEGIN CERTIFICATE----- {name} canary");
    let file = |name: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text(name)).unwrap();
        file
    };
    let certificate = setting(CertificateFiles { certificate: file("certificate"), key: file("key") });
    let mut settings =
        CredentialSettings { ca_file: setting(file("ca")), certificate, ..CredentialSettings::default() };
    let credentials = Credentials::read(&settings).unwrap();
    assert_eq!(credentials.identity, Some(Identity::Certificate));
    let expected = TlsSettings {
        ca_pem: Some(text("ca")),
        certificate_pem: Some(text("certificate")),
        key_pem: Some(Secret::new(text("key"))),
    };
    assert_eq!(credentials.tls, expected);
    assert!(!format!("{credentials:?}").contains("key canary"), "{credentials:?}");

    settings.token = setting(TokenFrom::Text(Secret::new("t")));
    let credentials = Credentials::read(&settings).unwrap();
    assert_eq!((credentials.identity, credentials.tls), (Some(Identity::Token(Secret::new("t"))), expected));
    assert_eq!(Credentials::read(&CredentialSettings::default()).unwrap().identity, None);
}

#[test]
fn files_that_are_no_secret_are_told_by_name_and_without_what_they_hold() {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, content: &[u8]| {
        let file = directory.path().join(name);
        fs::write(&file, content).unwrap();
        file
    };
    let limit = usize::try_from(MAX_FILE).unwrap();
    let mut largest = b"canary".to_vec();
    largest.resize(limit, b'x');
    assert!(Credentials::read(&of_token(file("largest", &largest))).is_ok());
    largest.push(b'x');
    for (file, exit) in [
        (directory.path().join("missing"), Exit::Failed),
        (directory.path().to_owned(), Exit::Failed),
        (file("empty", b" \n"), Exit::Usage),
        (file("binary", b"canary\xff"), Exit::Failed),
        (file("large", &largest), Exit::Usage),
    ] {
        let failure = Credentials::read(&of_token(file.clone())).unwrap_err();
        assert_eq!(failure.exit, exit, "{failure:?}");
        let name = file.display().to_string();
        assert!(
            failure.message.starts_with("token file: ") && failure.message.contains(&name),
            "{failure:?}"
        );
        assert!(!format!("{failure:?} {}", failure.json()).contains("canary"), "{failure:?}");
    }
}

#[test]
fn a_file_without_a_certificate_is_told_by_its_name() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ca.pem");
    fs::write(&file, "canary").unwrap();
    let settings = CredentialSettings { ca_file: setting(file), ..CredentialSettings::default() };
    let failure = Credentials::read(&settings).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.message.contains("ca.pem has no certificate in PEM"), "{}", failure.message);
    assert!(!failure.message.contains("canary"), "{}", failure.message);
}
