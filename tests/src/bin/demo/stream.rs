//! Streams the flights into the topics of their airlines, and kills the broker on the way.

use crate::broker::Broker;
use crate::flights::Flight;
use crate::progress::Progress;
use crate::verify::Place;
use crate::{Airline, Result, TOPIC};
use futures::future::{try_join, try_join_all};
use levee_client::{Client, Delivery, Producer, ProducerSettings};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};

/// What streaming gave.
pub(crate) struct Streamed {
    /// For each airline, where each of its flights was acknowledged.
    pub(crate) acked: Vec<Vec<Option<Place>>>,
    /// From the first record to the last acknowledgement, without the time that the broker was down.
    pub(crate) elapsed: Duration,
    /// What happened at each kill.
    pub(crate) crashes: Vec<Crash>,
}

/// One kill of the broker.
pub(crate) struct Crash {
    /// Records that were sent and not yet acknowledged when the broker was gone.
    pub(crate) in_flight: u64,
    /// From the start of the next broker until it answered.
    pub(crate) restart: Duration,
    /// From the kill until it answered.
    pub(crate) down: Duration,
}

/// What the producers and the one who kills the broker tell each other.
struct Course {
    /// Records that may be sent. It runs out somewhat after the next kill is due, so that the broker is
    /// never killed when everything is done already.
    allowed: Semaphore,
    sent: Cell<u64>,
    /// Records with a result, good or bad.
    settled: watch::Sender<u64>,
    /// The first failure is told, the others are only counted.
    has_failure: Cell<bool>,
}

/// Streams all flights. The broker is killed `kills` times, at even distances, with requests in flight.
pub(crate) async fn stream(
    airlines: &[Airline],
    clients: &[Client],
    broker: &mut Broker,
    kills: u64,
) -> Result<Streamed> {
    let total: u64 = airlines.iter().map(|airline| airline.flights.len() as u64).sum();
    let progress = Progress::new("produce", total);
    let course = Course {
        allowed: Semaphore::new(0),
        sent: Cell::new(0),
        settled: watch::Sender::new(0),
        has_failure: Cell::new(false),
    };

    let start = Instant::now();
    let producing = try_join_all(
        airlines
            .iter()
            .zip(clients)
            .map(|(airline, client)| produce(client, &airline.flights, &course, &progress)),
    );
    let (acked, crashes) = try_join(producing, crash(broker, kills, total, &course, &progress)).await?;
    let down: Duration = crashes.iter().map(|crash| crash.down).sum();
    let elapsed = start.elapsed().saturating_sub(down);
    progress.finish();
    Ok(Streamed { acked, elapsed, crashes })
}

/// Kills the broker whenever another share of the flights is acknowledged, and starts it again.
async fn crash(
    broker: &mut Broker,
    kills: u64,
    total: u64,
    course: &Course,
    progress: &Progress,
) -> Result<Vec<Crash>> {
    let mut crashes = Vec::new();
    let mut allowed = 0;
    for kill in 1..=kills {
        let due = total * kill / (kills + 1);
        let limit = (due + total / (2 * (kills + 1))).max(due + 1);
        course.allowed.add_permits(usize::try_from(limit - allowed)?);
        allowed = limit;
        course.settled.subscribe().wait_for(|settled| *settled >= due).await?;

        let killed = Instant::now();
        broker.kill();
        let in_flight = course.sent.get() - *course.settled.borrow();
        progress.tell(&format!("killed the broker with {in_flight} flights in flight; starting it again"));
        let restart = broker.start().await?;
        progress.tell(&format!("the broker answered {:.2} s later", restart.as_secs_f64()));
        crashes.push(Crash { in_flight, restart, down: killed.elapsed() });
    }
    course.allowed.add_permits(usize::try_from(total.saturating_sub(allowed))?);
    Ok(crashes)
}

/// Sends the flights of one airline, in their order, and collects the acknowledgements.
async fn produce(
    client: &Client,
    flights: &[Flight],
    course: &Course,
    progress: &Progress,
) -> Result<Vec<Option<Place>>> {
    let producer = client.producer(ProducerSettings::default()).await?;
    // The buffer of the producer bounds what waits in the channel.
    let (deliveries, results) = mpsc::unbounded_channel();
    let (acked, ()) =
        try_join(collect(results, course, progress), send(producer, flights, deliveries, course)).await?;
    Ok(acked)
}

async fn send(
    producer: Producer,
    flights: &[Flight],
    deliveries: mpsc::UnboundedSender<Delivery>,
    course: &Course,
) -> Result<()> {
    for flight in flights {
        course.allowed.acquire().await?.forget();
        let delivery = producer.send(TOPIC, flight.to_record()).await?;
        course.sent.set(course.sent.get() + 1);
        deliveries.send(delivery)?;
    }
    drop(deliveries);
    producer.close().await?;
    Ok(())
}

async fn collect(
    mut results: mpsc::UnboundedReceiver<Delivery>,
    course: &Course,
    progress: &Progress,
) -> Result<Vec<Option<Place>>> {
    let mut acked = Vec::new();
    while let Some(delivery) = results.recv().await {
        match delivery.await {
            Ok(at) => acked.push(Some(Place { partition: at.partition, offset: at.offset })),
            Err(error) => {
                if !course.has_failure.replace(true) {
                    progress.tell(&format!("a flight was not acknowledged: {error}"));
                }
                acked.push(None);
            }
        }
        course.settled.send_modify(|settled| *settled += 1);
        progress.set(*course.settled.borrow());
    }
    Ok(acked)
}
