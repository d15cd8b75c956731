//! `levee context …`

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Makes a context from --endpoint, --tenant, --token-file and those for TLS; the first one becomes the
    /// current one.
    ///
    /// Of tokens and keys, the context knows only the files. Example:
    /// levee context add acme --endpoint https://levee.example:9400 --tenant acme --token-file ~/acme.token
    Add(AddArgs),
    /// Makes a context the current one.
    Use {
        /// The context.
        name: String,
    },
    /// Lists the contexts.
    #[command(visible_alias = "list")]
    Ls,
    /// Shows one context.
    Describe {
        /// The context.
        name: String,
    },
    /// Shows the values that commands use now, and where each comes from.
    Show,
    /// Removes a context.
    Rm(RmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name: 1 to 64 of A-Z a-z 0-9 . _ -
    pub(crate) name: String,
    /// Make it the current one.
    #[arg(long = "use")]
    pub(crate) make_current: bool,
    /// A context that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The context.
    pub(crate) name: String,
    /// A context that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
}
