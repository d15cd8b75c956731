//! Operations with what they are done to, as access rules, scopes of tokens and questions about them have it.

use super::{group_name, invalid, topic_name};
use levee_proto::v1;
use levee_proto::v1::{group_pattern, topic_pattern};
use levee_types::LeveeError;
use levee_types::acl::{AclOperation, AclOperations, Pattern, Resource, ResourceKind};

/// What is done with a topic or a group.
pub(crate) fn acl_operation(field: &str, value: i32) -> Result<AclOperation, LeveeError> {
    let known = || AclOperation::ALL.map(|known| format!("{} {}", known as i32, known.name())).join(", ");
    AclOperation::from_number(value)
        .ok_or_else(|| invalid(field, format!("{value} is no operation"), format!("there are: {}", known())))
}

/// At least one operation.
fn acl_operations(field: &str, values: &[i32]) -> Result<AclOperations, LeveeError> {
    let operations = values.iter().map(|value| acl_operation(field, *value));
    let operations: Vec<_> = operations.collect::<Result<_, _>>()?;
    AclOperations::new(operations)
        .ok_or_else(|| invalid(field, "there is none", "name at least one, such as 1 for produce"))
}

/// Whether these can be done with what is meant.
fn check_possible(field: &str, operations: AclOperations, kind: ResourceKind) -> Result<(), LeveeError> {
    let Some(impossible) = operations.without(kind.operations()) else { return Ok(()) };
    let problem = format!("there is no such operation on a {}: {impossible}", kind.name());
    Err(invalid(field, problem, format!("there are: {}", kind.operations())))
}

/// Operations on topics or on groups: `operations`, and one of `topics` and `groups`. `field` names a field of the
/// message that has them.
pub(crate) fn operations_on(
    field: impl Fn(&str) -> String,
    operations: &[i32],
    topics: Option<&v1::TopicPattern>,
    groups: Option<&v1::GroupPattern>,
) -> Result<(AclOperations, Pattern), LeveeError> {
    let operations = acl_operations(&field("operations"), operations)?;
    let resources = match (topics, groups) {
        (None, None) => {
            return Err(invalid(&field("topics"), "it is missing", "give topics, or groups instead"));
        }
        (Some(_), Some(_)) => {
            let hint = "give one of them, and the other one in another rule or scope";
            return Err(invalid(&field("groups"), "there are topics too", hint));
        }
        (Some(topics), None) => pattern(ResourceKind::Topic, &field("topics"), of_topics(topics))?,
        (None, Some(groups)) => pattern(ResourceKind::Group, &field("groups"), of_groups(groups))?,
    };
    check_possible(&field("operations"), operations, resources.kind())?;
    Ok((operations, resources))
}

/// The text of a pattern, and whether it is a prefix.
fn of_topics(pattern: &v1::TopicPattern) -> Option<(&str, bool)> {
    pattern.kind.as_ref().map(|kind| match kind {
        topic_pattern::Kind::Name(name) => (name.as_str(), false),
        topic_pattern::Kind::Prefix(prefix) => (prefix.as_str(), true),
    })
}

fn of_groups(pattern: &v1::GroupPattern) -> Option<(&str, bool)> {
    pattern.kind.as_ref().map(|kind| match kind {
        group_pattern::Kind::Name(name) => (name.as_str(), false),
        group_pattern::Kind::Prefix(prefix) => (prefix.as_str(), true),
    })
}

fn pattern(kind: ResourceKind, field: &str, given: Option<(&str, bool)>) -> Result<Pattern, LeveeError> {
    let hint = || format!("give a name, or a prefix, which is empty for all {}s", kind.name());
    match given {
        None => Err(invalid(field, "it is missing", hint())),
        Some((prefix, true)) => {
            Pattern::prefix(kind, prefix).map_err(|error| invalid(&format!("{field}.prefix"), error, hint()))
        }
        Some((name, false)) => {
            Pattern::name(kind, name).map_err(|error| invalid(&format!("{field}.name"), error, hint()))
        }
    }
}

/// What is meant, for a client: one of the two.
pub(crate) fn resources_to_proto(pattern: &Pattern) -> (Option<v1::TopicPattern>, Option<v1::GroupPattern>) {
    let text = pattern.text().to_owned();
    match pattern.kind() {
        ResourceKind::Topic => {
            use topic_pattern::Kind;
            let kind = if pattern.is_prefix() { Kind::Prefix(text) } else { Kind::Name(text) };
            (Some(v1::TopicPattern { kind: Some(kind) }), None)
        }
        ResourceKind::Group => {
            use group_pattern::Kind;
            let kind = if pattern.is_prefix() { Kind::Prefix(text) } else { Kind::Name(text) };
            (None, Some(v1::GroupPattern { kind: Some(kind) }))
        }
    }
}

/// An operation with a topic or a group: `operation`, and one of `topic` and `group`.
pub(crate) fn operation_on<'a>(
    operation: i32,
    topic: &'a str,
    group: &'a str,
) -> Result<(AclOperation, Resource<'a>), LeveeError> {
    let operation = acl_operation("operation", operation)?;
    let what = match (topic, group) {
        (topic, "") => {
            topic_name("topic", topic)?;
            Resource::topic(topic)
        }
        ("", group) => {
            group_name("group", group)?;
            Resource::group(group)
        }
        _ => return Err(invalid("group", "there is a topic too", "ask about one of them")),
    };
    check_possible("operation", operation.into(), what.kind)?;
    Ok((operation, what))
}

#[cfg(test)]
mod tests;
