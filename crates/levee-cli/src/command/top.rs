//! `levee top`: who uses the server at present. The server tells running counters; what two looks at them differ by is
//! what was used between.

mod live;
mod rates;
mod screen;
mod show;
mod source;

use crate::cli::top::{By, Sort, TopArgs};
use crate::failure::Failure;
use crate::output::{self, Format, View};
use crate::session::Session;
use rates::Meter;
use source::Source;
use std::io::{self, IsTerminal as _};

pub(super) async fn run(args: &TopArgs, format: Format, session: &Session) -> Result<View, Failure> {
    check(args)?;
    let mut watch = Watch { source: Source::new(args, session)?, meter: Meter::default(), args };
    let is_for_people = matches!(format, Format::Table | Format::Wide);
    let rounds = if args.once { Some(1) } else { args.number };
    match rounds {
        None if is_for_people && io::stdout().is_terminal() => live::run(&mut watch, format).await,
        rounds => print_rounds(&mut watch, rounds.unwrap_or(1), format).await,
    }
}

/// What is looked at, and what was seen.
struct Watch<'a> {
    source: Source<'a>,
    meter: Meter,
    args: &'a TopArgs,
}

impl Watch<'_> {
    /// What the server tells now, and what was used since it told before.
    async fn look(&mut self) -> Result<View, Failure> {
        let reading = self.source.read().await?;
        let rates = self.meter.measure(&reading);
        Ok(show::round(self.args, &reading, &rates))
    }
}

/// Each round needs two looks; all but the first have the one before. The last one is the result of the command.
async fn print_rounds(watch: &mut Watch<'_>, rounds: u32, format: Format) -> Result<View, Failure> {
    watch.look().await?;
    for _ in 1..rounds {
        tokio::time::sleep(watch.args.interval).await;
        let view = watch.look().await?;
        if let Err(stop) = output::print_one_of_several(format, &view) {
            return stop.into();
        }
    }
    tokio::time::sleep(watch.args.interval).await;
    watch.look().await
}

/// Refuses what the lines do not have.
fn check(args: &TopArgs) -> Result<(), Failure> {
    let of_topics = matches!(args.sort, Sort::In | Sort::RecordsIn | Sort::Stored | Sort::Name);
    match args.by {
        By::Topic if !of_topics => Err(Failure::usage("topics are not measured by that")
            .with_hint("sort topics by in, records-in, stored or name")),
        By::Tenant if args.sort == Sort::Stored => {
            Err(Failure::usage("the server knows the busiest tenants, not those that store most")
                .with_hint("see what tenants store with: levee tenant ls -o wide"))
        }
        By::Tenant if !args.prefix.is_empty() => {
            Err(Failure::usage("--prefix is about topics").with_hint("add --by topic, or leave it out"))
        }
        By::Tenant | By::Topic => Ok(()),
    }
}

#[cfg(test)]
mod tests;
