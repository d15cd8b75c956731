//! Plans and quotas.

use super::{Admin, present};
use crate::error::Error;
use levee_proto::v1;
use levee_types::PlanName;

/// Plans.
impl Admin {
    /// Creates a plan. With `if_not_exists` one that exists is left as it is.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_plan(
        &self,
        plan: v1::Plan,
        if_not_exists: bool,
    ) -> Result<v1::CreatePlanResponse, Error> {
        let request = v1::CreatePlanRequest { plan: Some(plan), if_not_exists };
        Ok(self.client.quotas().create_plan(self.client.request(request)).await?.into_inner())
    }

    /// One plan.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_plan(&self, name: &PlanName) -> Result<v1::Plan, Error> {
        let request = v1::GetPlanRequest { name: name.to_string() };
        let response = self.client.quotas().get_plan(self.client.request(request)).await?;
        present(response.into_inner().plan)
    }

    /// A page of plans in the order of their names. `page_size` is 1 to 1,000, or 0 for 100; `page_token` is
    /// that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_plans(&self, page_size: u32, page_token: &str) -> Result<v1::ListPlansResponse, Error> {
        let request = v1::ListPlansRequest { page_size, page_token: page_token.to_owned() };
        Ok(self.client.quotas().list_plans(self.client.request(request)).await?.into_inner())
    }

    /// Changes a plan, and with it the quotas of every tenant that has it.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn update_plan(&self, request: v1::UpdatePlanRequest) -> Result<v1::Plan, Error> {
        let response = self.client.quotas().update_plan(self.client.request(request)).await?;
        present(response.into_inner().plan)
    }

    /// Deletes a plan that no tenant has.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn delete_plan(&self, name: &PlanName) -> Result<(), Error> {
        let request = v1::DeletePlanRequest { name: name.to_string() };
        self.client.quotas().delete_plan(self.client.request(request)).await?;
        Ok(())
    }
}

/// Quotas of a tenant, or of one of its users or topics.
impl Admin {
    /// Sets some quotas and returns others, by the numbers of `QuotaDimension`, to where they are inherited from.
    /// Returns those that hold then.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn set_quotas(
        &self,
        target: v1::QuotaTarget,
        set: Vec<v1::Quota>,
        unset: Vec<i32>,
    ) -> Result<Vec<v1::EffectiveQuota>, Error> {
        let request = v1::SetQuotasRequest { target: Some(target), set, unset };
        let response = self.client.quotas().set_quotas(self.client.request(request)).await?;
        Ok(response.into_inner().quotas)
    }

    /// The quotas that hold, where each comes from, and what is used of it.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_quotas(&self, target: v1::QuotaTarget) -> Result<v1::GetQuotasResponse, Error> {
        let request = v1::GetQuotasRequest { target: Some(target) };
        Ok(self.client.quotas().get_quotas(self.client.request(request)).await?.into_inner())
    }

    /// The latest requests of a tenant that a quota held up, the latest first, at most 100.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn explain_quotas(&self, tenant: &str) -> Result<Vec<v1::QuotaEvent>, Error> {
        let request = v1::ExplainQuotasRequest { tenant: tenant.to_owned() };
        let response = self.client.quotas().explain_quotas(self.client.request(request)).await?;
        Ok(response.into_inner().events)
    }
}
