//! `levee tenant usage`

use crate::cli::tenant::UsageArgs;
use crate::failure::Failure;
use crate::output::{self, Column, Section, View};
use crate::session::{Scope, Session};
use crate::units::{show_size, show_time};
use levee_client::v1::HourlyUsage;
use levee_types::TenantName;
use serde_json::{Value, json};
pub(in crate::command) use spans::Spans;
use std::fmt::Write as _;

mod spans;

pub(super) async fn run(args: &UsageArgs, session: &Session) -> Result<View, Failure> {
    let spans = Spans::new(args.from, args.to, session.clock().unix_ms())?;
    let named = args.name.as_deref().map(TenantName::new).transpose()?;
    let scope = session.tenant_or_own(named.as_ref()).await?;
    let hours = hours(&scope, &spans, session).await?;
    if args.csv {
        output::write_all(csv(&scope.tenant, &hours).as_bytes())?;
        return Ok(View::default());
    }
    Ok(show(&scope.tenant, &spans, &hours))
}

/// What the tenant used, hour by hour.
///
/// # Errors
/// As [`Session::ask`].
pub(in crate::command) async fn hours(
    scope: &Scope,
    spans: &Spans,
    session: &Session,
) -> Result<Vec<HourlyUsage>, Failure> {
    let admin = scope.admin();
    let mut hours = Vec::new();
    for (from_ms, to_ms) in spans.requests() {
        hours.extend(session.ask(admin.list_usage(&scope.tenant, from_ms, to_ms)).await?);
    }
    Ok(hours)
}

fn show(tenant: &str, spans: &Spans, hours: &[HourlyUsage]) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("HOUR"),
        Column::number("IN"),
        Column::number("RECORDS IN"),
        Column::number("OUT"),
        Column::number("RECORDS OUT"),
        Column::number("REQUESTS"),
        Column::number("STORED"),
        Column::number("CONNECTIONS"),
    ];
    let total = total(hours);
    let mut rows: Vec<_> = hours.iter().map(|hour| row(show_time(hour.hour_ms), hour)).collect();
    rows.push(row("total".to_owned(), &total));
    let hours = hours.iter().map(|hour| with("hour", json!(show_time(hour.hour_ms)), json(hour)));
    let usage = json!({
        "tenant": tenant,
        "from": show_time(spans.from_ms),
        "to": show_time(spans.to_ms),
        "hours": hours.collect::<Vec<_>>(),
        "total": json(&total),
    });
    View::of("usage", usage).named([tenant.to_owned()]).section(Section::Rows { columns: COLUMNS, rows })
}

fn row(name: String, used: &HourlyUsage) -> Vec<String> {
    vec![
        name,
        show_size(used.bytes_in),
        used.records_in.to_string(),
        show_size(used.bytes_out),
        used.records_out.to_string(),
        used.requests.to_string(),
        show_byte_hours(used.stored_byte_hours),
        used.peak_connections.to_string(),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a fraction of a byte is not shown, and the cast saturates"
)]
fn show_byte_hours(byte_hours: f64) -> String {
    format!("{} h", show_size(byte_hours as u64))
}

fn json(used: &HourlyUsage) -> Value {
    json!({
        "bytes_in": used.bytes_in,
        "records_in": used.records_in,
        "stored_byte_hours": used.stored_byte_hours,
        "bytes_out": used.bytes_out,
        "records_out": used.records_out,
        "requests": used.requests,
        "peak_connections": used.peak_connections,
    })
}

fn with(key: &str, value: Value, mut object: Value) -> Value {
    object[key] = value;
    object
}

/// All of it: sums, but of the connections the most that were open at once.
fn total(hours: &[HourlyUsage]) -> HourlyUsage {
    hours.iter().fold(HourlyUsage::default(), |total, hour| HourlyUsage {
        hour_ms: 0,
        bytes_in: total.bytes_in.saturating_add(hour.bytes_in),
        records_in: total.records_in.saturating_add(hour.records_in),
        stored_byte_hours: total.stored_byte_hours + hour.stored_byte_hours,
        bytes_out: total.bytes_out.saturating_add(hour.bytes_out),
        records_out: total.records_out.saturating_add(hour.records_out),
        requests: total.requests.saturating_add(hour.requests),
        peak_connections: total.peak_connections.max(hour.peak_connections),
    })
}

/// A header, and a line for each hour. Nothing in it needs quotes: names of tenants and times have neither
/// commas nor quotes.
fn csv(tenant: &str, hours: &[HourlyUsage]) -> String {
    let mut text = "tenant,hour,bytes_in,records_in,stored_byte_hours,bytes_out,records_out,requests,\
                    peak_connections\n"
        .to_owned();
    for used in hours {
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{tenant},{},{},{},{},{},{},{},{}",
            show_time(used.hour_ms),
            used.bytes_in,
            used.records_in,
            used.stored_byte_hours,
            used.bytes_out,
            used.records_out,
            used.requests,
            used.peak_connections
        );
    }
    text
}

#[cfg(test)]
mod tests;
