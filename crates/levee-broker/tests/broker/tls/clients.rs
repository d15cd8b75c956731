//! Which client certificates get in.

use super::authority::{Authority, HOUR, Issued, dns, subject, uri, valid};
use super::client::{Answer, answer, call, channel, config};
use super::files::Files;
use crate::harness::{Broker, PATIENCE};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::AlertDescription;
use rustls::AlertDescription::{
    CertificateExpired, CertificateRequired, CertificateRevoked, DecryptError, UnknownCA,
    UnsupportedCertificate,
};
use std::time::Duration;
use tokio::time::timeout;

struct Setup {
    servers: Authority,
    clients: Authority,
    files: Files,
    broker: Broker,
}

impl Setup {
    /// `revoke` gives what is in the file of revoked certificates, if there is one.
    async fn new(revoke: impl FnOnce(&Authority) -> Option<String>) -> Self {
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let files = Files::new(&servers.server());
        files.write("client-ca", &clients.pem());
        if let Some(list) = revoke(&clients) {
            files.write("client-crl", &list);
        }
        let broker = files.start().await;
        Self { servers, clients, files, broker }
    }

    async fn assert_served(&self, own: &Issued) {
        let config = config(&self.servers, Some(own));
        assert_eq!(answer(&self.broker, config, true).await, Answer::Served);
    }

    async fn assert_refused(&self, own: Option<&Issued>, alert: AlertDescription) {
        let config = config(&self.servers, own);
        assert_eq!(answer(&self.broker, config, false).await, Answer::Alert(alert));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_verify_is_refused_and_told_why() {
    let setup = Setup::new(|_| None).await;
    let orders = [dns("orders.acme")];
    setup.assert_served(&setup.clients.client(&orders)).await;
    setup.assert_refused(None, CertificateRequired).await;
    setup.assert_refused(Some(&Authority::new("others").client(&orders)), UnknownCA).await;
    // Another authority of the same name.
    setup.assert_refused(Some(&Authority::new("clients").client(&orders)), DecryptError).await;
    let lasting = |seconds| {
        setup.clients.issue(|params| {
            valid(params, seconds);
            params.subject_alt_names = orders.to_vec();
        })
    };
    setup.assert_served(&lasting(-HOUR..HOUR)).await;
    setup.assert_refused(Some(&lasting(-2 * HOUR..-HOUR)), CertificateExpired).await;
    setup.assert_refused(Some(&lasting(HOUR..2 * HOUR)), CertificateExpired).await;
    let of_a_server = setup.clients.issue(|params| {
        params.subject_alt_names = orders.to_vec();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    setup.assert_refused(Some(&of_a_server), UnsupportedCertificate).await;
    setup.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_have_one_plain_name_is_refused() {
    let setup = Setup::new(|_| None).await;
    let ip = SanType::IpAddress([127, 0, 0, 1].into());
    let mail = SanType::Rfc822Name("orders@acme".try_into().unwrap());
    for (names, is_served) in [
        (vec![uri("spiffe://acme/orders")], true),
        (vec![uri("SPIFFE://acme/ORDERS")], true),
        (vec![dns("orders.acme")], true),
        (vec![dns("Orders.Acme")], true),
        (vec![dns("orders.acme"), dns("billing.acme")], false),
        (vec![uri("spiffe://acme/orders"), dns("orders.acme")], false),
        (vec![dns("*.acme")], false),
        (vec![ip], false),
        (vec![mail], false),
        (vec![], false),
    ] {
        let own = setup.clients.issue(|params| {
            params.subject_alt_names = names.clone();
            // Whatever else is in it, the subject does not help.
            params.distinguished_name = subject(&[(DnType::CommonName, "orders.acme")]);
        });
        let expected = if is_served { Answer::Served } else { Answer::Closed };
        assert_eq!(
            answer(&setup.broker, config(&setup.servers, Some(&own)), true).await,
            expected,
            "{names:?}"
        );
    }
    for order in
        [[DnType::CommonName, DnType::OrganizationName], [DnType::OrganizationName, DnType::CommonName]]
    {
        let reordered = setup.clients.issue(|params| {
            params.subject_alt_names = vec![dns("orders.acme")];
            params.distinguished_name = subject(&order.map(|kind| (kind, "orders.acme")));
        });
        setup.assert_served(&reordered).await;
    }
    setup.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused() {
    let mut issued = Vec::new();
    let setup = Setup::new(|clients| {
        issued = ["revoked.acme", "orders.acme"].map(|name| clients.client(&[dns(name)])).into();
        Some(clients.revoke(&[&issued[0]], HOUR))
    })
    .await;
    setup.assert_refused(Some(&issued[0]), CertificateRevoked).await;
    setup.assert_served(&issued[1]).await;
    setup.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lists_of_an_authority_the_newer_counts() {
    let mut issued = Vec::new();
    let setup = Setup::new(|clients| {
        issued = ["revoked.acme", "orders.acme"].map(|name| clients.client(&[dns(name)])).into();
        Some(clients.revoke(&[], HOUR) + &clients.revoke(&[&issued[0]], HOUR + 60))
    })
    .await;
    setup.assert_refused(Some(&issued[0]), CertificateRevoked).await;
    setup.assert_served(&issued[1]).await;
    setup.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_its_authority_did_not_sign_lets_nobody_in() {
    let setup = Setup::new(|_| Some(Authority::new("clients").revoke(&[], HOUR))).await;
    let own = setup.clients.client(&[dns("orders.acme")]);
    let refused = answer(&setup.broker, config(&setup.servers, Some(&own)), false).await;
    assert!(matches!(refused, Answer::Alert(_)), "{refused:?}");
    setup.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_revoked_while_it_is_connected_is_cut_and_others_are_not() {
    let setup = Setup::new(|clients| Some(clients.revoke(&[], HOUR))).await;
    let [revoked, good] = ["revoked.acme", "orders.acme"].map(|name| setup.clients.client(&[dns(name)]));
    let watch = |own| {
        let channel = channel(setup.broker.grpc, config(&setup.servers, Some(own)));
        async move {
            use tonic_health::pb::HealthCheckRequest;
            let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
            let mut stream = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap();
            (channel, stream)
        }
    };
    let (revoked_channel, mut revoked_stream) = watch(&revoked).await;
    let (_good_channel, mut good_stream) = watch(&good).await;

    setup.files.write("client-crl", &setup.clients.revoke(&[&revoked], HOUR));
    let cut = timeout(PATIENCE, revoked_stream.message()).await.unwrap();
    assert!(!matches!(cut, Ok(Some(_))), "{cut:?}");
    assert!(call(&revoked_channel).await.is_err());
    setup.assert_refused(Some(&revoked), CertificateRevoked).await;
    // A good one is still there.
    assert!(timeout(Duration::from_millis(200), good_stream.message()).await.is_err());
    setup.broker.stop().await;
}
