//! Tenants for people and for programs.

use crate::command::topic::properties;
use crate::output::View;
use crate::units::{show_size, show_time};
use levee_client::v1::{Tenant, TenantState};
use serde_json::{Value, json};

/// One tenant, without anything for people.
pub(in crate::command) fn view(tenant: &Tenant) -> View {
    View::of("tenant", json(tenant)).named([tenant.name.clone()])
}

/// One tenant for people.
pub(super) fn fields(tenant: &Tenant) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("Name", tenant.name.clone()),
        ("State", state(tenant.state()).to_owned()),
        ("Plan", tenant.plan.clone()),
        ("Topics", tenant.topics.to_string()),
        ("Partitions", tenant.partitions.to_string()),
        ("Stored", show_size(tenant.stored_bytes)),
        ("Created", show_time(tenant.created_ms)),
        ("Id", tenant.id.to_string()),
    ];
    for (property, title) in [("retention.bytes", "Retention size"), ("retention.ms", "Retention")] {
        if let Some(value) = tenant.topic_defaults.get(property) {
            fields.insert(6, (title, properties::show(property, value)));
        }
    }
    if let Some(delete_at_ms) = tenant.delete_at_ms {
        fields.insert(2, ("Gone at", show_time(delete_at_ms)));
    }
    fields
}

/// A tenant for programs.
pub(super) fn json(tenant: &Tenant) -> Value {
    json!({
        "name": tenant.name,
        "id": tenant.id,
        "created_at": show_time(tenant.created_ms),
        "state": state(tenant.state()),
        "delete_at": tenant.delete_at_ms.map(show_time),
        "plan": tenant.plan,
        "topics": tenant.topics,
        "partitions": tenant.partitions,
        "stored_bytes": tenant.stored_bytes,
        "topic_defaults": tenant.topic_defaults,
    })
}

/// The name of a state.
pub(super) fn state(state: TenantState) -> &'static str {
    match state {
        TenantState::Active => "active",
        TenantState::ReadOnly => "read-only",
        TenantState::Frozen => "frozen",
        TenantState::Deleting => "deleting",
        TenantState::Importing => "importing",
        TenantState::Unspecified => "unknown",
    }
}
