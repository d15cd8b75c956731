//! `levee tenant …`

use super::several;
use crate::cli::tenant::{CreateArgs, TenantCommand};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::session::Session;
use crate::units::{show_size, show_time};
use levee_client::v1::Tenant;
use levee_client::{Admin, Error};
use levee_types::limits::MAX_PAGE_SIZE;
use levee_types::{PlanName, TenantName};

mod delete;
mod export;
mod import;
pub(super) mod show;
mod transfer;
mod update;
pub(super) mod usage;

pub(super) async fn run(command: &TenantCommand, session: &Session) -> Result<View, Failure> {
    match command {
        TenantCommand::Create(args) => create(args, session).await,
        TenantCommand::Ls => list(session).await,
        TenantCommand::Describe { name } => describe(&TenantName::new(name)?, session).await,
        TenantCommand::Update(args) => update::run(args, session).await,
        TenantCommand::Rename { name, new_name } => {
            let new_name = TenantName::new(new_name)?;
            let rename = async |admin: Admin, name: &TenantName| {
                admin.update_tenant(name, Some(&new_name), None).await
            };
            change(name, session, rename, &format!("is called {new_name}")).await
        }
        TenantCommand::Suspend { name, mode } => {
            let suspend =
                async |admin: Admin, name: &TenantName| admin.suspend_tenant(name, (*mode).into()).await;
            change(name, session, suspend, &format!("is {}", show::state((*mode).into()))).await
        }
        TenantCommand::Resume { name } => {
            let resume = async |admin: Admin, name: &TenantName| admin.resume_tenant(name).await;
            change(name, session, resume, "is active").await
        }
        TenantCommand::Delete(args) => delete::run(args, session).await,
        TenantCommand::Undelete { name } => {
            let undelete = async |admin: Admin, name: &TenantName| admin.undelete_tenant(name).await;
            change(name, session, undelete, "is not deleted any more").await
        }
        TenantCommand::Usage(args) => usage::run(args, session).await,
        TenantCommand::Export(args) => export::run(args, session).await,
        TenantCommand::Import(args) => import::run(args, session).await,
    }
}

async fn create(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    let plan = args.plan.as_deref().map(PlanName::new).transpose()?;
    let admin = session.operator()?.admin();
    let create_one = async |name: &TenantName| {
        let response = session.ask(admin.create_tenant(name, plan.as_ref(), args.if_not_exists)).await?;
        Ok((response.tenant.as_ref().map(show::json), response.created))
    };
    several::create("tenant", &names, create_one).await
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("NAME"),
        Column::text("STATE"),
        Column::text("PLAN"),
        Column::number("TOPICS"),
        Column::number("STORED"),
        Column::text("CREATED"),
        Column::number("PARTITIONS").wide(),
        Column::text("GONE AT").wide(),
        Column::number("ID").wide(),
    ];
    let admin = session.operator()?.admin();
    let page = async |token: String| {
        let response = admin.list_tenants(MAX_PAGE_SIZE, &token).await?;
        Ok((response.tenants, response.next_page_token))
    };
    let tenants = session.all_pages(page).await?;
    let rows = tenants.iter().map(|tenant| {
        vec![
            tenant.name.clone(),
            show::state(tenant.state()).to_owned(),
            tenant.plan.clone(),
            tenant.topics.to_string(),
            show_size(tenant.stored_bytes),
            show_time(tenant.created_ms),
            tenant.partitions.to_string(),
            tenant.delete_at_ms.map(show_time).unwrap_or_default(),
            tenant.id.to_string(),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("tenants", tenants.iter().map(show::json).collect())
        .named(tenants.iter().map(|tenant| tenant.name.clone()))
        .section(section))
}

async fn describe(name: &TenantName, session: &Session) -> Result<View, Failure> {
    let tenant = session.ask(session.operator()?.admin().get_tenant(name)).await?;
    Ok(show::view(&tenant).section(Section::Fields(show::fields(&tenant))))
}

/// Changes one tenant, and says what it is then.
async fn change(
    name: &str,
    session: &Session,
    change: impl AsyncFn(Admin, &TenantName) -> Result<Tenant, Error>,
    says: &str,
) -> Result<View, Failure> {
    let name = TenantName::new(name)?;
    let tenant = session.ask(change(session.operator()?.admin(), &name)).await?;
    Ok(show::view(&tenant).line(format!("tenant {name} {says}")))
}

fn check(names: &[String]) -> Result<Vec<TenantName>, Failure> {
    names.iter().map(|name| Ok(TenantName::new(name)?)).collect()
}
