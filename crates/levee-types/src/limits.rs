//! Every fixed limit of the broker, in one place. What an operator can set is in the configuration;
//! its defaults and ranges refer to these.

/// Bytes of one serialized record batch, as sent. The upper end of a topic's `max.message.bytes`.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Bytes of the records of one batch once decompressed.
pub const MAX_BATCH_UNCOMPRESSED_BYTES: usize = 4 * 1024 * 1024;
/// Records in one batch.
pub const MAX_BATCH_RECORDS: usize = 10_000;
/// Bytes of a record's key.
pub const MAX_KEY_BYTES: usize = 64 * 1024;
/// Headers of one record.
pub const MAX_HEADERS: usize = 64;
/// Bytes of a header's key; at least 1.
pub const MAX_HEADER_KEY_BYTES: usize = 249;
/// Bytes of a header's value.
pub const MAX_HEADER_VALUE_BYTES: usize = 64 * 1024;

/// Bytes of one decoded gRPC message. Holds a list of administration, or all positions of a read stream.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one message to the produce service: a batch of [`MAX_BATCH_BYTES`] with its envelope.
pub const MAX_PRODUCE_REQUEST_BYTES: usize = MAX_BATCH_BYTES + 16 * 1024;
/// Bytes of one message to a service whose messages hold no lists.
pub const MAX_SMALL_REQUEST_BYTES: usize = 64 * 1024;
/// Bytes of one gRPC message that the broker sends.
pub const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of batches that the broker puts in one message of a read stream; one batch may exceed it.
pub const READ_MESSAGE_BYTES: usize = 1024 * 1024;

/// Characters of a tenant's name; at least [`MIN_TENANT_NAME`].
pub const MAX_TENANT_NAME: usize = 48;
/// Characters of a tenant's name, at least.
pub const MIN_TENANT_NAME: usize = 3;
/// Characters of the name of a topic or group; at least 1.
pub const MAX_TOPIC_NAME: usize = 249;
/// Characters of the name of a user or of a group of users; at least 1.
pub const MAX_USER_NAME: usize = 64;
/// Characters of a plan's name; at least 1.
pub const MAX_PLAN_NAME: usize = 48;

/// Users of one tenant, and operators.
pub const MAX_USERS_PER_TENANT: u64 = 10_000;
/// Groups that one user is in.
pub const MAX_GROUPS_PER_USER: usize = 32;
/// Client certificates of one user.
pub const MAX_CERTIFICATES_PER_USER: usize = 8;
/// Bytes of the subject alternative name of a client certificate.
pub const MAX_CERTIFICATE_NAME: usize = 512;
/// Tokens of one tenant that are not revoked.
pub const MAX_TOKENS_PER_TENANT: u64 = 10_000;
/// Scopes of one token.
pub const MAX_SCOPES_PER_TOKEN: usize = 32;
/// Characters of the description of a token.
pub const MAX_DESCRIPTION: usize = 200;
/// Access rules of one tenant.
pub const MAX_ACL_RULES_PER_TENANT: u64 = 10_000;
/// Access rules in one request.
pub const MAX_ACL_RULES_PER_REQUEST: usize = 1_000;
/// Plans of one node.
pub const MAX_PLANS: u64 = 1_000;
/// The weight of a plan; at least 1.
pub const MAX_PLAN_WEIGHT: u32 = 100;
/// The weight of a plan that does not say.
pub const DEFAULT_PLAN_WEIGHT: u32 = 10;
/// Quotas of users and topics of one tenant.
pub const MAX_QUOTA_TARGETS_PER_TENANT: u64 = 1_000;
/// Events of the audit log of one tenant; beyond, the oldest go.
pub const MAX_AUDIT_EVENTS_PER_TENANT: u64 = 100_000;
/// Hours of use that are kept for each tenant: 400 days.
pub const MAX_USAGE_HOURS: u64 = 9_600;
/// Milliseconds for which the deletion of a tenant can be taken back: a year.
pub const MAX_DELETE_GRACE_MS: u64 = 31_536_000_000;
/// The same when the request does not say: 7 days.
pub const DEFAULT_DELETE_GRACE_MS: u64 = 604_800_000;

/// Tenants of one node.
pub const MAX_TENANTS: u64 = 100_000;
/// Topics of one tenant.
pub const MAX_TOPICS_PER_TENANT: u64 = 2_000_000;
/// Bytes of the value of a topic's property.
pub const MAX_PROPERTY_VALUE: usize = 64;
/// Partitions of one topic.
pub const MAX_PARTITIONS_PER_TOPIC: u32 = 10_000;
/// Topics in one request to create topics.
pub const MAX_TOPICS_PER_REQUEST: usize = 1_000;
/// Items of one page of a list.
pub const MAX_PAGE_SIZE: u32 = 1_000;
/// Items of one page of a list, when the request does not say.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
/// Positions of one read stream or one request for offsets.
pub const MAX_READ_POSITIONS: usize = 10_000;
/// Credit that a read stream can hold, in bytes of batches.
pub const MAX_READ_CREDIT: u64 = 64 * 1024 * 1024;
/// Requests of one produce stream that wait for their answers.
pub const MAX_PRODUCE_IN_FLIGHT: usize = 256;
/// Batches of one producer and partition that are remembered, to answer a repeated one with its offset.
pub const PRODUCER_WINDOW: usize = 8;
