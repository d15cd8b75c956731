use super::{Outlet, Rest, send};
use bytes::{Buf as _, Bytes};
use futures::{FutureExt as _, StreamExt as _, stream};
use hyper::body::{Body as _, Frame};
use levee_proto::v1;
use levee_types::limits::{UNHELD_ANSWER_BYTES, UNHELD_BATCH_BYTES};
use prost::Message as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{EncodeBody, EncodeBuf, Encoder, SingleMessageCompressionOverride};

const REST: usize = 2 * UNHELD_BATCH_BYTES + 100;

struct Library;

impl Encoder for Library {
    type Item = v1::ReadResponse;
    type Error = Status;

    fn encode(&mut self, message: v1::ReadResponse, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(into).map_err(|error| Status::internal(error.to_string()))
    }
}

/// A message with one batch of so many bytes.
fn message(number: u32, length: usize) -> v1::ReadResponse {
    let batch = Bytes::from_iter((0..251).cycle().skip(number as usize).take(length));
    let batches = vec![v1::StoredBatch { position: number, batch, ..Default::default() }];
    v1::ReadResponse { kind: Some(v1::read_response::Kind::Batches(v1::ReadBatches { batches })) }
}

/// Small messages and large ones, and one that ends with what is read in parts; what fails is the part that is given.
fn messages() -> Vec<v1::ReadResponse> {
    let sizes = [10, 20, UNHELD_ANSWER_BYTES, 30, REST, UNHELD_ANSWER_BYTES - 100, 40, 1_000_000, 50];
    (0..).zip(sizes).map(|(number, length)| message(number, length)).collect()
}

fn answer(reads: Arc<Mutex<Vec<usize>>>, fails_at: Option<usize>) -> Body {
    let outlet = Outlet::default();
    let stream = stream::unfold((outlet.clone(), messages().into_iter()), move |(outlet, mut left)| {
        let reads = Arc::clone(&reads);
        async move {
            outlet.is_free().await;
            let message = left.next()?;
            let Some(v1::read_response::Kind::Batches(batches)) = &message.kind else { return None };
            let bytes = batches.batches[0].batch.clone();
            if bytes.len() == REST {
                outlet.put(Rest::new(REST, move |part| {
                    reads.lock().unwrap().push(part.len());
                    let read = match fails_at {
                        Some(at) if part.contains(&at) => Err(Status::unavailable("it is gone")),
                        _ => Ok(bytes.slice(part)),
                    };
                    async move { read }.boxed()
                }));
            }
            let message = outlet.pass(message);
            Some((Ok(message), (outlet, left)))
        }
    });
    let compression = SingleMessageCompressionOverride::default();
    let body = EncodeBody::new_server(Library, stream.boxed(), None, compression, None);
    let mut answer = http::Response::new(Body::new(body));
    answer.extensions_mut().insert(outlet);
    send(answer).into_body()
}

async fn next(body: &mut Body) -> Option<Frame<Bytes>> {
    poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await.map(Result::unwrap)
}

#[tokio::test]
async fn what_goes_out_is_what_the_stream_gave_and_the_rest_is_read_when_it_is_asked_for() {
    let reads = Arc::default();
    let mut body = answer(Arc::clone(&reads), None);
    let (mut sent, mut frames) = (Vec::new(), 0);
    let trailers = loop {
        let frame = next(&mut body).await.unwrap();
        let begun = reads.lock().unwrap().len();
        // One for the head of the message, and one for each part.
        frames += usize::from(begun > 0);
        assert!(begun <= frames, "{begun} parts were read for {frames} frames");
        match frame.into_data() {
            Ok(data) => sent.extend_from_slice(&data),
            Err(frame) => break frame.into_trailers().unwrap(),
        }
    };
    assert_eq!(Status::from_header_map(&trailers).unwrap().code(), tonic::Code::Ok);
    assert!(next(&mut body).await.is_none());
    assert_eq!(*reads.lock().unwrap(), [UNHELD_BATCH_BYTES, UNHELD_BATCH_BYTES, 100]);
    let mut sent = Bytes::from(sent);
    for message in messages() {
        assert_eq!((sent.get_u8(), sent.get_u32() as usize), (0, message.encoded_len()));
        assert!(v1::ReadResponse::decode(sent.split_to(message.encoded_len())).unwrap() == message);
    }
    assert!(sent.is_empty());
}

#[tokio::test]
async fn what_is_gone_ends_the_answer_with_a_status() {
    let mut body = answer(Arc::default(), Some(UNHELD_BATCH_BYTES));
    let mut sent = 0;
    let trailers = loop {
        match next(&mut body).await.unwrap().into_data() {
            Ok(data) => sent += data.len(),
            Err(frame) => break frame.into_trailers().unwrap(),
        }
    };
    let whole: usize = messages().iter().take(5).map(|message| message.encoded_len() + 5).sum();
    assert_eq!(sent, whole - REST + UNHELD_BATCH_BYTES, "up to what is gone");
    assert_eq!(Status::from_header_map(&trailers).unwrap().message(), "it is gone");
    assert!(next(&mut body).await.is_none());
}
