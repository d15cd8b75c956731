//! One round of `levee top`: the lines in their order, for people and for programs.

use super::rates::Amounts;
use super::source::{Line, Reading};
use crate::cli::top::{By, Sort, TopArgs};
use crate::output::{Column, Section, View};
use crate::units::{show_duration, show_size};
use levee_client::v1::TenantCounters;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::time::Duration;

/// A line and its rates; none as long as it was seen only once.
type Measured<'a> = (&'a Line, Option<Amounts>);

pub(super) fn round(args: &TopArgs, reading: &Reading, rates: &[Option<Amounts>]) -> View {
    let mut lines: Vec<Measured<'_>> = reading.lines.iter().zip(rates.iter().copied()).collect();
    lines.sort_by(|a, b| {
        (Reverse(key(args.sort, a)), &a.0.name).cmp(&(Reverse(key(args.sort, b)), &b.0.name))
    });
    let has_more = reading.has_more || lines.len() > args.limit as usize;
    lines.truncate(args.limit as usize);
    let Kind { name, columns, row, json } = match args.by {
        By::Tenant => TENANTS,
        By::Topic => TOPICS,
    };
    let interval_ms = u64::try_from(args.interval.as_millis()).unwrap_or(u64::MAX);
    let view = View::of(name, lines.iter().map(json).collect())
        .with("interval_ms", json!(interval_ms))
        .with("has_more", json!(has_more))
        .named(lines.iter().map(|(line, _)| line.name.clone()))
        .section(Section::Rows { columns, rows: lines.iter().map(row).collect() });
    if has_more { view.line("there are more than these: see --limit") } else { view }
}

/// How lines of one kind look.
struct Kind {
    /// What they are called for programs.
    name: &'static str,
    columns: &'static [Column],
    row: fn(&Measured<'_>) -> Vec<String>,
    json: fn(&Measured<'_>) -> Value,
}

const TENANTS: Kind = Kind { name: "tenants", columns: TENANT_COLUMNS, row: tenant_row, json: tenant_json };
const TOPICS: Kind = Kind { name: "topics", columns: TOPIC_COLUMNS, row: topic_row, json: topic_json };

/// What a line is sorted by; nothing for names.
fn key(sort: Sort, (line, rates): &Measured<'_>) -> u64 {
    let rates = rates.unwrap_or_default();
    let of = |open: fn(&TenantCounters) -> u64| line.tenant.as_ref().map_or(0, open);
    match sort {
        Sort::In => rates.bytes_in,
        Sort::Out => rates.bytes_out,
        Sort::RecordsIn => rates.records_in,
        Sort::RecordsOut => rates.records_out,
        Sort::Requests => rates.requests,
        Sort::Throttled => rates.throttled_ms,
        Sort::Connections => of(|tenant| tenant.connections),
        Sort::Streams => of(|tenant| tenant.streams),
        Sort::Stored => line.stored_bytes,
        Sort::Name => 0,
    }
}

const TENANT_COLUMNS: &[Column] = &[
    Column::text("TENANT"),
    Column::number("IN/s"),
    Column::number("QUOTA"),
    Column::number("OUT/s"),
    Column::number("QUOTA"),
    Column::number("REQUESTS/s"),
    Column::number("QUOTA"),
    Column::number("THROTTLED/s"),
    Column::number("STORED"),
    Column::number("RECORDS IN/s").wide(),
    Column::number("RECORDS OUT/s").wide(),
    Column::number("CONNECTIONS").wide(),
    Column::number("STREAMS").wide(),
];

fn tenant_row((line, rates): &Measured<'_>) -> Vec<String> {
    let tenant = line.tenant.clone().unwrap_or_default();
    let percent = |rate: fn(&Amounts) -> u64, limit: Option<u64>| {
        let share = rates.as_ref().map(rate).and_then(|rate| share(rate, limit));
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0))
    };
    let number = |rate: fn(&Amounts) -> u64| text(rates.as_ref().map(rate), |rate| rate.to_string());
    vec![
        line.name.clone(),
        text(rates.map(|of| of.bytes_in), show_size),
        percent(|of| of.bytes_in, tenant.ingress_limit),
        text(rates.map(|of| of.bytes_out), show_size),
        percent(|of| of.bytes_out, tenant.egress_limit),
        number(|of| of.requests),
        percent(|of| of.requests, tenant.requests_limit),
        text(rates.map(|of| of.throttled_ms), |ms| show_duration(Duration::from_millis(ms))),
        show_size(line.stored_bytes),
        number(|of| of.records_in),
        number(|of| of.records_out),
        tenant.connections.to_string(),
        tenant.streams.to_string(),
    ]
}

fn tenant_json((line, rates): &Measured<'_>) -> Value {
    let tenant = line.tenant.clone().unwrap_or_default();
    let share =
        |rate: fn(&Amounts) -> u64, limit| rates.as_ref().map(rate).and_then(|rate| share(rate, limit));
    json!({
        "name": line.name,
        "bytes_in_per_second": rates.map(|of| of.bytes_in),
        "bytes_out_per_second": rates.map(|of| of.bytes_out),
        "records_in_per_second": rates.map(|of| of.records_in),
        "records_out_per_second": rates.map(|of| of.records_out),
        "requests_per_second": rates.map(|of| of.requests),
        "throttled_ms_per_second": rates.map(|of| of.throttled_ms),
        "connections": tenant.connections,
        "streams": tenant.streams,
        "stored_bytes": line.stored_bytes,
        "quota_share": {
            "ingress": share(|of| of.bytes_in, tenant.ingress_limit),
            "egress": share(|of| of.bytes_out, tenant.egress_limit),
            "requests": share(|of| of.requests, tenant.requests_limit),
            "connections": self::share(tenant.connections, tenant.connections_limit),
            "storage": self::share(line.stored_bytes, tenant.storage_limit),
        },
    })
}

const TOPIC_COLUMNS: &[Column] = &[
    Column::text("TOPIC"),
    Column::number("IN/s"),
    Column::number("RECORDS IN/s"),
    Column::number("STORED"),
    Column::number("PARTITIONS"),
];

fn topic_row((line, rates): &Measured<'_>) -> Vec<String> {
    vec![
        line.name.clone(),
        text(rates.map(|of| of.bytes_in), show_size),
        text(rates.map(|of| of.records_in), |rate| rate.to_string()),
        show_size(line.stored_bytes),
        line.partitions.unwrap_or(0).to_string(),
    ]
}

fn topic_json((line, rates): &Measured<'_>) -> Value {
    json!({
        "name": line.name,
        "bytes_in_per_second": rates.map(|of| of.bytes_in),
        "records_in_per_second": rates.map(|of| of.records_in),
        "stored_bytes": line.stored_bytes,
        "partitions": line.partitions,
    })
}

fn text(rate: Option<u64>, show: impl Fn(u64) -> String) -> String {
    rate.map_or_else(|| "-".to_owned(), show)
}

/// How much of a limit is used: 1 is all of it. None: there is no limit.
fn share(used: u64, limit: Option<u64>) -> Option<f64> {
    limit.filter(|limit| *limit > 0).map(|limit| (used as f64 / limit as f64 * 1_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests;
