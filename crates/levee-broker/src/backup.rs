//! Backups: all tenants at one position of the journal, at a place outside of the data directory.
//!
//! A place has three kinds of objects. What is once written is never changed:
//!
//! ```text
//! levee-backup      whose backups are here, written first
//! objects/<sha256>  parts of segments and of files of the index, at most 8 MiB each, under the name of their content
//! backups/<id>      what a backup consists of, written last
//! ```
//!
//! Must hold: a backup that is listed is whole; what is restored is byte for byte what was backed up, or the object
//! that is not is named; a place has backups of one data directory alone, so that they lie on one line.

pub(crate) mod create;
mod http;
pub(crate) mod location;
mod manifest;
mod pace;
pub(crate) mod place;
pub mod restore;

pub(crate) use manifest::Summary;
pub(crate) use pace::Pace;
pub(crate) use place::{Place, Summaries};

#[cfg(test)]
mod tests;
