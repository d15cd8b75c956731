//! Users.

use super::{Admin, present};
use crate::error::Error;
use levee_proto::v1;

/// Users of a tenant, or with an empty tenant for an operator: the operators.
impl Admin {
    /// Who the caller is, for everybody who has a credential.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn who_am_i(&self) -> Result<v1::WhoAmIResponse, Error> {
        let request = self.client.request(v1::WhoAmIRequest {});
        Ok(self.client.users().who_am_i(request).await?.into_inner())
    }

    /// Creates a user.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_user(&self, request: v1::CreateUserRequest) -> Result<v1::CreateUserResponse, Error> {
        Ok(self.client.users().create_user(self.client.request(request)).await?.into_inner())
    }

    /// One user.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_user(&self, tenant: &str, name: &str) -> Result<v1::User, Error> {
        let request = v1::GetUserRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        let response = self.client.users().get_user(self.client.request(request)).await?;
        present(response.into_inner().user)
    }

    /// A page of users in the order of their names. `page_size` is 1 to 1,000, or 0 for 100; `page_token` is
    /// that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_users(
        &self,
        tenant: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListUsersResponse, Error> {
        let (tenant, page_token) = (tenant.to_owned(), page_token.to_owned());
        let request = v1::ListUsersRequest { tenant, page_size, page_token };
        Ok(self.client.users().list_users(self.client.request(request)).await?.into_inner())
    }

    /// Changes a user; what is absent stays.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn update_user(&self, request: v1::UpdateUserRequest) -> Result<v1::User, Error> {
        let response = self.client.users().update_user(self.client.request(request)).await?;
        present(response.into_inner().user)
    }

    /// Deletes a user with its tokens and the access rules that name it.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn delete_user(&self, tenant: &str, name: &str) -> Result<(), Error> {
        let request = v1::DeleteUserRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        self.client.users().delete_user(self.client.request(request)).await?;
        Ok(())
    }
}
