//! `levee acl …`

use super::several::{self, Deleted};
use crate::access::{self, Resources};
use crate::cli::acl::{AclCommand, ResourceArgs, RmArgs, RuleArgs, SubjectArgs, TestArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::prompt;
use crate::session::{Scope, Session};
use crate::units::show_time;
use levee_client::v1::acl_subject::Kind as Subject;
use levee_client::v1::{AclEffect, AclRule, AclSubject, TestAclRequest};
use levee_types::acl::ResourceKind;
use levee_types::limits::MAX_PAGE_SIZE;
use levee_types::{ErrorCode, GroupName, TopicName, UserGroup, UserName};
use serde_json::json;

mod show;

pub(super) async fn run(command: &AclCommand, session: &Session) -> Result<View, Failure> {
    match command {
        AclCommand::Allow(args) => add(AclEffect::Allow, args, session).await,
        AclCommand::Deny(args) => add(AclEffect::Deny, args, session).await,
        AclCommand::Ls => list(session).await,
        AclCommand::Describe { id } => describe(*id, session).await,
        AclCommand::Rm(args) => remove(args, session).await,
        AclCommand::Test(args) => test(args, session).await,
    }
}

async fn add(effect: AclEffect, args: &RuleArgs, session: &Session) -> Result<View, Failure> {
    let rules = rules(effect, args)?;
    let scope = session.tenant_or_own(None).await?;
    let rules = session.ask(scope.admin().create_acl_rules(&scope.tenant, rules)).await?;
    let view = View::of("rules", rules.iter().map(show::json).collect())
        .named(rules.iter().map(|rule| rule.id.to_string()));
    Ok(rules.iter().fold(view, |view, rule| view.line(show::sentence(rule))))
}

/// A rule for each of the subjects with each of the topics and groups.
///
/// # Errors
/// A name breaks a rule.
fn rules(effect: AclEffect, args: &RuleArgs) -> Result<Vec<AclRule>, Failure> {
    let RuleArgs { subjects: SubjectArgs { users, user_groups, everyone }, ops, resources, prefix } = args;
    let ResourceArgs { topics, groups } = resources;
    let mut subjects = Vec::new();
    for user in users {
        subjects.push(Subject::User(UserName::new(user)?.to_string()));
    }
    for group in user_groups {
        subjects.push(Subject::UserGroup(UserGroup::new(group)?.to_string()));
    }
    subjects.extend(everyone.then_some(Subject::Everyone(true)));
    let mut rules = Vec::new();
    let topics = topics.iter().map(|topic| (ResourceKind::Topic, topic));
    for (kind, text) in topics.chain(groups.iter().map(|group| (ResourceKind::Group, group))) {
        let resources =
            if *prefix { Resources::beginning_with(kind, text) } else { Resources::named(kind, text) };
        let Resources { topics, groups } = resources.map_err(|message| {
            let hint = if text.ends_with('*') {
                "a name that goes on any way is given as its beginning, with --prefix"
            } else {
                ""
            };
            Failure::usage(message).with_hint(hint)
        })?;
        rules.extend(subjects.iter().map(|subject| AclRule {
            effect: effect.into(),
            subject: Some(AclSubject { kind: Some(subject.clone()) }),
            operations: ops.on(kind),
            topics: topics.clone(),
            groups: groups.clone(),
            ..AclRule::default()
        }));
    }
    Ok(rules)
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::number("ID"),
        Column::text("EFFECT"),
        Column::text("SUBJECT"),
        Column::text("OPERATIONS"),
        Column::text("RESOURCES"),
        Column::text("CREATED").wide(),
    ];
    let scope = session.tenant_or_own(None).await?;
    let rules = all(&scope, session).await?;
    let rows = rules.iter().map(|rule| {
        vec![
            rule.id.to_string(),
            show::effect(rule).to_owned(),
            show::subject(rule),
            access::show_operations(&rule.operations),
            show::resources(rule),
            show_time(rule.created_ms),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("rules", rules.iter().map(show::json).collect())
        .named(rules.iter().map(|rule| rule.id.to_string()))
        .section(section))
}

async fn describe(id: u64, session: &Session) -> Result<View, Failure> {
    let scope = session.tenant_or_own(None).await?;
    let rules = all(&scope, session).await?;
    let rule = rules.iter().find(|rule| rule.id == id);
    let rule = rule.ok_or_else(|| {
        Failure::not_found(format!("there is no rule {id}")).with_hint("list them with: levee acl ls")
    })?;
    Ok(show::described(rule))
}

async fn all(scope: &Scope, session: &Session) -> Result<Vec<AclRule>, Failure> {
    let admin = scope.admin();
    let page = async |token: String| {
        let response = admin.list_acl_rules(&scope.tenant, MAX_PAGE_SIZE, &token).await?;
        Ok((response.rules, response.next_page_token))
    };
    session.all_pages(page).await
}

async fn remove(args: &RmArgs, session: &Session) -> Result<View, Failure> {
    let list = args.ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    prompt::consent(args.yes, &format!("remove rule {list}"))?;
    let scope = session.tenant_or_own(None).await?;
    let remove_one = async |id: &u64| {
        session.ask(scope.admin().delete_acl_rules(&scope.tenant, vec![*id])).await?;
        Ok(Deleted { json: json!({"id": id}), line: format!("rule {id} removed") })
    };
    several::delete("rule", &args.ids, args.if_exists, remove_one).await
}

async fn test(args: &TestArgs, session: &Session) -> Result<View, Failure> {
    let user = UserName::new(&args.user)?;
    let topic = args.with.topic.as_deref().map(TopicName::new).transpose()?;
    let group = args.with.group.as_deref().map(GroupName::new).transpose()?;
    let scope = session.tenant_or_own(None).await?;
    let request = TestAclRequest {
        tenant: scope.tenant.clone(),
        user: user.to_string(),
        operation: args.op as i32,
        topic: topic.map(|topic| topic.to_string()).unwrap_or_default(),
        group: group.map(|group| group.to_string()).unwrap_or_default(),
    };
    let outcome = session.ask(scope.admin().test_acl(request.clone())).await?;
    let view = show::tested(&request, &outcome);
    if outcome.allowed {
        return Ok(view);
    }
    let what = access::show_operations(&[request.operation]);
    let with = match request.group.as_str() {
        "" => request.topic,
        group => format!("group {group}"),
    };
    Err(Failure::server(ErrorCode::PermissionDenied, format!("user {user} may not {what} {with}"))
        .showing(view))
}

#[cfg(test)]
mod tests;
