//! Gives every request an id, which its answer carries as metadata and the logs as a field.

use crate::transport::step::{Next, Request, Response, Step};
use http::HeaderValue;
use levee_types::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The metadata of requests and answers.
const HEADER: &str = "levee-request-id";

/// Characters of an id of a client.
const MAX_LENGTH: usize = 64;

/// Names one request: 1 to 64 of `A-Z a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Takes the client's id, unless it is not one.
    fn of_client(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let is_id = (1..=MAX_LENGTH).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        is_id.then(|| Self(value.clone()))
    }
}

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct AssignRequestId(Arc<Sequence>);

/// Ids of this process: a random part that others do not share, and a number. An id is a name, not a
/// secret.
#[derive(Debug)]
struct Sequence {
    process: u64,
    next: AtomicU64,
}

impl AssignRequestId {
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut process = [0; 8];
        random.fill(&mut process);
        Self(Arc::new(Sequence { process: u64::from_le_bytes(process), next: AtomicU64::new(1) }))
    }

    fn assign(&self) -> RequestId {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{number:x}", self.0.process);
        RequestId(HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none")))
    }
}

impl Step for AssignRequestId {
    async fn run(self, mut request: Request, next: impl Next) -> Response {
        let id =
            request.headers().get(HEADER).and_then(RequestId::of_client).unwrap_or_else(|| self.assign());
        request.extensions_mut().insert(id.clone());
        let mut response = next.run(request).await;
        response.headers_mut().insert(HEADER, id.0);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{AssignRequestId, RequestId};
    use crate::ambient::SystemRandom;
    use http::HeaderValue;

    #[test]
    fn ids_of_clients_are_taken_only_when_they_are_harmless() {
        let taken = |id: &[u8]| RequestId::of_client(&HeaderValue::from_bytes(id).unwrap()).is_some();
        assert!(taken(b"a") && taken(b"Ab-09") && taken(&[b'x'; 64]));
        assert!(!taken(b"") && !taken(&[b'x'; 65]) && !taken(b"a b") && !taken(b"a_b") && !taken(b"\xff"));
    }

    #[test]
    fn assigned_ids_differ_and_could_be_a_clients() {
        let ids = AssignRequestId::new(&SystemRandom);
        let (first, second) = (ids.assign(), ids.assign());
        assert_ne!(first, second);
        assert!(RequestId::of_client(&first.0).is_some());
    }
}
