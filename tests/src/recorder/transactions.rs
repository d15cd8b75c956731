//! What transactions do, and those who copy with them.

use super::{Outcome, Recorder, Send};
use crate::history::{Event, Kind, Phase, Value};
use std::time::Instant;

impl Recorder {
    /// A transaction begins. Its number is the writer of the values that it holds.
    pub fn begin(&self) -> u32 {
        let transaction = self.process();
        self.add(Event::of(transaction, Kind::Begin, Phase::Ok));
        transaction
    }

    /// A producer sends the value of this count as part of the transaction.
    pub fn send_within(&self, producer: u32, transaction: u32, counter: u32, partition: u32) -> Send {
        let value = Value { writer: transaction, counter };
        let invoked = Instant::now();
        let op = self.add(Event::of(producer, Kind::Send, Phase::Invoke).at(partition, None).with(value));
        Send { op, process: producer, partition, value, invoked }
    }

    /// The transaction is about to be committed.
    pub fn end(&self, transaction: u32) {
        self.add(Event::of(transaction, Kind::End, Phase::Invoke));
    }

    /// All sends of a transaction have this end; of one that was committed, each at its offset.
    pub fn ended(&self, sends: &[Send], offsets: Option<&[u64]>, otherwise: Outcome) {
        for (number, send) in sends.iter().enumerate() {
            let offset = offsets.and_then(|offsets| offsets.get(number));
            self.sent(*send, offset.map_or(otherwise, |offset| Outcome::Acked(*offset)));
        }
    }

    /// A copy was found.
    pub fn copied(&self, partition: u32, value: Option<Value>, offset: u64) {
        self.add(Event::of(0, Kind::Copy, Phase::Ok).at(partition, offset).with(value));
    }
}
