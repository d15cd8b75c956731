//! `levee tenant export`
//!
//! Must hold: a file under the given name is whole and durable.

use super::transfer::{Progress, counts_json, counts_text};
use crate::cli::transfer::ExportArgs;
use crate::failure::Failure;
use crate::output::{self, View};
use crate::session::Session;
use levee_client::TenantExport;
use levee_client::tenant_file::TenantFileWriter;
use levee_client::v1::{TenantParts, TransferCounts};
use levee_types::TenantName;
use serde_json::json;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Bytes that are written at once.
const WRITE_BUFFER: usize = 1024 * 1024;

pub(super) async fn run(args: &ExportArgs, session: &Session) -> Result<View, Failure> {
    let name = TenantName::new(&args.name)?;
    let admin = session.operator()?.admin();
    let summary = |counts: &TransferCounts| {
        format!("tenant {name} exported: {}; its tokens are not carried", counts_text(counts))
    };
    if args.is_to_stdout() {
        let export = session.ask(admin.export_tenant(&name)).await?;
        let (counts, _) = copy(export, io::stdout(), session, output::stdout_failed).await?;
        output::note(&summary(&counts));
        return Ok(View::default());
    }
    let path = args.to.as_path();
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let failed = |error: &io::Error| Failure::file(path, error);
    // Beside its place, so that it can be put there in one step; only its owner can read it.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(directory).map_err(|error| failed(&error))?;
    let export = session.ask(admin.export_tenant(&name)).await?;
    let (counts, file) = copy(export, file, session, failed).await?;
    keep(file, path, directory)?;
    let exported =
        json!({"tenant": name.as_str(), "file": path.display().to_string(), "counts": counts_json(&counts)});
    Ok(View::of("exported", exported).named([path.display().to_string()]).line(summary(&counts)))
}

/// Writes what comes, until all of it is there.
async fn copy<W: Write>(
    mut export: TenantExport,
    out: W,
    session: &Session,
    failed: impl Fn(&io::Error) -> Failure,
) -> Result<(TransferCounts, W), Failure> {
    let progress = Progress::new();
    let begun = TenantFileWriter::new(BufWriter::with_capacity(WRITE_BUFFER, out));
    let mut writer = begun.map_err(|error| failed(&error))?;
    while let Some(parts) = next(&mut export, session).await? {
        writer.write(&parts).map_err(|error| failed(&error))?;
        progress.passed(&parts);
    }
    progress.finish();
    let out = writer.into_inner().into_inner().map_err(|error| failed(error.error()))?;
    Ok((export.counts().unwrap_or_default(), out))
}

async fn next(export: &mut TenantExport, session: &Session) -> Result<Option<TenantParts>, Failure> {
    tokio::select! {
        parts = session.ask(export.next()) => parts,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}

/// Puts the file in its place, when it is on the disk.
fn keep(file: NamedTempFile, path: &Path, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(path, &error);
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => failed(error.error),
    })?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

fn exists(path: &Path) -> Failure {
    Failure::already_exists(format!("{} exists already", path.display()))
        .with_hint("give another file, or move that one away")
}
