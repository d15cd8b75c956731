//! The life of a tenant: each step of it is as durable as data, and nothing is left when it is over.

use crate::{MIB, crash, small};
use levee_client::{Admin, Error, ErrorKind, Identity, v1};
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::{QuotaDimension, TenantState};
use levee_tests::broker::{Broker, Setup};
use levee_tests::payload;
use levee_tests::powerloss::Disk;
use levee_tests::raw::{self, Raw};
use levee_tests::stored::{Stored, count};
use levee_tests::tenancy::{client, member, name, operator, plan, quota, target, topic, usage};
use levee_tests::wait;
use levee_types::{ErrorCode, UserName};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_the_life_of_a_tenant_survives_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    life(small(&dir.path().join("data")), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_the_life_of_a_tenant_survives_power_loss() {
    let Some(disk) = Disk::new("life-power", 512 * MIB) else { return };
    life(small(&disk.path().join("data")), Some(disk)).await;
}

/// A broker that dies right after each answer.
struct Story {
    broker: Option<Broker>,
    setup: Setup,
    disk: Option<Disk>,
}

impl Story {
    async fn crash(&mut self) {
        let broker = self.broker.take().expect("a broker");
        self.broker = Some(crash(broker, &self.setup, self.disk.as_mut()).await);
    }

    fn endpoint(&self) -> String {
        self.broker.as_ref().expect("a broker").endpoint()
    }

    fn operator(&self) -> Admin {
        operator(&self.endpoint())
    }

    async fn produce(&self, tenant: &str, counter: u32) -> Result<(), String> {
        produce(&Raw::tenant(&self.endpoint(), tenant), "orders", counter).await
    }

    async fn stored(&self, tenant: &str) -> Result<Stored, String> {
        let raw = Raw::tenant(&self.endpoint(), tenant);
        count(&raw, "orders", 1).await.map_err(|status| raw::reason(&status))
    }

    async fn user_may_produce(&self) -> Result<(), String> {
        let user = Identity::DevUser(name("acme"), UserName::new("bob").expect("a name"));
        let client = client(&self.endpoint(), user);
        let producer = match client.producer(levee_client::ProducerSettings::default()).await {
            Ok(producer) => producer,
            Err(error) => return Err(reason(&error)),
        };
        let record = levee_client::Record { value: Some("x".into()), ..Default::default() };
        match producer.send("other", record).await {
            Ok(delivery) => delivery.await.map(drop).map_err(|error| reason(&error)),
            Err(error) => Err(reason(&error)),
        }
    }
}

async fn produce(raw: &Raw, topic: &str, counter: u32) -> Result<(), String> {
    let values = [payload::make(levee_tests::history::Value { writer: 0, counter }, 1_000)];
    let answer = raw.produce().produce(raw::request(topic, 0, &values, None)).await;
    answer.map(drop).map_err(|status| raw::reason(&status))
}

fn reason(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Broker, "{error}");
    error.code().map_or_else(String::new, |code| code.as_str().to_owned())
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorCode {
    let error = result.expect_err("it must be refused");
    error.code().unwrap_or_else(|| panic!("{error}"))
}

fn err(code: ErrorCode) -> Result<(), String> {
    Err(code.as_str().to_owned())
}

async fn life(setup: Setup, disk: Option<Disk>) {
    let broker = Some(Broker::start(&setup).await);
    let mut story = Story { broker, setup, disk };
    let id = birth(&mut story).await;
    rules_and_quotas(&mut story).await;
    rename(&mut story, id).await;
    suspensions(&mut story).await;
    deletion_taken_back(&mut story).await;
    end(&mut story, id).await;
    story.broker.take().expect("a broker").stop().await;
}

/// A tenant with a plan of its own; gives its id.
async fn birth(story: &mut Story) -> u32 {
    let quotas = vec![quota(QuotaDimension::Topics, 10)];
    let team = v1::Plan { name: "team".to_owned(), weight: 7, quotas, tenants: 0 };
    story.operator().create_plan(team, false).await.expect("a plan");
    story.crash().await;
    let made = story.operator().create_tenant(&name("acme"), Some(&plan("team")), false).await;
    let made = made.expect("a tenant").tenant.expect("a tenant");
    story.crash().await;
    let found = story.operator().get_tenant(&name("acme")).await.expect("a tenant");
    assert_eq!(found, made);
    assert_eq!((found.plan.as_str(), found.state()), ("team", TenantState::Active));
    let team = story.operator().get_plan(&plan("team")).await.expect("a plan");
    assert_eq!((team.tenants, team.weight), (1, 7));
    let missing = story.operator().create_tenant(&name("other"), Some(&plan("none")), false).await;
    assert_eq!(refused(missing), ErrorCode::NotFound, "a plan that there is not");
    let topics = vec![topic("orders", 1, &[]), topic("other", 1, &[])];
    member(&story.endpoint(), "acme").admin().create_topics("", topics, false).await.expect("topics");
    for counter in 0..3 {
        story.produce("acme", counter).await.expect("it can be produced");
    }
    found.id
}

/// What is revoked stays revoked, what is disabled stays disabled, and a quota that was lowered stays low.
async fn rules_and_quotas(story: &mut Story) {
    let admin = member(&story.endpoint(), "acme").admin();
    let bob = v1::CreateUserRequest { name: "bob".to_owned(), ..Default::default() };
    admin.create_user(bob).await.expect("a user");
    assert_eq!(story.user_may_produce().await, err(ErrorCode::PermissionDenied), "empty means no");
    let rule = allow_produce("bob");
    let rules = admin.create_acl_rules("", vec![rule.clone()]).await.expect("a rule");
    story.crash().await;
    assert_eq!(story.user_may_produce().await, Ok(()));

    admin.delete_acl_rules("", vec![rules[0].id]).await.expect("it can be revoked");
    story.crash().await;
    assert_eq!(story.user_may_produce().await, err(ErrorCode::PermissionDenied), "the rule is back");

    let again = admin.create_acl_rules("", vec![rule]).await.expect("a rule");
    assert!(again[0].id > rules[0].id, "ids of rules are not used again");
    let disable = |disabled| v1::UpdateUserRequest {
        name: "bob".to_owned(),
        disabled: Some(disabled),
        ..Default::default()
    };
    admin.update_user(disable(true)).await.expect("it can be disabled");
    story.crash().await;
    assert_eq!(story.user_may_produce().await, err(ErrorCode::Unauthenticated), "the user is back");
    admin.update_user(disable(false)).await.expect("it can be enabled");
    story.crash().await;
    assert_eq!(story.user_may_produce().await, Ok(()));

    let two = vec![quota(QuotaDimension::Topics, 2)];
    story.operator().set_quotas(target("acme"), two, Vec::new()).await.expect("a quota");
    story.crash().await;
    let third = admin.create_topics("", vec![topic("third", 1, &[])], false).await.expect("an answer");
    let (_, error) = &third.failures[0];
    assert_eq!(error.code(), Some(ErrorCode::LimitExceeded), "{error}");
    assert!(error.message().contains("2 topics"), "it does not name the quota: {error}");
    let unset = vec![QuotaDimension::Topics.into()];
    story.operator().set_quotas(target("acme"), Vec::new(), unset).await.expect("a quota");
    story.crash().await;
    let third = admin.create_topics("", vec![topic("third", 1, &[])], false).await.expect("an answer");
    assert_eq!(third.created, 1, "the plan's quota holds again");
    admin.delete_topic("", "third").await.expect("it can be deleted");
}

fn allow_produce(user: &str) -> v1::AclRule {
    v1::AclRule {
        effect: v1::AclEffect::Allow.into(),
        subject: Some(v1::AclSubject { kind: Some(v1::acl_subject::Kind::User(user.to_owned())) }),
        operations: vec![v1::AclOperation::Produce.into()],
        topics: Some(v1::TopicPattern { kind: Some(v1::topic_pattern::Kind::Prefix("o".to_owned())) }),
        ..Default::default()
    }
}

/// The old name is gone, the data is there, ids stay.
async fn rename(story: &mut Story, id: u32) {
    let before = story.stored("acme").await.expect("it can be read");
    story.operator().update_tenant(&name("acme"), Some(&name("apex")), None).await.expect("a rename");
    story.crash().await;
    assert_eq!(refused(story.operator().get_tenant(&name("acme")).await), ErrorCode::NotFound);
    assert_eq!(story.stored("acme").await, Err("NOT_FOUND".to_owned()));
    let found = story.operator().get_tenant(&name("apex")).await.expect("a tenant");
    assert_eq!((found.id, found.plan.as_str(), found.topics), (id, "team", 2));
    assert_eq!(story.stored("apex").await, Ok(before));
    let users = member(&story.endpoint(), "apex").admin().list_users("", 0, "").await.expect("users");
    assert_eq!(users.users.len(), 1);

    // Somebody else may have the old name, and has nothing of what was under it.
    story.operator().create_tenant(&name("acme"), None, false).await.expect("the name is free");
    let other = story.operator().get_tenant(&name("acme")).await.expect("a tenant");
    assert!(other.id > id && other.topics == 0, "{other:?}");
    let taken = story.operator().update_tenant(&name("apex"), Some(&name("acme")), None).await;
    assert_eq!(refused(taken), ErrorCode::AlreadyExists);
    story.operator().delete_tenant(&name("acme"), Some(Duration::ZERO)).await.expect("it can be deleted");
    story.crash().await;
    assert_eq!(refused(story.operator().get_tenant(&name("acme")).await), ErrorCode::NotFound);
    assert_eq!(story.stored("apex").await, Ok(before));
}

async fn suspensions(story: &mut Story) {
    let suspended = ErrorCode::TenantSuspended.as_str().to_owned();
    let before = story.stored("apex").await.expect("it can be read");
    story.operator().suspend_tenant(&name("apex"), TenantState::ReadOnly).await.expect("it can be suspended");
    story.crash().await;
    let found = story.operator().get_tenant(&name("apex")).await.expect("a tenant");
    assert_eq!(found.state(), TenantState::ReadOnly);
    assert_eq!(story.produce("apex", 9).await, Err(suspended.clone()));
    let create =
        member(&story.endpoint(), "apex").admin().create_topics("", vec![topic("x", 1, &[])], false).await;
    assert_eq!(refused(create), ErrorCode::TenantSuspended);
    assert_eq!(story.stored("apex").await, Ok(before));

    story.operator().suspend_tenant(&name("apex"), TenantState::Frozen).await.expect("it can be frozen");
    story.crash().await;
    assert_eq!(story.stored("apex").await, Err(suspended.clone()));
    assert_eq!(story.produce("apex", 9).await, Err(suspended));
    // Operators still get at it.
    let topics = story.operator().list_topics("apex", "", 0, "").await.expect("topics");
    assert_eq!(topics.topics.len(), 2);

    story.operator().resume_tenant(&name("apex")).await.expect("it can be resumed");
    story.crash().await;
    assert_eq!(story.stored("apex").await, Ok(before));
    assert_eq!(story.produce("apex", 3).await, Ok(()));
}

async fn deletion_taken_back(story: &mut Story) {
    let suspended = ErrorCode::TenantSuspended.as_str().to_owned();
    let before = story.stored("apex").await.expect("it can be read");
    let deleting =
        story.operator().delete_tenant(&name("apex"), Some(HOUR)).await.expect("it can be deleted");
    let delete_at_ms = deleting.expect("it is still there").delete_at_ms;
    assert!(delete_at_ms.is_some());
    story.crash().await;
    let found = story.operator().get_tenant(&name("apex")).await.expect("a tenant");
    assert_eq!((found.state(), found.delete_at_ms), (TenantState::Deleting, delete_at_ms));
    assert_eq!(story.stored("apex").await, Err(suspended.clone()));
    assert_eq!(story.produce("apex", 9).await, Err(suspended));
    let taken = story.operator().create_tenant(&name("apex"), None, false).await;
    assert_eq!(refused(taken), ErrorCode::AlreadyExists, "the name is not free yet");
    story.operator().undelete_tenant(&name("apex")).await.expect("it can be taken back");
    story.crash().await;
    let found = story.operator().get_tenant(&name("apex")).await.expect("a tenant");
    assert_eq!((found.state(), found.delete_at_ms), (TenantState::Active, None));
    assert_eq!(story.stored("apex").await, Ok(before));
}

/// It goes by itself; nothing of it is left, and nothing of it comes back.
async fn end(story: &mut Story, id: u32) {
    let deleted = story.operator().delete_tenant(&name("apex"), Some(Duration::from_secs(2))).await;
    deleted.expect("it can be deleted");
    story.crash().await;
    let operator = story.operator();
    let gone = async || {
        operator
            .get_tenant(&name("apex"))
            .await
            .is_err_and(|error| error.code() == Some(ErrorCode::NotFound))
            .then_some(())
    };
    wait::poll("the tenant is gone", Duration::from_secs(30), gone).await;
    story.crash().await;
    check_gone(story, id).await;
    // The topics and the records of before, under the same names, with a crash in between.
    let made =
        story.operator().create_tenant(&name("apex"), Some(&plan("team")), false).await.expect("a tenant");
    let made = made.tenant.expect("a tenant");
    assert!(made.id > id, "id {} comes after {id}", made.id);
    story.crash().await;
    check_empty(story, "apex").await;
    let admin = member(&story.endpoint(), "apex").admin();
    admin.create_topics("", vec![topic("orders", 1, &[])], false).await.expect("a topic");
    story.crash().await;
    assert_eq!(story.stored("apex").await, Ok(Stored::default()));
}

async fn check_gone(story: &Story, id: u32) {
    let operator = story.operator();
    assert_eq!(refused(operator.get_tenant(&name("apex")).await), ErrorCode::NotFound);
    assert_eq!(refused(operator.undelete_tenant(&name("apex")).await), ErrorCode::NotFound);
    assert_eq!(refused(operator.list_topics("apex", "", 0, "").await), ErrorCode::NotFound);
    assert_eq!(refused(usage(&operator, "apex").await), ErrorCode::NotFound);
    assert_eq!(story.stored("apex").await, Err("NOT_FOUND".to_owned()));
    let listed = operator.list_tenants(0, "").await.expect("tenants");
    assert_eq!(listed.tenants, Vec::new());
    assert_eq!(operator.get_plan(&plan("team")).await.expect("a plan").tenants, 0);
    let status = operator.status().await.expect("a status");
    assert_eq!((status.tenants, status.topics), (0, 0));

    let log = v1::ListAuditEventsRequest { page_size: 1000, latest: true, ..Default::default() };
    let events = operator.list_audit_events(log).await.expect("the log of the system").events;
    let receipts: Vec<_> = events.iter().filter(|event| event.action == "PurgeTenant").collect();
    let [receipt] = receipts[..] else { panic!("receipts: {receipts:?}") };
    assert_eq!((receipt.resource.as_str(), receipt.principal.as_str()), ("tenant:apex", "system"));
    assert!(receipt.reason.contains(&format!("id {id},")), "{receipt:?}");
    // The steps before are there, too, once each.
    for (action, times) in [
        ("TenantService/SuspendTenant", 2),
        ("TenantService/ResumeTenant", 1),
        ("TenantService/UndeleteTenant", 1),
    ] {
        let found =
            events.iter().filter(|event| event.action == action && event.resource == "tenant:apex").count();
        assert_eq!(found, times, "events of {action}");
    }
}

async fn check_empty(story: &Story, tenant: &str) {
    let admin = member(&story.endpoint(), tenant).admin();
    let found = admin.get_tenant(&name(tenant)).await.expect("a tenant");
    assert_eq!((found.topics, found.partitions, found.stored_bytes), (0, 0, 0));
    assert_eq!(admin.list_topics("", "", 0, "").await.expect("topics").topics, Vec::new());
    assert_eq!(admin.list_users("", 0, "").await.expect("users").users, Vec::new());
    assert_eq!(admin.list_acl_rules("", 0, "").await.expect("rules").rules, Vec::new());
    assert_eq!(admin.list_tokens("", "", 0, "").await.expect("tokens").tokens, Vec::new());
    let used = usage(&admin, "").await.expect("a ledger");
    assert_eq!((used.bytes_in, used.records_in, used.bytes_out), (0, 0, 0));
    let log = v1::ListAuditEventsRequest { page_size: 1000, ..Default::default() };
    let events = admin.list_audit_events(log).await.expect("its log").events;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["TenantService/CreateTenant"]);
    assert_eq!(story.stored(tenant).await, Err("NOT_FOUND".to_owned()));
}

/// Streams that are open when their tenant is frozen or deleted end soon, with the reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_end_with_their_tenant() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    let operator = operator(&endpoint);
    // Of a tenant that is gone, either the caller is missed first or what it reads.
    let suspended = ["TENANT_SUSPENDED"].as_slice();
    for (tenant, expected) in
        [("frozen", suspended), ("deleting", suspended), ("gone", &["UNAUTHENTICATED", "NOT_FOUND"])]
    {
        operator.create_tenant(&name(tenant), None, false).await.expect("a tenant");
        operator.create_topics(tenant, vec![topic("orders", 1, &[])], false).await.expect("a topic");
        let raw = Raw::tenant(&endpoint, tenant);
        let (_reads, mut read) = open_read(&raw).await;
        let (produces, mut produced) = open_produce(&raw).await;
        match tenant {
            "frozen" => operator.suspend_tenant(&name(tenant), TenantState::Frozen).await.map(drop),
            "deleting" => operator.delete_tenant(&name(tenant), Some(HOUR)).await.map(drop),
            _ => operator.delete_tenant(&name(tenant), Some(Duration::ZERO)).await.map(drop),
        }
        .expect("an operator may");
        for (what, ended) in [
            ("read", tokio::time::timeout(Duration::from_secs(5), end_of(&mut read)).await),
            ("produce", tokio::time::timeout(Duration::from_secs(5), end_of(&mut produced)).await),
        ] {
            let status = ended.unwrap_or_else(|_| panic!("{what} goes on for a tenant that is {tenant}"));
            assert!(expected.contains(&&*raw::reason(&status)), "{what} of {tenant}: {status}");
        }
        drop(produces);
    }
    broker.stop().await;
}

type Sender<T> = futures::channel::mpsc::UnboundedSender<T>;

async fn open_read(raw: &Raw) -> (Sender<v1::ReadRequest>, tonic::Streaming<v1::ReadResponse>) {
    let (asks, asked) = futures::channel::mpsc::unbounded();
    let from = Some(v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::End.into())) });
    let positions = vec![v1::ReadPosition { topic: "orders".to_owned(), partition: 0, from }];
    let start = v1::ReadStart { positions, credit_bytes: 1_000_000, stop_at_end: false };
    let start = v1::ReadRequest { kind: Some(v1::read_request::Kind::Start(start)) };
    asks.unbounded_send(start).expect("an open stream");
    let mut answers = raw.read().read(asked).await.expect("a stream").into_inner();
    answers.message().await.expect("it has started").expect("it has started");
    (asks, answers)
}

async fn open_produce(
    raw: &Raw,
) -> (Sender<v1::ProduceStreamRequest>, tonic::Streaming<v1::ProduceStreamResponse>) {
    let (asks, asked) = futures::channel::mpsc::unbounded();
    let request = raw::request("orders", 0, &["x".into()], None);
    asks.unbounded_send(v1::ProduceStreamRequest { correlation_id: 1, request: Some(request) })
        .expect("an open stream");
    let mut answers = raw.produce().produce_stream(asked).await.expect("a stream").into_inner();
    answers.message().await.expect("it is answered").expect("it is answered");
    (asks, answers)
}

async fn end_of<T>(stream: &mut tonic::Streaming<T>) -> tonic::Status {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ends without a reason"),
            Err(status) => return status,
        }
    }
}

/// What waits for a quota when its tenant is frozen, or its user loses the right, is not stored any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_quota_is_decided_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    let operator = operator(&endpoint);
    operator.create_tenant(&name("slow"), None, false).await.expect("a tenant");
    operator.create_topics("slow", vec![topic("orders", 1, &[])], false).await.expect("a topic");
    let raw = Raw::tenant(&endpoint, "slow");
    for is_stream in [false, true] {
        let set = vec![v1::Quota { burst: Some(1), ..quota(QuotaDimension::Ingress, 1_000) }];
        operator.set_quotas(target("slow"), set, Vec::new()).await.expect("a quota");
        // The first goes through and leaves a debt of some seconds, which the second waits for.
        produce_sized(&raw, 4_000).await.expect("it has the quota for itself");
        let before = operator.get_tenant(&name("slow")).await.expect("a tenant").stored_bytes;
        let waiting = tokio::spawn({
            let raw = raw.clone();
            async move {
                if is_stream { produce_on_a_stream(&raw, 100).await } else { produce_sized(&raw, 100).await }
            }
        });
        let is_held = async || {
            let events = operator.explain_quotas("slow").await.expect("events");
            let ours = if is_stream { 2 } else { 1 };
            (events.iter().filter(|event| event.delay_ms > 0).count() >= ours).then_some(())
        };
        wait::poll("it waits", Duration::from_secs(10), is_held).await;
        operator.suspend_tenant(&name("slow"), TenantState::ReadOnly).await.expect("it can be suspended");
        let outcome =
            tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it ends").expect("it ends");
        assert_eq!(outcome, Err("TENANT_SUSPENDED".to_owned()), "on a stream: {is_stream}");
        let after = operator.get_tenant(&name("slow")).await.expect("a tenant").stored_bytes;
        assert_eq!(after, before, "stored after the tenant was suspended");
        operator.resume_tenant(&name("slow")).await.expect("it can be resumed");
        operator
            .set_quotas(target("slow"), Vec::new(), vec![QuotaDimension::Ingress.into()])
            .await
            .expect("a quota");
    }
    broker.stop().await;
}

async fn produce_sized(raw: &Raw, bytes: usize) -> Result<(), String> {
    let value = vec![b'x'; bytes];
    let answer = raw.produce().produce(raw::request("orders", 0, &[value.into()], None)).await;
    answer.map(drop).map_err(|status| raw::reason(&status))
}

async fn produce_on_a_stream(raw: &Raw, bytes: usize) -> Result<(), String> {
    let (asks, asked) = futures::channel::mpsc::unbounded();
    let request = raw::request("orders", 0, &[vec![b'x'; bytes].into()], None);
    asks.unbounded_send(v1::ProduceStreamRequest { correlation_id: 1, request: Some(request) })
        .expect("an open stream");
    let mut answers = raw.produce().produce_stream(asked).await.expect("a stream").into_inner();
    match answers.message().await {
        Ok(Some(answer)) => match answer.result {
            Some(v1::produce_stream_response::Result::Error(error)) => {
                Err(error.code().as_str_name().trim_start_matches("ERROR_CODE_").to_owned())
            }
            _ => Ok(()),
        },
        Ok(None) => Err("no answer".to_owned()),
        Err(status) => Err(raw::reason(&status)),
    }
}
