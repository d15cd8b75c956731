use super::{Batch, Buffer, INLINE_BYTES};
use crate::producer::topics::Place;
use levee_proto::{batch, v1};
use std::collections::BTreeMap;

const BATCH_BYTES: usize = 64 * 1024;

fn push(buffer: &mut Buffer, partition: u32, number: u32, bytes: usize) {
    let place = Place { topic: "t".into(), partition, batch_bytes: BATCH_BYTES };
    let mut value = number.to_string().into_bytes();
    value.resize(bytes, b' ');
    let record = v1::Record { value: Some(value.into()), ..v1::Record::default() };
    buffer.push(place, record, bytes);
}

/// The numbers in the order of the batches, by partition.
fn numbers(batches: &[Batch]) -> BTreeMap<u32, Vec<u32>> {
    let mut numbers = BTreeMap::<u32, Vec<u32>>::new();
    for found in batches {
        let records = batch::decode(&found.encoded.bytes).unwrap();
        assert_eq!(records.len(), found.records);
        let values =
            records.into_iter().map(|(_, record)| String::from_utf8(record.value.unwrap().into()).unwrap());
        numbers
            .entry(found.partition)
            .or_default()
            .extend(values.map(|value| value.trim().parse::<u32>().unwrap()));
    }
    numbers
}

#[test]
fn a_small_transaction_is_left_for_the_commit() {
    let mut buffer = Buffer::new(v1::Compression::Unspecified);
    for number in 0..100 {
        push(&mut buffer, number % 3, number, 1000);
    }
    assert!(!buffer.overflows());
    assert_eq!(buffer.batches(), 3);
    let batches = buffer.drain().unwrap();
    assert_eq!(numbers(&batches)[&1], (0..100).filter(|number| number % 3 == 1).collect::<Vec<_>>());
    assert!(buffer.drain().unwrap().is_empty());
}

#[test]
fn batches_keep_to_their_limit_and_their_order() {
    let mut buffer = Buffer::new(v1::Compression::Lz4);
    let mut batches = Vec::new();
    for number in 0..1000 {
        push(&mut buffer, number % 2, number, 10_000);
        if buffer.overflows() {
            while let Some(batch) = buffer.spill().unwrap() {
                batches.push(batch);
            }
            assert!(buffer.bytes <= INLINE_BYTES / 2);
        }
    }
    assert!(!batches.is_empty() && batches.iter().all(|batch| batch.records <= BATCH_BYTES / 10_000));
    batches.extend(buffer.drain().unwrap());
    let numbers = numbers(&batches);
    for partition in 0..2 {
        assert_eq!(
            numbers[&partition],
            (0..1000).filter(|number| number % 2 == partition).collect::<Vec<_>>()
        );
    }
}

#[test]
fn many_small_batches_are_spilled_largest_first() {
    let mut buffer = Buffer::new(v1::Compression::Unspecified);
    for partition in 0..40 {
        push(&mut buffer, partition, partition, 1000 * (partition as usize + 1));
    }
    for partition in 0..10 {
        push(&mut buffer, 100 + partition, partition, 60_000);
    }
    assert!(buffer.overflows());
    let first = buffer.spill().unwrap().unwrap();
    assert!(first.partition >= 100);
    assert_eq!(buffer.batches(), 49);
}
