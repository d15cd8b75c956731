//! The main job of Levee on real input: the departures of New York's airports, each airline a tenant.
//!
//! Starts `leveed` on an empty directory, creates a tenant and a topic for each airline with `levee`,
//! streams every flight through the client, kills the broker on the way, starts it again, reads
//! everything back and compares. Prints one table on standard output and exits with 0 only if nothing
//! was lost, duplicated or changed.

#![expect(clippy::disallowed_methods, reason = "a program at the edge, which measures real time")]

mod airline;
mod broker;
mod flights;
mod progress;
mod read_back;
mod report;
mod stream;
mod verify;

use broker::Broker;
use clap::Parser;
use flights::Flight;
use levee_client::{Client, ClientConfig, Identity};
use levee_types::TenantName;
use progress::say;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The topic of each tenant.
const TOPIC: &str = "departures";

/// The flights of one month.
const JANUARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/flights-2013-01.csv.gz");

/// Anything that ends the demo early, as a text for a person.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Streams flights through a broker that is killed on the way, and compares what is read back.
#[derive(Parser)]
struct Arguments {
    /// Flights in the columns of nycflights13: .csv, .csv.gz, or - for CSV on standard input
    #[arg(long, value_name = "FILE", default_value = JANUARY)]
    flights: PathBuf,
    /// Partitions of each topic
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    partitions: u32,
    /// How many times the broker is killed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=100))]
    kills: u64,
}

/// A tenant with what is sent to it.
struct Airline {
    tenant: TenantName,
    name: &'static str,
    flights: Vec<Flight>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::select! {
        outcome = run(&arguments) => outcome,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("demo: FAILED: what was read back is not what was sent");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("demo: FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo; `false` when what was read is not what was sent.
async fn run(arguments: &Arguments) -> Result<bool> {
    let airlines = airlines(&arguments.flights)?;
    let total = airlines.iter().map(|airline| airline.flights.len() as u64).sum();
    say("input", &format!("{total} flights of {} airlines", airlines.len()));

    let mut broker = Broker::new()?;
    let ready = broker.start().await?;
    say("leveed", &format!("answered on an empty directory after {:.2} s", ready.as_secs_f64()));
    create(&broker, &airlines, arguments.partitions)?;
    say("levee", &format!("created {} tenants, each with the topic {TOPIC}", airlines.len()));

    let clients = airlines
        .iter()
        .map(|airline| {
            let identity = Identity::DevTenant(airline.tenant.clone());
            Ok(Client::new(ClientConfig::new(broker.endpoint(), identity))?)
        })
        .collect::<Result<Vec<_>>>()?;
    let streamed = stream::stream(&airlines, &clients, &mut broker, arguments.kills).await?;
    let read = read_back::read_back(&clients, arguments.partitions, total).await?;

    let verdicts: Vec<_> = airlines
        .iter()
        .zip(&streamed.acked)
        .zip(&read.stored)
        .map(|((airline, acked), stored)| verify::verify(&airline.flights, acked, stored))
        .collect();
    let mut stored_bytes = Vec::new();
    for client in &clients {
        stored_bytes.push(broker::stored_bytes(client).await?);
    }
    report::print(
        &airlines,
        &report::Report {
            verdicts: &verdicts,
            stored_bytes: &stored_bytes,
            directory_bytes: broker.directory_bytes()?,
            producing: streamed.elapsed,
            reading: read.elapsed,
            crashes: &streamed.crashes,
        },
    );
    Ok(verdicts.iter().all(verify::Verdict::is_clean))
}

/// Creates the tenants and their topics the way a person would.
fn create(broker: &Broker, airlines: &[Airline], partitions: u32) -> Result<()> {
    let tenants: Vec<_> = airlines.iter().map(|airline| airline.tenant.as_str()).collect();
    broker.levee(&["tenant", "create"], &tenants)?;
    let topics: Vec<_> = tenants.iter().map(|tenant| format!("{tenant}/{TOPIC}")).collect();
    broker.levee(&["topic", "create", "--partitions", &partitions.to_string()], &topics)
}

/// The airlines of a file of flights.
fn airlines(path: &Path) -> Result<Vec<Airline>> {
    let airlines = flights::read(path)?
        .into_iter()
        .map(|(carrier, flights)| {
            let name = airline::name(&carrier).unwrap_or_default();
            Ok(Airline { tenant: airline::tenant(&carrier)?, name, flights })
        })
        .collect::<Result<Vec<_>>>()?;
    if airlines.is_empty() { Err(format!("{} has no flights", path.display()).into()) } else { Ok(airlines) }
}
