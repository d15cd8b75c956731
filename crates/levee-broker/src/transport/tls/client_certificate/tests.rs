use super::{ClientCertificate, Nameless};
use levee_types::limits::MAX_CERTIFICATE_NAME;
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, OtherNameValue, SanType,
    date_time_ymd,
};

fn of(change: impl FnOnce(&mut CertificateParams)) -> Result<ClientCertificate, Nameless> {
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(2100, 1, 1);
    change(&mut params);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    ClientCertificate::of(certificate.der())
}

fn named(names: &[SanType]) -> Result<ClientCertificate, Nameless> {
    of(|params| params.subject_alt_names = names.to_vec())
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

#[test]
fn the_one_name_is_taken_as_it_is_written() {
    for (name, expected) in [
        (uri("spiffe://acme/orders"), "URI:spiffe://acme/orders"),
        (uri("SPIFFE://Acme/orders"), "URI:SPIFFE://Acme/orders"),
        (dns("orders.acme"), "DNS:orders.acme"),
        (dns("Orders.acme"), "DNS:Orders.acme"),
        (dns("orders.acme."), "DNS:orders.acme."),
        // A kind cannot be had by the text of another.
        (dns("URI:spiffe://acme/orders"), "DNS:URI:spiffe://acme/orders"),
    ] {
        let certificate = named(&[name]).unwrap();
        assert_eq!(certificate.name, expected);
        assert_eq!(certificate.not_after_ms, 4_102_444_800_000);
    }
}

#[test]
fn a_subject_names_nobody() {
    let subject = |types: &[DnType]| {
        let mut name = DistinguishedName::new();
        types.iter().for_each(|kind| name.push(kind.clone(), "orders.acme"));
        name
    };
    let common = subject(&[DnType::CommonName]);
    assert_eq!(of(|params| params.distinguished_name = common), Err(Nameless::NotOne(0)));
    for order in
        [[DnType::CommonName, DnType::OrganizationName], [DnType::OrganizationName, DnType::CommonName]]
    {
        let certificate = of(|params| {
            params.distinguished_name = subject(&order);
            params.subject_alt_names = vec![dns("a.b")];
        });
        assert_eq!(certificate.unwrap().name, "DNS:a.b");
    }
}

#[test]
fn everything_but_one_plain_name_is_refused() {
    let mail = SanType::Rfc822Name("a@b.c".try_into().unwrap());
    let other = SanType::OtherName((vec![1, 2, 3], OtherNameValue::Utf8String("orders.acme".to_owned())));
    for (names, expected) in [
        (vec![], Nameless::NotOne(0)),
        (vec![dns("a.b"), dns("c.d")], Nameless::NotOne(2)),
        (vec![dns("a.b"), dns("a.b")], Nameless::NotOne(2)),
        (vec![uri("spiffe://a"), dns("a.b")], Nameless::NotOne(2)),
        (vec![dns("a.b"), mail.clone()], Nameless::NotOne(2)),
        (vec![mail], Nameless::OtherKind),
        (vec![other], Nameless::OtherKind),
        (vec![SanType::IpAddress([127, 0, 0, 1].into())], Nameless::OtherKind),
        (vec![dns("*.acme")], Nameless::Wildcard),
        (vec![dns("*")], Nameless::Wildcard),
        (vec![uri("spiffe://acme/*")], Nameless::Wildcard),
        (vec![dns("")], Nameless::NoText),
        (vec![dns("a.b\0.c")], Nameless::NoText),
        (vec![dns("a.b\n")], Nameless::NoText),
        (vec![dns("a b")], Nameless::NoText),
    ] {
        assert_eq!(named(&names), Err(expected), "{names:?}");
    }
}

#[test]
fn a_name_is_as_long_as_it_may_be_and_no_longer() {
    let longest = "x".repeat(MAX_CERTIFICATE_NAME - "DNS:".len());
    assert_eq!(named(&[dns(&longest)]).unwrap().name.len(), MAX_CERTIFICATE_NAME);
    assert_eq!(named(&[dns(&format!("{longest}x"))]), Err(Nameless::NoText));
}

#[test]
fn what_cannot_be_read_is_refused() {
    assert_eq!(ClientCertificate::of(b"no certificate"), Err(Nameless::Unreadable));
    // The extension of alternative names a second time.
    let again = CustomExtension::from_oid_content(&[2, 5, 29, 17], b"\x30\x05\x82\x03c.d".to_vec());
    let twice = of(|params| {
        params.subject_alt_names = vec![dns("a.b")];
        params.custom_extensions = vec![again];
    });
    assert_eq!(twice, Err(Nameless::Unreadable));
}
