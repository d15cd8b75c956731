//! Segments that somebody copies are not deleted meanwhile.
//!
//! Must hold: whoever deletes a segment has a [`Deleting`] from before the entry that says so until the file is gone.
//! So a segment that is there when the journal is pinned stays there, and no row says that it is gone.

use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Who holds segments, of one journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins(Arc<RwLock<()>>);

/// No segment is deleted while this is held.
#[derive(Debug)]
pub(crate) struct Pinned(#[expect(dead_code, reason = "held for its drop")] OwnedRwLockReadGuard<()>);

/// No segment is pinned while this is held.
#[derive(Debug)]
pub(crate) struct Deleting(#[expect(dead_code, reason = "held for its drop")] OwnedRwLockWriteGuard<()>);

impl Pins {
    /// Pins all segments, when the deletion that is under way is over.
    pub(crate) async fn pin(&self) -> Pinned {
        Pinned(Arc::clone(&self.0).read_owned().await)
    }

    /// The right to delete a segment, unless they are pinned.
    pub(crate) fn try_delete(&self) -> Option<Deleting> {
        Arc::clone(&self.0).try_write_owned().ok().map(Deleting)
    }
}

#[cfg(test)]
mod tests {
    use super::Pins;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[test]
    fn what_is_pinned_is_not_deleted_and_what_is_being_deleted_is_not_pinned() {
        let pins = Pins::default();
        let mut context = Context::from_waker(Waker::noop());
        let deleting = pins.try_delete().unwrap();
        let mut pin = pin!(pins.pin());
        assert!(pin.as_mut().poll(&mut context).is_pending());
        drop(deleting);
        let pinned = pin.as_mut().poll(&mut context);
        assert!(pinned.is_ready());
        assert!(pins.try_delete().is_none());
        drop(pinned);
        assert!(pins.try_delete().is_some());
    }
}
