//! What `/metrics` says after one batch was produced and read.

use levee_client::{Position, ReaderSettings, StartAt};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::World;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::Recorder;
use levee_tests::{payload, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The page, as an operator's scraper gets it.
pub(crate) fn scrape(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// The value of each series.
fn series(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| line.starts_with("levee_"));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

/// Names on lines such as `# HELP name …`.
fn names(page: &str, kind: &str) -> BTreeSet<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(&format!("# {kind} ")));
    lines.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_happened() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = Setup::new(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let recorder = Recorder::new("metrics");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let values: Vec<_> = (0..3)
        .map(|counter| payload::make(levee_tests::history::Value { writer: 0, counter }, 100))
        .collect();
    let request = raw::request(&world.topic, 0, &values, None);
    let bytes = request.batch.len();
    world.raw().produce().produce(request).await.expect("it can be produced");
    let position = Position { topic: world.topic.clone(), partition: 0, from: StartAt::Start };
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = world.client().reader(vec![position], settings).await.expect("it can be read");
    let batch = reader.next_batch().await.expect("a batch").expect("a batch");
    assert_eq!(batch.records.len(), 3);
    drop(reader);
    // Its connection stays open.
    let operator = Raw::operator(&broker.endpoint());
    let status = operator.status().await.expect("a status");
    let journal = status.journal.expect("of the journal");

    let is = |series: &BTreeMap<String, f64>, name: &str, value: u64| {
        let found = series.get(name).copied();
        // A count of this test, far below what a float holds.
        (found == Some(value as f64)).then_some(()).ok_or_else(|| format!("{name} is {found:?}, not {value}"))
    };
    let exact = [
        ("levee_produced_batches_total", 1),
        ("levee_produced_records_total", 3),
        ("levee_produced_bytes_total", bytes as u64),
        ("levee_read_batches_total", 1),
        ("levee_read_bytes_total", bytes as u64),
        (r#"levee_rpc_total{rpc="/levee.v1.ProduceService/Produce",code="OK"}"#, 1),
        (r#"levee_rpc_seconds_count{rpc="/levee.v1.ProduceService/Produce"}"#, 1),
        (r#"levee_rpc_total{rpc="/levee.v1.ReadService/Read",code="OK"}"#, 1),
        (r#"levee_shard_state{state="serving"}"#, 1),
        (r#"levee_shard_state{state="full"}"#, 0),
        (r#"levee_shard_state{state="failed"}"#, 0),
    ];
    // The shard is asked once a second, and a call is counted when its connection has seen its end.
    let mut last = Vec::new();
    let right = || {
        let found = series(&scrape(setup.http_port));
        let wrong: Vec<_> = exact.iter().filter_map(|(name, value)| is(&found, name, *value).err()).collect();
        if wrong != last {
            println!("wrong for now: {wrong:?}");
            last = wrong;
        }
        // What the shard was last asked may be older than the batch.
        let is_new =
            found.get("levee_journal_stored_bytes").is_some_and(|bytes| *bytes >= journal.bytes as f64);
        (last.is_empty() && is_new).then_some(found)
    };
    let deadline = Duration::from_secs(20);
    let found = wait::until("the metrics are right", deadline, right).await;

    let at_least = |name: &str, least: u64| {
        let value = found.get(name).copied().unwrap_or(-1.0);
        assert!(value >= least as f64, "{name} is {value}");
    };
    // Everything so far was written by this process: the tenant, the topic and the batch; later, what the tenant used.
    at_least("levee_journal_entries_total", journal.durable_sequence);
    at_least("levee_commit_seconds_count", journal.durable_sequence);
    at_least("levee_sync_seconds_count", journal.durable_sequence);
    at_least("levee_journal_stored_bytes", journal.bytes);
    at_least("levee_tail_cache_bytes", bytes as u64);
    at_least("levee_journal_bytes_total", bytes as u64);
    at_least(r#"levee_connections{listener="grpc"}"#, 1);
    at_least(r#"levee_connections_total{listener="grpc"}"#, 1);
    let free = found["levee_disk_free_bytes"];
    let told = status.disk_free_bytes as f64;
    assert!(free > told / 2.0 && free < told * 2.0, "{free} bytes are free, the status says {told}");

    let page = scrape(setup.http_port);
    let undescribed: Vec<_> = names(&page, "TYPE").difference(&names(&page, "HELP")).cloned().collect();
    assert!(undescribed.is_empty(), "nobody says what these are: {undescribed:?}");
    assert!(!page.contains(&world.tenant) && !page.contains("\"log\""), "it names tenants or topics");
    drop(operator);
    broker.stop().await;
}
