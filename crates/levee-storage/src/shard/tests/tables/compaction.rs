//! Compaction: what is superseded goes, and nothing else.

use super::*;
use crate::committer::{NewBatch, Replacement, Tombstones};
use crate::compaction::{Pass, Sizes};
use levee_types::limits::COMPACTED_BATCH_BYTES;

fn letters(log: &[(u64, char)]) -> String {
    log.iter().map(|(_, letter)| *letter).collect()
}

#[test]
fn c1_superseded_records_go_and_the_others_stay_where_they_are() {
    let world = World::new(&[]);
    for text in ["abc", "a", "xb", "bz"] {
        world.put(text);
    }
    let before = world.scan(10, 100);
    let done = world.compact();
    assert_eq!((done.read_bytes, done.removed_records, done.key_rows), (8, 3, 5));
    let live = vec![(2, 'c'), (3, 'a'), (4, 'x'), (6, 'b'), (7, 'z')];
    assert_eq!(world.log(), live);
    assert_eq!(world.scan(10, 100), before);
    let offsets = world.harness.shard.offsets(world.table).unwrap();
    assert_eq!((offsets.start, offsets.end, offsets.appended_bytes), (0, 8, 8));
    for from in 0..=8 {
        let expected: Vec<_> = live.iter().copied().filter(|(at, _)| *at >= from).collect();
        assert_eq!(world.log_from(from), expected);
    }
    // Another pass has nothing to do, and what comes now follows.
    assert_eq!(world.compact().removed_records, 0);
    assert_eq!(world.put("c"), 8);
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(letters(&world.log()), "caxbzc");
    world.compact();
    assert_eq!(letters(&world.log()), "axbzc");
}

#[test]
fn c5_a_reader_never_stands_before_the_end_and_gets_nothing() {
    let world = World::new(&[("delete.retention.ms", "0")]);
    world.put("abc");
    world.put("ABC");
    world.compact();
    assert_eq!(letters(&world.log()), "ABC");
    world.pass_time(1);
    world.compact();
    assert_eq!(world.log(), []);
    assert_eq!(world.scan(10, 10), []);
    assert_eq!(world.get("a"), None);
    for from in 0..=6 {
        assert_eq!(world.log_from(from), []);
    }
    assert_eq!(world.put("a"), 6);
    assert_eq!(world.log(), [(6, 'a')]);
}

#[test]
fn neighbours_become_one_and_are_left_alone_then() {
    let world =
        World::on(Harness::with(ShardSettings { segment_bytes: 1 << 20, ..ShardSettings::default() }), &[]);
    for _ in 0..3 {
        for key in 'a'..='t' {
            world.put(&key.to_string());
        }
    }
    world.compact();
    let rows = world.rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].0, rows[0].1.records), (0, 60));
    let before = world.rows();
    world.compact();
    assert_eq!(world.rows(), before);
    assert_eq!(letters(&world.log()), ('a'..='t').collect::<String>());
    // What is large enough is not made again for the sake of a few.
    let large = ('A'..='Z').collect::<String>().to_lowercase().repeat(COMPACTED_BATCH_BYTES / 52 + 1);
    world.put(&large);
    world.compact();
    assert_eq!(world.rows().len(), 1);
    let keys: String = (33..=126_u8).map(char::from).filter(|letter| !letter.is_ascii_alphabetic()).collect();
    world.put(&keys);
    let before = world.rows();
    world.compact();
    assert_eq!(world.rows()[..1], before[..1]);
}

#[test]
fn c4_tombstones_stay_for_their_time_and_no_older_record_comes_back() {
    let world = World::new(&[("delete.retention.ms", "1000")]);
    world.put("ab");
    world.put("A");
    world.pass_time(5000);
    world.compact();
    assert_eq!(letters(&world.log()), "bA", "its time begins when all that it deletes is gone");
    world.pass_time(999);
    world.compact();
    assert_eq!(letters(&world.log()), "bA");
    assert_eq!(world.get("a"), Some((2, "A".to_owned())));
    world.pass_time(1);
    world.compact();
    assert_eq!(letters(&world.log()), "b");
    assert_eq!(world.get("a"), None);
    let world = world.with(Harness::reopen);
    assert_eq!(letters(&world.log()), "b");
    assert_eq!(world.scan(10, 10).len(), 1);
}

#[test]
fn c2_no_clock_that_is_set_shortens_the_time_of_a_tombstone() {
    let world = World::new(&[("delete.retention.ms", "1000")]);
    world.put("aA");
    world.compact();
    for wall_ms in [3_600_000, -3_600_000, i64::MAX / 2] {
        world.harness.clock.1.store(wall_ms, Ordering::Relaxed);
        world.compact();
        assert_eq!(letters(&world.log()), "A");
    }
    world.harness.clock.1.store(-3_600_000, Ordering::Relaxed);
    // What passes while the broker is down does not count, and what was written down is not counted twice.
    world.pass_time(600);
    world.put("b");
    world.put("b");
    world.compact();
    let world = world.with(|harness| {
        harness.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
        harness.reopen()
    });
    world.pass_time(399);
    world.compact();
    assert!(letters(&world.log()).contains('A'));
    world.pass_time(1);
    world.compact();
    assert_eq!(letters(&world.log()), "b");
}

#[test]
fn c2_the_time_of_a_tombstone_that_comes_during_a_pass_begins_with_the_next() {
    let world = World::new(&[("delete.retention.ms", "1000")]);
    for text in ["ab", "ccd", "eef"] {
        world.put(text);
    }
    let sizes = Sizes { neighbours: 1, step_batches: 1, ..Sizes::DEFAULT };
    let pass = Pass::new(&world.harness.shard, world.table, sizes).unwrap();
    let mut puts = 0;
    let beside = |_| {
        // The record that it deletes was passed over already, and stays until the next pass.
        if puts == 0 {
            world.put("A");
        }
        puts += 1;
        true
    };
    world.harness.wait(pass.run(beside)).unwrap();
    assert!(puts > 1);
    assert_eq!(letters(&world.log()), "abcdefA");
    world.pass_time(1000);
    world.compact();
    assert_eq!(letters(&world.log()), "bcdefA");
    world.pass_time(1000);
    world.compact();
    assert_eq!(letters(&world.log()), "bcdef");
}

#[test]
fn c3_records_within_the_lag_stay() {
    let world = World::new(&[("min.compaction.lag.ms", "1000")]);
    world.pass_time(10_000);
    world.put("aab");
    world.pass_time(1000);
    world.put("b");
    world.pass_time(999);
    world.compact();
    assert_eq!(letters(&world.log()), "abb".replacen('b', "", 1), "the b of the first batch is superseded");
    world.put("b");
    world.compact();
    assert_eq!(letters(&world.log()), "abb");
    world.pass_time(1);
    world.compact();
    assert_eq!(letters(&world.log()), "ab");
}

#[test]
fn what_is_no_table_is_not_compacted() {
    let world = World::new(&[]);
    let topic = world.harness.topic(world.tenant, "plain", &[]);
    let compacted = world.harness.wait(world.harness.shard.compact_partition(topic, &mut |_| {}));
    assert!(matches!(compacted, Err(StorageError::Invalid(_))));
}

#[test]
fn keys_whose_records_were_trimmed_are_removed() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("a");
    world.compact();
    world.harness.wait(world.harness.shard.trim(world.table, 3, audit())).unwrap();
    world.is_exact();
    assert_eq!(world.scan(10, 10), [(3, "a".to_owned())]);
    let keys = || world.harness.shard.tables().key_rows(world.table, None).unwrap().rows.len();
    assert_eq!(keys(), 3);
    world.compact();
    assert_eq!(keys(), 1);
    assert_eq!(world.scan(10, 10), [(3, "a".to_owned())]);
}

#[test]
fn c4_what_was_erased_during_a_pass_does_not_come_back() {
    for when in 0..6 {
        let world = World::new(&[]);
        for text in ["aab", "ccd", "eek", "ffg", "ggh", "iij"] {
            world.put(text);
        }
        let sizes = Sizes { neighbours: 2, step_batches: 2, ..Sizes::DEFAULT };
        let pass = Pass::new(&world.harness.shard, world.table, sizes).unwrap();
        let mut told = 0;
        let beside = |_| {
            if told == when {
                let erase = world.harness.shard.erase_key(world.table, b"k", audit());
                world.harness.wait(erase).unwrap();
            }
            told += 1;
            true
        };
        world.harness.wait(pass.run(beside)).unwrap();
        let expected = if told > when { "abcdefghij" } else { "abcdekfghij" };
        assert_eq!(letters(&world.log()), expected, "erased after {when} steps");
        world.is_exact();
        assert!(when > 0 || told > 2);
        let world = world.with(|harness| harness.crash(|| false));
        assert_eq!(world.get("k").is_some(), told <= when);
        world.compact();
        assert_eq!(letters(&world.log()), expected);
    }
}

#[test]
fn stored_bytes_are_exact_whatever_goes() {
    let world = World::new(&[]);
    for text in ["abc", "abd", "xyz", "x"] {
        world.put(text);
    }
    world.compact();
    for before in 1..=10 {
        world.harness.wait(world.harness.shard.trim(world.table, before, audit())).unwrap();
        world.is_exact();
    }
    world.put("abc");
    world.put("abc");
    world.is_exact();
    world.compact();
    let delete = world.harness.shard.delete_topic(world.tenant, topic_name("prices"), audit());
    world.harness.wait(delete).unwrap();
    let tenant = world.harness.shard.tenant_by_id(world.tenant).unwrap().unwrap();
    assert_eq!(tenant.stored_bytes, 0);
}

#[test]
fn stored_bytes_are_exact_when_a_batch_grows() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("de");
    let grow = |index: usize, bytes: &'static [u8]| {
        let (base_offset, row) = world.rows()[index];
        let bytes = Bytes::from_static(bytes);
        let (records, crc, tombstones) = (row.records, crc32c::crc32c(&bytes), Tombstones::Until(0));
        let batch =
            NewBatch { base_offset, records, bytes, crc, append_time_ms: row.append_time_ms, tombstones };
        let replacement = Replacement { old: vec![(base_offset, row)], new: vec![batch], keys: Vec::new() };
        let replaced = world.harness.shard.replace_batches(world.table, vec![replacement], true);
        assert!(world.harness.wait(replaced).unwrap());
        world.is_exact();
    };
    grow(0, b"abc---");
    grow(1, b"de--");
    world.put("f");
    world.is_exact();
    grow(0, b"abc");
    let world = world.with(Harness::reopen);
    world.is_exact();
    world.put("abcdef");
    world.compact();
    world.harness.wait(world.harness.shard.trim(world.table, 8, audit())).unwrap();
    world.is_exact();
}

#[test]
fn c1_what_was_a_table_when_it_was_read_is_left_alone() {
    let world = World::new(&[]);
    world.put("abc");
    let (base, row) = world.rows()[0];
    let set = [("cleanup.policy".to_owned(), "delete".to_owned())].into();
    let change = crate::catalog::TopicChange::Config { set, unset: Vec::new() };
    let shard = &world.harness.shard;
    world.harness.wait(shard.update_topic(world.tenant, topic_name("prices"), change, audit())).unwrap();
    // No record has a key any more: to a pass that had begun before, all of them look superseded.
    let replacement = Replacement { old: vec![(base, row)], new: Vec::new(), keys: Vec::new() };
    let replaced = world.harness.wait(shard.replace_batches(world.table, vec![replacement], true));
    assert!(matches!(replaced, Err(StorageError::TopicChanged)));
    assert_eq!(world.log(), [(0, 'a'), (1, 'b'), (2, 'c')]);
}

#[test]
fn what_is_moved_meanwhile_is_done_again() {
    let world = World::new(&[]);
    for _ in 0..4 {
        for key in 'a'..='h' {
            world.put(&key.to_string());
        }
    }
    let sizes = Sizes { neighbours: 3, step_batches: 3, ..Sizes::DEFAULT };
    let pass = Pass::new(&world.harness.shard, world.table, sizes).unwrap();
    let mut moves = 0;
    let done = world.harness.wait(pass.run(|_| {
        moves += 1;
        // All that it has read and not replaced yet is elsewhere now.
        let moved = |(base, row): (u64, BatchRow)| Replacement {
            old: vec![(base, row)],
            new: vec![NewBatch {
                base_offset: base,
                records: row.records,
                bytes: world.harness.shard.inner.log.read(world.table, base, &row).unwrap().bytes,
                crc: row.crc,
                append_time_ms: row.append_time_ms,
                tombstones: Tombstones::Until(0),
            }],
            keys: Vec::new(),
        };
        if moves < 4 {
            let before = world.rows();
            let all = before.iter().copied().map(moved).collect();
            assert!(world.harness.wait(world.harness.shard.replace_batches(world.table, all, true)).unwrap());
            for (_, row) in before {
                let position = usize::try_from(row.position).unwrap();
                world.harness.segments.damage(row.segment, position, |byte| *byte ^= 1);
            }
        }
        true
    }));
    assert_eq!(done.unwrap().removed_records, 24);
    assert!(moves > 4);
    assert_eq!(letters(&world.log()), "abcdefgh");
    world.is_exact();
}

#[test]
fn a_damaged_batch_ends_the_pass_and_nothing_else() {
    let world = World::new(&[]);
    world.put("aab");
    world.put("ccd");
    let position = usize::try_from(world.rows()[1].1.position).unwrap();
    world.harness.segments.damage(1, position, |byte| *byte ^= 1);
    let compacted = world.harness.wait(world.harness.shard.compact_partition(world.table, &mut |_| {}));
    assert!(matches!(compacted, Err(StorageError::Damaged { offset: 3, .. })));
    assert_eq!(world.get("a"), Some((1, "a".to_owned())));
    assert_eq!(world.put("x"), 6);
}

#[test]
fn of_more_keys_than_it_holds_a_pass_does_one_part_after_the_other() {
    let world = World::new(&[]);
    for _ in 0..3 {
        for key in 'a'..='z' {
            world.put(&key.to_string());
        }
    }
    for key in "qcx".chars() {
        world.put(&key.to_string());
    }
    let sizes = Sizes { newest: 4, ..Sizes::DEFAULT };
    let pass = Pass::new(&world.harness.shard, world.table, sizes).unwrap();
    world.harness.wait(pass.run(|_| true)).unwrap();
    assert_eq!(letters(&world.log()), "abdefghijklmnoprstuvwyzqcx");
    assert_eq!(world.scan(100, 1_000).len(), 26);
}
