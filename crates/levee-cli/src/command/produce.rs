//! `levee produce`
//!
//! Must hold: the numbers at the end are definite. Every record that was sent is counted once, as
//! acknowledged, as failed (certainly not stored), or as unknown (perhaps stored: the answer was lost).
//! After the first failure nothing more is sent.

use crate::cli::produce::ProduceArgs;
use crate::failure::Failure;
use crate::output::{self, View};
use crate::position::check_partition;
use crate::session::Session;
use bytes::Bytes;
use futures::FutureExt as _;
use indicatif::ProgressDrawTarget;
use input::{Input, Line};
use levee_client::{Acked, Delivery, Error, Producer, ProducerSettings, Record};
use levee_types::Clock;
use progress::Progress;
use serde_json::json;
use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::unconstrained;
use tokio_util::task::TaskTracker;

mod input;
mod progress;

pub(super) async fn run(args: ProduceArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    // Tells of a topic that does not exist before anything is read.
    let topic = session.topic(&scope, &address).await?;
    check_partition(&address, topic.partitions, args.partition)?;
    let mut settings =
        ProducerSettings { compression: args.compression.into(), ..ProducerSettings::default() };
    settings.delivery_timeout = session.given_timeout().unwrap_or(settings.delivery_timeout);
    let producer = session.ask(scope.client.producer(settings)).await?;

    let input = Input::open(args.file.as_deref(), args.key_field.clone())?;
    let is_typed = args.file.as_deref().is_none_or(|file| file == "-") && io::stdin().is_terminal();
    if is_typed {
        output::note("each line becomes a record; end with Ctrl-D");
    }
    // Nothing is counted where somebody types.
    let target = if is_typed { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let progress = Progress::new(target, input.size);
    let template = Template::new(&args, Arc::clone(session.clock()));
    let mut sender = Sender {
        producer,
        topic: address.topic.as_str(),
        partition: args.partition,
        open: VecDeque::new(),
        acked: 0,
        failed: 0,
        unknown: 0,
        failure: None,
        progress,
    };
    let interrupted = tokio::select! {
        () = sender.send_all(input, &template) => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    if interrupted {
        sender.fail(Failure::interrupted());
    }
    sender.finish().await;
    sender.progress.finish();

    let Sender { acked, failed, unknown, failure, .. } = sender;
    let produced = json!({"topic": address.json(), "acked": acked, "failed": failed, "unknown": unknown});
    let view = View::of("produced", produced).named([address.to_string()]);
    match failure {
        None => Ok(view.line(format!("{acked} records acknowledged"))),
        Some(failure) => {
            let view = view.line(format!(
                "{acked} records acknowledged, {failed} not stored, {unknown} perhaps stored, the rest not sent"
            ));
            Err(if acked > 0 { failure.after_part(view) } else { failure.showing(view) })
        }
    }
}

/// What all records have in common.
struct Template {
    key: Option<Bytes>,
    headers: Vec<(String, Option<Bytes>)>,
    deliver_at_ms: Option<i64>,
    delay: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl Template {
    fn new(args: &ProduceArgs, clock: Arc<dyn Clock>) -> Self {
        let header = |(name, value): &(String, String)| (name.clone(), Some(Bytes::from(value.clone())));
        Self {
            key: args.key.clone().map(Bytes::from),
            headers: args.headers.iter().map(header).collect(),
            deliver_at_ms: args.deliver_at,
            delay: args.delay,
            clock,
        }
    }

    fn after(&self, delay: Duration) -> i64 {
        self.clock.unix_ms().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))
    }

    fn record(&self, line: Line) -> Record {
        Record {
            key: line.key.or_else(|| self.key.clone()),
            value: Some(line.value),
            headers: self.headers.clone(),
            timestamp_ms: None,
            deliver_at_ms: self.deliver_at_ms.or_else(|| self.delay.map(|delay| self.after(delay))),
        }
    }
}

/// A record whose outcome is open.
struct Sent {
    delivery: Delivery,
    /// Bytes of its line.
    bytes: u64,
}

struct Sender<'a> {
    producer: Producer,
    topic: &'a str,
    partition: Option<u32>,
    /// Sent, outcome open, in the order of sending.
    open: VecDeque<Sent>,
    acked: u64,
    failed: u64,
    unknown: u64,
    /// The first one. Nothing is sent after it.
    failure: Option<Failure>,
    progress: Progress,
}

impl Sender<'_> {
    /// Sends until the input ends or something fails.
    async fn send_all(&mut self, input: Input, template: &Template) {
        let tasks = TaskTracker::new();
        let mut chunks = input.read_on(&tasks);
        while self.failure.is_none() {
            tokio::select! {
                biased;
                Some((outcome, bytes)) = first(&mut self.open) => self.note(outcome, bytes),
                chunk = chunks.recv() => match chunk {
                    None => return,
                    Some(Err(failure)) => self.fail(failure),
                    Some(Ok(lines)) => self.send_chunk(lines, template).await,
                },
            }
        }
    }

    async fn send_chunk(&mut self, lines: Vec<Line>, template: &Template) {
        for line in lines {
            if self.failure.is_some() {
                return;
            }
            let bytes = line.value.len() as u64 + 1;
            let record = template.record(line);
            let sent = match self.partition {
                Some(partition) => self.producer.send_to(self.topic, partition, record).await,
                None => self.producer.send(self.topic, record).await,
            };
            match sent {
                Ok(delivery) => self.open.push_back(Sent { delivery, bytes }),
                Err(error) => self.note(Err(error), bytes),
            }
            // Keeps what is remembered small; whatever is open still is bounded by the producer's buffer.
            while let Some(Some((outcome, bytes))) = unconstrained(first(&mut self.open)).now_or_never() {
                self.note(outcome, bytes);
            }
        }
    }

    /// Waits for what is open. A second interrupt ends the wait; what is open then counts as unknown.
    async fn finish(&mut self) {
        let interrupted = tokio::select! {
            () = self.drain() => false,
            _ = tokio::signal::ctrl_c() => true,
        };
        if interrupted {
            self.unknown += self.open.len() as u64;
            self.fail(Failure::interrupted());
        }
    }

    async fn drain(&mut self) {
        // Each failure of a record is counted below; this is one of the producer as a whole.
        if let Err(error) = self.producer.flush().await {
            self.fail(error.into());
        }
        while let Some((outcome, bytes)) = first(&mut self.open).await {
            self.note(outcome, bytes);
        }
    }

    fn note(&mut self, outcome: Result<Acked, Error>, bytes: u64) {
        match outcome {
            Ok(_) => {
                self.acked += 1;
                self.progress.acked(bytes);
            }
            Err(error) => {
                let count = if error.is_outcome_unknown() { &mut self.unknown } else { &mut self.failed };
                *count += 1;
                self.fail(error.into());
            }
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}

/// The outcome of the first one, which is removed then, and the bytes of its line; none if there is none.
async fn first(open: &mut VecDeque<Sent>) -> Option<(Result<Acked, Error>, u64)> {
    let Sent { delivery, bytes } = open.front_mut()?;
    let outcome = (delivery.await, *bytes);
    open.pop_front();
    Some(outcome)
}
