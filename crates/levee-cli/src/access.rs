//! Access to topics and groups as people write and read it: operations with commas, and topics by name or, with a `*`
//! at the end, by what their names begin with; groups the same, behind `group:`.

use levee_client::v1::{GroupPattern, TokenScope, TopicPattern, group_pattern, topic_pattern};
use levee_types::acl::{AclOperation, Pattern, ResourceKind, UnknownOperation};
use serde_json::{Value, json};

/// Operations that were given together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operations {
    /// Whatever can be done.
    All,
    /// These, each once.
    These(Vec<AclOperation>),
}

impl Operations {
    /// Those on topics or on groups, as they are sent.
    pub(crate) fn on(&self, kind: ResourceKind) -> Vec<i32> {
        match self {
            Self::All => kind.operations().iter().map(|operation| operation as i32).collect(),
            Self::These(these) => these.iter().map(|operation| *operation as i32).collect(),
        }
    }
}

/// The operation of this name.
///
/// # Errors
/// Says which there are.
pub(crate) fn parse_operation(text: &str) -> Result<AclOperation, String> {
    text.parse().map_err(|error: UnknownOperation| error.to_string())
}

/// Operations with commas between them, or `all`.
///
/// # Errors
/// As [`parse_operation`].
pub(crate) fn parse_operations(text: &str) -> Result<Operations, String> {
    if text == "all" {
        return Ok(Operations::All);
    }
    let mut operations = Vec::new();
    for name in text.split(',') {
        let operation = parse_operation(name)?;
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    Ok(Operations::These(operations))
}

/// What a token may do, such as `produce,consume:orders.*` or `consume:group:billing`.
///
/// # Errors
/// Says how it is written.
pub(crate) fn parse_scope(text: &str) -> Result<TokenScope, String> {
    let Some((operations, resources)) = text.split_once(':') else {
        return Err(format!(
            "{text:?} is not OPERATIONS:TOPICS, as produce,consume:orders.*, nor OPERATIONS:group:GROUPS"
        ));
    };
    let operations = parse_operations(operations)?;
    let (kind, names) = match resources.strip_prefix(GROUPS) {
        Some(groups) => (ResourceKind::Group, groups),
        None => (ResourceKind::Topic, resources),
    };
    let resources = match names.strip_suffix('*') {
        Some(prefix) => Resources::beginning_with(kind, prefix)?,
        None => Resources::named(kind, names)?,
    };
    Ok(TokenScope { operations: operations.on(kind), topics: resources.topics, groups: resources.groups })
}

/// Before groups. No name of a topic has a colon.
const GROUPS: &str = "group:";

/// What a rule or a scope is about, as it is sent: topics or groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resources {
    pub(crate) topics: Option<TopicPattern>,
    pub(crate) groups: Option<GroupPattern>,
}

impl Resources {
    /// The topic or the group of exactly this name.
    ///
    /// # Errors
    /// None can have it.
    pub(crate) fn named(kind: ResourceKind, name: &str) -> Result<Self, String> {
        Pattern::name(kind, name).map(Self::from).map_err(|error| error.to_string())
    }

    /// Every topic or group whose name begins with this; empty: every one.
    ///
    /// # Errors
    /// No name can begin so.
    pub(crate) fn beginning_with(kind: ResourceKind, prefix: &str) -> Result<Self, String> {
        Pattern::prefix(kind, prefix).map(Self::from).map_err(|error| error.to_string())
    }
}

impl From<Pattern> for Resources {
    fn from(pattern: Pattern) -> Self {
        let text = pattern.text().to_owned();
        match pattern.kind() {
            ResourceKind::Topic => {
                use topic_pattern::Kind;
                let kind = if pattern.is_prefix() { Kind::Prefix(text) } else { Kind::Name(text) };
                Self { topics: Some(TopicPattern { kind: Some(kind) }), groups: None }
            }
            ResourceKind::Group => {
                use group_pattern::Kind;
                let kind = if pattern.is_prefix() { Kind::Prefix(text) } else { Kind::Name(text) };
                Self { topics: None, groups: Some(GroupPattern { kind: Some(kind) }) }
            }
        }
    }
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

/// A text that the server sent, and whether it is a prefix.
fn of_topics(pattern: &TopicPattern) -> Option<(&str, bool)> {
    pattern.kind.as_ref().map(|kind| match kind {
        topic_pattern::Kind::Name(name) => (name.as_str(), false),
        topic_pattern::Kind::Prefix(prefix) => (prefix.as_str(), true),
    })
}

fn of_groups(pattern: &GroupPattern) -> Option<(&str, bool)> {
    pattern.kind.as_ref().map(|kind| match kind {
        group_pattern::Kind::Name(name) => (name.as_str(), false),
        group_pattern::Kind::Prefix(prefix) => (prefix.as_str(), true),
    })
}

/// Topics or groups that the server sent.
pub(crate) fn show_resources(topics: Option<&TopicPattern>, groups: Option<&GroupPattern>) -> String {
    let (before, pattern) = match groups {
        Some(groups) => (GROUPS, of_groups(groups)),
        None => ("", topics.and_then(of_topics)),
    };
    match pattern {
        Some((name, false)) => format!("{before}{name}"),
        Some((prefix, true)) => format!("{before}{prefix}*"),
        None => "unknown".to_owned(),
    }
}

/// What a token may do.
pub(crate) fn show_scope(scope: &TokenScope) -> String {
    let resources = show_resources(scope.topics.as_ref(), scope.groups.as_ref());
    format!("{}:{resources}", show_operations(&scope.operations))
}

/// Operations for programs.
pub(crate) fn operations_json(numbers: &[i32]) -> Value {
    json!(operation_names(numbers))
}

/// Topics for programs: `name` or `prefix`, the other is null; null when groups are meant.
pub(crate) fn topics_json(pattern: Option<&TopicPattern>) -> Value {
    pattern.map_or(Value::Null, |pattern| pattern_json(of_topics(pattern)))
}

/// Groups for programs, in the same way.
pub(crate) fn groups_json(pattern: Option<&GroupPattern>) -> Value {
    pattern.map_or(Value::Null, |pattern| pattern_json(of_groups(pattern)))
}

fn pattern_json(pattern: Option<(&str, bool)>) -> Value {
    let of = |wanted| pattern.filter(|(_, is_prefix)| *is_prefix == wanted).map(|(text, _)| text);
    json!({"name": of(false), "prefix": of(true)})
}

#[cfg(test)]
mod tests;
