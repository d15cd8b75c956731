//! Taking a tenant out of a broker, and making one of what was taken out.

use super::{Admin, present};
use crate::error::{Error, RequestId};
use futures::{Stream, StreamExt as _};
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_types::{PlanName, TenantName};
use tonic::{Request, Streaming};

/// An export that goes on. Dropping it ends it.
pub struct TenantExport {
    stream: Streaming<v1::ExportTenantResponse>,
    id: Option<RequestId>,
    end: Option<v1::TransferCounts>,
}

impl TenantExport {
    /// The next parts; none when all were there.
    ///
    /// # Errors
    /// What the broker says; the connection is lost; the stream ends before its last part.
    pub async fn next(&mut self) -> Result<Option<v1::TenantParts>, Error> {
        let message = self.stream.message().await;
        match message.map_err(|status| Error::from(status).of_request(self.id.as_ref()))? {
            Some(message) => {
                let parts = message.parts.unwrap_or_default();
                if let Some(Kind::End(end)) = parts.parts.last().and_then(|part| part.kind.as_ref()) {
                    self.end = end.counts;
                }
                Ok(Some(parts))
            }
            None if self.end.is_some() => Ok(None),
            None => {
                Err(Error::protocol("the export ended before its last part").of_request(self.id.as_ref()))
            }
        }
    }

    /// How much there was, once [`Self::next`] has given the last parts.
    #[must_use]
    pub fn counts(&self) -> Option<v1::TransferCounts> {
        self.end
    }
}

/// Taking tenants from broker to broker. For operators.
impl Admin {
    /// Everything of a tenant as it is now, in parts that [`Admin::import_tenant`] takes, but for its tokens.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn export_tenant(&self, name: &TenantName) -> Result<TenantExport, Error> {
        let request = v1::ExportTenantRequest { name: name.to_string() };
        // Without a time: it lasts as long as the tenant is large.
        let response = self.client.transfers().export_tenant(Request::new(request)).await?;
        let id = RequestId::of(response.metadata());
        Ok(TenantExport { stream: response.into_inner(), id, end: None })
    }

    /// Makes a tenant of the parts of an export, in their order; what is none stays as it was exported. Ending the
    /// parts early gives it up, and the broker deletes what it made.
    ///
    /// # Errors
    /// As [`Admin`] says; then nothing is left of the tenant, unless the message says so.
    pub async fn import_tenant(
        &self,
        name: Option<&TenantName>,
        plan: Option<&PlanName>,
        parts: impl Stream<Item = v1::TenantParts> + Send + 'static,
    ) -> Result<(v1::Tenant, v1::TransferCounts), Error> {
        let name = name.map(TenantName::to_string).unwrap_or_default();
        let plan = plan.map(PlanName::to_string).unwrap_or_default();
        let requests = parts.map(move |parts| v1::ImportTenantRequest {
            name: name.clone(),
            plan: plan.clone(),
            parts: Some(parts),
        });
        let response = self.client.transfers().import_tenant(Request::new(requests)).await?;
        let id = RequestId::of(response.metadata());
        let mut stream = response.into_inner();
        let answer = stream.message().await.map_err(|status| Error::from(status).of_request(id.as_ref()))?;
        let v1::ImportTenantResponse { tenant, counts } = present(answer)?;
        Ok((present(tenant)?, present(counts)?))
    }
}
