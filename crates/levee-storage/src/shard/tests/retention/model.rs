//! C6 against a model: the calendar leaps forward for less than an hour, and goes back for as long as it likes;
//! whatever is asked in whatever order, only what is really old goes, a log never begins earlier than before, and in
//! the end everything old is gone.

use super::super::{Harness, append};
use super::{HOUR_MS, MINUTE_MS};
use crate::command::Append;
use crate::maintenance::{Maintenance, MaintenanceStop, Upkeep};
use crate::segments::MemorySegments;
use levee_types::PartitionId;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

const RETENTION_MS: i64 = 3 * HOUR_MS;
const START_MS: i64 = 1000 * HOUR_MS;

#[derive(Debug, Clone)]
enum Step {
    /// Records with a timestamp that is so far from now, or without one.
    Append {
        records: usize,
        stamp: Option<i64>,
    },
    Pass {
        minutes: i64,
    },
    /// The calendar is wrong from now on.
    Wrong {
        hours: i64,
    },
    Right,
    Look,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let stamp = proptest::option::weighted(0.3, -10 * HOUR_MS..10 * HOUR_MS);
    prop_oneof![
        6 => (1..4_usize, stamp).prop_map(|(records, stamp)| Step::Append { records, stamp }),
        6 => (1..40_i64).prop_map(|minutes| Step::Pass { minutes }),
        2 => prop_oneof![1..100_000_i64, -900..-1_i64].prop_map(|hours| Step::Wrong { hours }),
        2 => Just(Step::Right),
        6 => Just(Step::Look),
        1 => Just(Step::Restart),
    ]
}

/// A batch, and when it was really appended.
#[derive(Debug, Clone, Copy)]
struct Batch {
    base: u64,
    end: u64,
    appended_ms: i64,
    /// The largest timestamp of it and all before it, if they all have one.
    timestamp_ms: i64,
}

struct World {
    harness: Harness,
    partition: PartitionId,
    batches: Vec<Batch>,
    start: u64,
    largest_ms: i64,
    wrong_ms: i64,
    wrong_since: i64,
    looks: (Maintenance<MemorySegments>, MaintenanceStop),
}

impl World {
    fn new() -> Self {
        let harness = Harness::with_defaults(&[]);
        let tenant = harness.tenant("acme");
        let partition = harness.topic(tenant, "orders", &[("retention.ms", &RETENTION_MS.to_string())]);
        harness.pass(START_MS);
        let looks = Maintenance::new(harness.shard.clone(), Upkeep::Records);
        Self {
            harness,
            partition,
            batches: vec![],
            start: 0,
            largest_ms: 0,
            wrong_ms: 0,
            wrong_since: 0,
            looks,
        }
    }

    /// By a clock that is right.
    fn now_ms(&self) -> i64 {
        self.harness.clock.0.load(Ordering::Relaxed)
    }

    /// The clock leaps. It is looked at often enough to see that.
    fn set_wrong(&mut self, ms: i64) {
        self.look();
        self.wrong_ms = ms;
        self.wrong_since = self.now_ms();
        self.harness.clock.1.store(ms, Ordering::Relaxed);
        self.look();
    }

    fn take(mut self, step: &Step) -> Self {
        match *step {
            Step::Append { records, stamp } => {
                // What a clock that is behind writes down is older than it is, for ever.
                if self.wrong_ms < 0 {
                    self.set_wrong(0);
                }
                let stamp = stamp.map(|stamp| self.now_ms() + stamp);
                let text = "x".repeat(records);
                let append = Append { max_timestamp_ms: stamp, ..append(self.partition, &text, None) };
                let appended =
                    self.harness.wait(async { self.harness.shard.submit(append).await?.await }).unwrap();
                self.largest_ms = self.largest_ms.max(stamp.unwrap_or(self.now_ms() + self.wrong_ms));
                self.batches.push(Batch {
                    base: appended.base_offset,
                    end: appended.base_offset + records as u64,
                    appended_ms: self.now_ms(),
                    timestamp_ms: self.largest_ms,
                });
            }
            Step::Pass { minutes } => {
                let is_over = self.now_ms() + minutes * MINUTE_MS - self.wrong_since >= HOUR_MS;
                if self.wrong_ms > 0 && is_over {
                    self.set_wrong(0);
                }
                self.harness.pass(minutes * MINUTE_MS);
            }
            // From one wrong time to another one is a leap of its own, which goes on as long as both.
            Step::Wrong { hours } if self.wrong_ms == 0 => self.set_wrong(hours * HOUR_MS),
            Step::Wrong { .. } => {}
            Step::Right => self.set_wrong(0),
            Step::Look => self.look(),
            // Who starts by a wrong clock cannot know it.
            Step::Restart => {
                self.set_wrong(0);
                let Self { harness, looks, .. } = self;
                drop(looks);
                let harness = harness.crash(|| false);
                let looks = Maintenance::new(harness.shard.clone(), Upkeep::Records);
                return Self { harness, looks, ..self }.checked();
            }
        }
        self.checked()
    }

    fn look(&mut self) {
        let Self { harness, looks, .. } = self;
        harness.wait(looks.0.remove_expired()).unwrap();
    }

    fn checked(mut self) -> Self {
        let offsets = self.harness.shard.offsets(self.partition).unwrap();
        assert!(offsets.start >= self.start, "the log begins at {} again", offsets.start);
        self.start = offsets.start;
        let now_ms = self.now_ms();
        self.batches.retain(|batch| {
            let is_gone = batch.base < offsets.start;
            if is_gone {
                assert!(batch.end <= offsets.start, "half of {batch:?} is gone");
                let (age, claimed) = (now_ms - batch.appended_ms, now_ms - batch.timestamp_ms);
                assert!(age > RETENTION_MS || claimed > RETENTION_MS, "{batch:?} is gone at {now_ms}");
            }
            !is_gone
        });
        let left: u64 = self.batches.iter().map(|batch| batch.end - batch.base).sum();
        assert_eq!(self.harness.read(self.partition).concat().len() as u64, left);
        assert_eq!(offsets.stored_bytes, left);
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn c6_only_what_is_old_goes(steps in proptest::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            world = world.take(step);
        }
        world.set_wrong(0);
        // What was appended while the clock was ahead goes with this.
        world = world.take(&Step::Append { records: 1, stamp: None });
        // A leap is believed after an hour.
        for _ in 0..6 {
            world.harness.pass(HOUR_MS);
            world.look();
        }
        prop_assert_eq!(world.harness.read(world.partition), Vec::<String>::new());
    }
}
