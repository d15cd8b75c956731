//! Access to topics as people write and read it: operations with commas, and topics by name or, with a `*` at
//! the end, by what their names begin with.

use levee_client::v1::topic_pattern::Kind;
use levee_client::v1::{TokenScope, TopicPattern};
use levee_types::acl::{self, AclOperation};
use serde_json::{Value, json};

/// The operation of this name.
///
/// # Errors
/// Says which there are.
pub(crate) fn parse_operation(text: &str) -> Result<AclOperation, String> {
    text.parse().map_err(|error: acl::UnknownOperation| error.to_string())
}

/// Operations with commas between them, or `all`; each once.
///
/// # Errors
/// As [`parse_operation`].
pub(crate) fn parse_operations(text: &str) -> Result<Vec<AclOperation>, String> {
    if text == "all" {
        return Ok(AclOperation::ALL.to_vec());
    }
    let mut operations = Vec::new();
    for name in text.split(',') {
        let operation = parse_operation(name)?;
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    Ok(operations)
}

/// What a token may do, such as `produce,consume:orders.*`.
///
/// # Errors
/// Says how it is written.
pub(crate) fn parse_scope(text: &str) -> Result<TokenScope, String> {
    let Some((operations, topics)) = text.split_once(':') else {
        return Err(format!("{text:?} is not OPERATIONS:TOPICS, as produce,consume:orders.*"));
    };
    let operations = numbers(&parse_operations(operations)?);
    let topics = match topics.strip_suffix('*') {
        Some(prefix) => prefix_pattern(prefix)?,
        None => name_pattern(topics)?,
    };
    Ok(TokenScope { operations, topics: Some(topics) })
}

/// As they are sent.
pub(crate) fn numbers(operations: &[AclOperation]) -> Vec<i32> {
    operations.iter().map(|operation| *operation as i32).collect()
}

/// The topic of exactly this name.
///
/// # Errors
/// No topic can have it.
pub(crate) fn name_pattern(name: &str) -> Result<TopicPattern, String> {
    acl::TopicPattern::name(name).map(to_message).map_err(|error| error.to_string())
}

/// Every topic whose name begins with this; empty: every topic.
///
/// # Errors
/// No name of a topic can begin so.
pub(crate) fn prefix_pattern(prefix: &str) -> Result<TopicPattern, String> {
    acl::TopicPattern::prefix(prefix).map(to_message).map_err(|error| error.to_string())
}

fn to_message(pattern: acl::TopicPattern) -> TopicPattern {
    let kind = match pattern {
        acl::TopicPattern::Name(name) => Kind::Name(name.to_string()),
        acl::TopicPattern::Prefix(prefix) => Kind::Prefix(prefix.as_str().to_owned()),
    };
    TopicPattern { kind: Some(kind) }
}

/// Operations that the server sent, with commas.
pub(crate) fn show_operations(numbers: &[i32]) -> String {
    operation_names(numbers).join(",")
}

fn operation_names(numbers: &[i32]) -> Vec<&'static str> {
    numbers
        .iter()
        .map(|number| AclOperation::from_number(*number).map_or("unknown", AclOperation::name))
        .collect()
}

/// Topics that the server sent.
pub(crate) fn show_topics(pattern: Option<&TopicPattern>) -> String {
    match pattern.and_then(|pattern| pattern.kind.as_ref()) {
        Some(Kind::Name(name)) => name.clone(),
        Some(Kind::Prefix(prefix)) => format!("{prefix}*"),
        None => "unknown".to_owned(),
    }
}

/// What a token may do.
pub(crate) fn show_scope(scope: &TokenScope) -> String {
    format!("{}:{}", show_operations(&scope.operations), show_topics(scope.topics.as_ref()))
}

/// Operations for programs.
pub(crate) fn operations_json(numbers: &[i32]) -> Value {
    json!(operation_names(numbers))
}

/// Topics for programs: `name` or `prefix`, the other is null.
pub(crate) fn topics_json(pattern: Option<&TopicPattern>) -> Value {
    let (name, prefix) = match pattern.and_then(|pattern| pattern.kind.as_ref()) {
        Some(Kind::Name(name)) => (Some(name), None),
        Some(Kind::Prefix(prefix)) => (None, Some(prefix)),
        None => (None, None),
    };
    json!({"name": name, "prefix": prefix})
}

#[cfg(test)]
mod tests;
