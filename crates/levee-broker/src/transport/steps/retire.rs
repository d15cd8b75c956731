//! Ends the streams of services that are not ours, health and reflection, when their connection is to go:
//! they do not know of connections, and one open stream would hold up a stop to its last second. Our own
//! streams end themselves, between two messages.

use crate::error;
use crate::operation::Operation;
use crate::transport::connection::{ConnectionContext, draining};
use crate::transport::step::{Next, Request, Response, Step};
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tonic::body::Body;

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Retire;

impl Step for Retire {
    async fn run(self, request: Request, next: impl Next) -> Response {
        let retire = request
            .extensions()
            .get()
            .filter(|_| Operation::of_path(request.uri().path()).is_none())
            .map(|context: &ConnectionContext| Box::pin(context.retire.clone().cancelled_owned()));
        let response = next.run(request).await;
        match retire {
            Some(retire) => response.map(|body| Body::new(Retiring { body, retire, is_over: false })),
            None => response,
        }
    }
}

/// An answer that ends when its connection is to go.
struct Retiring {
    body: Body,
    retire: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
}

impl HttpBody for Retiring {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // First what the service has to say: that the broker drains, for one.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.retire.as_mut().poll(cx));
        self.is_over = true;
        let mut trailers = HeaderMap::new();
        let told = error::status(&draining()).add_header(&mut trailers);
        Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }
}
