//! Producing as fast as the server acknowledges: pipelined streams of encoded batches, over the generated
//! client alone, so that the sender costs little.

use crate::Result;
use crate::payload::{self, Batch};
use crate::process::{TENANT, TOPIC};
use futures::future::try_join_all;
use futures::stream;
use levee_proto::v1;
use levee_proto::v1::produce_service_client::ProduceServiceClient;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_types::limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};

/// Batches of one producer that wait for their answers.
const IN_FLIGHT: usize = 16;
/// Producers, each with a connection of its own.
pub(crate) const PRODUCERS: u32 = 4;

/// A connection set up as Levee's client does it.
pub(crate) async fn connect(endpoint: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?
        .tcp_nodelay(true)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(8 * 1024 * 1024)
        .max_frame_size(1024 * 1024);
    Ok(endpoint.connect().await?)
}

/// Adds the credential of the tenant.
pub(crate) fn authorize(metadata: &mut MetadataMap) {
    let credential: MetadataValue<Ascii> =
        format!("Dev tenant {TENANT}").parse().unwrap_or_else(|_| panic!("{TENANT} is ASCII"));
    metadata.insert("authorization", credential);
}

/// The client of the produce service.
pub(crate) fn client(channel: Channel) -> ProduceServiceClient<Channel> {
    ProduceServiceClient::new(channel)
        .max_decoding_message_size(MAX_RESPONSE_BYTES)
        .max_encoding_message_size(MAX_REQUEST_BYTES)
}

/// Producers that stay connected from one load to the next.
pub(crate) struct Producers {
    producers: Vec<Producer>,
    batches: Arc<Vec<Batch>>,
    partitions: u32,
}

struct Producer {
    client: ProduceServiceClient<Channel>,
    session: v1::InitProducerResponse,
    /// Records that were sent, for each partition.
    sequences: Arc<Mutex<Vec<u64>>>,
}

/// What was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Produced {
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

impl Produced {
    pub(crate) fn gb(&self) -> f64 {
        self.bytes as f64 / 1e9
    }

    pub(crate) fn mb_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.elapsed.as_secs_f64()
    }
}

impl Producers {
    /// Connects to a server whose topic has so many partitions.
    pub(crate) async fn connect(endpoint: &str, partitions: u32) -> Result<Self> {
        let producer = || async {
            let mut client = client(connect(endpoint).await?);
            let mut request = Request::new(v1::InitProducerRequest::default());
            authorize(request.metadata_mut());
            let session = client.init_producer(request).await?.into_inner();
            let sequences = Arc::new(Mutex::new(vec![0; partitions as usize]));
            Ok::<_, Box<dyn std::error::Error>>(Producer { client, session, sequences })
        };
        let producers = try_join_all((0..PRODUCERS).map(|_| producer())).await?;
        Ok(Self { producers, batches: Arc::new(payload::full_batches()), partitions })
    }

    /// What [`Self::run`] produces when it is asked for so many bytes: whole batches, as many by each.
    pub(crate) fn amount(&self, bytes: u64) -> u64 {
        let batch = self.batches[0].bytes.len() as u64;
        bytes / batch / u64::from(PRODUCERS) * u64::from(PRODUCERS) * batch
    }

    /// Produces about so many bytes of batches, in turns over all partitions.
    pub(crate) async fn run(&mut self, bytes: u64) -> Result<Produced> {
        let bytes = self.amount(bytes);
        let each = bytes / self.batches[0].bytes.len() as u64 / u64::from(PRODUCERS);
        let started = Instant::now();
        let (batches, partitions) = (&self.batches, self.partitions);
        let loads = (0..PRODUCERS).zip(&mut self.producers);
        try_join_all(
            loads.map(|(number, producer)| producer.run(number, each, partitions, Arc::clone(batches))),
        )
        .await?;
        Ok(Produced { bytes, elapsed: started.elapsed() })
    }
}

impl Producer {
    async fn run(
        &mut self,
        number: u32,
        count: u64,
        partitions: u32,
        batches: Arc<Vec<Batch>>,
    ) -> Result<()> {
        let room = Arc::new(Semaphore::new(IN_FLIGHT));
        let sender = Sender {
            room: Arc::clone(&room),
            batches,
            session: self.session,
            sequences: Arc::clone(&self.sequences),
            number,
            partitions,
        };
        let requests = stream::unfold((0, sender), move |(sent, sender)| async move {
            if sent == count {
                return None;
            }
            sender.room.acquire().await.ok()?.forget();
            Some((sender.request(sent), (sent + 1, sender)))
        });
        let mut request = Request::new(requests);
        authorize(request.metadata_mut());
        let mut answers = self.client.produce_stream(request).await?.into_inner();
        for expected in 0..count {
            acknowledged(&mut answers, expected).await?;
            room.add_permits(1);
        }
        match answers.message().await? {
            None => Ok(()),
            Some(answer) => Err(format!("an answer to nothing: {answer:?}").into()),
        }
    }
}

/// Takes the next answer, which must be an acknowledgement.
pub(crate) async fn acknowledged(
    answers: &mut Streaming<v1::ProduceStreamResponse>,
    expected: u64,
) -> Result<()> {
    match answers.message().await? {
        Some(v1::ProduceStreamResponse { correlation_id, result: Some(Outcome::Response(answer)) })
            if correlation_id == expected && !answer.duplicate =>
        {
            Ok(())
        }
        answer => Err(format!("request {expected} was answered with {answer:?}").into()),
    }
}

struct Sender {
    room: Arc<Semaphore>,
    batches: Arc<Vec<Batch>>,
    session: v1::InitProducerResponse,
    sequences: Arc<Mutex<Vec<u64>>>,
    number: u32,
    partitions: u32,
}

impl Sender {
    fn request(&self, sent: u64) -> v1::ProduceStreamRequest {
        #[expect(clippy::cast_possible_truncation, reason = "what is taken modulo fits")]
        let partition =
            ((sent * u64::from(PRODUCERS) + u64::from(self.number)) % u64::from(self.partitions)) as u32;
        #[expect(clippy::cast_possible_truncation, reason = "a wrapped index would do as well")]
        let batch = &self.batches[sent as usize % self.batches.len()];
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = sequences[partition as usize];
        sequences[partition as usize] += u64::from(batch.records);
        let v1::InitProducerResponse { producer_id, epoch } = self.session;
        let producer = v1::ProducerSequence { producer_id, epoch, sequence };
        v1::ProduceStreamRequest {
            correlation_id: sent,
            request: Some(batch.request(TOPIC, partition, Some(producer))),
        }
    }
}
