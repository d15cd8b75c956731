//! What a noisy neighbour costs: the time to an acknowledgement of one tenant's records, alone, beside another that
//! offers far more than its quota in every way (data, streams, topics, bad logins), and beside the same without quotas.

use super::latency::acks_of;
use crate::bare::Reads;
use crate::payload::{self, Batch};
use crate::process::{Kind, Server};
use crate::report::{Figure, Target};
use crate::statistics::percentile;
use crate::{Bench, Result};
use futures::{StreamExt as _, stream};
use levee_proto::v1;
use levee_tests::raw::Raw;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Status;

/// Who is measured.
const VICTIM: &str = "victim";
/// Who is noisy.
const ABUSER: &str = "abuser";
const TOPIC: &str = "records";
/// Connections of the abuser that produce.
const CONNECTIONS: usize = 20;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let count = u32::try_from(bench.amount(10_000, 2_000))?;
    let server = Server::start(Kind::Levee, bench, 1, Reads::Nothing, 0, &[]).await?;
    let endpoint = server.endpoint();
    let operator = Raw::operator(&endpoint);
    for tenant in [VICTIM, ABUSER] {
        operator.create_tenant(tenant).await?;
        operator.create_topics(tenant, &[TOPIC], 4).await?;
    }
    let credential = format!("Dev tenant {VICTIM}");
    acks_of(&endpoint, count / 10, &credential, TOPIC).await?;
    let (mut alone, mut limited, mut unlimited) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        alone.push(acks_of(&endpoint, count, &credential, TOPIC).await?);
        for (is_limited, samples) in [(true, &mut limited), (false, &mut unlimited)] {
            limit(&operator, is_limited).await?;
            let noise = make_noise(&endpoint);
            // Once it is there.
            acks_of(&endpoint, count / 10, &credential, TOPIC).await?;
            samples.push(acks_of(&endpoint, count, &credential, TOPIC).await?);
            drop(noise);
        }
    }
    for percent in [50.0, 99.0] {
        let of = |rounds: &[Vec<f64>]| -> Vec<f64> {
            rounds.iter().map(|samples| percentile(samples, percent)).collect()
        };
        let target = if percent > 90.0 { Target::RatioAtMost(1.3) } else { Target::None };
        let name = format!(
            "neighbour: ms, p{percent} of a record at 1,000/s beside an abuser with quotas, against alone"
        );
        bench.report.add(Figure { name, peer: of(&alone), levee: of(&limited), target });
        let name = format!("neighbour: ms, p{percent} the same without quotas, for contrast");
        bench.report.add(Figure { name, peer: of(&alone), levee: of(&unlimited), target: Target::None });
    }
    Ok(())
}

/// Gives the abuser the quotas of a small tenant, or none.
async fn limit(operator: &Raw, is_limited: bool) -> Result<()> {
    let quota = |(dimension, limit): (v1::QuotaDimension, u64)| v1::Quota {
        dimension: dimension as i32,
        limit: is_limited.then_some(limit),
        ..v1::Quota::default()
    };
    let set = [
        (v1::QuotaDimension::Ingress, 1_000_000),
        (v1::QuotaDimension::Requests, 200),
        (v1::QuotaDimension::Admin, 5),
        (v1::QuotaDimension::Connections, 50),
    ];
    let target = v1::QuotaTarget { tenant: ABUSER.to_owned(), part: None };
    let request =
        v1::SetQuotasRequest { target: Some(target), set: set.map(quota).into(), unset: Vec::new() };
    operator.quotas().set_quotas(request).await?;
    Ok(())
}

/// Everything that a tenant can do too much of, until the set is dropped.
fn make_noise(endpoint: &str) -> JoinSet<()> {
    let mut noise = JoinSet::new();
    let batches = Arc::new(payload::full_batches());
    for number in 0..CONNECTIONS {
        let (endpoint, batches) = (endpoint.to_owned(), Arc::clone(&batches));
        noise.spawn(async move {
            loop {
                // Refused or not, it goes on.
                let _ = produce(&endpoint, &batches, number).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    let churner = endpoint.to_owned();
    noise.spawn(async move {
        let abuser = Raw::tenant(&churner, ABUSER);
        for number in 0_u64.. {
            let name = format!("churn-{}", number % 50);
            let _ = abuser.create_topics("", &[&name], 1).await;
            let request = v1::DeleteTopicRequest { tenant: String::new(), name };
            let _ = abuser.topics().delete_topic(request).await;
        }
    });
    let stranger = endpoint.to_owned();
    noise.spawn(async move {
        let stranger = Raw::with(&stranger, "Bearer levee_nonsense");
        loop {
            let _ = stranger.status().await;
        }
    });
    noise
}

/// Produces as fast as it is taken, until something is refused.
async fn produce(
    endpoint: &str,
    batches: &Arc<Vec<Batch>>,
    number: usize,
) -> std::result::Result<(), Status> {
    let partition = u32::try_from(number % 4).unwrap_or(0);
    let batches = Arc::clone(batches);
    let requests = stream::iter(0_u64..).map(move |correlation_id| {
        let index = usize::try_from(correlation_id).unwrap_or(0) % batches.len();
        let request = batches[index].request(TOPIC, partition, None);
        v1::ProduceStreamRequest { correlation_id, request: Some(request) }
    });
    let abuser = Raw::tenant(endpoint, ABUSER);
    let mut answers = abuser.produce().produce_stream(requests).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}
