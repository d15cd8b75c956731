//! A tenant of another shard, which a backup was restored into, becomes one of this broker.

use super::import::{Import, Messages};
use super::not_found;
use super::telling::Telling;
use crate::authorize::{OnNode, Permit};
use crate::blocking::{Blocking, Turn};
use crate::error::status;
use futures::StreamExt as _;
use futures::stream;
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_storage::{Shard, Suspension};
use levee_types::{ErrorCode, LeveeError, TenantName};
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a tenant is taken over with.
pub(in crate::services) struct Takeover {
    pub(in crate::services) permit: Permit<OnNode>,
    pub(in crate::services) blocking: Blocking,
    pub(in crate::services) tasks: TaskTracker,
    pub(in crate::services) idle_timeout: Duration,
    pub(in crate::services) retire: CancellationToken,
    /// Bytes that were read.
    pub(in crate::services) done: Arc<AtomicU64>,
}

impl Takeover {
    /// Makes a tenant of what is in `shard` under `name`. Under another name it has no client certificates: they
    /// belong to one user of a broker, and that is the one who has them.
    pub(in crate::services) async fn run(
        self,
        shard: Shard,
        name: &TenantName,
        new_name: &TenantName,
    ) -> Result<v1::Tenant, LeveeError> {
        let tenant = shard.tenant(name)?.ok_or_else(|| {
            let error = not_found(name);
            LeveeError { message: format!("{} in the backup", error.message), ..error }
        })?;
        if tenant.suspension == Suspension::Importing {
            let message = format!("tenant {name} was being imported when the backup was made");
            return Err(
                LeveeError::new(ErrorCode::InvalidArgument, message).with_hint("choose a later backup")
            );
        }
        let turn = Turn { tenant: tenant.id, ..Turn::SYSTEM };
        let now_ms = self.permit.clock().unix_ms();
        // Nothing is ever written to what was restored.
        let telling = Telling::new(shard, self.blocking, turn, now_ms, None);
        let (is_copy, done, told_name) = (name != new_name, self.done, new_name.to_string());
        let messages = stream::unfold(Some(telling), move |telling| {
            let (done, name) = (Arc::clone(&done), told_name.clone());
            async move {
                let mut telling = telling?;
                match telling.next().await {
                    Ok(Some(mut parts)) => {
                        done.fetch_add(parts.encoded_len() as u64, Ordering::Relaxed);
                        if is_copy {
                            take_certificates(&mut parts);
                        }
                        let request =
                            v1::ImportTenantRequest { name, plan: String::new(), parts: Some(parts) };
                        Some((Ok(request), Some(telling)))
                    }
                    Ok(None) => None,
                    Err(error) => Some((Err(status(&error)), None)),
                }
            }
        });
        let messages = Messages::new(messages.boxed(), self.idle_timeout, self.retire);
        let answer = Import::new(self.permit, self.tasks).run(messages).await?;
        answer.tenant.ok_or_else(|| LeveeError::new(ErrorCode::Internal, "the import told of no tenant"))
    }
}

fn take_certificates(parts: &mut v1::TenantParts) {
    parts.parts.retain_mut(|part| match &mut part.kind {
        Some(Kind::Certificates(_)) => false,
        Some(Kind::User(user)) => {
            user.certificates.clear();
            true
        }
        _ => true,
    });
}
