//! Ten thousand consumers that have nothing to do: what they take of memory and CPU.

use crate::process::{self, TENANT, TOPIC, resident_mib};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::future::try_join_all;
use levee_proto::v1;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_tests::broker::Broker;
use levee_tests::raw::{Member, Raw};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Status;

/// Members of a group, each with its partition.
const MEMBERS: u32 = 100;
const CONNECTIONS: u64 = 100;
const SESSION: Duration = Duration::from_secs(30);

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let consumers = bench.amount(10_000, 500);
    let looks = Duration::from_secs(bench.amount(20, 3));
    let directory = bench.fresh()?;
    let broker = Broker::start(&process::setup(&directory)).await;
    let endpoint = broker.endpoint();
    process::create_topic(&endpoint, TOPIC, MEMBERS).await?;
    let before = resident_mib(broker.pid())?;
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| Raw::tenant(&endpoint, TENANT)).collect();
    let mut tasks = JoinSet::new();
    for group in 0..consumers.div_ceil(u64::from(MEMBERS)) {
        let connection = &connections[usize::try_from(group % CONNECTIONS)?];
        for member in try_join_all((0..MEMBERS).map(|_| connection.join(join(group)))).await? {
            tasks.spawn(idle(member));
        }
    }
    // The last assignments.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let cpu = process::cpu(broker.pid())?;
    tokio::time::sleep(looks).await;
    let cpu = (process::cpu(broker.pid())? - cpu) / looks.as_secs_f64() * 100.0;
    let after = resident_mib(broker.pid())?;
    if let Some(ended) = tasks.try_join_next() {
        return Err(format!("a consumer has ended: {:?}", ended?).into());
    }
    let mut add = |name: String, value| {
        bench.report.add(Figure { name, peer: Vec::new(), levee: vec![value], target: Target::None });
    };
    add(format!("idle: MiB resident for {consumers} idle consumers"), after - before);
    add("idle: KiB for each".to_owned(), (after - before) * 1024.0 / consumers as f64);
    add(format!("idle: % of a core for {consumers} idle consumers"), cpu);
    tasks.abort_all();
    broker.stop().await;
    Ok(())
}

fn join(group: u64) -> v1::ConsumeJoin {
    v1::ConsumeJoin {
        group: format!("group-{group}"),
        topics: vec![TOPIC.to_owned()],
        session_timeout_ms: u32::try_from(SESSION.as_millis()).unwrap_or(0),
        credit_bytes: 1 << 20,
        ..v1::ConsumeJoin::default()
    }
}

/// Does what it must to be a member; why it is none any more.
async fn idle(mut member: Member) -> Status {
    let mut beats = tokio::time::interval(SESSION / 3);
    loop {
        tokio::select! {
            answer = member.next() => match answer {
                Ok(Answer::Revoked(revoked)) => member.release(revoked.assignments),
                Ok(_) => {}
                Err(status) => return status,
            },
            _ = beats.tick() => member.beat(),
        }
    }
}
