//! `levee quota …`

use crate::cli::quota::{GetArgs, PartArgs, QuotaCommand, SetArgs, UnsetArgs};
use crate::failure::Failure;
use crate::output::View;
use crate::quota;
use crate::session::{Scope, Session};
use levee_client::v1::QuotaTarget;
use levee_client::v1::quota_target::Part;
use levee_types::{TenantName, TopicName, UserName};

mod explain;
mod show;
mod simulate;

pub(super) async fn run(command: &QuotaCommand, session: &Session) -> Result<View, Failure> {
    match command {
        QuotaCommand::Set(args) => set(args, session).await,
        QuotaCommand::Unset(args) => unset(args, session).await,
        QuotaCommand::Get(args) => get(args, session).await,
        QuotaCommand::Simulate(args) => simulate::run(args, session).await,
        QuotaCommand::Explain { tenant } => explain::run(tenant.as_deref(), session).await,
    }
}

async fn set(args: &SetArgs, session: &Session) -> Result<View, Failure> {
    quota::refuse_twice(args.quotas.iter().map(|quota| quota.dimension))?;
    let scope = session.administer(&named(&args.name)?)?;
    let target = target(&scope, &args.part)?;
    let quotas = session
        .ask(scope.admin().set_quotas(target.clone(), quota::to_messages(&args.quotas), Vec::new()))
        .await?;
    Ok(show::view(&target, &quotas))
}

async fn unset(args: &UnsetArgs, session: &Session) -> Result<View, Failure> {
    quota::refuse_twice(args.dimensions.iter().copied())?;
    let scope = session.administer(&named(&args.name)?)?;
    let target = target(&scope, &args.part)?;
    let quotas = session
        .ask(scope.admin().set_quotas(target.clone(), Vec::new(), quota::to_numbers(&args.dimensions)))
        .await?;
    Ok(show::view(&target, &quotas))
}

async fn get(args: &GetArgs, session: &Session) -> Result<View, Failure> {
    let scope = scope(args.name.as_deref(), session).await?;
    let target = target(&scope, &args.part)?;
    let response = session.ask(scope.admin().get_quotas(target.clone())).await?;
    Ok(show::view(&target, &response.quotas).with("plan", response.plan.into()))
}

/// That of the tenant, or of the one that is meant when none is named.
async fn scope(tenant: Option<&str>, session: &Session) -> Result<Scope, Failure> {
    session.tenant_or_own(tenant.map(named).transpose()?.as_ref()).await
}

/// A tenant, in whose place a quota is a mistake that is easy to make.
fn named(tenant: &str) -> Result<TenantName, Failure> {
    TenantName::new(tenant).map_err(|error| {
        let hint =
            if tenant.contains('=') { "the tenant comes first: levee quota set TENANT QUOTA…" } else { "" };
        Failure::from(error).with_hint(hint)
    })
}

fn target(scope: &Scope, part: &PartArgs) -> Result<QuotaTarget, Failure> {
    let part = match (&part.user, &part.topic) {
        (Some(user), _) => Some(Part::User(UserName::new(user)?.to_string())),
        (None, Some(topic)) => Some(Part::Topic(TopicName::new(topic)?.to_string())),
        (None, None) => None,
    };
    Ok(QuotaTarget { tenant: scope.tenant.clone(), part })
}

#[cfg(test)]
mod tests;
