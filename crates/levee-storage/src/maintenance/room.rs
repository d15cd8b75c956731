//! Room for tenants whose oldest records go when their storage quota is used up. Apart from the other work, because
//! appends are refused until it is done.

use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::shard::Shard;
use std::io;
use tokio::runtime::Builder;

/// Makes room. Give it a thread of its own.
pub struct RoomMaker<S> {
    shard: Shard<S>,
}

impl<S: SegmentStore> RoomMaker<S> {
    /// For a shard.
    #[must_use]
    pub fn new(shard: Shard<S>) -> Self {
        Self { shard }
    }

    /// Works until the shard stops. What fails is tried again when the tenant needs room again.
    ///
    /// # Errors
    /// The system has no resources for it.
    pub fn run(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().build()?;
        while let Some((tenant, bytes)) = self.shard.needs_room() {
            match runtime.block_on(self.shard.make_room(tenant, bytes)) {
                Ok(()) | Err(StorageError::Stopping) => {}
                Err(error) => tracing::error!(%tenant, %error, "no room could be made; it is tried again"),
            }
        }
        Ok(())
    }
}
