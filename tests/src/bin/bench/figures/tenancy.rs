//! What tenancy costs: a thousand tenants produce with TLS, tokens, access rules and quotas, against the same with TLS
//! alone; and that against nothing at all, for contrast.

use crate::payload::{self, Batch};
use crate::pipeline::{acknowledged, client};
use crate::process::{TOPIC, cpu};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use levee_client::{Admin, Client, ClientConfig, Identity, Secret, TlsSettings, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::tenancy::{name, plan};
use levee_tests::tls::Certificate;
use levee_types::limits::MAX_PRODUCE_IN_FLIGHT;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate as Trusted, Channel, ClientTlsConfig, Endpoint};

/// Connections, over which the tenants are spread.
const CONNECTIONS: usize = 20;
/// Batches of one tenant that wait for their answers.
const IN_FLIGHT: usize = 2;
const _: () = assert!(IN_FLIGHT < MAX_PRODUCE_IN_FLIGHT);
/// Access rules of one tenant.
const RULES: usize = 20;
/// Tenants that are created at once.
const CREATED_AT_ONCE: usize = 8;
const MIB: u64 = 1024 * 1024;

/// What is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Nothing,
    Tls,
    Everything,
}

const MODES: [Mode; 3] = [Mode::Nothing, Mode::Tls, Mode::Everything];

/// Of one load, for each GB.
struct Cost {
    elapsed: f64,
    cpu: f64,
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let mut costs = MODES.map(|_| Vec::new());
    for round in 0..bench.rounds as usize {
        for turn in 0..MODES.len() {
            let index = (turn + round) % MODES.len();
            costs[index].push(cost(bench, MODES[index]).await?);
        }
    }
    let [nothing, tls, everything] = &costs;
    let elapsed = |costs: &[Cost]| costs.iter().map(|cost| cost.elapsed).collect();
    let cpu = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu).collect();
    let mut add = |name: &str, peer, levee, target| {
        bench.report.add(Figure { name: format!("tenancy: {name}"), peer, levee, target });
    };
    // A throughput of nine tenths.
    let target = Target::RatioAtMost(1.11);
    add("s/GB with TLS, tokens, rules and quotas, against TLS", elapsed(tls), elapsed(everything), target);
    add("CPU s/GB of the same", cpu(tls), cpu(everything), Target::None);
    add("s/GB with TLS, against nothing", elapsed(nothing), elapsed(tls), Target::None);
    add("CPU s/GB of the same", cpu(nothing), cpu(tls), Target::None);
    Ok(())
}

async fn cost(bench: &Bench, mode: Mode) -> Result<Cost> {
    let tenants = usize::try_from(bench.amount(1_000, 100))?;
    let bytes = bench.amount(1_280 * MIB, 128 * MIB);
    let directory = bench.fresh()?;
    let (broker, way) = start(&directory, mode).await;
    let credentials: Vec<_> = stream::iter(0..tenants)
        .map(|number| make(&way, mode, number))
        .buffered(CREATED_AT_ONCE)
        .try_collect()
        .await?;
    let channels = try_join_all((0..CONNECTIONS).map(|_| way.connect())).await?;
    let batches = Arc::new(payload::full_batches());
    let each = bytes / batches[0].bytes.len() as u64 / tenants as u64;
    let load = |each| {
        let producers = credentials.iter().enumerate().map(|(number, credential)| {
            produce(channels[number % CONNECTIONS].clone(), credential.clone(), Arc::clone(&batches), each)
        });
        try_join_all(producers)
    };
    load(each / 4).await?;
    let (before, started) = (cpu(broker.pid())?, Instant::now());
    load(each).await?;
    let (elapsed, cpu) = (started.elapsed().as_secs_f64(), cpu(broker.pid())? - before);
    broker.stop().await;
    let gb = (each * tenants as u64 * batches[0].bytes.len() as u64) as f64 / 1e9;
    Ok(Cost { elapsed: elapsed / gb, cpu: cpu / gb })
}

/// How clients reach a broker.
struct Way {
    endpoint: String,
    certificate: Option<Certificate>,
    operator: Identity,
}

async fn start(directory: &TempDir, mode: Mode) -> (Broker, Way) {
    let setup = Setup::new(&directory.path().join("data"));
    let port = setup.port;
    let certificate = (mode != Mode::Nothing).then(|| Certificate::new(directory.path()));
    let setup = match &certificate {
        Some(certificate) => setup.with_tls(certificate),
        None => setup,
    };
    let setup = if mode == Mode::Everything { setup.with_authentication() } else { setup };
    let broker = Broker::start(&setup).await;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let operator = match broker.bootstrap_token() {
        Some(token) => Identity::Token(Secret::new(token)),
        None => Identity::DevOperator,
    };
    (broker, Way { endpoint: format!("{scheme}://localhost:{port}"), certificate, operator })
}

impl Way {
    fn operator(&self) -> Result<Admin> {
        let mut config = ClientConfig::new(&self.endpoint, self.operator.clone());
        let ca_pem = self.certificate.as_ref().map(|certificate| certificate.pem.clone());
        config.tls = TlsSettings { ca_pem, ..TlsSettings::default() };
        Ok(Client::new(config)?.admin())
    }

    async fn connect(&self) -> Result<Channel> {
        let endpoint = Endpoint::from_shared(self.endpoint.clone())?.tcp_nodelay(true);
        let endpoint = match &self.certificate {
            Some(certificate) => endpoint
                .tls_config(ClientTlsConfig::new().ca_certificate(Trusted::from_pem(&certificate.pem)))?,
            None => endpoint,
        };
        Ok(endpoint.connect().await?)
    }
}

/// Makes a tenant, and gives the credential of its user.
async fn make(way: &Way, mode: Mode, number: usize) -> Result<MetadataValue<Ascii>> {
    let admin = way.operator()?;
    let tenant = format!("tenant-{number:05}");
    admin.create_tenant(&name(&tenant), Some(&plan("unlimited")), false).await?;
    let spec = v1::TopicSpec { name: TOPIC.to_owned(), ..v1::TopicSpec::default() };
    admin.create_topics(&tenant, vec![spec], false).await?;
    if mode != Mode::Everything {
        return Ok(format!("Dev tenant {tenant}").parse()?);
    }
    // As high as they may be: what counts is that they are there.
    let quota = |dimension: v1::QuotaDimension| v1::Quota {
        dimension: dimension as i32,
        limit: Some(100_000_000_000),
        ..v1::Quota::default()
    };
    let target = v1::QuotaTarget { tenant: tenant.clone(), part: None };
    let rates = [v1::QuotaDimension::Ingress, v1::QuotaDimension::Requests, v1::QuotaDimension::Storage];
    admin.set_quotas(target, rates.map(quota).into(), Vec::new()).await?;
    let user = "svc".to_owned();
    let request = v1::CreateUserRequest {
        tenant: tenant.clone(),
        name: user.clone(),
        ..v1::CreateUserRequest::default()
    };
    admin.create_user(request).await?;
    admin.create_acl_rules(&tenant, rules(&user, TOPIC, RULES)).await?;
    let request = v1::IssueTokenRequest { tenant, user, ..v1::IssueTokenRequest::default() };
    let issued = admin.issue_token(request).await?;
    Ok(format!("Bearer {}", issued.secret.expose()).parse()?)
}

/// So many rules for a user, of which one allows it to produce to `topic`.
pub(super) fn rules(user: &str, topic: &str, count: usize) -> Vec<v1::AclRule> {
    let rule = |number| {
        let kind = if number == 0 {
            v1::topic_pattern::Kind::Name(topic.to_owned())
        } else {
            v1::topic_pattern::Kind::Prefix(format!("area-{number}."))
        };
        v1::AclRule {
            effect: v1::AclEffect::Allow as i32,
            subject: Some(v1::AclSubject { kind: Some(v1::acl_subject::Kind::User(user.to_owned())) }),
            operations: vec![v1::AclOperation::Produce as i32, v1::AclOperation::Consume as i32],
            topics: Some(v1::TopicPattern { kind: Some(kind) }),
            ..v1::AclRule::default()
        }
    };
    (0..count).map(rule).collect()
}

async fn produce(
    channel: Channel,
    credential: MetadataValue<Ascii>,
    batches: Arc<Vec<Batch>>,
    count: u64,
) -> Result<()> {
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let sender = (Arc::clone(&room), batches);
    let requests = stream::unfold((0, sender), move |(sent, sender)| async move {
        if sent == count {
            return None;
        }
        sender.0.acquire().await.ok()?.forget();
        let index = usize::try_from(sent).ok()? % sender.1.len();
        let request = Some(sender.1[index].request(TOPIC, 0, None));
        Some((v1::ProduceStreamRequest { correlation_id: sent, request }, (sent + 1, sender)))
    });
    let mut request = Request::new(requests);
    request.metadata_mut().insert("authorization", credential);
    let mut answers = client(channel).produce_stream(request).await?.into_inner();
    for expected in 0..count {
        acknowledged(&mut answers, expected).await?;
        room.add_permits(1);
    }
    Ok(())
}
