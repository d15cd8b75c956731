//! `levee table get`

use super::{place, placed};
use crate::cli::table::GetArgs;
use crate::failure::{Failure, Partial};
use crate::output::{Column, Section, View};
use crate::record_format;
use crate::session::Session;
use crate::units::show_time;
use bytes::Bytes;
use levee_client::ReadRecord;
use serde_json::Value;

pub(super) async fn run(args: &GetArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    let keys: Vec<Bytes> = args.keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())).collect();
    let tables = scope.client.tables();
    let found = session.ask(tables.get_many(address.topic.as_str(), keys, place(&args.at))).await?;
    let missing: Vec<_> =
        args.keys.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(key, _)| key).collect();
    let found: Vec<_> = found.iter().flatten().collect();
    let view = view(&found).with("topic", address.json());
    let Some(first) = missing.first() else { return Ok(view) };
    let message = match missing.len() {
        1 => format!("table {address} has no key {first:?}"),
        several => format!("table {address} has no key {first:?}, and {} others not", several - 1),
    };
    let partial = Some(Box::new(Partial { view, each: Vec::new() }));
    Err(Failure { partial, ..Failure::not_found(message) })
}

fn view(found: &[&ReadRecord]) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("KEY"),
        Column::text("VALUE"),
        Column::number("PARTITION").wide(),
        Column::number("OFFSET").wide(),
        Column::text("TIME").wide(),
    ];
    let text = |bytes: Option<&Bytes>| {
        String::from_utf8_lossy(bytes.map(Bytes::as_ref).unwrap_or_default()).into_owned()
    };
    let rows = found.iter().map(|read| {
        vec![
            text(read.record.key.as_ref()),
            text(read.record.value.as_ref()),
            read.partition.to_string(),
            read.offset.to_string(),
            show_time(read.timestamp_ms),
        ]
    });
    let records: Vec<Value> = found.iter().map(|read| record_format::json(placed(read))).collect();
    View::of("records", Value::Array(records))
        .named(found.iter().map(|read| text(read.record.key.as_ref())))
        .section(Section::Rows { columns: COLUMNS, rows: rows.collect() })
}
