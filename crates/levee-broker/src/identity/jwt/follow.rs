//! Keeps the keys of all issuers up to date.
//!
//! Must hold: an issuer that is slow or gone delays no other.

use super::{Jwts, Known};
use crate::blocking::Blocking;
use futures::future::{join_all, pending};
use std::convert::Infallible;
use std::sync::Arc;

impl Jwts {
    /// Looks at the keys of all issuers, again and again, until it is dropped. Files are read by
    /// `blocking`, which should be for nothing else. One connection for each address at a time.
    pub async fn follow(self: Arc<Self>, blocking: Blocking) -> Infallible {
        join_all(self.issuers.iter().map(|known| self.follow_one(known, &blocking))).await;
        // Without issuers there is nothing to do.
        pending().await
    }

    async fn follow_one(&self, known: &Known, blocking: &Blocking) -> Infallible {
        let keyring = &known.keyring;
        let mut was_fresh = keyring.is_fresh();
        loop {
            keyring.wait().await;
            let is_changed = keyring.look(blocking).await;
            let is_fresh = keyring.is_fresh();
            if was_fresh && !is_fresh {
                let issuer = &known.issuer.issuer;
                tracing::warn!(issuer, "the keys of an issuer are too old: its tokens are refused");
            }
            if is_changed || is_fresh != was_fresh {
                self.verified.retain(|_, verified| self.holds(verified));
                self.changed.send_replace(());
            }
            was_fresh = is_fresh;
        }
    }
}
