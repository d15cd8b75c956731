//! `levee tenant import`

use super::show;
use super::transfer::{Progress, counts_json, counts_text};
use crate::cli::transfer::ImportArgs;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use futures::stream;
use levee_client::tenant_file::{FileError, TenantFileReader};
use levee_client::v1::TenantParts;
use levee_types::{ErrorCode, PlanName, TenantName};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// Frames that wait to be sent.
const FRAMES: usize = 2;
/// Bytes that are read at once.
const READ_BUFFER: usize = 1024 * 1024;

pub(super) async fn run(args: &ImportArgs, session: &Session) -> Result<View, Failure> {
    let name = args.name.as_deref().map(TenantName::new).transpose()?;
    let plan = args.plan.as_deref().map(PlanName::new).transpose()?;
    let path = args.file.as_path();
    let input: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| Failure::file(path, &error))?)
    };
    let admin = session.operator()?.admin();
    let broken = Arc::new(Mutex::new(None));
    let frames = read_on(input, Arc::clone(&broken));
    let progress = Progress::new();
    let counter = progress.clone();
    let parts = stream::unfold(frames, move |mut frames| {
        let counter = counter.clone();
        async move {
            let parts = frames.recv().await?;
            counter.passed(&parts);
            Some((parts, frames))
        }
    });
    let answer = tokio::select! {
        answer = admin.import_tenant(name.as_ref(), plan.as_ref(), parts) => answer.map_err(Failure::from),
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()
            .with_hint("the server deletes what it has made by now")),
    };
    progress.finish();
    let damage = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (answer, damage) {
        // Then the server was not given the rest, and says that it is missing.
        (Err(_), Some(damage)) => Err(of_file(path, &damage)),
        (Err(failure), None) => Err(failure),
        (Ok((tenant, counts)), _) => {
            let line = format!(
                "tenant {} imported: {}; issue new tokens with: levee token issue --tenant {} --user USER",
                tenant.name,
                counts_text(&counts),
                tenant.name
            );
            Ok(show::view(&tenant).with("counts", json!(counts_json(&counts))).line(line))
        }
    }
}

/// Reads on a thread of its own, since nothing else can wait for a terminal. What cannot be read is left in `broken`,
/// and ends the frames before their end: so the server gives the import up.
fn read_on(
    input: Box<dyn Read + Send>,
    broken: Arc<Mutex<Option<FileError>>>,
) -> mpsc::Receiver<TenantParts> {
    let (sender, receiver) = mpsc::channel(FRAMES);
    TaskTracker::new().spawn_blocking(move || {
        let read = || -> Result<(), FileError> {
            let mut reader = TenantFileReader::new(BufReader::with_capacity(READ_BUFFER, input))?;
            while let Some(parts) = reader.read()? {
                if sender.blocking_send(parts).is_err() {
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = read() {
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        // Only now may the frames end: whoever sees that must see why.
        drop(sender);
    });
    receiver
}

fn of_file(path: &Path, error: &FileError) -> Failure {
    let message = format!("{}: {error}; nothing is left of the tenant", path.display());
    match error {
        FileError::Io(error) => Failure::file(path, error),
        FileError::NotAnExport | FileError::Version(_) => {
            Failure::server(ErrorCode::InvalidArgument, message)
                .with_hint("give a file that levee tenant export of this version wrote")
        }
        FileError::Damaged { .. } => Failure::server(ErrorCode::DataCorrupt, message)
            .with_hint("export the tenant again, or take another copy of the file"),
    }
}
