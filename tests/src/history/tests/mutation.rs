//! A good history of several writers, partitions and readers, changed in one place, is found to be bad.

use super::super::{Checker, Event, Kind, Phase, Value};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::Index;

const PARTITIONS: u32 = 3;

/// What one step of a good run does.
#[derive(Debug, Clone)]
enum Step {
    /// This writer sends to this partition, and the broker stores it with this outcome.
    Send { writer: u32, partition: u32, outcome: Phase, stored: bool },
    /// This follower reads the next record, if there is one.
    Follow { reader: u32, partition: u32 },
    /// This follower jumps.
    Seek { reader: u32, partition: u32, to: Index },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        6 => Just((Phase::Ok, true)),
        1 => Just((Phase::Info, true)),
        1 => Just((Phase::Info, false)),
        1 => Just((Phase::Fail, false)),
    ];
    let partition = 0..PARTITIONS;
    prop_oneof![
        5 => (0..3u32, partition.clone(), outcome)
            .prop_map(|(writer, partition, (outcome, stored))| Step::Send { writer, partition, outcome, stored }),
        5 => (10..12u32, partition.clone()).prop_map(|(reader, partition)| Step::Follow { reader, partition }),
        1 => (10..12u32, partition, any::<Index>())
            .prop_map(|(reader, partition, to)| Step::Seek { reader, partition, to }),
    ]
}

/// Runs the steps against a broker that keeps its promises, and drains it.
fn run(steps: &[Step]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |process, kind, phase, partition, value, offset| {
        let op = events.len() as u64;
        let event = Event { partition, value, offset, ..Event::of(process, kind, phase) };
        events.push(Event { time_us: op, op, ..event });
    };
    let mut logs = vec![Vec::new(); PARTITIONS as usize];
    let mut counters = [0u32; 3];
    let mut cursors = [[0usize; PARTITIONS as usize]; 2];
    for step in steps {
        match *step {
            Step::Send { writer, partition, outcome, stored } => {
                let counter = counters[writer as usize];
                counters[writer as usize] += 1;
                let value = Some(Value { writer, counter });
                let log = &mut logs[partition as usize];
                add(writer, Kind::Send, Phase::Invoke, partition, value, None);
                let offset = (outcome == Phase::Ok).then_some(log.len() as u64);
                add(writer, Kind::Send, outcome, partition, value, offset);
                if stored {
                    log.push(value);
                }
            }
            Step::Follow { reader, partition } => {
                let next = &mut cursors[reader as usize - 10][partition as usize];
                if let Some(value) = logs[partition as usize].get(*next) {
                    add(reader, Kind::Read, Phase::Ok, partition, *value, Some(*next as u64));
                    *next += 1;
                }
            }
            Step::Seek { reader, partition, to } => {
                let to = to.index(logs[partition as usize].len() + 1);
                add(reader, Kind::Seek, Phase::Ok, partition, None, Some(to as u64));
                cursors[reader as usize - 10][partition as usize] = to;
            }
        }
    }
    for (partition, log) in (0..).zip(&logs) {
        add(20, Kind::Drain, Phase::Invoke, partition, None, Some(0));
        for (offset, value) in (0..).zip(log) {
            add(20, Kind::Read, Phase::Ok, partition, *value, Some(offset));
        }
        add(20, Kind::Drain, Phase::Ok, partition, None, Some(log.len() as u64));
    }
    events
}

fn is_ok(events: &[Event]) -> bool {
    let mut checker = Checker::default();
    events.iter().for_each(|event| checker.push(event));
    checker.finish().is_ok()
}

/// Changes that no correct broker can bring about.
#[derive(Debug, Clone, Copy)]
enum Mutation {
    /// A read of the drain is missing.
    Drop,
    /// A read arrives twice.
    Repeat,
    /// Two reads of the drain change places.
    SwapReads,
    /// Two reads of the drain show each other's values.
    SwapValues,
    /// A read shows the value of another send, or one that nobody sent.
    AlterValue,
    /// A read or an ack names another offset.
    AlterOffset,
    /// The drain ends earlier or later.
    AlterEnd,
    /// A send did not begin.
    Unsend,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{AlterEnd, AlterOffset, AlterValue, Drop, Repeat, SwapReads, SwapValues, Unsend};
    proptest::sample::select(vec![
        Drop,
        Repeat,
        SwapReads,
        SwapValues,
        AlterValue,
        AlterOffset,
        AlterEnd,
        Unsend,
    ])
}

/// The places among `events` that `wanted` tells.
fn places(events: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
    events.iter().enumerate().filter(|(_, event)| wanted(event)).map(|(n, _)| n).collect()
}

fn is_drain_read(event: &Event) -> bool {
    event.kind == Kind::Read && event.process == 20
}

/// Changes the history in one place; `None` when it has no such place.
fn mutate(mut events: Vec<Event>, mutation: Mutation, at: Index, by: u64) -> Option<Vec<Event>> {
    let pick = |places: Vec<usize>| (!places.is_empty()).then(|| places[at.index(places.len())]);
    match mutation {
        Mutation::Drop => {
            let place = pick(places(&events, is_drain_read))?;
            events.remove(place);
        }
        Mutation::Repeat => {
            let place = pick(places(&events, |event| event.kind == Kind::Read))?;
            events.insert(place, events[place].clone());
        }
        Mutation::SwapReads | Mutation::SwapValues => {
            let places = places(&events, is_drain_read);
            let pairs: Vec<_> = places
                .windows(2)
                .filter(|pair| events[pair[0]].partition == events[pair[1]].partition)
                .collect();
            let pair = *pairs.get(at.index(pairs.len().max(1)))?;
            // Values whose sends have no known offset may stand in either order, if no one else saw them.
            if matches!(mutation, Mutation::SwapReads) {
                events.swap(pair[0], pair[1]);
            } else {
                let (a, b) = (events[pair[0]].value, events[pair[1]].value);
                let acked =
                    |v| events.iter().any(|e| e.kind == Kind::Send && e.phase == Phase::Ok && e.value == v);
                if !acked(a) && !acked(b) {
                    return None;
                }
                (events[pair[0]].value, events[pair[1]].value) = (b, a);
            }
        }
        Mutation::AlterValue => {
            let place = pick(places(&events, is_drain_read))?;
            let old = events[place].value?;
            let other = Value { counter: old.counter ^ u32::try_from(by).ok()?, ..old };
            // An unknown send in place of another is what may happen.
            let unknown = |v| {
                let outcomes = |e: &&Event| e.kind == Kind::Send && e.value == Some(v);
                events.iter().filter(outcomes).all(|e| matches!(e.phase, Phase::Invoke | Phase::Info))
            };
            if unknown(old) && events.iter().any(|e| e.value == Some(other)) && unknown(other) {
                return None;
            }
            events[place].value = Some(other);
        }
        Mutation::AlterOffset => {
            let place = pick(places(&events, |e| {
                e.phase == Phase::Ok && (e.kind == Kind::Send || is_drain_read(e))
            }))?;
            events[place].offset = events[place].offset.map(|offset| offset ^ by);
        }
        Mutation::AlterEnd => {
            let place = pick(places(&events, |e| e.kind == Kind::Drain && e.phase == Phase::Ok))?;
            events[place].offset = events[place].offset.map(|offset| offset ^ by);
        }
        Mutation::Unsend => {
            let acks = places(&events, |e| e.kind == Kind::Send && e.phase == Phase::Ok);
            events.remove(pick(acks)? - 1);
        }
    }
    Some(events)
}

proptest! {
    #[test]
    fn good_histories_pass(steps in proptest::collection::vec(step(), 0..60)) {
        prop_assert!(is_ok(&run(&steps)));
    }

    #[test]
    fn every_single_mutation_is_found(
        steps in proptest::collection::vec(step(), 1..60),
        mutation in mutation(),
        at in any::<Index>(),
        by in 1u64..40,
    ) {
        if let Some(bad) = mutate(run(&steps), mutation, at, by) {
            prop_assert!(!is_ok(&bad), "{mutation:?} was not found in {bad:#?}");
        }
    }
}
