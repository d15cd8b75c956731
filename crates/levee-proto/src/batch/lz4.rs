//! LZ4 frames (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>).
//!
//! The frame decoder of `lz4_flex` takes a frame without its end for a whole one, goes on with whatever
//! follows, and buffers twice the block size that the header names. Blocks are its work here too; the
//! frame around them is read by hand, straight into the output.

use super::MAX_BATCH_UNCOMPRESSED_BYTES;
use super::compression::{Output, bomb, trailing};
use super::fault::corrupt;
use levee_types::LeveeError;
use lz4_flex::block::{DecompressError, decompress_into_with_dict};
use lz4_flex::frame::{FrameEncoder, FrameInfo};
use std::io::Write as _;
use twox_hash::XxHash32;

const MAGIC: u32 = 0x184d_2204;
/// How far back a block may refer into the blocks before it, when they are linked.
const WINDOW_BYTES: usize = 64 * 1024;
/// One byte of a block yields at most this many bytes.
const MAX_EXPANSION: usize = 255;
/// Set in the size of a block that is stored as it is.
const STORED: u32 = 1 << 31;

struct Header {
    linked: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_bytes: Option<u64>,
    max_block_bytes: usize,
}

/// Decompresses the one frame that `input` is. Returns the length of the output.
pub(super) fn decompress(input: &[u8], output: &mut Output) -> Result<usize, LeveeError> {
    let mut input = Input(input);
    let header = header(&mut input)?;
    if header.content_bytes.is_some_and(|bytes| bytes > MAX_BATCH_UNCOMPRESSED_BYTES as u64) {
        return Err(bomb());
    }
    let mut length = 0;
    loop {
        let size = input.u32()?;
        if size == 0 {
            break;
        }
        let bytes = (size & !STORED) as usize;
        if bytes > header.max_block_bytes {
            return Err(corrupt("LZ4 frame: a block is larger than its header allows"));
        }
        let block = input.take(bytes)?;
        if header.block_checksums && input.u32()? != XxHash32::oneshot(0, block) {
            return Err(corrupt("LZ4 frame: a block does not match its checksum"));
        }
        length = decompress_block(&header, size & STORED != 0, block, output, length)?;
    }
    if header.content_checksum && input.u32()? != XxHash32::oneshot(0, &output.room(length, length)[..length])
    {
        return Err(corrupt("LZ4 frame: the content does not match its checksum"));
    }
    if header.content_bytes.is_some_and(|bytes| bytes != length as u64) {
        return Err(corrupt("LZ4 frame: the content has another length than its header says"));
    }
    if !input.0.is_empty() {
        return Err(trailing(input.0.len()));
    }
    Ok(length)
}

/// Appends a block to the first `length` bytes of the output. Returns how many they are then.
fn decompress_block(
    header: &Header,
    stored: bool,
    block: &[u8],
    output: &mut Output,
    length: usize,
) -> Result<usize, LeveeError> {
    let most = if stored { block.len() } else { header.max_block_bytes.min(block.len() * MAX_EXPANSION) };
    let end = MAX_BATCH_UNCOMPRESSED_BYTES.min(length + most);
    let (before, rest) = output.room(length, end).split_at_mut(length);
    let rest = &mut rest[..end - length];
    if stored {
        rest.get_mut(..block.len()).ok_or_else(bomb)?.copy_from_slice(block);
        return Ok(length + block.len());
    }
    let window = if header.linked { &before[length.saturating_sub(WINDOW_BYTES)..] } else { &[] };
    match decompress_into_with_dict(block, rest, window) {
        Ok(bytes) => Ok(length + bytes),
        Err(DecompressError::OutputTooSmall { .. }) if end - length < most => Err(bomb()),
        Err(error) => Err(corrupt(format!("LZ4 frame: {error}"))),
    }
}

fn header(input: &mut Input<'_>) -> Result<Header, LeveeError> {
    if input.u32()? != MAGIC {
        return Err(corrupt("compressed_records is not an LZ4 frame"));
    }
    let start = input.0;
    let (flags, block) = (input.u8()?, input.u8()?);
    if flags & 0b1100_0010 != 0b0100_0000 || block & 0b1000_1111 != 0 {
        return Err(corrupt("LZ4 frame: its header has an unknown version or flag"));
    }
    if flags & 0b0000_0001 != 0 {
        return Err(corrupt("LZ4 frame: it needs a dictionary"));
    }
    let max_block_bytes = match block >> 4 {
        4 => 64 * 1024,
        5 => 256 * 1024,
        6 => 1024 * 1024,
        7 => 4 * 1024 * 1024,
        other => return Err(corrupt(format!("LZ4 frame: its header has the unknown block size {other}"))),
    };
    let content_bytes = if flags & 0b0000_1000 != 0 { Some(input.u64()?) } else { None };
    let covered = &start[..start.len() - input.0.len()];
    let [_, checksum, ..] = XxHash32::oneshot(0, covered).to_le_bytes();
    if input.u8()? != checksum {
        return Err(corrupt("LZ4 frame: its header does not match its checksum"));
    }
    Ok(Header {
        linked: flags & 0b0010_0000 == 0,
        block_checksums: flags & 0b0001_0000 != 0,
        content_checksum: flags & 0b0000_0100 != 0,
        content_bytes,
        max_block_bytes,
    })
}

/// What is left of the frame.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], LeveeError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LeveeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, LeveeError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, LeveeError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LeveeError> {
        self.array().map(u64::from_le_bytes)
    }
}

fn cut_off() -> LeveeError {
    corrupt("LZ4 frame: it is cut off")
}

/// Compresses into one frame that names the length of its content.
pub(super) fn compress(plain: &[u8]) -> Vec<u8> {
    let info = FrameInfo::new().content_size(Some(plain.len() as u64));
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(plain.len() / 2 + 64));
    #[expect(clippy::expect_used, reason = "a write to a Vec does not fail")]
    encoder.write_all(plain).expect("a write to a Vec does not fail");
    #[expect(clippy::expect_used, reason = "the content has the length that was announced")]
    encoder.finish().expect("the content has the length that was announced")
}
