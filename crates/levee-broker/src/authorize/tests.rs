mod groups;

use super::decide::{Grant, Refused, authorize, may_enter, may_use};
use crate::admission::{NodeAdmission, NodeRates};
use crate::ambient::{SystemClock, SystemRandom};
use crate::identity::{Authenticator, Mode, Principal};
use crate::operation::{Access, Operation};
use crate::running_shard::RunningShard;
use crate::tenants::Tenants;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use levee_storage::{AuditEvent, NewUser, ShardSettings, Suspension, TenantChange};
use levee_types::acl::{AclOperation, AclRule, Effect, Pattern, Resource, ResourceKind, Subject};
use levee_types::{Clock, ErrorCode, PlanName, TenantName, UserName};
use std::sync::Arc;

pub(super) struct Fixture {
    storage: RunningShard,
    pub(super) tenants: Tenants,
    authenticator: Arc<Authenticator>,
    _dir: tempfile::TempDir,
}

fn name(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = ShardSettings { segment_bytes: 16 << 20, ..ShardSettings::default() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let storage = RunningShard::start(dir.path(), settings, Arc::clone(&clock), &SystemRandom).unwrap();
        let node = Arc::new(NodeAdmission::new(NodeRates::default()));
        let tenants = Tenants::new(storage.shard.clone(), clock, node);
        let authenticator = Arc::new(Authenticator::new(tenants.clone(), Mode::Dev));
        let fixture = Self { storage, tenants, authenticator, _dir: dir };
        for tenant in ["acme", "other"] {
            let plan = PlanName::new("default").unwrap();
            fixture.storage.shard.create_tenant(name(tenant), plan, AuditEvent::default()).await.unwrap();
        }
        fixture
    }

    pub(super) async fn principal(&self, credential: &'static str) -> Principal {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(credential))]);
        self.authenticator.authenticate(&headers, None, [127, 0, 0, 1].into()).await.unwrap()
    }

    pub(super) async fn user(&self, user: &str) {
        let acme = self.storage.shard.tenant(&name("acme")).unwrap().unwrap().id;
        let new = NewUser {
            name: UserName::new(user).unwrap(),
            is_admin: false,
            groups: vec![],
            certificates: vec![],
        };
        self.storage.shard.create_user(acme, new, AuditEvent::default()).await.unwrap();
    }

    async fn allow(&self, user: &str, operation: AclOperation, resources: Pattern) {
        let acme = self.storage.shard.tenant(&name("acme")).unwrap().unwrap().id;
        let rule = AclRule {
            id: 0,
            effect: Effect::Allow,
            subject: Subject::User(UserName::new(user).unwrap()),
            operations: operation.into(),
            resources,
            created_ms: 0,
        };
        self.storage.shard.create_acl_rules(acme, vec![rule], AuditEvent::default()).await.unwrap();
    }

    async fn suspend(&self, suspension: Suspension) {
        let change = TenantChange { suspension: Some(suspension), ..TenantChange::default() };
        self.storage.shard.update_tenant(name("acme"), change, AuditEvent::default()).await.unwrap();
    }

    pub(super) async fn stop(self) {
        let Self { storage, tenants, authenticator, .. } = self;
        drop((tenants, authenticator));
        assert!(storage.stop().await);
    }
}

fn code(refused: &Refused) -> ErrorCode {
    match refused {
        Refused::Denied { error, .. } | Refused::Told(error) => error.code,
    }
}

#[tokio::test]
async fn each_operation_is_for_those_that_its_class_says() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    let admin = fixture.principal("Dev tenant acme").await;
    let user = fixture.principal("Dev tenant acme user svc").await;
    let operator = fixture.principal("Dev operator").await;
    for operation in Operation::ALL {
        let decided = |principal| authorize(principal, operation, "").map_err(|refused| code(&refused));
        let own = || Ok(Grant::Own);
        let denied = || Err(ErrorCode::PermissionDenied);
        let unnamed = || Err(ErrorCode::InvalidArgument);
        let (by_admin, by_user, by_operator) = match operation.access() {
            Access::Data(_) => (own(), own(), denied()),
            Access::Topics(_) | Access::Groups(_) => (own(), own(), unnamed()),
            Access::Administration if operation.is_of_tenants() => (own(), denied(), unnamed()),
            Access::Administration => (own(), denied(), own()),
            Access::Node => (denied(), denied(), Ok(Grant::Node)),
            Access::Caller => (own(), own(), own()),
        };
        assert_eq!(decided(&admin), by_admin, "{operation:?}");
        assert_eq!(decided(&user), by_user, "{operation:?}");
        assert_eq!(decided(&operator), by_operator, "{operation:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_tenant_may_name_itself_and_nobody_else() {
    let fixture = Fixture::new().await;
    let tenant = fixture.principal("Dev tenant acme").await;
    assert_eq!(authorize(&tenant, Operation::GetTopic, "acme").unwrap(), Grant::Own);
    let long = "x".repeat(10 * 1024);
    for named in ["acme2", "acm", "ACME", "acme/", "other", long.as_str()] {
        let Refused::Denied { error, resource } = authorize(&tenant, Operation::GetTopic, named).unwrap_err()
        else {
            panic!("it is not written down");
        };
        assert_eq!(error.code, ErrorCode::NotFound, "{named}");
        assert!(error.message.len() < 100 && resource.len() < 100);
    }
    // The data plane takes no name at all.
    assert_eq!(authorize(&tenant, Operation::Produce, "other").unwrap(), Grant::Own);
    let operator = fixture.principal("Dev operator").await;
    assert_eq!(authorize(&operator, Operation::GetTopic, "acme").unwrap(), Grant::Named(name("acme")));
    assert_eq!(
        code(&authorize(&operator, Operation::GetTopic, "no such name").unwrap_err()),
        ErrorCode::NotFound
    );
    fixture.stop().await;
}

#[tokio::test]
async fn without_a_rule_nothing_is_allowed_and_a_rule_is_noticed_at_once() {
    let fixture = Fixture::new().await;
    fixture.user("svc").await;
    let user = fixture.principal("Dev tenant acme user svc").await;
    let enter = |operation| may_enter(&user, user.tenant(), operation).map_err(|refused| code(&refused));
    assert_eq!(enter(Operation::Produce), Err(ErrorCode::PermissionDenied));
    let orders = Pattern::name(ResourceKind::Topic, "orders").unwrap();
    fixture.allow("svc", AclOperation::Produce, orders).await;
    assert_eq!(enter(Operation::Produce), Ok(()));
    assert_eq!(enter(Operation::Read), Err(ErrorCode::PermissionDenied));
    let snapshot = user.tenant().snapshot().unwrap().unwrap();
    let may = |topic| may_use(&user, &snapshot, AclOperation::Produce, Resource::topic(topic)).is_ok();
    assert!(may("orders") && !may("order") && !may("orders2"));
    fixture.stop().await;
}

#[tokio::test]
async fn a_suspended_tenant_does_what_its_suspension_leaves() {
    let fixture = Fixture::new().await;
    let admin = fixture.principal("Dev tenant acme").await;
    for (suspension, reads, writes) in [
        (Suspension::None, true, true),
        (Suspension::ReadOnly, true, false),
        (Suspension::Frozen, false, false),
    ] {
        fixture.suspend(suspension).await;
        let enter =
            |operation| may_enter(&admin, admin.tenant(), operation).map_err(|refused| code(&refused));
        let allowed = |is_allowed| if is_allowed { Ok(()) } else { Err(ErrorCode::TenantSuspended) };
        for read in [Operation::Read, Operation::ListOffsets, Operation::GetTopic, Operation::ListTopics] {
            assert_eq!(enter(read), allowed(reads), "{read:?} {suspension:?}");
        }
        for write in
            [Operation::Produce, Operation::InitProducer, Operation::CreateTopics, Operation::TrimPartition]
        {
            assert_eq!(enter(write), allowed(writes), "{write:?} {suspension:?}");
        }
        assert_eq!(enter(Operation::CreateUser), Ok(()));
    }
    let audit = AuditEvent::default();
    fixture.storage.shard.delete_tenant(name("acme"), 60_000, audit).await.unwrap();
    for operation in [Operation::Read, Operation::CreateUser] {
        let refused = may_enter(&admin, admin.tenant(), operation).map_err(|refused| code(&refused));
        assert_eq!(refused, Err(ErrorCode::TenantSuspended));
    }
    fixture.stop().await;
}
