//! The decision, apart from what is done about it.

use crate::identity::Principal;
use crate::operation::{Access, Operation};
use crate::tenants::{Snapshot, TenantEntry};
use levee_storage::Suspension;
use levee_types::acl::{AclOperation, Decision, Resource, ResourceKind, TokenScope, scopes_allow};
use levee_types::limits::MAX_TENANT_NAME;
use levee_types::{ErrorCode, LeveeError, TenantName};

/// What a call is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// The caller's own tenant; for an operator the system.
    Own,
    /// The tenant that an operator names.
    Named(TenantName),
    /// The node.
    Node,
}

/// Why not.
#[derive(Debug)]
pub(super) enum Refused {
    /// A refusal that stands in the audit log.
    Denied {
        error: LeveeError,
        /// What it was about; may be empty.
        resource: String,
    },
    /// A mistake, or a failure.
    Told(LeveeError),
}

fn denied(resource: &str, message: impl Into<String>, hint: impl Into<String>) -> Refused {
    let error = LeveeError::new(ErrorCode::PermissionDenied, message).with_hint(hint);
    Refused::Denied { error, resource: resource.to_owned() }
}

/// Decides what a call is about. `named` is the tenant that the message names; empty if it names none.
pub(super) fn authorize(principal: &Principal, operation: Operation, named: &str) -> Result<Grant, Refused> {
    if principal.is_operator() && !principal.scopes().is_empty() && operation.access() != Access::Caller {
        let message = "the token is narrowed down, and nothing of an operator is within a scope";
        return Err(denied("", message, "use a token without scopes"));
    }
    let for_admins = "this is for administrators";
    match (operation.access(), principal.is_operator()) {
        (Access::Data(_), false) | (Access::Caller, _) => Ok(Grant::Own),
        (Access::Topics(_) | Access::Groups(_), false) => own(principal, named),
        (Access::Administration, false) => {
            let grant = own(principal, named)?;
            if principal.is_admin() {
                Ok(grant)
            } else {
                Err(denied("", for_admins, "use a credential of an administrator of the tenant"))
            }
        }
        (Access::Topics(_) | Access::Groups(_), true) => {
            if named.is_empty() {
                let error = LeveeError::new(ErrorCode::InvalidArgument, "tenant: the operator must name one")
                    .with_hint(
                        "give the name of the tenant that is meant: levee names TENANT/TOPIC and TENANT/GROUP",
                    );
                return Err(Refused::Told(error));
            }
            named_tenant(named)
        }
        (Access::Administration, true) if named.is_empty() => {
            if operation.is_of_tenants() {
                let error = LeveeError::new(ErrorCode::InvalidArgument, "tenant: the operator must name one")
                    .with_hint("give the name of the tenant that is meant");
                return Err(Refused::Told(error));
            }
            Ok(Grant::Own)
        }
        (Access::Administration, true) => named_tenant(named),
        (Access::Node, true) => Ok(Grant::Node),
        (Access::Data(_), true) => Err(denied(
            "",
            "records belong to tenants; the operator has none",
            "use a credential of the tenant",
        )),
        (Access::Node, false) => Err(denied("", "this is for operators", "use a credential of an operator")),
    }
}

/// A name that cannot be one is no tenant either.
fn named_tenant(named: &str) -> Result<Grant, Refused> {
    TenantName::new(named).map(Grant::Named).map_err(|_| Refused::Told(no_tenant(named)))
}

/// A tenant may name itself. Nothing is looked up: not even the time tells whether another one exists.
fn own(principal: &Principal, named: &str) -> Result<Grant, Refused> {
    if named.is_empty() {
        return Ok(Grant::Own);
    }
    let snapshot = principal.tenant().snapshot().map_err(Refused::Told)?;
    let is_own = snapshot.is_some_and(|own| own.tenant().is_some_and(|own| own.name.as_str() == named));
    if is_own {
        return Ok(Grant::Own);
    }
    let shown: String = named.chars().take(MAX_TENANT_NAME).collect();
    Err(Refused::Denied { error: no_tenant(named), resource: format!("tenant:{shown}") })
}

/// Whether a tenant's own users may do this now, on any topic or group at all.
pub(super) fn may_enter(
    principal: &Principal,
    tenant: &TenantEntry,
    operation: Operation,
) -> Result<(), Refused> {
    let Some(snapshot) = tenant.snapshot().map_err(Refused::Told)? else {
        return Err(Refused::Told(LeveeError::new(ErrorCode::Unauthenticated, "the tenant is gone")));
    };
    is_open(&snapshot, operation)?;
    if let Some((needed, kind)) = super::on_anything(operation) {
        let allows = |scope: &TokenScope| {
            scope.resources.kind() == kind && scope.operations.with_implied().contains(needed)
        };
        let in_scope = principal.scopes().is_empty() || principal.scopes().iter().any(allows);
        if !in_scope || !snapshot.policy().may_any(&principal.member(), needed, kind) {
            return Err(no_grant_on_any(principal, needed, kind));
        }
    }
    Ok(())
}

/// Whether a tenant is in a state that allows this to its own users.
fn is_open(snapshot: &Snapshot, operation: Operation) -> Result<(), Refused> {
    if snapshot.is_deleting() {
        return suspended("the tenant is being deleted", "ask the operator to take the deletion back");
    }
    if snapshot.suspension() == Suspension::Importing {
        let hint = "wait until the operator has imported all of it";
        return suspended("the tenant is being imported", hint);
    }
    match operation.access() {
        Access::Data(needed) | Access::Topics(needed) | Access::Groups(needed) => {
            may_happen(snapshot, needed)
        }
        // Administration goes on: who may do what can be put right while nothing else happens.
        Access::Administration | Access::Node | Access::Caller => Ok(()),
    }
}

/// Whether a suspension leaves this to the tenant's own users.
fn may_happen(snapshot: &Snapshot, needed: AclOperation) -> Result<(), Refused> {
    let is_read = matches!(needed, AclOperation::Consume | AclOperation::List | AclOperation::Describe);
    let hint = "ask the operator to resume the tenant";
    match snapshot.suspension() {
        Suspension::None => Ok(()),
        Suspension::ReadOnly if is_read => Ok(()),
        Suspension::ReadOnly => suspended("the tenant is suspended: it is read-only", hint),
        // The second was met when the call began.
        Suspension::Frozen | Suspension::Importing => {
            suspended("the tenant is suspended: it is frozen", hint)
        }
    }
}

fn suspended(message: &str, hint: &str) -> Result<(), Refused> {
    let error = LeveeError::new(ErrorCode::TenantSuspended, message).with_hint(hint);
    Err(Refused::Denied { error, resource: String::new() })
}

/// Whether an operator may do this within a tenant. Of one that is being imported only the import changes anything.
pub(super) fn may_visit(tenant: &TenantEntry, operation: Operation) -> Result<(), Refused> {
    let snapshot = tenant.snapshot().map_err(Refused::Told)?;
    let importing = snapshot.filter(|snapshot| snapshot.suspension() == Suspension::Importing);
    match importing.as_deref().and_then(Snapshot::tenant) {
        Some(tenant) if operation.is_change() => {
            let message = format!("tenant {} is being imported", tenant.name);
            let error = LeveeError::new(ErrorCode::InvalidArgument, message)
                .with_hint("wait until all of it is there; if nobody goes on with it, delete the tenant");
            Err(Refused::Told(error))
        }
        _ => Ok(()),
    }
}

/// Whether a tenant's own user may do this with a topic or a group.
pub(super) fn may_use(
    principal: &Principal,
    snapshot: &Snapshot,
    needed: AclOperation,
    what: Resource<'_>,
) -> Result<(), Refused> {
    let is_allowed = snapshot.policy().decide(&principal.member(), needed, what) == Decision::Allowed
        && (principal.scopes().is_empty() || scopes_allow(principal.scopes(), needed, what));
    if is_allowed { Ok(()) } else { Err(no_grant(principal, needed, what)) }
}

/// The same for what comes with a call that itself needs something else: a suspension may leave the call, and not this.
pub(super) fn may_also_use(
    principal: &Principal,
    snapshot: &Snapshot,
    needed: AclOperation,
    what: Resource<'_>,
) -> Result<(), Refused> {
    may_happen(snapshot, needed)?;
    may_use(principal, snapshot, needed, what)
}

fn no_grant_on_any(principal: &Principal, needed: AclOperation, kind: ResourceKind) -> Refused {
    let user = principal.user().name.as_str();
    let option = match kind {
        ResourceKind::Topic => "--topic TOPIC",
        ResourceKind::Group => "--group GROUP",
    };
    let hint =
        format!("an administrator can allow it with: levee acl allow --user {user} --ops {needed} {option}");
    denied("", format!("user {user} may not {needed}"), hint)
}

fn no_grant(principal: &Principal, needed: AclOperation, what: Resource<'_>) -> Refused {
    let user = principal.user().name.as_str();
    let Resource { kind, name } = what;
    let kind = kind.name();
    let hint = format!(
        "an administrator can tell why with: levee acl test --user {user} --op {needed} --{kind} {name}"
    );
    denied(&format!("{kind}:{name}"), format!("user {user} may not {needed} {what}"), hint)
}

pub(super) fn no_tenant(name: &str) -> LeveeError {
    let shown: String = name.chars().take(MAX_TENANT_NAME).collect();
    let error = LeveeError::new(ErrorCode::NotFound, format!("there is no tenant {shown:?}"));
    match TenantName::new(name) {
        Ok(name) => error.with_hint(format!("create it with: levee tenant create {name}")),
        Err(_) => error.with_hint("check the name; levee tenant ls lists the tenants"),
    }
}
