//! Crashes and power losses drawn by a seed, and how much a restart replays.

use super::{Harness, append, audit, topic_name};
use crate::catalog::NewTopic;
use crate::command::Append;
use crate::segments::Fault;
use crate::settings::ShardSettings;
use crate::status::ShardStatus;
use levee_types::{Durability, PartitionId};
use std::collections::BTreeMap;

/// A small generator, so that a seed names a run.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

/// Appends, crashes and power losses with the settings that the seed draws. Returns what is stored.
fn simulate(mut seed: Seed) -> Vec<Vec<String>> {
    let settings = ShardSettings {
        segment_bytes: 16 * 1024 + seed.below(64 * 1024),
        group_bytes: 4096 + seed.below(4096),
        // A flush of the index every few groups.
        replay_bytes: 2000 + seed.below(20_000),
        tail_cache_bytes: seed.below(4000),
        ..ShardSettings::default()
    };
    let mut harness = Harness::with(settings);
    let tenant = harness.tenant("acme");
    let durable = harness.topic(tenant, "durable", &[]);
    let relaxed = harness.topic(tenant, "relaxed", &[("durability", "relaxed")]);
    let partitions = [durable, PartitionId { partition: 1, ..durable }, relaxed];
    let mut acked: Vec<Vec<String>> = vec![Vec::new(); 3];
    let mut unknown: Vec<Vec<String>> = vec![Vec::new(); 3];
    let mut counter = 0;
    for _ in 0..60 {
        match seed.below(10) {
            0..=7 => {
                let mut sent = Vec::new();
                for _ in 0..=seed.below(8) {
                    counter += 1;
                    let which = usize::try_from(seed.below(3)).unwrap();
                    let text =
                        format!("{counter:06}{}", "x".repeat(usize::try_from(seed.below(900)).unwrap()));
                    let durability = if which == 2 { Durability::Relaxed } else { Durability::Durable };
                    let append = Append { durability, ..append(partitions[which], &text, None) };
                    sent.push((which, text, harness.wait(harness.shard.submit(append)).unwrap()));
                }
                for (which, text, receipt) in sent {
                    harness.wait(receipt).unwrap();
                    acked[which].push(text);
                }
            }
            8 => harness = harness.reopen(),
            _ => {
                harness.segments.inject(if seed.below(2) == 0 { Fault::Sync } else { Fault::Write });
                for which in [0, 1, 2, 0] {
                    counter += 1;
                    let text = format!("{counter:06}");
                    let durability = if which == 2 { Durability::Relaxed } else { Durability::Durable };
                    let append = Append { durability, ..append(partitions[which], &text, None) };
                    match harness.wait(async { harness.shard.submit(append).await?.await }) {
                        Ok(_) => acked[which].push(text),
                        Err(_) => unknown[which].push(text),
                    }
                }
                harness = harness.crash(|| seed.below(2) == 0);
                for which in 0..3 {
                    let found = harness.read(partitions[which]);
                    check(which, &found, &acked[which], &unknown[which]);
                    // What a crash left is now as good as acknowledged.
                    acked[which] = found;
                    unknown[which].clear();
                }
            }
        }
    }
    let found: Vec<_> = partitions.iter().map(|partition| harness.read(*partition)).collect();
    assert!(found == acked);
    found
}

/// What is found is what was acknowledged, in order, and then perhaps what has an unknown outcome. Of a
/// relaxed topic the last records may be missing.
fn check(which: usize, found: &[String], acked: &[String], unknown: &[String]) {
    let kept = found.iter().zip(acked).take_while(|(found, acked)| found == acked).count();
    let is_relaxed = which == 2;
    assert!(is_relaxed || kept == acked.len(), "lost {:?} of {which}", &acked[kept..]);
    let mut rest = unknown.iter();
    for extra in &found[kept..] {
        assert!(rest.any(|text| text == extra), "{extra} of {which} came from nowhere");
    }
}

#[test]
fn crashes_take_nothing_that_was_acknowledged() {
    for seed in 0..20 {
        let result = std::panic::catch_unwind(|| simulate(Seed(seed)));
        assert!(result.is_ok(), "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_log() {
    assert!(simulate(Seed(7)) == simulate(Seed(7)));
}

/// Does `step` so many times, each a group, and gives the most that a restart would have replayed in between,
/// in bytes of the journal.
fn most_to_replay(harness: &Harness, steps: usize, step: impl Fn(usize)) -> u64 {
    let status = || harness.shard.status();
    // How long the journal was at the end of each entry.
    let mut lengths = BTreeMap::from([(0, 0), (status().durable_sequence, status().journal_bytes)]);
    let mut most = 0;
    for n in 0..steps {
        step(n);
        let ShardStatus { durable_sequence, flushed_sequence, journal_bytes, .. } = status();
        lengths.insert(durable_sequence, journal_bytes);
        let (_, covered) = lengths.range(..=flushed_sequence).next_back().unwrap();
        most = most.max(journal_bytes - covered);
    }
    most
}

#[test]
fn a_restart_replays_no_more_than_it_may() {
    const REPLAY: u64 = 64 * 1024;
    let settings =
        ShardSettings { segment_bytes: 256 * 1024, replay_bytes: REPLAY, ..ShardSettings::default() };
    let harness = Harness::with(settings);
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let text = "x".repeat(1000);
    let most = most_to_replay(&harness, 1000, |_| {
        harness.append(p, &text, None).unwrap();
    });
    assert!((REPLAY / 2..REPLAY + 4096).contains(&most), "{most} bytes were not in the index on disk");
}

#[test]
fn what_the_catalog_writes_is_replayed_too() {
    const REPLAY: u64 = 256 * 1024;
    let settings =
        ShardSettings { segment_bytes: 1024 * 1024, replay_bytes: REPLAY, ..ShardSettings::default() };
    let harness = Harness::with(settings);
    let tenant = harness.tenant("acme");
    let topic = |name: String| NewTopic { name: topic_name(&name), partitions: 1, set: BTreeMap::new() };
    let most = most_to_replay(&harness, 20, |step| {
        let topics = (0..1000).map(|n| topic(format!("topic-{step}-{n}"))).collect();
        harness.wait(harness.shard.create_topics(tenant, topics, audit())).unwrap();
    });
    // A group is 72 KB here.
    assert!((REPLAY / 2..REPLAY + 150_000).contains(&most), "{most} bytes were not in the index on disk");
}
