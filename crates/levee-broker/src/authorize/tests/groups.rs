//! Groups, and what calls do beside what they are called for.

use super::{Fixture, code, may_enter};
use crate::audit;
use crate::authorize::{Authorizer, InTenant, Permit};
use crate::operation::Operation;
use levee_storage::Suspension;
use levee_types::acl::{AclOperation, Pattern, ResourceKind};
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::Request;

const SVC: &str = "Dev tenant acme user svc";

fn every(kind: ResourceKind) -> Pattern {
    Pattern::prefix(kind, "").unwrap()
}

fn the_group(name: &str) -> Pattern {
    Pattern::name(ResourceKind::Group, name).unwrap()
}

impl Fixture {
    fn authorizer(&self) -> (Authorizer, audit::AuditWriter) {
        let (sink, writer) = audit::channel(self.storage.shard.clone());
        (Authorizer::new(self.tenants.clone(), Arc::clone(&self.authenticator), sink), writer)
    }

    async fn permit(&self, credential: &'static str, operation: Operation, named: &str) -> Permit<InTenant> {
        let mut request = Request::new(());
        request.extensions_mut().insert(self.principal(credential).await);
        self.authorizer().0.tenant(&request, operation, named).unwrap()
    }
}

fn outcome(decided: Result<(), LeveeError>) -> Result<(), ErrorCode> {
    decided.map_err(|error| error.code)
}

const DENIED: Result<(), ErrorCode> = Err(ErrorCode::PermissionDenied);

#[tokio::test]
async fn who_may_something_with_some_group_enters_and_who_may_all_with_topics_does_not() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    let user = fixture.principal(SVC).await;
    let enter = |operation| may_enter(&user, user.tenant(), operation).map_err(|refused| code(&refused));
    for operation in AclOperation::ALL {
        fixture.allow("svc", operation, every(ResourceKind::Topic)).await;
    }
    let calls = [Operation::ListGroups, Operation::GetGroup, Operation::SeekGroup, Operation::DeleteGroup];
    for operation in calls {
        assert_eq!(enter(operation), DENIED, "{operation:?}");
    }
    fixture.allow("svc", AclOperation::Alter, the_group("billing")).await;
    assert_eq!(calls.map(enter), [Ok(()), Ok(()), Ok(()), DENIED]);
    fixture.stop().await;
}

#[tokio::test]
async fn a_rule_on_every_group_says_nothing_about_topics() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    fixture.allow("svc", AclOperation::Consume, every(ResourceKind::Group)).await;
    let user = fixture.principal(SVC).await;
    for operation in [Operation::Read, Operation::Consume, Operation::Work, Operation::GetTopic] {
        let entered = may_enter(&user, user.tenant(), operation).map_err(|refused| code(&refused));
        assert_eq!(entered, DENIED, "{operation:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn each_call_needs_of_a_group_what_it_does_with_it() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    for operation in [AclOperation::Produce, AclOperation::Consume] {
        fixture.allow("svc", operation, every(ResourceKind::Topic)).await;
    }
    fixture.allow("svc", AclOperation::Consume, the_group("joined")).await;
    fixture.allow("svc", AclOperation::Delete, the_group("kept")).await;
    fixture.allow("svc", AclOperation::Alter, the_group("moved")).await;
    for (operation, group) in [
        (Operation::Consume, "joined"),
        (Operation::Work, "joined"),
        // It produces, and commits for the group.
        (Operation::CommitTransaction, "joined"),
        (Operation::SeekGroup, "moved"),
        (Operation::DeleteGroup, "kept"),
    ] {
        let permit = fixture.permit(SVC, operation, "").await;
        for other in ["joined", "moved", "kept", "joine", "joined2", ""] {
            let expected = if other == group { Ok(()) } else { DENIED };
            assert_eq!(outcome(permit.require_group(other)), expected, "{operation:?} {other}");
            assert_eq!(permit.may_group(other), Ok(expected.is_ok()), "{operation:?} {other}");
        }
    }
    // Who may do anything with a group may see it.
    for operation in [Operation::ListGroups, Operation::GetGroup] {
        let permit = fixture.permit(SVC, operation, "").await;
        for group in ["joined", "moved", "kept"] {
            assert_eq!(outcome(permit.require_group(group)), Ok(()), "{operation:?} {group}");
        }
        assert_eq!(outcome(permit.require_group("another")), DENIED);
    }
    let admin = fixture.permit("Dev tenant acme", Operation::DeleteGroup, "").await;
    let operator = fixture.permit("Dev operator", Operation::DeleteGroup, "acme").await;
    for permit in [admin, operator] {
        assert_eq!(outcome(permit.require_group("another")), Ok(()));
    }
    fixture.stop().await;
}

#[tokio::test]
async fn what_comes_with_a_call_is_decided_for_itself() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    fixture.allow("svc", AclOperation::Consume, every(ResourceKind::Topic)).await;
    let dead = Pattern::name(ResourceKind::Topic, "dead").unwrap();
    fixture.allow("svc", AclOperation::Produce, dead).await;
    let permit = fixture.permit(SVC, Operation::Work, "").await;
    assert_eq!(outcome(permit.require_for(AclOperation::Produce, "dead")), Ok(()));
    assert_eq!(outcome(permit.require_for(AclOperation::Produce, "orders")), DENIED);
    assert_eq!(permit.may_for(AclOperation::Describe, "orders"), Ok(true));
    assert_eq!(permit.may_for(AclOperation::Trim, "orders"), Ok(false));
    // A suspension leaves the call, and not this.
    fixture.suspend(Suspension::ReadOnly).await;
    let permit = permit.renew().unwrap();
    assert_eq!(outcome(permit.require_for(AclOperation::Produce, "dead")), Err(ErrorCode::TenantSuspended));
    assert_eq!(outcome(permit.require_for(AclOperation::Describe, "orders")), Ok(()));
    assert_eq!(outcome(permit.require("orders")), Ok(()));
    drop(permit);
    fixture.stop().await;
}

#[tokio::test]
async fn a_refusal_names_the_group_and_how_to_ask_why() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    fixture.allow("svc", AclOperation::Consume, the_group("joined")).await;
    let (authorizer, writer) = fixture.authorizer();
    let mut request = Request::new(());
    request.extensions_mut().insert(fixture.principal(SVC).await);
    let permit = authorizer.tenant(&request, Operation::GetGroup, "").unwrap();
    let refused = permit.require_group("secret").unwrap_err();
    assert_eq!(refused.message, "user svc may not describe group \"secret\"");
    assert!(
        refused.hint.contains("levee acl test --user svc --op describe --group secret"),
        "{}",
        refused.hint
    );
    let Err(refused) = authorizer.tenant(&request, Operation::DeleteGroup, "") else {
        panic!("it may delete no group");
    };
    assert!(
        refused.hint.contains("levee acl allow --user svc --ops delete --group GROUP"),
        "{}",
        refused.hint
    );
    let closing = CancellationToken::new();
    closing.cancel();
    writer.run(closing).await;
    let log = permit.tenant();
    let (lines, _) = fixture.storage.shard.audit_log(log, 0, 100).unwrap();
    let refusals: Vec<_> = lines
        .into_iter()
        .filter(|line| line.event.refusal.is_some())
        .map(|line| (line.event.action, line.event.resource))
        .collect();
    let of_get = ("GroupService/GetGroup".to_owned(), "group:secret".to_owned());
    assert_eq!(refusals, [of_get, ("GroupService/DeleteGroup".to_owned(), String::new())]);
    drop((permit, authorizer));
    fixture.stop().await;
}
