//! Tokens, without their secrets, for people and for programs.

use crate::access;
use crate::output::{Section, View};
use crate::units::show_time;
use levee_client::v1::Token;
use serde_json::{Value, json};

/// One token.
pub(super) fn described(token: &Token) -> View {
    let fields = vec![
        ("Id", token.id.clone()),
        ("User", token.user.clone()),
        ("Scopes", scopes(token)),
        ("Expires", expires(token)),
        ("Created", show_time(token.created_ms)),
        ("Description", token.description.clone()),
    ];
    View::of("token", json(token)).named([token.id.clone()]).section(Section::Fields(fields))
}

/// A token for programs.
pub(super) fn json(token: &Token) -> Value {
    let scopes = token.scopes.iter().map(|scope| {
        json!({
            "operations": access::operations_json(&scope.operations),
            "topics": access::topics_json(scope.topics.as_ref()),
            "groups": access::groups_json(scope.groups.as_ref()),
        })
    });
    json!({
        "id": token.id,
        "user": token.user,
        "created_at": show_time(token.created_ms),
        "expires_at": token.expires_ms.map(show_time),
        "scopes": scopes.collect::<Vec<_>>(),
        "description": token.description,
    })
}

pub(super) fn scopes(token: &Token) -> String {
    let scopes: Vec<_> = token.scopes.iter().map(access::show_scope).collect();
    if scopes.is_empty() { "all of its user".to_owned() } else { scopes.join(" ") }
}

pub(super) fn expires(token: &Token) -> String {
    token.expires_ms.map_or_else(|| "never".to_owned(), show_time)
}
