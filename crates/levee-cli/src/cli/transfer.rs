//! `levee tenant export` and `levee tenant import`

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The tenant.
    pub(crate) name: String,
    /// The file, which must not exist yet; -: standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

impl ExportArgs {
    /// Whether the data go to standard output.
    pub(crate) fn is_to_stdout(&self) -> bool {
        self.to.as_os_str() == "-"
    }
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file that levee tenant export wrote; -: standard input.
    pub(crate) file: PathBuf,
    /// The name of the tenant: 3 to 48 of a-z 0-9 - [default: as it was called].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its plan, which must exist [default: the plan of the same name as it had].
    #[arg(long)]
    pub(crate) plan: Option<String>,
}
