//! What tenants used, hour by hour.

use super::Harness;
use crate::catalog::usage::ServiceUse;
use crate::usage::begin_of;
use levee_types::limits::MAX_USAGE_HOURS;
use std::sync::atomic::Ordering;

#[test]
fn hours_that_are_not_kept_count_for_none_that_is() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let at = |hour| harness.clock.0.store(begin_of(hour) + 1, Ordering::Relaxed);
    let requests = || {
        let used = ServiceUse { requests: 1, ..ServiceUse::default() };
        harness.wait(harness.shard.use_service(vec![(tenant, used)])).unwrap();
    };
    let last = 11 + MAX_USAGE_HOURS + 2;
    for (hour, text) in [(10, "abc"), (11, "de"), (last, "f")] {
        at(hour);
        harness.append(p, text, None).unwrap();
        requests();
    }
    let hours = harness.shard.hourly_use(tenant, 0, last + 1, begin_of(last) + 2).unwrap();
    let sum = |of: fn(&crate::catalog::usage::HourlyUse) -> u64| hours.values().map(of).sum::<u64>();
    assert_eq!(sum(|hour| hour.bytes_in), 1, "and not what was appended before");
    assert_eq!(sum(|hour| hour.service.requests), 1);
    assert_eq!(hours.keys().next(), Some(&(last - MAX_USAGE_HOURS)));
    assert_eq!(hours[&(last - 1)].stored_bytes, 5, "but what is stored since then is known");
}
