//! `levee work`
//!
//! Must hold: a record is acknowledged only after it was written to standard output.

use super::consume::no_record;
use crate::cli::work::WorkArgs;
use crate::failure::Failure;
use crate::output::{self, Stop, View};
use crate::position::Place;
use crate::record_format::Placed;
use crate::session::Session;
use futures::FutureExt;
use levee_client::{Error, Leased, QueueSettings, Settled, Worker, WorkerSettings};
use levee_types::{ErrorCode, TopicName};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

/// Records that are in hand at once.
const CREDIT: u32 = 100;

pub(super) async fn run(args: &WorkArgs, session: &Session) -> Result<View, Failure> {
    let address = session.group(&args.group)?;
    if matches!(args.from, Place::Offset(_)) {
        return Err(Failure::usage("a queue does not begin at an offset")
            .with_hint("choose start, end or a time with --from"));
    }
    for topic in args.topics.iter().chain(&args.dead_letter_topic) {
        TopicName::new(topic)?;
    }
    let queue = QueueSettings {
        max_deliveries: args.max_deliveries,
        dead_letter_topic: args.dead_letter_topic.clone(),
        ordered_by_key: args.ordered_by_key,
        start: args.from.start_at(&**session.clock()),
        ..QueueSettings::new(&args.topics)
    };
    let settings = WorkerSettings {
        queue: Some(queue).filter(|queue| !queue.topics.is_empty()),
        // What is taken and not printed would be handed out again.
        credit: args
            .number
            .and_then(|number| u32::try_from(number).ok())
            .map_or(CREDIT, |left| left.min(CREDIT)),
        ..WorkerSettings::new(address.group.as_str())
    };
    let scope = session.records_of_tenant(address.tenant.as_ref()).await?;
    let mut worker = session.ask(scope.client.worker(settings)).await?;

    let mut printer = Printer { out: io::stdout(), args, left: args.number, open: VecDeque::new() };
    let worked = tokio::select! {
        worked = printer.work(&mut worker, session.given_timeout()) => worked,
        // The way to end a command that waits for more.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    let settled = session.ask(printer.settle()).await.map_err(Stop::Input);
    worked.and(settled).map_or_else(Into::into, |()| Ok(View::default()))
}

struct Printer<'a, W> {
    out: W,
    args: &'a WorkArgs,
    /// How many records are still to be printed; none: all.
    left: Option<u64>,
    /// Acknowledged, not yet answered.
    open: VecDeque<Settled>,
}

impl<W: Write> Printer<'_, W> {
    /// Prints records until there are enough.
    async fn work(&mut self, worker: &mut Worker, patience: Option<Duration>) -> Result<(), Stop> {
        while self.left != Some(0) {
            let leased = match patience {
                None => worker.next().await,
                Some(patience) => tokio::time::timeout(patience, worker.next())
                    .await
                    .map_err(|_| Stop::Input(no_record(patience)))?,
            };
            self.print(leased.map_err(of_server)?)?;
            while let Some(outcome) = self.open.front_mut().and_then(FutureExt::now_or_never) {
                self.open.pop_front();
                note(outcome).map_err(of_server)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, leased: Leased) -> io::Result<()> {
        let placed = Placed {
            topic: &leased.record.topic,
            partition: leased.record.partition,
            offset: leased.record.offset,
            append_time_ms: leased.record.timestamp_ms,
            record: &leased.record.record,
        };
        // Whole: one write a record.
        let mut text = Vec::new();
        self.args.format.write(&mut text, placed)?;
        self.out.write_all(&text)?;
        self.out.flush()?;
        self.left = self.left.map(|left| left - 1);
        self.open.push_back(leased.ack());
        Ok(())
    }

    /// Waits for what is acknowledged.
    async fn settle(&mut self) -> Result<(), Error> {
        while let Some(settled) = self.open.front_mut() {
            let outcome = settled.await;
            self.open.pop_front();
            note(outcome)?;
        }
        Ok(())
    }
}

/// A record that is handed out again is no failure.
fn note(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if error.is_outcome_unknown() || error.code() == Some(ErrorCode::LeaseExpired) => {
            output::note(&format!("note: a record that was printed may be handed out again: {error}"));
            Ok(())
        }
        outcome => outcome,
    }
}

fn of_server(error: Error) -> Stop {
    Stop::Input(error.into())
}
