//! `levee topic config …`

use super::{properties, show};
use crate::address::TopicAddress;
use crate::cli::topic::ConfigCommand;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use levee_client::v1::{ConfigEntry, Topic};
use levee_types::topic::PROPERTIES;
use std::collections::HashMap;

pub(super) async fn run(command: &ConfigCommand, session: &Session) -> Result<View, Failure> {
    match command {
        ConfigCommand::Get { topic, keys } => {
            let address = session.address(topic)?;
            let scope = session.topics_of(address.tenant.as_ref())?;
            get(&address, session.topic(&scope, &address).await?, keys)
        }
        ConfigCommand::Set { topic, properties } => {
            update(topic, properties::collect(properties.iter().cloned())?, Vec::new(), session).await
        }
        ConfigCommand::Unset { topic, keys } => update(topic, HashMap::new(), keys.clone(), session).await,
    }
}

fn get(address: &TopicAddress, topic: Topic, keys: &[String]) -> Result<View, Failure> {
    if let Some(unknown) = keys.iter().find(|key| !topic.config.iter().any(|entry| entry.name == **key)) {
        // The words and the code of the server, which is asked only to set and to unset.
        return Err(Failure::usage(format!("unknown topic property {unknown:?}"))
            .with_hint(format!("known properties: {}", PROPERTIES.join(", "))));
    }
    let wanted = |entry: &ConfigEntry| keys.is_empty() || keys.contains(&entry.name);
    Ok(show::config(address, &topic.config.into_iter().filter(wanted).collect::<Vec<_>>()))
}

async fn update(
    topic: &str,
    set: HashMap<String, String>,
    unset: Vec<String>,
    session: &Session,
) -> Result<View, Failure> {
    let address = session.address(topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let admin = scope.admin();
    let topic =
        session.ask(admin.update_topic_config(&scope.tenant, address.topic.as_str(), set, unset)).await?;
    Ok(show::config(&address, &topic.config))
}
