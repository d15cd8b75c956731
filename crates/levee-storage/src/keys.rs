//! The keys of the index and the state: one table of keyspaces and key kinds.
//!
//! Every key is the tenant's id (4 bytes), the kind (1 byte), then ids (fixed width), all big endian, so
//! that keys sort by their parts, a tenant is one range, and no scan of a tenant can leave it. Only the
//! last part may be text.
//!
//! Persisted, format 1: numbers are never reused.
//!
//! | keyspace | kind | key after tenant and kind | value |
//! | --- | --- | --- | --- |
//! | state | 1 checkpoint (system) | | [`crate::rows::Checkpoint`] |
//! | state | 2 node counters (system) | | [`crate::rows::NodeCounters`] |
//! | state | 3 tenant by name (system) | name | tenant id |
//! | state | 4 tenant (system) | tenant id | [`crate::rows::TenantRow`] |
//! | state | 5 tenant counters | | [`crate::rows::TenantCounters`] |
//! | state | 6 topic by name | name | topic id |
//! | state | 7 topic | topic id | [`crate::rows::TopicRow`] |
//! | state | 8 trimmed partition | topic id, partition | [`crate::rows::TrimRow`] |
//! | state | 9 producer of a partition | topic id, partition, producer id | [`crate::rows::ProducerRow`] |
//! | state | 10 producer | producer id | [`crate::rows::ProducerEpoch`] |
//! | state | 11 user by name | name | user id |
//! | state | 12 user | user id | [`crate::rows::UserRow`] |
//! | state | 13 token | token id (16 bytes) | [`crate::rows::TokenRow`] |
//! | state | 14 access rule | rule id | [`crate::rows::AclRuleRow`] |
//! | state | 15 ends of the audit log | | [`crate::rows::AuditEnds`] |
//! | state | 16 audit event | sequence | [`crate::rows::AuditEventRow`] |
//! | state | 17 quotas | part (0 tenant, 1 user, 2 topic), its id or 0 | [`crate::rows::QuotasRow`] |
//! | state | 18 client certificate (system) | name | [`crate::rows::CertificateRow`] |
//! | state | 19 plan (system) | name | [`crate::rows::PlanRow`] |
//! | state | 20 use of storage | hour | [`crate::usage::Totals`] |
//! | state | 21 use of the service | hour | [`crate::rows::ServiceUseRow`] |
//! | state | 22 tenant to be deleted (system) | when, tenant id | |
//! | state | 23 group by name | name | group id |
//! | state | 24 group | group id | [`crate::rows::GroupRow`] |
//! | state | 25 progress of a group | group id, topic id, partition | [`crate::rows::ProgressRow`] |
//! | state | 26 last transaction of a producer | producer id | [`crate::rows::TransactionRow`] |
//! | state | 27 staged batch | producer id, index | [`crate::rows::StagedRow`] |
//! | state | 28 deadline of a transaction (system) | when, tenant id, producer id | |
//! | state | 29 what is staged | | [`crate::rows::StagedUseRow`] |
//! | state | 30 segments that are deleted (system) | | [`crate::rows::SegmentsRow`] |
//! | state | 31 erasure (system) | number | [`crate::rows::ErasureRow`] |
//! | state | 33 steady time (system) | | [`crate::rows::SteadyRow`] |
//! | keys | 34 key of a table | topic id, partition, key | [`crate::rows::KeyRow`] |
//! | index | 32 batch | topic id, partition, base offset | [`crate::rows::BatchRow`] |

use levee_types::{
    GroupId, GroupName, PartitionId, PlanName, ProducerId, TenantId, TenantName, TokenId, TopicId, TopicName,
    UserId, UserName,
};
use std::ops::RangeInclusive;

/// Whose quotas they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaPart {
    /// The tenant's own.
    Tenant,
    /// Of one of its users.
    User(UserId),
    /// Of one of its topics.
    Topic(TopicId),
}

/// A set of keys that is tuned on its own: a column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Keyspace {
    /// Where the batches are.
    Index = 1,
    /// Everything else.
    State = 2,
    /// Where the newest record of each key of a table is.
    Keys = 3,
}

impl Keyspace {
    /// Every keyspace.
    pub(crate) const ALL: [Self; 3] = [Self::Index, Self::State, Self::Keys];

    /// The keyspace with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|keyspace| *keyspace as u8 == number)
    }
}

const CHECKPOINT: u8 = 1;
const NODE_COUNTERS: u8 = 2;
const TENANT_BY_NAME: u8 = 3;
const TENANT: u8 = 4;
const TENANT_COUNTERS: u8 = 5;
const TOPIC_BY_NAME: u8 = 6;
const TOPIC: u8 = 7;
const TRIM: u8 = 8;
const PARTITION_PRODUCER: u8 = 9;
const PRODUCER: u8 = 10;
const USER_BY_NAME: u8 = 11;
const USER: u8 = 12;
const TOKEN: u8 = 13;
const ACL_RULE: u8 = 14;
const AUDIT_ENDS: u8 = 15;
const AUDIT_EVENT: u8 = 16;
const QUOTAS: u8 = 17;
const CERTIFICATE: u8 = 18;
const PLAN: u8 = 19;
const USAGE: u8 = 20;
const SERVICE_USE: u8 = 21;
const DELETION: u8 = 22;
const GROUP_BY_NAME: u8 = 23;
const GROUP: u8 = 24;
const PROGRESS: u8 = 25;
const TRANSACTION: u8 = 26;
const STAGED: u8 = 27;
const TRANSACTION_DEADLINE: u8 = 28;
const STAGED_USE: u8 = 29;
const SEGMENTS: u8 = 30;
const ERASURE: u8 = 31;
const BATCH: u8 = 32;
const STEADY: u8 = 33;
const TABLE_KEY: u8 = 34;

/// A key under construction.
struct Key(Vec<u8>);

impl Key {
    fn new(tenant: TenantId, kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend_from_slice(&tenant.0.to_be_bytes());
        bytes.push(kind);
        Self(bytes)
    }

    fn u64(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    fn u32(mut self, part: u32) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    fn u8(mut self, part: u8) -> Self {
        self.0.push(part);
        self
    }

    fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }

    fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }
}

/// The journal position that the index covers.
pub(crate) fn checkpoint() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, CHECKPOINT).0
}

/// Counts and next ids of the node.
pub(crate) fn node_counters() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, NODE_COUNTERS).0
}

/// The id of a tenant.
pub(crate) fn tenant_by_name(name: &TenantName) -> Vec<u8> {
    tenants_from(name.as_str())
}

/// Where a scan of tenants by name begins.
pub(crate) fn tenants_from(name: &str) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, TENANT_BY_NAME).text(name).0
}

/// A tenant.
pub(crate) fn tenant(id: TenantId) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, TENANT).u32(id.0).0
}

/// All tenants, in the order of their ids.
pub(crate) fn tenants() -> KeyRange {
    with_prefix(Key::new(TenantId::SYSTEM, TENANT).0)
}

/// The tenant out of a key that [`tenant`] made.
pub(crate) fn tenant_of(key: &[u8]) -> Option<TenantId> {
    key.get(5..)?.try_into().ok().map(|id| TenantId(u32::from_be_bytes(id)))
}

/// Counts and next ids of a tenant.
pub(crate) fn tenant_counters(id: TenantId) -> Vec<u8> {
    Key::new(id, TENANT_COUNTERS).0
}

/// The id of a topic.
pub(crate) fn topic_by_name(tenant: TenantId, name: &TopicName) -> Vec<u8> {
    topics_from(tenant, name.as_str())
}

/// Where a scan of topics by name begins.
pub(crate) fn topics_from(tenant: TenantId, name: &str) -> Vec<u8> {
    Key::new(tenant, TOPIC_BY_NAME).text(name).0
}

/// The name out of a key that [`tenant_by_name`], [`topic_by_name`] or another one like them made.
pub(crate) fn name(key: &[u8]) -> Option<&str> {
    // Behind the tenant and the kind.
    key.get(5..).and_then(|name| str::from_utf8(name).ok())
}

/// A topic.
pub(crate) fn topic(tenant: TenantId, id: TopicId) -> Vec<u8> {
    Key::new(tenant, TOPIC).u64(id.0).0
}

/// All topics of a tenant.
pub(crate) fn topics(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, TOPIC).0)
}

/// Where the log of a trimmed partition begins.
pub(crate) fn trim(partition: PartitionId) -> Vec<u8> {
    Key::new(partition.tenant, TRIM).u64(partition.topic.0).u32(partition.partition).0
}

/// What a producer sent to a partition last.
pub(crate) fn partition_producer(partition: PartitionId, producer: ProducerId) -> Vec<u8> {
    Key::new(partition.tenant, PARTITION_PRODUCER)
        .u64(partition.topic.0)
        .u32(partition.partition)
        .u64(producer.0)
        .0
}

/// The epoch of a producer.
pub(crate) fn producer(tenant: TenantId, id: ProducerId) -> Vec<u8> {
    Key::new(tenant, PRODUCER).u64(id.0).0
}

/// The id of a user.
pub(crate) fn user_by_name(tenant: TenantId, name: &UserName) -> Vec<u8> {
    users_from(tenant, name.as_str())
}

/// Where a scan of users by name begins.
pub(crate) fn users_from(tenant: TenantId, name: &str) -> Vec<u8> {
    Key::new(tenant, USER_BY_NAME).text(name).0
}

/// A user.
pub(crate) fn user(tenant: TenantId, id: UserId) -> Vec<u8> {
    Key::new(tenant, USER).u64(id.0).0
}

/// All users of a tenant.
pub(crate) fn users(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, USER).0)
}

/// A token.
pub(crate) fn token(id: TokenId) -> Vec<u8> {
    Key::new(id.tenant(), TOKEN).bytes(&id.0).0
}

/// All tokens of a tenant.
pub(crate) fn tokens(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, TOKEN).0)
}

/// The id out of a key that [`token`] made.
pub(crate) fn token_id(key: &[u8]) -> Option<TokenId> {
    key.last_chunk().map(|bytes| TokenId(*bytes))
}

/// An access rule.
pub(crate) fn acl_rule(tenant: TenantId, id: u64) -> Vec<u8> {
    Key::new(tenant, ACL_RULE).u64(id).0
}

/// All access rules of a tenant.
pub(crate) fn acl_rules(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, ACL_RULE).0)
}

/// Where the audit log of a tenant begins and ends.
pub(crate) fn audit_ends(tenant: TenantId) -> Vec<u8> {
    Key::new(tenant, AUDIT_ENDS).0
}

/// An event of the audit log.
pub(crate) fn audit_event(tenant: TenantId, sequence: u64) -> Vec<u8> {
    Key::new(tenant, AUDIT_EVENT).u64(sequence).0
}

/// Whether it is one.
pub(crate) fn is_audit_event(key: &[u8]) -> bool {
    key.get(size_of::<u32>()) == Some(&AUDIT_EVENT)
}

/// The audit log of a tenant.
pub(crate) fn audit_events(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, AUDIT_EVENT).0)
}

/// The number at the end of a key: a rule's id, the sequence of an event, an hour, the id of a
/// topic, user or group, the base offset of a batch.
pub(crate) fn last_u64(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Quotas that were set.
pub(crate) fn quotas(tenant: TenantId, part: QuotaPart) -> Vec<u8> {
    let (kind, id) = match part {
        QuotaPart::Tenant => (0, 0),
        QuotaPart::User(id) => (1, id.0),
        QuotaPart::Topic(id) => (2, id.0),
    };
    Key::new(tenant, QUOTAS).u8(kind).u64(id).0
}

/// All quotas that were set within a tenant.
pub(crate) fn all_quotas(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, QUOTAS).0)
}

/// Whose quotas they are, out of a key that [`quotas`] made.
pub(crate) fn quota_part(key: &[u8]) -> Option<QuotaPart> {
    let id = last_u64(key)?;
    match key.get(5)? {
        0 => Some(QuotaPart::Tenant),
        1 => Some(QuotaPart::User(UserId(id))),
        2 => Some(QuotaPart::Topic(TopicId(id))),
        _ => None,
    }
}

/// Whom a client certificate belongs to.
pub(crate) fn certificate(name: &str) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, CERTIFICATE).text(name).0
}

/// A plan.
pub(crate) fn plan(name: &PlanName) -> Vec<u8> {
    plans_from(name.as_str())
}

/// Where a scan of plans by name begins.
pub(crate) fn plans_from(name: &str) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, PLAN).text(name).0
}

/// What a tenant had used of storage at the end of an hour.
pub(crate) fn usage(tenant: TenantId, hour: u64) -> Vec<u8> {
    Key::new(tenant, USAGE).u64(hour).0
}

/// Whether a key is one that [`usage`] makes.
pub(crate) fn is_usage(key: &[u8]) -> bool {
    key.get(size_of::<u32>()) == Some(&USAGE)
}

/// The same of all hours.
pub(crate) fn usage_hours(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, USAGE).0)
}

/// What a tenant had used of the service at the end of an hour.
pub(crate) fn service_use(tenant: TenantId, hour: u64) -> Vec<u8> {
    Key::new(tenant, SERVICE_USE).u64(hour).0
}

/// The same of all hours.
pub(crate) fn service_use_hours(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, SERVICE_USE).0)
}

/// A tenant that will be deleted.
pub(crate) fn deletion(at_ms: i64, tenant: TenantId) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, DELETION).u64(at_ms.max(0).unsigned_abs()).u32(tenant.0).0
}

/// All tenants that will be deleted, the first one first.
pub(crate) fn deletions() -> KeyRange {
    with_prefix(Key::new(TenantId::SYSTEM, DELETION).0)
}

/// When, and which tenant, out of a key that [`deletion`] made.
pub(crate) fn deletion_of(key: &[u8]) -> Option<(i64, TenantId)> {
    let at = key.get(5..13)?.try_into().ok().map(u64::from_be_bytes)?;
    let tenant = key.get(13..)?.try_into().ok().map(u32::from_be_bytes)?;
    Some((i64::try_from(at).ok()?, TenantId(tenant)))
}

/// The id of a group.
pub(crate) fn group_by_name(tenant: TenantId, name: &GroupName) -> Vec<u8> {
    groups_from(tenant, name.as_str())
}

/// Where a scan of groups by name begins.
pub(crate) fn groups_from(tenant: TenantId, name: &str) -> Vec<u8> {
    Key::new(tenant, GROUP_BY_NAME).text(name).0
}

/// A group.
pub(crate) fn group(tenant: TenantId, id: GroupId) -> Vec<u8> {
    Key::new(tenant, GROUP).u64(id.0).0
}

/// All groups of a tenant.
pub(crate) fn groups(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, GROUP).0)
}

/// How far a group has come in a partition.
pub(crate) fn progress(group: GroupId, partition: PartitionId) -> Vec<u8> {
    let key = Key::new(partition.tenant, PROGRESS).u64(group.0);
    key.u64(partition.topic.0).u32(partition.partition).0
}

/// How far a group has come.
pub(crate) fn progress_of_group(tenant: TenantId, group: GroupId) -> KeyRange {
    with_prefix(Key::new(tenant, PROGRESS).u64(group.0).0)
}

/// How far a group has come in the partitions of a topic.
pub(crate) fn progress_of_topic(tenant: TenantId, group: GroupId, topic: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, PROGRESS).u64(group.0).u64(topic.0).0)
}

/// The partition out of a key that [`progress`] made.
pub(crate) fn progress_partition(tenant: TenantId, key: &[u8]) -> Option<PartitionId> {
    let topic = key.get(13..21)?.try_into().ok().map(u64::from_be_bytes)?;
    let partition = key.get(21..)?.try_into().ok().map(u32::from_be_bytes)?;
    Some(PartitionId { tenant, topic: TopicId(topic), partition })
}

/// The last transaction of a producer.
pub(crate) fn transaction(tenant: TenantId, producer: ProducerId) -> Vec<u8> {
    Key::new(tenant, TRANSACTION).u64(producer.0).0
}

/// A batch of an open transaction.
pub(crate) fn staged(tenant: TenantId, producer: ProducerId, index: u32) -> Vec<u8> {
    Key::new(tenant, STAGED).u64(producer.0).u32(index).0
}

/// All batches of the open transactions of these producers.
pub(crate) fn staged_of(tenant: TenantId, producers: RangeInclusive<u64>) -> KeyRange {
    let (from, to) = (staged(tenant, ProducerId(*producers.start()), 0), *producers.end());
    (from, with_prefix(Key::new(tenant, STAGED).u64(to).0).1)
}

/// Whose transaction it is, out of a key that [`staged`] made.
pub(crate) fn staged_producer(key: &[u8]) -> Option<ProducerId> {
    key.get(5..13)?.try_into().ok().map(|id| ProducerId(u64::from_be_bytes(id)))
}

/// When an open transaction is aborted.
pub(crate) fn transaction_deadline(at_ms: i64, tenant: TenantId, producer: ProducerId) -> Vec<u8> {
    let at = at_ms.max(0).unsigned_abs();
    Key::new(TenantId::SYSTEM, TRANSACTION_DEADLINE).u64(at).u32(tenant.0).u64(producer.0).0
}

/// The deadlines of all open transactions, the first one first.
pub(crate) fn transaction_deadlines() -> KeyRange {
    with_prefix(Key::new(TenantId::SYSTEM, TRANSACTION_DEADLINE).0)
}

/// Which segments are deleted.
pub(crate) fn segments() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, SEGMENTS).0
}

/// Something whose bytes must go from the journal.
pub(crate) fn erasure(number: u64) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, ERASURE).u64(number).0
}

/// All of them, the oldest first.
pub(crate) fn erasures() -> KeyRange {
    with_prefix(Key::new(TenantId::SYSTEM, ERASURE).0)
}

/// The time that only goes on while the broker runs.
pub(crate) fn steady() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, STEADY).0
}

/// A key of a table.
pub(crate) fn table_key(partition: PartitionId, key: &[u8]) -> Vec<u8> {
    Key::new(partition.tenant, TABLE_KEY).u64(partition.topic.0).u32(partition.partition).bytes(key).0
}

/// The keys of a partition of a table that begin with a prefix.
pub(crate) fn table_keys(partition: PartitionId, prefix: &[u8]) -> KeyRange {
    with_prefix(table_key(partition, prefix))
}

/// The keys of a table.
pub(crate) fn keys_of_topic(tenant: TenantId, topic: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, TABLE_KEY).u64(topic.0).0)
}

/// The table's key out of a key that [`table_key`] made.
pub(crate) fn key_of_table(key: &[u8]) -> Option<&[u8]> {
    key.get(17..)
}

/// When, and whose transaction, out of a key that [`transaction_deadline`] made.
pub(crate) fn transaction_deadline_of(key: &[u8]) -> Option<(i64, TenantId, ProducerId)> {
    let at = key.get(5..13)?.try_into().ok().map(u64::from_be_bytes)?;
    let tenant = key.get(13..17)?.try_into().ok().map(u32::from_be_bytes)?;
    Some((i64::try_from(at).ok()?, TenantId(tenant), ProducerId(last_u64(key)?)))
}

/// What a tenant has staged.
pub(crate) fn staged_use(tenant: TenantId) -> Vec<u8> {
    Key::new(tenant, STAGED_USE).0
}

/// A batch of the index.
pub(crate) fn batch(partition: PartitionId, base_offset: u64) -> Vec<u8> {
    Key::new(partition.tenant, BATCH).u64(partition.topic.0).u32(partition.partition).u64(base_offset).0
}

/// A range of keys, without its end.
pub(crate) type KeyRange = (Vec<u8>, Vec<u8>);

/// All keys that begin with `prefix`.
pub(crate) fn with_prefix(prefix: Vec<u8>) -> KeyRange {
    let mut end = prefix.clone();
    // No prefix consists of 0xff alone: it holds a kind.
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    (prefix, end)
}

/// Everything that a tenant owns, in any keyspace.
pub(crate) fn of_tenant(id: TenantId) -> KeyRange {
    with_prefix(id.0.to_be_bytes().to_vec())
}

/// Everything of everybody.
pub(crate) fn of_all() -> KeyRange {
    // No key is as long and has only such bytes: kinds are small.
    (Vec::new(), vec![u8::MAX; 8])
}

/// Whose a key is.
pub(crate) fn owner(key: &[u8]) -> Option<TenantId> {
    key.first_chunk().map(|id| TenantId(u32::from_be_bytes(*id)))
}

/// The tenant that a key of the system is about, if that is part of the key.
pub(crate) fn subject(key: &[u8]) -> Option<TenantId> {
    if owner(key)? != TenantId::SYSTEM {
        return None;
    }
    match *key.get(4)? {
        TENANT => key.get(5..)?.try_into().ok().map(|id| TenantId(u32::from_be_bytes(id))),
        DELETION => deletion_of(key).map(|(_, tenant)| tenant),
        TRANSACTION_DEADLINE => transaction_deadline_of(key).map(|(_, tenant, _)| tenant),
        _ => None,
    }
}

/// All staged batches of a tenant.
pub(crate) fn staged_of_tenant(tenant: TenantId) -> KeyRange {
    with_prefix(Key::new(tenant, STAGED).0)
}

/// The partition and the base offset out of a key that [`batch`] made.
pub(crate) fn batch_of(key: &[u8]) -> Option<(PartitionId, u64)> {
    if *key.get(4)? != BATCH {
        return None;
    }
    let topic = key.get(5..13)?.try_into().ok().map(u64::from_be_bytes)?;
    let partition = key.get(13..17)?.try_into().ok().map(u32::from_be_bytes)?;
    let base_offset = key.get(17..)?.try_into().ok().map(u64::from_be_bytes)?;
    Some((PartitionId { tenant: owner(key)?, topic: TopicId(topic), partition }, base_offset))
}

/// All batches of a partition.
pub(crate) fn batches(partition: PartitionId) -> KeyRange {
    let prefix = Key::new(partition.tenant, BATCH).u64(partition.topic.0).u32(partition.partition);
    with_prefix(prefix.0)
}

/// All batches of a topic.
pub(crate) fn batches_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, BATCH).u64(id.0).0)
}

/// All trimmed partitions of a topic.
pub(crate) fn trims_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, TRIM).u64(id.0).0)
}

/// All producers of the partitions of a topic.
pub(crate) fn producers_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, PARTITION_PRODUCER).u64(id.0).0)
}

#[cfg(test)]
mod tests;
