//! How exactly a quota is met: what is acknowledged within any 10 s, against the quota, while much more is offered
//! than it allows; from one connection and from 500.

use crate::bare::Reads;
use crate::payload::{self, Batch};
use crate::pipeline::{authorize, client, connect};
use crate::process::{Kind, Server, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::stream;
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_tests::raw::Raw;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tonic::Request;

/// Over which the quota must be met.
const WINDOW: Duration = Duration::from_secs(10);
/// Batches of one connection that wait for their answers: what is offered is bounded by that alone.
const IN_FLIGHT: usize = 4;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let server = Server::start(Kind::Levee, bench, 1, Reads::Nothing, 0, &[]).await?;
    let endpoint = server.endpoint();
    let batches = Arc::new(payload::full_batches());
    let warm = Duration::from_secs(bench.amount(2, 1));
    let length = WINDOW + warm + Duration::from_secs(bench.amount(6, 1));
    for connections in [1_u32, 500] {
        // What these connections offer is what they get without a quota.
        set_quota(&endpoint, None).await?;
        let free = produced(&endpoint, connections, &batches, length).await?;
        let offered = windows(&free, warm, length).0 / WINDOW.as_secs();
        for times in [2, 5, 50] {
            let limit = offered / times;
            set_quota(&endpoint, Some(limit)).await?;
            let acked = produced(&endpoint, connections, &batches, length).await?;
            let (least, most) = windows(&acked, warm, length);
            let off = |bytes: u64| (bytes as f64 / (limit as f64 * WINDOW.as_secs_f64()) - 1.0) * 100.0;
            let (least, most) = (off(least), off(most));
            let name = format!(
                "quota: % off within any 10 s, {:.1} MB/s, 1/{times} of what is offered, {connections} connections",
                limit as f64 / 1e6
            );
            bench.report.note(&name, &json!({ "least": least, "most": most }));
            bench.report.add(Figure {
                name,
                peer: Vec::new(),
                levee: vec![least.abs().max(most.abs())],
                target: Target::AtMost(2.0),
            });
        }
    }
    Ok(())
}

async fn set_quota(endpoint: &str, limit: Option<u64>) -> Result<()> {
    let quota = v1::Quota { dimension: v1::QuotaDimension::Ingress as i32, limit, ..v1::Quota::default() };
    let target = v1::QuotaTarget { tenant: TENANT.to_owned(), part: None };
    let request = v1::SetQuotasRequest { target: Some(target), set: vec![quota], unset: vec![] };
    Raw::operator(endpoint).quotas().set_quotas(request).await?;
    Ok(())
}

/// The least and the most that was acknowledged within any window, once it runs.
fn windows(acked: &[(Duration, u64)], warm: Duration, length: Duration) -> (u64, u64) {
    let (mut least, mut most) = (u64::MAX, 0);
    let mut begin = warm;
    while begin + WINDOW <= length {
        let within = acked.iter().filter(|(at, _)| (begin..begin + WINDOW).contains(at));
        let sum = within.map(|(_, bytes)| bytes).sum();
        (least, most) = (least.min(sum), most.max(sum));
        begin += Duration::from_millis(250);
    }
    (least, most)
}

/// Produces for so long over so many connections as much as is taken: when how many bytes were acknowledged.
async fn produced(
    endpoint: &str,
    connections: u32,
    batches: &Arc<Vec<Batch>>,
    length: Duration,
) -> Result<Vec<(Duration, u64)>> {
    let (acked, mut all) = mpsc::unbounded_channel();
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(connect(endpoint).await?);
    }
    let start = Instant::now();
    let mut loads = tokio::task::JoinSet::new();
    for channel in channels {
        let (acked, batches) = (acked.clone(), Arc::clone(batches));
        loads.spawn(async move {
            let load = load(channel, batches, acked, start);
            // What is on its way at the end is of no matter.
            match tokio::time::timeout(length.saturating_sub(start.elapsed()), load).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_) => Ok(()),
            }
        });
    }
    drop(acked);
    while let Some(outcome) = loads.join_next().await {
        outcome??;
    }
    let mut found = Vec::new();
    while let Some(one) = all.recv().await {
        found.push(one);
    }
    Ok(found)
}

async fn load(
    channel: tonic::transport::Channel,
    batches: Arc<Vec<Batch>>,
    acked: mpsc::UnboundedSender<(Duration, u64)>,
    start: Instant,
) -> Result<()> {
    let bytes = batches[0].bytes.len() as u64;
    let (send, due) = mpsc::channel(IN_FLIGHT);
    let requests =
        stream::unfold(due, |mut due| async move { due.recv().await.map(|request| (request, due)) });
    let mut request = Request::new(requests);
    authorize(request.metadata_mut());
    let next = |number: u64| v1::ProduceStreamRequest {
        correlation_id: number,
        request: Some(batches[usize::try_from(number).unwrap_or(0) % batches.len()].request(TOPIC, 0, None)),
    };
    for number in 0..IN_FLIGHT as u64 {
        send.send(next(number)).await?;
    }
    let mut number = IN_FLIGHT as u64;
    let mut answers = client(channel).produce_stream(request).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        match answer.result {
            Some(Outcome::Response(_)) => {
                let _ = acked.send((start.elapsed(), bytes));
            }
            // It was asked to come back later, which is what a client does.
            Some(Outcome::Error(error)) if error.code() == v1::ErrorCode::QuotaExceeded => {
                let after = Duration::from_millis(u64::from(error.retry_after_ms.unwrap_or(100)));
                tokio::time::sleep(after).await;
            }
            other => return Err(format!("it was not acknowledged: {other:?}").into()),
        }
        send.send(next(number)).await?;
        number += 1;
    }
    Ok(())
}
