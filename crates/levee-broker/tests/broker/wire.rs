//! Calls as bytes: what a client sends, and every byte that comes back to it.

use crate::harness::{Broker, PATIENCE};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use levee_broker::operation::Operation;
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::{Code, Status};

/// Somebody with a credential and a connection of its own.
pub(crate) struct Caller {
    credential: String,
    client: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

/// All that came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Caller {
    /// `credential` is the value of `authorization`; empty: none is sent.
    pub(crate) async fn new(broker: &Broker, credential: impl Into<String>) -> Self {
        let stream = TcpStream::connect(broker.grpc).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        Self { credential: credential.into(), client, driver: tokio::spawn(connection) }
    }

    /// What it comes with.
    pub(crate) fn credential(&self) -> &str {
        &self.credential
    }

    /// Makes a call whose request is these messages. `headers` are sent as well.
    pub(crate) async fn call(&self, path: &str, messages: &[Vec<u8>], headers: &[(&str, &str)]) -> Answer {
        timeout(PATIENCE, self.exchange(path, messages, headers))
            .await
            .unwrap_or_else(|_| panic!("{path} is not answered"))
    }

    async fn exchange(&self, path: &str, messages: &[Vec<u8>], headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !self.credential.is_empty() {
            request = request.header("authorization", &self.credential);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut client = self.client.clone().ready().await.unwrap();
        let (answer, mut sender) = client.send_request(request.body(()).unwrap(), false).unwrap();
        // The broker may have refused the headers already.
        let _ = sender.send_data(framed(messages), true);
        let (head, mut receiver) = answer.await.unwrap().into_parts();
        let mut body = Vec::new();
        while let Some(data) = receiver.data().await {
            let data = data.unwrap();
            receiver.flow_control().release_capacity(data.len()).unwrap();
            body.extend(data);
            // It ends when its client leaves: who is told something may have it.
            if path == Operation::WatchTable.path() && !body.is_empty() {
                let end = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
                return Answer { head: head.headers, body, trailers: [end].into_iter().collect() };
            }
        }
        let trailers = receiver.trailers().await.unwrap().unwrap_or_default();
        Answer { head: head.headers, body, trailers }
    }

    /// Makes a call with one message in each direction.
    pub(crate) async fn ask<R: Message + Default>(
        &self,
        operation: Operation,
        message: &impl Message,
    ) -> Result<R, Status> {
        let answer = self.call(operation.path(), &[message.encode_to_vec()], &[]).await;
        match answer.status() {
            status if status.code() == Code::Ok => Ok(answer.messages().remove(0)),
            status => Err(status),
        }
    }

    /// The same, of what must succeed.
    pub(crate) async fn must<R: Message + Default>(&self, operation: Operation, message: &impl Message) -> R {
        self.ask(operation, message).await.unwrap_or_else(|status| panic!("{operation:?}: {status:?}"))
    }
}

impl Answer {
    /// How the call ended.
    pub(crate) fn status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.head))
            .unwrap_or_else(|| panic!("no status: {self:?}"))
    }

    /// The messages of the answer.
    pub(crate) fn messages<R: Message + Default>(&self) -> Vec<R> {
        let mut messages = Vec::new();
        let mut rest = &self.body[..];
        while let [0, a, b, c, d, after @ ..] = rest {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            messages.push(R::decode(&after[..length]).unwrap());
            rest = &after[length..];
        }
        assert!(rest.is_empty(), "{rest:?}");
        messages
    }

    /// Every byte: as it came, and with what is encoded in headers decoded.
    pub(crate) fn everything(&self) -> Vec<u8> {
        let mut bytes = self.body.clone();
        for (name, value) in self.head.iter().chain(&self.trailers) {
            bytes.extend(name.as_str().bytes().chain([b'=']).chain(value.as_bytes().iter().copied()));
            bytes.push(b'\n');
        }
        if let Some(status) = Status::from_header_map(&self.trailers).or(Status::from_header_map(&self.head))
        {
            bytes.extend(status.message().bytes().chain([b'\n']));
            bytes.extend(status.details());
        }
        bytes
    }

    /// The names of headers and trailers.
    pub(crate) fn header_names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.head.keys().chain(self.trailers.keys()).map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    }
}

/// Messages as gRPC frames them.
fn framed(messages: &[Vec<u8>]) -> Bytes {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.push(0);
        bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
    }
    bytes.into()
}
