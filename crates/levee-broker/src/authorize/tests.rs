use super::{Grant, authorize};
use crate::identity::Principal;
use crate::operation::{Access, Operation};
use levee_types::{ErrorCode, TenantName};

fn name(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

#[test]
fn each_operation_is_for_those_that_its_class_says() {
    let tenant = Principal::Tenant(name("acme"));
    for operation in Operation::ALL {
        let as_tenant = authorize(&tenant, operation, "").map_err(|error| error.code);
        let as_operator = authorize(&Principal::Operator, operation, "").map_err(|error| error.code);
        let (expected_tenant, expected_operator) = match operation.access() {
            Access::Data => (Ok(Grant::Tenant(name("acme"))), Err(ErrorCode::PermissionDenied)),
            Access::Topics => (Ok(Grant::Tenant(name("acme"))), Err(ErrorCode::InvalidArgument)),
            Access::Node => (Err(ErrorCode::PermissionDenied), Ok(Grant::Node)),
        };
        assert_eq!(as_tenant, expected_tenant, "{operation:?}");
        assert_eq!(as_operator, expected_operator, "{operation:?}");
    }
}

#[test]
fn a_tenant_may_name_itself_and_nobody_else() {
    let tenant = Principal::Tenant(name("acme"));
    let grant = authorize(&tenant, Operation::GetTopic, "acme").unwrap();
    assert_eq!(grant, Grant::Tenant(name("acme")));
    let long = "x".repeat(10 * 1024);
    for other in ["acme2", "acm", "ACME", "acme/", "other", long.as_str()] {
        let error = authorize(&tenant, Operation::GetTopic, other).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound, "{other}");
        assert!(error.message.len() < 100);
    }
    // What is cut off to be shown is not advised to be created.
    let error = authorize(&tenant, Operation::GetTopic, &long).unwrap_err();
    assert!(error.hint.contains("check the name"), "{}", error.hint);
    // The data plane takes no name at all.
    let grant = authorize(&tenant, Operation::Produce, "other").unwrap();
    assert_eq!(grant, Grant::Tenant(name("acme")));
}

#[test]
fn the_operator_names_a_tenant() {
    let grant = authorize(&Principal::Operator, Operation::GetTopic, "acme").unwrap();
    assert_eq!(grant, Grant::Tenant(name("acme")));
    let error = authorize(&Principal::Operator, Operation::GetTopic, "no such name").unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
}
