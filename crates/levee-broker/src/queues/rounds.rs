//! What is to be written down, gathered until the write before is over.
//!
//! Must hold: who joins a round after a change of a partition is told of a write that has the change in it.

use levee_types::{ErrorCode, LeveeError};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Gathers partitions whose state is to be written.
#[derive(Default)]
pub(super) struct Rounds(Mutex<Gathering>);

#[derive(Default)]
struct Gathering {
    partitions: BTreeSet<u32>,
    outcome: watch::Sender<Option<Failures>>,
}

/// Which partitions could not be written, and why.
type Failures = Arc<HashMap<u32, LeveeError>>;

/// Tells what became of a round.
pub(crate) struct Written(watch::Receiver<Option<Failures>>);

/// What became of a round; none: nobody knows.
pub(crate) struct Outcome(Option<Failures>);

/// A round that is being written.
pub(super) struct Round {
    /// What is to be written.
    pub(super) partitions: BTreeSet<u32>,
    outcome: watch::Sender<Option<Failures>>,
}

impl Rounds {
    /// Has the partitions written, as they are now.
    pub(super) fn join(&self, partitions: impl IntoIterator<Item = u32>) -> Written {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathering.partitions.extend(partitions);
        Written(gathering.outcome.subscribe())
    }

    /// Begins the next round; none if there is nothing to write.
    pub(super) fn begin(&self) -> Option<Round> {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gathering.partitions.is_empty() {
            return None;
        }
        let Gathering { partitions, outcome } = std::mem::take(&mut *gathering);
        Some(Round { partitions, outcome })
    }
}

impl Round {
    /// Tells who joined.
    pub(super) fn end(self, failures: HashMap<u32, LeveeError>) {
        self.outcome.send_replace(Some(Arc::new(failures)));
    }
}

impl Written {
    /// Resolves when the round is over. Cancel-safe.
    pub(crate) async fn over(&mut self) -> Outcome {
        Outcome(self.0.wait_for(Option::is_some).await.ok().and_then(|failures| failures.clone()))
    }
}

impl Outcome {
    /// Why a partition was not written.
    pub(crate) fn failure(&self, partition: u32) -> Option<LeveeError> {
        match &self.0 {
            Some(failures) => failures.get(&partition).cloned(),
            None => Some(LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rounds;
    use futures::FutureExt as _;
    use levee_types::{ErrorCode, LeveeError};
    use std::collections::{BTreeSet, HashMap};

    #[tokio::test]
    async fn who_joins_while_a_round_is_written_is_told_of_the_next() {
        let rounds = Rounds::default();
        assert!(rounds.begin().is_none());
        let (mut first, mut second) = (rounds.join([1]), rounds.join([2, 1]));
        let round = rounds.begin().unwrap();
        assert_eq!(round.partitions, BTreeSet::from([1, 2]));
        let mut late = rounds.join([1]);
        let failure = LeveeError::new(ErrorCode::NotFound, "gone");
        round.end(HashMap::from([(2, failure.clone())]));
        assert_eq!(first.over().await.failure(1), None);
        assert_eq!(second.over().await.failure(2), Some(failure));
        assert!(late.over().now_or_never().is_none());
        // Nobody writes it.
        drop(rounds.begin());
        assert_eq!(late.over().await.failure(1).unwrap().code, ErrorCode::Internal);
    }
}
