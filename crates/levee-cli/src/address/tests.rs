use super::*;
use crate::failure::Exit;

fn resolve(text: &str, tenant: Option<&str>) -> Result<String, Failure> {
    let tenant = tenant.map(|name| TenantName::new(name).unwrap());
    TopicAddress::resolve(text, tenant.as_ref()).map(|address| address.to_string())
}

#[test]
fn a_full_address_wins_over_the_context() {
    assert_eq!(resolve("acme/orders", None).unwrap(), "acme/orders");
    assert_eq!(resolve("acme/orders", Some("other")).unwrap(), "acme/orders");
}

#[test]
fn a_plain_name_is_of_the_tenant_of_the_context() {
    assert_eq!(resolve("orders", Some("acme")).unwrap(), "acme/orders");
    assert_eq!(resolve("orders", None).unwrap(), "orders");
}

#[test]
fn malformed_addresses_are_usage_errors() {
    for text in ["", "/", "/orders", "acme/", "acme/a/b", "ac/orders", "Acme/orders", "acme/..", "acme/_x"] {
        assert_eq!(resolve(text, Some("acme")).unwrap_err().exit, Exit::Usage, "{text}");
    }
}
