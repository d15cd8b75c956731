//! Gets the keys of an issuer over https.
//!
//! Must hold: the address is the one of the configuration, always: no redirect is followed; the server's
//! certificate is verified; a server that is slow, or says too much, costs bounded time and memory.

use super::tls;
use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode, Uri};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use levee_types::limits::{MAX_JWKS_BYTES, MAX_JWKS_HEAD_BYTES};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt as _;

/// What a look may take from the first packet to the last.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    #[error("cannot connect: {0}")]
    Connect(Box<dyn std::error::Error + Send + Sync>),
    #[error("the exchange broke: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    #[error("the status is {0}; it must be 200")]
    Status(StatusCode),
    #[error("it has more than {MAX_JWKS_BYTES} bytes")]
    TooLarge,
    #[error("it took too long")]
    Timeout,
}

/// An https address.
pub(super) struct Endpoint {
    url: Uri,
    connector: HttpsConnector<HttpConnector>,
}

impl Endpoint {
    /// The address whose server has a certificate of one of the CAs of `tls`.
    pub(super) fn new(url: Uri, tls: &tls::Config) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_only().enable_http1().build();
        Self { url, connector }
    }

    /// The document that is there. Each time by a connection of its own: looks are minutes apart.
    pub(super) async fn get(&self) -> Result<Vec<u8>, GetError> {
        self.get_within(TIMEOUT).await
    }

    /// The same with another limit of time, which a test can wait for.
    pub(super) async fn get_within(&self, limit: Duration) -> Result<Vec<u8>, GetError> {
        timeout(limit, self.exchange()).await.map_err(|_| GetError::Timeout)?
    }

    async fn exchange(&self) -> Result<Vec<u8>, GetError> {
        let stream = self.connector.clone().oneshot(self.url.clone()).await.map_err(GetError::Connect)?;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(MAX_JWKS_HEAD_BYTES).handshake(stream).await?;
        let request = self.request()?;
        let mut answer = pin!(async {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                return Err(GetError::Status(response.status()));
            }
            collect(response.into_body()).await
        });
        tokio::select! {
            answer = &mut answer => return answer,
            // The server may close before all that it sent is taken; an error shows there too.
            _ = connection => {}
        }
        answer.await
    }

    fn request(&self) -> Result<Request<String>, GetError> {
        let host = self.url.authority().map_or("", |authority| authority.as_str());
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(HOST, host).header(ACCEPT, "application/json");
        Ok(request.body(String::new())?)
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, GetError> {
    let mut content = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let data: Bytes = frame?.into_data().unwrap_or_default();
        if content.len() + data.len() > MAX_JWKS_BYTES {
            return Err(GetError::TooLarge);
        }
        content.extend_from_slice(&data);
    }
    Ok(content)
}
