//! What the streams of readers, members and workers have in common: how they begin, and how their messages go out.

use crate::error::{explain, status};
use crate::fields::invalid;
use crate::transport::connection::draining;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Status, Streaming};

/// A client must say within this what it wants.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Tells that the connection is to go.
pub(super) type Retire = Pin<Box<WaitForCancellationFutureOwned>>;

/// A stream that is polled as the body of the answer.
pub(super) trait Body: Send + 'static {
    /// What goes out.
    type Message: Send + 'static;

    /// The next message; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Message>, Status>> + Send;
}

/// The messages, and at last how the stream ended.
pub(super) fn into_messages<B: Body>(body: B) -> BoxStream<'static, Result<B::Message, Status>> {
    stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        match body.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(body))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

/// Takes the first message, which must be a `field`.
///
/// # Errors
/// It does not come in time, is another one, or the connection is to go.
pub(super) async fn first_message<M, T>(
    requests: &mut Streaming<M>,
    retire: &mut Retire,
    (field, hint): (&str, &str),
    take: impl FnOnce(M) -> Option<T>,
) -> Result<T, Status> {
    let first = tokio::select! {
        biased;
        () = retire => return Err(status(&draining())),
        first = timeout(START_TIMEOUT, requests.message()) => first,
    };
    let Ok(first) = first else {
        let problem = format!("it did not come within {} s", START_TIMEOUT.as_secs());
        return Err(status(&invalid(field, problem, hint)));
    };
    let wrong = || status(&invalid(field, "it must be in the first message", hint));
    first.map_err(told)?.and_then(take).ok_or_else(wrong)
}

/// A failure on the way in, in our words.
pub(super) fn told(error: Status) -> Status {
    explain(&error).map_or(error, |error| status(&error))
}
