//! Space against a model: whatever is appended, trimmed, deleted and committed, and wherever collecting is cut off by a
//! crash, what is read is what the model has.

use super::super::{Harness, append};
use super::*;
use crate::command::ProducerSession;
use crate::segments::Fault;
use crate::transaction::{TransactionCommit, TransactionSequence};
use levee_types::{TenantId, TenantName};
use std::sync::atomic::Ordering;

/// A small generator, so that a seed names a run.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A partition, as it must be.
struct Log {
    partition: PartitionId,
    /// With their base offsets.
    batches: Vec<(u64, String)>,
    end: u64,
    /// Where a reader is who takes one look at a time.
    reader: u64,
}

impl Log {
    fn new(partition: PartitionId) -> Self {
        Self { partition, batches: Vec::new(), end: 0, reader: 0 }
    }

    fn push(&mut self, text: String) {
        let base = self.end;
        self.end += text.len() as u64;
        self.batches.push((base, text));
    }
}

struct Owner {
    name: &'static str,
    tenant: TenantId,
    logs: Vec<Log>,
    session: ProducerSession,
    transaction: u64,
    staged: Vec<(usize, String)>,
}

fn owner(harness: &Harness, name: &'static str) -> Owner {
    let tenant = harness.tenant(name);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let logs = logs(harness, tenant);
    Owner { name, tenant, logs, session, transaction: 1, staged: Vec::new() }
}

fn logs(harness: &Harness, tenant: TenantId) -> Vec<Log> {
    let first = harness.topic(tenant, "orders", &[]);
    [0, 1].map(|partition| Log::new(PartitionId { partition, ..first })).into()
}

impl Owner {
    fn stage(&mut self, harness: &Harness, which: usize, text: String) {
        let index = u32::try_from(self.staged.len()).unwrap();
        let (session, number) = (self.session, self.transaction);
        let sequence = TransactionSequence { session, number, index, timeout_ms: u32::MAX };
        let batch = append(self.logs[which].partition, &text, None);
        harness.wait(async { harness.shard.stage(batch, sequence).await?.await }).unwrap();
        self.staged.push((which, text));
    }

    /// Commits what is staged. Only a power loss may have taken it.
    fn commit(&mut self, harness: &Harness, may_be_lost: bool) {
        let commit = TransactionCommit {
            session: self.session,
            number: self.transaction,
            staged: u32::try_from(self.staged.len()).unwrap(),
            batches: Vec::new(),
            commits: Vec::new(),
            weight: 1,
        };
        let committed = harness.wait(harness.shard.commit_transaction(self.tenant, commit));
        let staged = std::mem::take(&mut self.staged);
        match committed {
            Ok(_) => staged.into_iter().for_each(|(which, text)| self.logs[which].push(text)),
            Err(StorageError::TransactionAborted) if may_be_lost => {}
            Err(error) => panic!("{error}"),
        }
        self.transaction += 1;
    }

    fn abort(&mut self, harness: &Harness) {
        harness.wait(harness.shard.abort_transaction(self.tenant, self.session, self.transaction)).unwrap();
        self.staged.clear();
        self.transaction += 1;
    }
}

fn check(harness: &Harness, owners: &mut [Owner]) {
    for log in owners.iter_mut().flat_map(|owner| &mut owner.logs) {
        let found = harness.read(log.partition);
        let expected: Vec<_> = log.batches.iter().map(|(_, text)| text.clone()).collect();
        assert!(found == expected, "{} of {} batches", found.len(), expected.len());
        // One look from where the reader is.
        let start = harness.shard.offsets(log.partition).unwrap().start;
        log.reader = log.reader.clamp(start, log.end);
        let fetched = harness.shard.fetch(log.partition, log.reader, 1).unwrap();
        log.reader = fetched.batches.last().map_or(0, crate::log::StoredBatch::end);
    }
}

fn simulate(mut seed: Seed) {
    let settings = ShardSettings {
        segment_bytes: 8 * 1024 + seed.below(8 * 1024) as u64,
        replay_bytes: 20_000 + seed.below(100_000) as u64,
        tail_cache_bytes: seed.below(4000) as u64,
        ..settings()
    };
    let mut harness = Harness::with(settings);
    let mut owners = ["acme", "other"].map(|name| owner(&harness, name));
    let mut deleted = Vec::new();
    for number in 0..120 {
        let which = seed.below(2);
        let owner = &mut owners[which];
        let (log, bytes) = (seed.below(2), 6 + seed.below(900));
        match seed.below(24) {
            0..=9 => {
                let text = text(number, bytes);
                harness.append(owner.logs[log].partition, &text, None).unwrap();
                owner.logs[log].push(text);
            }
            10 | 11 => {
                let log = &mut owner.logs[log];
                let before = log.end - (log.end / 3).min(seed.below(2000) as u64);
                harness.wait(harness.shard.trim(log.partition, before, audit())).unwrap();
                log.batches.retain(|(base, text)| base + text.len() as u64 > before);
            }
            12 => {
                if !owner.staged.is_empty() {
                    owner.abort(&harness);
                }
                harness
                    .wait(harness.shard.delete_topic(owner.tenant, topic_name("orders"), audit()))
                    .unwrap();
                owner.logs = logs(&harness, owner.tenant);
            }
            13 => {
                let name = TenantName::new(owner.name).unwrap();
                harness.wait(harness.shard.delete_tenant(name, 0, audit())).unwrap();
                deleted.push(owner.tenant);
                *owner = super::model::owner(&harness, owner.name);
            }
            14 | 15 => owner.stage(&harness, log, text(number, bytes)),
            16 if !owner.staged.is_empty() => owner.commit(&harness, false),
            16 => {}
            17 | 18 => {
                harness.clock.0.fetch_add(60_000, Ordering::Relaxed);
                give_back(&harness);
            }
            19 => harness = harness.reopen(),
            rest => {
                // It dies wherever it is with collecting.
                harness.clock.0.fetch_add(60_000, Ordering::Relaxed);
                let commands = seed.below(12);
                if give_back_for(&harness, commands).is_ok() && rest == 20 {
                    harness.segments.inject(if seed.below(2) == 0 { Fault::Sync } else { Fault::Write });
                    let _ = give_back_for(&harness, 4);
                }
                harness = harness.crash(|| seed.below(2) == 0);
                for owner in &mut owners {
                    if !owner.staged.is_empty() {
                        owner.commit(&harness, true);
                    }
                }
            }
        }
        check(&harness, &mut owners);
    }
    for owner in &mut owners {
        if !owner.staged.is_empty() {
            owner.abort(&harness);
        }
    }
    // The fault may not have been met by anything.
    harness = harness.crash(|| true);
    harness.clock.0.fetch_add(60_000, Ordering::Relaxed);
    give_back(&harness);
    give_back(&harness);
    check(&harness, &mut owners);
    assert_eq!(harness.shard.erasures().unwrap(), []);
    let stored: usize = owners
        .iter()
        .flat_map(|owner| &owner.logs)
        .flat_map(|log| &log.batches)
        .map(|(_, text)| text.len())
        .sum();
    let status = harness.shard.status();
    let batches: usize = owners.iter().flat_map(|owner| &owner.logs).map(|log| log.batches.len()).sum();
    let needed = stored as u64 + batches as u64 * crate::shard::BATCH_OVERHEAD;
    let room = needed * 4 / 3 + 2 * harness.settings.segment_bytes;
    assert!(status.journal_bytes <= room, "{} bytes for {needed}", status.journal_bytes);
    assert_eq!(status.segments, segments(&harness).len() as u64);
}

#[test]
fn whatever_is_collected_and_wherever_it_dies_nothing_is_lost_and_space_comes_back() {
    for seed in 0..8 {
        let result = std::panic::catch_unwind(|| simulate(Seed(seed)));
        assert!(result.is_ok(), "seed {seed}");
    }
}
