use super::{Authorization, Identity, Secret};
use crate::error::ErrorKind;
use levee_types::{TenantName, UserName};
use tonic::Request;
use tonic::service::Interceptor as _;

const CANARY: &str = "levee_canary-never-shown";

/// The header of a call.
fn header(identity: &Identity) -> Option<String> {
    let request = Authorization::of(identity).unwrap().call(Request::new(())).unwrap();
    request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn each_identity_has_its_header() {
    let tenant = || TenantName::new("acme").unwrap();
    for (identity, expected) in [
        (Identity::Token(Secret::new(CANARY)), Some("Bearer levee_canary-never-shown")),
        (Identity::Certificate, None),
        (Identity::DevOperator, Some("Dev operator")),
        (Identity::DevTenant(tenant()), Some("Dev tenant acme")),
        (Identity::DevUser(tenant(), UserName::new("svc").unwrap()), Some("Dev tenant acme user svc")),
    ] {
        assert_eq!(header(&identity).as_deref(), expected, "{identity:?}");
    }
}

#[test]
fn a_token_shows_nowhere() {
    let identity = Identity::Token(Secret::new(CANARY));
    let mut authorization = Authorization::of(&identity).unwrap();
    let request = authorization.call(Request::new(())).unwrap();
    for shown in [format!("{identity:?}"), format!("{authorization:?}"), format!("{request:?}")] {
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn what_is_no_token_is_refused_without_being_shown() {
    for bad in
        ["", "levee_canary\n", "levee_canary x", "levee_canary\u{e9}", "\tlevee_canary", "levee_canary\0"]
    {
        let error = Authorization::of(&Identity::Token(Secret::new(bad))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
