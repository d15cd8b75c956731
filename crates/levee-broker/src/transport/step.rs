//! A step that requests pass on their way to a service: looks at the request, hands it on or answers
//! itself, looks at the answer.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tower::{Layer, Service};

/// A request on its way.
pub type Request = http::Request<Body>;
/// Its answer.
pub type Response = http::Response<Body>;

/// One step. Cloned for each request.
pub trait Step: Clone + Send + Sync + 'static {
    /// Passes one request.
    fn run(self, request: Request, next: impl Next) -> impl Future<Output = Response> + Send;
}

/// What comes after a step.
pub trait Next: Send + 'static {
    /// Hands the request on.
    fn run(self, request: Request) -> impl Future<Output = Response> + Send;
}

impl<S> Next for S
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send + 'static,
{
    async fn run(mut self, request: Request) -> Response {
        let Ok(()) = poll_fn(|cx| self.poll_ready(cx)).await;
        let Ok(response) = self.call(request).await;
        response
    }
}

/// Puts a [`Step`] before a service.
#[derive(Debug, Clone)]
pub struct StepLayer<T>(pub T);

impl<T: Clone, S> Layer<S> for StepLayer<T> {
    type Service = StepService<T, S>;

    fn layer(&self, inner: S) -> Self::Service {
        StepService { step: self.0.clone(), inner }
    }
}

/// A service with a [`Step`] before it.
#[derive(Debug, Clone)]
pub struct StepService<T, S> {
    step: T,
    inner: S,
}

impl<T, S> Service<Request> for StepService<T, S>
where
    T: Step,
    S: Next + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    // What comes after is asked for readiness by its own clone, in `Next::run`.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = self.step.clone().run(request, self.inner.clone());
        Box::pin(async move { Ok(answer.await) })
    }
}
