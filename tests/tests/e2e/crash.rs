//! D1, with O1, O3 and O4 in the same history: SIGKILL at any moment.

use crate::under_load::UnderLoad;
use crate::{crash, cycles, small};
use levee_tests::seed::Seed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_acked_records_survive_sigkill() {
    kill_cycles("d1", 20, 1_000, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d1_acked_records_survive_sigkill() {
    kill_cycles("chaos-d1", cycles(200), 5_000, 1_000).await;
}

/// Writers and readers go on through `cycles` kills, each at a random moment of the `millis` after the broker
/// has acked again. Records have `bytes`.
async fn kill_cycles(test: &str, cycles: u64, millis: u64, bytes: usize) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let (mut load, mut broker) = UnderLoad::start(test, &setup, bytes, &mut seed).await;
    for _ in 0..cycles {
        load.progress().await;
        tokio::time::sleep(seed.millis(0..millis)).await;
        broker = crash(broker, &setup, None).await;
    }
    load.finish(broker).await;
}
