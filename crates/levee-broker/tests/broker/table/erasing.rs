//! Erasing keys.

use super::compaction::{read, verify};
use super::{get, put, scan, values, with_table};
use crate::harness::{Broker, failure, from_start, keyed, of_tenant};
use levee_proto::{batch, v1};
use levee_types::limits::MAX_KEY_BYTES;

async fn erase(broker: &Broker, topic: &str, key: &str) -> v1::EraseKeyResponse {
    let (topic, key) = (topic.to_owned(), bytes::Bytes::copy_from_slice(key.as_bytes()));
    let request = of_tenant("acme", v1::EraseKeyRequest { topic, key, ..Default::default() });
    broker.tables().erase_key(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_key_can_be_read_and_everything_else_can() {
    let broker = with_table(2).await;
    put(&broker, 0, &[("secret", Some("1")), ("other", Some("1")), ("secret", Some("2"))]).await;
    put(&broker, 0, &[("secret", Some("3"))]).await;
    put(&broker, 1, &[("secret", Some("4")), ("third", Some("1"))]).await;
    let erased = erase(&broker, "t", "secret").await;
    assert_eq!(erased.removed_records, 4);
    assert_eq!(erased.receipt.len(), 32);
    let found = values(&broker, get(&["secret", "other", "third"])).await;
    assert_eq!(found.iter().map(|told| told.1.as_deref()).collect::<Vec<_>>(), [None, Some("1"), Some("1")]);
    assert_eq!(found[0].3, None);
    assert_eq!(scan(&broker, v1::ScanTableRequest::default()).await, found[1..]);
    // Neither from memory nor from the disk.
    assert_eq!(read(&broker, "t", from_start()).await, [(1, "other".to_owned())]);
    assert_eq!(verify(&broker, "t").await.findings, vec![]);
    // What comes later stays.
    put(&broker, 0, &[("secret", Some("5"))]).await;
    assert_eq!(values(&broker, get(&["secret"])).await[0].1.as_deref(), Some("5"));

    // The log of the tenant names the receipt, and not the key.
    let tenant = broker.shard.tenant(&levee_types::TenantName::new("acme").unwrap()).unwrap().unwrap();
    let (lines, _) = broker.shard.audit_log(tenant.id, 0, 1000).unwrap();
    let events: Vec<_> = lines.iter().filter(|line| line.event.action == "TableService/EraseKey").collect();
    assert!(!events.is_empty() && events.iter().all(|line| line.event.note.contains(&erased.receipt)));
    assert!(!format!("{lines:?}").contains("secret"), "{lines:?}");
    let broker = Broker::start_in(broker.stop().await, |_| {}).await;
    let log = read(&broker, "t", from_start()).await;
    assert_eq!(log, [(1, "other".to_owned()), (4, "secret".to_owned())]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_any_topic_are_erased() {
    let broker = with_table(1).await;
    broker.make_with("acme", "log", 1, &[]).await;
    let longest = "k".repeat(MAX_KEY_BYTES);
    let records = [keyed("a", Some("1")), keyed(&longest, Some("1")), keyed("a", None)];
    for record in records {
        let batch = batch::encode(&[record], v1::Compression::Zstd);
        let request = v1::ProduceRequest { topic: "log".to_owned(), batch, ..Default::default() };
        broker.produce().produce(of_tenant("acme", request)).await.unwrap();
    }
    assert_eq!(erase(&broker, "log", &longest).await.removed_records, 1);
    let log = read(&broker, "log", from_start()).await;
    assert_eq!(log, [(0, "a".to_owned()), (2, "a".to_owned())]);
    assert_eq!(erase(&broker, "log", "a").await.removed_records, 2);
    assert_eq!(read(&broker, "log", from_start()).await, []);
    assert_eq!(erase(&broker, "log", "a").await.removed_records, 0);
    for (key, shown) in [(String::new(), "0"), (longest + "k", "65537")] {
        let request = v1::EraseKeyRequest { topic: "log".to_owned(), key: key.into(), ..Default::default() };
        let refused = failure(broker.tables().erase_key(of_tenant("acme", request)).await);
        let message = format!("key: {shown} bytes is out of range; it takes 1 to 65536");
        assert_eq!(refused, ("INVALID_ARGUMENT".to_owned(), message));
    }
    broker.stop().await;
}
