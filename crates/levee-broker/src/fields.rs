//! Checks of fields that several messages have.

mod access;
mod members;

pub(crate) use access::{operation_on, operations_on, resources_to_proto};
pub(crate) use members::{instance_name, session_timeout, start_at};

use levee_types::limits::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_TOPIC_NAME};
use levee_types::{ErrorCode, GroupName, LeveeError, PlanName, TenantName, TopicName, UserName};
use std::fmt::Display;

/// An error that names the field at fault, and says what to put there.
pub(crate) fn invalid(field: &str, problem: impl Display, hint: impl Into<String>) -> LeveeError {
    LeveeError::new(ErrorCode::InvalidArgument, format!("{field}: {problem}")).with_hint(hint)
}

/// A number, or the length of a list, that is not within its range.
pub(crate) fn out_of_range(
    field: &str,
    value: impl Display,
    from: impl Display,
    to: impl Display,
) -> LeveeError {
    let problem = format!("{value} is out of range; it takes {from} to {to}");
    invalid(field, problem, format!("give {from} to {to}"))
}

/// A required name.
pub(crate) fn tenant_name(field: &str, value: &str) -> Result<TenantName, LeveeError> {
    let hint = || format!("give a name of {}", TenantName::RULE);
    TenantName::new(value).map_err(|error| invalid(field, error, hint()))
}

/// A required name.
pub(crate) fn topic_name(field: &str, value: &str) -> Result<TopicName, LeveeError> {
    let hint = || format!("give a name of {}", TopicName::RULE);
    TopicName::new(value).map_err(|error| invalid(field, error, hint()))
}

/// A required name.
pub(crate) fn group_name(field: &str, value: &str) -> Result<GroupName, LeveeError> {
    let hint = || format!("give a name of {}", GroupName::RULE);
    GroupName::new(value).map_err(|error| invalid(field, error, hint()))
}

/// A required name.
pub(crate) fn user_name(field: &str, value: &str) -> Result<UserName, LeveeError> {
    let hint = || format!("give a name of {}", UserName::RULE);
    UserName::new(value).map_err(|error| invalid(field, error, hint()))
}

/// A required name.
pub(crate) fn plan_name(field: &str, value: &str) -> Result<PlanName, LeveeError> {
    let hint = || format!("give a name of {}", PlanName::RULE);
    PlanName::new(value).map_err(|error| invalid(field, error, hint()))
}

/// `prefix` of a list of topics.
pub(crate) fn prefix(value: &str) -> Result<String, LeveeError> {
    if value.len() > MAX_TOPIC_NAME {
        let problem = format!("it has {} bytes; the limit is {MAX_TOPIC_NAME}", value.len());
        return Err(invalid("prefix", problem, "give the beginning of a topic's name, or nothing for all"));
    }
    Ok(value.to_owned())
}

/// `page_size` of a list.
pub(crate) fn page_size(value: u32) -> Result<usize, LeveeError> {
    match value {
        0 => Ok(DEFAULT_PAGE_SIZE as usize),
        1..=MAX_PAGE_SIZE => Ok(value as usize),
        _ => Err(out_of_range("page_size", value, 0, MAX_PAGE_SIZE)),
    }
}

/// `page_token` of a list: the last name of the page before.
pub(crate) fn page_token(value: &str) -> Result<Option<String>, LeveeError> {
    if value.is_empty() {
        return Ok(None);
    }
    // The longest name of all that are listed.
    if value.len() > MAX_TOPIC_NAME || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        let hint = "give the next_page_token of the answer before, or nothing for the first page";
        return Err(invalid("page_token", "it is not one that an answer gave", hint));
    }
    Ok(Some(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{page_size, page_token};

    #[test]
    fn page_sizes_up_to_the_limit() {
        assert_eq!(page_size(0), Ok(100));
        assert_eq!(page_size(1), Ok(1));
        assert_eq!(page_size(1_000), Ok(1_000));
        assert!(page_size(1_001).is_err() && page_size(u32::MAX).is_err());
    }

    #[test]
    fn page_tokens_are_names() {
        assert_eq!(page_token(""), Ok(None));
        assert_eq!(page_token("orders"), Ok(Some("orders".to_owned())));
        assert!(page_token(&"x".repeat(249)).is_ok());
        assert!(page_token(&"x".repeat(250)).is_err());
        assert!(page_token("a\u{0}").is_err());
    }
}
