//! `levee token …`

use super::several::{self, Deleted};
use crate::cli::token::{IssueArgs, RevokeArgs, TokenCommand};
use crate::failure::Failure;
use crate::output::{self, Column, Section, View};
use crate::prompt;
use crate::session::{Scope, Session};
use crate::units::show_time;
use levee_client::IssuedToken;
use levee_client::v1::{IssueTokenRequest, Token};
use levee_types::UserName;
use levee_types::limits::MAX_PAGE_SIZE;
use serde_json::json;

mod show;

pub(super) async fn run(command: &TokenCommand, session: &Session) -> Result<View, Failure> {
    match command {
        TokenCommand::Issue(args) => issue(args, session).await,
        TokenCommand::Ls { user, of } => list(user.as_deref(), of.operator, session).await,
        TokenCommand::Describe { id, of } => describe(id, of.operator, session).await,
        TokenCommand::Revoke(args) => revoke(args, session).await,
    }
}

async fn issue(args: &IssueArgs, session: &Session) -> Result<View, Failure> {
    let user = UserName::new(&args.user)?;
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let request = IssueTokenRequest {
        tenant: scope.tenant.clone(),
        user: user.to_string(),
        expires_in_ms: args.expires.map(|expires| u64::try_from(expires.as_millis()).unwrap_or(u64::MAX)),
        scopes: args.scopes.clone(),
        description: args.description.clone(),
    };
    let IssuedToken { token, secret } = session.ask(scope.admin().issue_token(request)).await?;
    let expires = token
        .expires_ms
        .map_or_else(|| "never expires".to_owned(), |ms| format!("expires {}", show_time(ms)));
    output::note(&format!("token {} of user {user} {expires}; its secret is not shown again", token.id));
    let mut json = show::json(&token);
    json["secret"] = json!(secret.expose());
    Ok(View::of("token", json).named([token.id]).line(secret.expose()))
}

async fn list(user: Option<&str>, operators: bool, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("ID"),
        Column::text("USER"),
        Column::text("SCOPES"),
        Column::text("EXPIRES"),
        Column::text("CREATED"),
        Column::text("DESCRIPTION"),
    ];
    let user = user.map(UserName::new).transpose()?;
    let scope = session.tenant_or_operators(operators).await?;
    let tokens = all(user.as_ref(), &scope, session).await?;
    let rows = tokens.iter().map(|token| {
        vec![
            token.id.clone(),
            token.user.clone(),
            show::scopes(token),
            show::expires(token),
            show_time(token.created_ms),
            token.description.clone(),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("tokens", tokens.iter().map(show::json).collect())
        .named(tokens.iter().map(|token| token.id.clone()))
        .section(section))
}

async fn describe(id: &str, operators: bool, session: &Session) -> Result<View, Failure> {
    let scope = session.tenant_or_operators(operators).await?;
    let tokens = all(None, &scope, session).await?;
    let token = tokens.iter().find(|token| token.id == id);
    let token = token.ok_or_else(|| {
        Failure::not_found(format!("there is no token {id}")).with_hint("list them with: levee token ls")
    })?;
    Ok(show::described(token))
}

async fn all(user: Option<&UserName>, scope: &Scope, session: &Session) -> Result<Vec<Token>, Failure> {
    let admin = scope.admin();
    let user = user.map(UserName::as_str).unwrap_or_default();
    let page = async |token: String| {
        let response = admin.list_tokens(&scope.tenant, user, MAX_PAGE_SIZE, &token).await?;
        Ok((response.tokens, response.next_page_token))
    };
    session.all_pages(page).await
}

async fn revoke(args: &RevokeArgs, session: &Session) -> Result<View, Failure> {
    prompt::consent(args.yes, &format!("revoke token {}", args.ids.join(", ")))?;
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let revoke_one = async |id: &String| {
        session.ask(scope.admin().revoke_token(&scope.tenant, id)).await?;
        Ok(Deleted { json: json!({"id": id}), line: format!("token {id} revoked") })
    };
    several::delete("token", &args.ids, args.if_exists, revoke_one).await
}
