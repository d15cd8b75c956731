//! `levee consume --group`
//!
//! Must hold: what is committed was written to standard output before; so a group loses nothing when this program does.

use super::{OUTPUT_BUFFER, Printer, no_record};
use crate::cli::consume::ConsumeArgs;
use crate::failure::Failure;
use crate::output::{self, Stop, View};
use crate::position::Place;
use crate::session::Session;
use futures::FutureExt as _;
use levee_client::{Consumer, ConsumerSettings, Error, PartitionOffset, ReadBatch, RebalanceListener};
use levee_types::{Clock, ErrorCode, GroupName};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// How often is committed while records keep coming.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(args: &ConsumeArgs, group: &str, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let group = GroupName::new(group)?;
    if matches!(args.from, Place::Offset(_)) {
        return Err(Failure::usage("a group does not begin at an offset")
            .with_hint("choose start, end or a time with --from, or set the place with `levee group seek`"));
    }
    let scope = session.records_of(&address).await?;
    let mut settings = ConsumerSettings::new(group.as_str(), [address.topic.as_str()]);
    settings.start = args.from.start_at(&**session.clock());
    let mut consumer = session.ask(scope.client.consumer(settings)).await?;
    consumer.set_listener(CommitsAll);

    let out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let printer = Printer { out, format: &args.format, left: args.number };
    let mut member =
        Member { consumer, printer, clock: &**session.clock(), committed_at: Duration::ZERO, cut: None };
    let copied = tokio::select! {
        copied = member.copy(session.given_timeout()) => copied,
        // The way to end a command that follows the log.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    let committed = session.ask(member.commit()).await.map_err(Stop::Input);
    copied.and(committed).map_or_else(Into::into, |()| Ok(View::default()))
}

/// Whoever asks for the next batch has written the one before.
struct CommitsAll;

impl RebalanceListener for CommitsAll {
    fn revoked(&mut self, partitions: &[PartitionOffset]) -> Vec<PartitionOffset> {
        partitions.to_vec()
    }
}

struct Member<'a, W: Write> {
    consumer: Consumer,
    printer: Printer<'a, W>,
    clock: &'a dyn Clock,
    /// On the clock.
    committed_at: Duration,
    /// The last batch was not printed as a whole: how far it was.
    cut: Option<PartitionOffset>,
}

impl<W: Write> Member<'_, W> {
    /// Prints records until there are enough.
    async fn copy(&mut self, patience: Option<Duration>) -> Result<(), Stop> {
        loop {
            let batch = match self.consumer.next_batch().now_or_never() {
                Some(batch) => batch,
                None => {
                    self.commit().await.map_err(of_server)?;
                    let next = self.consumer.next_batch();
                    match patience {
                        None => next.await,
                        Some(patience) => tokio::time::timeout(patience, next)
                            .await
                            .map_err(|_| Stop::Input(no_record(patience)))?,
                    }
                }
            };
            self.print(&batch.map_err(of_server)?)?;
            if self.printer.left == Some(0) {
                return Ok(());
            }
            if self.clock.monotonic() >= self.committed_at + COMMIT_EVERY {
                self.commit().await.map_err(of_server)?;
            }
        }
    }

    /// Writes a batch, to the end: what is committed must not be in a buffer of ours.
    fn print(&mut self, batch: &ReadBatch) -> Result<(), Stop> {
        let left = self.printer.left.and_then(|left| usize::try_from(left).ok());
        if let Some(offset) = left.and_then(|left| batch.offsets.get(left).copied()) {
            let (topic, partition) = (batch.topic.clone(), batch.partition);
            self.cut = Some(PartitionOffset { topic, partition, offset });
        }
        self.printer.print(batch)?;
        Ok(self.printer.out.flush()?)
    }

    /// Commits what was printed. Partitions that went to others are printed there again, which is no failure.
    async fn commit(&mut self) -> Result<(), Error> {
        self.committed_at = self.clock.monotonic();
        let mut offsets = self.consumer.assignment();
        if let Some(cut) = &self.cut {
            let is_cut = |at: &&mut PartitionOffset| at.partition == cut.partition && at.topic == cut.topic;
            offsets.iter_mut().filter(is_cut).for_each(|at| at.offset = cut.offset);
        }
        match self.consumer.commit_offsets(&offsets).await {
            Err(error) if error.is_retryable() || error.code() == Some(ErrorCode::MemberFenced) => {
                output::note(&format!("note: records that were printed may be printed again: {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }
}

fn of_server(error: Error) -> Stop {
    Stop::Input(error.into())
}
