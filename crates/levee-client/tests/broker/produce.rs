//! Stores batches once; a stream that breaks has stored its last request without an answer.

use super::state::{Fake, Topics, refusal};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_client::v1;
use levee_client::v1::produce_service_server::ProduceService;
use levee_client::v1::produce_stream_response::Result as Answer;
use levee_client::v1::topic_service_server::TopicService;
use levee_proto::batch;
use levee_types::limits::MAX_BATCH_BYTES;
use levee_types::{ErrorCode, LeveeError};
use tonic::{Code, Request, Response, Status, Streaming};

type Reply<T> = Result<Response<T>, Status>;

impl Fake {
    fn produce(&self, request: v1::ProduceRequest) -> Answer {
        let v1::ProduceRequest { partition, batch, batch_crc32c, producer, .. } = request;
        let limit = match *self.state.topics.borrow() {
            Topics::Known { max_message_bytes, .. } => max_message_bytes,
            Topics::Unavailable | Topics::Silent => MAX_BATCH_BYTES,
        };
        let records = match batch::check(&batch, batch_crc32c, limit) {
            Ok(checked) => checked.records,
            Err(LeveeError { code, .. }) => {
                return Answer::Error(v1::ErrorDetail { code: code as i32, ..v1::ErrorDetail::default() });
            }
        };
        let mut logs = self.state.logs.lock().unwrap();
        let sequence = producer.unwrap().sequence;
        let next = *logs.next_sequence.entry(partition).or_default();
        let duplicate = sequence < next;
        if sequence > next {
            let code = ErrorCode::OutOfOrderSequence as i32;
            return Answer::Error(v1::ErrorDetail { code, ..v1::ErrorDetail::default() });
        }
        let base_offset = if duplicate {
            logs.sequences[&(partition, sequence)]
        } else {
            let base_offset = logs.append(partition, records, batch);
            logs.sequences.insert((partition, sequence), base_offset);
            logs.next_sequence.insert(partition, next + u64::from(records));
            self.state.grown.send_replace(());
            base_offset
        };
        Answer::Response(v1::ProduceResponse { base_offset, append_time_ms: 5, duplicate, throttle_ms: 0 })
    }
}

#[tonic::async_trait]
impl ProduceService for Fake {
    type ProduceStreamStream = BoxStream<'static, Result<v1::ProduceStreamResponse, Status>>;

    async fn produce(&self, _: Request<v1::ProduceRequest>) -> Reply<v1::ProduceResponse> {
        Err(Status::unimplemented(""))
    }

    async fn produce_stream(
        &self,
        requests: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Reply<Self::ProduceStreamStream> {
        let state = Some((self.clone(), requests.into_inner(), 0));
        let answers = stream::unfold(state, |state| async move {
            let (fake, mut requests, answered) = state?;
            let request = requests.message().await.ok()??;
            let result = Some(fake.produce(request.request.unwrap()));
            if let Some(status) = fake.breaks(answered) {
                return Some((Err(status), None));
            }
            let answer = v1::ProduceStreamResponse { correlation_id: request.correlation_id, result };
            Some((Ok(answer), Some((fake, requests, answered + 1))))
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn init_producer(&self, _: Request<v1::InitProducerRequest>) -> Reply<v1::InitProducerResponse> {
        Ok(Response::new(v1::InitProducerResponse { producer_id: 1, epoch: 0 }))
    }
}

#[tonic::async_trait]
impl TopicService for Fake {
    async fn get_topic(&self, request: Request<v1::GetTopicRequest>) -> Reply<v1::GetTopicResponse> {
        if request.get_ref().name != "t" {
            return Err(refusal(Code::NotFound, "NOT_FOUND", "create it"));
        }
        let said = *self.state.topics.borrow();
        self.state.asked.send_modify(|asked| *asked += 1);
        let (partitions, limit) = match said {
            Topics::Known { partitions, max_message_bytes } => (partitions, max_message_bytes.to_string()),
            Topics::Unavailable => return Err(Status::unavailable("no")),
            Topics::Silent => return std::future::pending().await,
        };
        let limit = v1::ConfigEntry {
            name: "max.message.bytes".to_owned(),
            value: limit,
            ..v1::ConfigEntry::default()
        };
        let topic = v1::Topic { partitions, config: vec![limit], ..v1::Topic::default() };
        Ok(Response::new(v1::GetTopicResponse { topic: Some(topic), partitions: Vec::new() }))
    }

    async fn create_topics(&self, _: Request<v1::CreateTopicsRequest>) -> Reply<v1::CreateTopicsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn list_topics(&self, _: Request<v1::ListTopicsRequest>) -> Reply<v1::ListTopicsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn delete_topic(&self, _: Request<v1::DeleteTopicRequest>) -> Reply<v1::DeleteTopicResponse> {
        Err(Status::unimplemented(""))
    }

    async fn update_topic_config(
        &self,
        _: Request<v1::UpdateTopicConfigRequest>,
    ) -> Reply<v1::UpdateTopicConfigResponse> {
        Err(Status::unimplemented(""))
    }

    async fn add_partitions(&self, _: Request<v1::AddPartitionsRequest>) -> Reply<v1::AddPartitionsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn trim_partition(&self, _: Request<v1::TrimPartitionRequest>) -> Reply<v1::TrimPartitionResponse> {
        Err(Status::unimplemented(""))
    }

    type CompactTopicStream = futures::stream::Empty<Result<v1::CompactTopicResponse, Status>>;

    async fn compact_topic(
        &self,
        _: Request<v1::CompactTopicRequest>,
    ) -> Result<Response<Self::CompactTopicStream>, Status> {
        Err(Status::unimplemented(""))
    }

    type VerifyTopicStream = futures::stream::Empty<Result<v1::VerifyTopicResponse, Status>>;

    async fn verify_topic(
        &self,
        _: Request<v1::VerifyTopicRequest>,
    ) -> Result<Response<Self::VerifyTopicStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
