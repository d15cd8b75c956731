//! Bad histories of queues.

use super::super::{Class, Event, Kind, Phase};
use super::{History, three, value};

const GROUP: u32 = 40;
const WORKER: u32 = 41;

impl History {
    fn of_queue(self, kind: Kind, phase: Phase, counter: u32, offset: Option<u64>) -> Self {
        self.add(Event::of(WORKER, kind, phase).at(0, offset).with(value(counter)).of_group(GROUP))
    }

    fn delivered(self, counter: u32) -> Self {
        self.of_queue(Kind::Deliver, Phase::Ok, counter, Some(u64::from(counter)))
    }

    fn acknowledged(self, counter: u32, outcome: Phase) -> Self {
        self.of_queue(Kind::Acknowledge, Phase::Invoke, counter, None).of_queue(
            Kind::Acknowledge,
            outcome,
            counter,
            None,
        )
    }

    fn done(self, counter: u32) -> Self {
        self.delivered(counter).acknowledged(counter, Phase::Ok)
    }

    fn dead(self, counter: u32, offset: u64) -> Self {
        self.of_queue(Kind::Dead, Phase::Ok, counter, Some(offset))
    }

    fn emptied(self) -> Self {
        self.add(Event::of(WORKER, Kind::Emptied, Phase::Ok).of_group(GROUP)).drain(0, &[0, 1, 2])
    }
}

#[test]
fn good() {
    three().done(0).done(1).done(2).emptied().finds(&[]);
    // Handed out again while nobody knows whether it is done.
    three()
        .done(0)
        .acknowledged(1, Phase::Info)
        .delivered(1)
        .done(1)
        .delivered(2)
        .done(2)
        .emptied()
        .finds(&[]);
    three().done(0).done(1).acknowledged(2, Phase::Info).emptied().finds(&[]);
    three().done(0).done(1).delivered(2).dead(2, 0).dead(2, 0).emptied().finds(&[]);
    // It does not say that everything is done.
    three().done(0).drain(0, &[0, 1, 2]).finds(&[]);
}

#[test]
fn redelivered() {
    three().done(0).delivered(0).drain(0, &[0, 1, 2]).finds(&[(Class::Redelivered, 1)]);
    three().done(0).dead(0, 0).drain(0, &[0, 1, 2]).finds(&[(Class::Redelivered, 1)]);
}

#[test]
fn not_done() {
    three().done(0).done(1).emptied().finds(&[(Class::NotDone, 1)]);
    let refused = three().done(0).done(1).delivered(2).acknowledged(2, Phase::Fail);
    refused.emptied().finds(&[(Class::NotDone, 1)]);
}

#[test]
fn dead_twice() {
    three().dead(1, 0).dead(1, 1).drain(0, &[0, 1, 2]).finds(&[(Class::DeadTwice, 1)]);
}

#[test]
fn handed_out_is_what_was_sent() {
    let other = three().of_queue(Kind::Deliver, Phase::Ok, 0, Some(1)).drain(0, &[0, 1, 2]);
    other.finds(&[(Class::Duplicate, 1), (Class::InconsistentOffset, 1)]);
    three().delivered(9).drain(0, &[0, 1, 2]).finds(&[(Class::Phantom, 1)]);
}
