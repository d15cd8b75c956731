//! G1 to G5: groups of consumers whose members come and go, while the broker dies.

use crate::{MIB, crash, cycles, kill, small};
use levee_proto::v1;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Followers, Group, Habits, Members, Pace, World, Writers, drain};
use levee_tests::powerloss::Disk;
use levee_tests::proxy::Proxy;
use levee_tests::raw::{self, Member};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::wait;
use std::time::Duration;

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// The shortest session timeout that there is.
const SESSION: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_g5_groups_go_on_through_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    die_and_go_on("g1", 8, &small(&dir.path().join("data")), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_commits_survive_power_loss() {
    let Some(disk) = Disk::new("g2", 2048 * MIB) else { return };
    die_and_go_on("g2", 4, &small(&disk.path().join("data")), Some(disk)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_g2_commits_survive_power_loss() {
    let Some(disk) = Disk::new("chaos-g2", 8192 * MIB) else { return };
    die_and_go_on("chaos-g2", cycles(100), &small(&disk.path().join("data")), Some(disk)).await;
}

/// Members join, leave and fall silent while the broker dies `cycles` times. What was committed stays committed, and
/// in the end everything was processed and is committed.
async fn die_and_go_on(test: &str, cycles: u64, setup: &Setup, mut disk: Option<Disk>) {
    let mut seed = Seed::from_env(test);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(setup).await;
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let group = Group::new(&world, "readers");
    let habits = Habits { session_timeout: SESSION, ..Habits::default() };
    let members = Members::start(&group, 4, habits, &mut seed);
    for cycle in 0..cycles {
        let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
        world.progress(100).await;
        tokio::time::sleep(seed.millis(0..1_500)).await;
        let _ = group.look().await;
        // Every second time nothing that is written later saves the last commits; otherwise writers go on. They end
        // only when each record has its outcome: what came later than the end that is looked for would be of no use.
        let going_on = if cycle % 2 == 0 {
            writers.stop().await;
            group.catches_up(PATIENCE).await;
            None
        } else {
            Some(writers)
        };
        kill(broker, disk.as_mut()).await;
        recorder.died();
        broker = Broker::start(setup).await;
        if let Some(writers) = going_on {
            writers.stop().await;
        }
        let _ = group.look().await;
    }
    members.calm_down();
    group.catches_up(PATIENCE).await;
    println!("{} members ended, {} commits were refused", members.ends(), members.fenced());
    drop(members);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    let report = recorder.judge();
    report.assert_ok(100 * cycles);
    assert!(report.commits > 10 * cycles, "too few commits to judge:\n{report}");
    drop(disk);
}

/// 100 joins and leaves: a partition never has two owners, and soon after the last of them each has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_partitions_have_one_owner() {
    let mut seed = Seed::from_env("g4");
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("g4");
    let world = World::create(&broker.endpoint(), 20, &recorder).await;
    let group = Group::new(&world, "readers");
    let writers = Writers::start(&world, 1, Pace::default(), &mut seed);
    let habits = Habits { session_timeout: SESSION, lives_ms: 50..1_500, silences: 15, ..Habits::default() };
    let members = Members::start(&group, 8, habits, &mut seed);
    wait::until("members end", Duration::from_secs(60), || (members.ends() >= 100).then_some(())).await;
    members.calm_down();
    // One more may just have fallen silent.
    tokio::time::sleep(2 * SESSION).await;
    group.is_owned(2 * SESSION).await;
    writers.stop().await;
    group.catches_up(PATIENCE).await;
    drop(members);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    let report = recorder.judge();
    report.assert_ok(500);
    assert!(report.commits > 100, "too few commits to judge:\n{report}");
}

/// A group that had no members goes on with its generations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_generations_only_rise() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("g4-generations");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let group = Group::new(&world, "readers");
    let mut last = 0;
    for round in 0..3 {
        let mut member = world.raw().join(group.join("", SESSION)).await.expect("it joins");
        let of = |answer| match answer {
            Answer::Assigned(assigned) => Some(assigned.generation),
            _ => None,
        };
        let generation = member.wait(PATIENCE, of).await.expect("it gets the partition");
        assert!(generation > last, "round {round}: {generation} after {last}");
        last = generation;
        drop(member);
        wait::poll("the group is empty", PATIENCE, async || {
            world.raw().group(&group.name).await.ok()?.members.is_empty().then_some(())
        })
        .await;
    }
    broker.stop().await;
}

/// Connections of members are cut after a random number of bytes: nothing is passed over, and nothing is committed that
/// nobody has processed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_everything_is_processed_over_broken_connections() {
    let mut seed = Seed::from_env("g5");
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("g5");
    let world = World::create(&broker.endpoint(), 4, &recorder).await;
    let proxy =
        Proxy::start(broker.endpoint().trim_start_matches("http://"), 2_000..300_000, seed.fork()).await;
    let group = Group::new(&world, "readers");
    let broken = Group { world: world.at(&proxy.endpoint(), &recorder), ..group.clone() };
    let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
    let followers = Followers::start(&world, 1);
    let habits = Habits { session_timeout: SESSION, silences: 0, are_watched: false, ..Habits::default() };
    let members = Members::start(&broken, 3, habits, &mut seed);
    world.progress(6_000).await;
    proxy.has_cut(20).await;
    writers.stop().await;
    members.calm_down();
    group.catches_up(PATIENCE).await;
    println!("{} connections were cut", proxy.cuts());
    drop((members, followers));
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    let report = recorder.judge();
    report.assert_ok(6_000);
    assert!(report.processed >= 6_000, "{report}");
}

/// A member that was silent for longer than its session timeout has lost its partitions: what it commits then is
/// refused, by itself and in a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_a_zombie_cannot_commit() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let recorder = Recorder::new("g3");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let group = Group::new(&world, "readers");
    let raw = world.raw();
    for _ in 0..10 {
        let request = raw::request(&world.topic, 0, &["x".into()], None);
        raw.produce().produce(request).await.expect("it is stored");
    }
    let mut zombie = raw.join(group.join("", SESSION)).await.expect("it joins");
    let lost = zombie.assigned(1, PATIENCE).await.expect("it gets the partition").remove(0);
    assert!(refused(&mut zombie, 1, lost.assignment, 3).await.is_none(), "its own partition");
    // Silent from here on.
    let mut heir = world.raw().join(group.join("", SESSION)).await.expect("it joins");
    let got = heir.assigned(1, PATIENCE).await.expect("it gets the partition of the dead").remove(0);
    assert_eq!((got.committed_offset, got.offset), (Some(3), 3));

    assert_eq!(refused(&mut zombie, 2, lost.assignment, 7).await, Some(v1::ErrorCode::MemberFenced));
    let session = raw.init_producer().await.expect("a producer");
    let commit = |member: u64, assignment, number| v1::CommitTransactionRequest {
        producer_id: session.producer_id,
        epoch: session.epoch,
        number,
        staged: 0,
        batches: vec![v1::TransactionBatch {
            topic: world.topic.clone(),
            partition: 0,
            batch: raw::request("", 0, &["y".into()], None).batch,
            batch_crc32c: None,
        }],
        offsets: vec![v1::TransactionOffset {
            group: group.name.clone(),
            member_id: member,
            assignment,
            offset: 8,
        }],
    };
    let status = raw.transactions().commit_transaction(commit(zombie.id, lost.assignment, 1)).await;
    assert_eq!(raw::reason(&status.expect_err("a zombie commits")), "MEMBER_FENCED");
    let of = |answer: v1::GetGroupResponse| {
        let partition = &answer.partitions[0];
        (partition.committed_offset, partition.end_offset)
    };
    let looked = of(raw.group(&group.name).await.expect("it is there"));
    assert_eq!(looked, (Some(3), 10), "something of the refused transaction is there");

    assert!(refused(&mut heir, 1, got.assignment, 5).await.is_none(), "the heir's own partition");
    let committed = raw.transactions().commit_transaction(commit(heir.id, got.assignment, 1)).await;
    committed.expect("the transaction is as open as before, and the heir has the partition");
    assert_eq!(of(raw.group(&group.name).await.expect("it is there")), (Some(8), 11));

    // Neither does a broker that comes after know the zombie.
    let broker = crash(broker, &setup, None).await;
    let mut third = world.raw().join(group.join("", SESSION)).await.expect("it joins");
    let got = third.assigned(1, PATIENCE).await.expect("it gets the partition").remove(0);
    assert_eq!(got.committed_offset, Some(8));
    let session = raw.init_producer().await.expect("a producer");
    let commit = v1::CommitTransactionRequest {
        producer_id: session.producer_id,
        epoch: session.epoch,
        ..commit(heir.id, got.assignment, 1)
    };
    let status = raw.transactions().commit_transaction(commit).await;
    assert_eq!(raw::reason(&status.expect_err("a member of a broker that is dead commits")), "MEMBER_FENCED");
    broker.stop().await;
}

/// Commits; the code with which it was refused, if it was. A stream that has ended refuses.
async fn refused(member: &mut Member, id: u64, assignment: u32, offset: u64) -> Option<v1::ErrorCode> {
    member.commit(id, vec![v1::CommitOffset { assignment, offset }]);
    match member.committed(id, PATIENCE).await {
        Ok(failures) => failures.first().map(|failure| failure.error.as_ref().expect("an error").code()),
        Err(status) => {
            assert_eq!(raw::reason(&status), "MEMBER_FENCED", "{status}");
            Some(v1::ErrorCode::MemberFenced)
        }
    }
}
