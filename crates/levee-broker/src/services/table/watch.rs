//! A watch: what keys have now, and then every change.
//!
//! The log of each partition is followed from the end that it has when the watch begins. What keys have is told of
//! records before that end only: a key that changes while it is being told comes with the changes. So of each key the
//! changes are told in their order, each once, and nothing is remembered for that.

use super::Tables;
use super::changes::{Changes, Wanted};
use super::lookup::Lookup;
use super::merge::Merge;
use super::stream::Serving;
use super::target::{Part, Target, keys, part_of_key};
use super::value::Filling;
use crate::blocking::LOOKUP_BYTES;
use crate::error::status;
use crate::fields::invalid;
use crate::operation::Operation;
use crate::services::opening::{Body, into_messages};
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::Shard;
use levee_types::limits::MAX_WATCHED_KEYS;
use levee_types::{LeveeError, PartitionId};
use std::collections::HashSet;
use std::sync::Arc;
use tonic::{Request, Status};

impl Tables {
    pub(super) fn watch(
        &self,
        request: Request<v1::WatchTableRequest>,
    ) -> Result<BoxStream<'static, Result<v1::WatchTableResponse, Status>>, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::WatchTable, "")?;
        let retire = ConnectionContext::retire(&request);
        let v1::WatchTableRequest { topic, keys: wanted, prefix, partition } = request.into_inner();
        keys(&wanted, 0, MAX_WATCHED_KEYS)?;
        part_of_key("prefix", &prefix)?;
        if !wanted.is_empty() && !prefix.is_empty() {
            return Err(invalid("prefix", "it is given with keys", "give one of them"));
        }
        let target = Target::new(&permit, &topic, partition, None)?;
        let wanted = match wanted.is_empty() {
            true => Wanted::Prefix(prefix),
            false => Wanted::Keys(wanted.into_iter().collect::<HashSet<_>>()),
        };
        let serving = Serving::new(permit, target, self.blocking.clone(), retire);
        Ok(into_messages(Watch { serving, wanted: Arc::new(wanted), stage: Stage::Begin }))
    }
}

/// A watch that goes on.
struct Watch {
    serving: Serving,
    wanted: Arc<Wanted>,
    stage: Stage,
}

/// How far it is.
enum Stage {
    Begin,
    /// Tells what keys have.
    Present(Present, Changes),
    /// Tells what becomes of them.
    Following(Changes),
    Over,
}

/// What is looked for at first.
enum Present {
    Keys(Lookup),
    Prefix(Box<Merge>),
}

impl Present {
    fn new(wanted: &Wanted, parts: Vec<Part>) -> Self {
        match wanted {
            Wanted::Keys(keys) => Self::Keys(Lookup::new(keys.iter().cloned().collect(), parts)),
            Wanted::Prefix(prefix) => {
                Self::Prefix(Box::new(Merge::new(parts, prefix.clone(), None, u64::MAX)))
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Keys(lookup) => lookup.is_over(),
            Self::Prefix(merge) => merge.is_over(),
        }
    }

    fn turn_bytes(&self) -> usize {
        match self {
            Self::Keys(lookup) => lookup.looks() * LOOKUP_BYTES,
            Self::Prefix(merge) => merge.turn_bytes(),
        }
    }

    /// The next values that there are. May block.
    fn take(&mut self, shard: &Shard, most: usize) -> Result<Vec<v1::KeyValue>, LeveeError> {
        let mut filling = Filling::new(most);
        match self {
            Self::Keys(lookup) => drop(lookup.take(shard, &mut filling)?),
            Self::Prefix(merge) => merge.take(shard, &mut filling)?,
        }
        filling.values.retain(|value| value.record.is_some());
        Ok(filling.values)
    }
}

impl Body for Watch {
    type Message = v1::WatchTableResponse;

    async fn next(&mut self) -> Result<Option<Self::Message>, Status> {
        self.message().await.map_err(|error| status(&error))
    }
}

impl Watch {
    async fn message(&mut self) -> Result<Option<v1::WatchTableResponse>, LeveeError> {
        loop {
            self.serving.check().await?;
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Begin => self.begin().await?,
                Stage::Present(present, changes) if present.is_over() => self.follow(changes).await?,
                Stage::Present(mut present, changes) => {
                    let (share, most) = self.serving.share().await?;
                    let bytes = present.turn_bytes();
                    let read = move |shard: &Shard| Ok((present.take(shard, most)?, present));
                    let (values, present) = self.serving.read(bytes, read).await?;
                    self.serving.sent(share, &values);
                    self.stage = Stage::Present(present, changes);
                    if !values.is_empty() {
                        return Ok(Some(v1::WatchTableResponse { values, is_current: false }));
                    }
                }
                Stage::Following(mut changes) => {
                    let message = changes.next(&mut self.serving).await?;
                    self.stage = Stage::Following(changes);
                    return Ok(Some(message));
                }
                Stage::Over => return Ok(None),
            }
        }
    }

    /// Asks to be told of changes, and then where the logs end.
    async fn begin(&mut self) -> Result<(), LeveeError> {
        let mut changes = Changes::new(&self.serving, Arc::clone(&self.wanted));
        let ends = self.ends().await?;
        changes.begin_at(&ends);
        let parts = self.serving.target.partitions.iter().zip(ends).map(|(id, end)| Part { id: *id, end });
        let present = Present::new(&self.wanted, parts.collect());
        self.stage = Stage::Present(present, changes);
        Ok(())
    }

    /// What was there is told but for what has changed since: the watch is current when it has come to here.
    async fn follow(&mut self, mut changes: Changes) -> Result<(), LeveeError> {
        changes.current_at(&self.ends().await?);
        self.stage = Stage::Following(changes);
        Ok(())
    }

    async fn ends(&mut self) -> Result<Vec<u64>, LeveeError> {
        let partitions: Vec<PartitionId> = self.serving.target.partitions.clone();
        let ends = move |shard: &Shard| {
            let end = |id: PartitionId| Ok(shard.offsets(id)?.end);
            partitions.into_iter().map(end).collect::<Result<Vec<_>, LeveeError>>()
        };
        self.serving.read(self.serving.target.partitions.len() * LOOKUP_BYTES, ends).await
    }
}
