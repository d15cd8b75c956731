//! A member of a large group dies: how long its partitions stand still, and how many others do.

use crate::bare::Reads;
use crate::process::{Kind, Server, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use levee_client::{ProducerSettings, Record};
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Ask;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_tests::raw::{Member, Raw};
use levee_tests::tenancy::member;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SESSION: Duration = Duration::from_secs(2);
/// Between two records of a partition.
const EVERY: Duration = Duration::from_millis(250);
/// A partition that shows no record for so long has paused.
const PAUSE_MS: u64 = 1_000;
/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all members see, for each partition.
struct Seen {
    start: Instant,
    /// When its last record came, and the longest time between two: in milliseconds since the start.
    last: Vec<AtomicU64>,
    gaps: Vec<AtomicU64>,
    /// Which member has it.
    owners: Vec<AtomicU64>,
}

impl Seen {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn record(&self, partition: usize, member: u64) {
        let now = self.now();
        let before = self.last[partition].swap(now, Ordering::Relaxed);
        self.gaps[partition].fetch_max(now.saturating_sub(before), Ordering::Relaxed);
        self.owners[partition].store(member, Ordering::Relaxed);
    }

    /// How many partitions showed a record since then.
    fn seen_since(&self, since: u64) -> usize {
        self.last.iter().filter(|last| last.load(Ordering::Relaxed) > since).count()
    }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let members = bench.amount(100, 10);
    let partitions = u32::try_from(bench.amount(1_000, 100))?;
    let (mut flowing, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let (ms, share) = one_dies(bench, members, partitions).await?;
        flowing.push(ms);
        shares.push(share);
    }
    let group = format!("{members} members, {partitions} partitions");
    bench.report.add(Figure {
        name: format!("rebalance: ms from the end of a session to the last partition flowing, {group}"),
        peer: Vec::new(),
        levee: flowing,
        target: Target::None,
    });
    bench.report.add(Figure {
        name: format!("rebalance: % of partitions that never paused, {group}"),
        peer: Vec::new(),
        levee: shares,
        target: Target::AtLeast(98.0),
    });
    Ok(())
}

async fn one_dies(bench: &mut Bench, members: u64, partitions: u32) -> Result<(f64, f64)> {
    let server = Server::start(Kind::Levee, bench, partitions, Reads::Nothing, 0, &[]).await?;
    let endpoint = server.endpoint();
    let all = |_| AtomicU64::new(0);
    let seen = Arc::new(Seen {
        start: Instant::now(),
        last: (0..partitions).map(all).collect(),
        gaps: (0..partitions).map(all).collect(),
        owners: (0..partitions).map(all).collect(),
    });
    let victim_is_silent = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    let mut victim = 0;
    for number in 0..members {
        let member = Raw::tenant(&endpoint, TENANT).join(join()).await?;
        if number == members / 2 {
            victim = member.id;
        }
        let silence = (number == members / 2).then(|| Arc::clone(&victim_is_silent));
        tasks.spawn(consume(member, Arc::clone(&seen), silence));
    }
    let producer = member(&endpoint, TENANT).producer(ProducerSettings::default()).await?;
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            for partition in 0..partitions {
                let record = Record { value: Some("x".into()), ..Record::default() };
                let _ = producer.send_to(TOPIC, partition, record).await;
            }
        }
    });
    // Until all flow, and those who came late have their share.
    settle(&seen, partitions, members).await?;
    let victims: Vec<_> =
        (0..partitions as usize).filter(|n| seen.owners[*n].load(Ordering::Relaxed) == victim).collect();
    seen.gaps.iter().for_each(|gap| gap.store(0, Ordering::Relaxed));
    victim_is_silent.store(true, Ordering::Relaxed);
    let session_ends = seen.now() + u64::try_from(SESSION.as_millis())?;
    let flows = |n: &usize| {
        seen.owners[*n].load(Ordering::Relaxed) != victim && seen.last[*n].load(Ordering::Relaxed) > 0
    };
    let deadline = Instant::now() + PATIENCE;
    while !victims.iter().all(flows) {
        if Instant::now() > deadline {
            return Err("partitions of a dead member do not flow again".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = seen.now().saturating_sub(session_ends);
    // What else pauses because of it does so now.
    tokio::time::sleep(2 * SESSION).await;
    let steady = seen.gaps.iter().filter(|gap| gap.load(Ordering::Relaxed) < PAUSE_MS).count();
    tasks.abort_all();
    let share = steady as f64 * 100.0 / f64::from(partitions);
    bench
        .report
        .note("rebalance", &json!({ "ms": took, "of the dead": victims.len(), "never paused": steady }));
    Ok((took as f64, share))
}

/// Waits until every partition flows and nothing moves any more.
async fn settle(seen: &Seen, partitions: u32, members: u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let fair = u64::from(partitions) / members;
    loop {
        let before = seen.now();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut of_member = HashMap::<u64, u64>::new();
        for owner in &seen.owners {
            *of_member.entry(owner.load(Ordering::Relaxed)).or_default() += 1;
        }
        let is_fair = of_member.len() as u64 == members && of_member.values().all(|count| *count <= fair + 1);
        if is_fair && seen.seen_since(before) == partitions as usize {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(
                format!("the group does not settle: {} members have partitions", of_member.len()).into()
            );
        }
    }
}

fn join() -> v1::ConsumeJoin {
    v1::ConsumeJoin {
        group: "readers".to_owned(),
        topics: vec![TOPIC.to_owned()],
        session_timeout_ms: u32::try_from(SESSION.as_millis()).unwrap_or(0),
        credit_bytes: 1 << 20,
        ..v1::ConsumeJoin::default()
    }
}

/// Takes what comes, commits, and lets go of what it must, until it is silent.
async fn consume(mut member: Member, seen: Arc<Seen>, silence: Option<Arc<AtomicBool>>) {
    let mut held = HashMap::new();
    let mut beats = tokio::time::interval(SESSION / 4);
    loop {
        tokio::select! {
            answer = member.next() => match answer {
                Ok(Answer::Assigned(assigned)) => {
                    held.extend(assigned.partitions.iter().map(|one| (one.assignment, one.partition as usize)));
                }
                Ok(Answer::Revoked(revoked)) => member.release(revoked.assignments),
                Ok(Answer::Batches(batches)) => {
                    let mut bytes = 0;
                    for batch in batches.batches {
                        bytes += batch.batch.len() as u64;
                        seen.record(held[&batch.position], member.id);
                    }
                    member.ask(Ask::Credit(v1::ReadCredit { bytes }));
                }
                Ok(_) => {}
                Err(_) => return,
            },
            _ = beats.tick() => member.beat(),
        }
        if silence.as_ref().is_some_and(|silence| silence.load(Ordering::Relaxed)) {
            // It holds its stream open and does nothing.
            std::future::pending::<()>().await;
        }
    }
}
