//! `levee user …`

use super::several::{self, Deleted};
use crate::cli::user::{CreateArgs, DeleteArgs, UpdateArgs, UserCommand};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::prompt;
use crate::session::Session;
use crate::units::show_time;
use levee_client::v1::{CreateUserRequest, UpdateUserRequest, UserNames};
use levee_types::limits::MAX_PAGE_SIZE;
use levee_types::{UserGroup, UserName};
use serde_json::json;

mod show;

pub(super) async fn run(command: &UserCommand, session: &Session) -> Result<View, Failure> {
    match command {
        UserCommand::Create(args) => create(args, session).await,
        UserCommand::Ls { of } => list(of.operator, session).await,
        UserCommand::Describe { name, of } => describe(name, of.operator, session).await,
        UserCommand::Update(args) => update(args, session).await,
        UserCommand::Disable { name, of } => set_disabled(name, true, of.operator, session).await,
        UserCommand::Enable { name, of } => set_disabled(name, false, of.operator, session).await,
        UserCommand::Delete(args) => delete(args, session).await,
        UserCommand::Whoami => {
            let caller = session.ask(session.operator()?.admin().who_am_i()).await?;
            Ok(show::caller(&caller))
        }
    }
}

async fn create(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    let groups = check_groups(&args.groups)?;
    if names.len() > 1 && !args.certificates.is_empty() {
        return Err(Failure::usage("a certificate belongs to one user, and several are given"));
    }
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let admin = scope.admin();
    let create_one = async |name: &UserName| {
        let request = CreateUserRequest {
            tenant: scope.tenant.clone(),
            name: name.to_string(),
            admin: args.admin,
            groups: groups.clone(),
            certificates: args.certificates.clone(),
            if_not_exists: args.if_not_exists,
        };
        let response = session.ask(admin.create_user(request)).await?;
        Ok((response.user.map(|user| show::json(&scope.tenant, &user)), response.created))
    };
    several::create("user", &names, create_one).await
}

async fn list(operators: bool, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("NAME"),
        Column::text("ADMIN"),
        Column::text("STATE"),
        Column::text("GROUPS"),
        Column::text("CREATED"),
        Column::text("CERTIFICATES").wide(),
    ];
    let scope = session.tenant_or_operators(operators).await?;
    let admin = scope.admin();
    let page = async |token: String| {
        let response = admin.list_users(&scope.tenant, MAX_PAGE_SIZE, &token).await?;
        Ok((response.users, response.next_page_token))
    };
    let users = session.all_pages(page).await?;
    let rows = users.iter().map(|user| {
        vec![
            user.name.clone(),
            show::admin(user).to_owned(),
            show::state(user).to_owned(),
            user.groups.join(","),
            show_time(user.created_ms),
            user.certificates.join(","),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("users", users.iter().map(|user| show::json(&scope.tenant, user)).collect())
        .named(users.iter().map(|user| user.name.clone()))
        .section(section))
}

async fn describe(name: &str, operators: bool, session: &Session) -> Result<View, Failure> {
    let name = UserName::new(name)?;
    let scope = session.tenant_or_operators(operators).await?;
    let user = session.ask(scope.admin().get_user(&scope.tenant, name.as_str())).await?;
    Ok(show::described(&scope.tenant, &user))
}

async fn update(args: &UpdateArgs, session: &Session) -> Result<View, Failure> {
    let name = UserName::new(&args.name)?;
    let instead = |names: Vec<String>, none: bool| (none || !names.is_empty()).then_some(UserNames { names });
    let groups = instead(check_groups(&args.groups)?, args.no_groups);
    let certificates = instead(args.certificates.clone(), args.no_certificates);
    if args.admin.is_none() && groups.is_none() && certificates.is_none() {
        return Err(Failure::usage("nothing is to be changed")
            .with_hint("give --admin, --group, --no-groups, --certificate or --no-certificates"));
    }
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let request = UpdateUserRequest {
        tenant: scope.tenant.clone(),
        name: name.to_string(),
        admin: args.admin,
        disabled: None,
        groups,
        certificates,
    };
    let user = session.ask(scope.admin().update_user(request)).await?;
    Ok(show::described(&scope.tenant, &user))
}

async fn set_disabled(
    name: &str,
    disabled: bool,
    operators: bool,
    session: &Session,
) -> Result<View, Failure> {
    let name = UserName::new(name)?;
    let scope = session.tenant_or_operators(operators).await?;
    let request = UpdateUserRequest {
        tenant: scope.tenant.clone(),
        name: name.to_string(),
        disabled: Some(disabled),
        ..UpdateUserRequest::default()
    };
    let user = session.ask(scope.admin().update_user(request)).await?;
    Ok(show::view(&scope.tenant, &user).line(format!("user {name} is {}", show::state(&user))))
}

async fn delete(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let names = check(&args.names)?;
    let list = args.names.join(", ");
    prompt::consent(args.yes, &format!("delete user {list} with all tokens and access rules"))?;
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let delete_one = async |name: &UserName| {
        session.ask(scope.admin().delete_user(&scope.tenant, name.as_str())).await?;
        Ok(Deleted::new("user", name, json!({"name": name.as_str()})))
    };
    several::delete("user", &names, args.if_exists, delete_one).await
}

fn check(names: &[String]) -> Result<Vec<UserName>, Failure> {
    names.iter().map(|name| Ok(UserName::new(name)?)).collect()
}

fn check_groups(groups: &[String]) -> Result<Vec<String>, Failure> {
    groups.iter().map(|group| Ok(UserGroup::new(group)?.to_string())).collect()
}
