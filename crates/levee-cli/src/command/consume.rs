//! `levee consume`

mod group;

use crate::cli::consume::ConsumeArgs;
use crate::failure::Failure;
use crate::output::{Stop, View};
use crate::record_format::{Placed, RecordFormat};
use crate::session::Session;
use crate::units;
use levee_client::{ReadBatch, Reader, ReaderSettings};
use std::io::{self, BufWriter, Write};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Bytes that are gathered before they are written, as long as more records are at hand.
const OUTPUT_BUFFER: usize = 64 * 1024;

pub(super) async fn run(args: &ConsumeArgs, session: &Session) -> Result<View, Failure> {
    if let Some(name) = &args.group {
        return group::run(args, name, session).await;
    }
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    let topic = session.topic(&scope, &address).await?;
    let positions =
        args.from.positions(address.topic.as_str(), topic.partitions, args.partition, &**session.clock())?;
    let settings = ReaderSettings { stop_at_end: args.until_end, ..ReaderSettings::default() };
    let reader = session.ask(scope.client.reader(positions, settings)).await?;

    let out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let mut printer = Printer { out, format: &args.format, left: args.number };
    let copied = tokio::select! {
        copied = copy(reader, &mut printer, session.given_timeout()) => copied,
        // The way to end a command that follows the log.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    // What came before a failure is still worth to be seen.
    let flushed = printer.out.flush().map_err(Stop::Output);
    copied.and(flushed).map_or_else(Into::into, |()| Ok(View::default()))
}

/// Prints records until there are enough or no more.
async fn copy(
    mut reader: Reader,
    printer: &mut Printer<'_, impl Write>,
    patience: Option<Duration>,
) -> Result<(), Stop> {
    loop {
        let mut next = pin!(reader.next_batch());
        // What was printed is not held back while there is nothing to do.
        let batch = match futures::poll!(&mut next) {
            Poll::Ready(batch) => batch,
            Poll::Pending => {
                printer.out.flush().map_err(Stop::Output)?;
                match patience {
                    None => next.await,
                    Some(patience) => tokio::time::timeout(patience, next)
                        .await
                        .map_err(|_| Stop::Input(no_record(patience)))?,
                }
            }
        };
        match batch {
            None => return Ok(()),
            Some(Err(error)) => return Err(Stop::Input(error.into())),
            Some(Ok(batch)) => {
                printer.print(&batch).map_err(Stop::Output)?;
                if printer.left == Some(0) {
                    return Ok(());
                }
            }
        }
    }
}

pub(super) fn no_record(patience: Duration) -> Failure {
    Failure::timeout(format!("no record arrived within {}", units::show_duration(patience)))
}

struct Printer<'a, W: Write> {
    out: W,
    format: &'a RecordFormat,
    /// How many records are still to be printed; none: all.
    left: Option<u64>,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, batch: &ReadBatch) -> io::Result<()> {
        for (offset, record) in batch.offsets.iter().zip(&batch.records) {
            if self.left == Some(0) {
                break;
            }
            let placed = Placed {
                topic: &batch.topic,
                partition: batch.partition,
                offset: *offset,
                append_time_ms: batch.append_time_ms,
                record,
            };
            self.format.write(&mut self.out, placed)?;
            self.left = self.left.map(|left| left - 1);
        }
        Ok(())
    }
}
