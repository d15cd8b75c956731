//! The keys of one issuer over time: looked at again and again, and counted on only as long as that works.
//!
//! Must hold: a key that is gone from the document is gone here as soon as the document was looked at; a
//! document that cannot be had, or is none, changes nothing, until the last look is too long ago: then
//! there are no keys.

use super::endpoint::TIMEOUT;
use super::keys::{BadKeys, Key, KeySet};
use super::schedule::{Pace, Schedule};
use super::source::{ReadError, Source, read_file};
use crate::blocking::Blocking;
use crate::identity::Reason;
use aws_lc_rs::digest::{SHA256, digest};
use levee_types::Clock;
use levee_types::limits::MAX_WAITING_FOR_KEYS;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

/// What a caller waits for a look, at most: it may have to wait for another file first.
const PATIENCE: Duration = TIMEOUT.saturating_add(Duration::from_secs(1));

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Keys(#[from] BadKeys),
}

/// The keys of one issuer.
pub(super) struct Keyring {
    /// The issuer, for the log.
    issuer: String,
    source: Source,
    max_stale: Duration,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    schedule: Mutex<Schedule>,
    /// Wakes who looks, when it is to do so before its time.
    asked: Notify,
    /// Tells who asked that there was a look.
    looked: watch::Sender<()>,
    /// Places for those who wait for a look.
    waiting: Semaphore,
}

/// What the last look that succeeded saw.
#[derive(Default, Clone)]
struct Held {
    keys: Arc<KeySet>,
    /// When that was; none yet.
    seen: Option<Duration>,
    /// SHA-256 of the document.
    document: Option<Vec<u8>>,
}

impl Keyring {
    /// The keys at `source`, at which nobody looked yet. They count for `max_stale` after each look.
    pub(super) fn new(
        issuer: String,
        source: Source,
        pace: Pace,
        max_stale: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            issuer,
            source,
            max_stale,
            clock,
            held: RwLock::default(),
            schedule: Mutex::new(Schedule::new(pace)),
            asked: Notify::new(),
            looked: watch::Sender::new(()),
            waiting: Semaphore::new(MAX_WAITING_FOR_KEYS),
        }
    }

    /// Looks at once if the keys are in a file; gives how many there are. For the start, where a mistake is
    /// to be told.
    pub(super) fn look_at_file(&self) -> Result<Option<usize>, LookError> {
        let Source::File(path) = &self.source else {
            return Ok(None);
        };
        let now = self.clock.monotonic();
        self.schedule().begin(now);
        let result = read_file(path).map_err(LookError::from).and_then(|document| self.take(&document, now));
        self.schedule().end(result.is_err());
        result?;
        Ok(Some(self.held().keys.len()))
    }

    /// The key of that name.
    pub(super) fn key(&self, kid: &str) -> Result<Arc<Key>, Reason> {
        let held = self.held();
        if self.is_stale(&held) {
            return Err(Reason::StaleKeys);
        }
        held.keys.get(kid).cloned().ok_or(Reason::UnknownKey)
    }

    /// Whether a key that [`Self::key`] gave still counts.
    pub(super) fn holds(&self, kid: &str, key: &Arc<Key>) -> bool {
        let held = self.held();
        !self.is_stale(&held) && held.keys.holds(kid, key)
    }

    /// Whether the last look is recent enough for the keys to count.
    pub(super) fn is_fresh(&self) -> bool {
        !self.is_stale(&self.held())
    }

    /// Asks for a look before its time and waits for it; returns at once if it is too early for another, or
    /// too many wait. Cancel-safe.
    pub(super) async fn look_again(&self) {
        let Ok(_place) = self.waiting.try_acquire() else {
            return;
        };
        // Before asking, so that no look is missed.
        let mut looked = self.looked.subscribe();
        if self.schedule().ask(self.clock.monotonic()) {
            self.asked.notify_one();
            // After a look or without one: the caller sees whether it has its key.
            let _ = timeout(PATIENCE, looked.changed()).await;
        }
    }

    /// Resolves when a look is due, was asked for, or the keys have just become too old. Cancel-safe.
    pub(super) async fn wait(&self) {
        let now = self.clock.monotonic();
        let due_in = self.schedule().due_in(now);
        let until_stale = self.held().seen.map(|seen| {
            // Beyond the last moment at which they count.
            (seen + self.max_stale + Duration::from_millis(1)).saturating_sub(now)
        });
        let wait = until_stale.filter(|wait| !wait.is_zero()).map_or(due_in, |wait| wait.min(due_in));
        tokio::select! {
            () = self.asked.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// Looks, if it is time to; `true` if the keys are others now.
    pub(super) async fn look(&self, blocking: &Blocking) -> bool {
        let now = self.clock.monotonic();
        if !self.schedule().begin(now) {
            return false;
        }
        let result = match self.source.read(blocking).await {
            // What counts is when it was asked for: the answer may be as old as that.
            Ok(document) => self.take(&document, now),
            Err(error) => Err(error.into()),
        };
        let had_failed = self.schedule().end(result.is_err());
        self.looked.send_replace(());
        let issuer = &self.issuer;
        match &result {
            Err(error) if !had_failed => {
                tracing::warn!(issuer, %error, "cannot look at the keys of an issuer");
            }
            Err(error) => tracing::debug!(issuer, %error, "still cannot look at the keys of an issuer"),
            Ok(_) if had_failed => tracing::info!(issuer, "the keys of an issuer can be looked at again"),
            Ok(_) => {}
        }
        let is_changed = result.unwrap_or(false);
        if is_changed {
            tracing::info!(issuer, keys = self.held().keys.len(), "an issuer has other keys now");
        }
        is_changed
    }

    /// Resolves when a look has ended.
    #[cfg(test)]
    pub(super) async fn looked(&self) {
        let _ = self.looked.subscribe().changed().await;
    }

    /// Takes over a document that was seen at `now`; gives whether the keys are others.
    fn take(&self, document: &[u8], now: Duration) -> Result<bool, LookError> {
        let before = self.held().clone();
        let sum = Some(digest(&SHA256, document).as_ref().to_vec());
        let keys = if sum == before.document {
            Arc::clone(&before.keys)
        } else {
            Arc::new(KeySet::parse(document, &before.keys)?)
        };
        let is_changed = !keys.is_same(&before.keys);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) =
            Held { keys, seen: Some(now), document: sum };
        Ok(is_changed)
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stale(&self, held: &Held) -> bool {
        let now = self.clock.monotonic();
        held.seen.is_none_or(|seen| now.saturating_sub(seen) > self.max_stale)
    }
}
