//! `levee tenant …`

use super::several::{self, Failures};
use crate::cli::tenant::{CreateArgs, DeleteArgs, TenantCommand};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::prompt;
use crate::session::Session;
use crate::units::show_time;
use levee_client::v1::Tenant;
use levee_types::TenantName;
use levee_types::limits::MAX_PAGE_SIZE;
use serde_json::{Value, json};

pub(super) async fn run(command: &TenantCommand, session: &Session) -> Result<View, Failure> {
    match command {
        TenantCommand::Create(args) => create(args, session).await,
        TenantCommand::Ls => list(session).await,
        TenantCommand::Describe { name } => describe(&TenantName::new(name)?, session).await,
        TenantCommand::Delete(args) => delete(args, session).await,
    }
}

async fn create(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    let admin = session.operator()?.admin();
    let (mut tenants, mut created) = (Vec::new(), 0_u64);
    let mut view = View::default();
    let mut failures = Failures::of("tenant");
    for name in &names {
        match session.ask(admin.create_tenant(name, None, args.if_not_exists)).await {
            Ok(response) => {
                created += u64::from(response.created);
                let state = if response.created { "created" } else { "exists already" };
                view = view.line(format!("tenant {name} {state}")).named([name.to_string()]);
                tenants.extend(response.tenant.as_ref().map(json_of));
            }
            Err(failure) => failures.add(name, failure.or_if_not_exists()),
        }
    }
    let view = view.with("tenants", Value::Array(tenants)).with("created", json!(created));
    failures.finish(names.len(), view)
}

async fn delete(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    let list = args.names.join(", ");
    prompt::consent(args.yes, &format!("delete tenant {list} with all topics and records"))?;
    let admin = session.operator()?.admin();
    let json_of = |name: &TenantName| json!({"name": name.as_str()});
    let delete_one = async |name: &TenantName| session.ask(admin.delete_tenant(name, None)).await.map(drop);
    several::delete("tenant", &names, args.if_exists, json_of, delete_one).await
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("NAME"),
        Column::number("TOPICS"),
        Column::text("CREATED"),
        Column::number("ID").wide(),
    ];
    let admin = session.operator()?.admin();
    let page = async |token: String| {
        let response = admin.list_tenants(MAX_PAGE_SIZE, &token).await?;
        Ok((response.tenants, response.next_page_token))
    };
    let tenants = session.all_pages(page).await?;
    let rows = tenants.iter().map(|tenant| {
        let created = show_time(tenant.created_ms);
        vec![tenant.name.clone(), tenant.topics.to_string(), created, tenant.id.to_string()]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("tenants", tenants.iter().map(json_of).collect())
        .named(tenants.iter().map(|tenant| tenant.name.clone()))
        .section(section))
}

async fn describe(name: &TenantName, session: &Session) -> Result<View, Failure> {
    let tenant = session.ask(session.operator()?.admin().get_tenant(name)).await?;
    let fields = vec![
        ("Name", tenant.name.clone()),
        ("Topics", tenant.topics.to_string()),
        ("Created", show_time(tenant.created_ms)),
        ("Id", tenant.id.to_string()),
    ];
    Ok(View::of("tenant", json_of(&tenant)).named([tenant.name]).section(Section::Fields(fields)))
}

fn check(names: &[String]) -> Result<Vec<TenantName>, Failure> {
    names.iter().map(|name| Ok(TenantName::new(name)?)).collect()
}

fn json_of(tenant: &Tenant) -> Value {
    json!({
        "name": tenant.name,
        "id": tenant.id,
        "created_at": show_time(tenant.created_ms),
        "topics": tenant.topics,
    })
}
