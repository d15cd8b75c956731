//! Telling how far something has come, until it is done.

use crate::authorize::{OnNode, Permit};
use crate::error::status;
use crate::transport::connection::draining;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use levee_types::LeveeError;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Between two messages.
const INTERVAL: Duration = Duration::from_secs(1);

struct Telling<T> {
    permit: Permit<OnNode>,
    retire: CancellationToken,
    work: BoxFuture<'static, Result<T, LeveeError>>,
    ticks: Interval,
}

/// A message each second, and one with the result. It ends early when the caller may not any more, or the connection is
/// to go.
pub(super) fn told<T: Send + 'static, M: Send + 'static>(
    permit: Permit<OnNode>,
    retire: CancellationToken,
    work: BoxFuture<'static, Result<T, LeveeError>>,
    message: impl Fn(Option<T>) -> M + Send + 'static,
) -> BoxStream<'static, Result<M, Status>> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let telling = Telling { permit, retire, work, ticks };
    stream::unfold((Some(telling), message), |(telling, message)| async move {
        let mut telling = telling?;
        match telling.step().await {
            Ok(None) => {
                let told = message(None);
                Some((Ok(told), (Some(telling), message)))
            }
            Ok(Some(result)) => {
                let told = message(Some(result));
                Some((Ok(told), (None, message)))
            }
            Err(error) => Some((Err(status(&error)), (None, message))),
        }
    })
    .boxed()
}

impl<T> Telling<T> {
    async fn step(&mut self) -> Result<Option<T>, LeveeError> {
        tokio::select! {
            biased;
            () = self.retire.cancelled() => Err(draining()),
            result = &mut self.work => result.map(Some),
            _ = self.ticks.tick() => {
                self.permit = self.permit.renew()?;
                Ok(None)
            }
        }
    }
}
