//! A stream of batches to the broker.

use crate::client::Client;
use crate::error::{Error, RequestId};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryFutureExt as _};
use levee_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// A stream to the broker. It counts as open from the first request on: whether the broker is there is
/// seen by its answers.
pub(crate) struct Link {
    pub(crate) requests: mpsc::Sender<v1::ProduceStreamRequest>,
    pub(crate) answers: BoxStream<'static, Result<Answer, Error>>,
}

/// An answer, and the stream it came from.
pub(crate) type Answer = (v1::ProduceStreamResponse, Option<RequestId>);

impl Link {
    /// A stream with room for so many requests that are not answered.
    pub(crate) fn open(client: &Client, room: usize) -> Self {
        let (requests, receiver) = mpsc::channel(room);
        let mut service = client.produces();
        let answers = async move {
            let response = service.produce_stream(ReceiverStream::new(receiver)).await?;
            let id = RequestId::of(response.metadata());
            Ok::<_, Error>(response.into_inner().map(move |answer| match answer {
                Ok(answer) => Ok((answer, id.clone())),
                Err(status) => Err(Error::from(status).of_request(id.as_ref())),
            }))
        };
        Self { requests, answers: answers.try_flatten_stream().boxed() }
    }
}
