//! `levee audit …`

use crate::cli::audit::{AuditCommand, LsArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::session::{Scope, Session};
use crate::units::show_time;
use levee_client::v1::{AuditEvent, ListAuditEventsRequest};
use levee_types::limits::MAX_PAGE_SIZE;

mod show;
mod tail;

pub(super) async fn run(command: &AuditCommand, session: &Session) -> Result<View, Failure> {
    match command {
        AuditCommand::Ls(args) => list(args, session).await,
        AuditCommand::Describe { sequence, of } => describe(*sequence, of.operator, session).await,
        AuditCommand::Tail(args) => tail::run(args, session).await,
    }
}

async fn list(args: &LsArgs, session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("TIME"),
        Column::text("DECISION"),
        Column::text("PRINCIPAL"),
        Column::text("ACTION"),
        Column::text("RESOURCE"),
        Column::text("REASON"),
        Column::number("COUNT").wide(),
        Column::text("SOURCE").wide(),
        Column::text("REQUEST").wide(),
        Column::number("SEQUENCE").wide(),
    ];
    let scope = session.tenant_or_operators(args.of.operator).await?;
    let events = match args.number {
        Some(number) => latest(&scope, number, session).await?.0,
        None => all(&scope, args.from, session).await?,
    };
    let rows = events.iter().map(|event| {
        vec![
            show_time(event.time_ms),
            show::decision(event).to_owned(),
            event.principal.clone(),
            event.action.clone(),
            show::resource(event),
            event.reason.clone(),
            event.count.to_string(),
            event.source.clone(),
            event.request_id.clone(),
            event.sequence.to_string(),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    Ok(View::of("events", events.iter().map(show::json).collect())
        .named(events.iter().map(|event| event.sequence.to_string()))
        .section(section))
}

async fn describe(sequence: u64, operators: bool, session: &Session) -> Result<View, Failure> {
    let scope = session.tenant_or_operators(operators).await?;
    let (events, _) = ask(&scope, From::Sequence(sequence), 1, session).await?;
    match events.first().filter(|event| event.sequence == sequence) {
        Some(event) => Ok(show::described(event)),
        None => Err(Failure::not_found(format!("there is no event {sequence}"))
            .with_hint("the oldest go with time; list what is there with: levee audit ls")),
    }
}

/// The latest events, and the sequence number of the next one.
async fn latest(scope: &Scope, number: u32, session: &Session) -> Result<(Vec<AuditEvent>, u64), Failure> {
    // 0 would be as many as the server likes.
    let (mut events, mut next) = ask(scope, From::Latest, number.max(1), session).await?;
    if number == 0 {
        events.clear();
        return Ok((events, next));
    }
    // A page of large events is cut.
    while events.len() < number as usize {
        let missing = number - u32::try_from(events.len()).unwrap_or(number);
        let (more, after) = ask(scope, From::Sequence(next), missing, session).await?;
        if more.is_empty() {
            break;
        }
        events.extend(more);
        next = after;
    }
    Ok((events, next))
}

/// Every event from this one on.
async fn all(scope: &Scope, from: u64, session: &Session) -> Result<Vec<AuditEvent>, Failure> {
    let mut events = Vec::new();
    let mut next = from;
    loop {
        let (page, after) = page(scope, next, session).await?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
        next = after;
    }
}

/// Events from this one on, and the sequence number of the one after them.
async fn page(scope: &Scope, from: u64, session: &Session) -> Result<(Vec<AuditEvent>, u64), Failure> {
    ask(scope, From::Sequence(from), MAX_PAGE_SIZE, session).await
}

/// Where events are taken from.
enum From {
    Sequence(u64),
    /// From the end: the last ones.
    Latest,
}

/// Up to so many events, and the sequence number of the one after them.
async fn ask(
    scope: &Scope,
    from: From,
    page_size: u32,
    session: &Session,
) -> Result<(Vec<AuditEvent>, u64), Failure> {
    let (from_sequence, latest) = match from {
        From::Sequence(sequence) => (sequence, false),
        From::Latest => (0, true),
    };
    let request = ListAuditEventsRequest { tenant: scope.tenant.clone(), from_sequence, page_size, latest };
    let response = session.ask(scope.admin().list_audit_events(request)).await?;
    Ok((response.events, response.next_sequence))
}
