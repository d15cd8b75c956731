//! Rates out of running counters.
//!
//! Must hold: a rate is of what one run of the server counted for one thing; where that cannot be told there is none.

use std::collections::HashMap;

/// What a tenant or a topic used: running counters, or what they grew by in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) bytes_in: u64,
    pub(super) records_in: u64,
    pub(super) bytes_out: u64,
    pub(super) records_out: u64,
    pub(super) requests: u64,
    pub(super) throttled_ms: u64,
}

/// When the server read counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Time {
    /// Another one after each restart.
    pub(super) run_id: u64,
    pub(super) monotonic_ms: u64,
}

/// Counters at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) time: Time,
    pub(super) amounts: Amounts,
}

impl Amounts {
    /// What was used since `before`; none if a counter went back, because it is another thing's of the same name.
    fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            bytes_in: self.bytes_in.checked_sub(before.bytes_in)?,
            records_in: self.records_in.checked_sub(before.records_in)?,
            bytes_out: self.bytes_out.checked_sub(before.bytes_out)?,
            records_out: self.records_out.checked_sub(before.records_out)?,
            requests: self.requests.checked_sub(before.requests)?,
            throttled_ms: self.throttled_ms.checked_sub(before.throttled_ms)?,
        })
    }

    fn per_second(self, elapsed_ms: u64) -> Self {
        let rate = |amount| per_second(amount, elapsed_ms);
        Self {
            bytes_in: rate(self.bytes_in),
            records_in: rate(self.records_in),
            bytes_out: rate(self.bytes_out),
            records_out: rate(self.records_out),
            requests: rate(self.requests),
            throttled_ms: rate(self.throttled_ms),
        }
    }
}

/// To the nearest whole number.
fn per_second(amount: u64, elapsed_ms: u64) -> u64 {
    let elapsed = u128::from(elapsed_ms.max(1));
    let rate = (u128::from(amount) * 1_000 + elapsed / 2) / elapsed;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// What was used in each second between two times; none if that cannot be told.
fn rates(before: &Counted, now: &Counted) -> Option<Amounts> {
    if before.time.run_id != now.time.run_id {
        return None;
    }
    let elapsed_ms = now.time.monotonic_ms.checked_sub(before.time.monotonic_ms).filter(|ms| *ms > 0)?;
    Some(now.amounts.since(&before.amounts)?.per_second(elapsed_ms))
}

/// Remembers the counters of the last look.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: HashMap<String, Counted>,
}

impl Meter {
    /// The rates of each line, in the order of the lines; none for what was not seen before.
    pub(super) fn measure<'a>(
        &mut self,
        lines: impl IntoIterator<Item = (&'a str, Counted)>,
    ) -> Vec<Option<Amounts>> {
        let mut next = HashMap::new();
        let measured = lines.into_iter().map(|(name, now)| {
            let before = self.last.get(name);
            next.insert(name.to_owned(), now);
            before.and_then(|before| rates(before, &now))
        });
        let measured = measured.collect();
        self.last = next;
        measured
    }
}

#[cfg(test)]
mod tests;
