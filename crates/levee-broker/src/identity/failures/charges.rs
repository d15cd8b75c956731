//! A number of charges that come back with time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Charges of one source. What is kept is the moment at which all of them are back ("virtual scheduling",
/// as in ITU-T I.371): each one that is taken moves it on by the time that one needs.
pub(super) struct Charges {
    /// In nanoseconds of the monotonic clock.
    all_back_at: AtomicU64,
    /// In which one charge comes back.
    each_ns: u64,
    burst: u32,
}

impl Charges {
    /// `burst` charges, of which `per_s` come back each second.
    pub(super) fn full(burst: u32, per_s: u32) -> Self {
        let each_ns = 1_000_000_000 / u64::from(per_s);
        Self { all_back_at: AtomicU64::new(0), each_ns, burst }
    }

    /// Takes a charge; `false` if there is none at `now`.
    pub(super) fn take(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let latest = now.saturating_add(self.each_ns * u64::from(self.burst));
        let taken = |all_back_at: u64| {
            let next = all_back_at.max(now).saturating_add(self.each_ns);
            (next <= latest).then_some(next)
        };
        self.all_back_at.try_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Puts a charge back that was taken.
    pub(super) fn give_back(&self) {
        // A moment that is past already counts as now.
        let given = |all_back_at: u64| all_back_at.saturating_sub(self.each_ns);
        self.all_back_at.update(Ordering::Relaxed, Ordering::Relaxed, given);
    }
}

#[cfg(test)]
mod tests {
    use super::Charges;
    use std::time::Duration;

    fn take_all(charges: &Charges, now: Duration) -> usize {
        (0..1_000).take_while(|_| charges.take(now)).count()
    }

    #[test]
    fn as_many_as_the_burst_and_then_as_many_as_come_back() {
        let charges = Charges::full(5, 2);
        let start = Duration::from_secs(1_000);
        assert_eq!(take_all(&charges, start), 5);
        assert_eq!(take_all(&charges, start + Duration::from_millis(499)), 0);
        assert_eq!(take_all(&charges, start + Duration::from_millis(500)), 1);
        assert_eq!(take_all(&charges, start + Duration::from_secs(2)), 3);
        assert_eq!(take_all(&charges, start + Duration::from_secs(3_600)), 5, "more than the burst");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let charges = Charges::full(5, 2);
        let now = Duration::from_secs(1_000);
        assert_eq!(take_all(&charges, now), 5);
        charges.give_back();
        charges.give_back();
        assert_eq!(take_all(&charges, now), 2);
    }

    #[test]
    fn at_the_very_start_of_the_clock() {
        let charges = Charges::full(5, 2);
        assert_eq!(take_all(&charges, Duration::ZERO), 5);
    }
}
