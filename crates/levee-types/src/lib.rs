//! What every crate of Levee agrees on: names, ids, limits, error codes, and the documents that
//! describe topics and quotas, with their pure evaluation.
//!
//! Must hold: no I/O, no async runtime, no ambient time or randomness.

pub mod acl;
pub mod ambient;
pub mod error;
pub mod fair;
pub mod group;
pub mod hex;
pub mod id;
pub mod limits;
pub mod name;
pub mod quota;
pub mod topic;

pub use ambient::{Clock, Random};
pub use error::{ErrorCode, LeveeError};
pub use id::{GroupId, NotATokenId, PartitionId, ProducerId, TenantId, TokenId, TopicId, UserId};
pub use name::{GroupName, NameError, PlanName, TenantName, TopicName, UserGroup, UserName};
pub use topic::{CleanupPolicy, Durability, TopicConfig};
