//! Users for people and for programs.

use crate::output::{Section, View};
use crate::units::show_time;
use levee_client::v1::{User, WhoAmIResponse};
use serde_json::{Value, json};

/// One user, without anything for people.
pub(super) fn view(tenant: &str, user: &User) -> View {
    View::of("user", json(tenant, user)).named([user.name.clone()])
}

/// One user.
pub(super) fn described(tenant: &str, user: &User) -> View {
    let fields = vec![
        ("Name", user.name.clone()),
        ("Tenant", if tenant.is_empty() { "none: an operator".to_owned() } else { tenant.to_owned() }),
        ("Admin", admin(user).to_owned()),
        ("State", state(user).to_owned()),
        ("Groups", user.groups.join(", ")),
        ("Certificates", user.certificates.join(", ")),
        ("Created", show_time(user.created_ms)),
    ];
    view(tenant, user).section(Section::Fields(fields))
}

/// A user for programs; the tenant of operators is null.
pub(super) fn json(tenant: &str, user: &User) -> Value {
    json!({
        "tenant": named(tenant),
        "name": user.name,
        "admin": user.admin,
        "disabled": user.disabled,
        "groups": user.groups,
        "certificates": user.certificates,
        "created_at": show_time(user.created_ms),
    })
}

/// Who asks.
pub(super) fn caller(caller: &WhoAmIResponse) -> View {
    let WhoAmIResponse { tenant, user, admin } = caller;
    let line = match (tenant.as_str(), admin) {
        ("", _) => format!("operator {user}"),
        (tenant, true) => format!("user {user} of tenant {tenant}, which it administers"),
        (tenant, false) => format!("user {user} of tenant {tenant}"),
    };
    let json = json!({"tenant": named(tenant), "user": user, "admin": admin});
    View::of("caller", json).named([user.clone()]).line(line)
}

pub(super) fn admin(user: &User) -> &'static str {
    if user.admin { "yes" } else { "no" }
}

pub(super) fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "enabled" }
}

fn named(tenant: &str) -> Option<&str> {
    Some(tenant).filter(|tenant| !tenant.is_empty())
}
