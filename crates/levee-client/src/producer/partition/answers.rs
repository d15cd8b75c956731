//! What an answer of the broker means for the batches that were sent, and what the end of the stream does.

use super::{Gap, Partition, Settled, Stored};
use crate::error::{Error, ErrorKind};
use levee_proto::v1::ProduceResponse;
use levee_types::ErrorCode;

/// What an answer means for the whole producer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::producer) enum Effect {
    None,
    /// The broker took it.
    Progress,
    /// Wait a little.
    Backoff,
    /// The broker has forgotten the producer: it needs a new id.
    Forgotten,
    /// The topic is not what it was.
    Missing,
    /// Nothing more will be taken from this producer.
    Fatal(Error),
}

impl Partition {
    /// The broker stored the batch of this request.
    pub(in crate::producer) fn stored(
        &mut self,
        request: u64,
        response: &ProduceResponse,
        settled: &mut Settled,
    ) -> Effect {
        let Some(at) = self.position(request) else { return Effect::Progress };
        if response.duplicate && !self.sent[at].maybe_stored {
            let error = Error::protocol("the broker took a batch that was sent once for a repeated one");
            let effect = self.lose(at, error, settled);
            self.close_gap();
            return effect;
        }
        let stored =
            Stored { base_offset: Some(response.base_offset), append_time_ms: response.append_time_ms };
        self.succeed(at, stored, settled);
        self.close_gap();
        Effect::Progress
    }

    /// The broker refused the batch of this request.
    pub(in crate::producer) fn refused(
        &mut self,
        request: u64,
        error: Error,
        settled: &mut Settled,
    ) -> Effect {
        let Some(at) = self.position(request) else { return Effect::None };
        let effect = if self.idempotent {
            self.refused_in_sequence(at, error, settled)
        } else {
            self.refused_alone(at, error, settled)
        };
        self.close_gap();
        effect
    }

    fn refused_alone(&mut self, at: usize, error: Error, settled: &mut Settled) -> Effect {
        if error.is_retryable() && error.has_no_side_effects() {
            self.sent[at].sent_as = None;
            return Effect::Backoff;
        }
        let effect = effect_of(&error);
        let error = if error.has_no_side_effects() { error } else { error.with_unknown_outcome() };
        self.settle(at, &Err(error), settled);
        effect
    }

    fn refused_in_sequence(&mut self, at: usize, error: Error, settled: &mut Settled) -> Effect {
        let batch = &mut self.sent[at];
        match error.code() {
            Some(ErrorCode::ProducerFenced) => Effect::Fatal(error),
            Some(ErrorCode::UnknownProducer) => {
                self.gap = Gap::Renew;
                self.return_or_fail(at, error, settled);
                Effect::Forgotten
            }
            Some(ErrorCode::DuplicateSequence) if batch.maybe_stored => {
                self.succeed(at, Stored { base_offset: None, append_time_ms: 0 }, settled);
                Effect::Progress
            }
            // Only its own copy can have been stored under its sequence, and there was none.
            Some(ErrorCode::DuplicateSequence) => self.lose(at, error, settled),
            // What is missing before it has failed, ...
            Some(ErrorCode::OutOfOrderSequence) if self.gap != Gap::None => {
                self.return_or_fail(at, error, settled);
                Effect::None
            }
            // ... or is about to be sent again, and it after that, ...
            Some(ErrorCode::OutOfOrderSequence) if at > 0 => {
                batch.sent_as = None;
                Effect::None
            }
            // ... or the broker has lost what it acknowledged, or the topic is another one by now.
            Some(ErrorCode::OutOfOrderSequence) => self.lose(at, error, settled),
            _ if error.is_retryable() => {
                batch.maybe_stored |= !error.has_no_side_effects();
                batch.sent_as = None;
                if self.gap != Gap::None && !batch.maybe_stored {
                    self.take_back(at);
                }
                Effect::Backoff
            }
            _ if error.has_no_side_effects() => {
                let effect = effect_of(&error);
                if effect == Effect::Missing && batch.sequence > 0 && self.gap != Gap::Rewind(0) {
                    // A topic of this name that is made again has none of the sequences before.
                    self.gap = Gap::Renew;
                }
                self.fail(at, error, settled);
                effect
            }
            _ => self.lose(at, error, settled),
        }
    }

    /// The stream ended; what it had not answered may be stored or not.
    pub(in crate::producer) fn disconnected(&mut self, error: &Error, settled: &mut Settled) {
        // Behind a gap that nobody fills nothing can have been stored. The copies are stray all the same.
        let is_stored_possible = !matches!(self.gap, Gap::Rewind(_));
        if !is_stored_possible {
            self.gap = Gap::Renew;
        }
        let mut at = 0;
        while let Some(batch) = self.sent.get_mut(at) {
            if batch.sent_as.take().is_none() {
                at += 1;
            } else if !self.idempotent {
                self.settle(at, &Err(error.clone().with_unknown_outcome()), settled);
            } else if is_stored_possible || batch.maybe_stored {
                batch.maybe_stored = true;
                at += 1;
            } else {
                self.take_back(at);
            }
        }
        self.close_gap();
    }

    fn position(&self, request: u64) -> Option<usize> {
        self.sent.iter().position(|batch| batch.sent_as == Some(request))
    }

    fn succeed(&mut self, at: usize, stored: Stored, settled: &mut Settled) {
        if matches!(self.gap, Gap::Rewind(missing) if missing <= self.sent[at].sequence) {
            // It is stored although something before it is not: only the broker knows what it has.
            self.gap = Gap::Renew;
        }
        self.settle(at, &Ok(stored), settled);
    }

    /// Ends a batch of which the broker's view is not ours.
    fn lose(&mut self, at: usize, error: Error, settled: &mut Settled) -> Effect {
        let effect = effect_of(&error);
        let is_stored_possible =
            self.sent[at].maybe_stored || error.code() != Some(ErrorCode::OutOfOrderSequence);
        let error = if is_stored_possible { error.with_unknown_outcome() } else { error };
        self.settle(at, &Err(error), settled);
        if self.idempotent {
            self.gap = Gap::Renew;
            self.take_back_idle();
        }
        effect
    }

    /// Takes back a batch that was refused behind a gap, or fails it if an earlier copy may be stored.
    fn return_or_fail(&mut self, at: usize, error: Error, settled: &mut Settled) {
        if self.sent[at].maybe_stored {
            self.fail(at, error, settled);
        } else {
            self.take_back(at);
        }
    }
}

fn effect_of(error: &Error) -> Effect {
    match (error.kind(), error.code()) {
        (ErrorKind::Broker, Some(ErrorCode::NotFound)) => Effect::Missing,
        _ => Effect::None,
    }
}
