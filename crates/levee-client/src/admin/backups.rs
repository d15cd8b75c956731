//! Backups of the node, and tenants that are made of them.

use super::{Admin, present};
use crate::error::{Error, RequestId};
use levee_proto::v1;
use levee_types::TenantName;
use tonic::{Request, Streaming};

/// A backup that is being made. Dropping it does not end it.
pub struct BackupProgress {
    stream: Streaming<v1::CreateBackupResponse>,
    id: Option<RequestId>,
}

impl BackupProgress {
    /// How far it has come since; the last message has the backup.
    ///
    /// # Errors
    /// What the broker says; the connection is lost.
    pub async fn next(&mut self) -> Result<v1::CreateBackupResponse, Error> {
        let message = self.stream.message().await;
        present(message.map_err(|status| Error::from(status).of_request(self.id.as_ref()))?)
    }
}

/// A tenant that is being restored. Dropping it ends it, and nothing is left of the tenant.
pub struct RestoreProgress {
    stream: Streaming<v1::RestoreTenantResponse>,
    id: Option<RequestId>,
}

impl RestoreProgress {
    /// How far it has come since; the last message has the tenant.
    ///
    /// # Errors
    /// What the broker says; the connection is lost.
    pub async fn next(&mut self) -> Result<v1::RestoreTenantResponse, Error> {
        let message = self.stream.message().await;
        present(message.map_err(|status| Error::from(status).of_request(self.id.as_ref()))?)
    }
}

/// Backups. For operators.
impl Admin {
    /// Begins a backup of the node.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_backup(&self) -> Result<BackupProgress, Error> {
        // Without a time: it lasts as long as there is much that is new.
        let request = Request::new(v1::CreateBackupRequest {});
        let response = self.client.backups().create_backup(request).await?;
        let id = RequestId::of(response.metadata());
        Ok(BackupProgress { stream: response.into_inner(), id })
    }

    /// The backups that there are, in the order in which they were made, and those that are damaged.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_backups(&self) -> Result<v1::ListBackupsResponse, Error> {
        let request = self.client.request(v1::ListBackupsRequest {});
        Ok(self.client.backups().list_backups(request).await?.into_inner())
    }

    /// Begins to make a tenant of what it was in a backup: `backup`, or the newest that fits; at a time in Unix
    /// milliseconds, or as it is there; under another name, or its own.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn restore_tenant(
        &self,
        name: &TenantName,
        new_name: Option<&TenantName>,
        backup: Option<&str>,
        at_ms: Option<i64>,
    ) -> Result<RestoreProgress, Error> {
        let request = v1::RestoreTenantRequest {
            name: name.to_string(),
            new_name: new_name.map(TenantName::to_string).unwrap_or_default(),
            backup_id: backup.unwrap_or_default().to_owned(),
            at_ms,
        };
        let response = self.client.backups().restore_tenant(Request::new(request)).await?;
        let id = RequestId::of(response.metadata());
        Ok(RestoreProgress { stream: response.into_inner(), id })
    }
}
