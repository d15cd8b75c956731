//! The check of a batch never panics, and what it lets through decodes to as many records as it counted.

#![no_main]

use bytes::Bytes;
use levee_proto::batch;
use levee_types::limits::MAX_BATCH_BYTES;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::copy_from_slice(bytes);
    match batch::check(&bytes, None, MAX_BATCH_BYTES) {
        Ok(checked) => {
            let records = batch::decode(&bytes).expect("a batch that was let through decodes");
            assert_eq!(records.len(), checked.records as usize);
            let latest = records.iter().filter_map(|(_, record)| record.timestamp_ms).max();
            assert_eq!(latest, checked.max_timestamp_ms);
            batch::check(&bytes, Some(!checked.crc), MAX_BATCH_BYTES).expect_err("a wrong checksum is told");
        }
        // A reader, compaction and an import may be handed anything as well.
        Err(_) => {
            let (decoded, opened) = (batch::decode(&bytes), batch::open(&bytes));
            if let Ok(checked) = batch::check_stored(&bytes, None) {
                let decoded = decoded.expect("a batch that was let through decodes");
                let opened = opened.expect("a batch that was let through can be opened");
                assert_eq!((decoded.len(), opened.len()), (checked.records as usize, checked.records as usize));
                assert_eq!(decoded.last().map_or(0, |(last, _)| last + 1), checked.span);
                assert!(decoded.iter().zip(&opened).all(|((delta, _), raw)| *delta == raw.delta));
            }
        }
    }
});
