//! `levee group …`

use super::several::{self, Deleted};
use crate::address::{GroupAddress, full_name};
use crate::cli::group::{DeleteArgs, GroupCommand, LsArgs, SeekArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::position::Place;
use crate::prompt;
use crate::session::Session;
use levee_types::TopicName;
use levee_types::limits::MAX_PAGE_SIZE;
use serde_json::json;

mod show;

pub(super) async fn run(command: &GroupCommand, session: &Session) -> Result<View, Failure> {
    match command {
        GroupCommand::Ls(args) => list(args, session).await,
        GroupCommand::Describe { group } => describe(group, session).await,
        GroupCommand::Seek(args) => seek(args, session).await,
        GroupCommand::Delete(args) => delete(args, session).await,
    }
}

async fn list(args: &LsArgs, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] =
        &[Column::text("GROUP"), Column::text("KIND"), Column::number("MEMBERS"), Column::text("CREATED")];
    let tenant = session.tenant();
    let scope = session.topics_of(tenant)?;
    let admin = scope.admin();
    let page = async |token: String| {
        let response = admin.list_groups(&scope.tenant, &args.prefix, MAX_PAGE_SIZE, &token).await?;
        Ok((response.groups, response.next_page_token))
    };
    let groups = session.all_pages(page).await?;
    let rows = groups.iter().map(|group| show::row(tenant, group)).collect();
    Ok(View::of("groups", groups.iter().map(|group| show::json(tenant, group)).collect())
        .named(groups.iter().map(|group| full_name(tenant, &group.name)))
        .section(Section::Rows { columns: COLUMNS, rows }))
}

async fn describe(group: &str, session: &Session) -> Result<View, Failure> {
    let address = session.group(group)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let response = session.ask(scope.admin().get_group(&scope.tenant, address.group.as_str())).await?;
    Ok(show::describe(&address, &response))
}

async fn seek(args: &SeekArgs, session: &Session) -> Result<View, Failure> {
    let address = session.group(&args.group)?;
    let topic = TopicName::new(&args.topic)?;
    if matches!(args.to, Place::Offset(_)) && args.partitions.len() != 1 {
        return Err(Failure::usage("an offset is of one partition").with_hint("name the partition with -p"));
    }
    let scope = session.topics_of(address.tenant.as_ref())?;
    let to = args.to.start_at(&**session.clock());
    let (group, partitions) = (address.group.as_str(), args.partitions.clone());
    let admin = scope.admin();
    let seek = admin.seek_group(&scope.tenant, group, topic.as_str(), partitions, to, args.dry_run);
    let sought = session.ask(seek).await?;
    let goes_on = if args.dry_run { "would go on" } else { "goes on" };
    Ok(show::sought(&sought)
        .with("group", address.json())
        .with("topic", json!(topic.as_str()))
        .with("dry_run", json!(args.dry_run))
        .named([address.to_string()])
        .line(format!("group {address} {goes_on} there in topic {topic}")))
}

async fn delete(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let addresses = args.groups.iter().map(|text| session.group(text)).collect::<Result<Vec<_>, _>>()?;
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    prompt::consent(
        args.yes || args.dry_run,
        &format!("delete group {list} with all that it has committed"),
    )?;
    let delete_one = async |address: &GroupAddress| {
        let scope = session.topics_of(address.tenant.as_ref())?;
        let name = address.group.as_str();
        session.ask(scope.admin().delete_group(&scope.tenant, name, args.dry_run)).await?;
        let deleted = Deleted::new("group", address, address.json());
        Ok(match args.dry_run {
            true => Deleted { line: format!("group {address} would be deleted"), ..deleted },
            false => deleted,
        })
    };
    several::delete("group", &addresses, args.if_exists, delete_one).await
}
