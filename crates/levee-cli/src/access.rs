//! Access to topics as people write and read it: operations with commas, and topics by name or, with a `*` at
//! the end, by what their names begin with.

use levee_client::v1::topic_pattern::Kind;
use levee_client::v1::{AclOperation, TokenScope, TopicPattern};
use levee_types::TopicName;
use serde_json::{Value, json};

/// Every operation, as it is called.
const OPERATIONS: [(&str, AclOperation); 8] = [
    ("produce", AclOperation::Produce),
    ("consume", AclOperation::Consume),
    ("list", AclOperation::List),
    ("describe", AclOperation::Describe),
    ("create", AclOperation::Create),
    ("delete", AclOperation::Delete),
    ("alter", AclOperation::Alter),
    ("trim", AclOperation::Trim),
];

/// The operation of this name.
///
/// # Errors
/// Says which there are.
pub(crate) fn parse_operation(text: &str) -> Result<AclOperation, String> {
    let found = OPERATIONS.iter().find(|(name, _)| *name == text);
    found.map(|(_, operation)| *operation).ok_or_else(|| {
        let known: Vec<_> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        format!("there is no operation {text:?}: there are {}", known.join(", "))
    })
}

/// Operations with commas between them, or `all`; each once.
///
/// # Errors
/// As [`parse_operation`].
pub(crate) fn parse_operations(text: &str) -> Result<Vec<AclOperation>, String> {
    if text == "all" {
        return Ok(OPERATIONS.iter().map(|(_, operation)| *operation).collect());
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
    let operations = parse_operations(operations)?.into_iter().map(Into::into).collect();
    let topics = match topics.strip_suffix('*') {
        Some(prefix) => prefix_pattern(prefix)?,
        None => name_pattern(topics)?,
    };
    Ok(TokenScope { operations, topics: Some(topics) })
}

/// The topic of exactly this name.
///
/// # Errors
/// No topic can have it.
pub(crate) fn name_pattern(name: &str) -> Result<TopicPattern, String> {
    let name = TopicName::new(name).map_err(|error| error.to_string())?;
    Ok(TopicPattern { kind: Some(Kind::Name(name.to_string())) })
}

/// Every topic whose name begins with this; empty: every topic.
///
/// # Errors
/// No name of a topic can begin so.
pub(crate) fn prefix_pattern(prefix: &str) -> Result<TopicPattern, String> {
    // `.` and `..` are no names, but others begin so.
    if !matches!(prefix, "" | "." | "..") {
        TopicName::new(prefix).map_err(|error| error.to_string())?;
    }
    Ok(TopicPattern { kind: Some(Kind::Prefix(prefix.to_owned())) })
}

/// Operations that the server sent, with commas.
pub(crate) fn show_operations(numbers: &[i32]) -> String {
    operation_names(numbers).join(",")
}

fn operation_names(numbers: &[i32]) -> Vec<&'static str> {
    let name = |number: &i32| {
        let found = OPERATIONS.iter().find(|(_, operation)| *operation as i32 == *number);
        found.map_or("unknown", |(name, _)| *name)
    };
    numbers.iter().map(name).collect()
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
