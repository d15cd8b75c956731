use super::{Counters, Recent, TenantUse};
use levee_storage::ServiceUse;

#[test]
fn what_is_taken_is_taken_once_and_stays_counted() {
    let used = TenantUse::default();
    used.sent(100, 2);
    used.requested();
    used.appended(7, 1);
    let first = ServiceUse { bytes_out: 100, records_out: 2, requests: 1, peak_connections: 0 };
    assert_eq!(used.take(), Some(first));
    assert_eq!(used.take(), None);
    used.requested();
    used.connected();
    used.disconnected();
    let second = ServiceUse { requests: 1, peak_connections: 1, ..ServiceUse::default() };
    assert_eq!(used.take(), Some(second));
    let all = Counters {
        bytes_in: 7,
        records_in: 1,
        bytes_out: 100,
        records_out: 2,
        requests: 2,
        ..Default::default()
    };
    assert_eq!(used.counters(), all);
}

#[test]
fn what_is_put_back_is_taken_again_and_counted_once() {
    let used = TenantUse::default();
    used.sent(100, 2);
    used.connected();
    let taken = used.take().unwrap();
    used.requested();
    used.put_back(taken);
    let again = ServiceUse { bytes_out: 100, records_out: 2, requests: 1, peak_connections: 1 };
    assert_eq!(used.take(), Some(again));
    assert_eq!(used.counters().bytes_out, 100);
}

#[test]
fn what_was_used_fades_and_little_is_more_than_nothing() {
    let recent = Recent::default();
    let mut now = Counters::default();
    for _ in 0..40 {
        now.bytes_in += 1_000;
        now.requests += 1;
        recent.sample(now);
    }
    let busy = recent.weighted();
    assert!((3_900..=4_000).contains(&busy.bytes_in), "{busy:?}");
    assert_eq!(busy.requests, 1);
    now.bytes_out += 1;
    recent.sample(now);
    assert!(recent.weighted().bytes_in < busy.bytes_in, "the past weighs less");
    for _ in 0..40 {
        recent.sample(now);
    }
    assert_eq!(recent.weighted(), Counters::default());
}
