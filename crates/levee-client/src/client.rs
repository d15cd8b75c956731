//! The connection to a broker.

use crate::admin::Admin;
use crate::ambient::{SystemClock, SystemRandom};
use crate::appender::{Appender, AppenderSettings};
use crate::config::{ClientConfig, ProducerSettings, ReaderSettings};
use crate::consumer::{Consumer, ConsumerSettings};
use crate::error::Error;
use crate::identity::Authorization;
use crate::position::{Offsets, Position};
use crate::producer::Producer;
use crate::reader::Reader;
use crate::table::Tables;
use crate::transaction::{TransactionSettings, TransactionalProducer};
use crate::worker::{Worker, WorkerSettings};
use levee_proto::v1;
use levee_proto::v1::acl_service_client::AclServiceClient;
use levee_proto::v1::audit_service_client::AuditServiceClient;
use levee_proto::v1::backup_service_client::BackupServiceClient;
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
use levee_proto::v1::transfer_service_client::TransferServiceClient;
use levee_proto::v1::usage_service_client::UsageServiceClient;
use levee_proto::v1::user_service_client::UserServiceClient;
use levee_types::limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, MAX_WORK_RESPONSE_BYTES};
use levee_types::{Clock, Random};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tonic::Request;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// What may be under way to us on one stream, and on all of them, in bytes. The 64 KiB that HTTP/2
/// begins with cost twice the CPU and stall on any round trip worth the name.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// The broker fills messages of a read stream up to 1 MiB: each then is one frame.
const MAX_FRAME: u32 = 1024 * 1024;
/// A broker that is gone without a word is noticed after twice this time.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A connection to a broker, made when it is first needed and again when it is lost. Clones share it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    channel: Channel,
    authorization: Authorization,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tasks: TaskTracker,
}

/// What all calls go through.
pub(crate) type Transport = InterceptedService<Channel, Authorization>;

/// A generated client with the protocol's limits on the size of messages.
macro_rules! service {
    ($service:ident, $channel:expr, $client:expr) => {
        $service::with_interceptor($channel, $client.inner.authorization.clone())
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
            .max_encoding_message_size(MAX_REQUEST_BYTES)
    };
}

impl Client {
    /// A client with the clock and the randomness of the machine. Connects when first used. Must be
    /// called inside of a tokio runtime.
    ///
    /// # Errors
    /// The endpoint is not a URL; a timeout is out of range; the token or what is needed for TLS is not what it
    /// should be.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Self::with_ambient(config, Arc::new(SystemClock::new()), Arc::new(SystemRandom))
    }

    /// The same with a clock and randomness of the caller's, for simulation.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_ambient(
        config: ClientConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        config.check()?;
        let ClientConfig { endpoint, identity, tls, connect_timeout, request_timeout } = config;
        let authorization = Authorization::of(&identity)?;
        let endpoint = parse(&endpoint)?
            .connect_timeout(connect_timeout)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE);
        let endpoint = match endpoint.uri().scheme_str() {
            Some("https") => tls.apply(endpoint, connect_timeout)?,
            _ if tls.is_set() => return Err(Error::invalid("tls is set, and the endpoint is not https")),
            _ => endpoint,
        };
        let inner = Inner {
            channel: endpoint.connect_lazy(),
            endpoint,
            authorization,
            request_timeout,
            clock,
            random,
            tasks: TaskTracker::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Administration.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    /// A producer. The identity must be that of a user of a tenant.
    ///
    /// # Errors
    /// A setting is out of range; the broker gives no producer id.
    pub async fn producer(&self, settings: ProducerSettings) -> Result<Producer, Error> {
        Producer::open(self, settings).await
    }

    /// A reader of these positions, 1 to 10,000. The identity must be that of a user of a tenant. The reader has a
    /// connection of its own: what it has not taken yet never holds up the answers to others.
    ///
    /// # Errors
    /// A setting is out of range; there is no such partition or offset; the broker cannot be reached.
    pub async fn reader(&self, positions: Vec<Position>, settings: ReaderSettings) -> Result<Reader, Error> {
        Reader::open(self, positions, settings).await
    }

    /// A member of a group. The identity must be that of a user of a tenant. It has a connection of its own, as a
    /// reader.
    ///
    /// # Errors
    /// A setting is out of range; the broker refuses the member, or cannot be reached.
    pub async fn consumer(&self, settings: ConsumerSettings) -> Result<Consumer, Error> {
        Consumer::open(self, settings).await
    }

    /// A producer of transactions. The identity must be that of a user of a tenant.
    ///
    /// # Errors
    /// A setting is out of range; the broker gives no producer id.
    pub async fn transactions(&self, settings: TransactionSettings) -> Result<TransactionalProducer, Error> {
        TransactionalProducer::open(self, settings).await
    }

    /// A worker of a queue. The identity must be that of a user of a tenant. It has a connection of its own, as a
    /// reader.
    ///
    /// # Errors
    /// A setting is out of range; the broker refuses the worker, or cannot be reached.
    pub async fn worker(&self, settings: WorkerSettings) -> Result<Worker, Error> {
        Worker::open(self, settings).await
    }

    /// A producer that appends to a partition only if nobody else has. The identity must be that of a user of a tenant.
    ///
    /// # Errors
    /// A setting is out of range; the broker gives no producer id.
    pub async fn appender(&self, settings: AppenderSettings) -> Result<Appender, Error> {
        Appender::open(self, settings).await
    }

    /// Tables, read by key. The identity must be that of a user of a tenant.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables::new(self.clone())
    }

    /// Looks up places, 1 to 10,000, in their order. The identity must be that of a user of a tenant.
    ///
    /// # Errors
    /// There is no such partition or offset; the broker cannot be reached.
    pub async fn offsets(&self, positions: Vec<Position>) -> Result<Vec<Offsets>, Error> {
        let asked = positions.len();
        let positions = positions.iter().map(Position::to_message).collect();
        let request = self.request(v1::ListOffsetsRequest { positions });
        let response = self.reads(self.inner.channel.clone()).list_offsets(request).await?.into_inner();
        if response.positions.len() != asked {
            return Err(Error::protocol(format!(
                "asked for {asked} offsets, got {}",
                response.positions.len()
            )));
        }
        Ok(response.positions.into_iter().map(Offsets::from).collect())
    }

    /// A unary request, which must be answered in time.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.inner.request_timeout);
        request
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.inner.request_timeout
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn random(&self) -> &Arc<dyn Random> {
        &self.inner.random
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Channel {
        self.inner.endpoint.connect_lazy()
    }

    pub(crate) fn reads(&self, channel: Channel) -> ReadServiceClient<Transport> {
        service!(ReadServiceClient, channel, self)
    }

    pub(crate) fn consumes(&self, channel: Channel) -> ConsumeServiceClient<Transport> {
        service!(ConsumeServiceClient, channel, self)
    }

    pub(crate) fn transacts(&self) -> TransactionServiceClient<Transport> {
        service!(TransactionServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn works(&self, channel: Channel) -> QueueServiceClient<Transport> {
        service!(QueueServiceClient, channel, self)
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Transport> {
        service!(GroupServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn produces(&self) -> ProduceServiceClient<Transport> {
        service!(ProduceServiceClient, self.inner.channel.clone(), self)
    }

    /// On the connection that is shared, or on one of its own.
    pub(crate) fn tables_of(&self, channel: Option<Channel>) -> TableServiceClient<Transport> {
        let channel = channel.unwrap_or_else(|| self.inner.channel.clone());
        // The largest record comes alone.
        service!(TableServiceClient, channel, self).max_decoding_message_size(MAX_WORK_RESPONSE_BYTES)
    }

    pub(crate) fn topics(&self) -> TopicServiceClient<Transport> {
        service!(TopicServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn tenants(&self) -> TenantServiceClient<Transport> {
        service!(TenantServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn transfers(&self) -> TransferServiceClient<Transport> {
        // A connection of its own: what is not taken yet never holds up the answers to others.
        service!(TransferServiceClient, self.connect(), self)
    }

    pub(crate) fn backups(&self) -> BackupServiceClient<Transport> {
        service!(BackupServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn usage(&self) -> UsageServiceClient<Transport> {
        service!(UsageServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn users(&self) -> UserServiceClient<Transport> {
        service!(UserServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn acl(&self) -> AclServiceClient<Transport> {
        service!(AclServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn quotas(&self) -> QuotaServiceClient<Transport> {
        service!(QuotaServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn audit(&self) -> AuditServiceClient<Transport> {
        service!(AuditServiceClient, self.inner.channel.clone(), self)
    }

    pub(crate) fn cluster(&self) -> ClusterServiceClient<Transport> {
        service!(ClusterServiceClient, self.inner.channel.clone(), self)
    }
}

fn parse(endpoint: &str) -> Result<Endpoint, Error> {
    Endpoint::from_shared(endpoint.to_owned())
        .ok()
        .filter(|parsed| matches!(parsed.uri().scheme_str(), Some("http" | "https")))
        .ok_or_else(|| {
            Error::invalid(format!("endpoint {endpoint:?} is not like https://levee.example:9400"))
        })
}
