//! Members of a group at work, by the protocol itself: they join, process, commit, and leave, die or fall silent.

mod life;

use super::Group;
use crate::seed::Seed;
use life::Life;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How members live.
#[derive(Debug, Clone)]
pub struct Habits {
    /// How long one may be silent.
    pub session_timeout: Duration,
    /// How many milliseconds one lives until it ends somehow, and comes back.
    pub lives_ms: Range<u64>,
    /// Of 100 ends, how many are silences beyond the session timeout, after which the member goes on as if it knew of
    /// nothing.
    pub silences: u64,
    /// Of 100 members, how many are static.
    pub are_static: u64,
    /// Nobody but the member itself cuts its connection: so it knows of everything that it loses.
    pub are_watched: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(2),
            lives_ms: 200..3_000,
            silences: 20,
            are_static: 30,
            are_watched: true,
        }
    }
}

/// Members, until dropped.
#[derive(Debug)]
pub struct Members {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the members of a group have in common.
#[derive(Debug)]
struct Shared {
    group: Group,
    habits: Habits,
    /// From now on nobody ends.
    is_calm: AtomicBool,
    ends: AtomicU64,
    /// Commits that were refused because the partition was lost.
    fenced: AtomicU64,
}

impl Members {
    /// Starts this many.
    #[must_use]
    pub fn start(group: &Group, count: usize, habits: Habits, seed: &mut Seed) -> Self {
        let shared = Arc::new(Shared {
            group: group.clone(),
            habits,
            is_calm: AtomicBool::new(false),
            ends: AtomicU64::new(0),
            fenced: AtomicU64::new(0),
        });
        let tasks = (0..count).map(|n| tokio::spawn(lives(n, Arc::clone(&shared), seed.fork()))).collect();
        Self { shared, tasks }
    }

    /// From now on members live on, unless their stream ends.
    pub fn calm_down(&self) {
        self.shared.is_calm.store(true, Ordering::Relaxed);
    }

    /// How often one has ended by itself.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.shared.ends.load(Ordering::Relaxed)
    }

    /// How many commits were refused because the partition was lost.
    #[must_use]
    pub fn fenced(&self) -> u64 {
        self.shared.fenced.load(Ordering::Relaxed)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One life after the other.
async fn lives(number: usize, shared: Arc<Shared>, mut seed: Seed) {
    let is_static = seed.range(0..100) < shared.habits.are_static;
    let own = shared.group.world.recorder.process();
    loop {
        // A static member is the same one when it comes back.
        let (instance, process) = if is_static {
            (format!("static-{number}"), own)
        } else {
            (String::new(), shared.group.world.recorder.process())
        };
        if let Ok(life) = Life::begin(&shared, process, &instance, seed.fork()).await {
            life.run().await;
        }
        tokio::time::sleep(seed.millis(1..100)).await;
    }
}
