//! The protocol by its generated code alone: for administration, and for requests that a well-behaved
//! client would not send.

mod member;
mod worker;

pub use member::Member;
pub use worker::Worker;

use bytes::Bytes;
use levee_proto::v1::cluster_service_client::ClusterServiceClient;
use levee_proto::v1::group_service_client::GroupServiceClient;
use levee_proto::v1::produce_service_client::ProduceServiceClient;
use levee_proto::v1::quota_service_client::QuotaServiceClient;
use levee_proto::v1::read_service_client::ReadServiceClient;
use levee_proto::v1::table_service_client::TableServiceClient;
use levee_proto::v1::tenant_service_client::TenantServiceClient;
use levee_proto::v1::topic_service_client::TopicServiceClient;
use levee_proto::v1::transaction_service_client::TransactionServiceClient;
use levee_proto::{batch, v1};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_types::StatusExt as _;

/// Adds the credential.
#[derive(Debug, Clone)]
pub struct Identity(MetadataValue<Ascii>);

impl Interceptor for Identity {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A connection with a credential. It connects when it is used first, and again when it was cut.
#[derive(Debug, Clone)]
pub struct Raw {
    channel: Channel,
    identity: Identity,
}

type Service = InterceptedService<Channel, Identity>;

impl Raw {
    /// As the operator.
    ///
    /// # Panics
    /// When the endpoint is not one.
    #[must_use]
    pub fn operator(endpoint: &str) -> Self {
        Self::with(endpoint, "Dev operator")
    }

    /// As this tenant.
    ///
    /// # Panics
    /// When the endpoint is not one.
    #[must_use]
    pub fn tenant(endpoint: &str, tenant: &str) -> Self {
        Self::with(endpoint, &format!("Dev tenant {tenant}"))
    }

    /// As this user of a tenant.
    ///
    /// # Panics
    /// When the endpoint is not one.
    #[must_use]
    pub fn user(endpoint: &str, tenant: &str, user: &str) -> Self {
        Self::with(endpoint, &format!("Dev tenant {tenant} user {user}"))
    }

    /// As whoever has this token.
    ///
    /// # Panics
    /// When the endpoint is not one, or the token does not fit into a header.
    #[must_use]
    pub fn bearer(endpoint: &str, token: &str) -> Self {
        Self::with(endpoint, &format!("Bearer {token}"))
    }

    /// With any credential.
    ///
    /// # Panics
    /// When the endpoint is not one, or the credential does not fit into a header.
    #[must_use]
    pub fn with(endpoint: &str, credential: &str) -> Self {
        let channel = Endpoint::from_shared(endpoint.to_owned()).expect("an endpoint").connect_lazy();
        Self { channel, identity: Identity(credential.parse().expect("a credential of ASCII")) }
    }

    fn service(&self) -> Service {
        InterceptedService::new(self.channel.clone(), self.identity.clone())
    }

    /// Administration of tenants.
    #[must_use]
    pub fn tenants(&self) -> TenantServiceClient<Service> {
        TenantServiceClient::new(self.service())
    }

    /// Administration of topics.
    #[must_use]
    pub fn topics(&self) -> TopicServiceClient<Service> {
        TopicServiceClient::new(self.service())
    }

    /// Administration of plans and quotas.
    #[must_use]
    pub fn quotas(&self) -> QuotaServiceClient<Service> {
        QuotaServiceClient::new(self.service())
    }

    /// Reading tables.
    #[must_use]
    pub fn tables(&self) -> TableServiceClient<Service> {
        TableServiceClient::new(self.service())
    }

    /// Producing.
    #[must_use]
    pub fn produce(&self) -> ProduceServiceClient<Service> {
        ProduceServiceClient::new(self.service())
    }

    /// Reading.
    #[must_use]
    pub fn read(&self) -> ReadServiceClient<Service> {
        ReadServiceClient::new(self.service())
    }

    /// Ending transactions.
    #[must_use]
    pub fn transactions(&self) -> TransactionServiceClient<Service> {
        TransactionServiceClient::new(self.service())
    }

    /// Administration of groups.
    #[must_use]
    pub fn groups(&self) -> GroupServiceClient<Service> {
        GroupServiceClient::new(self.service())
    }

    /// A group of the caller's tenant, with how far it has come.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn group(&self, name: &str) -> Result<v1::GetGroupResponse, Status> {
        let request = v1::GetGroupRequest { tenant: String::new(), name: name.to_owned() };
        Ok(self.groups().get_group(request).await?.into_inner())
    }

    /// How the broker is; operators only.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn status(&self) -> Result<v1::GetStatusResponse, Status> {
        let mut client = ClusterServiceClient::new(self.service());
        Ok(client.get_status(v1::GetStatusRequest {}).await?.into_inner())
    }

    /// Creates a tenant, if it is not there.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn create_tenant(&self, name: &str) -> Result<(), Status> {
        let request =
            v1::CreateTenantRequest { name: name.to_owned(), if_not_exists: true, ..Default::default() };
        self.tenants().create_tenant(request).await.map(drop)
    }

    /// Creates topics, if they are not there. As the operator, `tenant` says whose.
    ///
    /// # Errors
    /// As the broker answers.
    ///
    /// # Panics
    /// When one of them fails.
    pub async fn create_topics(&self, tenant: &str, names: &[&str], partitions: u32) -> Result<(), Status> {
        let spec = |name: &&str| v1::TopicSpec { name: (*name).to_owned(), partitions, ..Default::default() };
        self.create(tenant, names.iter().map(spec).collect()).await
    }

    /// The same for topics with properties.
    ///
    /// # Errors
    /// As the broker answers.
    ///
    /// # Panics
    /// When one of them fails.
    pub async fn create(&self, tenant: &str, topics: Vec<v1::TopicSpec>) -> Result<(), Status> {
        let request = v1::CreateTopicsRequest { tenant: tenant.to_owned(), topics, if_not_exists: true };
        let answer = self.topics().create_topics(request).await?.into_inner();
        assert!(answer.failures.is_empty(), "topics were not created: {:?}", answer.failures);
        Ok(())
    }

    /// The newest record of each key of a table, in the order of the keys.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn scan(&self, topic: &str) -> Result<Vec<v1::KeyValue>, Status> {
        let request = v1::ScanTableRequest { topic: topic.to_owned(), ..Default::default() };
        let mut answers = self.tables().scan_table(request).await?.into_inner();
        let mut values = Vec::new();
        while let Some(answer) = answers.message().await? {
            values.extend(answer.values);
        }
        Ok(values)
    }

    /// Compacts a table of the caller's tenant; gives the last that it was told.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn compact(&self, topic: &str) -> Result<v1::CompactTopicResponse, Status> {
        let request = v1::CompactTopicRequest { tenant: String::new(), name: topic.to_owned() };
        last(self.topics().compact_topic(request).await?.into_inner()).await
    }

    /// Has the broker prove that a topic of the caller's tenant is whole; gives the result.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn verify(&self, topic: &str) -> Result<v1::VerifyTopicResponse, Status> {
        let request = v1::VerifyTopicRequest { tenant: String::new(), name: topic.to_owned() };
        last(self.topics().verify_topic(request).await?.into_inner()).await
    }

    /// Deletes a topic of the caller's tenant.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn delete_topic(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteTopicRequest { tenant: String::new(), name: name.to_owned() };
        self.topics().delete_topic(request).await.map(drop)
    }

    /// Starts a producer.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn init_producer(&self) -> Result<v1::InitProducerResponse, Status> {
        let request = v1::InitProducerRequest::default();
        Ok(self.produce().init_producer(request).await?.into_inner())
    }

    /// The names of the topics that the caller sees, of one page.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn topic_names(&self, prefix: &str) -> Result<Vec<String>, Status> {
        let request =
            v1::ListTopicsRequest { prefix: prefix.to_owned(), page_size: 1000, ..Default::default() };
        let answer = self.topics().list_topics(request).await?.into_inner();
        Ok(answer.topics.into_iter().map(|topic| topic.name).collect())
    }
}

/// The last message of a stream that tells how far something has come.
async fn last<T>(mut answers: Streaming<T>) -> Result<T, Status> {
    let mut last = Err(Status::internal("a stream without a message"));
    while let Some(answer) = answers.message().await? {
        last = Ok(answer);
    }
    last
}

/// A request to append one batch of these record values.
#[must_use]
pub fn request(
    topic: &str,
    partition: u32,
    values: &[Bytes],
    producer: Option<v1::ProducerSequence>,
) -> v1::ProduceRequest {
    let record = |value: &Bytes| v1::Record { value: Some(value.clone()), ..Default::default() };
    let records: Vec<_> = values.iter().map(record).collect();
    v1::ProduceRequest {
        topic: topic.to_owned(),
        partition,
        batch: batch::encode(&records, v1::Compression::Unspecified),
        batch_crc32c: None,
        producer,
        ..Default::default()
    }
}

/// A request to change a key of a table; without a value it is deleted.
#[must_use]
pub fn change(topic: &str, partition: u32, key: &str, value: Option<Bytes>) -> v1::ProduceRequest {
    let record = v1::Record { key: Some(key.to_owned().into()), value, ..Default::default() };
    let batch = batch::encode(&[record], v1::Compression::Unspecified);
    v1::ProduceRequest { batch, ..request(topic, partition, &[], None) }
}

/// Levee's name of an error: the `reason` of its `ErrorInfo`; empty when it carries none.
#[must_use]
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// With OFFSET_MISMATCH: the offset that the next record will get.
#[must_use]
pub fn current_offset(status: &Status) -> Option<u64> {
    status.get_error_details().error_info()?.metadata.get("current_offset")?.parse().ok()
}

/// Whether the call may have been done all the same: no answer came, or one that does not tell.
#[must_use]
pub fn is_unknown(status: &Status) -> bool {
    let reason = reason(status);
    reason.is_empty() || ["STORAGE_FAILED", "INTERNAL"].contains(&reason.as_str())
}
