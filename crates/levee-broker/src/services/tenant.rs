//! Administration of tenants, for operators.

use crate::authorize::Authorizer;
use crate::blocking::{Blocking, Turn};
use crate::error::reply;
use crate::fields::{page_size, page_token, tenant_name};
use crate::operation::Operation;
use levee_proto::v1;
use levee_storage::{Page, Tenant};
use levee_types::{ErrorCode, LeveeError, TenantName};
use tonic::{Request, Response, Status};

/// `levee.v1.TenantService`.
pub(super) struct Tenants {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
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

    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Result<Response<v1::DeleteTenantResponse>, Status> {
        reply(self.delete(&request).await)
    }
}

impl Tenants {
    async fn create(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<v1::CreateTenantResponse, LeveeError> {
        let permit = self.authorizer.node(&request, Operation::CreateTenant)?;
        let v1::CreateTenantRequest { name, if_not_exists } = request.into_inner();
        let name = tenant_name("name", &name)?;
        let (tenant, created) = permit.shard().create_tenant(name).await?;
        if !created && !if_not_exists {
            return Err(LeveeError::new(
                ErrorCode::AlreadyExists,
                format!("there is a tenant {:?} already", tenant.name.as_str()),
            )
            .with_hint("choose another name, or set if_not_exists to leave it as it is"));
        }
        Ok(v1::CreateTenantResponse { tenant: Some(to_proto(tenant)), created })
    }

    fn get(&self, request: &Request<v1::GetTenantRequest>) -> Result<v1::GetTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::GetTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let tenant = permit.shard().tenant(&name)?.ok_or_else(|| not_found(&name))?;
        Ok(v1::GetTenantResponse { tenant: Some(to_proto(tenant)) })
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
            tenants: items.into_iter().map(to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteTenantRequest>,
    ) -> Result<v1::DeleteTenantResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::DeleteTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        if permit.shard().tenant(&name)?.is_none() {
            return Err(not_found(&name));
        }
        permit.shard().delete_tenant(name).await?;
        Ok(v1::DeleteTenantResponse {})
    }
}

fn not_found(name: &TenantName) -> LeveeError {
    LeveeError::new(ErrorCode::NotFound, format!("there is no tenant {:?}", name.as_str()))
        .with_hint("see those that there are with: levee tenant ls")
}

fn to_proto(tenant: Tenant) -> v1::Tenant {
    let Tenant { id, name, created_ms, topics, .. } = tenant;
    v1::Tenant { name: name.as_str().to_owned(), id: id.0, created_ms, topics }
}
