//! Starts brokers and speaks to them.

use bytes::Bytes;
use levee_broker::ambient::{SystemClock, SystemRandom};
use levee_broker::bootstrap::first_operator;
use levee_broker::error::what_to_do;
use levee_broker::identity::{Methods, Mode};
use levee_broker::metrics;
use levee_broker::server::Surroundings;
use levee_broker::transport::tls::Tls;
use levee_broker::{Listeners, RunningShard, ServeError, Settings, serve};
use levee_proto::v1::cluster_service_client::ClusterServiceClient;
use levee_proto::v1::consume_service_client::ConsumeServiceClient;
use levee_proto::v1::group_service_client::GroupServiceClient;
use levee_proto::v1::produce_service_client::ProduceServiceClient;
use levee_proto::v1::queue_service_client::QueueServiceClient;
use levee_proto::v1::quota_service_client::QuotaServiceClient;
use levee_proto::v1::read_service_client::ReadServiceClient;
use levee_proto::v1::table_service_client::TableServiceClient;
use levee_proto::v1::tenant_service_client::TenantServiceClient;
use levee_proto::v1::topic_service_client::TopicServiceClient;
use levee_proto::v1::transaction_service_client::TransactionServiceClient;
use levee_proto::{batch, v1};
use levee_storage::Shard;
use levee_types::{Clock, ErrorCode, Random};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// Nothing that a test waits for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The metrics of this process, which all brokers of it share.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

pub(crate) struct Broker {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) dir: TempDir,
    pub(crate) shard: Shard,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), |_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    pub(crate) async fn start_in(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_as(Mode::Dev, dir, change).await
    }

    /// One that takes tokens, and the credential of its operator.
    pub(crate) async fn start_real() -> (Self, String) {
        Self::start_real_with(|_| {}).await
    }

    pub(crate) async fn start_real_with(change: impl FnOnce(&mut Settings)) -> (Self, String) {
        let broker = Self::start_as(
            Mode::Real(Methods { has_tokens: true, jwts: None }),
            tempfile::tempdir().unwrap(),
            change,
        )
        .await;
        let mut secret = String::new();
        let tell = |token: &str| token.clone_into(&mut secret);
        first_operator(&broker.shard, Path::new(""), &SystemRandom, tell).await.unwrap();
        (broker, format!("Bearer {secret}"))
    }

    async fn start_as(identity: Mode, dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.grpc.listen = "127.0.0.1:0".parse().unwrap();
        settings.http.listen = "127.0.0.1:0".parse().unwrap();
        settings.storage.segment_bytes = 16 * 1024 * 1024;
        change(&mut settings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let storage =
            RunningShard::start(dir.path(), settings.shard(), Arc::clone(&clock), random.as_ref()).unwrap();
        let shard = storage.shard.clone();
        let tls = Tls::load(&settings.tls, &clock).unwrap();
        let listeners = Listeners::bind(&settings, tls).unwrap();
        let (grpc, http) = (listeners.grpc.local_addr().unwrap(), listeners.http.local_addr().unwrap());
        let metrics = METRICS.get_or_init(|| metrics::install().unwrap()).clone();
        let (shutdown, stop) = oneshot::channel();
        let task = tokio::spawn(async move {
            let surroundings = Surroundings { clock, random, metrics, identity };
            serve(&settings, storage, listeners, surroundings, async { stop.await.unwrap_or(()) }).await
        });
        Self { grpc, http, dir, shard, shutdown, task }
    }

    /// Tells it to stop, without waiting.
    pub(crate) fn begin_stop(self) -> Stopping {
        self.shutdown.send(()).unwrap();
        Stopping { task: self.task, dir: self.dir }
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.begin_stop().wait().await
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap().timeout(PATIENCE).connect_lazy()
    }

    pub(crate) fn produce(&self) -> ProduceServiceClient<Channel> {
        ProduceServiceClient::new(self.channel()).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn read(&self) -> ReadServiceClient<Channel> {
        ReadServiceClient::new(self.channel())
    }

    pub(crate) fn consume(&self) -> ConsumeServiceClient<Channel> {
        ConsumeServiceClient::new(self.channel()).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Channel> {
        GroupServiceClient::new(self.channel())
    }

    pub(crate) fn quotas(&self) -> QuotaServiceClient<Channel> {
        QuotaServiceClient::new(self.channel())
    }

    pub(crate) fn queue(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::new(self.channel()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn tables(&self) -> TableServiceClient<Channel> {
        TableServiceClient::new(self.channel())
    }

    pub(crate) fn topics(&self) -> TopicServiceClient<Channel> {
        TopicServiceClient::new(self.channel()).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn transactions(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(self.channel()).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn tenants(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel())
    }

    pub(crate) fn cluster(&self) -> ClusterServiceClient<Channel> {
        ClusterServiceClient::new(self.channel())
    }

    /// A call whose request does not come to its end, in the hands of the broker.
    pub(crate) async fn hold(&self) -> Held {
        let stream = TcpStream::connect(self.grpc).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let request = |path| {
            let uri = format!("http://localhost{path}");
            http::Request::post(uri).header("content-type", "application/grpc").body(()).unwrap()
        };
        let (answer, sender) =
            client.send_request(request("/levee.v1.ProduceService/Produce"), false).unwrap();
        // Calls are taken in their order: when this one is answered, the one before it was taken.
        let (after, mut end) =
            client.send_request(request("/levee.v1.ClusterService/GetStatus"), false).unwrap();
        end.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
        tokio::time::timeout(PATIENCE, after).await.unwrap().unwrap();
        Held { answer, _sender: sender, driver }
    }

    /// Makes a tenant with one topic.
    pub(crate) async fn make(&self, tenant: &str, topic: &str, partitions: u32) {
        self.make_with(tenant, topic, partitions, &[]).await;
    }

    /// The same with properties.
    pub(crate) async fn make_with(
        &self,
        tenant: &str,
        topic: &str,
        partitions: u32,
        config: &[(&str, &str)],
    ) {
        let request = v1::CreateTenantRequest {
            name: tenant.to_owned(),
            if_not_exists: true,
            plan: "unlimited".to_owned(),
        };
        self.tenants().create_tenant(request).await.unwrap();
        let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let spec = v1::TopicSpec { name: topic.to_owned(), partitions, config };
        let request = v1::CreateTopicsRequest { topics: vec![spec], ..Default::default() };
        let answer = self.topics().create_topics(of_tenant(tenant, request)).await.unwrap().into_inner();
        assert_eq!((answer.failures, answer.created), (vec![], 1));
    }
}

pub(crate) struct Held {
    pub(crate) answer: h2::client::ResponseFuture,
    _sender: h2::SendStream<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) struct Stopping {
    task: JoinHandle<Result<(), ServeError>>,
    dir: TempDir,
}

impl Stopping {
    pub(crate) async fn wait(self) -> TempDir {
        tokio::time::timeout(Duration::from_secs(30), self.task).await.unwrap().unwrap().unwrap();
        self.dir
    }

    /// How it ended, which must not take as long as a drain may.
    pub(crate) async fn outcome(self) -> Result<(), ServeError> {
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap()
    }
}

pub(crate) fn of_tenant<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Dev tenant {tenant}").parse().unwrap());
    request
}

pub(crate) fn records(values: &[&str]) -> Vec<v1::Record> {
    values
        .iter()
        .map(|value| v1::Record {
            value: Some(bytes::Bytes::copy_from_slice(value.as_bytes())),
            ..Default::default()
        })
        .collect()
}

/// A record of a table; one without a value deletes its key.
pub(crate) fn keyed(key: &str, value: Option<&str>) -> v1::Record {
    let bytes = |text: &str| bytes::Bytes::copy_from_slice(text.as_bytes());
    v1::Record { key: Some(bytes(key)), value: value.map(bytes), ..Default::default() }
}

/// Records of a table.
pub(crate) fn produce_keyed(
    topic: &str,
    partition: u32,
    records: &[(&str, Option<&str>)],
) -> v1::ProduceRequest {
    let records: Vec<_> = records.iter().map(|(key, value)| keyed(key, *value)).collect();
    v1::ProduceRequest {
        topic: topic.to_owned(),
        partition,
        batch: batch::encode(&records, v1::Compression::Lz4),
        ..Default::default()
    }
}

pub(crate) fn produce_request(topic: &str, partition: u32, values: &[&str]) -> v1::ProduceRequest {
    v1::ProduceRequest {
        topic: topic.to_owned(),
        partition,
        batch: batch::encode(&records(values), v1::Compression::Unspecified),
        ..Default::default()
    }
}

pub(crate) fn position(topic: &str, partition: u32, spec: v1::offset_spec::Spec) -> v1::ReadPosition {
    v1::ReadPosition { topic: topic.to_owned(), partition, from: Some(v1::OffsetSpec { spec: Some(spec) }) }
}

pub(crate) fn from_start() -> v1::offset_spec::Spec {
    v1::offset_spec::Spec::Edge(v1::OffsetEdge::Start as i32)
}

/// The code and message of a failure.
pub(crate) fn failure<T>(result: Result<Response<T>, Status>) -> (String, String) {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(status) => reason(&status),
    }
}

pub(crate) fn reason(status: &Status) -> (String, String) {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    (info.reason, status.message().to_owned())
}

/// What a client is told to do: a hint that was chosen for this failure, not that of its code.
pub(crate) fn hint(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    let hint = info.metadata["hint"].clone();
    assert_own(&info.reason, &hint);
    hint
}

/// Fails unless a hint was chosen for the failure.
pub(crate) fn assert_own(code: &str, hint: &str) {
    let code = ErrorCode::ALL.into_iter().find(|known| known.as_str() == code).unwrap();
    assert!(!hint.is_empty() && hint != what_to_do(code), "{code} has no hint of its own: {hint:?}");
}

pub(crate) async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Status> {
    tokio::time::timeout(PATIENCE, stream.message()).await.unwrap()
}
