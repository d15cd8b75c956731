use super::{Error, ErrorKind};
use levee_proto::v1::ErrorDetail;
use levee_types::ErrorCode;
use std::collections::HashMap;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

fn refusal(reason: &str, retryable: &str) -> Error {
    let metadata = HashMap::from([
        ("hint".to_owned(), "do this".to_owned()),
        ("retryable".to_owned(), retryable.to_owned()),
    ]);
    let details = ErrorDetails::with_error_info(reason, "levee", metadata);
    Status::with_error_details(Code::NotFound, "there is no such topic", details).into()
}

#[test]
fn a_refusal_of_the_broker_keeps_what_it_says() {
    for code in ErrorCode::ALL {
        let error = refusal(code.as_str(), &code.is_retryable().to_string());
        assert_eq!((error.kind(), error.code()), (ErrorKind::Broker, Some(code)));
        assert_eq!((error.message(), error.hint()), ("there is no such topic", "do this"));
        assert_eq!(error.is_retryable(), code.is_retryable());
        assert_eq!(error.has_no_side_effects(), code.has_no_side_effects());
        let detail =
            ErrorDetail { code: code as i32, retryable: code.is_retryable(), ..ErrorDetail::default() };
        assert_eq!(Error::from(detail).code(), Some(code));
    }
}

#[test]
fn a_refusal_names_its_request_and_how_long_to_wait() {
    let mut details = ErrorDetails::with_error_info("OVERLOADED", "levee", HashMap::new());
    details.set_retry_info(Some(Duration::from_millis(100)));
    let mut status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
    status.metadata_mut().insert("levee-request-id", "7f-1".parse().unwrap());
    let error = Error::from(status);
    assert_eq!((error.request_id(), error.retry_after()), (Some("7f-1"), Some(Duration::from_millis(100))));

    let silent = refusal("NOT_FOUND", "false");
    assert_eq!((silent.request_id(), silent.retry_after()), (None, None));
    let detail = ErrorDetail { retry_after_ms: Some(1000), ..ErrorDetail::default() };
    assert_eq!(Error::from(detail).retry_after(), Some(Duration::from_secs(1)));
}

#[test]
fn a_code_that_is_newer_than_the_client_is_judged_by_what_comes_with_it() {
    let error = refusal("BRAND_NEW", "true");
    assert_eq!((error.code(), error.is_retryable(), error.has_no_side_effects()), (None, true, false));
}

#[test]
fn the_transport_is_told_from_the_broker() {
    for (status, kind) in [
        (Status::unavailable("tcp connect error"), ErrorKind::Connection),
        (Status::unknown("h2 protocol error"), ErrorKind::Connection),
        (Status::cancelled("operation was canceled"), ErrorKind::Connection),
        (Status::cancelled("Timeout expired"), ErrorKind::Timeout),
        (Status::deadline_exceeded("late"), ErrorKind::Timeout),
        (Status::unimplemented(""), ErrorKind::Protocol),
        (Status::out_of_range("message too large"), ErrorKind::Protocol),
    ] {
        let error = Error::from(status.clone());
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.is_retryable(), kind != ErrorKind::Protocol);
        assert!(!error.has_no_side_effects());
    }
}
