//! What a worker has, and what is to become of it. No I/O.
//!
//! Must hold: each record that was handed out gives one credit back, when the broker has answered what became of it; a
//! message says one thing of a record at most, so that a failure is of that.

use crate::error::Error;
use levee_proto::v1;
use levee_types::ErrorCode;
use levee_types::limits::MAX_WORK_CREDIT;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;

/// Messages that are not answered. What comes meanwhile shares the next one.
const MAX_UNANSWERED: usize = 4;

/// Who waits for the outcome, if anybody does.
pub(super) type Reply = Option<oneshot::Sender<Result<(), Error>>>;

/// What is to become of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Acknowledge,
    Reject { delay_ms: u32 },
    Dead { reason: String },
    Extend { lease_ms: u32 },
}

struct Settling {
    delivery_id: u64,
    fate: Fate,
    reply: Reply,
}

/// A record that the worker has.
struct Held {
    delivered: Duration,
    /// When its lease is to be extended; none: not by itself.
    extend_at: Option<Duration>,
}

/// How leases are extended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    pub(super) lease_ms: u32,
    /// How long after the delivery.
    pub(super) until: Duration,
}

pub(super) struct Ledger {
    extension: Option<Extension>,
    held: HashMap<u64, Held>,
    queue: VecDeque<Settling>,
    unanswered: VecDeque<Vec<Settling>>,
}

impl Ledger {
    pub(super) fn new(extension: Option<Extension>) -> Self {
        Self { extension, held: HashMap::new(), queue: VecDeque::new(), unanswered: VecDeque::new() }
    }

    /// A record was handed out.
    pub(super) fn delivered(&mut self, delivery_id: u64, now: Duration) {
        let extend_at = self.extension.map(|extension| now + half(extension));
        self.held.insert(delivery_id, Held { delivered: now, extend_at });
    }

    /// Somebody decided.
    pub(super) fn settle(&mut self, delivery_id: u64, fate: Fate, reply: Reply) {
        if !matches!(fate, Fate::Extend { .. }) {
            self.held.remove(&delivery_id);
        }
        self.queue.push_back(Settling { delivery_id, fate, reply });
    }

    /// When leases are to be extended.
    pub(super) fn extend_at(&self) -> Option<Duration> {
        self.held.values().filter_map(|held| held.extend_at).min()
    }

    /// Extends the leases that are due.
    pub(super) fn tick(&mut self, now: Duration) {
        let Some(extension) = self.extension else { return };
        for (delivery_id, held) in &mut self.held {
            if held.extend_at.is_none_or(|due| due > now) {
                continue;
            }
            let is_over = now >= held.delivered + extension.until;
            held.extend_at = (!is_over).then(|| now + half(extension));
            if !is_over {
                let (delivery_id, fate) = (*delivery_id, Fate::Extend { lease_ms: extension.lease_ms });
                self.queue.push_back(Settling { delivery_id, fate, reply: None });
            }
        }
    }

    /// The next message, if one may be sent.
    pub(super) fn next(&mut self) -> Option<v1::WorkSettle> {
        if self.queue.is_empty() || self.unanswered.len() >= MAX_UNANSWERED {
            return None;
        }
        let mut seen = HashSet::new();
        let mut batch = Vec::new();
        let mut message = v1::WorkSettle::default();
        while batch.len() < MAX_WORK_CREDIT as usize
            && let Some(next) = self.queue.pop_front_if(|next| seen.insert(next.delivery_id))
        {
            let delivery_id = next.delivery_id;
            match next.fate.clone() {
                Fate::Acknowledge => message.acknowledge.push(delivery_id),
                Fate::Reject { delay_ms } => {
                    message.reject.push(v1::WorkReject {
                        delivery_id,
                        delay_ms,
                        ..v1::WorkReject::default()
                    });
                }
                Fate::Dead { reason } => {
                    message.reject.push(v1::WorkReject { delivery_id, delay_ms: 0, dead: true, reason });
                }
                Fate::Extend { lease_ms } => message.extend.push(v1::WorkExtend { delivery_id, lease_ms }),
            }
            batch.push(next);
        }
        self.unanswered.push_back(batch);
        Some(message)
    }

    /// The broker answered the oldest message. Returns the credit that this gives back.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn answered(&mut self, message: v1::WorkSettled) -> Result<u32, Error> {
        let batch = self.unanswered.pop_front();
        let batch = batch.ok_or_else(|| Error::protocol("the broker answered what was not asked"))?;
        let failures = message.failures.into_iter();
        let mut failures: HashMap<u64, v1::ErrorDetail> =
            failures.map(|failure| (failure.delivery_id, failure.error.unwrap_or_default())).collect();
        let mut credit = 0;
        for Settling { delivery_id, fate, reply } in batch {
            let outcome = failures.remove(&delivery_id).map_or(Ok(()), |detail| Err(Error::from(detail)));
            if matches!(fate, Fate::Extend { .. }) {
                if reply.is_none()
                    && outcome.is_err()
                    && let Some(held) = self.held.get_mut(&delivery_id)
                {
                    held.extend_at = None;
                }
            } else {
                credit += 1;
            }
            answer(reply, outcome);
        }
        Ok(credit)
    }

    /// The stream is gone, and with it every lease.
    pub(super) fn lost(&mut self, error: &Error) {
        self.held.clear();
        for settling in self.unanswered.drain(..).flatten() {
            answer(settling.reply, Err(error.clone().with_unknown_outcome()));
        }
        for settling in self.queue.drain(..) {
            answer(settling.reply, Err(expired()));
        }
    }

    /// Something is to be sent or answered.
    pub(super) fn is_settling(&self) -> bool {
        !(self.queue.is_empty() && self.unanswered.is_empty())
    }
}

fn half(extension: Extension) -> Duration {
    Duration::from_millis(extension.lease_ms.into()) / 2
}

pub(super) fn answer(reply: Reply, outcome: Result<(), Error>) {
    if let Some(reply) = reply {
        // Nobody has to wait.
        let _ = reply.send(outcome);
    }
}

/// What is said of a record whose stream is gone.
pub(super) fn expired() -> Error {
    Error::refused(ErrorCode::LeaseExpired, "the connection was lost, and the lease of the record with it")
        .with_hint("the record is handed out again")
}

#[cfg(test)]
mod tests;
