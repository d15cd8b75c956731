//! HTTP to an object store, by the client and the TLS that the broker has anyway.
//!
//! Must hold: an answer costs bounded time and memory; it is taken as a whole, since parts of backups are small.

use bytes::Bytes;
use futures::future::poll_fn;
use http::Response;
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Plain;
use hyper_util::rt::TokioExecutor;
use levee_types::limits::MAX_STORE_ANSWER_BYTES;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService,
};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// From the first byte that is sent to the last that is received.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector {
    /// Whether they may do without TLS.
    pub(super) allow_http: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source| object_store::Error::Generic { store: "S3", source };
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| failed(error.into()))?
            .with_native_roots()
            .map_err(|error| failed(error.into()))?
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = if self.allow_http { https.https_or_http() } else { https.https_only() };
        let client = Client::builder(TokioExecutor::new()).build(https.enable_http1().build());
        Ok(HttpClient::new(Service(client)))
    }
}

#[derive(Debug)]
struct Service(Client<HttpsConnector<Plain>, HttpRequestBody>);

#[tonic::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| {
                let kind =
                    if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
                HttpError::new(kind, error)
            })?;
            let (head, body) = answer.into_parts();
            Ok(Response::from_parts(head, collect(body).await?.into()))
        };
        timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|error| Err(HttpError::new(HttpErrorKind::Timeout, error)))
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, HttpError> {
    let mut content = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
        let data: Bytes = frame.into_data().unwrap_or_default();
        if content.len() + data.len() > MAX_STORE_ANSWER_BYTES {
            let error = io::Error::new(io::ErrorKind::FileTooLarge, "the answer is too large");
            return Err(HttpError::new(HttpErrorKind::Decode, error));
        }
        content.extend_from_slice(&data);
    }
    Ok(content.into())
}
