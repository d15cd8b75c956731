//! A queue over the topic of a world, as everybody sees it from outside.

use super::World;
use crate::{payload, wait};
use levee_client::{Error, ReaderSettings, StartAt};
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use std::time::Duration;

/// The topic of its dead letters, of one partition.
const DEAD: &str = "dead";

/// A queue, and its number in the history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    /// What it hands out.
    pub world: World,
    /// Its name.
    pub name: String,
    /// Its number as a process.
    pub number: u32,
    /// As it is made.
    pub settings: v1::QueueSettings,
}

impl Queue {
    /// A queue that is made by its first worker, and the topic of its dead letters.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn new(world: &World, name: &str, max_deliveries: u32) -> Self {
        let tenant = crate::raw::Raw::operator(&world.endpoint);
        tenant.create_topics(&world.tenant, &[DEAD], 1).await.expect("a topic can be created");
        let settings = v1::QueueSettings {
            topics: vec![world.topic.clone()],
            max_deliveries,
            dead_letter_topic: DEAD.to_owned(),
            ordered_by_key: false,
            start: Some(v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) }),
        };
        Self { world: world.clone(), name: name.to_owned(), number: world.recorder.process(), settings }
    }

    /// The first message of a worker.
    #[must_use]
    pub fn start(&self, lease: Duration, credit: u32) -> v1::WorkStart {
        v1::WorkStart {
            group: self.name.clone(),
            settings: Some(self.settings.clone()),
            lease_ms: u32::try_from(lease.as_millis()).unwrap_or(u32::MAX),
            credit,
        }
    }

    /// Waits until it says that everything is done, which goes into the history.
    ///
    /// # Panics
    /// When it does not, in time.
    pub async fn empties(&self, within: Duration) {
        wait::poll("the queue has nothing left", within, async || {
            let all = self.world.raw().group(&self.name).await.ok()?.partitions;
            let is_done = |partition: &v1::GroupPartition| partition.lag == 0 && partition.leased == 0;
            (all.len() == self.world.partitions as usize && all.iter().all(is_done)).then_some(())
        })
        .await;
        for partition in 0..self.world.partitions {
            self.world.recorder.emptied(self.number, self.world.number(partition));
        }
    }

    /// Reads its dead letters; gives how many there are.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read_dead(&self) -> Result<u64, Error> {
        let position = levee_client::Position { topic: DEAD.to_owned(), partition: 0, from: StartAt::Start };
        let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
        let mut reader = self.world.client().reader(vec![position], settings).await?;
        let mut count = 0;
        while let Some(record) = reader.next().await {
            let record = record?;
            let value = record.record.value.as_deref().and_then(payload::parse);
            self.world.recorder.dead(self.number, u32::MAX, value, record.offset);
            count += 1;
        }
        Ok(count)
    }
}
