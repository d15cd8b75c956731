//! Q3: the quota of what is stored. It is met to the batch; reading and deleting go on.

use super::{create_tenant, offered};
use crate::{crash, small};
use levee_proto::v1::QuotaDimension;
use levee_tests::broker::Broker;
use levee_tests::raw::{self, Raw};
use levee_tests::stored::count;
use levee_tests::tenancy::{name, operator, quota, topic};
use tokio::task::JoinSet;

const TENANT: &str = "full";
const LIMIT: u64 = 2_000_000;
const BATCH: u64 = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q3_storage_is_full_to_the_batch() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, TENANT, vec![quota(QuotaDimension::Storage, LIMIT)]).await;
    let relaxed = [("durability", "relaxed")];
    let topics = vec![topic("log", 4, &[]), topic("relaxed", 1, &relaxed), topic("other", 1, &[])];
    operator(&endpoint).create_topics(TENANT, topics, false).await.expect("topics");
    let raw = Raw::tenant(&endpoint, TENANT);
    offered::send(&raw, "other", BATCH).await.expect("there is room");

    let acked = fill(&raw).await;
    check_full(&endpoint, acked + 1).await;
    broker = crash(broker, &setup, None).await;
    check_full(&endpoint, acked + 1).await;

    // Reading goes on, and so does deleting, after which there is room again.
    let read = count(&raw, "log", 4).await.expect("it can be read");
    assert!(read.bytes > 0);
    let end = operator(&endpoint).get_topic(TENANT, "log").await.expect("a topic").partitions[0].end_offset;
    operator(&endpoint).trim_partition(TENANT, "log", 0, end).await.expect("it can be trimmed");
    offered::send(&raw, "relaxed", BATCH).await.expect("what was trimmed is free again");
    fill(&raw).await;
    operator(&endpoint).delete_topic(TENANT, "other").await.expect("it can be deleted");
    offered::send(&raw, "relaxed", BATCH).await.expect("what was deleted is free again");
    let error = offered::send(&raw, "relaxed", BATCH).await.expect_err("one batch was freed");
    assert_eq!(raw::reason(&error), "LIMIT_EXCEEDED", "{error}");
    broker = crash(broker, &setup, None).await;
    let error = offered::send(&raw, "log", BATCH).await.expect_err("it is full again");
    assert_eq!(raw::reason(&error), "LIMIT_EXCEEDED", "{error}");
    // A batch that was stored before it was full is no other one.
    repeat_when_full(&endpoint, &raw).await;
    broker.stop().await;
}

/// Twenty at once until each is refused; gives the batches that were acked.
async fn fill(raw: &Raw) -> u64 {
    let mut writers = JoinSet::new();
    for n in 0..20 {
        let (raw, topic) = (raw.clone(), if n % 2 == 0 { "log" } else { "relaxed" });
        writers.spawn(async move {
            let mut acked = 0;
            loop {
                match offered::send(&raw, topic, BATCH).await {
                    Ok(_) => acked += 1,
                    Err(error) => return (acked, error),
                }
            }
        });
    }
    let mut all = 0;
    while let Some(writer) = writers.join_next().await {
        let (acked, error) = writer.expect("a writer");
        assert_eq!(raw::reason(&error), "LIMIT_EXCEEDED", "{error}");
        for expected in [TENANT, &format!("{LIMIT} bytes of storage"), "plan full"] {
            assert!(error.message().contains(expected), "no {expected:?} in {error}");
        }
        all += acked;
    }
    all
}

/// No batch more would fit, and none too many was stored.
async fn check_full(endpoint: &str, batches: u64) {
    let stored = operator(endpoint).get_tenant(&name(TENANT)).await.expect("a tenant").stored_bytes;
    let each = stored / batches;
    assert!((BATCH..BATCH + 100).contains(&each), "{stored} bytes are not {batches} batches");
    assert!(stored <= LIMIT && stored + each > LIMIT, "{stored} bytes of {LIMIT}, with batches of {each}");
}

async fn repeat_when_full(endpoint: &str, raw: &Raw) {
    let operator = operator(endpoint);
    operator.trim_partition(TENANT, "relaxed", 0, 1).await.expect("it can be trimmed");
    let session = raw.init_producer().await.expect("a producer");
    let sequence = levee_client::v1::ProducerSequence {
        producer_id: session.producer_id,
        epoch: session.epoch,
        sequence: 0,
    };
    let request = raw::request("log", 1, &[vec![b'y'; 50_000].into()], Some(sequence));
    let first = raw.produce().produce(request.clone()).await.expect("one batch fits").into_inner();
    let error = offered::send(raw, "log", BATCH).await.expect_err("it is full again");
    assert_eq!(raw::reason(&error), "LIMIT_EXCEEDED", "{error}");
    let again = raw.produce().produce(request).await.expect("it is stored already").into_inner();
    assert_eq!((again.base_offset, again.duplicate), (first.base_offset, true));
}
