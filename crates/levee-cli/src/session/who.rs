//! Who the credential is of, asked of the server where it matters: records go to the tenant of the credential
//! whatever the command line names.

use super::{Scope, Session};
use crate::address::TopicAddress;
use crate::failure::Failure;
use levee_client::{Client, v1};
use levee_types::{ErrorCode, TenantName};

/// Who asks, as the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// None: an operator.
    pub(super) tenant: Option<TenantName>,
    pub(super) user: String,
}

impl Caller {
    fn new(answer: v1::WhoAmIResponse) -> Result<Self, Failure> {
        let v1::WhoAmIResponse { tenant, user, admin: _ } = answer;
        let tenant = if tenant.is_empty() { None } else { Some(TenantName::new(&tenant)?) };
        Ok(Self { tenant, user })
    }

    /// # Errors
    /// Records of this tenant are not the caller's to read or write.
    pub(super) fn check_records_of(&self, named: &TenantName) -> Result<(), Failure> {
        let Self { tenant, user } = self;
        let message = match tenant {
            Some(tenant) if tenant == named => return Ok(()),
            Some(tenant) => {
                format!("the credential is of user {user} of tenant {tenant}, not of tenant {named}")
            }
            None => format!("the credential is of operator {user}, and records belong to tenants"),
        };
        Err(Failure::server(ErrorCode::PermissionDenied, message)
            .with_hint(format!("use a token of a user of tenant {named}")))
    }
}

impl Session {
    /// A client for the records of a topic. Its requests name no tenant: records are the caller's own.
    ///
    /// # Errors
    /// As [`Session::topics_of`]; the credential is of another tenant than the address names.
    pub(crate) async fn records_of(&self, address: &TopicAddress) -> Result<Scope, Failure> {
        let Scope { client, .. } = self.topics_of(address.tenant.as_ref())?;
        if let (Some(_), Some(named)) = (&self.credentials.identity, &address.tenant) {
            self.caller(&client).await?.check_records_of(named)?;
        }
        Ok(Scope { client, tenant: String::new() })
    }

    async fn caller(&self, client: &Client) -> Result<&Caller, Failure> {
        self.who.get_or_try_init(async || Caller::new(self.ask(client.admin().who_am_i()).await?)).await
    }
}

#[cfg(test)]
mod tests;
