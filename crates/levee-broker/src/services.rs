//! The services of the protocol. Each method asks for a permit first and checks every field of its
//! request; what it cannot do becomes an error that names the field.

mod acl;
mod audit;
mod backup;
mod cluster;
mod consume;
mod group;
mod long;
mod opening;
mod produce;
mod queue;
mod quota;
mod read;
mod table;
mod tenant;
mod topic;
mod transaction;
mod transfer;
mod usage;
mod user;
mod visible;

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::groups::Groups;
use crate::health::{HealthService, Readiness};
use crate::queues::Queues;
use crate::settings::BackupSettings;
use levee_proto::v1::acl_service_server::AclServiceServer;
use levee_proto::v1::audit_service_server::AuditServiceServer;
use levee_proto::v1::backup_service_server::BackupServiceServer;
use levee_proto::v1::cluster_service_server::ClusterServiceServer;
use levee_proto::v1::consume_service_server::ConsumeServiceServer;
use levee_proto::v1::group_service_server::GroupServiceServer;
use levee_proto::v1::produce_service_server::ProduceServiceServer;
use levee_proto::v1::queue_service_server::QueueServiceServer;
use levee_proto::v1::quota_service_server::QuotaServiceServer;
use levee_proto::v1::read_service_server::ReadServiceServer;
use levee_proto::v1::table_service_server::TableServiceServer;
use levee_proto::v1::tenant_service_server::TenantServiceServer;
use levee_proto::v1::topic_service_server::TopicServiceServer;
use levee_proto::v1::transaction_service_server::TransactionServiceServer;
use levee_proto::v1::transfer_service_server::TransferServiceServer;
use levee_proto::v1::usage_service_server::UsageServiceServer;
use levee_proto::v1::user_service_server::UserServiceServer;
use levee_types::limits::{
    MAX_PRODUCE_REQUEST_BYTES, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, MAX_SMALL_REQUEST_BYTES,
    MAX_TRANSFER_BYTES, MAX_WORK_RESPONSE_BYTES,
};
use levee_types::{Clock, PlanName, Random};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

/// What the services share.
#[derive(Clone)]
pub struct Services {
    /// Makes permits.
    pub authorizer: Authorizer,
    /// Runs what may wait for the disk.
    pub blocking: Blocking,
    /// The groups of consumers that have members.
    pub groups: Groups,
    /// The queues that have workers.
    pub queues: Queues,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When the broker started, by that clock.
    pub start: Duration,
    /// Without a message, after which a produce stream or an import ends.
    pub idle_timeout: Duration,
    /// For what must be done also when its caller is gone.
    pub tasks: TaskTracker,
    /// Randomness, for secrets.
    pub random: Arc<dyn Random>,
    /// The plan of tenants that are created without one.
    pub default_plan: PlanName,
    /// Whether the broker serves.
    pub readiness: Readiness,
    /// Where backups go.
    pub backup: BackupSettings,
    /// The broker is to stop.
    pub stop: CancellationToken,
    /// Whether the protocol is described over reflection.
    pub has_reflection: bool,
}

/// A service with the limits of its messages: the library's default for what is sent is none.
macro_rules! limited {
    ($server:expr, $request_bytes:expr) => {
        $server.max_decoding_message_size($request_bytes).max_encoding_message_size(MAX_RESPONSE_BYTES)
    };
}

/// All services.
#[must_use]
pub fn routes(services: Services) -> Routes {
    let Services {
        authorizer,
        blocking,
        groups,
        queues,
        clock,
        start,
        idle_timeout,
        tasks,
        random,
        default_plan,
        readiness,
        backup,
        stop,
        has_reflection,
    } = services;
    let produce = produce::Produce::new(authorizer.clone(), idle_timeout);
    let read = read::Read { authorizer: authorizer.clone(), blocking: blocking.clone() };
    let consume = consume::Consume {
        authorizer: authorizer.clone(),
        blocking: blocking.clone(),
        groups: groups.clone(),
    };
    let group = group::GroupsOfTenants {
        authorizer: authorizer.clone(),
        blocking: blocking.clone(),
        groups: groups.clone(),
        queues: queues.clone(),
    };
    let long = long::Long::new(tasks.clone(), stop.clone());
    let table = table::Tables {
        authorizer: authorizer.clone(),
        blocking: blocking.clone(),
        long: long.clone(),
        queues: queues.clone(),
        random: Arc::clone(&random),
    };
    let queue = queue::QueueWork { authorizer: authorizer.clone(), blocking: blocking.clone(), queues };
    let topic = topic::Topics { authorizer: authorizer.clone(), blocking: blocking.clone(), long };
    let tenant = tenant::Tenants { authorizer: authorizer.clone(), blocking: blocking.clone(), default_plan };
    let transaction = transaction::Transactions::new(authorizer.clone(), blocking.clone(), groups);
    let of_backups = backup::Surroundings {
        clock: Arc::clone(&clock),
        random: Arc::clone(&random),
        settings: backup,
        idle_timeout,
        stop,
    };
    let backup = backup::Backups::new(authorizer.clone(), blocking.clone(), tasks.clone(), of_backups);
    let transfer = transfer::Transfers::new(authorizer.clone(), blocking.clone(), tasks, idle_timeout);
    let usage = usage::Usage::new(authorizer.clone(), blocking.clone(), Arc::clone(&clock), random.as_ref());
    let user = user::Users { authorizer: authorizer.clone(), blocking: blocking.clone(), random };
    let acl = acl::Acls { authorizer: authorizer.clone(), blocking: blocking.clone() };
    let quota = quota::QuotasOfTenants { authorizer: authorizer.clone(), blocking: blocking.clone() };
    let audit = audit::Audits { authorizer: authorizer.clone(), blocking: blocking.clone() };
    let cluster = cluster::Cluster { authorizer, blocking, clock, start };
    let routes = Routes::new(limited!(ProduceServiceServer::new(produce), MAX_PRODUCE_REQUEST_BYTES))
        .add_service(limited!(ReadServiceServer::new(read), MAX_REQUEST_BYTES))
        .add_service(limited!(TransactionServiceServer::new(transaction), MAX_REQUEST_BYTES))
        .add_service(limited!(ConsumeServiceServer::new(consume), MAX_REQUEST_BYTES))
        .add_service(limited!(GroupServiceServer::new(group), MAX_SMALL_REQUEST_BYTES))
        .add_service(
            limited!(QueueServiceServer::new(queue), MAX_REQUEST_BYTES)
                .max_encoding_message_size(MAX_WORK_RESPONSE_BYTES),
        )
        .add_service(
            limited!(TableServiceServer::new(table), MAX_REQUEST_BYTES)
                .max_encoding_message_size(MAX_WORK_RESPONSE_BYTES),
        )
        .add_service(limited!(TopicServiceServer::new(topic), MAX_REQUEST_BYTES))
        .add_service(limited!(TenantServiceServer::new(tenant), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(TransferServiceServer::new(transfer), MAX_TRANSFER_BYTES))
        .add_service(limited!(BackupServiceServer::new(backup), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(UsageServiceServer::new(usage), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(UserServiceServer::new(user), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(AclServiceServer::new(acl), MAX_REQUEST_BYTES))
        .add_service(limited!(QuotaServiceServer::new(quota), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(AuditServiceServer::new(audit), MAX_SMALL_REQUEST_BYTES))
        .add_service(limited!(ClusterServiceServer::new(cluster), MAX_SMALL_REQUEST_BYTES))
        .add_service(HealthService::server(readiness));
    if has_reflection { with_reflection(routes) } else { routes }
}

fn with_reflection(routes: Routes) -> Routes {
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(levee_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (describe().build_v1(), describe().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes
            .add_service(limited!(v1, MAX_SMALL_REQUEST_BYTES))
            .add_service(limited!(v1alpha, MAX_SMALL_REQUEST_BYTES)),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "the protocol cannot be described; reflection is off");
            routes
        }
    }
}
