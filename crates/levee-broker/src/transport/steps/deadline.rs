//! Bounds the time of a call until its answer begins: for calls that are not streams, that is all of
//! it, the reading of the body included. A client may set a shorter time in `grpc-timeout`.
//!
//! Streams answer at once and then live as long as they like; their services bound what they wait for.

use crate::transport::step::{Next, Request, Response, Step};
use http::HeaderMap;
use std::time::Duration;
use tonic::Status;

/// Digits of a `grpc-timeout`, by the specification of gRPC over HTTP/2.
const MAX_DIGITS: usize = 8;

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    longest: Duration,
}

impl Deadline {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { longest }
    }
}

impl Step for Deadline {
    async fn run(self, request: Request, next: impl Next) -> Response {
        let limit = asked_for(request.headers()).map_or(self.longest, |asked| asked.min(self.longest));
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded(format!(
                "the call did not end within {} ms; whether it took effect is not known",
                limit.as_millis()
            ))
            .into_http(),
        }
    }
}

/// What the client asked for. A header that cannot be read is ignored, as in other gRPC servers.
fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::asked_for;
    use http::{HeaderMap, HeaderValue};
    use std::time::Duration;

    #[test]
    fn reads_the_clients_time() {
        let read = |value: &'static str| {
            asked_for(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "S", "5", "5x", "-5S", "+5S", "999999999S", "5 S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(asked_for(&HeaderMap::new()), None);
    }
}
