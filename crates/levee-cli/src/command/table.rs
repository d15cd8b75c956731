//! `levee table …`

mod erase;
mod get;
mod scan;
mod watch;

use crate::cli::table::{At, TableCommand};
use crate::failure::Failure;
use crate::output::{Stop, View};
use crate::record_format::{Placed, RecordFormat};
use crate::session::Session;
use levee_client::{ReadRecord, TableAt};
use std::io::{self, Write};

pub(super) async fn run(command: &TableCommand, session: &Session) -> Result<View, Failure> {
    match command {
        TableCommand::Get(args) => get::run(args, session).await,
        TableCommand::Scan(args) => scan::run(args, session).await,
        TableCommand::Watch(args) => watch::run(args, session).await,
        TableCommand::Erase(args) => erase::run(args, session).await,
    }
}

fn place(at: &At) -> TableAt {
    TableAt { partition: at.partition, min_offset: at.min_offset }
}

fn placed(read: &ReadRecord) -> Placed<'_> {
    Placed {
        topic: &read.topic,
        partition: read.partition,
        offset: read.offset,
        append_time_ms: read.timestamp_ms,
        record: &read.record,
    }
}

/// Writes records as they come.
struct Printer<'a, W: Write> {
    out: W,
    format: &'a RecordFormat,
    /// How many are still to be printed; none: all.
    left: Option<u64>,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, read: &ReadRecord) -> io::Result<()> {
        self.format.write(&mut self.out, placed(read))?;
        self.left = self.left.map(|left| left - 1);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// What came before a failure is still worth to be seen.
    fn finish(mut self, printed: Result<(), Stop>) -> Result<View, Failure> {
        let flushed = self.out.flush().map_err(Stop::Output);
        printed.and(flushed).map_or_else(Into::into, |()| Ok(View::default()))
    }
}
