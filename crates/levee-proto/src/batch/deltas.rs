//! The distances of the records of a batch from its base offset.

use super::fault::corrupt;
use super::wire::Wire;
use levee_types::LeveeError;
use levee_types::limits::MAX_COMPACTED_SPAN;

/// The distances of the records of a batch, checked: they ascend, and stay below [`MAX_COMPACTED_SPAN`].
#[derive(Clone, Copy)]
pub(super) struct Deltas<'a>(&'a [u8]);

impl<'a> Deltas<'a> {
    /// Checks the bytes of the packed field. Empty: the records follow each other.
    pub(super) fn new(packed: &'a [u8]) -> Result<Self, LeveeError> {
        let mut wire = Wire::new(packed);
        let mut next = 0;
        while !wire.is_empty() {
            let delta = wire.varint()?;
            if delta < next || delta >= u64::from(MAX_COMPACTED_SPAN) {
                return Err(corrupt(format!(
                    "offset_deltas has {delta} where {next} to {} is due",
                    MAX_COMPACTED_SPAN - 1
                )));
            }
            next = delta + 1;
        }
        Ok(Self(packed))
    }

    /// Whether the records follow each other.
    pub(super) fn is_dense(self) -> bool {
        self.0.is_empty()
    }

    /// The distances, in their order.
    pub(super) fn iter(self) -> impl Iterator<Item = u32> + 'a {
        let (mut wire, mut dense) = (Wire::new(self.0), 0..u32::MAX);
        std::iter::from_fn(move || {
            if self.is_dense() {
                dense.next()
            } else if wire.is_empty() {
                None
            } else {
                // Checked at first.
                wire.varint().ok().and_then(|delta| u32::try_from(delta).ok())
            }
        })
    }

    /// Which of the records has a distance.
    pub(super) fn index_of(self, delta: u32) -> Option<usize> {
        if self.is_dense() {
            return usize::try_from(delta).ok();
        }
        self.iter().take_while(|of| *of <= delta).enumerate().find(|(_, of)| *of == delta).map(|(at, _)| at)
    }

    /// How many offsets that many records cover.
    ///
    /// # Errors
    /// There are not as many distances.
    pub(super) fn span(self, records: u32) -> Result<u32, LeveeError> {
        if self.is_dense() {
            return Ok(records);
        }
        let (count, last) = self.iter().fold((0, 0), |(count, _), delta| (count + 1, delta));
        if count != records {
            return Err(corrupt(format!("batch has {records} records and {count} offset_deltas")));
        }
        Ok(last + 1)
    }
}
