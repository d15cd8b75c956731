use super::claim;
use crate::identity::DevClaim;
use http::HeaderValue;
use levee_types::{ErrorCode, TenantName, UserName};

fn claimed(header: &[u8]) -> Result<DevClaim, levee_types::LeveeError> {
    claim(Some(&HeaderValue::from_bytes(header).unwrap()))
}

#[test]
fn operators_tenants_and_users_are_believed() {
    let acme = TenantName::new("acme").unwrap();
    assert_eq!(claim(None), Ok(DevClaim::Operator));
    assert_eq!(claimed(b"Dev operator"), Ok(DevClaim::Operator));
    assert_eq!(claimed(b"Dev tenant acme"), Ok(DevClaim::Tenant(acme.clone())));
    let user = UserName::new("svc").unwrap();
    assert_eq!(claimed(b"Dev tenant acme user svc"), Ok(DevClaim::User(acme, user)));
}

#[test]
fn everything_else_is_refused() {
    let long = format!("Dev tenant {}", "a".repeat(49));
    let refused: [&[u8]; 15] = [
        b"",
        b"Dev",
        b"Dev ",
        b"dev operator",
        b"Dev operator ",
        b"Dev tenant",
        b"Dev tenant ",
        b"Dev tenant ab",
        b"Dev tenant a/b",
        b"Bearer eyJhbGciOiJub25lIn0",
        b"Dev tenant \xff\xff\xff",
        b"Dev tenant acme user ",
        b"Dev tenant acme user _x",
        b"Dev tenant acme admin svc",
        long.as_bytes(),
    ];
    for header in refused {
        let error = claimed(header).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated, "{header:?}");
        assert!(!error.hint.is_empty());
    }
}
