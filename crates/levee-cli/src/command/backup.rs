//! `levee backup …`

use super::tenant::show;
use crate::cli::backup::{BackupCommand, RestoreArgs};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::progress;
use crate::session::Session;
use crate::units::{show_size, show_time};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levee_client::v1::{Backup, DamagedBackup, ListBackupsResponse};
use levee_types::TenantName;
use serde_json::{Value, json};

pub(super) async fn run(command: &BackupCommand, session: &Session) -> Result<View, Failure> {
    match command {
        BackupCommand::Create => create(session).await,
        BackupCommand::Ls => list(session).await,
        BackupCommand::Restore(args) => restore(args, session).await,
    }
}

async fn create(session: &Session) -> Result<View, Failure> {
    let admin = session.operator()?.admin();
    let mut making = session.ask(admin.create_backup()).await?;
    let line = bar("{bytes} of {total_bytes}, {bytes_per_sec}");
    let backup = loop {
        let message = tokio::select! {
            message = session.ask(making.next()) => message?,
            _ = tokio::signal::ctrl_c() => {
                let hint = "the server goes on with the backup; see it with: levee backup ls";
                return Err(Failure::interrupted().with_hint(hint));
            }
        };
        line.set_length(message.bytes);
        line.set_position(message.done_bytes);
        if let Some(backup) = message.backup {
            break backup;
        }
    };
    line.finish_and_clear();
    let (bytes, written) = (show_size(backup.bytes), show_size(backup.written_bytes));
    let text = format!("backup {} made: {bytes}, {written} of it new", backup.id);
    Ok(View::of("backup", to_json(&backup)).named([backup.id]).line(text))
}

async fn list(session: &Session) -> Result<View, Failure> {
    const COLUMNS: &[Column] = &[
        Column::text("ID"),
        Column::text("CREATED"),
        Column::number("POSITION"),
        Column::number("SIZE"),
        Column::number("WRITTEN"),
    ];
    let ListBackupsResponse { backups, damaged } =
        session.ask(session.operator()?.admin().list_backups()).await?;
    let rows = backups.iter().map(|backup| {
        vec![
            backup.id.clone(),
            show_time(backup.created_ms),
            backup.sequence.to_string(),
            show_size(backup.bytes),
            show_size(backup.written_bytes),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    let of_damaged = |backup: &DamagedBackup| json!({ "id": backup.id, "problem": backup.problem });
    let view = View::of("backups", backups.iter().map(to_json).collect())
        .with("damaged", damaged.iter().map(of_damaged).collect())
        .named(backups.iter().map(|backup| backup.id.clone()))
        .section(section);
    Ok(damaged.iter().fold(view, |view, DamagedBackup { id, problem }| {
        view.line(format!("backup {id} is damaged: {problem}"))
    }))
}

async fn restore(args: &RestoreArgs, session: &Session) -> Result<View, Failure> {
    let name = TenantName::new(&args.name)?;
    let new_name = args.new_name.as_deref().map(TenantName::new).transpose()?;
    let at_ms = args.time.map(|time| time.unix_ms(session.clock().unix_ms()));
    let admin = session.operator()?.admin();
    let begun = admin.restore_tenant(&name, new_name.as_ref(), args.backup.as_deref(), at_ms);
    let mut making = session.ask(begun).await?;
    let line = bar("{bytes} read, {bytes_per_sec}");
    let tenant = loop {
        let message = tokio::select! {
            message = session.ask(making.next()) => message?,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::interrupted().with_hint("the server deletes what it has made by now"));
            }
        };
        line.set_position(message.done_bytes);
        if let Some(tenant) = message.tenant {
            break tenant;
        }
    };
    line.finish_and_clear();
    let text = format!(
        "tenant {} restored; issue new tokens with: levee token issue --tenant {} --user USER",
        tenant.name, tenant.name
    );
    Ok(show::view(&tenant).line(text))
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    progress::line(ProgressDrawTarget::stderr(), style)
}

/// For programs.
fn to_json(backup: &Backup) -> Value {
    json!({
        "id": backup.id,
        "created_at": show_time(backup.created_ms),
        "sequence": backup.sequence,
        "bytes": backup.bytes,
        "written_bytes": backup.written_bytes,
    })
}
