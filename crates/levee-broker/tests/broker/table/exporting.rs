//! Exporting a tenant with tables while they change.

use super::compaction::{compact, verify};
use super::{Told, get, put, scan, told, values};
use crate::harness::{Broker, failure, keyed, next, of_tenant, reason};
use levee_proto::v1::tenant_part::Kind;
use levee_proto::v1::transfer_service_client::TransferServiceClient;
use levee_proto::{batch, v1};
use tonic::transport::Channel;

/// Keys whose records lie behind so much that an export that nobody takes has not come to them.
const LATE: [&str; 3] = ["late1", "late2", "late3"];

fn transfers(broker: &Broker) -> TransferServiceClient<Channel> {
    TransferServiceClient::new(broker.channel())
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// A table of which compaction has left merged batches, large ones, and one without records at its end.
async fn compacted() -> Broker {
    let broker = Broker::start().await;
    let set = [("cleanup.policy", "compact"), ("delete.retention.ms", "0")];
    broker.make_with("acme", "t", 1, &set).await;
    for round in 0..20 {
        put(&broker, 0, &[("busy", Some(&round.to_string())), (&format!("k{round}"), Some("1"))]).await;
    }
    for large in 0..20 {
        let record = keyed(&format!("large{large}"), Some(&"x".repeat(900_000)));
        let batch = batch::encode(&[record], v1::Compression::Unspecified);
        let request = v1::ProduceRequest { topic: "t".to_owned(), batch, ..Default::default() };
        broker.produce().produce(of_tenant("acme", request)).await.unwrap();
    }
    for key in LATE {
        put(&broker, 0, &[(key, Some("old"))]).await;
    }
    put(&broker, 0, &[("large0", None)]).await;
    assert!(compact(&broker).await.removed_records > 0);
    assert_eq!(compact(&broker).await.removed_records, 1, "the tombstone");
    broker
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_an_export_has_of_each_key_the_record_that_it_had_when_it_began() {
    let broker = compacted().await;
    let before = scan(&broker, v1::ScanTableRequest::default()).await;
    assert_eq!(before.len(), 1 + 20 + 19 + LATE.len());
    let request = v1::ExportTenantRequest { name: "acme".to_owned() };
    let mut export = transfers(&broker).export_tenant(request).await.unwrap().into_inner();
    let mut parts = vec![next(&mut export).await.unwrap().unwrap().parts.unwrap()];
    // The catalog was read: what comes now is not told any more.
    for key in LATE {
        put(&broker, 0, &[(key, Some("new"))]).await;
    }
    let request = v1::CompactTopicRequest { name: "t".to_owned(), ..Default::default() };
    let mut compaction =
        broker.topics().compact_topic(of_tenant("acme", request)).await.unwrap().into_inner();
    let compacted = loop {
        match next(&mut compaction).await {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(status) => break Err(reason(&status)),
        }
    };
    let erase = || {
        let request = v1::EraseKeyRequest { topic: "t".to_owned(), key: "k1".into(), ..Default::default() };
        of_tenant("acme", request)
    };
    let erased = broker.tables().erase_key(erase()).await;
    while let Some(answer) = next(&mut export).await.unwrap() {
        parts.extend(answer.parts);
    }
    let end: u64 = parts
        .iter()
        .flat_map(|parts| &parts.parts)
        .filter_map(|part| match &part.kind {
            Some(Kind::Partition(partition)) => Some(partition.end_offset),
            _ => None,
        })
        .sum();
    let messages: Vec<_> = parts
        .into_iter()
        .map(|parts| v1::ImportTenantRequest {
            name: "copy".to_owned(),
            parts: Some(parts),
            ..Default::default()
        })
        .collect();
    let imported = transfers(&broker).import_tenant(tokio_stream::iter(messages)).await.unwrap();
    next(&mut imported.into_inner()).await.unwrap().unwrap();
    let request = v1::ScanTableRequest { topic: "t".to_owned(), ..Default::default() };
    let mut answers = broker.tables().scan_table(of_tenant("copy", request)).await.unwrap().into_inner();
    let mut copied = Vec::new();
    while let Some(answer) = next(&mut answers).await.unwrap() {
        copied.extend(answer.values.into_iter().map(told));
    }
    let keys = |of: &[Told]| of.iter().map(|told| told.0.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&copied), keys(&before));
    assert!(copied == before, "some have other values");
    let answer = broker.tables().get_values(of_tenant("copy", get(&LATE))).await.unwrap().into_inner();
    let found: Vec<_> = answer.values.into_iter().map(told).collect();
    assert!(found.iter().all(|told| told.1.as_deref() == Some("old")), "{found:?}");
    let request = v1::GetTopicRequest { name: "t".to_owned(), ..Default::default() };
    let topic = broker.topics().get_topic(of_tenant("copy", request)).await.unwrap().into_inner();
    assert_eq!(topic.partitions[0].end_offset, end);

    assert_eq!(compacted.unwrap_err().0, "OVERLOADED");
    assert_eq!(failure(erased).0, "OVERLOADED");
    // The export is over.
    assert_eq!(compact(&broker).await.removed_records, LATE.len() as u64);
    broker.tables().erase_key(erase()).await.unwrap();
    assert_eq!(values(&broker, get(&["k1", LATE[0]])).await[1].1.as_deref(), Some("new"));
    assert_eq!(verify(&broker, "t").await.findings, vec![]);
    broker.stop().await;
}
