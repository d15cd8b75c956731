//! What the checker found.

use std::collections::BTreeMap;
use std::fmt;

/// Examples that are kept of each class; all are counted.
const EXAMPLES: usize = 6;

/// A way in which a history breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Acked, and gone from the beginning of the log.
    LostPrefix,
    /// Acked, and gone from between records that are still there.
    LostMiddle,
    /// Acked, and gone from the end of the log.
    LostPostfix,
    /// Read by somebody, and gone afterwards.
    Vanished,
    /// One value at two offsets.
    Duplicate,
    /// One offset with two values.
    InconsistentOffset,
    /// Read, though its send certainly failed.
    AbortedRead,
    /// Read, though nobody sent it there, or its bytes are not what was sent.
    Phantom,
    /// A reader went back without asking to.
    NonMonotonic,
    /// A reader passed over an offset.
    Skip,
    /// Two values of one writer appear in another order than they were sent in.
    OutOfOrder,
    /// A committed position went back, or a commit that was answered is not there.
    CommitRegress,
    /// A group is said to have committed what nobody committed.
    CommitUnmade,
    /// Two members had a partition at once.
    TwoOwners,
    /// A position was committed though nobody had processed a record before it.
    Unprocessed,
    /// Read before its transaction was asked to be committed.
    DirtyRead,
    /// Part of a transaction is there, and part of it is not.
    Torn,
    /// A record has no copy.
    NotCopied,
    /// A record has two copies, or what is no record has one.
    CopiedTwice,
    /// An append got another offset than the one that it expected.
    WrongPlace,
    /// An append was refused with an end of the log that it cannot have had.
    WrongEnd,
    /// A record of a queue was handed out, or was dead, after its acknowledgement had been answered.
    Redelivered,
    /// A queue says that everything is done, and a record was neither acknowledged nor dead.
    NotDone,
    /// A record of a queue is twice among the dead letters.
    DeadTwice,
    /// Acked, never read, and no drain tells whether it is there.
    Unseen,
    /// The history itself is wrong: a defect of the harness.
    Malformed,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 26] = [
        Self::LostPrefix,
        Self::LostMiddle,
        Self::LostPostfix,
        Self::Vanished,
        Self::Duplicate,
        Self::InconsistentOffset,
        Self::AbortedRead,
        Self::Phantom,
        Self::NonMonotonic,
        Self::Skip,
        Self::OutOfOrder,
        Self::CommitRegress,
        Self::CommitUnmade,
        Self::TwoOwners,
        Self::Unprocessed,
        Self::DirtyRead,
        Self::Torn,
        Self::NotCopied,
        Self::CopiedTwice,
        Self::WrongPlace,
        Self::WrongEnd,
        Self::Redelivered,
        Self::NotDone,
        Self::DeadTwice,
        Self::Unseen,
        Self::Malformed,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::LostPrefix => "lost (prefix)",
            Self::LostMiddle => "lost (middle)",
            Self::LostPostfix => "lost (postfix)",
            Self::Vanished => "vanished",
            Self::Duplicate => "duplicate",
            Self::InconsistentOffset => "inconsistent offset",
            Self::AbortedRead => "aborted read",
            Self::Phantom => "phantom",
            Self::NonMonotonic => "non-monotonic",
            Self::Skip => "skip",
            Self::OutOfOrder => "out of order",
            Self::CommitRegress => "commit regress",
            Self::CommitUnmade => "commit unmade",
            Self::TwoOwners => "two owners",
            Self::Unprocessed => "unprocessed",
            Self::DirtyRead => "dirty read",
            Self::Torn => "torn transaction",
            Self::NotCopied => "not copied",
            Self::CopiedTwice => "copied twice",
            Self::WrongPlace => "wrong place",
            Self::WrongEnd => "wrong end",
            Self::Redelivered => "redelivered",
            Self::NotDone => "not done",
            Self::DeadTwice => "dead twice",
            Self::Unseen => "unseen",
            Self::Malformed => "malformed",
        }
    }
}

/// The verdict on a history.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Values that were sent.
    pub sent: u64,
    /// Of these: acked.
    pub acked: u64,
    /// Of these: certainly failed.
    pub failed: u64,
    /// Reads of single records, by all readers.
    pub reads: u64,
    /// Commits of groups that were answered.
    pub commits: u64,
    /// Records that members of groups processed, again and again included.
    pub processed: u64,
    /// Records that queues handed out.
    pub delivered: u64,
    /// Acked values that are gone, and might be: see [`super::Kind::Forgive`].
    pub forgiven: u64,
    /// The longest time from an ack to the first read of the value, in microseconds.
    pub worst_lag_us: u64,
    found: BTreeMap<Class, (u64, Vec<String>)>,
}

impl Report {
    pub(super) fn add(&mut self, class: Class, what: impl FnOnce() -> String) {
        let (count, examples) = self.found.entry(class).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(what());
        }
    }

    /// How often a promise was broken in this way.
    #[must_use]
    pub fn count(&self, class: Class) -> u64 {
        self.found.get(&class).map_or(0, |(count, _)| *count)
    }

    /// Acked records that are gone.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.count(Class::LostPrefix) + self.count(Class::LostMiddle) + self.count(Class::LostPostfix)
    }

    /// Every promise was kept.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.found.is_empty()
    }

    /// Fails the test that asks unless every promise was kept and at least `acked` records were acked: a run
    /// in which nothing happened proves nothing.
    ///
    /// # Panics
    /// With the whole report.
    pub fn assert_ok(&self, acked: u64) {
        assert!(self.is_ok(), "the history breaks promises:\n{self}");
        assert!(self.acked >= acked, "too little happened to judge, {acked} acks expected:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, acked, failed, reads, commits, processed, delivered, .. } = self;
        let Self { forgiven, worst_lag_us, found, .. } = self;
        let unknown = sent - acked - failed;
        writeln!(f, "sent {sent}  acked {acked}  failed {failed}  unknown {unknown}  reads {reads}")?;
        writeln!(f, "commits {commits}  processed {processed}  delivered {delivered}")?;
        writeln!(f, "lost {}  forgiven {forgiven}  worst lag {} ms", self.lost(), worst_lag_us / 1000)?;
        if found.is_empty() {
            return writeln!(f, "every promise was kept");
        }
        for (class, (count, examples)) in found {
            writeln!(f, "{:<20} {count:>8}  e.g. {}", class.name(), examples.join("; "))?;
        }
        Ok(())
    }
}
