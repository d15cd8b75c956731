//! One client that does one thing after the other, in several tenants and in the catalog: so what is there of a later
//! step says what must be there of all before it.

use levee_client::{Record, StartAt, TransactionSettings};
use levee_proto::{batch, v1};
use levee_tests::raw::Raw;
use levee_tests::tenancy::{member, name, operator, topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::JoinHandle;

const TENANTS: [&str; 2] = ["chain-a", "chain-b"];
/// A topic is made every so many steps.
const TOPIC_EVERY: u64 = 5;

/// The client at work.
pub(super) struct Chain {
    steps: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Chain {
    pub(super) async fn start(endpoint: &str) -> Self {
        let admin = operator(endpoint);
        for tenant in TENANTS {
            admin.create_tenant(&name(tenant), None, false).await.expect("it can be created");
            let topics = ["steps", "left", "right"].map(|name| topic(name, 1, &[])).to_vec();
            member(endpoint, tenant)
                .admin()
                .create_topics("", topics, false)
                .await
                .expect("they can be created");
        }
        let (steps, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let task = tokio::spawn(work(endpoint.to_owned(), Arc::clone(&steps), Arc::clone(&stop)));
        Self { steps, stop, task }
    }

    /// How many steps are done as a whole.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("each step succeeds");
    }
}

async fn work(endpoint: String, steps: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let client = member(&endpoint, TENANTS[1]);
    let mut producer = client.transactions(TransactionSettings::default()).await.expect("a producer");
    for step in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        append(&endpoint, TENANTS[0], "steps", step).await;
        append(&endpoint, TENANTS[1], "steps", step).await;
        if step % TOPIC_EVERY == 0 {
            let made = vec![topic(&format!("made-{step}"), 1, &[])];
            member(&endpoint, TENANTS[0]).admin().create_topics("", made, false).await.expect("it is made");
        }
        let mut transaction = producer.begin();
        for topic in ["left", "right"] {
            let record = Record { value: Some(step.to_string().into()), ..Record::default() };
            transaction.send_to(topic, 0, record).await.expect("it is sent");
        }
        transaction.commit().await.expect("it is committed");
        steps.fetch_add(1, Ordering::SeqCst);
    }
}

async fn append(endpoint: &str, tenant: &str, topic: &str, step: u64) {
    let record = v1::Record { value: Some(step.to_string().into()), ..v1::Record::default() };
    let request = v1::ProduceRequest {
        topic: topic.to_owned(),
        batch: batch::encode(&[record], v1::Compression::Unspecified),
        ..v1::ProduceRequest::default()
    };
    let answer = Raw::tenant(endpoint, tenant).produce().produce(request).await.expect("it is appended");
    assert_eq!(answer.into_inner().base_offset, step);
}

async fn end(endpoint: &str, tenant: &str, topic: &str) -> u64 {
    let position = levee_client::Position { topic: topic.to_owned(), partition: 0, from: StartAt::End };
    member(endpoint, tenant).offsets(vec![position]).await.expect("a log")[0].end
}

/// How many steps a broker has begun; an error if something of an earlier step is missing.
pub(super) async fn found(endpoint: &str) -> Result<u64, String> {
    let first = end(endpoint, TENANTS[0], "steps").await;
    let second = end(endpoint, TENANTS[1], "steps").await;
    let made = Raw::tenant(endpoint, TENANTS[0]).topic_names("made-").await.expect("a list").len() as u64;
    let left = end(endpoint, TENANTS[1], "left").await;
    let right = end(endpoint, TENANTS[1], "right").await;
    let seen = format!("{first} {second}, {made} topics, {left} and {right}");
    let of_topics = |steps: u64| steps.div_ceil(TOPIC_EVERY);
    let is_cut = first.saturating_sub(second) <= 1
        && second <= first
        && (of_topics(left)..=of_topics(second)).contains(&made)
        && left == right
        && second.saturating_sub(left) <= 1
        && left <= second
        && (first == second || second == left);
    if is_cut { Ok(first) } else { Err(seen) }
}

/// When the last record of the chain was appended.
pub(super) async fn newest_ms(endpoint: &str) -> i64 {
    let last = end(endpoint, TENANTS[0], "steps").await - 1;
    let position =
        levee_client::Position { topic: "steps".to_owned(), partition: 0, from: StartAt::Offset(last) };
    let settings = levee_client::ReaderSettings { stop_at_end: true, ..Default::default() };
    let mut reader = member(endpoint, TENANTS[0]).reader(vec![position], settings).await.expect("a reader");
    let read = reader.next_batch().await.expect("a batch").expect("it can be read");
    read.append_time_ms
}
