//! `levee topic …`

use super::several::Failures;
use crate::address::full_name;
use crate::cli::topic::{AddPartitionsArgs, LsArgs, TopicCommand, TrimArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::position::Place;
use crate::prompt;
use crate::session::Session;
use levee_client::StartAt;
use levee_types::limits::MAX_PAGE_SIZE;
use serde_json::{Value, json};

mod compact;
mod config;
mod create;
mod delete;
pub(super) mod properties;
mod show;
mod verify;

pub(super) async fn run(command: &TopicCommand, session: &Session) -> Result<View, Failure> {
    match command {
        TopicCommand::Create(args) => create::run(args, session).await,
        TopicCommand::Ls(args) => list(args, session).await,
        TopicCommand::Describe { topic } => describe(topic, session).await,
        TopicCommand::Delete(args) => delete::run(args, session).await,
        TopicCommand::Config(command) => config::run(command, session).await,
        TopicCommand::AddPartitions(args) => add_partitions(args, session).await,
        TopicCommand::Trim(args) => trim(args, session).await,
        TopicCommand::Compact { topic, wait } => compact::run(topic, *wait, session).await,
        TopicCommand::Verify { topic } => verify::run(topic, session).await,
    }
}

async fn list(args: &LsArgs, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("TOPIC"),
        Column::number("PARTITIONS"),
        Column::text("CREATED"),
        Column::text("SET").wide(),
        Column::number("ID").wide(),
    ];
    let tenant = session.tenant();
    let scope = session.topics_of(tenant)?;
    let admin = scope.admin();
    let page = async |token: String| {
        let response = admin.list_topics(&scope.tenant, &args.prefix, MAX_PAGE_SIZE, &token).await?;
        Ok((response.topics, response.next_page_token))
    };
    let topics = session.all_pages(page).await?;
    let section = Section::Rows {
        columns: COLUMNS,
        rows: topics.iter().map(|topic| show::row(tenant, topic)).collect(),
    };
    Ok(View::of("topics", topics.iter().map(|topic| show::json(tenant, topic)).collect())
        .named(topics.iter().map(|topic| full_name(tenant, &topic.name)))
        .section(section))
}

async fn describe(topic: &str, session: &Session) -> Result<View, Failure> {
    let address = session.address(topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let response = session.ask(scope.admin().get_topic(&scope.tenant, address.topic.as_str())).await?;
    Ok(show::describe(&address, &response))
}

async fn add_partitions(args: &AddPartitionsArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let admin = scope.admin();
    let topic = session.ask(admin.add_partitions(&scope.tenant, address.topic.as_str(), args.to)).await?;
    Ok(View::of("topic", show::json(address.tenant.as_ref(), &topic))
        .named([address.to_string()])
        .line(format!("topic {address} has {} partitions", topic.partitions)))
}

async fn trim(args: &TrimArgs, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[Column::number("PARTITION"), Column::number("START")];
    let address = session.address(&args.topic)?;
    let is_time = matches!(args.before, Place::Since(_));
    // A time is looked up where the records are removed; other places in a log by whoever may read it: a tenant's own.
    let scope = match is_time {
        true => session.topics_of(address.tenant.as_ref())?,
        false => session.records_of(&address).await?,
    };
    let topic = session.topic(&scope, &address).await?;
    let name = address.topic.as_str();
    let positions = args.before.positions(name, topic.partitions, args.partition, &**session.clock())?;
    let mut places: Vec<_> = positions.iter().map(|position| (position.partition, position.from)).collect();
    if !is_time {
        let found = session.ask(scope.client.offsets(positions)).await?;
        for (place, found) in places.iter_mut().zip(found) {
            place.1 = StartAt::Offset(found.offset);
        }
    }
    prompt::consent(
        args.yes,
        &format!("remove the first records of {} partitions of topic {address}", places.len()),
    )?;

    let admin = scope.admin();
    let (mut rows, mut trimmed) = (Vec::new(), Vec::new());
    let mut failures = Failures::of("partition");
    let asked = places.len();
    for (partition, place) in places {
        let answer = match place {
            StartAt::Timestamp(time_ms) => {
                session.ask(admin.trim_partition_before(&scope.tenant, name, partition, time_ms)).await
            }
            StartAt::Offset(offset) => {
                session.ask(admin.trim_partition(&scope.tenant, name, partition, offset)).await
            }
            StartAt::Start | StartAt::End => continue,
        };
        match answer {
            Ok(start) => {
                rows.push(vec![partition.to_string(), start.to_string()]);
                trimmed.push(json!({"partition": partition, "start_offset": start}));
            }
            Err(failure) => failures.add(&partition, failure),
        }
    }
    let view = View::of("topic", address.json())
        .with("partitions", Value::Array(trimmed))
        .named([address.to_string()])
        .section(Section::Rows { columns: COLUMNS, rows });
    failures.finish(asked, view)
}
