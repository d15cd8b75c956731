//! What is administered: what it is, and reading it.
//!
//! Names lead to ids and ids to rows. Topics are cached, because every request names one. Changes are
//! made by the committer alone.

pub(crate) mod acl;
pub(crate) mod audit;
pub(crate) mod groups;
pub(crate) mod plans;
pub(crate) mod retention;
pub(crate) mod tables;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod transactions;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod view;

use crate::error::StorageError;
use crate::index::Index;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, NodeCounters, TopicRow, decode_u64};
use levee_types::{TenantId, TopicConfig, TopicId, TopicName};
use prost::Message;
use quick_cache::sync::Cache;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Never reused.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: u32,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// The properties that were set.
    pub set: BTreeMap<String, String>,
    /// All properties, evaluated.
    pub config: TopicConfig,
}

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// 1 to [`levee_types::limits::MAX_PARTITIONS_PER_TOPIC`].
    pub partitions: u32,
    /// The properties that are set.
    pub set: BTreeMap<String, String>,
}

impl NewTopic {
    /// About how many bytes it occupies.
    pub(crate) fn size(&self) -> usize {
        let set: usize = self.set.iter().map(|(name, value)| name.len() + value.len()).sum();
        size_of::<Self>() + self.name.as_str().len() + set
    }
}

/// A change of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// Sets some properties; those in `unset` return to where they are inherited from.
    Config {
        /// New values by name.
        set: BTreeMap<String, String>,
        /// Names.
        unset: Vec<String>,
    },
    /// The new number of partitions, not lower than the old one.
    Partitions(u32),
}

impl TopicChange {
    /// About how many bytes it occupies.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Config { set, unset } => {
                let set: usize = set.iter().map(|(name, value)| name.len() + value.len()).sum();
                let unset: usize = unset.iter().map(|name| size_of::<String>() + name.len()).sum();
                set + unset
            }
            Self::Partitions(_) => 0,
        }
    }
}

impl Topic {
    pub(crate) fn from_row(id: TopicId, row: TopicRow) -> Result<Self, StorageError> {
        Ok(Self {
            id,
            name: TopicName::new(&row.name).map_err(|_| BadRow)?,
            partitions: row.partitions,
            created_ms: row.created_ms,
            config: TopicConfig::evaluate(&row.set).map_err(|_| BadRow)?,
            set: row.set,
        })
    }

    pub(crate) fn to_row(&self) -> TopicRow {
        TopicRow {
            name: self.name.as_str().to_owned(),
            partitions: self.partitions,
            created_ms: self.created_ms,
            set: self.set.clone(),
        }
    }
}

/// A part of a list, in the order of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Those that are still there; perhaps none, although more may follow.
    pub items: Vec<T>,
    /// The name behind which the list goes on; `None` if it does not.
    pub next: Option<String>,
}

/// Reads tenants and topics.
pub(crate) struct Catalog {
    index: Arc<Index>,
    topics: Cache<(TenantId, TopicName), Arc<Topic>>,
    /// Counts the changes. Locked while something is put into the cache or taken out of it, so that a reader
    /// that read before a change cannot put back afterwards what it read.
    version: Mutex<u64>,
}

impl Catalog {
    pub(crate) fn new(index: Arc<Index>, cached_topics: u64) -> Self {
        let capacity = usize::try_from(cached_topics).unwrap_or(usize::MAX);
        Self { index, topics: Cache::new(capacity), version: Mutex::new(0) }
    }

    pub(crate) fn topic(
        &self,
        tenant: TenantId,
        name: &TopicName,
    ) -> Result<Option<Arc<Topic>>, StorageError> {
        let key = (tenant, name.clone());
        if let Some(topic) = self.topics.get(&key) {
            return Ok(Some(topic));
        }
        let version = *self.version();
        let Some(id) = self.index.get(Keyspace::State, &keys::topic_by_name(tenant, name))? else {
            return Ok(None);
        };
        let Some(topic) = self.topic_by_id(tenant, TopicId(decode_u64(&id)?))? else { return Ok(None) };
        self.remember(key, &topic, version);
        Ok(Some(topic))
    }

    /// Caches a topic that was read at a version, unless something has changed since.
    fn remember(&self, key: (TenantId, TopicName), topic: &Arc<Topic>, read_at: u64) {
        let version = self.version();
        if *version == read_at {
            self.topics.insert(key, Arc::clone(topic));
        }
    }

    fn version(&self) -> MutexGuard<'_, u64> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn topic_by_id(
        &self,
        tenant: TenantId,
        id: TopicId,
    ) -> Result<Option<Arc<Topic>>, StorageError> {
        let Some(row) = self.index.get(Keyspace::State, &keys::topic(tenant, id))? else { return Ok(None) };
        Ok(Some(Arc::new(Topic::from_row(id, TopicRow::decode(&row[..])?)?)))
    }

    /// Called by the committer after it changed a topic.
    pub(crate) fn forget(&self, tenant: TenantId, name: &TopicName) {
        let mut version = self.version();
        *version += 1;
        self.topics.remove(&(tenant, name.clone()));
    }

    /// Called by the committer after it deleted a tenant.
    pub(crate) fn forget_tenant(&self, tenant: TenantId) {
        let mut version = self.version();
        *version += 1;
        self.topics.retain(|(owner, _), _| *owner != tenant);
    }

    /// Up to `limit` topics in the order of their names, from behind `after` on, that begin with `prefix`.
    pub(crate) fn list_topics(
        &self,
        tenant: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Arc<Topic>>, StorageError> {
        let start = after.map(|after| keys::topics_from(tenant, after));
        let Page { items, next } =
            self.names(keys::topics_from(tenant, prefix), start.as_deref(), limit, |value| {
                Ok(TopicId(decode_u64(value)?))
            })?;
        let items = items.into_iter().filter_map(|id| self.topic_by_id(tenant, id).transpose());
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    /// What names lead to. Where the list goes on is decided here, on the names: a row that is deleted
    /// after this makes a page shorter, and must not make it the last.
    fn names<T>(
        &self,
        prefix: Vec<u8>,
        after: Option<&[u8]>,
        limit: usize,
        decode: impl Fn(&[u8]) -> Result<T, StorageError>,
    ) -> Result<Page<T>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::with_prefix(prefix));
        match after {
            Some(after) => cursor.seek(after)?,
            None => cursor.first()?,
        }
        if after.is_some() && cursor.item().map(|(key, _)| key) == after {
            cursor.next()?;
        }
        let mut items = Vec::new();
        let mut last = None;
        while let Some((key, value)) = cursor.item() {
            if items.len() == limit {
                return Ok(Page { items, next: last });
            }
            last = Some(keys::name(key).ok_or(BadRow)?.to_owned());
            items.push(decode(value)?);
            cursor.next()?;
        }
        Ok(Page { items, next: None })
    }

    pub(crate) fn counters(&self) -> Result<NodeCounters, StorageError> {
        let row = self.index.get(Keyspace::State, &keys::node_counters())?.unwrap_or_default();
        Ok(NodeCounters::decode(&row[..])?)
    }
}

pub(crate) fn tenant_id(value: &[u8]) -> Result<TenantId, StorageError> {
    u32::try_from(decode_u64(value)?).map(TenantId).map_err(|_| BadRow.into())
}

#[cfg(test)]
mod tests;
