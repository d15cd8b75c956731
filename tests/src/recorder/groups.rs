//! What members of groups do.

use super::{Outcome, Recorder};
use crate::history::{Event, Kind, Phase};
use std::sync::atomic::Ordering;

/// A broker has fewer generations than this many bits count.
const DEATHS_SHIFT: u32 = 40;

/// A member's time with a partition, as it goes into the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The member's number as a process.
    pub member: u32,
    /// The group's number as a process.
    pub group: u32,
    /// What the history calls the partition.
    pub partition: u32,
    /// Where it stands among all of the run, over restarts of the broker; `None` where the client does not tell.
    pub generation: Option<u64>,
}

impl Tenure {
    fn event(self, kind: Kind, phase: Phase, offset: Option<u64>) -> Event {
        let event = Event::of(self.member, kind, phase).at(self.partition, offset).of_group(self.group);
        Event { generation: self.generation, ..event }
    }
}

/// A commit that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    op: u64,
    tenure: Tenure,
    offset: u64,
}

/// A question for committed offsets that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Fetch {
    op: u64,
    group: u32,
    partition: u32,
}

impl Recorder {
    /// How many brokers have died so far. Asked for before a connection is made and again when it has answered: the
    /// same number twice is that of the broker that answered.
    pub fn deaths(&self) -> u32 {
        self.deaths.load(Ordering::SeqCst)
    }

    /// A place among all generations of the run.
    #[must_use]
    pub fn generation(&self, deaths: u32, generation: u64) -> u64 {
        (u64::from(deaths) << DEATHS_SHIFT) | generation
    }

    /// The broker is dead: members have lost what they have without knowing it. To be told after its end, and before
    /// the next one starts.
    pub fn died(&self) {
        self.deaths.fetch_add(1, Ordering::SeqCst);
        self.add(Event::of(0, Kind::Release, Phase::Info));
    }

    /// A member got a partition, of which so much is committed. `is_sure`: nobody else can have it by now. What a broker
    /// said that is dead by now counts for nothing, and is not written down.
    pub fn assigned(&self, tenure: Tenure, committed: Option<u64>, is_sure: bool) {
        let mut inner = self.lock();
        let is_of = |generation| generation >> DEATHS_SHIFT == u64::from(self.deaths());
        if tenure.generation.is_none_or(is_of) {
            let phase = if is_sure { Phase::Ok } else { Phase::Info };
            self.add_to(&mut inner, tenure.event(Kind::Assign, phase, committed));
        }
    }

    /// A member is about to let go of a partition.
    pub fn released(&self, tenure: Tenure) {
        self.add(tenure.event(Kind::Release, Phase::Ok, None));
    }

    /// From now on, somebody else may get the partition without the member knowing.
    pub fn unwatched(&self, tenure: Tenure) {
        self.add(tenure.event(Kind::Release, Phase::Info, None));
    }

    /// A member has processed a record.
    pub fn processed(&self, tenure: Tenure, offset: u64) {
        self.add(tenure.event(Kind::Process, Phase::Ok, Some(offset)));
    }

    /// A member is about to commit.
    pub fn commit(&self, tenure: Tenure, offset: u64) -> Commit {
        let op = self.add(tenure.event(Kind::Commit, Phase::Invoke, Some(offset)));
        Commit { op, tenure, offset }
    }

    /// The end of a commit; the offset of its outcome is of no matter.
    pub fn committed(&self, commit: Commit, outcome: Outcome) {
        let Commit { op, tenure, offset } = commit;
        self.add(Event { op, ..tenure.event(Kind::Commit, outcome.phase(), Some(offset)) });
    }

    /// Somebody is about to ask what a group has committed.
    pub fn fetch(&self, group: u32, partition: u32) -> Fetch {
        let op = self.add(Event::of(0, Kind::Fetch, Phase::Invoke).at(partition, None).of_group(group));
        Fetch { op, group, partition }
    }

    /// It was told this.
    pub fn fetched(&self, fetch: Fetch, committed: Option<u64>) {
        let Fetch { op, group, partition } = fetch;
        self.add(Event {
            op,
            ..Event::of(0, Kind::Fetch, Phase::Ok).at(partition, committed).of_group(group)
        });
    }
}
