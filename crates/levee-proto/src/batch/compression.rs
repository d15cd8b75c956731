//! Compression of the records of a batch, with an output that is bounded before it is allocated.
//!
//! The ratio is not bounded: records that are alike make 8,000 to 1 with Zstandard, and what costs most to
//! check, a few milliseconds for 4 MiB of small records, is LZ4 at 250 to 1, the most that it can.

use super::fault::corrupt;
use super::{MAX_BATCH_UNCOMPRESSED_BYTES, lz4};
use crate::v1::Compression;
use bytes::Bytes;
use levee_types::{ErrorCode, LeveeError};
use std::cell::RefCell;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, CCtx, DCtx};

/// What a thread keeps of its output buffer between two batches, in bytes: enough for nearly all of
/// them (producers fill 64 KiB), and little enough that no number of threads adds up to much.
pub(super) const RETAINED_BYTES: usize = 512 * 1024;

const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// An output buffer. It grows to what is needed and keeps its bytes, because the first touch of fresh
/// memory costs more than to decompress into it.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Room for `bytes` bytes from the start; the first `kept` keep their content. The caller asks for
    /// at most [`MAX_BATCH_UNCOMPRESSED_BYTES`].
    pub(super) fn room(&mut self, kept: usize, bytes: usize) -> &mut [u8] {
        debug_assert!(kept <= bytes && bytes <= MAX_BATCH_UNCOMPRESSED_BYTES);
        if self.bytes.len() < bytes {
            // Zeroed by the allocator, so that pages nobody writes to are never touched.
            let mut larger = vec![0; bytes.max(2 * kept).min(MAX_BATCH_UNCOMPRESSED_BYTES)];
            larger[..kept].copy_from_slice(&self.bytes[..kept]);
            self.bytes = larger;
        }
        &mut self.bytes
    }
}

/// What decompressing needs besides its input. Each thread has one: the broker checks batches on a few
/// threads, one batch at a time.
pub(super) struct Scratch {
    pub(super) output: Output,
    zstd: DCtx<'static>,
}

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch { output: Output::default(), zstd: DCtx::create() });
}

/// Hands the decompressed bytes to `then`, in a buffer of the thread. `then` must not decompress.
pub(super) fn with_decompressed<T>(
    codec: Compression,
    input: &[u8],
    then: impl FnOnce(&[u8]) -> Result<T, LeveeError>,
) -> Result<T, LeveeError> {
    SCRATCH.with_borrow_mut(|Scratch { output, zstd }| {
        let result =
            decompress_into(codec, input, output, zstd).and_then(|length| then(&output.bytes[..length]));
        if output.bytes.len() > RETAINED_BYTES {
            *output = Output::default();
        }
        result
    })
}

/// Decompresses into memory of its own, for records that outlive the call.
pub(super) fn decompress(codec: Compression, input: &[u8]) -> Result<Bytes, LeveeError> {
    SCRATCH.with_borrow_mut(|Scratch { zstd, .. }| {
        let mut output = Output::default();
        let length = decompress_into(codec, input, &mut output, zstd)?;
        output.bytes.truncate(length);
        output.bytes.shrink_to_fit();
        Ok(output.bytes.into())
    })
}

/// Decompresses exactly one frame that takes up all of `input`. Returns the length of the output.
fn decompress_into(
    codec: Compression,
    input: &[u8],
    output: &mut Output,
    zstd: &mut DCtx<'_>,
) -> Result<usize, LeveeError> {
    match codec {
        Compression::Unspecified => Err(corrupt("records are not compressed")),
        Compression::Lz4 => lz4::decompress(input, output),
        Compression::Zstd => decompress_zstd(input, output, zstd),
    }
}

fn decompress_zstd(input: &[u8], output: &mut Output, zstd: &mut DCtx<'_>) -> Result<usize, LeveeError> {
    let damaged =
        |code: usize| corrupt(format!("Zstandard frame: {}", zstd_safe::get_error_name(code).to_lowercase()));
    // The library skips over frames that are not data and goes on with a second one; a batch is one frame.
    if !input.starts_with(&ZSTD_MAGIC) {
        return Err(corrupt("compressed_records is not a Zstandard frame"));
    }
    let frame = zstd_safe::find_frame_compressed_size(input).map_err(damaged)?;
    if frame != input.len() {
        return Err(trailing(input.len() - frame));
    }
    let claimed = zstd_safe::get_frame_content_size(input)
        .map_err(|_| corrupt("Zstandard frame: its header is damaged"))?
        .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if claimed.is_some_and(|bytes| bytes > MAX_BATCH_UNCOMPRESSED_BYTES) {
        return Err(bomb());
    }
    let room = claimed.unwrap_or(MAX_BATCH_UNCOMPRESSED_BYTES);
    zstd.decompress(&mut output.room(0, room)[..room], input).map_err(|code| {
        let is_full = zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall);
        if is_full && claimed.is_none() { bomb() } else { damaged(code) }
    })
}

/// Compresses the bytes of a `Records` message into one frame that names their length.
pub(super) fn compress(codec: Compression, plain: &[u8]) -> Bytes {
    match codec {
        Compression::Unspecified => Bytes::copy_from_slice(plain),
        Compression::Lz4 => lz4::compress(plain).into(),
        Compression::Zstd => {
            let mut compressed = Vec::with_capacity(zstd_safe::compress_bound(plain.len()));
            #[expect(clippy::expect_used, reason = "only lack of memory fails with an output of this size")]
            CCtx::create()
                .compress(&mut compressed, plain, zstd_safe::CLEVEL_DEFAULT)
                .expect("an output of the bound is large enough");
            compressed.into()
        }
    }
}

/// The failure for bytes after the frame.
pub(super) fn trailing(bytes: usize) -> LeveeError {
    corrupt(format!("compressed_records has {bytes} bytes after its frame"))
}

/// The failure for a frame that decompresses to more than the limit.
pub(super) fn bomb() -> LeveeError {
    LeveeError::new(
        ErrorCode::TooLarge,
        format!("records decompress to more than {MAX_BATCH_UNCOMPRESSED_BYTES} bytes, the limit"),
    )
    .with_hint("send them in several batches")
}
