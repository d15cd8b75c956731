//! Administration of tenants, for operators, and what a tenant's administrators may see of it.

use crate::authorize::Authorizer;
use crate::blocking::{Blocking, Turn};
use crate::error::reply;
use crate::fields::{invalid, out_of_range, page_size, page_token, plan_name, tenant_name};
use crate::operation::Operation;
use levee_proto::v1;
use levee_storage::usage::{HOUR_MS, begin_of, hour_of};
use levee_storage::{HourlyUse, Page, Suspension, Tenant, TenantChange};
use levee_types::limits::{DEFAULT_DELETE_GRACE_MS, MAX_DELETE_GRACE_MS, MAX_USAGE_HOURS_PER_REQUEST};
use levee_types::topic::{INHERITED, check_defaults, check_inherited};
use levee_types::{ErrorCode, LeveeError, PlanName, TenantName};
use tonic::{Request, Response, Status};

/// `levee.v1.TenantService`.
pub(super) struct Tenants {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    /// The plan of tenants that are created without one.
    pub(super) default_plan: PlanName,
}

#[tonic::async_trait]
impl v1::tenant_service_server::TenantService for Tenants {
    async fn create_tenant(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<Response<v1::CreateTenantResponse>, Status> {
        reply(self.create(request).await)
    }

    async fn get_tenant(
        &self,
        request: Request<v1::GetTenantRequest>,
    ) -> Result<Response<v1::GetTenantResponse>, Status> {
        reply(self.get(&request))
    }

    async fn list_tenants(
        &self,
        request: Request<v1::ListTenantsRequest>,
    ) -> Result<Response<v1::ListTenantsResponse>, Status> {
        reply(self.list(&request).await)
    }

    async fn update_tenant(
        &self,
        request: Request<v1::UpdateTenantRequest>,
    ) -> Result<Response<v1::UpdateTenantResponse>, Status> {
        reply(self.update(&request).await)
    }

    async fn suspend_tenant(
        &self,
        request: Request<v1::SuspendTenantRequest>,
    ) -> Result<Response<v1::SuspendTenantResponse>, Status> {
        reply(self.suspend(&request).await)
    }

    async fn resume_tenant(
        &self,
        request: Request<v1::ResumeTenantRequest>,
    ) -> Result<Response<v1::ResumeTenantResponse>, Status> {
        reply(self.resume(&request).await)
    }

    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Result<Response<v1::DeleteTenantResponse>, Status> {
        reply(self.delete(&request).await)
    }

    async fn undelete_tenant(
        &self,
        request: Request<v1::UndeleteTenantRequest>,
    ) -> Result<Response<v1::UndeleteTenantResponse>, Status> {
        reply(self.undelete(&request).await)
    }

    async fn list_usage(
        &self,
        request: Request<v1::ListUsageRequest>,
    ) -> Result<Response<v1::ListUsageResponse>, Status> {
        reply(self.usage(&request).await)
    }
}

impl Tenants {
    async fn create(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<v1::CreateTenantResponse, LeveeError> {
        let permit = self.authorizer.node(&request, Operation::CreateTenant)?;
        let v1::CreateTenantRequest { name, if_not_exists, plan } = request.into_inner();
        let name = tenant_name("name", &name)?;
        let plan = if plan.is_empty() { self.default_plan.clone() } else { plan_name("plan", &plan)? };
        let audit = permit.audit(resource(&name));
        let (tenant, created) = permit.shard().create_tenant(name, plan, audit).await?;
        if !created && !if_not_exists {
            return Err(LeveeError::new(
                ErrorCode::AlreadyExists,
                format!("there is a tenant {:?} already", tenant.name.as_str()),
            )
            .with_hint("choose another name, or set if_not_exists to leave it as it is"));
        }
        Ok(v1::CreateTenantResponse { tenant: Some(to_proto(&tenant)), created })
    }

    fn get(&self, request: &Request<v1::GetTenantRequest>) -> Result<v1::GetTenantResponse, LeveeError> {
        let name = &request.get_ref().name;
        // A tenant's administrator may leave it out.
        if !name.is_empty() || self.authorizer.caller(request)?.is_operator() {
            tenant_name("name", name)?;
        }
        let permit = self.authorizer.tenant(request, Operation::GetTenant, name)?;
        let tenant = permit.shard().tenant_by_id(permit.tenant())?;
        let tenant = tenant.ok_or_else(|| not_found(permit.tenant_name()))?;
        Ok(v1::GetTenantResponse { tenant: Some(to_proto(&tenant)) })
    }

    async fn list(
        &self,
        request: &Request<v1::ListTenantsRequest>,
    ) -> Result<v1::ListTenantsResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::ListTenants)?;
        let size = page_size(request.get_ref().page_size)?;
        let after = page_token(&request.get_ref().page_token)?;
        let shard = permit.shard().clone();
        let Page { items, next } =
            self.blocking.run(Turn::SYSTEM, move || shard.list_tenants(after.as_deref(), size)).await?;
        Ok(v1::ListTenantsResponse {
            tenants: items.iter().map(to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn update(
        &self,
        request: &Request<v1::UpdateTenantRequest>,
    ) -> Result<v1::UpdateTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::UpdateTenant)?;
        let v1::UpdateTenantRequest { name, new_name, plan, set_topic_defaults, unset_topic_defaults } =
            request.get_ref();
        let name = tenant_name("name", name)?;
        let change = TenantChange {
            name: new_name.as_deref().map(|name| tenant_name("new_name", name)).transpose()?,
            plan: plan.as_deref().map(|plan| plan_name("plan", plan)).transpose()?,
            suspension: None,
            set_topic_defaults: set_topic_defaults.clone().into_iter().collect(),
            unset_topic_defaults: unset_topic_defaults.clone(),
        };
        check_topic_defaults(&change)?;
        if change == TenantChange::default() {
            return Err(invalid("new_name", "there is nothing to change", "give a name, a plan or defaults"));
        }
        let audit = permit.audit(resource(&name));
        let tenant = permit.shard().update_tenant(name, change, audit).await?;
        Ok(v1::UpdateTenantResponse { tenant: Some(to_proto(&tenant)) })
    }

    async fn suspend(
        &self,
        request: &Request<v1::SuspendTenantRequest>,
    ) -> Result<v1::SuspendTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::SuspendTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let suspension = match request.get_ref().mode() {
            v1::TenantState::ReadOnly => Suspension::ReadOnly,
            v1::TenantState::Frozen => Suspension::Frozen,
            v1::TenantState::Unspecified
            | v1::TenantState::Active
            | v1::TenantState::Deleting
            | v1::TenantState::Importing => {
                let problem = "it is not a way to suspend a tenant";
                return Err(invalid("mode", problem, "give 2 for read-only or 3 for frozen"));
            }
        };
        let change = TenantChange { suspension: Some(suspension), ..TenantChange::default() };
        let audit = permit.audit(resource(&name));
        let tenant = permit.shard().update_tenant(name, change, audit).await?;
        Ok(v1::SuspendTenantResponse { tenant: Some(to_proto(&tenant)) })
    }

    async fn resume(
        &self,
        request: &Request<v1::ResumeTenantRequest>,
    ) -> Result<v1::ResumeTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::ResumeTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let change = TenantChange { suspension: Some(Suspension::None), ..TenantChange::default() };
        let audit = permit.audit(resource(&name));
        let tenant = permit.shard().update_tenant(name, change, audit).await?;
        Ok(v1::ResumeTenantResponse { tenant: Some(to_proto(&tenant)) })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteTenantRequest>,
    ) -> Result<v1::DeleteTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::DeleteTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let grace_ms = request.get_ref().grace_ms.unwrap_or(DEFAULT_DELETE_GRACE_MS);
        if grace_ms > MAX_DELETE_GRACE_MS {
            return Err(out_of_range("grace_ms", grace_ms, 0, MAX_DELETE_GRACE_MS));
        }
        if permit.shard().tenant(&name)?.is_none() {
            return Err(not_found(&name));
        }
        let audit = permit.audit(resource(&name));
        let tenant = permit.shard().delete_tenant(name, grace_ms, audit).await?;
        Ok(v1::DeleteTenantResponse { tenant: tenant.as_ref().map(to_proto) })
    }

    async fn undelete(
        &self,
        request: &Request<v1::UndeleteTenantRequest>,
    ) -> Result<v1::UndeleteTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::UndeleteTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let audit = permit.audit(resource(&name));
        let tenant = permit.shard().undelete_tenant(name, audit).await?;
        Ok(v1::UndeleteTenantResponse { tenant: Some(to_proto(&tenant)) })
    }

    async fn usage(
        &self,
        request: &Request<v1::ListUsageRequest>,
    ) -> Result<v1::ListUsageResponse, LeveeError> {
        let permit = self.authorizer.tenant(request, Operation::ListUsage, &request.get_ref().tenant)?;
        let v1::ListUsageRequest { from_ms, to_ms, .. } = *request.get_ref();
        let now_ms = self.authorizer.clock().unix_ms();
        let to_ms = if to_ms == 0 { now_ms } else { to_ms };
        let from = hour_of(from_ms);
        let to = hour_of(to_ms.saturating_add(HOUR_MS - 1));
        if to.saturating_sub(from) > MAX_USAGE_HOURS_PER_REQUEST {
            let problem = format!("it is more than {MAX_USAGE_HOURS_PER_REQUEST} hours before to_ms");
            return Err(invalid("from_ms", problem, "ask for less at once"));
        }
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let hours =
            self.blocking.run(permit.turn(0), move || shard.hourly_use(tenant, from, to, now_ms)).await?;
        Ok(v1::ListUsageResponse { hours: hours.into_iter().map(hour_to_proto).collect() })
    }
}

/// Refuses what cannot be a change of the defaults of topics.
fn check_topic_defaults(change: &TenantChange) -> Result<(), LeveeError> {
    let TenantChange { set_topic_defaults: set, unset_topic_defaults: unset, .. } = change;
    check_defaults(set)?;
    if unset.len() > INHERITED.len() {
        let problem = format!("there are {}; it takes at most {}", unset.len(), INHERITED.len());
        return Err(invalid("unset_topic_defaults", problem, "name each property once"));
    }
    check_inherited(unset)?;
    if let Some(both) = unset.iter().find(|name| set.contains_key(*name)) {
        let problem = format!("{both} is in `set_topic_defaults` as well");
        return Err(invalid("unset_topic_defaults", problem, "name it in one of the two"));
    }
    Ok(())
}

fn hour_to_proto((hour, used): (u64, HourlyUse)) -> v1::HourlyUsage {
    v1::HourlyUsage {
        hour_ms: begin_of(hour),
        bytes_in: used.bytes_in,
        records_in: used.records_in,
        stored_byte_hours: used.stored_byte_hours,
        bytes_out: used.service.bytes_out,
        records_out: used.service.records_out,
        requests: used.service.requests,
        peak_connections: used.service.peak_connections,
    }
}

pub(super) fn resource(name: &TenantName) -> String {
    format!("tenant:{name}")
}

pub(super) fn not_found(name: &TenantName) -> LeveeError {
    LeveeError::new(ErrorCode::NotFound, format!("there is no tenant {:?}", name.as_str()))
        .with_hint("see those that there are with: levee tenant ls")
}

pub(super) fn to_proto(tenant: &Tenant) -> v1::Tenant {
    let state = match (tenant.delete_at_ms, tenant.suspension) {
        (Some(_), _) => v1::TenantState::Deleting,
        (None, Suspension::None) => v1::TenantState::Active,
        (None, Suspension::ReadOnly) => v1::TenantState::ReadOnly,
        (None, Suspension::Frozen) => v1::TenantState::Frozen,
        (None, Suspension::Importing) => v1::TenantState::Importing,
    };
    v1::Tenant {
        topic_defaults: tenant.topic_defaults.clone().into_iter().collect(),
        name: tenant.name.as_str().to_owned(),
        id: tenant.id.0,
        created_ms: tenant.created_ms,
        topics: tenant.topics,
        plan: tenant.plan.as_str().to_owned(),
        state: state as i32,
        delete_at_ms: tenant.delete_at_ms,
        partitions: tenant.partitions,
        stored_bytes: tenant.stored_bytes,
    }
}
