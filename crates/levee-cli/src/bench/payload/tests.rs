use super::*;
use std::collections::HashSet;

#[test]
fn values_have_their_size_and_do_not_repeat_within_a_batch() {
    for record_bytes in [1, 100, 1024, 65_536, POOL_BYTES] {
        let mut payload = Payload::new(PayloadArg::Random, record_bytes, 1);
        let batch: Vec<Bytes> = (0..(POOL_BYTES / record_bytes).min(1024)).map(|_| payload.next()).collect();
        assert!(batch.iter().all(|value| value.len() == record_bytes));
        if record_bytes >= 100 {
            assert_eq!(batch.iter().collect::<HashSet<_>>().len(), batch.len(), "{record_bytes}");
        }
    }
}

#[test]
fn values_go_on_for_ever_and_cost_no_copy() {
    let mut payload = Payload::new(PayloadArg::Text, 1000, 1);
    let range = payload.pool.as_ptr_range();
    for _ in 0..5000 {
        assert!(range.contains(&payload.next().as_ptr()));
    }
}

#[test]
fn producers_differ_and_runs_do_not() {
    let first = |seed| Payload::new(PayloadArg::Random, 64, seed).next();
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn every_byte_is_as_frequent_in_random_values() {
    let pool = Payload::new(PayloadArg::Random, 1024, 7).pool;
    let mut counts = [0_u32; 256];
    pool.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let expected = u32::try_from(pool.len() / 256).unwrap();
    assert!(counts.iter().all(|count| count.abs_diff(expected) < expected / 10));
}
