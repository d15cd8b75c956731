//! What is taken away holds at once for new calls, and ends the open streams of whom it is taken from, and of nobody
//! else.

mod waiting;

use crate::harness::{Broker, PATIENCE, next, position, produce_request, reason};
use crate::tenancy::{allow, deny, every_topic, group, named, now_ms, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_request::Kind;
use levee_types::TokenId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

/// The promise is 5 s; nothing of it should be needed.
const AT_MOST: Duration = Duration::from_secs(2);
/// Between two batches of a stream.
const PACE: Duration = Duration::from_millis(5);
const PRODUCE_AND_CONSUME: [i32; 2] = [1, 2];

/// An open stream with steady traffic.
struct Stream {
    what: &'static str,
    successes: Arc<AtomicU64>,
    /// Batches that were refused while the stream went on.
    refusals: Arc<AtomicU64>,
    /// With which code it ended, and when.
    end: JoinHandle<(String, Instant)>,
}

impl Stream {
    async fn produce(broker: &Broker, credential: &str) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut pace = tokio::time::interval(PACE);
            for correlation_id in 0.. {
                pace.tick().await;
                let request = Some(produce_request("orders", 0, &["x"]));
                if sender.send(v1::ProduceStreamRequest { correlation_id, request }).await.is_err() {
                    return;
                }
            }
        });
        let request = by(credential, ReceiverStream::new(receiver));
        let mut answers = broker.produce().produce_stream(request).await.unwrap().into_inner();
        let (successes, refusals) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, refused) = (Arc::clone(&successes), Arc::clone(&refusals));
        let end = tokio::spawn(async move {
            loop {
                match next(&mut answers).await {
                    Ok(Some(v1::ProduceStreamResponse { result: Some(Outcome::Response(_)), .. })) => {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Some(_)) => {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(None) => return ("END".to_owned(), Instant::now()),
                    Err(status) => return (reason(&status).0, Instant::now()),
                }
            }
        });
        Self { what: "produce", successes, refusals, end }.started().await
    }

    async fn read(broker: &Broker, credential: &str) -> Self {
        let positions = vec![position("orders", 0, Spec::Edge(v1::OffsetEdge::Start as i32))];
        let start = v1::ReadStart { positions, credit_bytes: 64 << 20, stop_at_end: false };
        let (sender, receiver) = mpsc::channel(1);
        sender.send(v1::ReadRequest { kind: Some(Kind::Start(start)) }).await.unwrap();
        let request = by(credential, ReceiverStream::new(receiver));
        let mut batches = broker.read().read(request).await.unwrap().into_inner();
        let successes = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&successes);
        let end = tokio::spawn(async move {
            let _open = sender;
            loop {
                // Nothing may come for a while: of a tenant that cannot write.
                match batches.message().await {
                    Ok(Some(_)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(None) => return ("END".to_owned(), Instant::now()),
                    Err(status) => return (reason(&status).0, Instant::now()),
                }
            }
        });
        Self { what: "read", successes, refusals: Arc::default(), end }.started().await
    }

    async fn started(self) -> Self {
        self.goes_on("at the start").await;
        self
    }

    /// Waits for more to go through.
    async fn goes_on(&self, when: &str) {
        self.counts(&self.successes, 3, when).await;
    }

    /// Waits until `count` is higher by so much.
    async fn counts(&self, count: &AtomicU64, by: u64, when: &str) {
        let before = count.load(Ordering::Relaxed);
        let end = Instant::now() + PATIENCE;
        while count.load(Ordering::Relaxed) < before + by {
            assert!(!self.end.is_finished(), "{when}: the {} stream ended", self.what);
            assert!(Instant::now() < end, "{when}: the {} stream stands still", self.what);
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits for the end, and tells how long after `since` it came.
    async fn ends(self, case: &str, since: Instant, code: &str) {
        let limit = tokio::time::Instant::from_std(since) + PATIENCE;
        let end = tokio::time::timeout_at(limit, self.end).await;
        let (ended, at) = end.unwrap_or_else(|_| panic!("{case}: the {} stream goes on", self.what)).unwrap();
        let took = at.saturating_duration_since(since);
        println!("{case}: {} ended after {took:?} with {ended}", self.what);
        assert_eq!(ended, code, "{case}: {}", self.what);
        assert!(took < AT_MOST, "{case}: {} ended after {took:?}", self.what);
    }
}

fn by<T>(credential: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", credential.parse().unwrap());
    request
}

/// Somebody whose streams are to end or to go on.
struct Someone {
    caller: Caller,
    token: String,
    produce: Stream,
    read: Stream,
}

/// A tenant with a topic.
struct Tenant<'a> {
    broker: &'a Broker,
    operator: &'a Caller,
    name: String,
}

impl<'a> Tenant<'a> {
    async fn new(broker: &'a Broker, operator: &'a Caller, name: &str) -> Self {
        operator.make_tenant(name).await;
        operator.make_topic(name, "orders").await;
        Self { broker, operator, name: name.to_owned() }
    }

    /// A user with streams. It may do so by a rule of its own, unless it is in a group.
    async fn someone(&self, name: &str, groups: &[&str], expires_in_ms: Option<u64>) -> (Someone, u64) {
        self.operator.make_user(&self.name, name, false, groups).await;
        let whom = groups.first().map_or(user(name), |name| group(name));
        let rule =
            self.operator.make_rule(&self.name, allow(whom, &PRODUCE_AND_CONSUME, named("orders"))).await;
        let request = v1::IssueTokenRequest {
            tenant: self.name.clone(),
            user: name.to_owned(),
            expires_in_ms,
            ..Default::default()
        };
        let (token, credential) = self.operator.make_token(request).await;
        let caller = Caller::new(self.broker, credential.clone()).await;
        let produce = Stream::produce(self.broker, &credential).await;
        let read = Stream::read(self.broker, &credential).await;
        (Someone { caller, token, produce, read }, rule)
    }
}

impl Someone {
    async fn goes_on(&self, when: &str) {
        self.produce.goes_on(when).await;
        self.read.goes_on(when).await;
    }

    /// The codes of a new write and a new read.
    async fn tries(&self) -> [String; 2] {
        let write = produce_request("orders", 0, &["x"]);
        let positions = vec![position("orders", 0, Spec::Offset(0))];
        let read = v1::ListOffsetsRequest { positions };
        let (write, read) = tokio::join!(
            self.caller.ask::<v1::ProduceResponse>(Op::Produce, &write),
            self.caller.ask::<v1::ListOffsetsResponse>(Op::ListOffsets, &read)
        );
        let code = |status: Option<tonic::Status>| status.map_or("OK".to_owned(), |status| reason(&status).0);
        [code(write.err()), code(read.err())]
    }

    async fn ends(self, case: &str, since: Instant, code: &str) {
        self.produce.ends(case, since, code).await;
        self.read.ends(case, since, code).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Taken {
    Rule,
    ByDenial,
    ByDenialForEverybodyInAGroup,
    UserDisabled,
    UserDeleted,
    Group,
    Token,
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_what_allows_them_is_taken_away() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let acme = Tenant::new(&broker, &operator, "acme").await;
    let beta = Tenant::new(&broker, &operator, "beta").await;
    let (beside, _) = acme.someone("beside", &[], None).await;
    let (elsewhere, _) = beta.someone("beside", &[], None).await;
    let cases = [
        (Taken::Rule, "PERMISSION_DENIED"),
        (Taken::ByDenial, "PERMISSION_DENIED"),
        (Taken::ByDenialForEverybodyInAGroup, "PERMISSION_DENIED"),
        (Taken::UserDisabled, "UNAUTHENTICATED"),
        (Taken::UserDeleted, "UNAUTHENTICATED"),
        (Taken::Group, "PERMISSION_DENIED"),
        (Taken::Token, "UNAUTHENTICATED"),
    ];
    for (index, (taken, code)) in cases.into_iter().enumerate() {
        let name = format!("victim-{index}");
        let in_group = format!("group-{index}");
        let groups: &[&str] = if matches!(taken, Taken::Group | Taken::ByDenialForEverybodyInAGroup) {
            &[&in_group]
        } else {
            &[]
        };
        let (victim, rule) = acme.someone(&name, groups, None).await;
        // The same user of another tenant.
        let (namesake, _) = beta.someone(&name, groups, None).await;
        let since = Instant::now();
        take(&operator, taken, &name, groups, rule, &victim.token).await;
        assert_eq!(victim.tries().await, [code, code], "{taken:?}: right after it was acknowledged");
        victim.ends(&format!("{taken:?}"), since, code).await;
        for other in [&beside, &elsewhere, &namesake] {
            other.goes_on(&format!("{taken:?}")).await;
        }
    }
    broker.stop().await;
}

async fn take(operator: &Caller, taken: Taken, name: &str, groups: &[&str], rule: u64, token: &str) {
    let update =
        v1::UpdateUserRequest { tenant: "acme".to_owned(), name: name.to_owned(), ..Default::default() };
    match taken {
        Taken::Rule => operator.delete_rules("acme", vec![rule]).await,
        Taken::ByDenial => {
            operator.make_rule("acme", deny(user(name), &PRODUCE_AND_CONSUME, every_topic())).await;
        }
        Taken::ByDenialForEverybodyInAGroup => {
            let rule = deny(group(groups[0]), &PRODUCE_AND_CONSUME, every_topic());
            operator.make_rule("acme", rule).await;
        }
        Taken::UserDisabled => {
            let request = v1::UpdateUserRequest { disabled: Some(true), ..update };
            let _: v1::UpdateUserResponse = operator.must(Op::UpdateUser, &request).await;
        }
        Taken::Group => {
            let request = v1::UpdateUserRequest { groups: Some(v1::UserNames::default()), ..update };
            let _: v1::UpdateUserResponse = operator.must(Op::UpdateUser, &request).await;
        }
        Taken::UserDeleted => {
            let request = v1::DeleteUserRequest { tenant: "acme".to_owned(), name: name.to_owned() };
            let _: v1::DeleteUserResponse = operator.must(Op::DeleteUser, &request).await;
        }
        Taken::Token => {
            let request = v1::RevokeTokenRequest { tenant: "acme".to_owned(), id: token.to_owned() };
            let _: v1::RevokeTokenResponse = operator.must(Op::RevokeToken, &request).await;
        }
    }
}

/// A stream of batches goes on, because the next one may be for another topic; but none of the denied one is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_topic_takes_no_batch_of_an_open_stream() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let acme = Tenant::new(&broker, &operator, "acme").await;
    let (victim, _) = acme.someone("victim", &[], None).await;
    operator.make_rule("acme", allow(user("victim"), &PRODUCE_AND_CONSUME, named("other"))).await;
    let since = Instant::now();
    operator.make_rule("acme", deny(user("victim"), &PRODUCE_AND_CONSUME, named("orders"))).await;
    assert_eq!(victim.tries().await, ["PERMISSION_DENIED"; 2]);
    let Someone { produce, read, .. } = victim;
    read.ends("a denial of the topic", since, "PERMISSION_DENIED").await;
    let end_offset = |broker: &Broker| {
        let name = levee_types::TopicName::new("orders").unwrap();
        let tenant = broker.shard.tenant(&levee_types::TenantName::new("acme").unwrap()).unwrap().unwrap().id;
        let topic = broker.shard.topic(tenant, &name).unwrap().unwrap().id;
        broker.shard.offsets(levee_types::PartitionId { tenant, topic, partition: 0 }).unwrap().end
    };
    // Answers come in their order: at the first refusal all that was taken before is stored.
    produce.counts(&produce.refusals, 1, "it is denied").await;
    let before = end_offset(&broker);
    produce.counts(&produce.refusals, 20, "it is denied").await;
    assert_eq!(end_offset(&broker), before, "a batch was taken after the denial");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_token_expires() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let acme = Tenant::new(&broker, &operator, "acme").await;
    let (beside, _) = acme.someone("beside", &[], None).await;
    let (victim, _) = acme.someone("victim", &[], Some(2_000)).await;
    let id: TokenId = victim.token.parse().unwrap();
    let expires_ms = broker.shard.token(id).unwrap().unwrap().expires_ms.unwrap();
    let left = Duration::from_millis(expires_ms.saturating_sub(now_ms()).max(0).unsigned_abs());
    let since = Instant::now() + left;
    assert!(!victim.produce.end.is_finished() && !victim.read.end.is_finished());
    // What the test waits for is the time itself.
    tokio::time::sleep(left + Duration::from_millis(1)).await;
    assert_eq!(victim.tries().await, ["UNAUTHENTICATED"; 2]);
    victim.ends("the token expires", since, "UNAUTHENTICATED").await;
    beside.goes_on("the token expires").await;
    broker.stop().await;
}

#[derive(Debug, Clone, Copy)]
enum Closed {
    ReadOnly,
    Frozen,
    Deleting,
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_tenant_is_closed_and_it_works_again_afterwards() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let beta = Tenant::new(&broker, &operator, "beta").await;
    let (elsewhere, _) = beta.someone("beside", &[], None).await;
    for closed in [Closed::ReadOnly, Closed::Frozen, Closed::Deleting] {
        let name = format!("{closed:?}").to_lowercase();
        let tenant = Tenant::new(&broker, &operator, &name).await;
        let (victim, _) = tenant.someone("victim", &[], None).await;
        let case = format!("{closed:?}");
        let since = Instant::now();
        close(&operator, closed, &name).await;
        let code = "TENANT_SUSPENDED";
        let reads = if matches!(closed, Closed::ReadOnly) { "OK" } else { code };
        assert_eq!(victim.tries().await, [code, reads], "{case}");
        let Someone { caller, token, produce, read } = victim;
        produce.ends(&case, since, code).await;
        let read = match closed {
            Closed::ReadOnly => Some(read),
            Closed::Frozen | Closed::Deleting => {
                read.ends(&case, since, code).await;
                None
            }
        };
        elsewhere.goes_on(&case).await;

        open_again(&operator, closed, &name).await;
        let credential = caller.credential().to_owned();
        let produce = Stream::produce(&broker, &credential).await;
        let read = match read {
            // It was open all the time.
            Some(read) => read,
            None => Stream::read(&broker, &credential).await,
        };
        let back = Someone { caller, token, produce, read };
        back.goes_on("it is open again").await;
        assert_eq!(back.tries().await, ["OK", "OK"], "{case}: it is open again");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_tenant_is_deleted_for_good() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    let beta = Tenant::new(&broker, &operator, "beta").await;
    let (elsewhere, _) = beta.someone("beside", &[], None).await;
    let acme = Tenant::new(&broker, &operator, "acme").await;
    let (victim, _) = acme.someone("victim", &[], None).await;
    let since = Instant::now();
    let request = v1::DeleteTenantRequest { name: "acme".to_owned(), grace_ms: Some(0) };
    let _: v1::DeleteTenantResponse = operator.must(Op::DeleteTenant, &request).await;
    assert_eq!(victim.tries().await, ["UNAUTHENTICATED"; 2]);
    // The same name is another tenant: nothing of the old one comes back with it.
    let again = Tenant::new(&broker, &operator, "acme").await;
    let (newcomer, _) = again.someone("victim", &[], None).await;
    assert_eq!(victim.tries().await, ["UNAUTHENTICATED"; 2]);
    let Someone { produce, read, .. } = victim;
    produce.ends("the tenant is gone", since, "UNAUTHENTICATED").await;
    // It may meet the deletion of its topic first.
    let (ended, at) = tokio::time::timeout(PATIENCE, read.end).await.unwrap().unwrap();
    println!("the tenant is gone: read ended after {:?} with {ended}", at - since);
    assert!(["UNAUTHENTICATED", "NOT_FOUND"].contains(&ended.as_str()), "{ended}");
    newcomer.goes_on("the tenant is gone").await;
    elsewhere.goes_on("the tenant is gone").await;
    broker.stop().await;
}

async fn close(operator: &Caller, closed: Closed, name: &str) {
    let name = name.to_owned();
    match closed {
        Closed::ReadOnly | Closed::Frozen => {
            let mode = if matches!(closed, Closed::Frozen) {
                v1::TenantState::Frozen
            } else {
                v1::TenantState::ReadOnly
            };
            let request = v1::SuspendTenantRequest { name, mode: mode as i32 };
            let _: v1::SuspendTenantResponse = operator.must(Op::SuspendTenant, &request).await;
        }
        Closed::Deleting => {
            let request = v1::DeleteTenantRequest { name, grace_ms: None };
            let _: v1::DeleteTenantResponse = operator.must(Op::DeleteTenant, &request).await;
        }
    }
}

async fn open_again(operator: &Caller, closed: Closed, name: &str) {
    let name = name.to_owned();
    match closed {
        Closed::ReadOnly | Closed::Frozen => {
            let _: v1::ResumeTenantResponse =
                operator.must(Op::ResumeTenant, &v1::ResumeTenantRequest { name }).await;
        }
        Closed::Deleting => {
            let _: v1::UndeleteTenantResponse =
                operator.must(Op::UndeleteTenant, &v1::UndeleteTenantRequest { name }).await;
        }
    }
}
