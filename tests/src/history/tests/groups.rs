//! Bad histories of groups of consumers.

use super::super::{Class, Event, Kind, Phase};
use super::History;

const GROUP: u32 = 30;
const FIRST: u32 = 31;
const SECOND: u32 = 32;

impl History {
    fn of_member(self, member: u32, kind: Kind, phase: Phase, generation: u64, offset: Option<u64>) -> Self {
        let event = Event::of(member, kind, phase).at(0, offset).of_group(GROUP);
        self.add(Event { generation: Some(generation), ..event })
    }

    fn assigned(self, member: u32, generation: u64, committed: u64) -> Self {
        self.of_member(member, Kind::Assign, Phase::Ok, generation, (committed > 0).then_some(committed))
    }

    fn released(self, member: u32) -> Self {
        self.add(Event::of(member, Kind::Release, Phase::Ok).of_group(GROUP))
    }

    fn processed(self, member: u32, offsets: std::ops::Range<u64>) -> Self {
        offsets.fold(self, |all, offset| {
            all.add(Event::of(member, Kind::Process, Phase::Ok).at(0, offset).of_group(GROUP))
        })
    }

    fn commits(self, member: u32, generation: u64, offset: u64, outcome: Phase) -> Self {
        self.of_member(member, Kind::Commit, Phase::Invoke, generation, Some(offset)).of_member(
            member,
            Kind::Commit,
            outcome,
            generation,
            Some(offset),
        )
    }

    /// Somebody asks while this happens, and is told that so much is committed.
    fn fetched(self, meanwhile: impl FnOnce(Self) -> Self, offset: u64) -> Self {
        let op = self.0.len() as u64;
        let fetch = |phase| Event::of(1, Kind::Fetch, phase).of_group(GROUP);
        let mut history = meanwhile(self.add(fetch(Phase::Invoke))).add(fetch(Phase::Ok).at(0, offset));
        if let Some(last) = history.0.last_mut() {
            last.op = op;
        }
        history
    }
}

/// A member that has committed 3, and is still there.
fn three() -> History {
    History::default().assigned(FIRST, 1, 0).processed(FIRST, 0..4).commits(FIRST, 1, 3, Phase::Ok)
}

#[test]
fn good() {
    three().fetched(|all| all, 3).released(FIRST).assigned(SECOND, 2, 3).finds(&[]);
    // What is committed while somebody asks may be told or not.
    let commits = |all: History| all.commits(FIRST, 1, 4, Phase::Ok);
    three().fetched(commits, 3).finds(&[]);
    three().fetched(commits, 4).finds(&[]);
    // A commit of which nobody knows.
    let unknown = three().commits(FIRST, 1, 4, Phase::Info).released(FIRST);
    unknown.clone().assigned(SECOND, 2, 3).finds(&[]);
    unknown.assigned(SECOND, 2, 4).finds(&[]);
    // Processed again, and a lower commit that changes nothing.
    three().processed(FIRST, 0..4).commits(FIRST, 1, 1, Phase::Ok).fetched(|all| all, 3).finds(&[]);
    // Somebody hears late of what it had once.
    let late = History::default().assigned(SECOND, 2, 0).processed(SECOND, 0..3);
    let late = late.commits(SECOND, 2, 3, Phase::Ok);
    late.of_member(FIRST, Kind::Assign, Phase::Info, 1, None).finds(&[]);
}

#[test]
fn commit_regress() {
    three().fetched(|all| all, 2).finds(&[(Class::CommitRegress, 1)]);
    three().released(FIRST).assigned(SECOND, 2, 2).finds(&[(Class::CommitRegress, 1)]);
    // Told once, told for ever.
    let unknown = three().commits(FIRST, 1, 4, Phase::Info).fetched(|all| all, 4);
    unknown.fetched(|all| all, 3).finds(&[(Class::CommitRegress, 1)]);
}

#[test]
fn a_commit_of_who_has_lost_the_partition() {
    let zombie = three().released(FIRST).assigned(SECOND, 2, 3).commits(FIRST, 1, 4, Phase::Ok);
    zombie.finds(&[(Class::CommitRegress, 1)]);
}

#[test]
fn commit_unmade() {
    three().fetched(|all| all, 4).finds(&[(Class::CommitUnmade, 1)]);
    three().released(FIRST).assigned(SECOND, 2, 5).finds(&[(Class::CommitUnmade, 1)]);
}

#[test]
fn two_owners() {
    three().assigned(SECOND, 2, 3).finds(&[(Class::TwoOwners, 1)]);
    // In one generation, whatever they know.
    three().released(FIRST).assigned(SECOND, 1, 3).finds(&[(Class::TwoOwners, 1)]);
    // One that stands still may lose it without knowing; so may all when the broker dies.
    let unknowing = three().add(Event::of(FIRST, Kind::Release, Phase::Info).of_group(GROUP));
    unknowing.assigned(SECOND, 2, 3).finds(&[]);
    three().add(Event::of(0, Kind::Release, Phase::Info)).assigned(SECOND, 2, 3).finds(&[]);
}

#[test]
fn unprocessed() {
    three().commits(FIRST, 1, 5, Phase::Fail).finds(&[(Class::Unprocessed, 1)]);
    // The records between were never handed out.
    let passed_over = three().released(FIRST).assigned(SECOND, 2, 3).processed(SECOND, 5..9);
    passed_over.commits(SECOND, 2, 9, Phase::Ok).finds(&[(Class::Unprocessed, 1)]);
    // Together they have.
    three().processed(SECOND, 4..9).commits(FIRST, 1, 9, Phase::Ok).finds(&[]);
}

#[test]
fn counts() {
    let report = three().check();
    assert_eq!((report.commits, report.processed), (1, 4));
}
