use super::*;

#[test]
fn a_batch_is_full_with_its_last_record_and_not_before() {
    // 1024 bytes take 3 more as a value and 3 more as a record.
    assert_eq!(Batch::plan(65_536, 1024), Batch { records: 63, bytes: 63 * 1030 });
    assert_eq!(Batch::plan(65_536, 100), Batch { records: 630, bytes: 630 * 104 });
    assert_eq!(Batch::plan(1, 100), Batch { records: 1, bytes: 104 });
    assert_eq!(Batch::plan(MAX_BATCH_BYTES, 1).records, MAX_BATCH_RECORDS);
    assert_eq!(Batch::plan(MAX_BATCH_BYTES, MAX_BATCH_BYTES).bytes, MAX_BATCH_BYTES);
}

#[test]
fn lengths_are_those_of_protobuf() {
    for (bytes, size) in [(0, 2), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
        assert_eq!(field_bytes(bytes), size, "{bytes}");
    }
}
