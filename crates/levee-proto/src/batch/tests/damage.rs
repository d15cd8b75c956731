//! Damage on the way, and bytes that were never a batch.

use super::{Bytes, CODECS, ErrorCode, MAX_BATCH_BYTES, check, codecs, decode, encode, record, records};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;

#[test]
fn every_truncation_is_told() {
    for codec in CODECS {
        let batch = encode(&[record(b"one"), record(&[7; 1000]), record(b"three")], codec);
        let crc = crc32c::crc32c(&batch);
        for length in 0..batch.len() {
            let cut = batch.slice(..length);
            assert_eq!(check(&cut, Some(crc), MAX_BATCH_BYTES).unwrap_err().code, ErrorCode::CorruptBatch);
            // Without a checksum a batch may end after any of its records.
            if let Ok(checked) = check(&cut, None, MAX_BATCH_BYTES) {
                assert!(checked.records < 3);
                assert_eq!(codec, CODECS[0]);
            }
        }
    }
}

#[test]
fn says_what_to_do_about_a_wrong_checksum() {
    let error = check(&encode(&[record(b"x")], CODECS[0]), Some(7), MAX_BATCH_BYTES).unwrap_err();
    assert_eq!(error.code, ErrorCode::CorruptBatch);
    assert!(error.message.ends_with("its sender computed 0x00000007"), "{}", error.message);
    assert_eq!(error.hint, "it was damaged on its way: send it again");
}

proptest! {
    #[test]
    fn flipped_bits_are_told(records in records(), codec in codecs(), bits in vec(any::<Index>(), 1..4)) {
        let batch = encode(&records, codec);
        let crc = crc32c::crc32c(&batch);
        let mut bytes = batch.to_vec();
        for bit in bits {
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let damaged = Bytes::from(bytes);
        if damaged != batch {
            prop_assert_eq!(check(&damaged, Some(crc), MAX_BATCH_BYTES).unwrap_err().code, ErrorCode::CorruptBatch);
        }
        if let Ok(checked) = check(&damaged, None, MAX_BATCH_BYTES) {
            prop_assert_eq!(decode(&damaged).unwrap().len(), checked.records as usize);
        }
    }

    #[test]
    fn nothing_panics(bytes in vec(any::<u8>(), 0..200), codec in 0..4u8) {
        let batch = Bytes::from([&[0x10, codec][..], &super::field(3, &bytes)].concat());
        prop_assert!(check(&batch, None, MAX_BATCH_BYTES).is_err());
        prop_assert!(decode(&batch).is_err() || codec == 0);
        let _ = check(&Bytes::from(bytes.clone()), None, MAX_BATCH_BYTES);
        let _ = decode(&Bytes::from(bytes));
    }
}
