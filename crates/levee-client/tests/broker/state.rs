//! Logs in memory, and the server around them.

use bytes::Bytes;
use levee_client::v1;
use levee_client::v1::produce_service_server::ProduceServiceServer;
use levee_client::v1::read_service_server::ReadServiceServer;
use levee_client::v1::topic_service_server::TopicServiceServer;
use levee_types::limits::MAX_BATCH_BYTES;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::transport::Server;
use tonic_types::{ErrorDetails, StatusExt as _};

#[derive(Clone)]
pub struct Fake {
    pub state: Arc<State>,
    address: SocketAddr,
}

/// What the broker says of topics.
#[derive(Debug, Clone, Copy)]
pub enum Topics {
    Known {
        partitions: u32,
        max_message_bytes: usize,
    },
    Unavailable,
    /// Nothing, ever.
    Silent,
}

impl Topics {
    pub fn with(partitions: u32) -> Self {
        Self::Known { partitions, max_message_bytes: MAX_BATCH_BYTES }
    }
}

pub struct State {
    pub topics: watch::Sender<Topics>,
    /// How often it was asked.
    pub asked: watch::Sender<u32>,
    pub logs: Mutex<Logs>,
    /// Changes when a log grows.
    pub grown: watch::Sender<()>,
    /// Messages after which a stream breaks; 0: never.
    pub break_after: AtomicUsize,
    /// How a stream breaks.
    pub break_with: Mutex<Status>,
    pub broken: AtomicUsize,
}

#[derive(Default)]
pub struct Logs {
    pub batches: HashMap<u32, Vec<v1::StoredBatch>>,
    /// By partition and first sequence: where it is stored.
    pub sequences: HashMap<(u32, u64), u64>,
    pub next_sequence: HashMap<u32, u64>,
}

impl Logs {
    pub fn end(&self, partition: u32) -> u64 {
        let last = self.batches.get(&partition).and_then(|batches| batches.last());
        last.map_or(0, |last| last.base_offset + u64::from(last.record_count))
    }

    pub fn append(&mut self, partition: u32, record_count: u32, batch: Bytes) -> u64 {
        let base_offset = self.end(partition);
        self.batches.entry(partition).or_default().push(v1::StoredBatch {
            base_offset,
            record_count,
            append_time_ms: 5,
            batch_crc32c: crc32c::crc32c(&batch),
            end_offset: base_offset + u64::from(record_count),
            batch,
            ..v1::StoredBatch::default()
        });
        base_offset
    }
}

impl Fake {
    pub async fn start(partitions: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            topics: watch::Sender::new(Topics::with(partitions)),
            asked: watch::Sender::new(0),
            logs: Mutex::default(),
            grown: watch::Sender::new(()),
            break_after: AtomicUsize::new(0),
            break_with: Mutex::new(Status::unavailable("broken on purpose")),
            broken: AtomicUsize::new(0),
        });
        let fake = Self { state, address };
        let server = Server::builder()
            .add_service(ProduceServiceServer::new(fake.clone()))
            .add_service(ReadServiceServer::new(fake.clone()))
            .add_service(TopicServiceServer::new(fake.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        // It ends with the runtime of the test.
        tokio_util::task::TaskTracker::new().spawn(server);
        fake
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn say_of_topics(&self, topics: Topics) {
        self.state.topics.send_replace(topics);
    }

    /// Returns when it was asked for a topic so often.
    pub async fn asked(&self, times: u32) {
        let wait = async { self.state.asked.subscribe().wait_for(|asked| *asked >= times).await.map(drop) };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap().unwrap();
    }

    pub fn break_streams_after(&self, messages: usize) {
        self.state.break_after.store(messages, Ordering::Relaxed);
    }

    pub fn break_streams_with(&self, status: Status) {
        *self.state.break_with.lock().unwrap() = status;
    }

    pub fn broken_streams(&self) -> usize {
        self.state.broken.load(Ordering::Relaxed)
    }

    /// A stream that has sent so many messages breaks.
    pub fn breaks(&self, messages: usize) -> Option<Status> {
        let after = self.state.break_after.load(Ordering::Relaxed);
        (after > 0 && messages >= after).then(|| {
            self.state.broken.fetch_add(1, Ordering::Relaxed);
            self.state.break_with.lock().unwrap().clone()
        })
    }
}

pub fn refusal(code: tonic::Code, reason: &str, hint: &str) -> Status {
    let metadata =
        HashMap::from([("hint".to_owned(), hint.to_owned()), ("retryable".to_owned(), "false".to_owned())]);
    Status::with_error_details(code, "no", ErrorDetails::with_error_info(reason, "levee", metadata))
}
