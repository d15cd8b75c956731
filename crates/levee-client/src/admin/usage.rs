//! Who uses the broker at present.

use super::Admin;
use crate::error::Error;
use levee_proto::v1;

/// Running counters: what two answers of one run of the broker differ by is what was used between.
impl Admin {
    /// Those of the tenants that are busiest: of all of them for an operator who names none, otherwise of one.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_tenant_counters(
        &self,
        request: v1::ListTenantCountersRequest,
    ) -> Result<v1::ListTenantCountersResponse, Error> {
        Ok(self.client.usage().list_tenant_counters(self.client.request(request)).await?.into_inner())
    }

    /// A page of those of topics, in the order of their names.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_topic_counters(
        &self,
        request: v1::ListTopicCountersRequest,
    ) -> Result<v1::ListTopicCountersResponse, Error> {
        Ok(self.client.usage().list_topic_counters(self.client.request(request)).await?.into_inner())
    }
}
