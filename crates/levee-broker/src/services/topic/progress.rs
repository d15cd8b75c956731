//! Something long that is told of while it goes on: a message for each step that the client is quick enough for, and
//! one at the end.

use crate::authorize::{Doubts, InTenant, Permit};
use crate::error::status;
use crate::services::opening::{Body, Retire, into_messages};
use crate::transport::connection::draining;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use levee_storage::Topic;
use levee_types::LeveeError;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// What goes on, seen by who asked for it.
pub(super) struct Progress<M> {
    permit: Permit<InTenant>,
    topic: Arc<Topic>,
    doubts: Doubts,
    retire: Retire,
    steps: watch::Receiver<M>,
    /// None: it is over.
    work: Option<BoxFuture<'static, Result<M, LeveeError>>>,
}

impl<M: Clone + Send + Sync + 'static> Progress<M> {
    /// Tells of `work`, which gives the last message, and writes the others to the sender of `steps`.
    pub(super) fn tell(
        permit: Permit<InTenant>,
        topic: Arc<Topic>,
        retire: CancellationToken,
        steps: watch::Receiver<M>,
        work: impl Future<Output = Result<M, LeveeError>> + Send + 'static,
    ) -> BoxStream<'static, Result<M, Status>> {
        let doubts = permit.doubts();
        let retire: Retire = Box::pin(retire.cancelled_owned());
        into_messages(Self { permit, topic, doubts, retire, steps, work: Some(work.boxed()) })
    }

    async fn step(&mut self) -> Result<Option<M>, LeveeError> {
        let Some(work) = &mut self.work else { return Ok(None) };
        loop {
            tokio::select! {
                biased;
                () = &mut self.retire => return Err(draining()),
                () = self.doubts.arise() => {
                    self.permit = self.permit.renew()?;
                    self.permit.require(self.topic.name.as_str())?;
                }
                done = &mut *work => {
                    self.work = None;
                    return done.map(Some);
                }
                Ok(()) = self.steps.changed() => return Ok(Some(self.steps.borrow_and_update().clone())),
            }
        }
    }
}

impl<M: Clone + Send + Sync + 'static> Body for Progress<M> {
    type Message = M;

    async fn next(&mut self) -> Result<Option<M>, Status> {
        self.step().await.map_err(|error| status(&error))
    }
}
