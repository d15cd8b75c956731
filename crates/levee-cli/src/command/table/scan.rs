//! `levee table scan`

use super::{Printer, place};
use crate::cli::table::ScanArgs;
use crate::failure::Failure;
use crate::output::{Stop, View};
use crate::session::Session;
use bytes::Bytes;
use levee_client::{TableScan, TableScanner};
use std::io::{self, BufWriter, Write};

pub(super) async fn run(args: &ScanArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let scan = TableScan {
        prefix: bytes(&args.prefix),
        after_key: args.after.as_deref().map(bytes),
        limit: args.number,
        at: place(&args.at),
    };
    let tables = scope.client.tables();
    let scanner = session.ask(tables.scan(address.topic.as_str(), scan)).await?;
    let out = BufWriter::new(io::stdout().lock());
    let mut printer = Printer { out, format: &args.format, left: args.number };
    let printed = tokio::select! {
        printed = copy(scanner, &mut printer, session) => printed,
        _ = tokio::signal::ctrl_c() => Err(Stop::Input(Failure::interrupted())),
    };
    printer.finish(printed)
}

async fn copy(
    mut scanner: TableScanner,
    printer: &mut Printer<'_, impl Write>,
    session: &Session,
) -> Result<(), Stop> {
    // A server that is away is waited for, as long as an answer may take.
    let mut next = async || session.ask(async { scanner.next().await.transpose() }).await;
    while let Some(read) = next().await.map_err(Stop::Input)? {
        printer.print(&read)?;
    }
    Ok(())
}
