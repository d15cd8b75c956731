//! Who the credential is of, asked of the server where it matters: records go to the tenant of the credential
//! whatever the command line names, and a call without a tenant means another thing for an operator than for a
//! tenant's administrator.

use super::{Scope, Session, no_tenant};
use crate::address::TopicAddress;
use crate::failure::Failure;
use crate::settings::Source;
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

    /// The caller's own tenant.
    ///
    /// # Errors
    /// The caller is an operator, who has to say what is meant: `hint` tells how.
    fn own(&self, hint: &str) -> Result<&TenantName, Failure> {
        self.tenant.as_ref().ok_or_else(|| {
            Failure::usage("no tenant is given, and the credential is that of an operator").with_hint(hint)
        })
    }

    /// # Errors
    /// The caller is no operator.
    fn check_operator(&self) -> Result<(), Failure> {
        match &self.tenant {
            None => Ok(()),
            Some(tenant) => Err(Failure::server(
                ErrorCode::PermissionDenied,
                format!(
                    "--operator is for operators; the credential is of user {} of tenant {tenant}",
                    self.user
                ),
            )),
        }
    }
}

impl Session {
    /// A client for the records of a topic. Its requests name no tenant: records are the caller's own.
    ///
    /// # Errors
    /// As [`Session::topics_of`]; the credential is of another tenant than the address names.
    pub(crate) async fn records_of(&self, address: &TopicAddress) -> Result<Scope, Failure> {
        self.records_of_tenant(address.tenant.as_ref()).await
    }

    /// The same for all topics of a tenant; none: the caller's own.
    ///
    /// # Errors
    /// As [`Session::records_of`].
    pub(crate) async fn records_of_tenant(&self, tenant: Option<&TenantName>) -> Result<Scope, Failure> {
        let Scope { client, .. } = self.topics_of(tenant)?;
        if let (Some(_), Some(named)) = (&self.credentials.identity, tenant) {
            self.caller(&client).await?.check_records_of(named)?;
        }
        Ok(Scope { client, tenant: String::new() })
    }

    /// A client for what is administered of this tenant, or of the one that is meant when none is named.
    ///
    /// # Errors
    /// As [`Session::administer`]; nothing says which tenant is meant.
    pub(crate) async fn tenant_or_own(&self, named: Option<&TenantName>) -> Result<Scope, Failure> {
        self.of_tenant(named, "name the tenant with --tenant").await
    }

    /// A client for what is administered of the tenant that is meant, or of the operators themselves: both have
    /// users, tokens and an audit log. The tenant of the scope is empty for the operators alone.
    ///
    /// # Errors
    /// As [`Session::administer`]; the caller is no operator, or one who does not say what is meant.
    pub(crate) async fn tenant_or_operators(&self, operators: bool) -> Result<Scope, Failure> {
        if !operators {
            return self.of_tenant(None, "give --tenant, or --operator for the operators themselves").await;
        }
        if self.settings.tenant.as_ref().is_some_and(|tenant| tenant.source == Source::Flag) {
            return Err(Failure::usage("--operator and --tenant exclude each other"));
        }
        let client = self.operator()?;
        // Without a credential it is the operator who asks.
        if self.credentials.identity.is_some() {
            self.caller(&client).await?.check_operator()?;
        }
        Ok(Scope { client, tenant: String::new() })
    }

    /// `hint` is for an operator who says nothing.
    async fn of_tenant(&self, named: Option<&TenantName>, hint: &str) -> Result<Scope, Failure> {
        if let Some(named) = named.or_else(|| self.tenant()) {
            return self.administer(named);
        }
        if self.credentials.identity.is_none() {
            return Err(no_tenant());
        }
        let client = self.operator()?;
        let tenant = self.caller(&client).await?.own(hint)?.to_string();
        Ok(Scope { client, tenant })
    }

    async fn caller(&self, client: &Client) -> Result<&Caller, Failure> {
        self.who.get_or_try_init(async || Caller::new(self.ask(client.admin().who_am_i()).await?)).await
    }
}

#[cfg(test)]
mod tests;
