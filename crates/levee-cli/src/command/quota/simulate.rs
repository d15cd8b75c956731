//! `levee quota simulate`

use crate::cli::quota::SimulateArgs;
use crate::command::tenant::usage::{self, Spans};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::quota::{self, QuotaOf};
use crate::session::Session;
use crate::units::show_time;
use levee_client::v1::{EffectiveQuota, HourlyUsage, QuotaSource, QuotaTarget};
use levee_types::PlanName;
use levee_types::quota::{EffectiveQuotas, HourOfUse, Plan, Quotas, Simulated, simulate};
use serde_json::{Value, json};

pub(super) async fn run(args: &SimulateArgs, session: &Session) -> Result<View, Failure> {
    quota::refuse_twice(args.quotas.iter().map(|quota| quota.dimension))?;
    let spans = Spans::new(args.from, args.to, session.clock().unix_ms())?;
    let scope = session.administer(&super::named(&args.name)?)?;
    let admin = scope.admin();
    let target = QuotaTarget { tenant: scope.tenant.clone(), part: None };
    let present = session.ask(admin.get_quotas(target)).await?;
    let plan = match args.plan.as_deref().map(PlanName::new).transpose()? {
        None => None,
        Some(name) => Some(session.ask(admin.get_plan(&name)).await?),
    };
    let hours = usage::hours(&scope, &spans, session).await?;

    let of_plan = plan.as_ref().map(|plan| plan.quotas.iter().filter_map(quota::from_message).collect());
    let quotas = supposed(&present.quotas, of_plan, &args.quotas);
    let recorded: Vec<_> = hours.iter().map(recorded).collect();
    let outcome = simulate(&recorded, &quotas);
    let plan = plan.map_or(present.plan, |plan| plan.name);
    Ok(show(&outcome, hours.len()).with(
        "simulation",
        json!({
            "tenant": scope.tenant,
            "plan": plan,
            "from": show_time(spans.from_ms),
            "to": show_time(spans.to_ms),
            "hours": hours.len(),
            "quotas": outcome.iter().map(json_of).collect::<Vec<_>>(),
        }),
    ))
}

/// The quotas that would hold: those that are given, then those that are set for the tenant, then those of the
/// other plan, or without one whatever holds at present.
fn supposed(present: &[EffectiveQuota], of_plan: Option<Vec<QuotaOf>>, given: &[QuotaOf]) -> EffectiveQuotas {
    let collect = |quotas: &[QuotaOf]| -> Quotas {
        quotas.iter().map(|QuotaOf { dimension, quota }| (*dimension, *quota)).collect()
    };
    let of_source = |is_own: bool| -> Vec<QuotaOf> {
        let of_source = present.iter().filter(|quota| (quota.source() == QuotaSource::Tenant) == is_own);
        of_source.filter_map(|quota| quota::from_message(quota.quota.as_ref()?)).collect()
    };
    let mut own = collect(&of_source(true));
    own.0.extend(collect(given).0);
    let quotas = collect(&of_plan.unwrap_or_else(|| of_source(false)));
    EffectiveQuotas::of_tenant(&Plan { weight: 1, quotas }, &own)
}

fn recorded(used: &HourlyUsage) -> HourOfUse {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a byte says nothing, and the cast saturates"
    )]
    let stored_bytes = used.stored_byte_hours.ceil() as u64;
    HourOfUse {
        hour_ms: used.hour_ms,
        bytes_in: used.bytes_in,
        records_in: used.records_in,
        bytes_out: used.bytes_out,
        requests: used.requests,
        // The average of the hour.
        stored_bytes,
        peak_connections: used.peak_connections,
    }
}

fn show(outcome: &[Simulated], hours: usize) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("DIMENSION"),
        Column::number("LIMIT"),
        Column::number("HOURS BEYOND"),
        Column::number("MOST USED"),
        Column::number("BEYOND BY"),
        Column::text("AT"),
    ];
    let rows = outcome.iter().map(|Simulated { dimension, limit, hours_beyond, worst }| {
        let show = |amount| quota::show_amount(*dimension as i32, amount);
        vec![
            dimension.to_string(),
            limit.map_or_else(|| "unlimited".to_owned(), show),
            hours_beyond.to_string(),
            worst.map(|worst| show(worst.used)).unwrap_or_default(),
            worst.filter(|worst| worst.excess > 0).map(|worst| show(worst.excess)).unwrap_or_default(),
            worst.map(|worst| show_time(worst.hour_ms)).unwrap_or_default(),
        ]
    });
    let beyond: u64 = outcome.iter().map(|simulated| simulated.hours_beyond).sum();
    let says = match (hours, beyond) {
        (0, _) => "nothing was used in that time",
        (_, 0) => "no hour was beyond these quotas; peaks within an hour may have been",
        _ => "some hours were beyond these quotas",
    };
    View::default()
        .named(outcome.iter().map(|simulated| simulated.dimension.to_string()))
        .section(Section::Rows { columns: COLUMNS, rows: rows.collect() })
        .line(says)
}

fn json_of(simulated: &Simulated) -> Value {
    let Simulated { dimension, limit, hours_beyond, worst } = simulated;
    json!({
        "dimension": dimension.name(),
        "limit": limit,
        "hours_beyond": hours_beyond,
        "worst": worst.map(|worst| {
            json!({"hour": show_time(worst.hour_ms), "used": worst.used, "excess": worst.excess})
        }),
    })
}

#[cfg(test)]
mod tests;
