//! The quotas that hold, for people and for programs.

use crate::output::{Column, Section, View};
use crate::quota;
use levee_client::v1::quota_target::Part;
use levee_client::v1::{EffectiveQuota, QuotaSource, QuotaTarget};
use serde_json::{Value, json};

pub(super) fn view(target: &QuotaTarget, quotas: &[EffectiveQuota]) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("DIMENSION"),
        Column::number("LIMIT"),
        Column::number("BURST"),
        Column::number("SOFT"),
        Column::text("ACTION"),
        Column::number("USED"),
        Column::text("SOURCE"),
    ];
    let rows = quotas.iter().map(|effective| {
        let quota = effective.quota.unwrap_or_default();
        let mut cells = quota::cells(&quota);
        cells.push(quota::show_amount(quota.dimension, effective.used));
        cells.push(source(effective.source()).to_owned());
        cells
    });
    let names =
        quotas.iter().map(|effective| quota::show_dimension(effective.quota.unwrap_or_default().dimension));
    View::of("quotas", quotas.iter().map(json_of).collect())
        .with("target", target_json(target))
        .named(names.map(str::to_owned))
        .section(Section::Rows { columns: COLUMNS, rows: rows.collect() })
}

fn json_of(effective: &EffectiveQuota) -> Value {
    let mut json = quota::json(&effective.quota.unwrap_or_default());
    json["used"] = json!(effective.used);
    json["source"] = json!(source(effective.source()));
    json
}

fn target_json(target: &QuotaTarget) -> Value {
    let (user, topic) = match &target.part {
        Some(Part::User(user)) => (Some(user), None),
        Some(Part::Topic(topic)) => (None, Some(topic)),
        None => (None, None),
    };
    json!({"tenant": target.tenant, "user": user, "topic": topic})
}

fn source(source: QuotaSource) -> &'static str {
    match source {
        QuotaSource::Default => "default",
        QuotaSource::Plan => "plan",
        QuotaSource::Tenant => "tenant",
        QuotaSource::User => "user",
        QuotaSource::Topic => "topic",
        QuotaSource::Unspecified => "unknown",
    }
}
