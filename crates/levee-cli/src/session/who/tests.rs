use super::*;
use crate::cli::Global;
use crate::context::ContextFile;
use crate::failure::Exit;
use crate::settings::Settings;
use levee_client::SystemClock;
use std::sync::Arc;

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

/// A session with a credential of this tenant; empty: of an operator. It asks no server for that.
fn session(tenant: &str) -> Session {
    let env = |name: &str| (name == "LEVEE_TOKEN").then(|| "token".to_owned());
    let settings = Settings::resolve(&Global::default(), &env, &ContextFile::default()).unwrap();
    let session = Session::open(settings, Arc::new(SystemClock::new())).unwrap();
    session.who.set(caller(tenant)).unwrap();
    session
}

#[tokio::test]
async fn an_operator_says_whether_operators_are_meant_and_nobody_else_can_mean_them() {
    let meant = async |caller: &str, operators| {
        session(caller).tenant_or_operators(operators).await.map(|scope| scope.tenant)
    };
    assert_eq!(meant("", true).await.unwrap(), "");
    assert_eq!(meant("acme", false).await.unwrap(), "acme");
    let failure = meant("", false).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.hint.contains("--tenant, or --operator"), "{}", failure.hint);
    assert_eq!(meant("acme", true).await.unwrap_err().exit, Exit::Denied);
}

#[tokio::test]
async fn where_operators_have_nothing_of_their_own_only_a_tenant_can_be_meant() {
    let meant = async |caller: &str, named: Option<&TenantName>| {
        session(caller).tenant_or_own(named).await.map(|scope| scope.tenant)
    };
    assert_eq!(meant("acme", None).await.unwrap(), "acme");
    assert_eq!(meant("", Some(&tenant("acme"))).await.unwrap(), "acme");
    let failure = meant("", None).await.unwrap_err();
    assert_eq!((failure.exit, failure.hint.as_str()), (Exit::Usage, "name the tenant with --tenant"));
}
