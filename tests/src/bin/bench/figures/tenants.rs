//! Ten thousand tenants with topics, users and access rules: what they take of memory, and how long a decision takes
//! when each is about another tenant.

use super::tenancy::rules;
use crate::process::{self, TOPIC, resident_mib};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use levee_broker::admission::{NodeAdmission, NodeRates};
use levee_broker::ambient::{SystemClock, SystemRandom};
use levee_broker::audit;
use levee_broker::authorize::Authorizer;
use levee_broker::identity::{Authenticator, Mode};
use levee_broker::operation::Operation;
use levee_broker::running_shard::RunningShard;
use levee_broker::tenants::Tenants;
use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, START_WITHIN};
use levee_tests::raw::Raw;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{name, operator};
use levee_types::Clock;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tonic::Request;

const TOPICS: usize = 10;
const USERS: usize = 5;
const RULES: usize = 20;
/// Tenants that are created at once.
const CREATED_AT_ONCE: usize = 16;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let tenants = usize::try_from(bench.amount(10_000, 200))?;
    let directory = bench.fresh()?;
    let setup = process::setup(&directory);
    let broker = Broker::start(&setup).await;
    let (endpoint, started) = (broker.endpoint(), Instant::now());
    let admin = operator(&endpoint);
    stream::iter(0..tenants)
        .map(|number| make(&admin, number))
        .buffer_unordered(CREATED_AT_ONCE)
        .try_collect::<()>()
        .await?;
    report(bench, "tenants: s to create them", started.elapsed().as_secs_f64(), Target::None);
    broker.stop().await;

    let mut broker = Broker::spawn(&setup);
    let ready = broker.ready(START_WITHIN).await.map_err(|refusal| refusal.to_string())?;
    report(bench, "tenants: s to ready", ready.as_secs_f64(), Target::None);
    let idle = resident_mib(broker.pid())?;
    report(bench, "tenants: MiB resident, idle", idle, Target::None);
    let endpoint = broker.endpoint();
    stream::iter(0..tenants)
        .map(|number| ask(&endpoint, number))
        .buffer_unordered(CREATED_AT_ONCE)
        .try_collect::<()>()
        .await?;
    let used = resident_mib(broker.pid())?;
    report(bench, "tenants: MiB resident, when each was used", used, Target::None);
    let each = (used - idle) * 1024.0 / tenants as f64;
    report(bench, "tenants: KiB for each", each, Target::None);
    broker.stop().await;

    let Times { permit, decision } = decide(bench, &setup.data, tenants).await?;
    report(bench, "tenants: ns for an authorization decision on a topic", decision, Target::AtMost(1_000.0));
    report(bench, "tenants: ns for the permit before it, once for a call", permit, Target::None);
    Ok(())
}

fn report(bench: &mut Bench, name: &str, value: f64, target: Target) {
    bench.report.add(Figure { name: name.to_owned(), peer: Vec::new(), levee: vec![value], target });
}

fn tenant(number: usize) -> String {
    format!("tenant-{number:05}")
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

async fn make(admin: &Admin, number: usize) -> Result<()> {
    let tenant = tenant(number);
    admin.create_tenant(&name(&tenant), None, false).await?;
    let topic = |number| {
        let name = if number == 0 { TOPIC.to_owned() } else { format!("area-{number}.events") };
        v1::TopicSpec { name, ..v1::TopicSpec::default() }
    };
    admin.create_topics(&tenant, (0..TOPICS).map(topic).collect(), false).await?;
    for number in 0..USERS {
        let request = v1::CreateUserRequest {
            tenant: tenant.clone(),
            name: user(number),
            ..v1::CreateUserRequest::default()
        };
        admin.create_user(request).await?;
    }
    let rules = (0..USERS).flat_map(|number| rules(&user(number), TOPIC, RULES / USERS)).collect();
    admin.create_acl_rules(&tenant, rules).await?;
    Ok(())
}

/// A user of the tenant reads its topic's description.
async fn ask(endpoint: &str, number: usize) -> Result<()> {
    let caller = Raw::user(endpoint, &tenant(number), &user(number % USERS));
    caller.init_producer().await?;
    Ok(())
}

/// Nanoseconds, of several runs over all tenants the fastest.
struct Times {
    /// Who asks, in which tenant, whether that is open and has any rule for it.
    permit: f64,
    /// Whether the rules allow it for a topic.
    decision: f64,
}

/// Permits and decisions, each about another tenant than the one before.
async fn decide(bench: &Bench, data: &Path, tenants: usize) -> Result<Times> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let storage = RunningShard::start(data, Default::default(), Arc::clone(&clock), &SystemRandom)?;
    let node = Arc::new(NodeAdmission::new(NodeRates::default()));
    let known = Tenants::new(storage.shard.clone(), clock, node);
    let authenticator = Arc::new(Authenticator::new(known.clone(), Mode::Dev));
    let (audit, _refusals) = audit::channel(storage.shard.clone());
    let mut requests = Vec::with_capacity(tenants);
    for number in 0..tenants {
        let credential = format!("Dev tenant {} user {}", tenant(number), user(number % USERS));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&credential)?)]);
        let principal = authenticator.authenticate(&headers, None, [127, 0, 0, 1].into()).await?;
        let mut request = Request::new(());
        request.extensions_mut().insert(principal);
        requests.push(request);
    }
    let mut seed = Seed::new(1);
    for index in (1..requests.len()).rev() {
        requests.swap(index, usize::try_from(seed.next() % (index as u64 + 1))?);
    }
    let authorizer = Authorizer::new(known, authenticator, audit);
    let mut fastest = Times { permit: f64::INFINITY, decision: f64::INFINITY };
    for _ in 0..bench.rounds.max(3) {
        let each = |started: Instant| started.elapsed().as_secs_f64() * 1e9 / tenants as f64;
        let started = Instant::now();
        let permits = requests
            .iter()
            .map(|request| authorizer.tenant(request, Operation::Produce, ""))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        fastest.permit = fastest.permit.min(each(started));
        let started = Instant::now();
        for permit in &permits {
            black_box(permit).require(TOPIC)?;
        }
        fastest.decision = fastest.decision.min(each(started));
    }
    drop((authorizer, requests));
    storage.stop().await;
    Ok(fastest)
}
