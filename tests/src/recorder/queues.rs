//! What workers of queues do.

use super::{Outcome, Recorder};
use crate::history::{Event, Kind, Phase, Value};

/// An acknowledgement that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledgement {
    op: u64,
    worker: u32,
    queue: u32,
    value: Value,
}

impl Recorder {
    /// A worker got a record from a broker before which so many had died. What comes from a broker that is dead by now
    /// was handed out before whatever its successor did, and is not written down; then `false`.
    pub fn delivered(
        &self,
        worker: u32,
        queue: u32,
        place: (u32, u64),
        value: Option<Value>,
        deaths: u32,
    ) -> bool {
        let mut inner = self.lock();
        let is_current = self.deaths() == deaths;
        if is_current {
            let event = Event::of(worker, Kind::Deliver, Phase::Ok).at(place.0, place.1);
            self.add_to(&mut inner, event.with(value).of_group(queue));
        }
        is_current
    }

    /// A worker is about to acknowledge a record.
    pub fn acknowledge(&self, worker: u32, queue: u32, value: Value) -> Acknowledgement {
        let op = self.add(Event::of(worker, Kind::Acknowledge, Phase::Invoke).with(value).of_group(queue));
        Acknowledgement { op, worker, queue, value }
    }

    /// The end of it; the offset of its outcome is of no matter.
    pub fn acknowledged(&self, acknowledgement: Acknowledgement, outcome: Outcome) {
        let Acknowledgement { op, worker, queue, value } = acknowledgement;
        let event = Event::of(worker, Kind::Acknowledge, outcome.phase()).with(value).of_group(queue);
        self.add(Event { op, ..event });
    }

    /// A record is among the dead letters of a queue, at this offset.
    pub fn dead(&self, queue: u32, partition: u32, value: Option<Value>, offset: u64) {
        self.add(Event::of(0, Kind::Dead, Phase::Ok).at(partition, offset).with(value).of_group(queue));
    }

    /// The queue says that everything in the partition is done.
    pub fn emptied(&self, queue: u32, partition: u32) {
        self.add(Event::of(0, Kind::Emptied, Phase::Ok).at(partition, None).of_group(queue));
    }
}
