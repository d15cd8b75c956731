//! `levee topic create`

use crate::address::TopicAddress;
use crate::cli::topic::CreateArgs;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use levee_client::Error;
use levee_client::v1::TopicSpec;
use levee_types::TenantName;
use levee_types::limits::MAX_TOPICS_PER_REQUEST;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub(super) async fn run(args: &CreateArgs, session: &Session) -> Result<View, Failure> {
    let config = properties(args)?;
    let mut by_tenant: BTreeMap<TenantName, Vec<TopicAddress>> = BTreeMap::new();
    for text in &args.topics {
        let address = session.address(text)?;
        by_tenant.entry(address.tenant.clone()).or_default().push(address);
    }
    let mut outcome = Outcome::default();
    for (tenant, addresses) in &by_tenant {
        let admin = session.of_tenant(tenant)?.admin();
        for addresses in addresses.chunks(MAX_TOPICS_PER_REQUEST) {
            let specs = addresses.iter().map(|address| TopicSpec {
                name: address.topic.to_string(),
                partitions: args.partitions,
                config: config.clone(),
            });
            match session.ask(admin.create_topics("", specs.collect(), args.if_not_exists)).await {
                Err(failure) => outcome.fail(failure),
                Ok(made) => {
                    outcome.created += u64::from(made.created);
                    let mut failed: HashMap<String, Error> = made.failures.into_iter().collect();
                    for address in addresses {
                        match failed.remove(address.topic.as_str()) {
                            None => outcome.ready.push(address.clone()),
                            Some(error) => {
                                let failure = Failure::from(error).at(format!("topic {address}"));
                                outcome.fail(failure.or_if_not_exists());
                            }
                        }
                    }
                }
            }
        }
    }
    outcome.finish()
}

fn properties(args: &CreateArgs) -> Result<HashMap<String, String>, Failure> {
    let durability =
        args.durability.map(|durability| ("durability".to_owned(), durability.as_str().to_owned()));
    let mut config = HashMap::new();
    for (key, value) in args.config.iter().cloned().chain(durability) {
        if config.insert(key.clone(), value).is_some() {
            return Err(Failure::usage(format!("property {key} is given twice")));
        }
    }
    Ok(config)
}

#[derive(Default)]
struct Outcome {
    /// Topics that exist now.
    ready: Vec<TopicAddress>,
    /// How many of them are new.
    created: u64,
    /// The first one.
    failure: Option<Failure>,
    failed: u64,
}

impl Outcome {
    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        self.failure.get_or_insert(failure);
    }

    fn finish(self) -> Result<View, Failure> {
        let Self { ready, created, failure, failed } = self;
        let json = |address: &TopicAddress| json!({"tenant": address.tenant.as_str(), "name": address.topic.as_str()});
        let mut view = View::of("topics", ready.iter().map(json).collect::<Vec<Value>>().into())
            .with("created", json!(created))
            .named(ready.iter().map(ToString::to_string));
        let existed = (ready.len() as u64).saturating_sub(created);
        view = match ready.as_slice() {
            [] => view,
            [address] if created == 1 => view.line(format!("topic {address} created")),
            [address] => view.line(format!("topic {address} exists already")),
            _ => view.line(format!("{created} topics created, {existed} existed already, {failed} failed")),
        };
        crate::command::outcome(view, failure, !ready.is_empty())
    }
}
