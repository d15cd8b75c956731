//! Reading tables by key, and erasing keys, for tenants.

mod changes;
mod erase;
mod get;
mod lookup;
mod merge;
mod scan;
mod stream;
mod target;
mod value;
mod watch;

pub(super) use target::require_table;

use super::long::Long;
use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::reply;
use crate::queues::Queues;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_types::Random;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// `levee.v1.TableService`.
pub(super) struct Tables {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) long: Long,
    pub(super) queues: Queues,
    pub(super) random: Arc<dyn Random>,
}

#[tonic::async_trait]
impl v1::table_service_server::TableService for Tables {
    async fn get_values(
        &self,
        request: Request<v1::GetValuesRequest>,
    ) -> Result<Response<v1::GetValuesResponse>, Status> {
        reply(self.get(request).await)
    }

    type ScanTableStream = BoxStream<'static, Result<v1::ScanTableResponse, Status>>;

    async fn scan_table(
        &self,
        request: Request<v1::ScanTableRequest>,
    ) -> Result<Response<Self::ScanTableStream>, Status> {
        reply(self.scan(request).await)
    }

    type WatchTableStream = BoxStream<'static, Result<v1::WatchTableResponse, Status>>;

    async fn watch_table(
        &self,
        request: Request<v1::WatchTableRequest>,
    ) -> Result<Response<Self::WatchTableStream>, Status> {
        reply(self.watch(request))
    }

    async fn erase_key(
        &self,
        request: Request<v1::EraseKeyRequest>,
    ) -> Result<Response<v1::EraseKeyResponse>, Status> {
        reply(self.erase(request).await)
    }
}
