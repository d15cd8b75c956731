//! Between messages and what storage takes and gives.

use crate::authorize::{InTenant, Permit};
use crate::fields::{invalid, operations_on, resources_to_proto};
use levee_proto::v1;
use levee_storage::{Token, User};
use levee_types::acl::TokenScope;
use levee_types::limits::{
    MAX_CERTIFICATE_NAME, MAX_CERTIFICATES_PER_USER, MAX_GROUPS_PER_USER, MAX_SCOPES_PER_TOKEN,
};
use levee_types::{LeveeError, UserGroup};

/// The groups of a user, each once.
pub(in crate::services) fn groups(names: &[String]) -> Result<Vec<UserGroup>, LeveeError> {
    if names.len() > MAX_GROUPS_PER_USER {
        let problem = format!("there are {}; a user is in at most {MAX_GROUPS_PER_USER}", names.len());
        return Err(invalid("groups", problem, "give fewer"));
    }
    let mut groups = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let group = UserGroup::new(name)
            .map_err(|error| invalid(&format!("groups[{index}]"), error, "give another name"))?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// The names of a user's client certificates, each once. They belong to one user of the whole broker, so a tenant
/// that could take one could lock another out, or learn of it.
pub(super) fn certificates(permit: &Permit<InTenant>, names: &[String]) -> Result<Vec<String>, LeveeError> {
    if !names.is_empty() {
        permit.require_operator("certificates are given to users by operators")?;
    }
    certificate_names(names)
}

/// The same, given by an operator.
pub(in crate::services) fn certificate_names(names: &[String]) -> Result<Vec<String>, LeveeError> {
    if names.len() > MAX_CERTIFICATES_PER_USER {
        let problem = format!("there are {}; a user has at most {MAX_CERTIFICATES_PER_USER}", names.len());
        return Err(invalid("certificates", problem, "give fewer"));
    }
    let mut certificates: Vec<String> = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        certificate_name(&format!("certificates[{index}]"), name)?;
        if !certificates.contains(name) {
            certificates.push(name.clone());
        }
    }
    Ok(certificates)
}

/// Whether it can be the name of a client certificate.
pub(in crate::services) fn certificate_name(field: &str, name: &str) -> Result<(), LeveeError> {
    let is_name = (name.starts_with("URI:") || name.starts_with("DNS:"))
        && (5..=MAX_CERTIFICATE_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_name {
        return Ok(());
    }
    let problem = "it is not the subject alternative name of a certificate";
    Err(invalid(field, problem, "write URI:spiffe://... or DNS:host.example.org"))
}

/// What a token may do at most.
pub(super) fn scopes(scopes: &[v1::TokenScope]) -> Result<Vec<TokenScope>, LeveeError> {
    if scopes.len() > MAX_SCOPES_PER_TOKEN {
        let problem = format!("there are {}; a token has at most {MAX_SCOPES_PER_TOKEN}", scopes.len());
        return Err(invalid("scopes", problem, "give fewer"));
    }
    let scope = |(index, scope): (usize, &v1::TokenScope)| {
        let field = |name: &str| format!("scopes[{index}].{name}");
        let (operations, resources) =
            operations_on(field, &scope.operations, scope.topics.as_ref(), scope.groups.as_ref())?;
        Ok(TokenScope { operations, resources })
    };
    scopes.iter().enumerate().map(scope).collect()
}

pub(in crate::services) fn user_to_proto(user: &User) -> v1::User {
    v1::User {
        name: user.name.to_string(),
        admin: user.is_admin,
        disabled: user.is_disabled,
        groups: user.groups.iter().map(ToString::to_string).collect(),
        certificates: user.certificates.clone(),
        created_ms: user.created_ms,
    }
}

pub(super) fn token_to_proto(token: &Token, user: &str) -> v1::Token {
    let scope = |scope: &TokenScope| {
        let (topics, groups) = resources_to_proto(&scope.resources);
        let operations = scope.operations.iter().map(|operation| operation as i32).collect();
        v1::TokenScope { operations, topics, groups }
    };
    v1::Token {
        id: token.id.to_string(),
        user: user.to_owned(),
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        scopes: token.scopes.iter().map(scope).collect(),
        description: token.description.clone(),
    }
}
