use super::*;
use crate::failure::Exit;

fn tenant(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

fn caller(tenant: &str) -> Caller {
    let (tenant, user) = (tenant.to_owned(), "ann".to_owned());
    Caller::new(v1::WhoAmIResponse { tenant, user, admin: true }).unwrap()
}

#[test]
fn records_go_to_the_tenant_of_the_credential_and_to_no_other() {
    assert!(caller("acme").check_records_of(&tenant("acme")).is_ok());
    for (caller, says) in
        [(caller("other"), "tenant other, not of tenant acme"), (caller(""), "operator ann")]
    {
        let failure = caller.check_records_of(&tenant("acme")).unwrap_err();
        assert_eq!(failure.exit, Exit::Denied);
        assert!(failure.message.contains(says), "{}", failure.message);
    }
}

#[test]
fn an_operator_says_whether_operators_are_meant_and_nobody_else_can_mean_them() {
    assert_eq!(caller("").meant(true).unwrap(), None);
    assert_eq!(caller("acme").meant(false).unwrap(), Some(&tenant("acme")));
    assert_eq!(caller("").meant(false).unwrap_err().exit, Exit::Usage);
    assert_eq!(caller("acme").meant(true).unwrap_err().exit, Exit::Denied);
}
