//! Access rules.

use super::Admin;
use crate::error::Error;
use levee_proto::v1;

/// Access rules of a tenant.
impl Admin {
    /// Adds 1 to 1,000 rules, all or none. One that is there already is not added again. Returns them with
    /// their ids.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_acl_rules(
        &self,
        tenant: &str,
        rules: Vec<v1::AclRule>,
    ) -> Result<Vec<v1::AclRule>, Error> {
        let request = v1::CreateAclRulesRequest { tenant: tenant.to_owned(), rules };
        let response = self.client.acl().create_acl_rules(self.client.request(request)).await?;
        Ok(response.into_inner().rules)
    }

    /// A page of rules in the order of their ids. `page_size` is 1 to 1,000, or 0 for 100; `page_token` is that
    /// of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_acl_rules(
        &self,
        tenant: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListAclRulesResponse, Error> {
        let (tenant, page_token) = (tenant.to_owned(), page_token.to_owned());
        let request = v1::ListAclRulesRequest { tenant, page_size, page_token };
        Ok(self.client.acl().list_acl_rules(self.client.request(request)).await?.into_inner())
    }

    /// Deletes 1 to 1,000 rules, all or none.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn delete_acl_rules(&self, tenant: &str, ids: Vec<u64>) -> Result<(), Error> {
        let request = v1::DeleteAclRulesRequest { tenant: tenant.to_owned(), ids };
        self.client.acl().delete_acl_rules(self.client.request(request)).await?;
        Ok(())
    }

    /// Whether a user may do something, and which rule decides.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn test_acl(&self, request: v1::TestAclRequest) -> Result<v1::TestAclResponse, Error> {
        Ok(self.client.acl().test_acl(self.client.request(request)).await?.into_inner())
    }
}
