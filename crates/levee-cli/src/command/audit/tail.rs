//! `levee audit tail`: writes events as they come, one a line. There is no stream of them: the server is asked again
//! and again.

use super::{latest, page, show};
use crate::cli::audit::TailArgs;
use crate::failure::Failure;
use crate::output::{self, Stop, View};
use crate::session::Session;
use levee_client::v1::AuditEvent;
use std::io::{self, Write};
use std::time::Duration;

/// How long nothing is asked when there was nothing new.
const PAUSE: Duration = Duration::from_secs(1);

/// Events, and the sequence number of the one after them.
type Page = (Vec<AuditEvent>, u64);

pub(super) async fn run(args: &TailArgs, session: &Session) -> Result<View, Failure> {
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let mut printer = Printer { out: io::stdout(), as_json: args.json };
    let (events, next) = latest(&scope, args.number, session).await?;
    let tail = async {
        printer.print(&events)?;
        if args.follow {
            let fetch = async |from: u64| page(&scope, from, session).await;
            follow(next, fetch, async || tokio::time::sleep(PAUSE).await, &mut printer).await?;
        }
        Ok(())
    };
    let outcome: Result<(), Stop> = tokio::select! {
        outcome = tail => outcome,
        // The way to end a command that follows.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    outcome.map_or_else(Into::into, |()| Ok(View::default()))
}

/// Prints events from this one on, for ever. A server that is away is waited for.
async fn follow(
    from: u64,
    fetch: impl AsyncFn(u64) -> Result<Page, Failure>,
    pause: impl AsyncFn(),
    printer: &mut Printer<impl Write>,
) -> Result<(), Stop> {
    let mut next = from;
    let mut is_away = false;
    loop {
        match fetch(next).await {
            Ok((events, after)) => {
                printer.print(&events)?;
                next = after;
                is_away = false;
                if !events.is_empty() {
                    continue;
                }
            }
            Err(failure) if failure.retryable => {
                if !is_away {
                    output::note(&format!("waiting for the server: {}", failure.message));
                }
                is_away = true;
            }
            Err(failure) => return Err(Stop::Input(failure)),
        }
        pause().await;
    }
}

struct Printer<W> {
    out: W,
    as_json: bool,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, events: &[AuditEvent]) -> io::Result<()> {
        for event in events {
            if self.as_json {
                writeln!(self.out, "{}", show::json(event))?;
            } else {
                writeln!(self.out, "{}", show::line(event))?;
            }
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
