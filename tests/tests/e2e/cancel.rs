//! D11: a produce call that its client gives up at any moment stores its batch or does not; sent again with
//! the same sequence it is stored once, also by a broker that was killed in between.

use crate::{crash, small};
use futures::StreamExt as _;
use levee_proto::v1;
use levee_tests::broker::Broker;
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::payload;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::{Outcome, Recorder};
use levee_tests::seed::Seed;
use std::time::{Duration, Instant};
use tonic::Request;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_an_abandoned_produce_is_all_or_nothing() {
    let mut seed = Seed::from_env("d11");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new("d11");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let process = recorder.process();
    let raw = world.raw();
    let session = raw.init_producer().await.expect("a producer");
    let (mut duplicates, total) = (0, 400);
    for counter in 0..total {
        let send = recorder.send(process, counter, world.number(0));
        let producer = v1::ProducerSequence {
            producer_id: session.producer_id,
            epoch: session.epoch,
            sequence: u64::from(counter),
        };
        let value = payload::make(send.value(), usize::try_from(seed.range(1..20_000)).unwrap_or(1));
        let request = raw::request(&world.topic, 0, &[value], Some(producer));
        let mut offsets = Vec::new();
        for _ in 0..seed.range(1..4) {
            offsets.extend(give_up(&world, request.clone(), &mut seed).await);
        }
        if counter % 50 == 49 {
            // What was stored before is known to the broker that comes after.
            broker = crash(broker, &setup, None).await;
        }
        let answer = raw.produce().produce(request).await.expect("sent again, it succeeds").into_inner();
        duplicates += u32::from(answer.duplicate);
        offsets.push(answer.base_offset);
        offsets.dedup();
        assert_eq!(offsets.len(), 1, "one batch, several offsets: {offsets:?}");
        recorder.sent(send, Outcome::Acked(answer.base_offset));
    }
    println!("{duplicates} of {total} batches were stored by a call that was given up");
    assert!(
        duplicates > 10 && duplicates < total,
        "{duplicates} of {total}: the calls are not cut in the middle"
    );

    // Nothing is left locked.
    let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
    world.progress(200).await;
    writers.stop().await;
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(u64::from(total) + 200);
}

/// Gives a call up, in one of the ways in which clients do; the offset, if it was answered before.
async fn give_up(world: &World, request: v1::ProduceRequest, seed: &mut Seed) -> Option<u64> {
    let patience = Duration::from_micros(seed.range(0..1_500));
    match seed.range(0..4) {
        // A deadline that the broker is told.
        0 => {
            let mut request = Request::new(request);
            request.set_timeout(patience);
            Some(world.raw().produce().produce(request).await.ok()?.into_inner().base_offset)
        }
        // The call is cancelled; the connection lives on.
        1 => {
            let raw = world.raw();
            let mut client = raw.produce();
            let call = client.produce(request);
            let answer = within(patience, call).await?.ok()?;
            Some(answer.into_inner().base_offset)
        }
        // The connection is closed, with the call in it.
        2 => {
            let raw = Raw::tenant(&world.endpoint, &world.tenant);
            let call = tokio::spawn(async move { raw.produce().produce(request).await });
            within(patience, std::future::pending::<()>()).await;
            call.abort();
            Some(call.await.ok()?.ok()?.into_inner().base_offset)
        }
        // A stream is dropped.
        _ => {
            let message = v1::ProduceStreamRequest { correlation_id: 7, request: Some(request) };
            let requests = futures::stream::iter([message]).chain(futures::stream::pending());
            let raw = world.raw();
            let mut client = raw.produce();
            let talk = async {
                let mut answers = client.produce_stream(requests).await.ok()?.into_inner();
                match answers.message().await.ok()??.result? {
                    v1::produce_stream_response::Result::Response(response) => Some(response.base_offset),
                    v1::produce_stream_response::Result::Error(error) => panic!("{error:?}"),
                }
            };
            within(patience, talk).await?
        }
    }
}

/// Timers are too coarse to hit a call of half a millisecond: this one spins.
async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Option<T> {
    let began = Instant::now();
    let spin = async {
        while began.elapsed() < patience {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = work => Some(result),
        () = spin => None,
    }
}
