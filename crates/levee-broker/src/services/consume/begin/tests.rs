use super::within;
use levee_storage::PartitionOffsets;

#[test]
fn g6_nobody_begins_outside_of_a_log() {
    let log = PartitionOffsets { start: 10, end: 30, stored_bytes: 0, appended_bytes: 0 };
    // Trimmed; there; what comes next; lost.
    assert_eq!([3, 10, 20, 30, 40].map(|offset| within(log, offset)), [10, 10, 20, 30, 30]);
}
