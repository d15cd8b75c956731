//! Nothing of a tenant reaches anybody else: a tenant whose every name and record carries a random mark does
//! everything, and whatever others are sent is searched for it, byte by byte.

use crate::consume::member::join;
use crate::harness::{Broker, from_start, position, produce_request};
use crate::http_endpoint::get;
use crate::matrix::{published, table};
use crate::tenancy::{
    EVERYTHING, EVERYTHING_WITH_GROUPS, allow, allow_group, deny, every_topic, group, named, prefix, user,
};
use crate::wire::{Answer, Caller};
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::read_request::Kind;
use levee_types::hex;
use prost::Message as _;
use std::time::{Duration, Instant};
use tonic_health::pb::HealthCheckRequest;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

/// What must reach nobody else, in each form that it may take.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Fails if one of them is in these bytes.
    fn are_not_in(&self, bytes: &[u8], case: &str) {
        for secret in &self.0 {
            let found = bytes.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret));
            assert!(
                !found,
                "{case}: {:?} is in {:?}",
                String::from_utf8_lossy(secret),
                String::from_utf8_lossy(bytes)
            );
        }
    }
}

/// A random mark: 32 digits.
fn mark() -> String {
    let mut bytes = [0; 16];
    getrandom(&mut bytes);
    hex::encode(&bytes)
}

fn getrandom(bytes: &mut [u8]) {
    use levee_types::Random as _;
    levee_broker::ambient::SystemRandom.fill(bytes);
}

/// The tenant with the mark, at everything that a tenant can do.
async fn canary(broker: &Broker, operator: &Caller, mark: &str) -> Secrets {
    let tenant = format!("c-{mark}");
    let plan = Some(v1::Plan { name: format!("p-{mark}"), ..Default::default() });
    let request = v1::CreatePlanRequest { plan, if_not_exists: false };
    let _: v1::CreatePlanResponse = operator.must(Op::CreatePlan, &request).await;
    operator.make_tenant(&tenant).await;
    let request = v1::UpdateTenantRequest {
        name: tenant.clone(),
        plan: Some(format!("p-{mark}")),
        ..Default::default()
    };
    let _: v1::UpdateTenantResponse = operator.must(Op::UpdateTenant, &request).await;
    let request = v1::CreateUserRequest {
        tenant: tenant.clone(),
        name: format!("a-{mark}"),
        admin: true,
        certificates: vec![format!("URI:spiffe://{mark}/admin")],
        ..Default::default()
    };
    let _: v1::CreateUserResponse = operator.must(Op::CreateUser, &request).await;
    let request = v1::IssueTokenRequest {
        tenant: tenant.clone(),
        user: format!("a-{mark}"),
        description: format!("for {mark}"),
        ..Default::default()
    };
    let (admin_id, credential) = operator.make_token(request).await;
    let admin = Caller::new(broker, credential.clone()).await;
    let (name, topic) = (format!("u-{mark}"), format!("t-{mark}"));
    admin.make_user("", &name, false, &[&format!("g-{mark}")]).await;
    admin.make_topic("", &topic).await;
    admin.make_rule("", allow(group(&format!("g-{mark}")), &EVERYTHING, named(&topic))).await;
    admin.make_rule("", deny(user(&name), &[6], prefix(mark))).await;
    let queue = format!("q-{mark}");
    admin.make_rule("", allow_group(user(&name), &EVERYTHING_WITH_GROUPS, Some(&queue))).await;
    let (user_id, user_credential) = admin.full_token("", &name).await;
    let member = Caller::new(broker, user_credential.clone()).await;
    use_it(&admin, &member, mark).await;

    let mut secrets = vec![mark.as_bytes().to_vec(), hex::decode::<16>(mark).unwrap().to_vec()];
    for id in [&admin_id, &user_id] {
        secrets.push(id.as_bytes().to_vec());
    }
    for credential in [&credential, &user_credential] {
        secrets.push(credential.rsplit('_').next().unwrap().as_bytes().to_vec());
    }
    Secrets(secrets)
}

/// Writes, reads, is refused, and is held up.
async fn use_it(admin: &Caller, member: &Caller, mark: &str) {
    let topic = format!("t-{mark}");
    let init: v1::InitProducerResponse =
        member.must(Op::InitProducer, &v1::InitProducerRequest::default()).await;
    let mut batch = produce_request(&topic, 0, &[mark]);
    batch.producer =
        Some(v1::ProducerSequence { producer_id: init.producer_id, epoch: init.epoch, sequence: 0 });
    let _: v1::ProduceResponse = member.must(Op::Produce, &batch).await;
    let kind = Some(v1::consume_request::Kind::Join(join(&format!("q-{mark}"), &[&topic])));
    let _: v1::ConsumeResponse = member.must(Op::Consume, &v1::ConsumeRequest { kind }).await;
    let one =
        v1::ProduceStreamRequest { correlation_id: 1, request: Some(produce_request(&topic, 0, &[mark])) };
    member.call(Op::ProduceStream.path(), &[one.encode_to_vec()], &[]).await;
    let positions = vec![position(&topic, 0, from_start())];
    let start = v1::ReadStart { positions, credit_bytes: 1 << 20, stop_at_end: true };
    let read = v1::ReadRequest { kind: Some(Kind::Start(start)) };
    let seen = member.call(Op::Read.path(), &[read.encode_to_vec()], &[("levee-request-id", mark)]).await;
    assert!(seen.body.windows(mark.len()).any(|window| window == mark.as_bytes()), "it reads its own");
    let limit = v1::Quota {
        dimension: v1::QuotaDimension::Requests as i32,
        limit: Some(1),
        action: v1::QuotaAction::Reject as i32,
        ..Default::default()
    };
    let part = Some(v1::quota_target::Part::User(format!("u-{mark}")));
    let target = Some(v1::QuotaTarget { tenant: String::new(), part });
    let request = v1::SetQuotasRequest { target, set: vec![limit], unset: vec![] };
    let _: v1::SetQuotasResponse = admin.must(Op::SetQuotas, &request).await;
    // Refused by a rule at first, and by the quota then.
    for _ in 0..20 {
        let elsewhere = produce_request(&format!("x-{mark}"), 0, &[mark]);
        let _ = member.ask::<v1::ProduceResponse>(Op::Produce, &elsewhere).await;
        let topic = v1::DeleteTopicRequest { tenant: String::new(), name: format!("x-{mark}") };
        let _ = member.ask::<v1::DeleteTopicResponse>(Op::DeleteTopic, &topic).await;
    }
    let held: v1::ExplainQuotasResponse =
        admin.must(Op::ExplainQuotas, &v1::ExplainQuotasRequest::default()).await;
    assert!(!held.events.is_empty(), "nothing was held up");
    // Until its refusals stand in its log.
    let end = Instant::now() + crate::harness::PATIENCE;
    loop {
        let request = v1::ListAuditEventsRequest { page_size: 1000, ..Default::default() };
        let log: v1::ListAuditEventsResponse = admin.must(Op::ListAuditEvents, &request).await;
        if log.events.iter().any(|event| event.decision() == v1::AuditDecision::Denied) {
            return;
        }
        assert!(Instant::now() < end, "{log:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Those who must see nothing of it: an administrator and a user of another tenant, and a stranger.
async fn others(broker: &Broker, operator: &Caller) -> [(&'static str, Caller); 3] {
    operator.make_tenant("other").await;
    operator.make_user("other", "admin", true, &[]).await;
    operator.make_user("other", "member", false, &["g"]).await;
    operator.make_topic("other", "own").await;
    operator.make_rule("other", allow(user("member"), &EVERYTHING, every_topic())).await;
    operator.make_rule("other", allow_group(user("member"), &EVERYTHING_WITH_GROUPS, None)).await;
    let (_, admin) = operator.full_token("other", "admin").await;
    let (_, member) = operator.full_token("other", "member").await;
    [
        ("the other administrator", Caller::new(broker, admin).await),
        ("the other user", Caller::new(broker, member).await),
        ("a stranger", Caller::new(broker, "").await),
    ]
}

/// What a call can be asked, without the mark.
fn inputs(path: &str) -> Vec<Vec<u8>> {
    let row = table::of(path);
    let numbers = matches!(row.key, table::Key::Rule | table::Key::Producer | table::Key::Transaction);
    let long = "x".repeat(300);
    let things: Vec<&str> = if numbers {
        vec!["0", "1", "2", "3", "777", "18446744073709551615"]
    } else {
        vec!["", "own", "member", "c", "t-", "q-", "../..", "%63-", "\u{202e}\u{e4}", "a\0b", &long]
    };
    let mut inputs = vec![vec![], vec![0xff; 40], vec![0x0a, 0x00], vec![0x10, 0xff, 0xff, 0x03]];
    for thing in things {
        for tenant in ["", "other", "nope", "c-"] {
            inputs.push((row.message)(tenant, thing));
        }
    }
    inputs
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_tenant_reaches_anybody_else() {
    let (broker, credential) = Broker::start_real_with(|settings| settings.grpc.reflection = true).await;
    let operator = Caller::new(&broker, credential).await;
    let mark = mark();
    let secrets = canary(&broker, &operator, &mark).await;
    let others = others(&broker, &operator).await;
    let mut calls = 0;
    for path in published() {
        for (who, caller) in &others {
            for input in inputs(&path) {
                let answer = caller.call(&path, &[input], &[]).await;
                secrets.are_not_in(&answer.everything(), &format!("{path} by {who}"));
                calls += 1;
            }
        }
    }
    for (who, caller) in &others {
        for (path, message) in beside() {
            let answer = caller.call(path, &[message], &[]).await;
            secrets.are_not_in(&answer.everything(), &format!("{path} by {who}"));
        }
    }
    for path in ["/metrics", "/health/live", "/health/ready", "/"] {
        let answer = get(&broker, &format!("GET {path}")).await;
        secrets.are_not_in(answer.as_bytes(), path);
        assert!(path != "/metrics" || answer.contains("levee_produced_records_total"), "{answer}");
    }
    println!("{calls} calls");
    broker.stop().await;
}

/// Calls of services that are not Levee's own.
fn beside() -> Vec<(&'static str, Vec<u8>)> {
    let mut calls = Vec::new();
    for service in ["", "levee.v1.ProduceService", "c-"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        calls.push(("/grpc.health.v1.Health/Check", request.encode_to_vec()));
    }
    for request in [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("levee.v1.TenantService".to_owned()),
        MessageRequest::FileByFilename("levee/v1/tenant.proto".to_owned()),
        MessageRequest::FileContainingSymbol("c-".to_owned()),
    ] {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        calls.push(("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", request.encode_to_vec()));
    }
    calls
}

/// What others are told of a name that they guessed does not depend on whether there is such a thing.
#[tokio::test(flavor = "multi_thread")]
async fn a_guessed_name_is_answered_like_one_that_nobody_has() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let (mark, decoy) = (mark(), mark());
    canary(&broker, &operator, &mark).await;
    let others = others(&broker, &operator).await;
    for path in published() {
        let row = table::of(&path);
        use table::Key;
        if matches!(row.key, Key::Rule | Key::Producer | Key::Transaction | Key::Token) {
            // Those are of a tenant: `ids` is about them.
            continue;
        }
        for (who, caller) in &others {
            for (tenant, thing) in
                [("c-", "t-"), ("c-", "u-"), ("", "t-"), ("", "u-"), ("", "c-"), ("", "p-"), ("", "q-")]
            {
                let guess = |mark: &str| {
                    let tenant = if tenant.is_empty() { String::new() } else { format!("{tenant}{mark}") };
                    (row.message)(&tenant, &format!("{thing}{mark}"))
                };
                let theirs = caller.call(&path, &[guess(&mark)], &[]).await;
                let nobodys = caller.call(&path, &[guess(&decoy)], &[]).await;
                let case = format!("{path} by {who}, {tenant} {thing}");
                assert_eq!(comparable(&theirs, &mark), comparable(&nobodys, &decoy), "{case}");
            }
        }
    }
    broker.stop().await;
}

/// An answer without what differs from call to call: its id, the numbers of what it made, and the name.
fn comparable(answer: &Answer, name: &str) -> (tonic::Code, String, Vec<String>) {
    let status = answer.status();
    let message = status.message().replace(name, "?");
    (status.code(), message, answer.header_names())
}
