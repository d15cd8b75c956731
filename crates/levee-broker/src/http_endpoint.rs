//! Metrics and health over plain HTTP, for scrapers and orchestrators. Asks for no credentials, so it
//! tells nothing of tenants and listens on loopback, unless configured.

use crate::health::{Condition, Readiness};
use crate::metrics::TenantPage;
use crate::transport::accept::{Accepted, Acceptor};
use crate::transport::limits::{HTTP_CONNECTION_TIMEOUT, HTTP_HEAD_TIMEOUT, MAX_HTTP_HEAD_BYTES};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use std::convert::Infallible;
use tokio_util::task::TaskTracker;

/// What it serves from. Cheap to clone.
#[derive(Clone)]
pub struct HttpEndpoint {
    /// Whether the broker serves.
    pub readiness: Readiness,
    /// The metrics of the process.
    pub metrics: PrometheusHandle,
    /// Those of tenants, if they are wanted.
    pub tenants: TenantPage,
}

impl HttpEndpoint {
    /// Serves until it is dropped; connections that are open then end by themselves.
    pub async fn run(self, mut acceptor: Acceptor, tracker: &TaskTracker) -> Infallible {
        loop {
            let accepted = acceptor.next().await;
            tracker.spawn(self.clone().serve(accepted));
        }
    }

    async fn serve(self, accepted: Accepted) {
        let Accepted { stream, peer, place } = accepted;
        let service = service_fn(|request: Request<Incoming>| {
            let response = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HTTP_HEAD_TIMEOUT)
            .max_buf_size(MAX_HTTP_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        match tokio::time::timeout(HTTP_CONNECTION_TIMEOUT, connection).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => tracing::debug!(%peer, %error, "an HTTP connection broke"),
        }
        drop(place);
    }

    fn answer(&self, method: &Method, path: &str) -> Response<String> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        let condition = self.readiness.now();
        let is_live = condition != Condition::Failed;
        match path {
            "/metrics" => text(StatusCode::OK, self.metrics.render() + &self.tenants.text()),
            "/health/live" => verdict(is_live, condition),
            "/health/ready" => verdict(condition == Condition::Serving, condition),
            _ => {
                text(StatusCode::NOT_FOUND, "there is /metrics, /health/live and /health/ready\n".to_owned())
            }
        }
    }
}

fn verdict(is_good: bool, condition: Condition) -> Response<String> {
    let status = if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, format!("{}\n", condition.as_str()))
}

fn text(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
