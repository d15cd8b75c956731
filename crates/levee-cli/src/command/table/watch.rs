//! `levee table watch`

use super::Printer;
use crate::cli::table::WatchArgs;
use crate::command::consume::no_record;
use crate::failure::Failure;
use crate::output::{self, Stop, View};
use crate::session::Session;
use bytes::Bytes;
use levee_client::{ReadRecord, Record, TableChange, TableWatch, TableWatcher};
use std::io::{self, Write};
use std::time::Duration;

pub(super) async fn run(args: &WatchArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
    let watch = TableWatch {
        keys: args.keys.iter().map(bytes).collect(),
        prefix: bytes(&args.prefix),
        partition: args.partition,
    };
    let tables = scope.client.tables();
    let watcher = session.ask(tables.watch(address.topic.as_str(), watch)).await?;
    let mut printer = Printer { out: io::stdout(), format: &args.format, left: args.number };
    let topic = address.topic.as_str();
    let printed = tokio::select! {
        printed = follow(watcher, topic, &mut printer, session.given_timeout()) => printed,
        // The way to end a command that follows.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    printer.finish(printed)
}

async fn follow(
    mut watcher: TableWatcher,
    topic: &str,
    printer: &mut Printer<'_, impl Write>,
    patience: Option<Duration>,
) -> Result<(), Stop> {
    let mut has_begun = false;
    while !printer.is_done() {
        let change = match patience {
            None => watcher.next().await,
            Some(patience) => tokio::time::timeout(patience, watcher.next())
                .await
                .map_err(|_| Stop::Input(no_record(patience)))?,
        };
        match change.map_err(|error| Stop::Input(error.into()))? {
            TableChange::Begin if has_begun => {
                output::note("note: the connection was lost; what keys have is printed again");
            }
            TableChange::Begin => has_begun = true,
            TableChange::Put(read) => print(printer, &read)?,
            TableChange::Deleted { key, partition, offset, append_time_ms } => {
                let record = Record { key: Some(key), ..Record::default() };
                let timestamp_ms = append_time_ms;
                print(printer, &ReadRecord { topic: topic.into(), partition, offset, timestamp_ms, record })?;
            }
            TableChange::Current => {}
        }
    }
    Ok(())
}

/// Each is to be seen at once.
fn print(printer: &mut Printer<'_, impl Write>, read: &ReadRecord) -> io::Result<()> {
    printer.print(read)?;
    printer.out.flush()
}
