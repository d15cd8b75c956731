use super::{Principal, authenticate_dev};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use levee_types::{ErrorCode, TenantName};

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[test]
fn the_operator_and_tenants_are_believed() {
    assert_eq!(authenticate_dev(&headers(&[])), Ok(Principal::Operator));
    assert_eq!(authenticate_dev(&headers(&[b"Dev operator"])), Ok(Principal::Operator));
    let acme = Principal::Tenant(TenantName::new("acme").unwrap());
    assert_eq!(authenticate_dev(&headers(&[b"Dev tenant acme"])), Ok(acme));
}

#[test]
fn everything_else_is_refused() {
    let long = format!("Dev tenant {}", "a".repeat(49));
    let refused: [&[&[u8]]; 12] = [
        &[b""],
        &[b"Dev"],
        &[b"Dev "],
        &[b"dev operator"],
        &[b"Dev operator "],
        &[b"Dev tenant"],
        &[b"Dev tenant "],
        &[b"Dev tenant ab"],
        &[b"Dev tenant a/b"],
        &[b"Bearer eyJhbGciOiJub25lIn0"],
        &[b"Dev tenant \xff\xff\xff"],
        &[b"Dev operator", b"Dev operator"],
    ];
    for values in refused {
        let error = authenticate_dev(&headers(values)).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated, "{values:?}");
        assert!(!error.hint.is_empty());
    }
    assert!(authenticate_dev(&headers(&[long.as_bytes()])).is_err());
}
