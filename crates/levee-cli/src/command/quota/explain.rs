//! `levee quota explain`

use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::quota;
use crate::session::Session;
use crate::units::{show_duration, show_time};
use levee_client::v1::{QuotaEvent, QuotaLevel};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn run(tenant: Option<&str>, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("TIME"),
        Column::text("QUOTA"),
        Column::text("LEVEL"),
        Column::number("LIMIT"),
        Column::text("OUTCOME"),
        Column::text("USER"),
        Column::text("TOPIC"),
        Column::text("REQUEST").wide(),
    ];
    let scope = super::scope(tenant, session).await?;
    let events = session.ask(scope.admin().explain_quotas(&scope.tenant)).await?;
    let rows = events.iter().map(|event| {
        vec![
            show_time(event.time_ms),
            quota::show_dimension(event.dimension).to_owned(),
            level(event.level()).to_owned(),
            quota::show_amount(event.dimension, event.limit),
            outcome(event),
            event.user.clone(),
            event.topic.clone(),
            event.request_id.clone(),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    let view = View::of("events", events.iter().map(json_of).collect())
        .with("tenant", json!(scope.tenant))
        .named(events.iter().map(|event| event.request_id.clone()));
    if events.is_empty() {
        return Ok(view.line(format!("no quota of tenant {} held anything up lately", scope.tenant)));
    }
    Ok(view.section(section))
}

fn outcome(event: &QuotaEvent) -> String {
    match event.delay_ms {
        0 => "refused".to_owned(),
        delay_ms => format!("delayed {}", show_duration(Duration::from_millis(delay_ms.into()))),
    }
}

fn level(level: QuotaLevel) -> &'static str {
    match level {
        QuotaLevel::Node => "node",
        QuotaLevel::Tenant => "tenant",
        QuotaLevel::User => "user",
        QuotaLevel::Topic => "topic",
        QuotaLevel::Unspecified => "unknown",
    }
}

fn json_of(event: &QuotaEvent) -> Value {
    json!({
        "time": show_time(event.time_ms),
        "request_id": event.request_id,
        "user": event.user,
        "topic": Some(&event.topic).filter(|topic| !topic.is_empty()),
        "dimension": quota::show_dimension(event.dimension),
        "level": level(event.level()),
        "limit": event.limit,
        "delay_ms": event.delay_ms,
        "action": quota::show_action(event.action),
    })
}
