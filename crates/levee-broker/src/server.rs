//! The broker from its listeners to its last answer.
//!
//! Must hold: health turns NOT_SERVING before anything is refused; see [`stop`] for the end.

mod stop;

pub use stop::ServeError;

use crate::admission::{NodeAdmission, NodeRates};
use crate::audit;
use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::bookkeeping::Bookkeeping;
use crate::groups::{Doors, Groups};
use crate::health::Readiness;
use crate::http_endpoint::HttpEndpoint;
use crate::identity::{Authenticator, Jwts, Mode};
use crate::metrics::{RpcMetrics, ShardGauges, TenantPage};
use crate::open_files;
use crate::queues::Queues;
use crate::running_shard::RunningShard;
use crate::services::{self, Services};
use crate::settings::{MetricsSettings, Settings};
use crate::tenants::Tenants;
use crate::transport::accept::{Acceptor, bind};
use crate::transport::connection::{Lifetime, Server};
use crate::transport::limits::MAX_HTTP_CONNECTIONS;
use crate::transport::stack::{Parts, stack};
use crate::transport::tls::Tls;
use levee_types::{Clock, PlanName, Random};
use metrics_exporter_prometheus::PrometheusHandle;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stop::Stop;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often collected samples are put into their histograms.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// What a question to the shard may still take at the end.
const ASK_GRACE: Duration = Duration::from_secs(1);

/// The sockets of the broker.
pub struct Listeners {
    /// For gRPC.
    pub grpc: TcpListener,
    /// What encrypts gRPC; none: it is in plain text.
    pub tls: Option<Tls>,
    /// For metrics and health.
    pub http: TcpListener,
}

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {source}")]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl Listeners {
    /// Listens where the settings say.
    ///
    /// # Errors
    /// Names the address that cannot be had.
    pub fn bind(settings: &Settings, tls: Option<Tls>) -> Result<Self, BindError> {
        let bind = |key, address| bind(address).map_err(|source| BindError { key, address, source });
        Ok(Self {
            grpc: bind("grpc.listen", settings.grpc.listen)?,
            tls,
            http: bind("http.listen", settings.http.listen)?,
        })
    }
}

/// What the broker takes from its surroundings.
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The metrics of the process.
    pub metrics: PrometheusHandle,
    /// Whose credentials are taken.
    pub identity: Mode,
}

/// Serves until `shutdown` resolves, then drains and stops storage.
///
/// # Errors
/// When storage fails or does not stop.
pub async fn serve(
    settings: &Settings,
    storage: RunningShard,
    listeners: Listeners,
    surroundings: Surroundings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Surroundings { clock, random, metrics, identity } = surroundings;
    let Listeners { grpc, tls, http } = listeners;
    if tls.is_none() {
        warn_of_plain_text(&grpc);
    }
    let drain = CancellationToken::new();
    let cut = CancellationToken::new();
    let tracker = TaskTracker::new();
    let readiness = Readiness::new(storage.shard.watch_state(), drain.clone());

    let node = NodeAdmission::new(NodeRates {
        ingress: settings.node.ingress_bytes,
        egress: settings.node.egress_bytes,
        requests: settings.node.requests,
    });
    let tenants = Tenants::new(storage.shard.clone(), Arc::clone(&clock), Arc::new(node));
    let jwts = match &identity {
        Mode::Real(methods) => methods.jwts.clone(),
        Mode::Dev => None,
    };
    let authenticator = Arc::new(Authenticator::new(tenants.clone(), identity));
    let (audit, refusals) = audit::channel(storage.shard.clone());
    let closing = CancellationToken::new();
    let books = TaskTracker::new();
    books.spawn(Bookkeeping { tenants: tenants.clone(), refusals }.run(closing.clone()));
    books.close();

    let groups =
        Groups::new(storage.shard.clone(), Arc::clone(&clock), Arc::clone(&random), Doors::default());
    let blocking = Blocking::new(tracker.clone(), settings.runtime.blocking_calls);
    let queues = Queues::new(
        storage.shard.clone(),
        Arc::clone(&clock),
        Arc::clone(&random),
        blocking.clone(),
        tracker.clone(),
    );
    let services = Services {
        authorizer: Authorizer::new(tenants.clone(), Arc::clone(&authenticator), audit.clone()),
        blocking,
        groups: groups.clone(),
        queues,
        clock: Arc::clone(&clock),
        start: clock.monotonic(),
        idle_timeout: settings.grpc.idle_timeout(),
        tasks: tracker.clone(),
        random: Arc::clone(&random),
        default_plan: PlanName::new(&settings.tenants.default_plan).map_err(ServeError::DefaultPlan)?,
        readiness: readiness.clone(),
        backup: settings.backup.clone(),
        stop: drain.clone(),
        has_reflection: settings.grpc.reflection,
    };
    let parts = Parts {
        clock: Arc::clone(&clock),
        random,
        metrics: Arc::new(RpcMetrics::new()),
        request_timeout: settings.grpc.request_timeout(),
        authenticator,
        audit,
    };
    let server = Server {
        stack: stack(parts, services::routes(services)),
        tls: tls.as_ref().map(Tls::handshaker),
        lifetime: Lifetime {
            age: settings.grpc.connection_age(),
            grace: settings.grpc.connection_age_grace(),
        },
        drain: drain.clone(),
        cut: cut.clone(),
    };
    let connections = open_files::allow_connections(settings.grpc.max_connections);
    let grpc = Acceptor::new(grpc, "grpc", connections, &clock);
    let http = Acceptor::new(http, "http", MAX_HTTP_CONNECTIONS, &clock);
    let page = TenantPage::default();
    let endpoint =
        HttpEndpoint { readiness: readiness.clone(), metrics: metrics.clone(), tenants: page.clone() };

    tracker.spawn(accept(grpc, server, tracker.clone()));
    // Metrics and health answer until the very end.
    let beside = TaskTracker::new();
    // Apart, because what asks the shard holds it, and what asks the disk may not come back.
    let asking = TaskTracker::new();
    let certificates = follow(tls, Blocking::new(asking.clone(), 1));
    let keys = follow_keys(jwts, Blocking::new(asking.clone(), 1));
    let gauges = ShardGauges::new().follow(storage.shard.clone(), Blocking::new(asking.clone(), 1));
    let of_tenants = follow_tenants(&settings.metrics, page, tenants, Blocking::new(asking.clone(), 1));
    let run_beside = async {
        tokio::join!(
            endpoint.run(http, &beside),
            upkeep(metrics),
            gauges,
            of_tenants,
            certificates,
            keys,
            groups.keep_time()
        )
    };

    let stop = Stop { drain, cut, tracker, closing, books, patience: settings.grpc.drain_timeout() };
    let result = tokio::select! {
        result = stop.run(storage, readiness, shutdown) => result,
        (never, ..) = run_beside => match never {},
    };
    asking.close();
    if timeout(ASK_GRACE, asking.wait()).await.is_err() {
        tracing::warn!("the disk does not answer");
    }
    result
}

/// Takes connections until the drain, and then closes the socket.
async fn accept(mut acceptor: Acceptor, server: Server, tracker: TaskTracker) {
    loop {
        tokio::select! {
            () = server.drain.cancelled() => return,
            accepted = acceptor.next() => {
                tracker.spawn(server.clone().run(accepted));
            }
        }
    }
}

/// What is sent in plain text, credentials too, can be read on the way. On loopback there is none.
fn warn_of_plain_text(grpc: &TcpListener) {
    if let Ok(address) = grpc.local_addr()
        && !address.ip().is_loopback()
    {
        tracing::warn!(
            %address,
            "gRPC is in plain text, so that credentials and records can be read on their way; set \
             tls.certificate_file and tls.key_file"
        );
    }
}

/// Keeps TLS as its files are.
async fn follow(tls: Option<Tls>, blocking: Blocking) -> Infallible {
    match tls {
        Some(tls) => tls.follow(blocking).await,
        None => pending().await,
    }
}

/// Keeps the keys of issuers as they are.
async fn follow_keys(jwts: Option<Arc<Jwts>>, blocking: Blocking) -> Infallible {
    match jwts {
        Some(jwts) => jwts.follow(blocking).await,
        None => pending().await,
    }
}

/// Keeps the metrics of tenants up to date, if they are wanted.
async fn follow_tenants(
    settings: &MetricsSettings,
    page: TenantPage,
    tenants: Tenants,
    blocking: Blocking,
) -> Infallible {
    match settings.tenant_labels {
        true => page.follow(tenants, settings.max_tenant_series, blocking).await,
        false => pending().await,
    }
}

async fn upkeep(metrics: PrometheusHandle) -> Infallible {
    let mut interval = tokio::time::interval(METRICS_UPKEEP);
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests;
