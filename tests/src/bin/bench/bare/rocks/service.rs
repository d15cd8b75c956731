//! Lookups, as the broker answers them.

use futures::stream::BoxStream;
use levee_proto::v1;
use levee_proto::v1::table_service_server::TableService;
use rocksdb::DB;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers lookups, on the thread of the connection: the page cache has it all.
pub(super) struct Rocks(pub(super) Arc<DB>);

#[tonic::async_trait]
impl TableService for Rocks {
    type ScanTableStream = BoxStream<'static, Result<v1::ScanTableResponse, Status>>;
    type WatchTableStream = BoxStream<'static, Result<v1::WatchTableResponse, Status>>;

    async fn get_values(
        &self,
        request: Request<v1::GetValuesRequest>,
    ) -> Result<Response<v1::GetValuesResponse>, Status> {
        let value = |key: bytes::Bytes| {
            let found = self.0.get(&key).map_err(|error| Status::internal(error.to_string()))?;
            let record = found.map(|value| v1::Record {
                key: Some(key.clone()),
                value: Some(value.into()),
                ..v1::Record::default()
            });
            Ok(v1::KeyValue { key, record, ..v1::KeyValue::default() })
        };
        let values = request.into_inner().keys.into_iter().map(value).collect::<Result<_, Status>>()?;
        Ok(Response::new(v1::GetValuesResponse { values }))
    }

    async fn scan_table(
        &self,
        _: Request<v1::ScanTableRequest>,
    ) -> Result<Response<Self::ScanTableStream>, Status> {
        Err(Status::unimplemented("lookups only"))
    }

    async fn watch_table(
        &self,
        _: Request<v1::WatchTableRequest>,
    ) -> Result<Response<Self::WatchTableStream>, Status> {
        Err(Status::unimplemented("lookups only"))
    }

    async fn erase_key(
        &self,
        _: Request<v1::EraseKeyRequest>,
    ) -> Result<Response<v1::EraseKeyResponse>, Status> {
        Err(Status::unimplemented("lookups only"))
    }
}
