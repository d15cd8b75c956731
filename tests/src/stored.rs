//! What is stored, counted from the outside: every batch that a reader is sent, as it is sent.

use crate::raw::Raw;
use futures::StreamExt as _;
use futures::channel::mpsc;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Ask;
use levee_proto::v1::read_response::Kind as Answer;
use std::ops::AddAssign;
use std::time::Duration;
use tonic::Status;

/// Bytes of batches that the broker may send ahead.
const CREDIT: u64 = 8 * 1024 * 1024;
/// Longer than this without a message is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Their bytes.
    pub bytes: u64,
    /// Their records.
    pub records: u64,
}

impl AddAssign for Stored {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.records += other.records;
    }
}

/// Reads all partitions of a topic from their start to the end that they have now.
///
/// # Errors
/// As the broker answers.
///
/// # Panics
/// When nothing comes for a minute.
pub async fn count(raw: &Raw, topic: &str, partitions: u32) -> Result<Stored, Status> {
    let from = || v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) };
    let position = |partition| v1::ReadPosition { topic: topic.to_owned(), partition, from: Some(from()) };
    let start = v1::ReadStart {
        positions: (0..partitions).map(position).collect(),
        credit_bytes: CREDIT,
        stop_at_end: true,
    };
    let (asks, asked) = mpsc::unbounded();
    let ask = |kind| asks.unbounded_send(v1::ReadRequest { kind: Some(kind) });
    let _ = ask(Ask::Start(start));
    let mut answers = raw.read().read(asked).await?.into_inner();
    let mut stored = Stored::default();
    loop {
        let next = tokio::time::timeout(PATIENCE, answers.next()).await;
        let Some(answer) = next.unwrap_or_else(|_| panic!("the read of {topic} stands still at {stored:?}"))
        else {
            return Ok(stored);
        };
        if let Some(Answer::Batches(v1::ReadBatches { batches })) = answer?.kind {
            let bytes = batches.iter().map(|batch| batch.batch.len() as u64).sum();
            let records = batches.iter().map(|batch| u64::from(batch.record_count)).sum();
            stored += Stored { bytes, records };
            // The stream may have ended: then nobody needs it.
            let _ = ask(Ask::Credit(v1::ReadCredit { bytes }));
        }
    }
}
