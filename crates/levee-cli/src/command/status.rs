//! `levee status`

use crate::failure::Failure;
use crate::output::{Section, View};
use crate::session::Session;
use crate::units::{show_duration, show_size};
use levee_client::v1::{GetStatusResponse, ShardState};
use levee_types::ErrorCode;
use serde_json::json;
use std::time::Duration;

pub(super) async fn run(session: &Session) -> Result<View, Failure> {
    let client = session.operator()?;
    let status = session.ask(client.admin().status()).await?;
    let (state, code) = match status.state() {
        ShardState::Serving => ("serving", None),
        ShardState::Full => ("full", Some(ErrorCode::StorageFull)),
        ShardState::Failed => ("failed", Some(ErrorCode::StorageFailed)),
        ShardState::Unspecified => ("unknown", Some(ErrorCode::Internal)),
    };
    let view = show(&status, state);
    match code {
        None => Ok(view),
        Some(code) => {
            Err(Failure::server(code, format!("the server is {state}: {}", status.reason)).showing(view))
        }
    }
}

fn show(status: &GetStatusResponse, state: &str) -> View {
    let journal = status.journal.unwrap_or_default();
    let entries = format!(
        "{} durable, {} of them in the index on disk",
        journal.durable_sequence, journal.flushed_sequence
    );
    let fields = vec![
        ("State", state.to_owned()),
        ("Version", status.version.clone()),
        ("Up for", show_duration(Duration::from_millis(status.uptime_ms))),
        ("Tenants", status.tenants.to_string()),
        ("Topics", status.topics.to_string()),
        ("Journal", show_size(journal.bytes)),
        ("Segments", journal.segments.to_string()),
        ("Entries", entries),
        ("Disk free", show_size(status.disk_free_bytes)),
    ];
    let json = json!({
        "state": state,
        "reason": status.reason,
        "version": status.version,
        "uptime_ms": status.uptime_ms,
        "tenants": status.tenants,
        "topics": status.topics,
        "journal": {
            "segments": journal.segments,
            "bytes": journal.bytes,
            "durable_sequence": journal.durable_sequence,
            "flushed_sequence": journal.flushed_sequence,
        },
        "disk_free_bytes": status.disk_free_bytes,
    });
    View::of("status", json).named([state.to_owned()]).section(Section::Fields(fields))
}
