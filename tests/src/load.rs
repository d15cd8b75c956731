//! Clients at work, through the real client library, with everything that they see written down.

mod appenders;
mod copiers;
mod drain;
mod follower;
mod group;
mod members;
mod queue;
mod tables;
mod transactions;
mod workers;
mod writer;

pub use appenders::Appenders;
pub use copiers::{Copiers, read_copies};
pub use drain::drain;
pub use follower::{Followers, hop};
pub use group::Group;
pub use members::{Habits, Members};
pub use queue::Queue;
pub use tables::{Table, TableReaders};
pub use transactions::Transactors;
pub use workers::{Conduct, Workers};
pub use writer::{Pace, Writers};

use crate::raw::Raw;
use crate::recorder::Recorder;
use crate::wait;
use levee_client::{Client, ClientConfig, Identity, Position, StartAt};
use levee_proto::v1;
use levee_types::TenantName;
use std::sync::Arc;
use std::time::Duration;

/// One topic of one tenant, and the history of what happens to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World {
    /// Of the broker; the same after a restart.
    pub endpoint: String,
    /// The tenant's name.
    pub tenant: String,
    /// The topic's name.
    pub topic: String,
    /// Its partitions.
    pub partitions: u32,
    /// What its first partition is called in the history.
    pub first: u32,
    /// Where everything is written down.
    pub recorder: Arc<Recorder>,
}

impl World {
    /// Creates the topic `log` of the tenant `checked`.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn create(endpoint: &str, partitions: u32, recorder: &Arc<Recorder>) -> Self {
        Self::create_in(endpoint, "checked", "log", partitions, recorder).await
    }

    /// Creates a tenant and a topic, as far as they are missing.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn create_in(
        endpoint: &str,
        tenant: &str,
        topic: &str,
        partitions: u32,
        recorder: &Arc<Recorder>,
    ) -> Self {
        let spec = v1::TopicSpec { name: topic.to_owned(), partitions, ..Default::default() };
        Self::create_as(endpoint, tenant, spec, recorder).await
    }

    /// Creates the topic `log` of the tenant `checked`, whose records are acked before they are synced.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn create_relaxed(endpoint: &str, partitions: u32, recorder: &Arc<Recorder>) -> Self {
        let config = [("durability".to_owned(), "relaxed".to_owned())].into();
        let spec = v1::TopicSpec { name: "log".to_owned(), partitions, config };
        Self::create_as(endpoint, "checked", spec, recorder).await
    }

    /// Creates a tenant and a topic with properties, as far as they are missing.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn create_as(
        endpoint: &str,
        tenant: &str,
        spec: v1::TopicSpec,
        recorder: &Arc<Recorder>,
    ) -> Self {
        let (topic, partitions) = (spec.name.clone(), spec.partitions);
        let raw = Raw::operator(endpoint);
        raw.create_tenant(tenant).await.expect("a tenant can be created");
        raw.create(tenant, vec![spec]).await.expect("a topic can be created");
        Self {
            endpoint: endpoint.to_owned(),
            tenant: tenant.to_owned(),
            topic,
            partitions,
            first: recorder.partitions(partitions),
            recorder: Arc::clone(recorder),
        }
    }

    /// The same topic on a broker elsewhere, such as on a copy of the data, with a history of its own.
    #[must_use]
    pub fn at(&self, endpoint: &str, recorder: &Arc<Recorder>) -> Self {
        Self { endpoint: endpoint.to_owned(), recorder: Arc::clone(recorder), ..self.clone() }
    }

    /// A client of its own: a connection of its own.
    ///
    /// # Panics
    /// When the endpoint is not one.
    #[must_use]
    pub fn client(&self) -> Client {
        let tenant = TenantName::new(&self.tenant).expect("a name");
        Client::new(ClientConfig::new(&self.endpoint, Identity::DevTenant(tenant))).expect("a client")
    }

    /// The protocol itself, as the tenant.
    #[must_use]
    pub fn raw(&self) -> Raw {
        Raw::tenant(&self.endpoint, &self.tenant)
    }

    /// What the history calls a partition.
    #[must_use]
    pub fn number(&self, partition: u32) -> u32 {
        self.first + partition
    }

    /// Waits until this many more records are acked.
    ///
    /// # Panics
    /// When they are not within a minute: the broker or the client stands still.
    pub async fn progress(&self, records: u64) {
        let goal = self.recorder.acked() + records;
        let enough = || (self.recorder.acked() >= goal).then_some(());
        wait::until("records are acked", Duration::from_secs(60), enough).await;
    }

    fn position(&self, partition: u32, from: StartAt) -> Position {
        Position { topic: self.topic.clone(), partition, from }
    }
}
