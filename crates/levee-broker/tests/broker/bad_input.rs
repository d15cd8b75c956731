//! Every field of every request: its limit is accepted, one beyond is refused with a code, a message that
//! names the field and a hint what to do, and nothing else is harmed.

mod groups;

use crate::harness::{
    Broker, assert_own, from_start, hint, next, of_tenant, position, produce_request, reason, records,
};
use bytes::Bytes;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind;
use levee_proto::{batch, v1};
use tonic::{Request, Response, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

const LONG: usize = 10 * 1024;

/// Refused with this code, a message that contains this text, and what to do.
fn refused<T>(case: &str, result: Result<Response<T>, Status>, code: &str, text: &str) {
    match result {
        Ok(_) => panic!("{case}: it succeeded"),
        Err(status) => is_refusal(case, &status, code, text),
    }
}

fn is_refusal(case: &str, status: &Status, code: &str, text: &str) {
    let (reason, message) = reason(status);
    assert_eq!(reason, code, "{case}: {message}");
    assert!(message.contains(text), "{case}: {message}");
    assert!(message.len() < 600, "{case}: {message}");
    assert!(hint(status).len() < 600, "{case}: {message}");
}

fn names(name: &str) -> String {
    name.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants() {
    let broker = Broker::start().await;
    let mut client = broker.tenants();
    for name in ["abc", &"a".repeat(48)] {
        client
            .create_tenant(v1::CreateTenantRequest {
                name: names(name),
                if_not_exists: false,
                ..Default::default()
            })
            .await
            .unwrap();
    }
    for name in ["", "ab", &"a".repeat(49), "Abc", "a_c", "a/c", "a\0c", "ä-ö", &"a".repeat(LONG)] {
        let create = v1::CreateTenantRequest { name: names(name), if_not_exists: true, ..Default::default() };
        refused(name, client.create_tenant(create).await, "INVALID_ARGUMENT", "name: ");
        let get = v1::GetTenantRequest { name: names(name) };
        refused(name, client.get_tenant(get).await, "INVALID_ARGUMENT", "name: ");
        let delete = v1::DeleteTenantRequest { name: names(name), grace_ms: Some(0) };
        refused(name, client.delete_tenant(delete).await, "INVALID_ARGUMENT", "name: ");
    }
    let taken = v1::CreateTenantRequest { name: names("abc"), if_not_exists: false, ..Default::default() };
    refused("taken", client.create_tenant(taken).await, "ALREADY_EXISTS", "\"abc\"");
    let again = v1::CreateTenantRequest { name: names("abc"), if_not_exists: true, ..Default::default() };
    assert!(!client.create_tenant(again).await.unwrap().into_inner().created);
    let absent = names("absent");
    refused(
        "get",
        client.get_tenant(v1::GetTenantRequest { name: absent.clone() }).await,
        "NOT_FOUND",
        "absent",
    );
    refused(
        "delete",
        client.delete_tenant(v1::DeleteTenantRequest { name: absent, grace_ms: Some(0) }).await,
        "NOT_FOUND",
        "absent",
    );

    let list =
        |page_size, page_token: &str| v1::ListTenantsRequest { page_size, page_token: names(page_token) };
    assert_eq!(client.list_tenants(list(1000, "")).await.unwrap().into_inner().tenants.len(), 2);
    let first = client.list_tenants(list(1, "")).await.unwrap().into_inner();
    assert_eq!((first.tenants.len(), first.next_page_token.is_empty()), (1, false));
    let second = client.list_tenants(list(1, &first.next_page_token)).await.unwrap().into_inner();
    assert_eq!((second.tenants.len(), second.next_page_token.as_str()), (1, ""));
    assert_ne!(first.tenants, second.tenants);
    refused("size", client.list_tenants(list(1001, "")).await, "INVALID_ARGUMENT", "page_size");
    refused("token", client.list_tenants(list(1, &"a".repeat(250))).await, "INVALID_ARGUMENT", "page_token");
    broker.stop().await;
}

async fn create(broker: &Broker, topics: Vec<v1::TopicSpec>) -> Result<v1::CreateTopicsResponse, Status> {
    let request = v1::CreateTopicsRequest { topics, ..Default::default() };
    broker.topics().create_topics(of_tenant("acme", request)).await.map(Response::into_inner)
}

fn spec(name: &str, partitions: u32, config: &[(&str, &str)]) -> v1::TopicSpec {
    let config = config.iter().map(|(name, value)| (names(name), names(value))).collect();
    v1::TopicSpec { name: names(name), partitions, config }
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_topics() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let good = vec![
        spec("a", 0, &[]),
        spec(&"x".repeat(249), 10_000, &[("max.message.bytes", "1048576"), ("durability", "relaxed")]),
        spec("b", 1, &[("max.message.bytes", "1")]),
    ];
    let answer = create(&broker, good).await.unwrap();
    assert_eq!((answer.failures, answer.created), (vec![], 3));

    let bad = [
        (spec("", 1, &[]), "INVALID_ARGUMENT", "topics[0].name"),
        (spec(".", 1, &[]), "INVALID_ARGUMENT", "topics[1].name"),
        (spec("..", 1, &[]), "INVALID_ARGUMENT", "topics[2].name"),
        (spec("_a", 1, &[]), "INVALID_ARGUMENT", "topics[3].name"),
        (spec("../a", 1, &[]), "INVALID_ARGUMENT", "topics[4].name"),
        (spec("a\0", 1, &[]), "INVALID_ARGUMENT", "topics[5].name"),
        (spec(&"x".repeat(250), 1, &[]), "INVALID_ARGUMENT", "topics[6].name"),
        (spec(&"x".repeat(LONG), 1, &[]), "INVALID_ARGUMENT", "topics[7].name"),
        (spec("c", 10_001, &[]), "INVALID_ARGUMENT", "topics[8].partitions"),
        (spec("c", 1, &[("max.message.bytes", "1048577")]), "INVALID_ARGUMENT", "max.message.bytes"),
        (spec("c", 1, &[("max.message.bytes", "0")]), "INVALID_ARGUMENT", "max.message.bytes"),
        (spec("c", 1, &[("durability", "sometimes")]), "INVALID_ARGUMENT", "durability"),
        (spec("c", 1, &[("cleanup", &"x".repeat(LONG))]), "INVALID_ARGUMENT", "cleanup"),
        (spec("c", 1, &[(&"x".repeat(LONG), "")]), "INVALID_ARGUMENT", "property"),
        (spec("orders", 1, &[]), "ALREADY_EXISTS", "orders"),
    ];
    let specs = bad.iter().map(|(spec, ..)| spec.clone()).collect();
    let mut answer = create(&broker, specs).await.unwrap();
    assert_eq!((answer.created, answer.failures.len()), (0, bad.len()));
    // Those that storage refuses come last, as here.
    for ((spec, code, text), failure) in bad.iter().zip(answer.failures.drain(..)) {
        let error = failure.error.unwrap();
        let case = format!("{}: {error:?}", &spec.name[..spec.name.len().min(20)]);
        assert_eq!(error.code().as_str_name(), format!("ERROR_CODE_{code}"), "{case}");
        assert!(error.message.contains(text) && error.message.len() < 600, "{case}");
        assert_own(code, &error.hint);
        assert!(failure.name.len() <= 249 && spec.name.starts_with(&failure.name), "{case}");
    }

    let many = |count: usize| (0..count).map(|index| spec(&format!("t{index}"), 1, &[])).collect::<Vec<_>>();
    let none = create(&broker, vec![]).await.map(Response::new);
    refused("none", none, "INVALID_ARGUMENT", "topics: ");
    let too_many = create(&broker, many(1_001)).await.map(Response::new);
    refused("too many", too_many, "INVALID_ARGUMENT", "topics: ");
    assert_eq!(create(&broker, many(1_000)).await.unwrap().created, 1_000);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 3).await;
    let mut client = broker.topics();
    let tenant = String::new;
    for (name, code) in
        [("", "INVALID_ARGUMENT"), (&*"x".repeat(LONG), "INVALID_ARGUMENT"), ("absent", "NOT_FOUND")]
    {
        let name = || names(name);
        let get = v1::GetTopicRequest { tenant: tenant(), name: name() };
        refused("get", client.get_topic(of_tenant("acme", get)).await, code, "");
        let delete = v1::DeleteTopicRequest { tenant: tenant(), name: name() };
        refused("delete", client.delete_topic(of_tenant("acme", delete)).await, code, "");
        let add = v1::AddPartitionsRequest { tenant: tenant(), name: name(), partitions: 4 };
        refused("add", client.add_partitions(of_tenant("acme", add)).await, code, "");
        let trim = v1::TrimPartitionRequest { tenant: tenant(), name: name(), ..Default::default() };
        refused("trim", client.trim_partition(of_tenant("acme", trim)).await, code, "");
        let unset = vec![names("durability")];
        let update =
            v1::UpdateTopicConfigRequest { tenant: tenant(), name: name(), unset, ..Default::default() };
        refused("update", client.update_topic_config(of_tenant("acme", update)).await, code, "");
    }

    let list = |prefix: String, page_size, page_token: String| {
        of_tenant("acme", v1::ListTopicsRequest { tenant: tenant(), prefix, page_size, page_token })
    };
    client.list_topics(list("x".repeat(249), 1000, "x".repeat(249))).await.unwrap();
    refused(
        "prefix",
        client.list_topics(list("x".repeat(250), 0, tenant())).await,
        "INVALID_ARGUMENT",
        "prefix",
    );
    refused(
        "size",
        client.list_topics(list(tenant(), 1001, tenant())).await,
        "INVALID_ARGUMENT",
        "page_size",
    );
    refused(
        "token",
        client.list_topics(list(tenant(), 0, "x".repeat(250))).await,
        "INVALID_ARGUMENT",
        "page_token",
    );

    let update = |set: &[(&str, &str)], unset: &[&str]| {
        let set = set.iter().map(|(name, value)| (names(name), names(value))).collect();
        let unset = unset.iter().map(|name| names(name)).collect();
        of_tenant(
            "acme",
            v1::UpdateTopicConfigRequest { tenant: tenant(), name: names("orders"), set, unset },
        )
    };
    let bytes = "max.message.bytes";
    client.update_topic_config(update(&[(bytes, "1048576")], &["durability"])).await.unwrap();
    let bad = [
        (update(&[], &[]), "set"),
        (update(&[(bytes, "1048577")], &[]), bytes),
        (update(&[(bytes, &"9".repeat(LONG))], &[]), bytes),
        (update(&[("unknown", "1")], &[]), "unknown"),
        (update(&[], &["unknown"]), "unknown"),
        (update(&[], &[&"x".repeat(LONG)]), "property"),
        (update(&[(bytes, "1")], &[bytes]), "unset"),
        (update(&[("retention.ms", "0")], &[]), "retention.ms"),
        (update(&[("cleanup.policy", "keep")], &[]), "cleanup.policy"),
        (update(&[], &[bytes; 10]), "unset: there are 10"),
    ];
    for (request, text) in bad {
        refused(text, client.update_topic_config(request).await, "INVALID_ARGUMENT", text);
    }

    let add = |partitions| {
        of_tenant("acme", v1::AddPartitionsRequest { tenant: tenant(), name: names("orders"), partitions })
    };
    refused("none", client.add_partitions(add(0)).await, "INVALID_ARGUMENT", "partitions");
    refused("fewer", client.add_partitions(add(2)).await, "INVALID_ARGUMENT", "");
    refused("too many", client.add_partitions(add(10_001)).await, "INVALID_ARGUMENT", "partitions");
    let topic = client.add_partitions(add(10_000)).await.unwrap().into_inner().topic.unwrap();
    assert_eq!(topic.partitions, 10_000);

    broker.produce().produce(of_tenant("acme", produce_request("orders", 0, &["a", "b"]))).await.unwrap();
    let trim = |partition, before_offset| {
        let name = names("orders");
        of_tenant(
            "acme",
            v1::TrimPartitionRequest {
                tenant: tenant(),
                name,
                partition,
                before_offset,
                before_timestamp_ms: None,
            },
        )
    };
    refused("partition", client.trim_partition(trim(10_000, 0)).await, "NOT_FOUND", "partition 10000");
    refused("offset", client.trim_partition(trim(0, 3)).await, "OFFSET_OUT_OF_RANGE", "0 to 2");
    assert_eq!(client.trim_partition(trim(0, 2)).await.unwrap().into_inner().start_offset, 2);
    broker.stop().await;
}

/// A batch of exactly `size` bytes.
fn batch_of(size: usize) -> Bytes {
    let encode =
        |length: usize| batch::encode(&records(&[&"x".repeat(length)]), v1::Compression::Unspecified);
    let overhead = encode(size).len() - size;
    let batch = encode(size - overhead);
    assert_eq!(batch.len(), size);
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn produce() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    create(&broker, vec![spec("small", 1, &[("max.message.bytes", "2000")])]).await.unwrap();
    let mut client = broker.produce();
    let good = || produce_request("orders", 0, &["a"]);
    let with = |change: &dyn Fn(&mut v1::ProduceRequest)| {
        let mut request = good();
        change(&mut request);
        of_tenant("acme", request)
    };
    let producer = |producer_id, epoch, sequence| Some(v1::ProducerSequence { producer_id, epoch, sequence });

    client.produce(with(&|r| r.partition = 1)).await.unwrap();
    client.produce(with(&|r| r.batch = batch_of(1024 * 1024))).await.unwrap();
    client
        .produce(with(&|r| {
            r.topic = names("small");
            r.batch = batch_of(2000);
        }))
        .await
        .unwrap();

    let place = |number, index, timeout_ms| {
        Some(v1::TransactionSequence { producer_id: 99, epoch: 0, number, index, timeout_ms })
    };

    let cases: [(&str, Request<v1::ProduceRequest>, &str, &str); 23] = [
        ("topic missing", with(&|r| r.topic.clear()), "INVALID_ARGUMENT", "topic: "),
        ("topic long", with(&|r| r.topic = "x".repeat(LONG)), "INVALID_ARGUMENT", "topic: "),
        ("topic unknown", with(&|r| r.topic = names("absent")), "NOT_FOUND", "absent"),
        ("partition", with(&|r| r.partition = 2), "NOT_FOUND", "partition 2"),
        ("batch missing", with(&|r| r.batch.clear()), "INVALID_ARGUMENT", "batch: "),
        ("batch large", with(&|r| r.batch = batch_of(1024 * 1024 + 1)), "TOO_LARGE", "1048576"),
        (
            "batch larger than the topic allows",
            with(&|r| {
                r.topic = names("small");
                r.batch = batch_of(2001);
            }),
            "TOO_LARGE",
            "2000",
        ),
        ("batch truncated", with(&|r| r.batch.truncate(2)), "CORRUPT_BATCH", ""),
        ("checksum", with(&|r| r.batch_crc32c = Some(1)), "CORRUPT_BATCH", "CRC32C"),
        (
            "sequence",
            with(&|r| r.producer = producer(1, 0, u64::MAX)),
            "INVALID_ARGUMENT",
            "producer.sequence",
        ),
        ("producer", with(&|r| r.producer = producer(99, 0, 0)), "UNKNOWN_PRODUCER", ""),
        ("message", with(&|r| r.batch = vec![0; 4 * 1024 * 1024].into()), "TOO_LARGE", "1064960"),
        (
            "too many records",
            with(&|r| r.batch = batch::encode(&records(&["x"; 10_001]), v1::Compression::Unspecified)),
            "TOO_LARGE",
            "",
        ),
        ("offset", with(&|r| r.expected_offset = Some(7)), "OFFSET_MISMATCH", "offset 1, not 7"),
        (
            "offset and producer",
            with(&|r| (r.expected_offset, r.producer) = (Some(1), producer(99, 0, 0))),
            "UNKNOWN_PRODUCER",
            "",
        ),
        ("number", with(&|r| r.transaction = place(0, 0, 0)), "INVALID_ARGUMENT", "transaction.number: "),
        ("index", with(&|r| r.transaction = place(1, 1_000, 0)), "INVALID_ARGUMENT", "transaction.index: "),
        (
            "short",
            with(&|r| r.transaction = place(1, 0, 999)),
            "INVALID_ARGUMENT",
            "transaction.timeout_ms: ",
        ),
        (
            "long",
            with(&|r| r.transaction = place(1, 0, 900_001)),
            "INVALID_ARGUMENT",
            "transaction.timeout_ms: ",
        ),
        (
            "transaction and producer",
            with(&|r| (r.transaction, r.producer) = (place(1, 0, 0), producer(99, 0, 0))),
            "INVALID_ARGUMENT",
            "producer: ",
        ),
        (
            "transaction and offset",
            with(&|r| (r.transaction, r.expected_offset) = (place(1, 0, 0), Some(1))),
            "INVALID_ARGUMENT",
            "expected_offset: ",
        ),
        ("transaction of nobody", with(&|r| r.transaction = place(1, 999, 1_000)), "UNKNOWN_PRODUCER", ""),
        ("the longest", with(&|r| r.transaction = place(u64::MAX, 0, 900_000)), "UNKNOWN_PRODUCER", ""),
    ];
    for (case, request, code, text) in cases {
        refused(case, client.produce(request).await, code, text);
    }
    let inits = [
        (Some(99), None, "UNKNOWN_PRODUCER", ""),
        (Some(99), Some(0), "UNKNOWN_PRODUCER", ""),
        (None, Some(0), "INVALID_ARGUMENT", "epoch"),
    ];
    for (producer_id, epoch, code, text) in inits {
        let request = v1::InitProducerRequest { producer_id, epoch };
        refused("init", client.init_producer(of_tenant("acme", request)).await, code, text);
    }

    // Nothing of it was stored, and the connection is well.
    let answer = client.produce(of_tenant("acme", good())).await.unwrap().into_inner();
    assert_eq!(answer.base_offset, 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    let new = of_tenant("acme", v1::InitProducerRequest::default());
    let v1::InitProducerResponse { producer_id, epoch } =
        broker.produce().init_producer(new).await.unwrap().into_inner();
    let mut client = broker.transactions();
    let batch = |topic: &str, partition| {
        let v1::ProduceRequest { topic, partition, batch, .. } = produce_request(topic, partition, &["a"]);
        v1::TransactionBatch { topic, partition, batch, batch_crc32c: None }
    };
    let with = |change: &dyn Fn(&mut v1::CommitTransactionRequest)| {
        let mut request =
            v1::CommitTransactionRequest { producer_id, epoch, number: 1, ..Default::default() };
        change(&mut request);
        of_tenant("acme", request)
    };
    let offset = |group: &str| v1::TransactionOffset { group: names(group), ..Default::default() };
    let cases: [(&str, Request<v1::CommitTransactionRequest>, &str, &str); 19] = [
        ("number", with(&|r| r.number = 0), "INVALID_ARGUMENT", "number: "),
        ("number skipped", with(&|r| r.number = 2), "OUT_OF_ORDER_SEQUENCE", "transaction 2"),
        ("number far", with(&|r| r.number = u64::MAX), "OUT_OF_ORDER_SEQUENCE", ""),
        ("staged", with(&|r| r.staged = 1_001), "INVALID_ARGUMENT", "staged: "),
        ("staged far", with(&|r| r.staged = u32::MAX), "INVALID_ARGUMENT", "staged: "),
        ("too many", with(&|r| r.batches = vec![batch("orders", 0); 1_001]), "INVALID_ARGUMENT", "batches: "),
        (
            "too many with those staged",
            with(&|r| (r.staged, r.batches) = (999, vec![batch("orders", 0); 2])),
            "INVALID_ARGUMENT",
            "batches: ",
        ),
        (
            "offsets",
            with(&|r| r.offsets = vec![v1::TransactionOffset::default(); 10_001]),
            "INVALID_ARGUMENT",
            "offsets: ",
        ),
        (
            "topic",
            with(&|r| r.batches = vec![batch("orders", 0), batch("", 0)]),
            "INVALID_ARGUMENT",
            "batches[1]: topic: ",
        ),
        (
            "long topic",
            with(&|r| r.batches = vec![batch(&"x".repeat(LONG), 0)]),
            "INVALID_ARGUMENT",
            "batches[0]: topic: ",
        ),
        (
            "absent",
            with(&|r| r.batches = vec![batch("orders", 0), batch("absent", 0)]),
            "NOT_FOUND",
            "batches[1]: ",
        ),
        (
            "partition",
            with(&|r| r.batches = vec![batch("orders", 2)]),
            "NOT_FOUND",
            "batches[0]: there is no partition 2",
        ),
        (
            "batch missing",
            with(&|r| r.batches = vec![v1::TransactionBatch { batch: Bytes::new(), ..batch("orders", 0) }]),
            "INVALID_ARGUMENT",
            "batches[0]: batch: ",
        ),
        (
            "batch large",
            with(&|r| {
                let batch = v1::TransactionBatch { batch: batch_of(1024 * 1024 + 1), ..batch("orders", 0) };
                r.batches = vec![batch];
            }),
            "TOO_LARGE",
            "batches[0]: ",
        ),
        (
            "checksum",
            with(&|r| {
                r.batches = vec![v1::TransactionBatch { batch_crc32c: Some(1), ..batch("orders", 0) }];
            }),
            "CORRUPT_BATCH",
            "batches[0]: ",
        ),
        ("group", with(&|r| r.offsets = vec![offset("")]), "INVALID_ARGUMENT", "offsets[0]: group: "),
        ("member", with(&|r| r.offsets = vec![offset("copiers")]), "MEMBER_FENCED", "offsets[0]: "),
        ("producer", with(&|r| r.producer_id = 99), "UNKNOWN_PRODUCER", ""),
        ("epoch", with(&|r| r.epoch = 7), "UNKNOWN_PRODUCER", ""),
    ];
    for (case, request, code, text) in cases {
        refused(case, client.commit_transaction(request).await, code, text);
    }
    let abort = |producer_id, epoch, number| {
        of_tenant("acme", v1::AbortTransactionRequest { producer_id, epoch, number })
    };
    for (request, code, text) in [
        (abort(producer_id, epoch, 0), "INVALID_ARGUMENT", "number: "),
        (abort(producer_id, epoch, 2), "OUT_OF_ORDER_SEQUENCE", ""),
        (abort(99, 0, 1), "UNKNOWN_PRODUCER", ""),
        (abort(producer_id, 7, 1), "UNKNOWN_PRODUCER", ""),
    ] {
        refused("abort", client.abort_transaction(request).await, code, text);
    }
    // Nothing of it was stored, and the transaction is as open as before.
    let all = with(&|r| r.batches = vec![batch("orders", 1); 1_000]);
    let committed = client.commit_transaction(all).await.unwrap().into_inner();
    assert_eq!(committed.base_offsets, (0..1_000).collect::<Vec<_>>());
    client.commit_transaction(with(&|r| r.number = 2)).await.unwrap();
    broker.stop().await;
}

fn start(positions: Vec<v1::ReadPosition>, credit_bytes: u64) -> v1::ReadRequest {
    let start = v1::ReadStart { positions, credit_bytes, stop_at_end: true };
    v1::ReadRequest { kind: Some(Kind::Start(start)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn read() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    broker.produce().produce(of_tenant("acme", produce_request("orders", 0, &["a"]))).await.unwrap();
    let good = || position("orders", 0, from_start());
    let no_spec = v1::ReadPosition { from: None, ..good() };
    let edge = |edge| vec![good(), position("orders", 0, Spec::Edge(edge))];
    let bad: [(Vec<v1::ReadPosition>, &str, &str); 10] = [
        (vec![], "INVALID_ARGUMENT", "positions: "),
        (vec![good(); 10_001], "INVALID_ARGUMENT", "positions: "),
        (vec![position("", 0, from_start())], "INVALID_ARGUMENT", "positions[0]: topic: "),
        (vec![position(&"x".repeat(LONG), 0, from_start())], "INVALID_ARGUMENT", "positions[0]: topic: "),
        (vec![good(), position("absent", 0, from_start())], "NOT_FOUND", "positions[1]: "),
        (vec![position("orders", 1, from_start())], "NOT_FOUND", "positions[0]: "),
        (vec![no_spec], "INVALID_ARGUMENT", "positions[0]: from: "),
        (edge(0), "INVALID_ARGUMENT", "positions[1]: from.edge: "),
        (edge(7), "INVALID_ARGUMENT", "positions[1]: from.edge: "),
        (vec![position("orders", 0, Spec::Offset(2))], "OFFSET_OUT_OF_RANGE", "0 to 1"),
    ];
    let mut client = broker.read();
    for (positions, code, text) in bad {
        let list = v1::ListOffsetsRequest { positions: positions.clone() };
        refused(text, client.list_offsets(of_tenant("acme", list)).await, code, text);
        is_refusal(text, &first_error(&broker, vec![start(positions, 1)]).await, code, text);
    }
    let credit = |bytes| v1::ReadRequest { kind: Some(Kind::Credit(v1::ReadCredit { bytes })) };
    let messages = [
        (vec![], "start: "),
        (vec![v1::ReadRequest { kind: None }], "start: "),
        (vec![credit(1)], "start: "),
        (vec![start(vec![good(), good()], 1)], "positions[1]: partition: "),
        (vec![start(vec![good()], 0)], "credit_bytes: "),
        (vec![start(vec![good()], 64 * 1024 * 1024 + 1)], "credit_bytes: "),
    ];
    for (requests, text) in messages {
        is_refusal(text, &first_error(&broker, requests).await, "INVALID_ARGUMENT", text);
    }

    create(&broker, vec![spec("wide", 10_000, &[])]).await.unwrap();
    let all = (0..10_000).map(|partition| position("wide", partition, from_start())).collect();
    let limit = of_tenant("acme", tokio_stream::iter([start(all, 64 * 1024 * 1024)]));
    let mut answers = client.read(limit).await.unwrap().into_inner();
    let Some(v1::read_response::Kind::Started(started)) = next(&mut answers).await.unwrap().unwrap().kind
    else {
        panic!("not started");
    };
    assert_eq!(started.positions.len(), 10_000);
    broker.stop().await;
}

/// What waits for the disk is held in memory: a list that is too long must not wait.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_positions_are_refused_without_waiting_for_the_disk() {
    let broker = Broker::start_with(|settings| settings.runtime.blocking_calls = 0).await;
    broker.make("acme", "orders", 1).await;
    let positions = vec![position("orders", 0, from_start()); 10_001];
    let list = v1::ListOffsetsRequest { positions: positions.clone() };
    let answer = broker.read().list_offsets(of_tenant("acme", list)).await;
    refused("list", answer, "INVALID_ARGUMENT", "positions: ");
    let error = first_error(&broker, vec![start(positions, 1)]).await;
    is_refusal("read", &error, "INVALID_ARGUMENT", "positions: ");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_larger_than_their_service_takes() {
    let broker = Broker::start_with(|settings| settings.grpc.reflection = true).await;
    let long = || "x".repeat(64 * 1024);
    let get = v1::GetTenantRequest { name: long() };
    refused("tenant", broker.tenants().get_tenant(get).await, "TOO_LARGE", "65536");
    // The answer repeats the question twice.
    let list = MessageRequest::ListServices(String::new());
    let question = ServerReflectionRequest { host: long(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(broker.channel());
    let call = client.server_reflection_info(tokio_stream::iter([question])).await;
    let mut answers = call.unwrap().into_inner();
    assert!(matches!(next(&mut answers).await, Ok(None)), "the library ends without a word");
    broker.stop().await;
}

async fn first_error(broker: &Broker, requests: Vec<v1::ReadRequest>) -> Status {
    let mut answers =
        broker.read().read(of_tenant("acme", tokio_stream::iter(requests))).await.unwrap().into_inner();
    next(&mut answers).await.unwrap_err()
}
