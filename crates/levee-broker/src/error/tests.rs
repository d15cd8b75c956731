use super::{DOMAIN, detail, explain, status};
use levee_types::{ErrorCode, LeveeError};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

#[test]
fn every_code_arrives_with_reason_hint_and_whether_to_retry() {
    for code in ErrorCode::ALL {
        let error = LeveeError::new(code, "what is wrong").with_hint("what to do");
        let status = status(&error);
        assert_ne!(status.code(), Code::Ok);
        assert_ne!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "what is wrong");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, code.as_str());
        assert_eq!(info.domain, DOMAIN);
        assert_eq!(info.metadata["hint"], "what to do");
        assert_eq!(info.metadata["retryable"], code.is_retryable().to_string());
        let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(delay.is_some(), code.is_retryable(), "{code}");

        let detail = detail(error);
        assert_eq!((detail.code, detail.retryable), (code as i32, code.is_retryable()));
        assert_eq!(
            detail.retry_after_ms,
            delay.map(|delay| u32::try_from(delay.as_millis()).unwrap()),
            "{code}"
        );
    }
}

#[test]
fn an_error_without_a_hint_gets_that_of_its_code() {
    for code in ErrorCode::ALL {
        let bare = LeveeError::new(code, "what is wrong");
        let info = status(&bare).get_details_error_info().unwrap();
        assert!(!info.metadata["hint"].is_empty(), "{code}");
        assert_eq!(detail(bare).hint, info.metadata["hint"]);
    }
}

#[test]
fn what_a_generic_client_repeats_by_itself_had_no_side_effects() {
    for code in ErrorCode::ALL {
        if matches!(status(&LeveeError::new(code, "")).code(), Code::Unavailable | Code::ResourceExhausted) {
            assert!(code.has_no_side_effects(), "{code}");
        }
    }
}

#[test]
fn texts_fit_into_trailers() {
    for code in ErrorCode::ALL {
        let error = LeveeError::new(code, "ä".repeat(100_000))
            .with_hint("ö".repeat(100_000))
            .with_retry_after(Duration::MAX);
        let mut headers = http::HeaderMap::new();
        status(&error).add_header(&mut headers).unwrap();
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(size < 8 * 1024, "{code} {size}");
    }
}

#[test]
fn an_error_that_knows_when_to_come_back_says_so() {
    let error = LeveeError::new(ErrorCode::QuotaExceeded, "").with_retry_after(Duration::from_millis(12_345));
    let info = status(&error).get_details_retry_info().unwrap();
    assert_eq!(info.retry_delay, Some(Duration::from_millis(12_345)));
    assert_eq!(detail(error).retry_after_ms, Some(12_345));
    let never = LeveeError::new(ErrorCode::QuotaExceeded, "").with_retry_after(Duration::MAX);
    assert_eq!(detail(never).retry_after_ms, Some(u32::MAX));
}

#[test]
fn a_limit_that_is_reached_is_a_quota_failure() {
    for code in ErrorCode::ALL {
        let failure = status(&LeveeError::new(code, "at the limit of 5 topics")).get_details_quota_failure();
        let is_limit = matches!(code, ErrorCode::QuotaExceeded | ErrorCode::LimitExceeded);
        assert_eq!(failure.is_some(), is_limit, "{code}");
        if let Some(failure) = failure {
            assert_eq!(failure.violations[0].subject, "tenant");
            assert_eq!(failure.violations[0].description, "at the limit of 5 topics");
        }
    }
}

#[test]
fn what_the_library_refuses_gets_a_code() {
    let code = |status: Status| explain(&status).map(|error| error.code);
    assert_eq!(code(Status::out_of_range("5 > 4")), Some(ErrorCode::TooLarge));
    assert_eq!(code(Status::internal("bad tag")), Some(ErrorCode::InvalidArgument));
    assert_eq!(code(Status::unimplemented("")), None);
    assert_eq!(code(Status::cancelled("")), None);
}
