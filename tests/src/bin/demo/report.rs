//! The table that the demo prints.

use crate::Airline;
use crate::stream::Crash;
use crate::verify::Verdict;
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;
use std::time::Duration;

/// What is printed, beside the airlines.
pub(crate) struct Report<'a> {
    /// In the order of the airlines.
    pub(crate) verdicts: &'a [Verdict],
    /// Bytes that the broker stores, in the order of the airlines.
    pub(crate) stored_bytes: &'a [u64],
    /// Bytes of the files of the data directory.
    pub(crate) directory_bytes: u64,
    /// How long producing took, without the time that the broker was down.
    pub(crate) producing: Duration,
    /// How long reading took.
    pub(crate) reading: Duration,
    /// What happened at each kill.
    pub(crate) crashes: &'a [Crash],
}

/// Prints the table, the findings, and the rates on the last line.
pub(crate) fn print(airlines: &[Airline], report: &Report<'_>) {
    println!("{}\n", table(airlines, report).trim_fmt());
    for (airline, verdict) in airlines.iter().zip(report.verdicts) {
        for example in &verdict.examples {
            println!("{}: {example}", airline.tenant);
        }
    }
    println!("{}", rates(airlines, report));
}

fn table(airlines: &[Airline], report: &Report<'_>) -> Table {
    let header = [
        "tenant",
        "airline",
        "sent",
        "acked",
        "read back",
        "lost",
        "duplicated",
        "differing",
        "bytes on disk",
    ];
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let mut totals = [0; 7];
    for ((airline, verdict), stored) in airlines.iter().zip(report.verdicts).zip(report.stored_bytes) {
        let Verdict { sent, acked, read, lost, duplicated, differing, .. } = verdict;
        let numbers = [*sent, *acked, *read, *lost, *duplicated, *differing, *stored];
        for (total, number) in totals.iter_mut().zip(numbers) {
            *total += number;
        }
        table.add_row(row(airline.tenant.as_str(), airline.name, numbers));
    }
    table.add_row(row("total", "", totals));
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(tenant: &str, airline: &str, numbers: [u64; 7]) -> Vec<String> {
    [tenant.to_owned(), airline.to_owned()]
        .into_iter()
        .chain(numbers.map(|number| grouped(&number.to_string())))
        .collect()
}

fn rates(airlines: &[Airline], report: &Report<'_>) -> String {
    let acked: u64 = report.verdicts.iter().map(|verdict| verdict.acked).sum();
    let read: u64 = report.verdicts.iter().map(|verdict| verdict.read).sum();
    let bytes: u64 =
        airlines.iter().flat_map(|airline| &airline.flights).map(crate::flights::Flight::bytes).sum();
    let mut line = format!(
        "produced {}, read back {}",
        rate(acked, bytes, report.producing),
        rate(read, bytes, report.reading)
    );
    for crash in report.crashes {
        let _ = write!(
            line,
            "; killed with {} in flight, restarted in {:.2} s",
            grouped(&crash.in_flight.to_string()),
            crash.restart.as_secs_f64()
        );
    }
    let _ = write!(line, "; data directory {:.1} MB", report.directory_bytes as f64 / 1e6);
    line
}

fn rate(records: u64, bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let records = grouped(&format!("{:.0}", records as f64 / seconds));
    format!("{records} records/s ({:.1} MB/s)", bytes as f64 / 1e6 / seconds)
}

/// The digits of a number with the thousands apart: 27,004.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let expected =
            [("0", "0"), ("999", "999"), ("1000", "1,000"), ("27004", "27,004"), ("1234567", "1,234,567")];
        for (digits, text) in expected {
            assert_eq!(grouped(digits), text);
        }
    }
}
