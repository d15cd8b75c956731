use super::{Blocking, Turn};
use levee_types::{ErrorCode, LeveeError};
use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use tokio_util::task::TaskTracker;

#[tokio::test]
async fn a_caller_that_is_gone_frees_nothing_before_its_call_is_done() {
    let blocking = Blocking::new(TaskTracker::new(), 1);
    let (started, mut is_started) = tokio::sync::mpsc::channel(1);
    let (go, wait) = mpsc::channel::<()>();
    let first = blocking.run(Turn::SYSTEM, move || {
        started.blocking_send(()).unwrap();
        wait.recv().unwrap();
        Ok::<_, LeveeError>(())
    });
    tokio::select! {
        _ = first => panic!("it waits"),
        _ = is_started.recv() => {}
    }
    // The caller is gone, the call goes on.
    let mut second = Box::pin(blocking.run(Turn::SYSTEM, || Ok::<_, LeveeError>(2)));
    assert!(poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())).await);
    go.send(()).unwrap();
    assert_eq!(second.await.unwrap(), 2);
}

#[tokio::test]
async fn a_call_that_panics_is_a_defect_and_frees_its_slot() {
    let blocking = Blocking::new(TaskTracker::new(), 1);
    let error = blocking.run(Turn::SYSTEM, || -> Result<(), LeveeError> { panic!("on purpose") }).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::Internal);
    assert_eq!(blocking.run(Turn::SYSTEM, || Ok::<_, LeveeError>(1)).await.unwrap(), 1);
}
