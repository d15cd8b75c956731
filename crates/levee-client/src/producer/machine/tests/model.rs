//! The machine against a model of the broker, with everything that can go wrong in between: refusals,
//! lost answers, lost connections whose requests arrive late, forgotten producers, late records.
//!
//! Whatever happens: each record has one outcome; what is acknowledged is stored, once, where it says;
//! what failed for certain is not stored; and each partition has its records in the order of sending.

use super::{
    Answer, Error, ErrorCode, Outcome, ProducerSettings, ROOM, Rig, Sent, Session, millis, settings, v1,
};
use crate::producer::delivery::Acked;
use levee_types::LeveeError;
use levee_types::limits::PRODUCER_WINDOW;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError};
use std::collections::{HashMap, HashSet, VecDeque};

const PARTITIONS: u32 = 2;

#[derive(Debug, Clone)]
enum Step {
    Push {
        partition: u32,
    },
    Wait {
        millis: u64,
    },
    Send,
    /// The broker takes up to so many requests.
    Take {
        requests: usize,
        fault: Option<Fault>,
    },
    /// Answers arrive.
    Answer {
        answers: usize,
    },
    Disconnect,
    /// Requests and calls of lost connections reach the broker at last.
    Stray {
        requests: usize,
    },
    Renew(Call),
    Forget,
}

/// What happens to the first of the requests that are taken.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Refuse(ErrorCode),
    StoreAndSay(ErrorCode),
}

/// What becomes of a call for another session.
#[derive(Debug, Clone, Copy)]
enum Call {
    Answered,
    AnswerLost,
    /// It is taken for lost, and stray.
    Late,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let refusals = select(vec![
        ErrorCode::Overloaded,
        ErrorCode::Unavailable,
        ErrorCode::TooLarge,
        ErrorCode::NotFound,
        ErrorCode::StorageFailed,
        ErrorCode::Internal,
    ]);
    let unknown = select(vec![ErrorCode::StorageFailed, ErrorCode::Internal]);
    let fault = prop_oneof![refusals.prop_map(Fault::Refuse), unknown.prop_map(Fault::StoreAndSay)];
    let step = prop_oneof![
        12 => (0..PARTITIONS).prop_map(|partition| Step::Push { partition }),
        4 => (1..300_u64).prop_map(|millis| Step::Wait { millis }),
        10 => Just(Step::Send),
        10 => (1..5_usize).prop_map(|requests| Step::Take { requests, fault: None }),
        4 => fault.prop_map(|fault| Step::Take { requests: 1, fault: Some(fault) }),
        10 => (1..5_usize).prop_map(|answers| Step::Answer { answers }),
        2 => Just(Step::Disconnect),
        2 => (1..5_usize).prop_map(|requests| Step::Stray { requests }),
        3 => select(vec![Call::Answered, Call::AnswerLost, Call::Late]).prop_map(Step::Renew),
        1 => Just(Step::Forget),
    ];
    proptest::collection::vec(step, 1..150)
}

/// What the broker remembers of a producer in a partition.
#[derive(Default)]
struct Memory {
    epoch: u32,
    next: u64,
    recent: VecDeque<(u64, u64)>,
}

#[derive(Default)]
struct Broker {
    producers: u64,
    epochs: HashMap<u64, u32>,
    memory: HashMap<(u64, u32), Memory>,
    logs: HashMap<u32, Vec<String>>,
}

impl Broker {
    fn init(&mut self, held: Option<Session>) -> Result<Session, ErrorCode> {
        let Some(Session { producer_id, epoch }) = held else {
            self.producers += 1;
            self.epochs.insert(self.producers, 0);
            return Ok(Session { producer_id: self.producers, epoch: 0 });
        };
        let current = self.epochs.get_mut(&producer_id).ok_or(ErrorCode::UnknownProducer)?;
        if *current > epoch + 1 {
            return Err(ErrorCode::ProducerFenced);
        }
        *current = epoch + 1;
        Ok(Session { producer_id, epoch: *current })
    }

    fn produce(&mut self, request: &Sent) -> Result<v1::ProduceResponse, ErrorCode> {
        let log = self.logs.entry(request.partition).or_default();
        let base_offset = log.len() as u64;
        if let Some(v1::ProducerSequence { producer_id, epoch, sequence }) = request.sequence {
            match self.epochs.get(&producer_id) {
                None => return Err(ErrorCode::UnknownProducer),
                Some(current) if *current > epoch => return Err(ErrorCode::ProducerFenced),
                Some(_) => {}
            }
            let memory = self.memory.entry((producer_id, request.partition)).or_default();
            if memory.epoch < epoch {
                *memory = Memory { epoch, ..Memory::default() };
            }
            if sequence > memory.next {
                return Err(ErrorCode::OutOfOrderSequence);
            }
            if sequence < memory.next {
                let known = memory.recent.iter().find(|(first, _)| *first == sequence);
                let (_, base_offset) = *known.ok_or(ErrorCode::DuplicateSequence)?;
                return Ok(v1::ProduceResponse {
                    base_offset,
                    duplicate: true,
                    ..v1::ProduceResponse::default()
                });
            }
            memory.next += request.values.len() as u64;
            memory.recent.push_back((sequence, base_offset));
            if memory.recent.len() > PRODUCER_WINDOW {
                memory.recent.pop_front();
            }
        }
        log.extend(request.values.iter().cloned());
        Ok(v1::ProduceResponse { base_offset, ..v1::ProduceResponse::default() })
    }
}

struct World {
    rig: Rig,
    broker: Broker,
    under_way: VecDeque<Sent>,
    answers: VecDeque<(u64, Answer)>,
    stray: VecDeque<Sent>,
    stray_calls: VecDeque<Option<Session>>,
    deliveries: Vec<(u32, String, Outcome)>,
}

impl World {
    fn new(settings: ProducerSettings) -> Self {
        let mut broker = Broker::default();
        let is_idempotent = settings.idempotent;
        let mut rig = Rig::with(settings);
        if is_idempotent {
            let Session { producer_id, epoch } = broker.init(None).unwrap();
            rig.renew(producer_id, epoch);
        }
        let (under_way, answers, stray, stray_calls, deliveries) = Default::default();
        Self { rig, broker, under_way, answers, stray, stray_calls, deliveries }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Push { partition } => {
                let value = format!("{:05}", self.deliveries.len());
                let delivery = self.rig.push(*partition, &value);
                self.deliveries.push((*partition, value, delivery));
            }
            Step::Wait { millis: time } => self.rig.wait(millis(*time)),
            Step::Send => self.under_way.extend(self.rig.send()),
            Step::Take { requests, fault } => {
                let mut fault = *fault;
                for _ in 0..*requests {
                    let Some(request) = self.under_way.pop_front() else { break };
                    self.take(&request, fault.take());
                }
            }
            Step::Answer { answers } => {
                for _ in 0..*answers {
                    let Some((request, answer)) = self.answers.pop_front() else { break };
                    self.rig.answer(request, answer);
                }
            }
            Step::Disconnect => {
                self.stray.extend(self.under_way.drain(..));
                self.answers.clear();
                self.rig.disconnect();
            }
            Step::Stray { requests } => {
                let arriving = (*requests).min(self.stray.len());
                for request in self.stray.drain(..arriving) {
                    let _ = self.broker.produce(&request);
                }
                for held in self.stray_calls.drain(..) {
                    let _ = self.broker.init(held);
                }
            }
            Step::Renew(call) => self.renew(*call),
            Step::Forget => {
                self.broker.epochs.clear();
                self.broker.memory.clear();
            }
        }
    }

    fn take(&mut self, request: &Sent, fault: Option<Fault>) {
        let result = match fault {
            Some(Fault::Refuse(code)) => Err(code),
            Some(Fault::StoreAndSay(code)) => self.broker.produce(request).and(Err(code)),
            None => self.broker.produce(request),
        };
        let answer = match result {
            Ok(response) => Answer::Response(response),
            Err(code) => {
                let retryable = code.is_retryable();
                Answer::Error(v1::ErrorDetail { code: code as i32, retryable, ..v1::ErrorDetail::default() })
            }
        };
        self.answers.push_back((request.request, answer));
    }

    fn renew(&mut self, call: Call) {
        let Some(held) = self.rig.machine.wants_session(self.rig.now) else { return };
        let gone = Err(Error::connection("gone"));
        let answer = match call {
            Call::Answered => self.broker.init(held).map_err(|code| LeveeError::new(code, "no").into()),
            Call::AnswerLost => {
                let _ = self.broker.init(held);
                gone
            }
            Call::Late => {
                self.stray_calls.push_back(held);
                gone
            }
        };
        self.rig.machine.renewed(self.rig.now, answer);
    }

    /// Nothing goes wrong any more, until all is done.
    fn finish(&mut self) {
        let round = [
            Step::Wait { millis: 100 },
            Step::Send,
            Step::Take { requests: 1000, fault: None },
            Step::Answer { answers: 1000 },
            Step::Renew(Call::Answered),
        ];
        for _ in 0..1000 {
            if !self.rig.machine.has_work() {
                break;
            }
            round.iter().for_each(|step| self.run(step));
        }
        self.run(&Step::Stray { requests: 1000 });
    }

    /// Returns the offsets of what was acknowledged, in the order of sending.
    fn judge(&mut self, is_ordered: bool) -> Result<HashMap<u32, Vec<u64>>, TestCaseError> {
        prop_assert!(!self.rig.machine.has_work(), "something has no outcome");
        prop_assert_eq!(self.rig.room.available_permits(), ROOM);
        for log in self.broker.logs.values() {
            prop_assert_eq!(log.iter().collect::<HashSet<_>>().len(), log.len(), "stored twice: {:?}", log);
            prop_assert!(!is_ordered || log.is_sorted(), "out of order: {:?}", log);
        }
        let mut acknowledged: HashMap<u32, Vec<u64>> = HashMap::new();
        for (partition, value, delivery) in &mut self.deliveries {
            let log = self.broker.logs.entry(*partition).or_default();
            let place = log.iter().position(|stored| stored == value);
            match delivery.try_recv() {
                Ok(Ok(acked)) if acked.offset == Acked::UNKNOWN_OFFSET => prop_assert!(place.is_some()),
                Ok(Ok(acked)) => {
                    prop_assert_eq!(place, usize::try_from(acked.offset).ok(), "{}", value);
                    acknowledged.entry(*partition).or_default().push(acked.offset);
                }
                // Nobody else has its id.
                Ok(Err(error)) if error.code() == Some(ErrorCode::ProducerFenced) => {
                    prop_assert!(false, "it fenced itself: {}", value);
                }
                Ok(Err(error)) if error.is_outcome_unknown() => {}
                Ok(Err(error)) => prop_assert_eq!(place, None, "{}: {}", value, error),
                Err(_) => prop_assert!(false, "{} has no outcome", value),
            }
        }
        Ok(acknowledged)
    }
}

proptest! {
    #![proptest_config(Config { cases: 2000, ..Config::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_disordered(
        steps in steps(), linger in 0..20_u64, records in 1..4_usize, max_in_flight in 1..=8_usize,
    ) {
        // A record of five letters takes nine bytes of a batch.
        let mut world = World::new(ProducerSettings {
            linger: millis(linger),
            batch_bytes: 9 * records,
            max_in_flight,
            delivery_timeout: millis(1500),
            ..settings()
        });
        steps.iter().for_each(|step| world.run(step));
        world.finish();
        world.judge(true)?;
    }

    #[test]
    fn without_idempotence_nothing_is_lost_or_doubled(steps in steps(), max_in_flight in 1..=8_usize) {
        let mut world = World::new(ProducerSettings {
            idempotent: false,
            max_in_flight,
            delivery_timeout: millis(1500),
            ..settings()
        });
        steps.iter().for_each(|step| world.run(step));
        world.finish();
        let acknowledged = world.judge(false)?;
        // Copies of what failed with an unknown outcome may arrive at any time.
        prop_assert!(max_in_flight > 1 || acknowledged.values().all(|offsets| offsets.is_sorted()));
    }
}
