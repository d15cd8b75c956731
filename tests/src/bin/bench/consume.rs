//! Reading as fast as the server sends. Every batch is checked: it follows the one before it, and its
//! bytes match their checksum.

use crate::Result;
use crate::pipeline::{authorize, connect};
use futures::stream;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_proto::v1::read_service_client::ReadServiceClient;
use levee_types::limits::MAX_RESPONSE_BYTES;
use tokio::sync::mpsc;
use tonic::{Request, Streaming};

/// What a reader grants in advance, as Levee's client does.
const CREDIT: u64 = 8 * 1024 * 1024;

/// A read stream that has begun.
pub(crate) struct Reader {
    answers: Streaming<v1::ReadResponse>,
    credit: mpsc::UnboundedSender<v1::ReadRequest>,
    /// The next offset of each position.
    next: Vec<u64>,
    read: Read,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

/// What a reader reads.
pub(crate) struct Positions {
    pub(crate) positions: Vec<(String, u32)>,
    pub(crate) from: v1::OffsetEdge,
    pub(crate) stop_at_end: bool,
}

impl Reader {
    /// Opens a stream on a connection of its own, and waits until the server knows where it begins.
    pub(crate) async fn open(endpoint: &str, positions: Positions) -> Result<Self> {
        let Positions { positions, from, stop_at_end } = positions;
        let edge = v1::OffsetSpec { spec: Some(Spec::Edge(from.into())) };
        let positions = positions
            .into_iter()
            .map(|(topic, partition)| v1::ReadPosition { topic, partition, from: Some(edge) })
            .collect();
        let start = v1::ReadStart { positions, credit_bytes: CREDIT, stop_at_end };
        let (credit, grants) = mpsc::unbounded_channel();
        credit.send(v1::ReadRequest { kind: Some(Sent::Start(start)) })?;
        let requests =
            stream::unfold(
                grants,
                |mut grants| async move { grants.recv().await.map(|grant| (grant, grants)) },
            );
        let mut request = Request::new(requests);
        authorize(request.metadata_mut());
        let mut client = ReadServiceClient::new(connect(endpoint).await?)
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        let mut answers = client.read(request).await?.into_inner();
        let Some(v1::ReadResponse { kind: Some(Answer::Started(started)) }) = answers.message().await? else {
            return Err("a read stream does not begin with where it starts".into());
        };
        let next = started.positions.iter().map(|position| position.offset).collect();
        Ok(Self { answers, credit, next, read: Read::default() })
    }

    /// Reads to the end of the stream, or so many bytes of batches.
    pub(crate) async fn run(&mut self, bytes: Option<u64>) -> Result<Read> {
        self.run_with(bytes, |_| Ok(())).await
    }

    /// The same, and shows each batch.
    pub(crate) async fn run_with(
        &mut self,
        bytes: Option<u64>,
        mut look: impl FnMut(&v1::StoredBatch) -> Result<()>,
    ) -> Result<Read> {
        while bytes.is_none_or(|bytes| self.read.bytes < bytes) {
            let Some(answer) = self.answers.message().await? else { break };
            let Some(Answer::Batches(v1::ReadBatches { batches })) = answer.kind else {
                return Err("a read stream says twice where it starts".into());
            };
            let mut received = 0;
            for batch in &batches {
                self.check(batch)?;
                look(batch)?;
                received += batch.batch.len() as u64;
            }
            self.read.bytes += received;
            self.read.messages += 1;
            // The server may be done already.
            let _ = self
                .credit
                .send(v1::ReadRequest { kind: Some(Sent::Credit(v1::ReadCredit { bytes: received })) });
        }
        Ok(self.read)
    }

    fn check(&mut self, batch: &v1::StoredBatch) -> Result<()> {
        let next = self.next.get_mut(batch.position as usize).ok_or("a position that was not asked for")?;
        if batch.base_offset != *next {
            return Err(format!("offset {} was read where {next} comes next", batch.base_offset).into());
        }
        if crc32c::crc32c(&batch.batch) != batch.batch_crc32c {
            return Err(format!("the batch at offset {next} is damaged").into());
        }
        *next += u64::from(batch.record_count);
        Ok(())
    }
}
