//! What strangers may cost: bounds failed authentications by the address that they come from.
//!
//! The rule, for each source (an IPv4 address, or the /64 of an IPv6 address):
//!
//! * Before a credential is checked at some cost (a signature, a row on disk), [`Failures::admit`] takes
//!   one of the [`FAILED_CHECKS_BURST`] charges of its source. A check that succeeds gives the charge back;
//!   one that fails or is given up does not. [`FAILED_CHECKS_PER_S`] charges come back each second. Without
//!   a charge the credential is refused unseen. So n seconds cost at most `burst + n * rate` checks in vain
//!   for each source, and any number of good ones.
//! * Whoever is refused hears so [`REFUSAL_DELAY_MS`] after the request arrived, whatever the reason was.
//!   At most [`MAX_WAITING_REFUSALS`] of a source wait for that; one more is answered at once, so that a
//!   flood holds nothing.
//!
//! What the caller owes: a credential that is remembered as good is accepted without asking here. So
//! strangers behind the same address hold up nobody who is known already, and those behind other addresses
//! nobody at all. No account is ever locked.
//!
//! A stranger with many addresses has the charges of each. About [`MAX_FAILURE_SOURCES`] sources are
//! remembered; one that is forgotten begins anew.

mod charges;
mod source;

#[cfg(test)]
mod tests;

use super::rejected::Reason;
use charges::Charges;
use levee_types::Clock;
use levee_types::limits::{
    FAILED_CHECKS_BURST, FAILED_CHECKS_PER_S, MAX_FAILURE_SOURCES, MAX_WAITING_REFUSALS, REFUSAL_DELAY_MS,
};
use quick_cache::sync::Cache;
use source::Source;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// From the arrival of a request to its refusal.
const DELAY: Duration = Duration::from_millis(REFUSAL_DELAY_MS);

/// What is known of a source.
struct Account {
    charges: Charges,
    /// Places for refusals that wait.
    waiting: Semaphore,
}

/// Failed authentications by source.
pub struct Failures {
    clock: Arc<dyn Clock>,
    accounts: Cache<Source, Arc<Account>>,
}

/// Whether a credential may be checked.
pub enum Admission {
    /// It may.
    Admitted(Attempt),
    /// Its source failed too often: refuse it unseen, by [`Reason::Throttled`].
    Refused,
}

/// A check that goes on. Dropped, it has failed.
pub struct Attempt {
    account: Arc<Account>,
}

impl Attempt {
    /// The credential was good: the check costs its source nothing.
    pub fn succeeded(self) {
        self.account.charges.give_back();
    }
}

impl Failures {
    /// Nobody failed yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, accounts: Cache::new(MAX_FAILURE_SOURCES) }
    }

    /// Whether a credential from `address`, of which nothing is remembered, may be checked at some cost.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> Admission {
        let account = self.account(address);
        if account.charges.take(self.clock.monotonic()) {
            Admission::Admitted(Attempt { account })
        } else {
            Admission::Refused
        }
    }

    /// Notes that a request from `address` is refused for `reason`, and waits until it may hear so.
    /// `arrived` is the monotonic time of its arrival. Cancel-safe.
    pub async fn refuse(&self, address: IpAddr, arrived: Duration, reason: Reason) {
        metrics::counter!("levee_authentication_failures_total", "reason" => reason.as_str()).increment(1);
        let account = self.account(address);
        let Ok(_place) = account.waiting.try_acquire() else {
            return;
        };
        let elapsed = self.clock.monotonic().saturating_sub(arrived);
        tokio::time::sleep(DELAY.saturating_sub(elapsed)).await;
    }

    fn account(&self, address: IpAddr) -> Arc<Account> {
        let new = || {
            Ok::<_, Infallible>(Arc::new(Account {
                charges: Charges::full(FAILED_CHECKS_BURST, FAILED_CHECKS_PER_S),
                waiting: Semaphore::new(MAX_WAITING_REFUSALS),
            }))
        };
        let Ok(account) = self.accounts.get_or_insert_with(&Source::of(address), new);
        account
    }
}
