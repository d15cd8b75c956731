//! `levee tenant …`

use crate::cli::tenant::{CreateArgs, DeleteArgs, TenantCommand};
use crate::failure::{Exit, Failure};
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
    let (mut tenants, mut created) = (Vec::new(), 0);
    let mut view = View::default();
    let mut failure = None;
    for name in &names {
        match session.ask(admin.create_tenant(name, args.if_not_exists)).await {
            Ok(response) => {
                created += u64::from(response.created);
                let state = if response.created { "created" } else { "exists already" };
                view = view.line(format!("tenant {name} {state}")).named([name.to_string()]);
                tenants.extend(response.tenant.as_ref().map(json_of));
            }
            Err(error) => {
                failure = Some(error.or_if_not_exists());
                break;
            }
        }
    }
    let partial = !tenants.is_empty();
    let view = view.with("tenants", Value::Array(tenants)).with("created", json!(created));
    super::outcome(view, failure, partial)
}

async fn delete(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    prompt::consent(
        args.yes,
        &format!("delete tenant {} with all topics and records", args.names.join(", ")),
    )?;
    let admin = session.operator()?.admin();
    let mut deleted = Vec::new();
    let mut view = View::default();
    let mut failure = None;
    for name in &names {
        match session.ask(admin.delete_tenant(name)).await {
            Ok(()) => {
                view = view.line(format!("tenant {name} deleted")).named([name.to_string()]);
                deleted.push(json!(name.as_str()));
            }
            Err(error) if args.if_exists && error.exit == Exit::NotFound => {
                view = view.line(format!("tenant {name} does not exist"));
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let partial = !deleted.is_empty();
    super::outcome(view.with("deleted", Value::Array(deleted)), failure, partial)
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("NAME"),
        Column::number("TOPICS"),
        Column::text("CREATED"),
        Column::number("ID").wide(),
    ];
    let admin = session.operator()?.admin();
    let mut tenants = Vec::new();
    let mut page = String::new();
    loop {
        let response = session.ask(admin.list_tenants(MAX_PAGE_SIZE, &page)).await?;
        tenants.extend(response.tenants);
        page = response.next_page_token;
        if page.is_empty() {
            break;
        }
    }
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
