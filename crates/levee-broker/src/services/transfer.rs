//! Taking tenants out, and making some of what was taken out of another broker. For operators.
//!
//! Must hold: an export shows one moment, or fails; an import makes a whole tenant, or leaves nothing. The only
//! exception is a broker that dies: then half a tenant stays, which nobody can use and anybody who may can delete.

mod catalog;
mod convert;
mod export;
mod groups;
mod half;
mod import;
mod logs;
mod parts;
mod pending;
pub(super) mod restored;
mod telling;

use super::tenant::{not_found, resource, to_proto};
use crate::authorize::Authorizer;
use crate::blocking::{Blocking, Turn};
use crate::error::{reply, status};
use crate::fields::tenant_name;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use export::Export;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use import::{Import, Messages};
use levee_proto::v1;
use levee_storage::Suspension;
use levee_types::limits::MAX_EXPORTS;
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// `levee.v1.TransferService`.
pub(super) struct Transfers {
    authorizer: Authorizer,
    blocking: Blocking,
    tasks: TaskTracker,
    idle_timeout: Duration,
    /// Each export holds a catalog in memory.
    exports: Arc<Semaphore>,
}

#[tonic::async_trait]
impl v1::transfer_service_server::TransferService for Transfers {
    type ExportTenantStream = BoxStream<'static, Result<v1::ExportTenantResponse, Status>>;

    async fn export_tenant(
        &self,
        request: Request<v1::ExportTenantRequest>,
    ) -> Result<Response<Self::ExportTenantStream>, Status> {
        reply(self.export(&request).await)
    }

    type ImportTenantStream = BoxStream<'static, Result<v1::ImportTenantResponse, Status>>;

    async fn import_tenant(
        &self,
        request: Request<Streaming<v1::ImportTenantRequest>>,
    ) -> Result<Response<Self::ImportTenantStream>, Status> {
        reply(self.import(request))
    }
}

impl Transfers {
    pub(super) fn new(
        authorizer: Authorizer,
        blocking: Blocking,
        tasks: TaskTracker,
        idle_timeout: Duration,
    ) -> Self {
        Self { authorizer, blocking, tasks, idle_timeout, exports: Arc::new(Semaphore::new(MAX_EXPORTS)) }
    }

    async fn export(
        &self,
        request: &Request<v1::ExportTenantRequest>,
    ) -> Result<BoxStream<'static, Result<v1::ExportTenantResponse, Status>>, LeveeError> {
        let permit = self.authorizer.node(request, Operation::ExportTenant)?;
        let name = tenant_name("name", &request.get_ref().name)?;
        let tenant = permit.shard().tenant(&name)?.ok_or_else(|| not_found(&name))?;
        if tenant.suspension == Suspension::Importing {
            let message = format!("tenant {name} is being imported");
            return Err(LeveeError::new(ErrorCode::InvalidArgument, message)
                .with_hint("export it when all of it is there"));
        }
        let slot = Arc::clone(&self.exports).try_acquire_owned().map_err(|_| {
            LeveeError::new(ErrorCode::Overloaded, format!("{MAX_EXPORTS} exports go on already"))
                .with_hint("wait for one of them")
        })?;
        let weight = permit.shard().plan(&tenant.plan)?.map_or(1, |named| named.plan.weight);
        permit.shard().note_export(tenant.id, permit.audit(resource(&name))).await?;
        let turn = Turn { tenant: tenant.id, weight, bytes: 0 };
        let retire = ConnectionContext::retire(request);
        let hold = permit.shard().hold_compaction(tenant.id).await?;
        let export = Export::new(permit, self.blocking.clone(), turn, retire, hold, slot);
        Ok(export.into_messages())
    }

    fn import(
        &self,
        request: Request<Streaming<v1::ImportTenantRequest>>,
    ) -> Result<BoxStream<'static, Result<v1::ImportTenantResponse, Status>>, LeveeError> {
        let permit = self.authorizer.node(&request, Operation::ImportTenant)?;
        let retire = ConnectionContext::retire(&request);
        let messages = Messages::new(request.into_inner().boxed(), self.idle_timeout, retire);
        let import = Import::new(permit, self.tasks.clone());
        let answer = async move { import.run(messages).await.map_err(|error| status(&error)) };
        Ok(stream::once(answer).boxed())
    }
}
