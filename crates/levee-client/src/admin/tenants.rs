//! Tenants.

use super::{Admin, present};
use crate::error::Error;
use levee_proto::v1;
use levee_types::{PlanName, TenantName};
use std::collections::HashMap;
use std::time::Duration;

/// Tenants.
impl Admin {
    /// Creates a tenant with a plan, or with the broker's default one. With `if_not_exists` one that exists is
    /// left as it is.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_tenant(
        &self,
        name: &TenantName,
        plan: Option<&PlanName>,
        if_not_exists: bool,
    ) -> Result<v1::CreateTenantResponse, Error> {
        let plan = plan.map(PlanName::to_string).unwrap_or_default();
        let request = v1::CreateTenantRequest { name: name.to_string(), if_not_exists, plan };
        Ok(self.client.tenants().create_tenant(self.client.request(request)).await?.into_inner())
    }

    /// One tenant.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_tenant(&self, name: &TenantName) -> Result<v1::Tenant, Error> {
        let request = v1::GetTenantRequest { name: name.to_string() };
        let response = self.client.tenants().get_tenant(self.client.request(request)).await?;
        present(response.into_inner().tenant)
    }

    /// A page of tenants in the order of their names. `page_size` is 1 to 1,000, or 0 for 100; `page_token`
    /// is that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_tenants(
        &self,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListTenantsResponse, Error> {
        let request = v1::ListTenantsRequest { page_size, page_token: page_token.to_owned() };
        Ok(self.client.tenants().list_tenants(self.client.request(request)).await?.into_inner())
    }

    /// Changes the name or the plan of a tenant; what is none stays.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn update_tenant(
        &self,
        name: &TenantName,
        new_name: Option<&TenantName>,
        plan: Option<&PlanName>,
    ) -> Result<v1::Tenant, Error> {
        let request = v1::UpdateTenantRequest {
            name: name.to_string(),
            new_name: new_name.map(TenantName::to_string),
            plan: plan.map(PlanName::to_string),
            ..v1::UpdateTenantRequest::default()
        };
        self.update(request).await
    }

    /// Changes the plan of a tenant, unless it is none, and the properties of those of its topics that do not say:
    /// `retention.ms` and `retention.bytes`. What is unset returns to the defaults of the broker.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn configure_tenant(
        &self,
        name: &TenantName,
        plan: Option<&PlanName>,
        set: HashMap<String, String>,
        unset: Vec<String>,
    ) -> Result<v1::Tenant, Error> {
        let request = v1::UpdateTenantRequest {
            name: name.to_string(),
            plan: plan.map(PlanName::to_string),
            set_topic_defaults: set,
            unset_topic_defaults: unset,
            ..v1::UpdateTenantRequest::default()
        };
        self.update(request).await
    }

    async fn update(&self, request: v1::UpdateTenantRequest) -> Result<v1::Tenant, Error> {
        let response = self.client.tenants().update_tenant(self.client.request(request)).await?;
        present(response.into_inner().tenant)
    }

    /// Stops writes of a tenant (`ReadOnly`), or everything but administration (`Frozen`).
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn suspend_tenant(
        &self,
        name: &TenantName,
        mode: v1::TenantState,
    ) -> Result<v1::Tenant, Error> {
        let request = v1::SuspendTenantRequest { name: name.to_string(), mode: mode.into() };
        let response = self.client.tenants().suspend_tenant(self.client.request(request)).await?;
        present(response.into_inner().tenant)
    }

    /// Ends the suspension of a tenant.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn resume_tenant(&self, name: &TenantName) -> Result<v1::Tenant, Error> {
        let request = v1::ResumeTenantRequest { name: name.to_string() };
        let response = self.client.tenants().resume_tenant(self.client.request(request)).await?;
        present(response.into_inner().tenant)
    }

    /// Closes a tenant, and deletes it with everything that belongs to it after `grace`: to the millisecond, up
    /// to a year; none means 7 days. Returns the tenant as it is until then; none when it is gone already.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn delete_tenant(
        &self,
        name: &TenantName,
        grace: Option<Duration>,
    ) -> Result<Option<v1::Tenant>, Error> {
        let grace_ms = grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        let request = v1::DeleteTenantRequest { name: name.to_string(), grace_ms };
        let response = self.client.tenants().delete_tenant(self.client.request(request)).await?;
        Ok(response.into_inner().tenant)
    }

    /// Takes the deletion of a tenant back.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn undelete_tenant(&self, name: &TenantName) -> Result<v1::Tenant, Error> {
        let request = v1::UndeleteTenantRequest { name: name.to_string() };
        let response = self.client.tenants().undelete_tenant(self.client.request(request)).await?;
        present(response.into_inner().tenant)
    }

    /// What a tenant used, hour by hour, in the order of time; hours without any use are left out. Times are
    /// Unix milliseconds: `from_ms` is rounded down to an hour, `to_ms` up, 0 is now. They lie at most 1,000
    /// hours apart.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_usage(
        &self,
        tenant: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<v1::HourlyUsage>, Error> {
        let request = v1::ListUsageRequest { tenant: tenant.to_owned(), from_ms, to_ms };
        let response = self.client.tenants().list_usage(self.client.request(request)).await?;
        Ok(response.into_inner().hours)
    }
}
