//! O2: a topic that is deleted and created again is another one, also after a crash.

use crate::{MIB, crash, small};
use levee_client::{Position, ReaderSettings, StartAt};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::payload;
use levee_tests::powerloss::Disk;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::time::Duration;
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o2_a_topic_that_is_created_again_shows_no_old_record() {
    let dir = tempfile::tempdir().expect("a directory");
    recreate("o2", &small(&dir.path().join("data")), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o2_a_topic_that_is_created_again_shows_no_old_record_after_power_loss() {
    let Some(mut disk) = Disk::new("o2-power", 512 * MIB) else { return };
    recreate("o2-power", &small(&disk.path().join("data")), Some(&mut disk)).await;
}

async fn recreate(test: &str, setup: &Setup, mut disk: Option<&mut Disk>) {
    let mut seed = Seed::from_env(test);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(setup).await;
    for round in 0..4 {
        // The history gives the partitions of each topic of this name numbers of their own.
        let world = World::create(&broker.endpoint(), 2, &recorder).await;
        assert_eq!(drain(&world).await.expect("an empty topic"), 0, "round {round}: it has old records");
        let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
        world.progress(200).await;
        writers.stop().await;
        if round == 1 {
            broker = crash(broker, setup, disk.as_deref_mut()).await;
        }
        drain(&world).await.expect("everything can be read");

        let (opened, is_open) = oneshot::channel();
        let reader = tokio::spawn(follow(world.clone(), opened));
        // Otherwise it could open the topic that comes next.
        is_open.await.expect("the reader reads");
        world.raw().delete_topic(&world.topic).await.expect("it can be deleted");
        if round % 2 == 0 {
            broker = crash(broker, setup, disk.as_deref_mut()).await;
        }
        let again = World::create(&broker.endpoint(), 2, &recorder).await;
        let writers = Writers::start(&again, 1, Pace::default(), &mut seed);
        again.progress(100).await;
        writers.stop().await;
        drain(&again).await.expect("everything can be read");
        reader.abort();
        let _ = reader.await;
        again.raw().delete_topic(&again.topic).await.expect("it can be deleted");
        if round % 2 == 1 {
            broker = crash(broker, setup, disk.as_deref_mut()).await;
        }
    }
    broker.stop().await;
    recorder.judge().assert_ok(4 * 300);
}

/// A reader that was there before: whatever it is shown belongs to the topic that it opened. Says when it has read
/// something.
async fn follow(world: World, opened: oneshot::Sender<()>) {
    let mut opened = Some(opened);
    let process = world.recorder.process();
    let position = Position { topic: world.topic.clone(), partition: 0, from: StartAt::Start };
    world.recorder.seek(process, world.number(0), 0);
    let client = world.client();
    let Ok(mut reader) = client.reader(vec![position], ReaderSettings::default()).await else { return };
    while let Ok(Some(Ok(record))) = tokio::time::timeout(Duration::from_secs(20), reader.next()).await {
        let value = record.record.value.as_deref().and_then(payload::parse);
        world.recorder.read(process, world.number(0), value, record.offset);
        if let Some(opened) = opened.take() {
            let _ = opened.send(());
        }
    }
}
