//! Producer and reader over a real connection, to a broker that keeps its logs in memory and breaks its
//! streams. What the producer decides is tested without one, in the crate.

#![expect(clippy::unwrap_used, reason = "a test")]

mod broker {
    #![expect(unreachable_pub, reason = "shared within this test")]
    pub mod clock;
    pub mod produce;
    pub mod read;
    pub mod state;
}

use broker::clock::{NoRandom, Shifted};
use broker::state::{Fake, Topics, refusal};
use levee_client::{
    Client, ClientConfig, Compression, Error, ErrorKind, Identity, Position, Producer, ProducerSettings,
    Reader, ReaderSettings, Record, StartAt,
};
use levee_types::{ErrorCode, TenantName};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

const PARTITIONS: u32 = 3;

fn config(fake: &Fake) -> ClientConfig {
    ClientConfig::new(fake.endpoint(), Identity::DevTenant(TenantName::new("acme").unwrap()))
}

fn client(fake: &Fake) -> Client {
    Client::new(config(fake)).unwrap()
}

async fn producer(client: &Client) -> Producer {
    let settings = ProducerSettings {
        batch_bytes: 100,
        linger: Duration::from_millis(1),
        compression: Compression::Lz4,
        ..ProducerSettings::default()
    };
    client.producer(settings).await.unwrap()
}

fn record(number: u32) -> Record {
    Record { value: Some(number.to_string().into()), ..Record::default() }
}

fn number(record: &Record) -> u32 {
    str::from_utf8(record.value.as_ref().unwrap()).unwrap().parse().unwrap()
}

fn from_start() -> Vec<Position> {
    let position = |partition| Position { topic: "t".to_owned(), partition, from: StartAt::Start };
    (0..PARTITIONS).map(position).collect()
}

async fn reader(client: &Client, settings: ReaderSettings) -> Result<Reader, Error> {
    client.reader(from_start(), settings).await
}

#[tokio::test]
async fn everything_arrives_once_and_in_order_though_streams_break() {
    let fake = Fake::start(PARTITIONS).await;
    fake.break_streams_after(7);
    let client = client(&fake);
    let producer = producer(&client).await;
    let mut deliveries = Vec::new();
    for number in 0..1000 {
        deliveries.push((number, producer.send("t", record(number)).await.unwrap()));
    }
    let mut acked = BTreeMap::new();
    for (number, delivery) in deliveries {
        let at = delivery.await.unwrap();
        assert_eq!(acked.insert((at.partition, at.offset), number), None);
    }
    producer.close().await.unwrap();
    assert!(fake.broken_streams() > 5, "{}", fake.broken_streams());

    let settings = ReaderSettings { credit_bytes: 300, stop_at_end: true };
    let mut reader = reader(&client, settings).await.unwrap();
    let mut read = BTreeMap::new();
    let mut next = [0; PARTITIONS as usize];
    let mut last = [0; PARTITIONS as usize];
    while let Some(found) = reader.next().await {
        let found = found.unwrap();
        let at = found.partition as usize;
        assert_eq!(found.offset, next[at]);
        next[at] += 1;
        let number = number(&found.record);
        assert!(number >= last[at]);
        last[at] = number;
        read.insert((found.partition, found.offset), number);
    }
    assert_eq!(read, acked);
    assert!(next.iter().all(|records| *records > 100), "{next:?}");
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_reader_follows_the_tail_and_can_be_given_up_at_any_time() {
    let fake = Fake::start(PARTITIONS).await;
    let client = client(&fake);
    let mut reader = reader(&client, ReaderSettings::default()).await.unwrap();
    timeout(Duration::from_millis(10), reader.next()).await.unwrap_err();
    let producer = producer(&client).await;
    for number in 0..5 {
        producer.send_to("t", 1, record(number)).await.unwrap();
    }
    producer.flush().await.unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap().offset, 0);
    // The rest of the batch, or the next one, without a gap.
    let mut offset = 1;
    while offset < 5 {
        let batch = reader.next_batch().await.unwrap().unwrap();
        assert_eq!((batch.base_offset, &*batch.topic, batch.partition), (offset, "t", 1));
        offset += batch.records.len() as u64;
    }
    timeout(Duration::from_millis(10), reader.next()).await.unwrap_err();
}

/// Two batches, and a reader whose stream breaks after each.
async fn reading_from_a_stream_that_breaks_with(status: Status, clock: Arc<Shifted>) -> Reader {
    let fake = Fake::start(PARTITIONS).await;
    let client = Client::with_ambient(config(&fake), clock, Arc::new(NoRandom)).unwrap();
    let producer = producer(&client).await;
    for number in 0..2 {
        producer.send_to("t", 0, record(number)).await.unwrap().await.unwrap();
    }
    fake.break_streams_with(status);
    fake.break_streams_after(1);
    let mut reader = reader(&client, ReaderSettings::default()).await.unwrap();
    assert_eq!(reader.next_batch().await.unwrap().unwrap().base_offset, 0);
    reader
}

#[tokio::test]
async fn a_reader_goes_on_when_the_broker_says_after_a_quota_held_it_up() {
    let metadata = HashMap::from([("retryable".to_owned(), "true".to_owned())]);
    let mut details = ErrorDetails::with_error_info("QUOTA_EXCEEDED", "levee", metadata);
    details.set_retry_info(Some(Duration::from_secs(50)));
    let status = Status::with_error_details(Code::ResourceExhausted, "enough", details);
    let clock = Arc::new(Shifted::new());
    let mut reader = reading_from_a_stream_that_breaks_with(status, Arc::clone(&clock)).await;
    // Its own first wait would be 100 ms at most.
    timeout(Duration::from_millis(200), reader.next_batch()).await.unwrap_err();
    clock.shift(Duration::from_secs(50));
    let found = timeout(Duration::from_secs(20), reader.next_batch()).await.unwrap();
    assert_eq!(found.unwrap().unwrap().base_offset, 1);
}

#[tokio::test]
async fn a_lost_permission_is_the_end_of_a_reader() {
    for code in [ErrorCode::PermissionDenied, ErrorCode::Unauthenticated, ErrorCode::TenantSuspended] {
        let status = refusal(Code::PermissionDenied, code.as_str(), "");
        let mut reader = reading_from_a_stream_that_breaks_with(status, Arc::new(Shifted::new())).await;
        let ended = timeout(Duration::from_secs(20), reader.next_batch()).await.unwrap();
        assert_eq!(ended.unwrap().unwrap_err().code(), Some(code));
        assert!(reader.next_batch().await.is_none());
    }
}

#[tokio::test]
async fn a_producer_that_is_dropped_still_sends_what_it_took() {
    let fake = Fake::start(PARTITIONS).await;
    let client = client(&fake);
    let producer = producer(&client).await;
    let delivery = producer.send_to("t", 0, record(1)).await.unwrap();
    drop(producer);
    assert_eq!(delivery.await.unwrap().offset, 0);
}

#[tokio::test]
async fn keys_stay_together_and_others_are_spread() {
    let fake = Fake::start(PARTITIONS).await;
    let client = client(&fake);
    let producer = producer(&client).await;
    let keyed = |key: &'static str| Record { key: Some(key.into()), ..record(0) };
    for (key, partition) in [("21", 0), ("a-little-bit-long-string", 2), ("21", 0)] {
        let acked = producer.send("t", keyed(key)).await.unwrap().await.unwrap();
        assert_eq!(acked.partition, partition, "{key}");
    }
}

/// Sends a record, which must not wait for anything else, and returns its partition.
async fn partition(producer: &Producer) -> u32 {
    let sent = async { producer.send("t", record(0)).await.unwrap().await.unwrap().partition };
    timeout(Duration::from_secs(20), sent).await.unwrap()
}

#[tokio::test]
async fn nobody_waits_while_the_number_of_partitions_is_looked_up_again() {
    let fake = Fake::start(1).await;
    let clock = Arc::new(Shifted::new());
    let client = Client::with_ambient(config(&fake), clock.clone(), Arc::new(NoRandom)).unwrap();
    let producer = producer(&client).await;
    assert_eq!(partition(&producer).await, 0);
    fake.say_of_topics(Topics::Unavailable);
    clock.shift(Duration::from_secs(60));
    assert_eq!(partition(&producer).await, 0);
    fake.asked(2).await;

    fake.say_of_topics(Topics::with(100));
    let find_more = async {
        while partition(&producer).await == 0 {
            clock.shift(Duration::from_secs(1));
        }
    };
    timeout(Duration::from_secs(20), find_more).await.unwrap();

    fake.say_of_topics(Topics::Silent);
    clock.shift(Duration::from_secs(60));
    for _ in 0..3 {
        partition(&producer).await;
    }
    fake.asked(4).await;
}

#[tokio::test]
async fn batches_keep_to_the_limit_of_their_topic() {
    let fake = Fake::start(1).await;
    fake.say_of_topics(Topics::Known { partitions: 1, max_message_bytes: 50 });
    let settings = ProducerSettings { linger: Duration::from_millis(50), ..ProducerSettings::default() };
    let producer = client(&fake).producer(settings).await.unwrap();
    let mut deliveries = Vec::new();
    for number in 0..100 {
        deliveries.push(producer.send("t", record(number)).await.unwrap());
        deliveries.push(producer.send_to("t", 0, record(number)).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let large = Record { value: Some(vec![0; 51].into()), ..Record::default() };
    let refused = producer.send("t", large).await.unwrap().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TooLarge));
}

#[tokio::test]
async fn mistakes_of_the_caller_are_told_at_once() {
    let fake = Fake::start(PARTITIONS).await;
    let client = client(&fake);
    let producer = producer(&client).await;
    let missing = producer.send("missing", record(0)).await.unwrap_err();
    assert_eq!((missing.kind(), missing.hint()), (ErrorKind::Broker, "create it"));
    let bad_name = producer.send_to("no/slash", 0, record(0)).await.unwrap_err();
    assert_eq!(bad_name.kind(), ErrorKind::Invalid);
    let large = Record { value: Some(vec![0; 5 << 20].into()), ..Record::default() };
    assert_eq!(producer.send("t", large).await.unwrap_err().kind(), ErrorKind::Invalid);
    let settings = ProducerSettings { max_in_flight: 9, ..ProducerSettings::default() };
    assert_eq!(client.producer(settings).await.map(drop).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(client.reader(Vec::new(), ReaderSettings::default()).await.is_err());
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_from_one_that_refuses() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = ClientConfig::new(endpoint, Identity::DevOperator);
    let client = Client::new(config.clone()).unwrap();
    let error = client.admin().status().await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.is_retryable()), (ErrorKind::Connection, None, true));
    assert!(error.message().contains("refused"), "{error}");
    let forever = ClientConfig { request_timeout: Duration::MAX, ..config };
    let error = Client::new(forever).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = Client::new(ClientConfig::new("not a url", Identity::DevOperator)).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
