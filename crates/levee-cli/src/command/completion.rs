//! `levee completion …`

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::{self, View};
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> Result<View, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "levee", &mut script);
    output::write_all(&script)?;
    Ok(View::default())
}
