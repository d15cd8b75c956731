use super::{Condition, Readiness};
use levee_storage::ShardState;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_check_response::ServingStatus;

fn readiness() -> (watch::Sender<ShardState>, CancellationToken, Readiness) {
    let (sender, state) = watch::channel(ShardState::Serving);
    let drain = CancellationToken::new();
    (sender, drain.clone(), Readiness::new(state, drain))
}

#[test]
fn it_serves_only_when_nothing_is_wrong() {
    let (state, drain, readiness) = readiness();
    assert_eq!(readiness.now(), Condition::Serving);
    assert_eq!(readiness.now().to_grpc(), ServingStatus::Serving);
    state.send_replace(ShardState::Full);
    assert_eq!(readiness.now(), Condition::Full);
    drain.cancel();
    assert_eq!(readiness.now(), Condition::Draining);
    state.send_replace(ShardState::Failed);
    assert_eq!(readiness.now(), Condition::Failed);
    for condition in [Condition::Full, Condition::Draining, Condition::Failed] {
        assert_eq!(condition.to_grpc(), ServingStatus::NotServing);
    }
}

#[tokio::test]
async fn changes_are_told_at_once() {
    let (state, drain, mut readiness) = readiness();
    {
        let mut change = pin!(readiness.changed(Condition::Serving));
        assert_eq!(change.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        state.send_replace(ShardState::Full);
        assert_eq!(change.await, Condition::Full);
    }
    drain.cancel();
    assert_eq!(readiness.changed(Condition::Full).await, Condition::Draining);
    state.send_replace(ShardState::Failed);
    readiness.failed().await;
}
