use super::{Sticky, by_key, murmur2};

#[test]
fn hashes_as_kafka_does() {
    // From Kafka's UtilsTest.testMurmur2.
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
    }
}

#[test]
fn the_sign_is_dropped_before_the_remainder() {
    assert_eq!(by_key(b"21", 10), (-973_932_308_i32 & i32::MAX).cast_unsigned() % 10);
    assert!((0..1000_u32).all(|key| by_key(&key.to_le_bytes(), 7) < 7));
}

#[test]
fn stays_until_a_batch_is_full_and_turns_to_the_next() {
    let mut sticky = Sticky::starting_at(2);
    let partitions: Vec<u32> = (0..8).map(|_| sticky.next(40, 100, 3)).collect();
    assert_eq!(partitions, [2, 2, 0, 0, 1, 1, 2, 2]);
}

#[test]
fn follows_the_number_of_partitions() {
    let mut sticky = Sticky::starting_at(u32::MAX);
    assert!(sticky.next(1000, 100, 3) < 3);
    assert_eq!(sticky.next(1000, 100, 1), 0);
    assert_eq!(sticky.next(0, 100, 1), 0);
}
