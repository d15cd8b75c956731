//! A million topics on one node: creating them, holding them, starting with them, using some.

use crate::consume::{Positions, Reader};
use crate::payload::Batch;
use crate::pipeline::{acknowledged, authorize, client, connect};
use crate::process::{self, TENANT, create_topic, resident_mib};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use levee_proto::v1::topic_service_client::TopicServiceClient;
use levee_proto::{batch, v1};
use levee_tests::broker::{Broker, START_WITHIN};
use std::time::Instant;
use tonic::Request;
use tonic::transport::Channel;

/// Topics of one request.
const PER_REQUEST: u64 = 1_000;
/// Requests that wait for their answers.
const IN_FLIGHT: usize = 8;
/// Positions of one read stream.
const PER_READER: usize = 10_000;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let topics = bench.amount(1_000_000, 100_000);
    let used = bench.amount(100_000, 10_000);
    let directory = bench.fresh()?;
    let setup = process::setup(&directory);
    let mut broker = Broker::start(&setup).await;
    // Makes the tenant.
    create_topic(&broker.endpoint(), "first", 1).await?;

    let started = Instant::now();
    create(&broker.endpoint(), topics).await?;
    let rate = topics as f64 / started.elapsed().as_secs_f64();
    report(bench, &format!("topics: created a second, of {topics}"), rate, Target::AtLeast(20_000.0));
    report(bench, "topics: MiB resident after creating them", resident_mib(broker.pid())?, IDLE);

    broker.kill();
    drop(broker);
    let broker = restart(bench, &setup, "kill -9").await?;
    report(bench, "topics: MiB resident after kill -9 and restart", resident_mib(broker.pid())?, IDLE);

    let started = Instant::now();
    produce(&broker.endpoint(), used).await?;
    let rate = used as f64 / started.elapsed().as_secs_f64();
    report(bench, &format!("topics: records a second, one into each of {used}"), rate, Target::None);
    let started = Instant::now();
    read_back(&broker.endpoint(), used).await?;
    let rate = used as f64 / started.elapsed().as_secs_f64();
    report(bench, "topics: records a second, read back", rate, Target::None);
    report(bench, "topics: MiB resident after using them", resident_mib(broker.pid())?, IDLE);

    let started = Instant::now();
    broker.stop().await;
    report(bench, "topics: s to stop", started.elapsed().as_secs_f64(), Target::None);
    let broker = restart(bench, &setup, "a graceful stop").await?;
    report(bench, "topics: MiB resident after restart", resident_mib(broker.pid())?, IDLE);
    read_back(&broker.endpoint(), used).await?;
    broker.stop().await;
    Ok(())
}

const IDLE: Target = Target::AtMost(600.0);

fn report(bench: &mut Bench, name: &str, value: f64, target: Target) {
    bench.report.add(Figure { name: name.to_owned(), peer: Vec::new(), levee: vec![value], target });
}

async fn restart(bench: &mut Bench, setup: &levee_tests::broker::Setup, after: &str) -> Result<Broker> {
    let mut broker = Broker::spawn(setup);
    let ready = broker.ready(START_WITHIN).await.map_err(|refusal| refusal.to_string())?;
    report(bench, &format!("topics: s to ready after {after}"), ready.as_secs_f64(), Target::AtMost(5.0));
    Ok(broker)
}

fn name(number: u64) -> String {
    format!("devices.{number:07}.telemetry")
}

fn value(number: u64) -> Bytes {
    format!("the record of topic {number}").into()
}

async fn create(endpoint: &str, topics: u64) -> Result<()> {
    let channel = connect(endpoint).await?;
    let requests = (0..topics).step_by(usize::try_from(PER_REQUEST)?);
    let mut answers = stream::iter(requests)
        .map(|first| create_some(channel.clone(), first..topics.min(first + PER_REQUEST)))
        .buffer_unordered(IN_FLIGHT);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

async fn create_some(channel: Channel, numbers: std::ops::Range<u64>) -> Result<()> {
    let expected = numbers.end - numbers.start;
    let spec = |number| v1::TopicSpec { name: name(number), ..v1::TopicSpec::default() };
    let mut request = Request::new(v1::CreateTopicsRequest {
        tenant: String::new(),
        topics: numbers.map(spec).collect(),
        if_not_exists: false,
    });
    authorize(request.metadata_mut());
    let answer = TopicServiceClient::new(channel).create_topics(request).await?.into_inner();
    if u64::from(answer.created) != expected {
        return Err(format!(
            "created {} of {expected} topics: {:?}",
            answer.created,
            answer.failures.first()
        )
        .into());
    }
    Ok(())
}

async fn produce(endpoint: &str, topics: u64) -> Result<()> {
    let requests = (0..topics).map(|number| v1::ProduceStreamRequest {
        correlation_id: number,
        request: Some(Batch::of(std::iter::once(value(number))).request(&name(number), 0, None)),
    });
    let mut request = Request::new(stream::iter(requests));
    authorize(request.metadata_mut());
    let mut answers = client(connect(endpoint).await?).produce_stream(request).await?.into_inner();
    for number in 0..topics {
        acknowledged(&mut answers, number).await?;
    }
    Ok(())
}

async fn read_back(endpoint: &str, topics: u64) -> Result<()> {
    let numbers: Vec<_> = (0..topics).collect();
    for numbers in numbers.chunks(PER_READER) {
        let positions = numbers.iter().map(|number| (name(*number), 0)).collect();
        let positions = Positions { positions, from: v1::OffsetEdge::Start, stop_at_end: true };
        let mut seen = vec![false; numbers.len()];
        let mut reader = Reader::open(endpoint, positions).await?;
        reader
            .run_with(None, |stored| {
                let index = stored.position as usize;
                let records = batch::decode(&stored.batch).map_err(|error| error.message)?;
                let [(_, record)] = &records[..] else {
                    return Err("a batch has more records than it was sent with".into());
                };
                if record.value != Some(value(numbers[index])) || std::mem::replace(&mut seen[index], true) {
                    return Err(format!("{} of {TENANT} has a wrong record", name(numbers[index])).into());
                }
                Ok(())
            })
            .await?;
        if let Some(index) = seen.iter().position(|seen| !seen) {
            return Err(format!("{} of {TENANT} has lost its record", name(numbers[index])).into());
        }
    }
    Ok(())
}
