//! `levee topic create`

use super::properties;
use crate::address::TopicAddress;
use crate::cli::topic::CreateArgs;
use crate::command::several::Failures;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use levee_client::v1::TopicSpec;
use levee_client::{CreatedTopics, Error};
use levee_types::TenantName;
use levee_types::limits::MAX_TOPICS_PER_REQUEST;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

pub(super) async fn run(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let durability = args.durability.map(|value| ("durability".to_owned(), value.as_str().to_owned()));
    let policy = match (args.compact, &args.retention, &args.retention_bytes) {
        (false, ..) => None,
        (true, None, None) => Some("compact"),
        // Retention counts with it only.
        (true, ..) => Some("compact,delete"),
    };
    let flags = [
        ("cleanup.policy", policy.map(ToOwned::to_owned)),
        ("retention.ms", args.retention.clone()),
        ("retention.bytes", args.retention_bytes.clone()),
    ];
    let flags = flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let config = properties::collect(args.config.iter().cloned().chain(durability).chain(flags))?;
    let mut by_tenant: BTreeMap<Option<TenantName>, Vec<TopicAddress>> = BTreeMap::new();
    for text in &args.topics {
        let address = session.address(text)?;
        by_tenant.entry(address.tenant.clone()).or_default().push(address);
    }
    let mut outcome = Outcome { ready: Vec::new(), created: 0, failures: Failures::of("topic") };
    for (tenant, addresses) in &by_tenant {
        let scope = session.topics_of(tenant.as_ref())?;
        let admin = scope.admin();
        for addresses in addresses.chunks(MAX_TOPICS_PER_REQUEST) {
            let specs = addresses.iter().map(|address| TopicSpec {
                name: address.topic.to_string(),
                partitions: args.partitions,
                config: config.clone(),
            });
            match session.ask(admin.create_topics(&scope.tenant, specs.collect(), args.if_not_exists)).await {
                Ok(made) => outcome.answered(addresses, made),
                Err(failure) => outcome.refused(addresses, &failure),
            }
        }
    }
    outcome.finish(args.topics.len())
}

struct Outcome {
    /// Topics that exist now.
    ready: Vec<TopicAddress>,
    /// How many of them are new.
    created: u64,
    failures: Failures,
}

impl Outcome {
    /// The server did what it could.
    fn answered(&mut self, addresses: &[TopicAddress], made: CreatedTopics) {
        self.created += u64::from(made.created);
        let mut failed: HashMap<String, Error> = made.failures.into_iter().collect();
        for address in addresses {
            match failed.remove(address.topic.as_str()) {
                None => self.ready.push(address.clone()),
                Some(error) => self.failures.add(address, Failure::from(error).or_if_not_exists()),
            }
        }
    }

    /// The server did nothing of it.
    fn refused(&mut self, addresses: &[TopicAddress], failure: &Failure) {
        for address in addresses {
            self.failures.add(address, failure.again());
        }
    }

    fn finish(self, asked: usize) -> Result<View, Failure> {
        let Self { ready, created, failures } = self;
        let failed = failures.count();
        let existed = (ready.len() as u64).saturating_sub(created);
        let view = View::of("topics", ready.iter().map(TopicAddress::json).collect())
            .with("created", json!(created))
            .named(ready.iter().map(ToString::to_string));
        let view = match ready.as_slice() {
            [] => view,
            [address] if created == 1 => view.line(format!("topic {address} created")),
            [address] => view.line(format!("topic {address} exists already")),
            _ => view.line(format!("{created} topics created, {existed} existed already, {failed} failed")),
        };
        failures.finish(asked, view)
    }
}
