//! The rows of users, tokens, access rules, plans, quotas, the audit log and the use of the service.
//! Persisted: field numbers are never reused.

use prost::Message;

/// A user.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct UserRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Whether it administers its tenant.
    #[prost(bool, tag = "2")]
    pub(crate) is_admin: bool,
    /// Whether it can do nothing.
    #[prost(bool, tag = "3")]
    pub(crate) is_disabled: bool,
    /// Names of the groups that it is in.
    #[prost(string, repeated, tag = "4")]
    pub(crate) groups: Vec<String>,
    /// Names of its client certificates.
    #[prost(string, repeated, tag = "5")]
    pub(crate) certificates: Vec<String>,
    /// Unix milliseconds.
    #[prost(int64, tag = "6")]
    pub(crate) created_ms: i64,
}

/// A token.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TokenRow {
    /// Whose.
    #[prost(uint64, tag = "1")]
    pub(crate) user: u64,
    /// SHA-256 of its secret.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
    /// Unix milliseconds.
    #[prost(int64, tag = "3")]
    pub(crate) created_ms: i64,
    /// Unix milliseconds; absent: it does not expire.
    #[prost(int64, optional, tag = "4")]
    pub(crate) expires_ms: Option<i64>,
    /// What it may do at most; none: whatever its user may.
    #[prost(message, repeated, tag = "5")]
    pub(crate) scopes: Vec<ScopeRow>,
    /// What it is for.
    #[prost(string, tag = "6")]
    pub(crate) description: String,
}

/// Operations on topics, or on groups of consumers and queues.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ScopeRow {
    /// Bits of the operations.
    #[prost(uint32, tag = "1")]
    pub(crate) operations: u32,
    /// A name, or what names begin with.
    #[prost(string, tag = "2")]
    pub(crate) topics: String,
    /// Which of the two.
    #[prost(bool, tag = "3")]
    pub(crate) is_prefix: bool,
    /// Present: groups are meant. Then the two above are unset, which is the topic of an empty name: whoever does not
    /// know this field refuses the row, and does not take it for one about topics.
    #[prost(message, optional, tag = "4")]
    pub(crate) groups: Option<GroupsRow>,
}

/// Which groups are meant.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct GroupsRow {
    /// A name, or what names begin with.
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    /// Which of the two.
    #[prost(bool, tag = "2")]
    pub(crate) is_prefix: bool,
}

/// An access rule.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct AclRuleRow {
    /// 1 allows, 2 denies.
    #[prost(uint32, tag = "1")]
    pub(crate) effect: u32,
    /// The user that it is for; empty: none.
    #[prost(string, tag = "2")]
    pub(crate) user: String,
    /// The group of users that it is for; empty: none. Without user and group it is for everyone.
    #[prost(string, tag = "3")]
    pub(crate) group: String,
    /// What it is about.
    #[prost(message, optional, tag = "4")]
    pub(crate) scope: Option<ScopeRow>,
    /// Unix milliseconds.
    #[prost(int64, tag = "5")]
    pub(crate) created_ms: i64,
}

/// Where an audit log begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct AuditEnds {
    /// The sequence of the oldest event that is kept.
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    /// The sequence of the next event.
    #[prost(uint64, tag = "2")]
    pub(crate) next: u64,
}

/// An event of an audit log.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct AuditEventRow {
    /// Unix milliseconds.
    #[prost(int64, tag = "1")]
    pub(crate) time_ms: i64,
    /// Who.
    #[prost(string, tag = "2")]
    pub(crate) principal: String,
    /// The call.
    #[prost(string, tag = "3")]
    pub(crate) action: String,
    /// What it was about.
    #[prost(string, tag = "4")]
    pub(crate) resource: String,
    /// Whether it was refused.
    #[prost(bool, tag = "5")]
    pub(crate) is_denied: bool,
    /// Why.
    #[prost(string, tag = "6")]
    pub(crate) reason: String,
    /// The request.
    #[prost(string, tag = "7")]
    pub(crate) request_id: String,
    /// Where the client is.
    #[prost(string, tag = "8")]
    pub(crate) source: String,
    /// How many events it stands for.
    #[prost(uint64, tag = "9")]
    pub(crate) count: u64,
}

/// A quota as it was set.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct QuotaRow {
    /// What it limits.
    #[prost(uint32, tag = "1")]
    pub(crate) dimension: u32,
    /// Absent: nothing is too much.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) limit: Option<u64>,
    /// What may come at once.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) burst: Option<u64>,
    /// Where warnings begin.
    #[prost(uint32, optional, tag = "4")]
    pub(crate) soft_percent: Option<u32>,
    /// What happens beyond the limit.
    #[prost(uint32, optional, tag = "5")]
    pub(crate) action: Option<u32>,
}

/// Quotas that were set for one tenant, user or topic.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct QuotasRow {
    /// In the order of their dimensions.
    #[prost(message, repeated, tag = "1")]
    pub(crate) quotas: Vec<QuotaRow>,
}

/// A plan. One that is built in has a row once a tenant has it or it was changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct PlanRow {
    /// The share of work that waits.
    #[prost(uint32, tag = "1")]
    pub(crate) weight: u32,
    /// Its quotas.
    #[prost(message, optional, tag = "2")]
    pub(crate) quotas: Option<QuotasRow>,
    /// How many tenants have it.
    #[prost(uint64, tag = "3")]
    pub(crate) tenants: u64,
}

/// Whom a client certificate belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct CertificateRow {
    /// The tenant.
    #[prost(uint32, tag = "1")]
    pub(crate) tenant: u32,
    /// Its user.
    #[prost(uint64, tag = "2")]
    pub(crate) user: u64,
}

/// What a tenant had used of the service at the end of an hour, since it was created.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct ServiceUseRow {
    /// Bytes of batches that were sent to readers.
    #[prost(uint64, tag = "1")]
    pub(crate) bytes_out: u64,
    /// Records that were sent to readers.
    #[prost(uint64, tag = "2")]
    pub(crate) records_out: u64,
    /// Calls, and messages within streams.
    #[prost(uint64, tag = "3")]
    pub(crate) requests: u64,
    /// The most connections that were open at once within the hour.
    #[prost(uint64, tag = "4")]
    pub(crate) peak_connections: u64,
}
