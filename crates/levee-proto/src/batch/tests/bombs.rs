//! Frames that lie about themselves, and frames that other encoders make.

use super::{Bytes, Compression, ErrorCode, MAX_BATCH_BYTES, RecordBatch, check, encode, record, refusal};
use crate::batch::compression::{Output, RETAINED_BYTES, SCRATCH};
use crate::batch::lz4;
use levee_types::limits::MAX_BATCH_UNCOMPRESSED_BYTES;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::{any, prop_assert_eq, proptest};
use prost::Message as _;
use std::io::Write as _;

fn batch(codec: Compression, frame: &[u8]) -> Bytes {
    let batch = RecordBatch {
        compression: codec.into(),
        compressed_records: frame.to_vec().into(),
        ..RecordBatch::default()
    };
    batch.encode_to_vec().into()
}

fn lz4_frame(info: FrameInfo, content: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A frame that does not say how much it holds.
fn zstd_frame(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn retained() -> usize {
    SCRATCH.with_borrow(|scratch| scratch.output.len())
}

#[test]
fn bombs_are_refused_and_leave_no_memory_behind() {
    let zeros = vec![0; 200 << 20];
    let bombs = [
        (Compression::Zstd, zstd_frame(&zeros)),
        (Compression::Zstd, zstd::bulk::compress(&zeros, 1).unwrap()),
        (Compression::Lz4, lz4_frame(FrameInfo::new().block_size(BlockSize::Max4MB), &zeros)),
        (Compression::Lz4, lz4_frame(FrameInfo::new().content_size(Some(200 << 20)), &zeros)),
        (Compression::Lz4, lz4_frame(FrameInfo::new().block_mode(BlockMode::Linked), &zeros)),
    ];
    for (codec, frame) in bombs {
        let batch = batch(codec, &frame);
        let error = check(&batch, None, MAX_BATCH_BYTES).unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge);
        assert!(retained() <= RETAINED_BYTES);
    }
}

#[test]
fn a_frame_of_a_streaming_encoder_may_fill_the_limit() {
    let full = encode(&[record(&vec![7; MAX_BATCH_UNCOMPRESSED_BYTES - 10])], Compression::Unspecified);
    let beyond = encode(&[record(&vec![7; MAX_BATCH_UNCOMPRESSED_BYTES - 9])], Compression::Unspecified);
    let linked = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max64KB);
    check(&batch(Compression::Zstd, &zstd_frame(&full)), None, MAX_BATCH_BYTES).unwrap();
    check(&batch(Compression::Lz4, &lz4_frame(linked.clone(), &full)), None, MAX_BATCH_BYTES).unwrap();
    assert_eq!(refusal(batch(Compression::Zstd, &zstd_frame(&beyond))), ErrorCode::TooLarge);
    assert_eq!(refusal(batch(Compression::Lz4, &lz4_frame(linked, &beyond))), ErrorCode::TooLarge);
}

#[test]
fn one_whole_frame_and_nothing_else() {
    let plain = encode(&[record(b"value")], Compression::Unspecified);
    let zstd_skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
    for (codec, frame) in [
        (Compression::Lz4, lz4_frame(FrameInfo::new(), &plain)),
        (Compression::Lz4, lz4_frame(FrameInfo::new().content_checksum(true).block_checksums(true), &plain)),
        (Compression::Zstd, zstd_frame(&plain)),
        (Compression::Zstd, zstd::bulk::compress(&plain, 1).unwrap()),
    ] {
        check(&batch(codec, &frame), None, MAX_BATCH_BYTES).unwrap();
        for length in 1..frame.len() {
            assert_eq!(
                refusal(batch(codec, &frame[..length])),
                ErrorCode::CorruptBatch,
                "{codec:?} cut at {length}"
            );
        }
        for more in [&frame[..], &[0], &zstd_skippable] {
            assert_eq!(refusal(batch(codec, &[&frame[..], more].concat())), ErrorCode::CorruptBatch);
        }
        assert_eq!(refusal(batch(codec, &[&zstd_skippable[..], &frame].concat())), ErrorCode::CorruptBatch);
    }
}

#[test]
fn lz4_checksums_are_checked() {
    let info = FrameInfo::new().content_checksum(true).block_checksums(true).content_size(Some(600));
    let frame = lz4_frame(info, &[7; 600]);
    assert_eq!(lz4::decompress(&frame, &mut Output::default()).unwrap(), 600);
    for at in 0..frame.len() {
        let mut damaged = frame.clone();
        damaged[at] ^= 0x10;
        assert!(lz4::decompress(&damaged, &mut Output::default()).is_err(), "byte {at}");
    }
}

proptest! {
    #[test]
    fn every_lz4_frame_is_read(
        seed in proptest::collection::vec(any::<u8>(), 1..2000), repeat in 1..200usize,
        block in 4..8u8, linked: bool, blocks_checked: bool, content_checked: bool, sized: bool,
    ) {
        let content = seed.repeat(repeat);
        let block = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB][block as usize - 4];
        let info = FrameInfo::new()
            .block_size(block)
            .block_mode(if linked { BlockMode::Linked } else { BlockMode::Independent })
            .block_checksums(blocks_checked)
            .content_checksum(content_checked)
            .content_size(sized.then_some(content.len() as u64));
        let mut output = Output::default();
        let length = lz4::decompress(&lz4_frame(info, &content), &mut output).unwrap();
        prop_assert_eq!(&output.room(length, length)[..length], &content[..]);
    }
}
