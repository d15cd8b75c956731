//! Every fixed limit of the broker, in one place. What an operator can set is in the configuration;
//! its defaults and ranges refer to these.

use std::time::Duration;

/// Bytes of one serialized record batch, as sent. The upper end of a topic's `max.message.bytes`.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Bytes of one serialized record batch, as stored: one that compaction rewrote also says at which offsets its records
/// are, and is compressed as the broker compresses.
pub const MAX_STORED_BATCH_BYTES: usize = 2 * MAX_BATCH_BYTES;
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
/// Bytes of the parts of a tenant in one message or one frame of an export file, in each direction; a part that is
/// larger by itself comes alone.
pub const TRANSFER_PARTS_BYTES: usize = MAX_BATCH_BYTES;
/// Bytes of one message to the transfer service, and of a frame: a batch of [`MAX_STORED_BATCH_BYTES`] with its
/// envelopes.
pub const MAX_TRANSFER_BYTES: usize = MAX_STORED_BATCH_BYTES + 16 * 1024;
/// Names of client certificates in one part of an export.
pub const MAX_CERTIFICATES_PER_PART: usize = 1_000;
/// Bytes of an export beside its records: they are held in memory while it goes on, so that it shows one moment.
pub const MAX_EXPORT_CATALOG_BYTES: usize = 64 * 1024 * 1024;
/// Exports that go on at once.
pub const MAX_EXPORTS: usize = 2;
/// Bytes of batches of an import that wait for the disk.
pub const MAX_IMPORT_IN_FLIGHT: usize = 4 * 1024 * 1024;
/// Bytes of a part of a backup: what is read, summed and sent at once, four at a time.
pub const BACKUP_PART_BYTES: usize = 8 * 1024 * 1024;
/// Backups at one place.
pub const MAX_BACKUPS: usize = 10_000;
/// Bytes at the beginning of what says what is in a backup, which a list reads.
pub const MAX_SUMMARY_BYTES: u64 = 1024;
/// Bytes of an answer of an object store: of what says what is in a backup of about 16 TiB.
pub const MAX_STORE_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a file with part of a credential of an object store.
pub const MAX_CREDENTIAL_FILE_BYTES: usize = 4 * 1024;
/// Bytes of one message to a service whose messages hold no lists.
pub const MAX_SMALL_REQUEST_BYTES: usize = 64 * 1024;
/// Bytes of one gRPC message that the broker sends.
pub const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of batches that the broker puts in one message of a read stream; one batch may exceed it.
pub const READ_MESSAGE_BYTES: usize = 1024 * 1024;
/// Bytes of batches that the broker holds for clients that have not taken them yet, in messages of more than
/// [`UNHELD_ANSWER_BYTES`]. A quarter of it is for one tenant. While there is no more, messages are small, and of a batch
/// of more than [`UNHELD_BATCH_BYTES`] a part at a time is read, when it can be sent.
pub const HELD_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The same, for the clients of one tenant.
pub const TENANT_HELD_ANSWER_BYTES: usize = HELD_ANSWER_BYTES / 4;
/// Bytes of batches in a message to a client for which nothing can be held; one batch may exceed it.
pub const UNHELD_ANSWER_BYTES: usize = 16 * 1024;
/// A larger batch is sent in parts of this many bytes to such a client, unless it is a member of a group.
pub const UNHELD_BATCH_BYTES: usize = 64 * 1024;

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
/// The limit of a rate, and a burst, in bytes or requests a second; at least 1. More than a node moves.
pub const MAX_QUOTA_RATE: u64 = 100_000_000_000;
/// The limit of a total: an exbibyte of bytes.
pub const MAX_QUOTA_TOTAL: u64 = 1 << 60;
/// Percent of a limit at which a warning is due, when the quota does not say.
pub const DEFAULT_SOFT_PERCENT: u8 = 80;
/// How long a rate may be expected to hold up a call; one that would wait longer is refused at once. Shorter
/// than the time that a call has by default.
pub const MAX_THROTTLE: Duration = Duration::from_secs(20);
/// Requests that quotas held up which are remembered for each tenant.
pub const MAX_QUOTA_EVENTS: usize = 100;
/// Quotas of users and topics of one tenant.
pub const MAX_QUOTA_TARGETS_PER_TENANT: u64 = 1_000;
/// Events of the audit log of one tenant; beyond, the oldest go.
pub const MAX_AUDIT_EVENTS_PER_TENANT: u64 = 100_000;
/// Bytes of audit events in an answer, but for the last event.
pub const MAX_AUDIT_PAGE_BYTES: usize = 1 << 20;
/// Hours of use that are kept for each tenant: 400 days.
pub const MAX_USAGE_HOURS: u64 = 9_600;
/// Hours in one request for what was used.
pub const MAX_USAGE_HOURS_PER_REQUEST: u64 = 1_000;
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
/// Milliseconds that a topic's property can say: 100 years.
pub const MAX_PROPERTY_MS: u64 = 3_155_760_000_000;
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

/// Bytes of a key of a table; at least 1. Shorter than other keys, because it is a key of the index too.
pub const MAX_TABLE_KEY_BYTES: usize = 4 * 1024;
/// Keys in one request to a table.
pub const MAX_TABLE_KEYS: usize = 1_000;
/// Bytes of records in one answer of a table; one record may exceed it.
pub const TABLE_ANSWER_BYTES: usize = 1024 * 1024;
/// Keys that one stream watches.
pub const MAX_WATCHED_KEYS: usize = 1_000;
/// What is wrong with a topic, of which verifying tells so many findings.
pub const MAX_VERIFY_FINDINGS: usize = 100;
/// How long a read of a table waits for the offset that it asks for.
pub const MAX_TABLE_WAIT: Duration = Duration::from_secs(10);
/// Offsets that a batch covers which compaction made of several.
pub const MAX_COMPACTED_SPAN: u32 = 1_000_000;
/// Bytes of records that compaction puts into one batch, uncompressed, when it makes one of several.
pub const COMPACTED_BATCH_BYTES: usize = 64 * 1024;

/// Groups of one tenant: of consumers, and queues.
pub const MAX_GROUPS_PER_TENANT: u64 = 10_000;
/// Topics that a member of a group consumes, or a queue has.
pub const MAX_TOPICS_PER_GROUP: usize = 100;
/// Partitions that a group has in all its topics.
pub const MAX_PARTITIONS_PER_GROUP: usize = 10_000;
/// Members of one group, or workers of one queue.
pub const MAX_MEMBERS_PER_GROUP: usize = 1_000;
/// Commits of one member that wait for the one before.
pub const MAX_WAITING_COMMITS: usize = 8;
/// Bytes of batches that the broker puts in one message to a member of a group; one batch may exceed it. Smaller than
/// that of a read stream: while a message is on a slow way, no sign of life of the member is taken.
pub const CONSUME_MESSAGE_BYTES: usize = 256 * 1024;
/// Milliseconds that a member of a group may be silent, at least.
pub const MIN_SESSION_TIMEOUT_MS: u32 = 1_000;
/// The same, at most.
pub const MAX_SESSION_TIMEOUT_MS: u32 = 300_000;
/// The same when the member does not say.
pub const DEFAULT_SESSION_TIMEOUT_MS: u32 = 10_000;
/// Milliseconds that a worker of a queue has for a record, at least.
pub const MIN_LEASE_MS: u32 = 1_000;
/// The same, and the delay of a record that was rejected, at most: 12 hours.
pub const MAX_LEASE_MS: u32 = 43_200_000;
/// The same when the worker does not say.
pub const DEFAULT_LEASE_MS: u32 = 30_000;
/// Records that a worker of a queue may have at once, and that one message settles.
pub const MAX_WORK_CREDIT: u32 = 1_000;
/// How often a record of a queue is handed out before it is dead, at most.
pub const MAX_DELIVERIES: u32 = 1_000;
/// The same when the queue does not say.
pub const DEFAULT_DELIVERIES: u32 = 5;
/// Characters of the reason for which a record is rejected.
pub const MAX_REJECT_REASON: usize = 200;
/// Records of a partition that a queue has looked at and that are not done: leased, delayed or waiting behind
/// others. At this number it looks no further until some are done.
pub const MAX_UNDONE_PER_PARTITION: usize = 10_000;
/// Bytes of batches that are kept decoded while queues hand their records out.
pub const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of one message to a worker: the largest record, which came compressed, with its envelope.
pub const MAX_WORK_RESPONSE_BYTES: usize = MAX_BATCH_UNCOMPRESSED_BYTES + 16 * 1024;
/// Messages of a worker that settle records and wait for the disk.
pub const MAX_SETTLES_IN_FLIGHT: usize = 256;
/// Dead records that are put away together, at most.
pub const MAX_DEAD_PER_BATCH: usize = 100;
/// Batches of one transaction.
pub const MAX_TRANSACTION_BATCHES: usize = 1_000;
/// Bytes of the keys of what is staged for tables in one transaction, encoded: they are written when it is committed.
pub const MAX_TRANSACTION_KEY_BYTES: usize = 4 * 1024 * 1024;
/// Offsets of groups in one transaction, or in one commit of a member.
pub const MAX_COMMIT_OFFSETS: usize = 10_000;
/// Open transactions of one tenant with staged batches.
pub const MAX_OPEN_TRANSACTIONS: u64 = 1_000;
/// Milliseconds that a transaction may be open, at least.
pub const MIN_TRANSACTION_TIMEOUT_MS: u32 = 1_000;
/// The same, at most.
pub const MAX_TRANSACTION_TIMEOUT_MS: u32 = 900_000;
/// The same when the producer does not say.
pub const DEFAULT_TRANSACTION_TIMEOUT_MS: u32 = 60_000;

/// Issuers of JWTs of one node.
pub const MAX_ISSUERS: usize = 1_000;
/// Bytes of the file that names them.
pub const MAX_ISSUERS_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an issuer, an audience or an address in that file; at least 1.
pub const MAX_ISSUER_TEXT: usize = 512;
/// Seconds by which the clocks of an issuer and the broker may differ.
pub const MAX_JWT_LEEWAY_S: u64 = 300;
/// The same when the file does not say.
pub const DEFAULT_JWT_LEEWAY_S: u64 = 30;
/// Seconds for which an issuer's keys count after the broker could last look at them, at least. Two regular
/// looks fit in.
pub const MIN_JWKS_STALE_S: u64 = 600;
/// The same, at most: a day.
pub const MAX_JWKS_STALE_S: u64 = 86_400;
/// The same when the file does not say: an hour.
pub const DEFAULT_JWKS_STALE_S: u64 = 3_600;
/// Bytes of the keys of one issuer (a JWKS document).
pub const MAX_JWKS_BYTES: usize = 1024 * 1024;
/// Keys in it, of whatever kind.
pub const MAX_JWKS_KEYS: usize = 100;
/// Bytes of the head of the answer that they come in.
pub const MAX_JWKS_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of a file of CAs.
pub const MAX_CA_FILE_BYTES: usize = 1024 * 1024;
/// Bytes of a JWT.
pub const MAX_JWT_BYTES: usize = 8 * 1024;
/// The last second that a claim of a JWT can name: the end of the year 9999.
pub const MAX_JWT_TIME_S: u64 = 253_402_300_799;
/// JWTs that were verified and are remembered, about; beyond, one is verified again.
pub const MAX_CACHED_JWTS: usize = 10_000;
/// Callers that wait until the keys of one issuer were looked at again; one more is refused at once.
pub const MAX_WAITING_FOR_KEYS: usize = 256;

/// Sources of failed authentications that are told apart, about; beyond, the one that was quiet for long is
/// forgotten.
pub const MAX_FAILURE_SOURCES: usize = 10_000;
/// Credentials that one source may have checked in vain at once.
pub const FAILED_CHECKS_BURST: u32 = 200;
/// The same in each second after that.
pub const FAILED_CHECKS_PER_S: u32 = 10;
/// Milliseconds from the arrival of a request to its refusal for want of a good credential.
pub const REFUSAL_DELAY_MS: u64 = 100;
/// Refusals of one source that wait for that at once; one more is answered at once.
pub const MAX_WAITING_REFUSALS: usize = 16;
