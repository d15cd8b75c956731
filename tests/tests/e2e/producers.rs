//! I5: what is remembered of producers is bounded; who is forgotten is told so, and nothing is stored twice.

use crate::{crash, cycles, small};
use levee_client::{ProducerSettings, Record, v1};
use levee_proto::v1::QuotaDimension;
use levee_tests::broker::Broker;
use levee_tests::raw::{self, Raw};
use levee_tests::stored::count;
use levee_tests::tenancy::{member, name, operator, quota, target, topic};
use rustix::process::Pid;
use std::time::Instant;
use tokio::task::JoinSet;

/// Producers that are remembered.
const REMEMBERED: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_producers_that_are_forgotten_store_nothing_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    tenant_with(&endpoint, "many", REMEMBERED).await;
    let raw = Raw::tenant(&endpoint, "many");
    let mut sessions = Vec::new();
    for number in 0..3 * REMEMBERED {
        let session = raw.init_producer().await.expect("nobody is refused");
        let answer = send(&raw, session, 0).await.expect("it is new");
        assert!(!answer.duplicate, "producer {number}");
        sessions.push(session);
    }
    for crashes in [false, true] {
        if crashes {
            broker = crash(broker, &setup, None).await;
        }
        let (forgotten, known) = sessions.split_at(2 * REMEMBERED);
        for session in forgotten {
            for sequence in [0, 1, 2] {
                let status = send(&raw, *session, sequence).await.expect_err("it is forgotten");
                assert_eq!(raw::reason(&status), "UNKNOWN_PRODUCER", "{status}");
            }
        }
        for session in known {
            let again = send(&raw, *session, 0).await.expect("it is remembered");
            assert!(again.duplicate, "it was stored a second time");
        }
        assert_eq!(count(&raw, "log", 1).await.expect("it can be read").records, 3 * REMEMBERED as u64);
    }
    // The last that is forgotten and the first that is not.
    for (number, is_known) in [(2 * REMEMBERED - 1, false), (2 * REMEMBERED, true)] {
        assert_eq!(send(&raw, sessions[number], 1).await.is_ok(), is_known, "producer {number}");
    }
    broker.stop().await;
}

/// A client whose producer is forgotten goes on or fails, and nothing of what it sent is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_survives_that_its_producer_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    tenant_with(&endpoint, "many", REMEMBERED).await;
    let producer = member(&endpoint, "many").producer(ProducerSettings::default()).await.expect("a producer");
    let record = |n: u32| Record { value: Some(n.to_string().into()), ..Record::default() };
    for n in 0..10 {
        producer.send_to("log", 0, record(n)).await.expect("it is taken").await.expect("it is stored");
    }
    let raw = Raw::tenant(&endpoint, "many");
    for _ in 0..REMEMBERED {
        raw.init_producer().await.expect("nobody is refused");
    }
    let mut acked = 10;
    let mut unknown = 0;
    for n in 10..20 {
        let Ok(delivery) = producer.send_to("log", 0, record(n)).await else { break };
        match delivery.await {
            Ok(_) => acked += 1,
            Err(error) if error.is_outcome_unknown() => unknown += 1,
            Err(_) => {}
        }
    }
    println!("{acked} acked, {unknown} with unknown outcome");
    let stored = count(&raw, "log", 1).await.expect("it can be read").records;
    assert!(
        (acked..=acked + unknown).contains(&stored),
        "{stored} are stored, {acked} acked, {unknown} unknown"
    );
    // Another one works.
    let producer = member(&endpoint, "many").producer(ProducerSettings::default()).await.expect("a producer");
    producer.send_to("log", 0, record(0)).await.expect("it is taken").await.expect("it is stored");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_producers_take_bounded_memory() {
    many_producers(10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_many_producers_take_bounded_memory() {
    many_producers(cycles(200_000)).await;
}

/// Each of so many producers sends a batch. What the broker needs for the second half of them, beside what it needs
/// for as many batches anyhow, is little.
async fn many_producers(producers: u64) {
    const CONNECTIONS: u64 = 50;
    const CALLS: u64 = 20;
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data")).set("storage.tail_cache_bytes", 16 * crate::MIB);
    let broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    tenant_with(&endpoint, "many", REMEMBERED).await;
    let began = Instant::now();
    let mut sizes = vec![resident(broker.pid())];
    for _ in 0..4 {
        let mut workers = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let raw = Raw::tenant(&endpoint, "many");
            // So many at once that they share the syncs.
            for _ in 0..CALLS {
                let raw = raw.clone();
                workers.spawn(async move {
                    for _ in 0..producers / 4 / CONNECTIONS / CALLS {
                        let session = raw.init_producer().await.expect("nobody is refused");
                        // By now it may be forgotten.
                        let _ = send(&raw, session, 0).await;
                    }
                });
            }
        }
        workers.join_all().await;
        sizes.push(resident(broker.pid()));
    }
    let mib = |bytes: &u64| bytes / crate::MIB;
    let in_mib: Vec<_> = sizes.iter().map(mib).collect();
    println!("{producers} producers in {:?}; resident MiB after each quarter: {in_mib:?}", began.elapsed());
    // A window of 230 bytes and an epoch of each would be seen: for 200,000 of them more than 64 MiB with what
    // holds them.
    let grown = sizes[4].saturating_sub(sizes[2]);
    assert!(grown < 48 * crate::MIB, "the second half of the producers took {grown} bytes");
    let status = operator(&endpoint).status().await.expect("a status");
    println!("journal: {:?}", status.journal);
    broker.stop().await;
}

async fn tenant_with(endpoint: &str, tenant: &str, producers: usize) {
    let operator = operator(endpoint);
    operator.create_tenant(&name(tenant), None, false).await.expect("a tenant");
    let few = vec![quota(QuotaDimension::Producers, producers as u64)];
    operator.set_quotas(target(tenant), few, Vec::new()).await.expect("a quota");
    operator.create_topics(tenant, vec![topic("log", 1, &[])], false).await.expect("a topic");
}

async fn send(
    raw: &Raw,
    session: v1::InitProducerResponse,
    sequence: u64,
) -> Result<v1::ProduceResponse, tonic::Status> {
    let v1::InitProducerResponse { producer_id, epoch } = session;
    let sequence = v1::ProducerSequence { producer_id, epoch, sequence };
    let request = raw::request("log", 0, &["x".into()], Some(sequence));
    raw.produce().produce(request).await.map(tonic::Response::into_inner)
}

/// Bytes of memory that a process has.
fn resident(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
