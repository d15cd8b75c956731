//! The input: a CSV file of flights, as the records that are streamed.
//!
//! Must hold: each row becomes one record with every column of the file, so that what is read back can
//! be compared with the file value by value.

use crate::Result;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use levee_client::Record;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The columns that are text; all others are numbers.
const TEXT_COLUMNS: [&str; 5] = ["carrier", "tailnum", "origin", "dest", "time_hour"];

/// The header that carries the number of the row: it makes every record unique.
const ROW_HEADER: &str = "row";

/// One flight, as a record of its airline's topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flight {
    /// The number of its row in the file, from 1.
    pub(crate) row: u64,
    /// The tail number of the plane, where it is known.
    pub(crate) key: Option<Bytes>,
    /// The row as a JSON object.
    pub(crate) value: Bytes,
    /// The scheduled departure, in Unix milliseconds.
    pub(crate) timestamp_ms: i64,
}

impl Flight {
    /// The record to send.
    pub(crate) fn to_record(&self) -> Record {
        Record {
            key: self.key.clone(),
            value: Some(self.value.clone()),
            headers: vec![(ROW_HEADER.to_owned(), Some(Bytes::from(self.row.to_string())))],
            timestamp_ms: Some(self.timestamp_ms),
            deliver_at_ms: None,
        }
    }

    /// The flight of a record that was read; `None` when it is not one of ours.
    pub(crate) fn from_record(record: &Record, timestamp_ms: i64) -> Option<Self> {
        let [(name, Some(row))] = record.headers.as_slice() else { return None };
        let row = std::str::from_utf8(row).ok()?.parse().ok()?;
        let value = record.value.clone()?;
        (name == ROW_HEADER).then(|| Self { row, key: record.key.clone(), value, timestamp_ms })
    }

    /// Bytes of key and value.
    pub(crate) fn bytes(&self) -> u64 {
        (self.key.as_ref().map_or(0, Bytes::len) + self.value.len()) as u64
    }
}

/// The flights of each carrier, in the order of the file.
pub(crate) type Flights = BTreeMap<String, Vec<Flight>>;

/// Reads a file of flights: `.csv`, `.csv.gz`, or `-` for CSV on standard input.
pub(crate) fn read(path: &Path) -> Result<Flights> {
    let context = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = BufReader::new(File::open(path).map_err(|error| context(&error))?);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Box::new(MultiGzDecoder::new(file)),
            Some("csv") => Box::new(file),
            _ => return Err(context(&"neither .csv nor .csv.gz; unpack it, and pass - to pipe it in").into()),
        }
    };
    parse(input).map_err(|error| context(&error).into())
}

/// Reads CSV with the columns of nycflights13.
fn parse(input: impl Read) -> Result<Flights> {
    let mut reader = csv::Reader::from_reader(input);
    let names = reader.headers()?.clone();
    let index = |name: &str| {
        names.iter().position(|column| column == name).ok_or_else(|| format!("there is no column {name}"))
    };
    let (carrier, tailnum, hour, minute) =
        (index("carrier")?, index("tailnum")?, index("time_hour")?, index("minute")?);

    let mut flights = Flights::new();
    for (row, number) in reader.records().zip(1..) {
        let row = row?;
        let in_row = |error: &dyn std::fmt::Display| format!("row {number}: {error}");
        let value = to_json(&names, &row).map_err(|error| in_row(&error))?;
        let hour: Timestamp = row[hour].parse().map_err(|error| in_row(&error))?;
        let minute: i64 = row[minute].parse().map_err(|error| in_row(&error))?;
        let flight = Flight {
            row: number,
            key: known(&row[tailnum]).map(|tail| Bytes::copy_from_slice(tail.as_bytes())),
            value,
            timestamp_ms: hour.as_millisecond() + minute * 60_000,
        };
        flights.entry(row[carrier].to_owned()).or_default().push(flight);
    }
    Ok(flights)
}

/// A field, unless it says that it is not available.
fn known(field: &str) -> Option<&str> {
    (!field.is_empty() && field != "NA").then_some(field)
}

/// A row as a JSON object with its columns in the order of the file.
fn to_json(names: &csv::StringRecord, row: &csv::StringRecord) -> Result<Bytes> {
    let mut json = String::with_capacity(384);
    for (name, field) in names.iter().zip(row) {
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&serde_json::to_string(name)?);
        json.push(':');
        match known(field) {
            None => json.push_str("null"),
            Some(text) if TEXT_COLUMNS.contains(&name) => json.push_str(&serde_json::to_string(text)?),
            Some(number) => {
                let number: serde_json::Number = serde_json::from_str(number)
                    .map_err(|_| format!("{name} is not a number: {number:?}"))?;
                json.push_str(&number.to_string());
            }
        }
    }
    json.push('}');
    Ok(Bytes::from(json))
}

#[cfg(test)]
mod tests;
