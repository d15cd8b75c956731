//! Bad histories of transactions, copies and compare-and-append.

use super::super::{Class, Event, Kind, Phase};
use super::{History, WRITER, three, value};

impl History {
    /// The values of the only writer are a transaction's.
    fn begin(self) -> Self {
        self.add(Event::of(WRITER, Kind::Begin, Phase::Ok))
    }

    fn asked(self) -> Self {
        self.add(Event::of(WRITER, Kind::End, Phase::Invoke))
    }

    fn ended(self, counters: &[u32], outcome: Phase) -> Self {
        counters.iter().fold(self, |all, counter| {
            all.outcome(*counter, outcome, (outcome == Phase::Ok).then_some(u64::from(*counter)))
        })
    }

    fn copied(self, counter: u32, offset: u64) -> Self {
        self.add(Event::of(1, Kind::Copy, Phase::Ok).at(7, offset).with(value(counter)))
    }

    fn expecting(self, counter: u32, expected: u64) -> Self {
        let send = Event::of(WRITER, Kind::Send, Phase::Invoke).with(value(counter));
        self.add(Event { expected: Some(expected), ..send })
    }
}

/// A transaction of two, which is asked to be committed.
fn two() -> History {
    History::default().begin().invoke(0).invoke(1).asked()
}

#[test]
fn good() {
    two().ended(&[0, 1], Phase::Ok).drain(0, &[0, 1]).finds(&[]);
    two().ended(&[0, 1], Phase::Fail).drain(0, &[]).finds(&[]);
    two().ended(&[0, 1], Phase::Info).drain(0, &[]).finds(&[]);
    two().ended(&[0, 1], Phase::Info).drain(0, &[0, 1]).finds(&[]);
    two().read(0, 0).ended(&[0, 1], Phase::Ok).drain(0, &[0, 1]).finds(&[]);
    three().copied(0, 0).copied(1, 1).copied(2, 2).copied(2, 2).drain(0, &[0, 1, 2]).finds(&[]);
}

#[test]
fn an_aborted_transaction_is_read() {
    two().ended(&[0, 1], Phase::Fail).drain(0, &[0]).finds(&[(Class::AbortedRead, 1)]);
}

#[test]
fn torn() {
    two().ended(&[0, 1], Phase::Info).drain(0, &[0]).finds(&[(Class::Torn, 1)]);
    two().ended(&[0, 1], Phase::Ok).drain(0, &[0]).finds(&[(Class::LostPostfix, 1)]);
}

#[test]
fn dirty_read() {
    let early = History::default().begin().invoke(0).read(0, 0).asked().ended(&[0], Phase::Ok);
    early.drain(0, &[0]).finds(&[(Class::DirtyRead, 1)]);
}

#[test]
fn not_copied() {
    three().copied(0, 0).copied(2, 1).drain(0, &[0, 1, 2]).finds(&[(Class::NotCopied, 1)]);
}

#[test]
fn copied_twice() {
    let twice = three().copied(0, 0).copied(1, 1).copied(2, 2).copied(1, 3).drain(0, &[0, 1, 2]);
    twice.finds(&[(Class::CopiedTwice, 1)]);
    // A copy of what is not in the source.
    let unsent = History::default().invoke(0).copied(0, 0).drain(0, &[]);
    unsent.finds(&[(Class::CopiedTwice, 1)]);
}

#[test]
fn one_of_two_appends_wins() {
    let race = three().expecting(3, 3).expecting(4, 3);
    let told = |history: History, current| history.outcome(4, Phase::Fail, Some(current));
    let won = race.outcome(3, Phase::Ok, Some(3));
    told(won.clone(), 4).drain(0, &[0, 1, 2, 3]).finds(&[]);
    // It was refused with its own offset, with one that is gone by, and with one that is still to come.
    told(won.clone(), 3).drain(0, &[0, 1, 2, 3]).finds(&[(Class::WrongEnd, 1)]);
    told(won.clone(), 2).drain(0, &[0, 1, 2, 3]).finds(&[(Class::WrongEnd, 1)]);
    told(won.clone(), 5).drain(0, &[0, 1, 2, 3]).finds(&[(Class::WrongEnd, 1)]);
    told(won, 5).acked(5, 4).drain(0, &[0, 1, 2, 3, 5]).finds(&[(Class::WrongEnd, 1)]);
}

#[test]
fn wrong_place() {
    three()
        .expecting(3, 2)
        .outcome(3, Phase::Ok, Some(3))
        .drain(0, &[0, 1, 2, 3])
        .finds(&[(Class::WrongPlace, 2)]);
    // Nobody knew the outcome, and it is there.
    let unknown = three().expecting(3, 2).outcome(3, Phase::Info, None).drain(0, &[0, 1, 2, 3]);
    unknown.finds(&[(Class::WrongPlace, 1)]);
}
