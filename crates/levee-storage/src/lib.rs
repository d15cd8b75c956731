//! Levee's storage: the journal is the truth, the index and the state are a view of it.
//!
//! ```text
//! Shard ── commands ──> Committer ──> Journal ──> SegmentStore
//!   │                       │ apply
//!   └── reads ──> Tails, LogReader, Catalog <── Index
//! ```
//!
//! Nothing here knows gRPC, and nothing above knows RocksDB. Time and randomness are passed in, and the
//! caller gives the committer its thread.

mod catalog;
mod command;
mod committer;
mod directory;
mod error;
mod fence;
mod index;
pub mod journal;
mod keys;
mod log;
pub mod operation;
mod queue;
mod rows;
pub mod segments;
mod settings;
mod shard;
mod status;
mod tail;
mod transaction;
pub mod usage;
mod watches;

pub use catalog::audit::{AuditEvent, AuditLine};
pub use catalog::groups::{Group, ImportedGroup, ImportedProgress, Progress};
pub use catalog::plans::NamedPlan;
pub use catalog::tenants::{Suspension, Tenant, TenantChange};
pub use catalog::tokens::Token;
pub use catalog::usage::{HourlyUse, ServiceUse};
pub use catalog::users::{NewUser, User, UserChange};
pub use catalog::view::{LogBounds, TenantView};
pub use catalog::{NewTopic, Page, Topic, TopicChange};
pub use command::{Append, Appended, Commit, Place, ProducerSequence, ProducerSession};
pub use committer::{Committer, NewToken, QuotaChange, QuotaTarget};
pub use error::{OpenError, StorageError};
pub use fence::Fence;
pub use keys::QuotaPart;
pub use log::{FETCH_OVERHEAD_BYTES, Fetched, PartitionOffsets, StoredBatch};
pub use settings::ShardSettings;
pub use shard::{Receipt, Shard};
pub use status::{ShardState, ShardStatus};
pub use tail::{Cached, Subscription, Wake};
pub use transaction::{Staged, TransactionCommit, TransactionCommitted, TransactionSequence};
