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
mod codec;
mod command;
mod committer;
mod compaction;
mod directory;
mod error;
mod fence;
mod holds;
mod index;
pub mod journal;
pub mod keyed;
mod keys;
mod log;
mod maintenance;
pub mod operation;
mod pins;
mod pressure;
mod queue;
mod restore;
mod retention;
mod rows;
pub mod segments;
mod settings;
mod shard;
mod status;
mod steady;
mod table;
mod tail;
mod transaction;
pub mod usage;
mod verification;
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
pub use codec::{BadBatch, BatchCodec, OpenRecord};
pub use command::{Append, Appended, Commit, Place, ProducerSequence, ProducerSession};
pub use committer::{Committer, NewToken, QuotaChange, QuotaTarget};
pub use directory::Identity;
pub use error::{OpenError, StorageError};
pub use fence::Fence;
pub use holds::CompactionHold;
pub use keys::QuotaPart;
pub use log::{FETCH_OVERHEAD_BYTES, Fetched, PartitionOffsets, StoredBatch};
pub use maintenance::{Maintenance, MaintenanceStop, RoomMaker, Upkeep};
pub use restore::{Restoring, Until};
pub use settings::ShardSettings;
pub use shard::{Compacted, Receipt, Shard, Snapshot, TablePage, TableRecord, Verified};
pub use status::{ShardState, ShardStatus};
pub use tail::{Cached, Subscription, Wake};
pub use transaction::{Staged, TransactionCommit, TransactionCommitted, TransactionSequence};
