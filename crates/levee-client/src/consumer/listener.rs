//! Who is told which partitions come and go.

use crate::position::PartitionOffset;

/// Is told which partitions a consumer gets and must let go of, within [`Consumer::next`](super::Consumer::next).
///
/// The offset of a partition is where it goes on: behind the last record that was handed out.
pub trait RebalanceListener: Send {
    /// These partitions are the consumer's from now on, beside those that it has.
    fn assigned(&mut self, partitions: &[PartitionOffset]) {
        let _ = partitions;
    }

    /// These partitions go to another member, once what is returned here is committed. Everything that was handed out
    /// of them is done, as the caller has asked for more; so `partitions.to_vec()` is right for most. A consumer that
    /// commits by itself commits that, whatever is returned.
    ///
    /// Nothing else of the consumer happens meanwhile: whoever takes longer than the session timeout loses them.
    fn revoked(&mut self, partitions: &[PartitionOffset]) -> Vec<PartitionOffset> {
        let _ = partitions;
        Vec::new()
    }

    /// These partitions are gone: the connection was lost, or the consumer was silent for too long, or the topic was
    /// deleted. What was handed out and not committed will be handed out again, here or elsewhere.
    fn lost(&mut self, partitions: &[PartitionOffset]) {
        let _ = partitions;
    }
}

/// Nobody.
pub(super) struct Nobody;

impl RebalanceListener for Nobody {}
