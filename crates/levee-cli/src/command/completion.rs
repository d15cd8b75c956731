//! `levee completion …`

use crate::cli::{Cli, Global};
use crate::failure::Failure;
use crate::output::{self, View};
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell, global: &Global) -> Result<View, Failure> {
    super::refuse_unused(global, &[])?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "levee", &mut script);
    output::write_all(&script)?;
    Ok(View::default())
}
