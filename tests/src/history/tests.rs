//! A good history, one bad history for each class, and random mutations of good ones.

use super::{Checker, Class, Event, Kind, Phase, Report, Value, check_lines};

mod groups;
mod mutation;
mod queues;
mod transactions;

/// Writes a history by hand: partition 0 unless said otherwise, one microsecond an event.
#[derive(Default, Clone)]
struct History(Vec<Event>);

const WRITER: u32 = 1;
const READER: u32 = 10;
const DRAINER: u32 = 20;

fn value(counter: u32) -> Value {
    Value { writer: WRITER, counter }
}

impl History {
    fn event(
        self,
        process: u32,
        kind: Kind,
        phase: Phase,
        value: Option<Value>,
        offset: Option<u64>,
    ) -> Self {
        self.add(Event { value, offset, ..Event::of(process, kind, phase) })
    }

    fn add(mut self, mut event: Event) -> Self {
        event.time_us = self.0.len() as u64;
        event.op = event.time_us;
        self.0.push(event);
        self
    }

    fn invoke(self, counter: u32) -> Self {
        self.event(WRITER, Kind::Send, Phase::Invoke, Some(value(counter)), None)
    }

    fn outcome(self, counter: u32, phase: Phase, offset: Option<u64>) -> Self {
        self.event(WRITER, Kind::Send, phase, Some(value(counter)), offset)
    }

    fn acked(self, counter: u32, offset: u64) -> Self {
        self.invoke(counter).outcome(counter, Phase::Ok, Some(offset))
    }

    fn read_by(self, process: u32, counter: u32, offset: u64) -> Self {
        self.event(process, Kind::Read, Phase::Ok, Some(value(counter)), Some(offset))
    }

    fn read(self, counter: u32, offset: u64) -> Self {
        self.read_by(READER, counter, offset)
    }

    fn seek(self, offset: u64) -> Self {
        self.event(READER, Kind::Seek, Phase::Ok, None, Some(offset))
    }

    fn drain_begins(self, start: u64) -> Self {
        self.event(DRAINER, Kind::Drain, Phase::Invoke, None, Some(start))
    }

    fn drain_ends(self, end: u64) -> Self {
        self.event(DRAINER, Kind::Drain, Phase::Ok, None, Some(end))
    }

    /// A drain that finds these counters from `start` on.
    fn drain(self, start: u64, counters: &[u32]) -> Self {
        let begun = self.drain_begins(start);
        let read = (start..).zip(counters).fold(begun, |all, (offset, n)| all.read_by(DRAINER, *n, offset));
        read.drain_ends(start + counters.len() as u64)
    }

    fn check(&self) -> Report {
        let mut checker = Checker::default();
        self.0.iter().for_each(|event| checker.push(event));
        checker.finish()
    }

    /// Exactly these classes are found.
    #[track_caller]
    fn finds(&self, expected: &[(Class, u64)]) {
        let report = self.check();
        let found: Vec<_> =
            Class::ALL.into_iter().map(|c| (c, report.count(c))).filter(|(_, n)| *n > 0).collect();
        assert_eq!(found, expected, "{report}");
        assert_eq!(report.is_ok(), expected.is_empty());
    }
}

fn three() -> History {
    History::default().acked(0, 0).acked(1, 1).acked(2, 2)
}

#[test]
fn good() {
    three().drain(0, &[0, 1, 2]).finds(&[]);
    // Followers, a jump on request, and a log whose beginning was trimmed before anything counted.
    three().read(0, 0).read(1, 1).seek(0).read(0, 0).drain(0, &[0, 1, 2]).finds(&[]);
    three().seek(2).read(2, 2).drain(0, &[0, 1, 2]).finds(&[]);
    // A reader may meet a value before its writer gets the ack.
    History::default().invoke(0).read(0, 0).outcome(0, Phase::Ok, Some(0)).drain(0, &[0]).finds(&[]);
    History::default().finds(&[]);
}

#[test]
fn unknown_outcomes_may_go_either_way() {
    let unknown = three().invoke(3).outcome(3, Phase::Info, None).invoke(4);
    unknown.clone().drain(0, &[0, 1, 2]).finds(&[]);
    unknown.clone().drain(0, &[0, 1, 2, 3]).finds(&[]);
    unknown.clone().drain(0, &[0, 1, 2, 3, 4]).finds(&[]);
    unknown.drain(0, &[0, 1, 2, 4]).finds(&[]);
}

#[test]
fn failed_sends_are_absent() {
    let failed = three().invoke(3).outcome(3, Phase::Fail, None);
    failed.clone().drain(0, &[0, 1, 2]).finds(&[]);
    failed.drain(0, &[0, 1, 2, 3]).finds(&[(Class::AbortedRead, 1)]);
}

#[test]
fn aborted_read_before_the_failure_is_known() {
    let history = three().invoke(3).drain(0, &[0, 1, 2, 3]).outcome(3, Phase::Fail, None);
    history.finds(&[(Class::AbortedRead, 1)]);
}

#[test]
fn lost_prefix() {
    three().drain(1, &[1, 2]).finds(&[(Class::LostPrefix, 1)]);
    // Without a drain, by what readers saw.
    three().seek(1).read(1, 1).read(2, 2).finds(&[(Class::LostPrefix, 1)]);
}

#[test]
fn lost_middle() {
    let drained = three().drain_begins(0).read_by(DRAINER, 0, 0).read_by(DRAINER, 2, 2).drain_ends(3);
    drained.finds(&[(Class::LostMiddle, 1), (Class::Skip, 1)]);
    three().read(0, 0).seek(2).read(2, 2).finds(&[(Class::LostMiddle, 1)]);
}

#[test]
fn lost_postfix() {
    three().drain(0, &[0, 1]).finds(&[(Class::LostPostfix, 1)]);
    three().drain(0, &[]).finds(&[(Class::LostPostfix, 3)]);
}

#[test]
fn only_the_end_of_a_relaxed_log_is_forgiven_and_only_what_was_acked_late() {
    // Value 1 was acked at 3, value 2 at 5.
    let forgiving = |since| three().event(WRITER, Kind::Forgive, Phase::Ok, None, Some(since));
    let both = forgiving(3).drain(0, &[0]);
    both.finds(&[]);
    assert_eq!(both.check().forgiven, 2);
    forgiving(4).drain(0, &[0]).finds(&[(Class::LostPostfix, 1)]);
    let hole = forgiving(0).drain_begins(0).read_by(DRAINER, 0, 0).read_by(DRAINER, 2, 2).drain_ends(3);
    hole.finds(&[(Class::LostMiddle, 1), (Class::Skip, 1)]);
    forgiving(0).drain(1, &[1, 2]).finds(&[(Class::LostPrefix, 1)]);
    // Only this partition's.
    let mut other = forgiving(0);
    other.0.last_mut().expect("an event").partition = 1;
    other.drain(0, &[0, 1]).finds(&[(Class::LostPostfix, 1)]);
}

#[test]
fn an_offset_given_again_is_loss_too() {
    let reused = three().acked(3, 2).drain(0, &[0, 1, 3]);
    // At the second ack, and at the read.
    reused.finds(&[(Class::LostMiddle, 1), (Class::InconsistentOffset, 2)]);
}

#[test]
fn the_last_drain_decides() {
    three().drain(0, &[0, 1]).drain(0, &[0, 1, 2]).finds(&[]);
    three().drain(0, &[0, 1, 2]).drain(0, &[0, 1]).finds(&[(Class::LostPostfix, 1), (Class::Vanished, 1)]);
    // One that never ended decides nothing.
    three().drain(0, &[0, 1, 2]).drain_begins(0).read_by(DRAINER, 0, 0).finds(&[]);
    // What was acked after it began is not in it.
    three().drain(0, &[0, 1, 2]).acked(3, 3).finds(&[(Class::Unseen, 1)]);
    three().drain(0, &[0, 1, 2]).acked(3, 3).read(3, 3).finds(&[]);
}

#[test]
fn vanished() {
    let taken_back = three().invoke(3).outcome(3, Phase::Info, None).seek(3).read(3, 3).drain(0, &[0, 1, 2]);
    taken_back.finds(&[(Class::Vanished, 1)]);
}

#[test]
fn duplicate() {
    three().drain(0, &[0, 1, 2, 2]).finds(&[(Class::Duplicate, 1), (Class::OutOfOrder, 1)]);
    // The ack names another place than the log.
    History::default().acked(0, 7).drain(0, &[0]).finds(&[(Class::Duplicate, 1)]);
}

#[test]
fn inconsistent_offset() {
    let two = three().invoke(3).invoke(4).seek(3).read(3, 3).drain(0, &[0, 1, 2, 4]);
    two.finds(&[(Class::Vanished, 1), (Class::InconsistentOffset, 1)]);
}

#[test]
fn phantom() {
    three().drain(0, &[0, 1, 2, 9]).finds(&[(Class::Phantom, 1)]);
    let foreign = three().drain(0, &[0, 1, 2]).seek(3);
    foreign.event(READER, Kind::Read, Phase::Ok, None, Some(3)).finds(&[(Class::Phantom, 1)]);
    // Sent to another partition.
    let mut other = three();
    other.0.iter_mut().for_each(|event| event.partition = 1);
    other.read(0, 0).finds(&[(Class::Phantom, 1), (Class::Unseen, 3)]);
}

#[test]
fn non_monotonic() {
    let back = three().read(0, 0).read(1, 1).read(0, 0).drain(0, &[0, 1, 2]);
    back.finds(&[(Class::NonMonotonic, 1), (Class::OutOfOrder, 1)]);
}

#[test]
fn skip() {
    three().read(0, 0).read(2, 2).drain(0, &[0, 1, 2]).finds(&[(Class::Skip, 1)]);
    // The first record after a seek is the one that was asked for.
    three().seek(0).read(1, 1).drain(0, &[0, 1, 2]).finds(&[(Class::Skip, 1)]);
    // The drain stops before the end that it names.
    let short = three().drain_begins(0).read_by(DRAINER, 0, 0).read_by(DRAINER, 1, 1).drain_ends(3);
    short.finds(&[(Class::LostMiddle, 1), (Class::Skip, 1)]);
}

#[test]
fn out_of_order() {
    let swapped = History::default().invoke(0).invoke(1).drain(0, &[1, 0]);
    swapped.finds(&[(Class::OutOfOrder, 1)]);
}

#[test]
fn unseen() {
    three().finds(&[(Class::Unseen, 3)]);
    three().read(0, 0).finds(&[(Class::Unseen, 2)]);
}

#[test]
fn malformed() {
    History::default().outcome(0, Phase::Ok, Some(0)).finds(&[(Class::Malformed, 1)]);
    History::default().invoke(0).invoke(0).finds(&[(Class::Malformed, 1)]);
    History::default()
        .acked(0, 0)
        .outcome(0, Phase::Fail, None)
        .drain(0, &[0])
        .finds(&[(Class::Malformed, 1)]);
    History::default().invoke(0).outcome(0, Phase::Ok, None).drain(0, &[0]).finds(&[(Class::Malformed, 1)]);
    History::default().drain_ends(0).finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Seek, Phase::Ok, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Read, Phase::Ok, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Commit, Phase::Invoke, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Deliver, Phase::Ok, None, None).finds(&[(Class::Malformed, 1)]);
    History::default()
        .event(READER, Kind::Acknowledge, Phase::Ok, None, None)
        .finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Copy, Phase::Ok, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(READER, Kind::Drain, Phase::Invoke, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(WRITER, Kind::Send, Phase::Invoke, None, None).finds(&[(Class::Malformed, 1)]);
    History::default().event(WRITER, Kind::Forgive, Phase::Ok, None, None).finds(&[(Class::Malformed, 1)]);
}

#[test]
fn counts_and_lag() {
    let report = three().invoke(3).outcome(3, Phase::Fail, None).read(0, 0).drain(0, &[0, 1, 2]).check();
    assert_eq!((report.sent, report.acked, report.failed, report.reads), (4, 3, 1, 4));
    // Value 0 was acked at 1 and read by the follower at 8; the drain's reads are no measure.
    assert_eq!(report.worst_lag_us, 7);
}

#[test]
#[should_panic(expected = "too little happened")]
fn an_empty_run_proves_nothing() {
    History::default().check().assert_ok(1);
}

#[test]
fn lines() {
    let good = three().drain(0, &[0, 1, 2]);
    let text: String = good.0.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(
        text.lines().nth(1).unwrap(),
        r#"{"time":1,"process":1,"op":1,"type":"ok","kind":"send","partition":0,"value":"1-0","offset":0}"#
    );
    assert!(check_lines(text.as_bytes()).unwrap().is_ok());
    let shorter: String =
        text.lines().filter(|line| !line.contains(r#""read""#)).map(|l| l.to_owned() + "\n").collect();
    assert!(!check_lines(shorter.as_bytes()).unwrap().is_ok());
    let error = check_lines(&b"\n{\"time\":1}\n"[..]).unwrap_err();
    assert!(error.to_string().starts_with("line 2: "), "{error}");
}

#[test]
fn values_have_one_spelling() {
    assert_eq!("7-42".parse(), Ok(Value { writer: 7, counter: 42 }));
    for text in ["", "7", "7-", "-7", "7-042", "+7-1", "7-1 ", "7-1-1", "7-4294967296"] {
        assert!(text.parse::<Value>().is_err(), "{text}");
    }
}
