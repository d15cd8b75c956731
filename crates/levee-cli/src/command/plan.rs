//! `levee plan …`

use super::several::{self, Deleted};
use crate::cli::plan::{CreateArgs, DeleteArgs, PlanCommand, UpdateArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::prompt;
use crate::quota;
use crate::session::Session;
use levee_client::v1::{self, Plan, UpdatePlanRequest};
use levee_types::PlanName;
use levee_types::limits::MAX_PAGE_SIZE;
use serde_json::{Value, json};

pub(super) async fn run(command: &PlanCommand, session: &Session) -> Result<View, Failure> {
    match command {
        PlanCommand::Create(args) => create(args, session).await,
        PlanCommand::Ls => list(session).await,
        PlanCommand::Describe { name } => {
            let plan = session.ask(session.operator()?.admin().get_plan(&PlanName::new(name)?)).await?;
            Ok(described(&plan))
        }
        PlanCommand::Update(args) => update(args, session).await,
        PlanCommand::Delete(args) => delete(args, session).await,
    }
}

async fn create(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let name = PlanName::new(&args.name)?;
    quota::refuse_twice(args.quotas.iter().map(|quota| quota.dimension))?;
    let plan = Plan {
        name: name.to_string(),
        weight: args.weight.unwrap_or_default(),
        quotas: quota::to_messages(&args.quotas),
        ..Plan::default()
    };
    let admin = session.operator()?.admin();
    let response = session.ask(admin.create_plan(plan, args.if_not_exists)).await;
    let response = response.map_err(Failure::or_if_not_exists)?;
    let state = if response.created { "created" } else { "exists already" };
    Ok(view(&response.plan.unwrap_or_default())
        .with("created", json!(u64::from(response.created)))
        .line(format!("plan {name} {state}")))
}

async fn update(args: &UpdateArgs, session: &Session) -> Result<View, Failure> {
    let UpdateArgs { name, quotas, unset, weight } = args;
    let name = PlanName::new(name)?;
    let changed = quotas.iter().map(|quota| quota.dimension).chain(unset.iter().copied());
    quota::refuse_twice(changed)?;
    if quotas.is_empty() && unset.is_empty() && weight.is_none() {
        return Err(Failure::usage("nothing is to be changed").with_hint("give quotas, --unset or --weight"));
    }
    let request = UpdatePlanRequest {
        name: name.to_string(),
        weight: weight.unwrap_or_default(),
        set: quota::to_messages(quotas),
        unset: quota::to_numbers(unset),
    };
    Ok(described(&session.ask(session.operator()?.admin().update_plan(request)).await?))
}

async fn delete(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let names = args.names.iter().map(|name| PlanName::new(name)).collect::<Result<Vec<_>, _>>()?;
    prompt::consent(args.yes, &format!("delete plan {}", args.names.join(", ")))?;
    let admin = session.operator()?.admin();
    let delete_one = async |name: &PlanName| {
        session.ask(admin.delete_plan(name)).await?;
        Ok(Deleted::new("plan", name, json!({"name": name.as_str()})))
    };
    several::delete("plan", &names, args.if_exists, delete_one).await
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] =
        &[Column::text("NAME"), Column::number("WEIGHT"), Column::number("TENANTS"), Column::text("QUOTAS")];
    let admin = session.operator()?.admin();
    let page = async |token: String| {
        let response = admin.list_plans(MAX_PAGE_SIZE, &token).await?;
        Ok((response.plans, response.next_page_token))
    };
    let plans = session.all_pages(page).await?;
    let rows = plans.iter().map(|plan| {
        let limit =
            |of: &v1::Quota| format!("{}={}", quota::show_dimension(of.dimension), quota::show_limit(of));
        let quotas: Vec<_> = plan.quotas.iter().map(limit).collect();
        vec![plan.name.clone(), plan.weight.to_string(), plan.tenants.to_string(), quotas.join(" ")]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("plans", plans.iter().map(json_of).collect())
        .named(plans.iter().map(|plan| plan.name.clone()))
        .section(section))
}

fn described(plan: &Plan) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("DIMENSION"),
        Column::number("LIMIT"),
        Column::number("BURST"),
        Column::number("SOFT"),
        Column::text("ACTION"),
    ];
    let fields = vec![
        ("Name", plan.name.clone()),
        ("Weight", plan.weight.to_string()),
        ("Tenants", plan.tenants.to_string()),
    ];
    let rows = plan.quotas.iter().map(quota::cells).collect();
    view(plan).section(Section::Fields(fields)).section(Section::Rows { columns: COLUMNS, rows })
}

fn view(plan: &Plan) -> View {
    View::of("plan", json_of(plan)).named([plan.name.clone()])
}

fn json_of(plan: &Plan) -> Value {
    json!({
        "name": plan.name,
        "weight": plan.weight,
        "tenants": plan.tenants,
        "quotas": plan.quotas.iter().map(quota::json).collect::<Vec<_>>(),
    })
}
