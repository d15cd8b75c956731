use super::{Extension, Fate, Ledger};
use crate::error::Error;
use levee_proto::v1;
use levee_types::ErrorCode;
use std::time::Duration;
use tokio::sync::oneshot;

type Outcome = oneshot::Receiver<Result<(), Error>>;

fn settle(ledger: &mut Ledger, delivery_id: u64, fate: Fate) -> Outcome {
    let (reply, outcome) = oneshot::channel();
    ledger.settle(delivery_id, fate, Some(reply));
    outcome
}

fn answered(ledger: &mut Ledger, failed: &[u64]) -> u32 {
    let failure = |delivery_id: &u64| v1::SettleFailure {
        delivery_id: *delivery_id,
        error: Some(v1::ErrorDetail { code: ErrorCode::LeaseExpired as i32, ..v1::ErrorDetail::default() }),
    };
    ledger.answered(v1::WorkSettled { failures: failed.iter().map(failure).collect() }).unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn what_comes_together_is_told_together_and_gives_its_credit_back_when_it_is_answered() {
    let mut ledger = Ledger::new(None);
    let mut acked = settle(&mut ledger, 1, Fate::Acknowledge);
    let mut rejected = settle(&mut ledger, 2, Fate::Reject { delay_ms: 5 });
    let mut dead = settle(&mut ledger, 3, Fate::Dead { reason: "bad".to_owned() });
    let mut extended = settle(&mut ledger, 4, Fate::Extend { lease_ms: 9 });
    let message = ledger.next().unwrap();
    assert_eq!(message.acknowledge, [1]);
    let reject = |delivery_id, delay_ms, dead, reason: &str| v1::WorkReject {
        delivery_id,
        delay_ms,
        dead,
        reason: reason.to_owned(),
    };
    assert_eq!(message.reject, [reject(2, 5, false, ""), reject(3, 0, true, "bad")]);
    assert_eq!(message.extend, [v1::WorkExtend { delivery_id: 4, lease_ms: 9 }]);
    assert!(ledger.next().is_none() && ledger.is_settling());
    assert!(acked.try_recv().is_err());
    // Also one that came too late does; an extension does not.
    assert_eq!(answered(&mut ledger, &[2]), 3);
    assert_eq!(
        (acked.try_recv(), dead.try_recv(), extended.try_recv()),
        (Ok(Ok(())), Ok(Ok(())), Ok(Ok(())))
    );
    assert_eq!(rejected.try_recv().unwrap().unwrap_err().code(), Some(ErrorCode::LeaseExpired));
    assert!(!ledger.is_settling());
}

#[test]
fn one_message_says_one_thing_of_a_record() {
    let mut ledger = Ledger::new(None);
    let mut extended = settle(&mut ledger, 1, Fate::Extend { lease_ms: 9 });
    let mut acked = settle(&mut ledger, 1, Fate::Acknowledge);
    assert_eq!(ledger.next().unwrap().acknowledge, []);
    assert_eq!(ledger.next().unwrap().acknowledge, [1]);
    assert_eq!(answered(&mut ledger, &[1]), 0);
    assert_eq!(answered(&mut ledger, &[]), 1);
    assert!(extended.try_recv().unwrap().is_err());
    assert_eq!(acked.try_recv().unwrap(), Ok(()));
}

#[test]
fn messages_are_few_and_limited() {
    let mut ledger = Ledger::new(None);
    for delivery_id in 0..1500 {
        ledger.settle(delivery_id, Fate::Acknowledge, None);
    }
    let mut sizes = Vec::new();
    while let Some(message) = ledger.next() {
        sizes.push(message.acknowledge.len());
        ledger.settle(2000 + sizes.len() as u64, Fate::Acknowledge, None);
    }
    assert_eq!(sizes, [1000, 501, 1, 1]);
    assert_eq!(answered(&mut ledger, &[]), 1000);
    assert_eq!(ledger.next().unwrap().acknowledge, [2004]);
}

#[test]
fn leases_are_extended_for_a_time() {
    let mut ledger = Ledger::new(Some(Extension { lease_ms: 30_000, until: secs(40) }));
    ledger.delivered(1, secs(0));
    ledger.delivered(2, secs(10));
    assert_eq!(ledger.extend_at(), Some(secs(15)));
    ledger.tick(secs(14));
    assert!(ledger.next().is_none());
    ledger.tick(secs(15));
    assert_eq!(ledger.next().unwrap().extend, [v1::WorkExtend { delivery_id: 1, lease_ms: 30_000 }]);
    assert_eq!(answered(&mut ledger, &[]), 0);
    // What is settled is not extended.
    ledger.settle(2, Fate::Acknowledge, None);
    ledger.next();
    assert_eq!(ledger.extend_at(), Some(secs(30)));
    ledger.tick(secs(30));
    assert_eq!(ledger.next().unwrap().extend.len(), 1);
    // It took too long.
    ledger.tick(secs(45));
    assert!(ledger.next().is_none());
    assert_eq!(ledger.extend_at(), None);
}

#[test]
fn a_lost_stream_takes_all_leases_with_it() {
    let mut ledger = Ledger::new(Some(Extension { lease_ms: 30_000, until: secs(40) }));
    ledger.delivered(1, secs(0));
    let mut sent = settle(&mut ledger, 2, Fate::Acknowledge);
    ledger.next();
    let mut queued = settle(&mut ledger, 3, Fate::Acknowledge);
    ledger.lost(&Error::connection("gone"));
    assert!(sent.try_recv().unwrap().unwrap_err().is_outcome_unknown());
    assert_eq!(queued.try_recv().unwrap().unwrap_err().code(), Some(ErrorCode::LeaseExpired));
    assert!(ledger.next().is_none() && !ledger.is_settling() && ledger.extend_at().is_none());
    assert!(ledger.answered(v1::WorkSettled::default()).is_err());
}
