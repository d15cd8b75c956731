//! Transactions against a model of some lines: whatever is asked in whatever order, with restarts and power losses, the
//! answers are the model's, and so is what is read.

use super::super::Harness;
use super::{TIMEOUT_MS, World};
use crate::command::ProducerSession;
use crate::error::StorageError;
use crate::settings::ShardSettings;
use levee_types::PartitionId;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

/// Numbers are relative to what would be right.
#[derive(Debug, Clone)]
enum Step {
    Stage { who: usize, number: i64, index: i64, which: usize, text: &'static str },
    Commit { who: usize, number: i64, staged: i64, inline: Vec<usize> },
    Abort { who: usize, number: i64 },
    TakeOver { who: usize },
    Renew { who: usize },
    Append { which: usize },
    Expire,
    Reopen,
    LosePower,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Repeated,
    Aborted,
    Ended,
    OutOfOrder,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Open,
    Committed,
    Aborted,
}

#[derive(Debug, Clone)]
struct Producer {
    session: ProducerSession,
    number: u64,
    last: Last,
    staged: Vec<(usize, &'static str)>,
}

impl Producer {
    fn new(session: ProducerSession) -> Self {
        Self { session, number: 0, last: Last::Committed, staged: Vec::new() }
    }

    fn expected(&self) -> u64 {
        if self.last == Last::Open { self.number } else { self.number + 1 }
    }

    fn end(&mut self, number: u64, last: Last) {
        *self = Self { number, last, staged: Vec::new(), ..self.clone() };
    }

    /// What a number that is not the right one is answered with.
    fn refusal(&self, number: u64) -> Option<Answer> {
        let expected = self.expected();
        (number != expected).then(|| match number {
            number if number > expected => Answer::OutOfOrder,
            number if number == self.number && self.last == Last::Aborted => Answer::Aborted,
            _ => Answer::Ended,
        })
    }
}

/// What there is.
#[derive(Debug, Clone)]
struct Model {
    producers: [Producer; 2],
    logs: [Vec<String>; 2],
}

impl Model {
    fn stage(&mut self, who: usize, number: u64, index: u32, batch: (usize, &'static str)) -> Answer {
        let producer = &mut self.producers[who];
        if let Some(refusal) = producer.refusal(number) {
            return refusal;
        }
        match producer.staged.get(index as usize) {
            Some(there) if *there == batch => Answer::Repeated,
            Some(_) => Answer::Refused,
            None if index as usize > producer.staged.len() => Answer::OutOfOrder,
            None => {
                (producer.number, producer.last) = (number, Last::Open);
                producer.staged.push(batch);
                Answer::Done
            }
        }
    }

    fn commit(&mut self, who: usize, number: u64, staged: u32, inline: &[(usize, &str)]) -> Answer {
        let producer = &mut self.producers[who];
        if number > 0 && number == producer.number && producer.last == Last::Committed {
            return Answer::Repeated;
        }
        if let Some(refusal) = producer.refusal(number) {
            return refusal;
        }
        if staged as usize != producer.staged.len() {
            producer.end(number, Last::Aborted);
            return Answer::Aborted;
        }
        for (which, text) in std::mem::take(&mut producer.staged).iter().chain(inline) {
            self.logs[*which].push((*text).to_owned());
        }
        producer.end(number, Last::Committed);
        Answer::Done
    }

    fn abort(&mut self, who: usize, number: u64) -> Answer {
        let producer = &mut self.producers[who];
        match producer.refusal(number) {
            Some(Answer::Aborted) => Answer::Done,
            Some(refusal) => refusal,
            None => {
                producer.end(number, Last::Aborted);
                Answer::Done
            }
        }
    }
}

fn answer(result: Result<bool, StorageError>) -> Answer {
    match result {
        Ok(false) => Answer::Done,
        Ok(true) => Answer::Repeated,
        Err(StorageError::TransactionAborted) => Answer::Aborted,
        Err(StorageError::TransactionEnded { .. }) => Answer::Ended,
        Err(StorageError::OutOfOrderTransaction { .. } | StorageError::OutOfOrderBatch { .. }) => {
            Answer::OutOfOrder
        }
        Err(StorageError::Invalid(_)) => Answer::Refused,
        Err(error) => panic!("{error}"),
    }
}

fn at(expected: u64, relative: i64) -> u64 {
    expected.saturating_add_signed(relative)
}

fn run(steps: &[Step]) {
    // Segments are not rolled, which would sync what nobody waits for.
    let settings = ShardSettings { segment_bytes: 1024 * 1024, ..ShardSettings::default() };
    let harness = Harness::with(settings);
    let tenant = harness.tenant("acme");
    let first = harness.topic(tenant, "orders", &[]);
    let init = || harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let sessions = [init(), init()];
    let partitions = [first, PartitionId { partition: 1, ..first }];
    let mut world = World { harness, tenant, session: sessions[0], partitions };
    let mut model = Model { producers: sessions.map(Producer::new), logs: [Vec::new(), Vec::new()] };
    let mut durable = model.clone();
    for step in steps {
        let syncs = world.harness.segments.syncs();
        let mut is_lost = false;
        match step {
            Step::Stage { who, number, index, which, text } => {
                let producer = &model.producers[*who];
                world.session = producer.session;
                let number = at(producer.expected(), *number);
                let index = u32::try_from(at(producer.staged.len() as u64, *index)).unwrap();
                let expected = model.stage(*who, number, index, (*which, text));
                assert_eq!(answer(world.stage(number, index, *which, text)), expected, "{step:?}");
            }
            Step::Commit { who, number, staged, inline } => {
                let producer = &model.producers[*who];
                world.session = producer.session;
                let number = at(producer.expected(), *number);
                let staged = u32::try_from(at(producer.staged.len() as u64, *staged)).unwrap();
                let inline: Vec<_> = inline.iter().map(|which| (*which, "inline")).collect();
                let expected = model.commit(*who, number, staged, &inline);
                let committed = world.commit(number, staged, &inline).map(|committed| committed.duplicate);
                assert_eq!(answer(committed), expected, "{step:?}");
            }
            Step::Abort { who, number } => {
                let producer = &model.producers[*who];
                world.session = producer.session;
                let number = at(producer.expected(), *number);
                let expected = model.abort(*who, number);
                assert_eq!(answer(world.abort(number).map(|()| false)), expected, "{step:?}");
            }
            Step::TakeOver { who } | Step::Renew { who } => {
                let held = model.producers[*who].session;
                let shard = &world.harness.shard;
                let session = match step {
                    Step::Renew { .. } => world.harness.wait(shard.renew_producer(tenant, held)),
                    _ => world.harness.wait(shard.init_producer(tenant, Some(held.producer))),
                };
                model.producers[*who] = Producer::new(session.unwrap());
            }
            Step::Append { which } => {
                world.harness.append(partitions[*which], "plain", None).unwrap();
                model.logs[*which].push("plain".to_owned());
            }
            Step::Expire => {
                let later = i64::from(TIMEOUT_MS) + 1;
                let now_ms = world.harness.clock.0.fetch_add(later, Ordering::Relaxed) + later;
                let shard = &world.harness.shard;
                assert_eq!(world.harness.wait(shard.abort_expired_transactions(now_ms)).unwrap(), None);
                for producer in &mut model.producers {
                    if producer.last == Last::Open {
                        producer.end(producer.number, Last::Aborted);
                    }
                }
            }
            Step::Reopen => {
                world = world.with(Harness::reopen);
                durable = model.clone();
            }
            Step::LosePower => {
                is_lost = true;
                world = world.with(|harness| harness.crash(|| false));
                model = durable.clone();
            }
        }
        if !is_lost && world.harness.segments.syncs() > syncs {
            durable = model.clone();
        }
        assert_eq!(world.read(), model.logs, "{step:?}");
    }
    let open = model.producers.iter().any(|producer| producer.last == Last::Open);
    assert_eq!(!super::nothing_is_staged(&world), open);
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..2_usize;
    let near = || prop_oneof![8 => Just(0_i64), 1 => Just(-1), 1 => Just(1)];
    prop_oneof![
        8 => (who(), near(), near(), who(), prop_oneof![Just("a"), Just("bc")])
            .prop_map(|(who, number, index, which, text)| Step::Stage { who, number, index, which, text }),
        5 => (who(), near(), near(), proptest::collection::vec(who(), 0..3))
            .prop_map(|(who, number, staged, inline)| Step::Commit { who, number, staged, inline }),
        2 => (who(), near()).prop_map(|(who, number)| Step::Abort { who, number }),
        1 => who().prop_map(|who| Step::TakeOver { who }),
        1 => who().prop_map(|who| Step::Renew { who }),
        2 => who().prop_map(|which| Step::Append { which }),
        1 => Just(Step::Expire),
        1 => Just(Step::Reopen),
        2 => Just(Step::LosePower),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_in_whatever_order_the_model_answers_the_same(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        run(&steps);
    }
}
