//! The calls of administration: thin, typed, one for each; a file for each noun.

mod acl;
mod audit;
mod backups;
mod cluster;
mod groups;
mod quotas;
mod tables;
mod tenants;
mod tokens;
mod topics;
mod transfers;
mod usage;
mod users;

pub use backups::{BackupProgress, RestoreProgress};
pub use tables::{TopicCompaction, TopicVerification};
pub use tokens::IssuedToken;
pub use topics::CreatedTopics;
pub use transfers::TenantExport;

use crate::client::Client;
use crate::error::Error;

/// Administers tenants and what belongs to them, and the broker. Where a tenant is named by a text, an operator
/// names the one that is meant; a caller that belongs to a tenant leaves it empty, or names its own.
///
/// Every call fails with what the broker says, or when the broker cannot be reached in time.
#[derive(Clone)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}

fn present<T>(field: Option<T>) -> Result<T, Error> {
    field.ok_or_else(|| Error::protocol("the broker's answer is empty"))
}
