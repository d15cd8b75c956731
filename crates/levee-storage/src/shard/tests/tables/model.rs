//! Tables against a plain list of everything that was ever written: whatever is put, deleted, compacted, trimmed and
//! erased in whatever order, by whichever clock, with crashes at every step, keys have their newest values, logs have
//! what they must have and nothing else, and stored bytes are exact (C1 to C5).

use super::*;
use crate::command::ProducerSession;
use crate::compaction::{Pass, Sizes};
use crate::transaction::{TransactionCommit, TransactionSequence};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// So small that a few letters are many steps.
const SMALL: Sizes = Sizes {
    batch_bytes: 8,
    span: 24,
    neighbours: 4,
    step_bytes: 6,
    step_batches: 5,
    step_keys_bytes: 60,
    newest: 20,
};
const RETENTION_MS: i64 = 1000;
const KEYS: std::ops::RangeInclusive<char> = 'a'..='f';

#[derive(Debug, Clone)]
enum Step {
    Do(Beside),
    Stage(String),
    Commit(Vec<String>),
    Abort,
    /// Ends after so many steps; with what is done beside it, one thing after each step.
    Compact(usize, Vec<Beside>),
    Pass(i64),
    SetWall(i64),
    Reopen,
    Rebuild,
    LosePower(bool),
}

#[derive(Debug, Clone)]
enum Beside {
    Put(String),
    Trim(u64),
    Erase(char),
    Compact,
}

/// Everything that was ever written.
struct Model {
    records: Vec<Written>,
    start: u64,
    /// When the first pass began behind a tombstone.
    passed: BTreeMap<u64, i64>,
}

struct Written {
    letter: char,
    wall_ms: i64,
    is_erased: bool,
}

impl Model {
    fn put(&mut self, text: &str, wall_ms: i64) {
        let written = |letter| Written { letter, wall_ms, is_erased: false };
        self.records.extend(text.chars().map(written));
    }

    /// The newest record of a key that is in the log.
    fn newest(&self, key: char) -> Option<(u64, char)> {
        let all = (0_u64..).zip(&self.records);
        let of_key = all.filter(|(_, record)| record.letter.eq_ignore_ascii_case(&key) && !record.is_erased);
        of_key.last().map(|(at, record)| (at, record.letter)).filter(|(at, _)| *at >= self.start)
    }

    /// A pass begins now.
    fn pass_begins(&mut self, now_ms: i64) {
        let newest: Vec<_> = KEYS.filter_map(|key| self.newest(key)).collect();
        for (at, _) in newest.iter().filter(|(_, letter)| letter.is_ascii_uppercase()) {
            self.passed.entry(*at).or_insert(now_ms);
        }
    }

    /// Does something to the table, and to the model.
    fn change(&mut self, world: &World, change: &Beside) {
        match change {
            Beside::Put(text) => {
                assert_eq!(world.put(text), self.records.len() as u64);
                self.put(text, world.harness.clock.unix_ms());
            }
            Beside::Trim(share) => {
                let before = self.start + (self.records.len() as u64 - self.start) * share / 8;
                let trim = world.harness.shard.trim(world.table, before, audit());
                self.start = world.harness.wait(trim).unwrap();
                assert_eq!(self.start, before);
            }
            Beside::Erase(key) => {
                let text = key.to_string();
                let erase = world.harness.shard.erase_key(world.table, text.as_bytes(), audit());
                world.harness.wait(erase).unwrap();
                let of_key = self.records.iter_mut().filter(|one| one.letter.eq_ignore_ascii_case(key));
                of_key.for_each(|record| record.is_erased = true);
            }
            Beside::Compact => {
                self.pass_begins(world.now_ms());
                let pass = Pass::new(&world.harness.shard, world.table, SMALL).unwrap();
                world.harness.wait(pass.run(|_| true)).unwrap();
            }
        }
    }
}

struct Run {
    world: World,
    model: Model,
    session: ProducerSession,
    number: u64,
    /// What is staged, and whether a crash may have taken some of it.
    open: Option<(Vec<String>, bool)>,
    lag_ms: i64,
}

impl Run {
    fn new(lag_ms: i64) -> Self {
        let (lag, retention) = (lag_ms.to_string(), RETENTION_MS.to_string());
        let set = [("min.compaction.lag.ms", &lag[..]), ("delete.retention.ms", &retention)];
        let world = World::new(&set);
        world.pass_time(10_000);
        let session = world.harness.wait(world.harness.shard.init_producer(world.tenant, None)).unwrap();
        let model = Model { records: Vec::new(), start: 0, passed: BTreeMap::new() };
        Self { world, model, session, number: 0, open: None, lag_ms }
    }

    fn step(mut self, step: &Step) -> Self {
        match step {
            Step::Do(change) => self.model.change(&self.world, change),
            Step::Stage(text) => self.stage(text),
            Step::Commit(inline) => self.commit(inline),
            Step::Abort => {
                if self.open.take().is_some() {
                    let shard = &self.world.harness.shard;
                    let abort = shard.abort_transaction(self.world.tenant, self.session, self.number);
                    self.world.harness.wait(abort).unwrap();
                }
            }
            Step::Compact(steps, beside) => self.compact(*steps, beside),
            Step::Pass(ms) => self.world.pass_time(*ms),
            Step::SetWall(ms) => self.world.harness.clock.1.store(*ms, Ordering::Relaxed),
            Step::Reopen => self.world = self.world.with(Harness::reopen),
            Step::Rebuild => {
                self.world = self.world.with(|harness| {
                    let Harness { segments, clock, settings, shard, committer, directory: _ } = harness;
                    drop((shard, committer));
                    Harness::open(segments, tempfile::tempdir().unwrap(), settings, clock)
                });
            }
            Step::LosePower(keeps_some) => {
                let mut keep = false;
                self.world = self.world.with(|harness| {
                    harness.crash(|| {
                        keep = !keep;
                        keep && *keeps_some
                    })
                });
                if let Some((_, is_unsure)) = &mut self.open {
                    *is_unsure = true;
                }
            }
        }
        self
    }

    fn stage(&mut self, text: &str) {
        if self.open.is_none() {
            self.number += 1;
        }
        let (staged, is_unsure) = self.open.get_or_insert_default();
        if *is_unsure {
            return;
        }
        let index = u32::try_from(staged.len()).unwrap();
        let sequence =
            TransactionSequence { session: self.session, number: self.number, index, timeout_ms: 60_000 };
        let batch = append(self.world.table, text, None);
        let shard = &self.world.harness.shard;
        self.world.harness.wait(async { shard.stage(batch, sequence).await?.await }).unwrap();
        staged.push(text.to_owned());
    }

    fn commit(&mut self, inline: &[String]) {
        let (staged, is_unsure) = self.open.take().unwrap_or_else(|| {
            self.number += 1;
            (Vec::new(), false)
        });
        let commit = TransactionCommit {
            session: self.session,
            number: self.number,
            staged: u32::try_from(staged.len()).unwrap(),
            batches: inline.iter().map(|text| keyed(append(self.world.table, text, None))).collect(),
            commits: Vec::new(),
            weight: 1,
        };
        let shard = &self.world.harness.shard;
        match self.world.harness.wait(shard.commit_transaction(self.world.tenant, commit)) {
            Ok(_) => {
                let wall_ms = self.world.harness.clock.unix_ms();
                staged.iter().chain(inline).for_each(|text| self.model.put(text, wall_ms));
            }
            Err(StorageError::TransactionAborted) if is_unsure => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn compact(&mut self, mut steps: usize, beside: &[Beside]) {
        let Self { world, model, lag_ms, .. } = self;
        model.pass_begins(world.now_ms());
        let young = world.harness.clock.unix_ms() - *lag_ms;
        let before = world.log();
        let pass = Pass::new(&world.harness.shard, world.table, SMALL).unwrap();
        let mut changes = beside.iter();
        let compacted = world.harness.wait(pass.run(|_| {
            check(world, model);
            if let Some(change) = changes.next() {
                model.change(world, change);
                check(world, model);
            }
            steps = steps.saturating_sub(1);
            steps > 0
        }));
        compacted.unwrap();
        let only_more = beside.iter().all(|change| matches!(change, Beside::Put(_)));
        if *lag_ms > 0 && only_more {
            let after: BTreeSet<_> = world.log().into_iter().collect();
            for (at, letter) in before {
                let written = &model.records[usize::try_from(at).unwrap()];
                assert!(
                    written.wall_ms <= young || after.contains(&(at, letter)),
                    "{letter} at {at} was young"
                );
            }
        }
    }
}

/// Everything that can be read is what it must be.
fn check(world: &World, model: &Model) {
    let now_ms = world.now_ms();
    world.is_exact();
    let log = world.log();
    let mut live = Vec::new();
    for key in KEYS {
        let newest = model.newest(key);
        let in_log: Vec<_> = log.iter().filter(|(_, letter)| letter.eq_ignore_ascii_case(&key)).collect();
        let got = world.get(&key.to_string()).map(|(at, text)| (at, text.chars().next().unwrap()));
        match newest {
            Some((at, letter)) if letter.is_ascii_lowercase() => {
                live.push((at, letter.to_string()));
                assert_eq!(got, newest);
                assert_eq!(in_log.last(), Some(&&(at, letter)));
            }
            Some((at, _)) => {
                let may_go = model.passed.get(&at).is_some_and(|passed| now_ms >= passed + RETENTION_MS);
                assert!(got == newest || (got.is_none() && may_go), "{got:?} for {newest:?}");
                let is_there = in_log.last().map(|last| Some(**last)) == Some(newest);
                assert!(is_there || (in_log.is_empty() && may_go), "{in_log:?} for {newest:?}");
            }
            None => {
                assert_eq!(got, None);
                assert!(in_log.is_empty(), "{in_log:?} is there again");
            }
        }
    }
    for (records, bytes) in [(100, 100), (2, 100), (100, 2)] {
        assert_eq!(world.scan(records, bytes), live);
    }
    for (at, letter) in &log {
        let written = &model.records[usize::try_from(*at).unwrap()];
        assert_eq!((written.letter, written.is_erased), (*letter, false));
    }
    let offsets = world.harness.shard.offsets(world.table).unwrap();
    assert_eq!(offsets.start, model.start);
    assert!(offsets.end >= model.records.len() as u64);
    // From everywhere would take too long.
    for from in (model.start..=offsets.end).step_by(1 + log.len() / 4) {
        let behind: Vec<_> = log.iter().copied().filter(|(at, _)| *at >= from).collect();
        assert_eq!(world.log_from(from), behind, "from {from}");
    }
    let verified = world.harness.shard.verify_partition(world.table, &mut |_| true).unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!(verified.keys, live.len() as u64);
}

fn run(lag_ms: i64, steps: &[Step]) {
    let mut run = Run::new(lag_ms);
    for step in steps {
        run = run.step(step);
        check(&run.world, &run.model);
    }
    // In the end everything goes that may go.
    run.world.harness.clock.1.store(0, Ordering::Relaxed);
    run.world.pass_time(20_000_000);
    for _ in 0..3 {
        run = run.step(&Step::Compact(usize::MAX, Vec::new()));
        check(&run.world, &run.model);
        run.world.pass_time(RETENTION_MS + 1);
    }
    let mut live: Vec<_> = KEYS.filter_map(|key| run.model.newest(key)).collect();
    live.retain(|(_, letter)| letter.is_ascii_lowercase());
    live.sort_unstable();
    assert_eq!(run.world.log(), live);
    let keys = run.world.harness.shard.tables().key_rows(run.world.table, None).unwrap().rows;
    assert_eq!(keys.len(), live.len());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-fA-C]{1,4}", 1 => "[a-f]{6,9}", 1 => "[A-F]{1,6}"]
}

fn change() -> impl Strategy<Value = Beside> {
    prop_oneof![
        10 => text().prop_map(Beside::Put),
        1 => (0..9_u64).prop_map(Beside::Trim),
        1 => proptest::char::range('a', 'f').prop_map(Beside::Erase),
        2 => Just(Beside::Compact),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let texts = || proptest::collection::vec(text(), 0..3);
    prop_oneof![
        12 => change().prop_map(Step::Do),
        2 => text().prop_map(Step::Stage),
        2 => texts().prop_map(Step::Commit),
        1 => Just(Step::Abort),
        6 => (prop_oneof![Just(usize::MAX), 1..4_usize], proptest::collection::vec(change(), 0..4))
            .prop_map(|(steps, beside)| Step::Compact(steps, beside)),
        3 => prop_oneof![Just(1), Just(400), Just(1000)].prop_map(Step::Pass),
        1 => prop_oneof![Just(0), Just(3_600_000), Just(-3_600_000)].prop_map(Step::SetWall),
        1 => Just(Step::Reopen),
        1 => Just(Step::Rebuild),
        2 => any::<bool>().prop_map(Step::LosePower),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c1_to_c5_a_table_is_what_was_written_to_it(
        lag_ms in prop_oneof![2 => Just(0), 1 => Just(700)],
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        run(lag_ms, &steps);
    }
}
