//! When the keys of an issuer are looked at: regularly, sooner after a failure, and when somebody asks.
//!
//! Must hold: however many ask, looks do not begin closer than [`Pace::gap`] after each other.

use std::time::Duration;

/// How often keys are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// After a look that succeeded.
    pub(super) regular: Duration,
    /// After one that failed; and at least this long after any, when somebody asks.
    pub(super) gap: Duration,
}

impl Pace {
    /// For a file.
    pub(super) const OF_FILES: Self = Self { regular: Duration::from_secs(5), gap: Duration::from_secs(5) };
    /// For an address.
    pub(super) const OF_URLS: Self = Self { regular: Duration::from_secs(300), gap: Duration::from_secs(30) };
}

/// The looks at the keys of one issuer. Times are those of the monotonic clock.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// When the last look began.
    began: Option<Duration>,
    has_failed: bool,
    is_looking: bool,
    is_asked: bool,
}

impl Schedule {
    /// Nobody looked yet.
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, began: None, has_failed: false, is_looking: false, is_asked: false }
    }

    /// How long until a look is due, if nobody asks.
    pub(super) fn due_in(&self, now: Duration) -> Duration {
        let wait = if self.has_failed { self.pace.gap } else { self.pace.regular };
        self.began.map_or(Duration::ZERO, |began| (began + wait).saturating_sub(now))
    }

    /// Asks for a look: `true` if one goes on, or is about to.
    pub(super) fn ask(&mut self, now: Duration) -> bool {
        let may_begin = self.began.is_none_or(|began| began + self.pace.gap <= now);
        self.is_asked |= may_begin && !self.is_looking;
        self.is_asked || self.is_looking
    }

    /// Begins a look if it is time for one.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        if !self.is_asked && !self.due_in(now).is_zero() {
            return false;
        }
        self.began = Some(now);
        self.is_asked = false;
        self.is_looking = true;
        true
    }

    /// Ends the look; gives whether the one before had failed.
    pub(super) fn end(&mut self, has_failed: bool) -> bool {
        self.is_looking = false;
        std::mem::replace(&mut self.has_failed, has_failed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Schedule};
    use std::time::Duration;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_look_is_due_at_once_and_the_next_in_its_time() {
        let mut schedule = Schedule::new(Pace::OF_URLS);
        assert_eq!(schedule.due_in(s(7)), s(0));
        assert!(schedule.begin(s(7)));
        assert!(!schedule.end(false));
        assert_eq!(schedule.due_in(s(7)), s(300));
        assert!(!schedule.begin(s(306)));
        assert!(schedule.begin(s(307)));
    }

    #[test]
    fn a_look_that_failed_is_repeated_sooner() {
        let mut schedule = Schedule::new(Pace::OF_URLS);
        assert!(schedule.begin(s(0)));
        assert!(!schedule.end(true));
        assert_eq!(schedule.due_in(s(10)), s(20));
        assert!(schedule.begin(s(30)));
        assert!(schedule.end(false), "it forgot that it had failed");
        assert_eq!(schedule.due_in(s(30)), s(300));
    }

    #[test]
    fn many_who_ask_get_one_look() {
        let mut schedule = Schedule::new(Pace::OF_URLS);
        assert!(schedule.begin(s(0)));
        assert!(schedule.ask(s(1)), "the look that goes on is as good");
        schedule.end(false);
        assert!(!schedule.begin(s(1)), "it was asked for while it went on");
        assert!(!schedule.ask(s(29)));
        assert!(schedule.ask(s(30)) && schedule.ask(s(30)));
        assert!(schedule.begin(s(30)));
        schedule.end(false);
        assert!(!schedule.begin(s(30)));
        assert!(!schedule.ask(s(59)));
        assert!(schedule.ask(s(60)));
    }
}
