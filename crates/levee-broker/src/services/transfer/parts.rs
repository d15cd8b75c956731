//! Messages of an export while they are being filled.
//!
//! Must hold: whatever the parts are, a message stays within the limit of messages.

use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_types::limits::TRANSFER_PARTS_BYTES;
use prost::Message as _;

/// What a part costs in a message beside its bytes, at most: a key and a length.
const ENVELOPE_BYTES: usize = 6;

/// A message that is being filled.
#[derive(Default)]
pub(super) struct Parts {
    parts: Vec<v1::TenantPart>,
    bytes: usize,
}

impl Parts {
    /// Bytes that may still be added.
    pub(super) fn room(&self) -> usize {
        TRANSFER_PARTS_BYTES.saturating_sub(self.bytes)
    }

    /// Adds a part if there is room for it, or it is the first; otherwise gives it back.
    #[expect(clippy::result_large_err, reason = "it is the part itself, which goes into the next message")]
    pub(super) fn add(&mut self, kind: Kind) -> Result<(), Kind> {
        let part = v1::TenantPart { kind: Some(kind) };
        let bytes = part.encoded_len() + ENVELOPE_BYTES;
        match part.kind {
            Some(kind) if bytes > self.room() && !self.parts.is_empty() => Err(kind),
            kind => {
                self.bytes += bytes;
                self.parts.push(v1::TenantPart { kind });
                Ok(())
            }
        }
    }

    /// How many bytes it has, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What goes out; none if there is nothing.
    pub(super) fn finish(self) -> Option<v1::TenantParts> {
        (!self.parts.is_empty()).then_some(v1::TenantParts { parts: self.parts })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Parts};
    use levee_proto::v1;
    use levee_types::limits::{MAX_BATCH_BYTES, MAX_TRANSFER_BYTES, TRANSFER_PARTS_BYTES};
    use prost::Message as _;

    fn batch(bytes: usize) -> Kind {
        let batch = vec![7; bytes].into();
        Kind::Batch(v1::ExportedBatch {
            base_offset: u64::MAX,
            record_count: u32::MAX,
            append_time_ms: -1,
            batch_crc32c: 1,
            batch,
        })
    }

    #[test]
    fn messages_are_full_and_within_the_limit() {
        for size in [1, 100, 70_000, MAX_BATCH_BYTES] {
            let mut parts = Parts::default();
            while parts.add(batch(size)).is_ok() {}
            let encoded = parts.finish().unwrap().encoded_len();
            assert!(encoded <= MAX_TRANSFER_BYTES - 1_024, "{size}: {encoded}");
            // Full but for a part, and for the envelopes, which are counted as large as they may be: of parts of 40 bytes
            // they are a tenth.
            assert!(
                encoded + 2 * size + TRANSFER_PARTS_BYTES / 10 > TRANSFER_PARTS_BYTES,
                "{size}: {encoded}"
            );
        }
        assert!(Parts::default().finish().is_none());
    }
}
