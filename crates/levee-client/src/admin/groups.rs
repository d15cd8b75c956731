//! Groups of consumers, and queues.

use super::{Admin, present};
use crate::error::Error;
use crate::position::StartAt;
use levee_proto::v1;

/// Groups of a tenant: an operator names it; a caller that belongs to one leaves it empty or names its own.
impl Admin {
    /// A page of the groups whose names begin with `prefix`, in the order of their names. `page_size` is 1 to 1,000, or
    /// 0 for 100; `page_token` is that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_groups(
        &self,
        tenant: &str,
        prefix: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListGroupsResponse, Error> {
        let request = v1::ListGroupsRequest {
            tenant: tenant.to_owned(),
            prefix: prefix.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        Ok(self.client.groups().list_groups(self.client.request(request)).await?.into_inner())
    }

    /// One group with its members, and how far it has come.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_group(&self, tenant: &str, name: &str) -> Result<v1::GetGroupResponse, Error> {
        let request = v1::GetGroupRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        let response = self.client.groups().get_group(self.client.request(request)).await?.into_inner();
        present(response.group.as_ref())?;
        Ok(response)
    }

    /// Sets where a group goes on in these partitions of a topic, or with none named in all of them; with `dry_run` it
    /// only tells. Returns what was, and what is, or would be.
    ///
    /// # Errors
    /// As [`Admin`] says; `GROUP_ACTIVE` while a member has one of the partitions.
    pub async fn seek_group(
        &self,
        tenant: &str,
        name: &str,
        topic: &str,
        partitions: Vec<u32>,
        to: StartAt,
        dry_run: bool,
    ) -> Result<Vec<v1::SoughtPartition>, Error> {
        let request = v1::SeekGroupRequest {
            tenant: tenant.to_owned(),
            name: name.to_owned(),
            topic: topic.to_owned(),
            partitions,
            to: Some(to.to_message()),
            dry_run,
        };
        let response = self.client.groups().seek_group(self.client.request(request)).await?;
        Ok(response.into_inner().partitions)
    }

    /// Deletes a group with all that it has committed; with `dry_run` it only tells whether it could.
    ///
    /// # Errors
    /// As [`Admin`] says; `GROUP_ACTIVE` while it has members.
    pub async fn delete_group(&self, tenant: &str, name: &str, dry_run: bool) -> Result<(), Error> {
        let request = v1::DeleteGroupRequest { tenant: tenant.to_owned(), name: name.to_owned(), dry_run };
        self.client.groups().delete_group(self.client.request(request)).await?;
        Ok(())
    }
}
