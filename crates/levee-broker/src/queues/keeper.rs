//! The keeper of a queue: the one task that sees to what is due.

use super::Queues;
use super::live::LiveQueue;
use levee_storage::StorageError;
use levee_types::LeveeError;
use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often it is looked for partitions that were added.
const LOOK_FOR_PARTITIONS: Duration = Duration::from_secs(5);
/// When it is tried again to put the dead away.
const BURY_AGAIN: Duration = Duration::from_secs(5);

/// Keeps a queue until nobody works on it any more.
pub(super) async fn keep(queues: Queues, queue: Arc<LiveQueue>) {
    let mut growth = interval(LOOK_FOR_PARTITIONS);
    growth.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, and finds a queue that is being loaded.
    growth.tick().await;
    // Partitions whose dead cannot be put away now, and when it is tried again.
    let mut full = BTreeSet::new();
    let mut bury_again = None;
    loop {
        let due = queue.timers.first().into_iter().chain(bury_again).min();
        tokio::select! {
            () = queue.work.notified() => {}
            () = until(&queue, due) => {}
            _ = growth.tick() => look_for_partitions(&queue).await,
        }
        expire(&queue);
        write(&queue).await;
        if bury_again.is_some_and(|again| again <= queue.now().monotonic) {
            bury_again = None;
            queue.graves().append(&mut full);
        }
        // Between the dead, the living have their turn.
        while let Some(index) = next_grave(&queue) {
            if full.contains(&index) {
                continue;
            }
            if let Err(error) = queue.bury(index).await {
                tracing::warn!(
                    tenant = %queue.tenant.id(), group = %queue.group.name, %error,
                    "dead records of a queue cannot be put away; trying again"
                );
                metrics::counter!("levee_queue_dead_total", "outcome" => "failed").increment(1);
                full.insert(index);
                bury_again.get_or_insert(queue.now().monotonic + BURY_AGAIN);
            }
            expire(&queue);
            write(&queue).await;
        }
        if queues.is_idle(&queue) {
            let unwritten = queue.partitions().into_iter().filter(|partition| partition.lock().is_unwritten);
            let unwritten: Vec<_> = unwritten.map(|partition| partition.index).collect();
            drop(queue.write(unwritten));
            write(&queue).await;
            if queues.drop_idle(&queue) {
                return;
            }
        }
    }
}

async fn until(queue: &LiveQueue, due: Option<Duration>) {
    match due {
        Some(due) => sleep(due.saturating_sub(queue.now().monotonic)).await,
        None => pending().await,
    }
}

async fn look_for_partitions(queue: &LiveQueue) {
    if queue.loaded.initialized()
        && let Err(error) = queue.load(false).await
    {
        tracing::debug!(group = %queue.group.name, %error, "cannot look for partitions that were added to a queue");
    }
}

/// Ends leases and delays whose time is over.
fn expire(queue: &LiveQueue) {
    for index in queue.timers.due(queue.now().monotonic) {
        let Some(partition) = queue.partition(index) else { continue };
        let ended = queue.change(&partition, |state, now| state.window.expire(now));
        if !ended.is_empty() {
            metrics::counter!("levee_queue_expired_total").increment(ended.len() as u64);
            queue.ended(&ended);
        }
    }
}

fn next_grave(queue: &LiveQueue) -> Option<u32> {
    queue.graves().pop_first()
}

/// Writes what was gathered, and tells who waits for it.
async fn write(queue: &LiveQueue) {
    let Some(round) = queue.rounds.begin() else { return };
    let group = queue.group.id;
    let none = BTreeSet::new();
    let partitions: Vec<_> = round.partitions.iter().filter_map(|index| queue.partition(*index)).collect();
    let commits = partitions.iter().map(|partition| partition.commit(group, &none)).collect();
    let results = queue.shared.shard.commit(queue.tenant.id(), commits).await;
    let mut failures = HashMap::new();
    let mut fail = |index: u32, error: StorageError| {
        if matches!(error, StorageError::NoGroup) {
            queue.end(error.clone().into());
        }
        failures.insert(index, LeveeError::from(error));
    };
    match results {
        Ok(results) => {
            for (partition, result) in partitions.iter().zip(results) {
                if let Err(error) = result {
                    partition.lock().is_unwritten = true;
                    fail(partition.index, error);
                }
            }
        }
        Err(error) => {
            for partition in &partitions {
                partition.lock().is_unwritten = true;
                fail(partition.index, error.clone());
            }
        }
    }
    round.end(failures);
}
