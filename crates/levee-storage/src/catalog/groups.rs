//! Groups: what they are, how far they have come, and reading them.

use super::{Catalog, Page};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{AheadRow, BadRow, GroupRow, ProgressRow, QueueRow, decode_u64};
use levee_types::group::{Ahead, AheadState, GroupKind, QueueSettings, StartAt};
use levee_types::{GroupId, GroupName, PartitionId, TenantId, TopicName};
use prost::Message;

/// A group of consumers, or a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Never reused.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// Consumers, or a queue.
    pub kind: GroupKind,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// How far a group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where it goes on: every record before is done.
    pub offset: u64,
    /// When that was committed, in Unix milliseconds.
    pub committed_ms: i64,
    /// Of a queue: records behind `offset` that are not as those that nobody looked at, in order and apart.
    pub ahead: Vec<Ahead>,
}

impl Group {
    pub(crate) fn from_row(id: GroupId, row: GroupRow) -> Result<Self, BadRow> {
        Ok(Self {
            id,
            name: GroupName::new(&row.name).map_err(|_| BadRow)?,
            kind: match row.queue {
                None => GroupKind::Consumers,
                Some(queue) => GroupKind::Queue(settings(queue)?),
            },
            created_ms: row.created_ms,
        })
    }

    pub(crate) fn to_row(&self) -> GroupRow {
        GroupRow {
            name: self.name.as_str().to_owned(),
            created_ms: self.created_ms,
            queue: match &self.kind {
                GroupKind::Consumers => None,
                GroupKind::Queue(settings) => Some(queue_row(settings)),
            },
        }
    }
}

fn settings(row: QueueRow) -> Result<QueueSettings, BadRow> {
    let topics = row.topics.iter().map(|topic| TopicName::new(topic));
    let dead_letter_topic = Some(row.dead_letter_topic).filter(|name| !name.is_empty());
    Ok(QueueSettings {
        topics: topics.collect::<Result<_, _>>().map_err(|_| BadRow)?,
        max_deliveries: row.max_deliveries,
        dead_letter_topic: dead_letter_topic
            .map(|name| TopicName::new(&name))
            .transpose()
            .map_err(|_| BadRow)?,
        ordered_by_key: row.ordered_by_key,
        start: match row.start {
            0 => StartAt::Start,
            1 => StartAt::End,
            2 => StartAt::TimestampMs(row.start_ms),
            _ => return Err(BadRow),
        },
    })
}

fn queue_row(settings: &QueueSettings) -> QueueRow {
    let (start, start_ms) = match settings.start {
        StartAt::Start => (0, 0),
        StartAt::End => (1, 0),
        StartAt::TimestampMs(timestamp_ms) => (2, timestamp_ms),
    };
    QueueRow {
        topics: settings.topics.iter().map(ToString::to_string).collect(),
        max_deliveries: settings.max_deliveries,
        dead_letter_topic: settings.dead_letter_topic.as_ref().map(ToString::to_string).unwrap_or_default(),
        ordered_by_key: settings.ordered_by_key,
        start,
        start_ms,
    }
}

impl Progress {
    /// The offset behind everything that it says something of.
    pub(crate) fn end(&self) -> u64 {
        self.ahead.last().map_or(self.offset, Ahead::end).max(self.offset)
    }

    pub(crate) fn from_row(row: &ProgressRow) -> Result<Self, BadRow> {
        let mut ahead = Vec::with_capacity(row.ahead.len());
        let mut end = row.offset;
        for AheadRow { gap, records, deliveries } in &row.ahead {
            let first = end.checked_add(*gap).ok_or(BadRow)?;
            end = first.checked_add(*records).ok_or(BadRow)?;
            let state = match deliveries {
                0 => AheadState::Done,
                deliveries => AheadState::Delivered(*deliveries),
            };
            ahead.push(Ahead { first, records: *records, state });
        }
        Ok(Self { offset: row.offset, committed_ms: row.committed_ms, ahead })
    }

    pub(crate) fn to_row(&self) -> ProgressRow {
        let mut end = self.offset;
        let row = |run: &Ahead| {
            let gap = run.first.saturating_sub(end);
            end = run.end();
            let deliveries = match run.state {
                AheadState::Done => 0,
                AheadState::Delivered(deliveries) => deliveries,
            };
            AheadRow { gap, records: run.records, deliveries }
        };
        let ahead = self.ahead.iter().map(row).collect();
        ProgressRow { offset: self.offset, committed_ms: self.committed_ms, ahead }
    }
}

/// How far a group has come in a partition, out of key and row.
pub(super) fn progress(
    tenant: TenantId,
    key: &[u8],
    row: &[u8],
) -> Result<(PartitionId, Progress), StorageError> {
    let partition = keys::progress_partition(tenant, key).ok_or(BadRow)?;
    Ok((partition, Progress::from_row(&ProgressRow::decode(row)?)?))
}

/// A group that is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedGroup {
    /// Its name.
    pub name: GroupName,
    /// Consumers, or a queue.
    pub kind: GroupKind,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// How far it has come.
    pub progress: Vec<ImportedProgress>,
}

/// How far a group that is imported has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProgress {
    /// Of this topic.
    pub topic: TopicName,
    /// Which partition.
    pub partition: u32,
    /// How far.
    pub progress: Progress,
}

impl ImportedGroup {
    /// About how many bytes it occupies.
    pub(crate) fn size(&self) -> usize {
        let progress = |of: &ImportedProgress| {
            size_of::<ImportedProgress>() + of.progress.ahead.len() * size_of::<Ahead>()
        };
        size_of::<Self>() + self.progress.iter().map(progress).sum::<usize>()
    }
}

impl Catalog {
    pub(crate) fn group(&self, tenant: TenantId, name: &GroupName) -> Result<Option<Group>, StorageError> {
        match self.index.get(Keyspace::State, &keys::group_by_name(tenant, name))? {
            Some(id) => self.group_by_id(tenant, GroupId(decode_u64(&id)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn group_by_id(&self, tenant: TenantId, id: GroupId) -> Result<Option<Group>, StorageError> {
        match self.index.get(Keyspace::State, &keys::group(tenant, id))? {
            Some(row) => Ok(Some(Group::from_row(id, GroupRow::decode(&row[..])?)?)),
            None => Ok(None),
        }
    }

    /// Up to `limit` groups in the order of their names, from behind `after` on, that begin with `prefix`.
    pub(crate) fn list_groups(
        &self,
        tenant: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Group>, StorageError> {
        let start = after.map(|after| keys::groups_from(tenant, after));
        let Page { items, next } =
            self.names(keys::groups_from(tenant, prefix), start.as_deref(), limit, |value| {
                Ok(GroupId(decode_u64(value)?))
            })?;
        let items = items.into_iter().filter_map(|id| self.group_by_id(tenant, id).transpose());
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    /// How far a group has come, in the order of the partitions.
    pub(crate) fn progress(
        &self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Vec<(PartitionId, Progress)>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::progress_of_group(tenant, group));
        cursor.first()?;
        let mut all = Vec::new();
        while let Some((key, row)) = cursor.item() {
            all.push(self::progress(tenant, key, row)?);
            cursor.next()?;
        }
        Ok(all)
    }
}
