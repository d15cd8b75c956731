//! A group that consumes the topic of a world, as everybody sees it from outside.

use super::World;
use crate::wait;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use std::time::Duration;

/// A group, and its number in the history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it consumes.
    pub world: World,
    /// Its name.
    pub name: String,
    /// Its number as a process.
    pub number: u32,
}

impl Group {
    /// A group that does not exist before somebody joins it.
    #[must_use]
    pub fn new(world: &World, name: &str) -> Self {
        Self { world: world.clone(), name: name.to_owned(), number: world.recorder.process() }
    }

    /// The first message of a member.
    #[must_use]
    pub fn join(&self, instance: &str, session_timeout: Duration) -> v1::ConsumeJoin {
        let start = v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) };
        v1::ConsumeJoin {
            group: self.name.clone(),
            topics: vec![self.world.topic.clone()],
            instance: instance.to_owned(),
            session_timeout_ms: u32::try_from(session_timeout.as_millis()).unwrap_or(u32::MAX),
            start: Some(start),
            credit_bytes: 256 * 1024,
        }
    }

    /// How far it has come, which goes into the history. `None` when the broker does not answer.
    pub async fn look(&self) -> Option<v1::GetGroupResponse> {
        let recorder = &self.world.recorder;
        let fetches: Vec<_> =
            (0..self.world.partitions).map(|n| recorder.fetch(self.number, self.world.number(n))).collect();
        let answer = self.world.raw().group(&self.name).await.ok()?;
        for (number, fetch) in (0..).zip(fetches) {
            let partition = answer
                .partitions
                .iter()
                .find(|partition| partition.topic == self.world.topic && partition.partition == number);
            recorder.fetched(fetch, partition.and_then(|partition| partition.committed_offset));
        }
        Some(answer)
    }

    /// Waits until it has committed everything that is there.
    ///
    /// # Panics
    /// When it has not, in time.
    pub async fn catches_up(&self, within: Duration) {
        wait::poll("the group has committed everything", within, async || {
            let all = self.look().await?.partitions;
            let is_done = |partition: &v1::GroupPartition| partition.lag == 0;
            (all.len() == self.world.partitions as usize && all.iter().all(is_done)).then_some(())
        })
        .await;
    }

    /// The same, for members that do not write down what they commit.
    ///
    /// # Panics
    /// When it has not, in time.
    pub async fn is_at_the_end(&self, within: Duration) {
        wait::poll("the group has committed everything", within, async || {
            let all = self.world.raw().group(&self.name).await.ok()?.partitions;
            (all.len() == self.world.partitions as usize && all.iter().all(|n| n.lag == 0)).then_some(())
        })
        .await;
    }

    /// Waits until every partition has a member.
    ///
    /// # Panics
    /// When one has none, in time.
    pub async fn is_owned(&self, within: Duration) {
        wait::poll("every partition has a member", within, async || {
            let all = self.look().await?.partitions;
            let owned = all.iter().filter(|partition| partition.member_id.is_some()).count();
            (owned == self.world.partitions as usize).then_some(())
        })
        .await;
    }
}
