//! What leaves the program: results on stdout in the form that was asked for, everything else on
//! stderr, and the exit code.
//!
//! Must hold: with `-o json` stdout carries exactly one object, also when the command fails
//! (`{"error": {"code", "message", "hint", "retryable", "retry_after_ms", "request_id"}}`, beside what was
//! done all the same); `created` and `deleted` are numbers; a command on several things has `failures`, each
//! with `name` and `error`; a reader that goes away is no failure; nothing is coloured, which is what `NO_COLOR`
//! asks for.

use crate::failure::{Exit, Failure};
use crate::units::show_duration;
use clap::ValueEnum;
use serde_json::{Map, Value};
use std::io::{self, Write as _};
use std::process::ExitCode;

pub(crate) use view::{Align, Column, Section, View};

mod table;
mod view;

/// The forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For people, with more columns.
    Wide,
    /// For programs: one object, stable.
    Json,
    /// The same object as YAML.
    Yaml,
    /// Only names, one a line.
    Name,
}

impl Format {
    /// What was asked for by flag or environment (`LEVEE_OUTPUT`).
    ///
    /// # Errors
    /// The variable names no format.
    pub(crate) fn choose(flag: Option<Self>, variable: Option<&str>) -> Result<Self, Failure> {
        match (flag, variable) {
            (Some(format), _) => Ok(format),
            (None, None | Some("")) => Ok(Self::default()),
            (None, Some(text)) => Self::from_str(text, true).map_err(|_| {
                Failure::usage(format!("LEVEE_OUTPUT cannot be {text:?}"))
                    .with_hint("it takes table, wide, json, yaml or name")
            }),
        }
    }

    /// What was asked for on a command line that could not be parsed as a whole.
    pub(crate) fn guess(arguments: &[String], variable: Option<&str>) -> Self {
        let of = |text: &str| Self::from_str(text, true).ok();
        let flag = arguments.iter().enumerate().find_map(|(at, argument)| match argument.as_str() {
            "-o" | "--output" => arguments.get(at + 1).and_then(|next| of(next)),
            _ => argument.strip_prefix("--output=").or_else(|| argument.strip_prefix("-o")).and_then(of),
        });
        flag.or_else(|| variable.and_then(of)).unwrap_or_default()
    }
}

/// Writes the outcome of a command and decides the exit code. Without a format the command has written
/// its data itself, and nothing is added to them.
pub(crate) fn finish(format: Option<Format>, outcome: Result<View, Failure>) -> ExitCode {
    match outcome {
        Ok(view) => match print(format, &view, None) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => complain(&stdout_failed(&error)),
        },
        Err(failure) => {
            // The failure is what the caller must hear of, whatever becomes of stdout.
            let _ = match &failure.partial {
                Some(partial) => print(format, &partial.view, Some(&failure)),
                None => print(format, &View::default(), Some(&failure)),
            };
            complain(&failure)
        }
    }
}

/// Writes what is asked for instead of a command, such as help, or what is wrong with the command line.
pub(crate) fn not_parsed(format: Option<Format>, error: &clap::Error) -> ExitCode {
    // Help goes to stdout, everything else to stderr; a reader that goes away is no failure.
    let _ = error.print();
    if error.exit_code() == 0 {
        return ExitCode::SUCCESS;
    }
    if matches!(format, Some(Format::Json | Format::Yaml)) {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let failure = Failure::usage(message).with_hint("see: levee --help");
        let _ = print(format, &View::default(), Some(&failure));
    }
    ExitCode::from(Exit::Usage as u8)
}

/// Writes data that have a form of their own. A reader that goes away is no failure.
///
/// # Errors
/// Standard output fails otherwise.
pub(crate) fn write_all(data: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(stdout_failed(&error)),
        _ => Ok(()),
    }
}

/// Writes one of several results, each of which has the form that was asked for.
///
/// # Errors
/// Standard output fails, or its reader is gone.
pub(crate) fn print_one_of_several(format: Format, view: &View) -> Result<(), Stop> {
    let mut text = text(format, view).map_err(Stop::Input)?;
    match format {
        Format::Table | Format::Wide => text.push('\n'),
        // What begins another document.
        Format::Yaml => text.push_str("---\n"),
        Format::Json | Format::Name => {}
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// A result in a form.
///
/// # Errors
/// It has none in it.
pub(crate) fn text(format: Format, view: &View) -> Result<String, Failure> {
    render(format, view, None).map_err(|error| stdout_failed(&error))
}

/// Standard output cannot be written.
pub(crate) fn stdout_failed(error: &io::Error) -> Failure {
    Failure::io("standard output", error)
}

/// Why a command that prints as it goes cannot go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is nothing more to print.
    Input(Failure),
    /// Standard output fails.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Stop> for Result<View, Failure> {
    /// The result of the command. A reader that goes away is no failure.
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(View::default()),
            Stop::Output(error) => Err(stdout_failed(&error)),
            Stop::Input(failure) => Err(failure),
        }
    }
}

/// Tells a person something that is no result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn complain(failure: &Failure) -> ExitCode {
    match failure.partial.as_ref().map_or(&[][..], |partial| &partial.each) {
        [] => tell(failure),
        each => each.iter().for_each(tell),
    }
    ExitCode::from(failure.exit as u8)
}

/// Tells a person of a failure.
fn tell(failure: &Failure) {
    note(&format!("error: {}", failure.message));
    if !failure.hint.is_empty() {
        note(&format!("hint: {}", failure.hint));
    }
    if let Some(wait) = failure.retry_after {
        note(&format!("retry after: {}", show_duration(wait)));
    }
    if let Some(id) = &failure.request_id {
        note(&format!("request id: {id}"));
    }
}

fn print(format: Option<Format>, view: &View, failure: Option<&Failure>) -> io::Result<()> {
    let Some(format) = format else { return Ok(()) };
    let text = render(format, view, failure)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn render(format: Format, view: &View, failure: Option<&Failure>) -> io::Result<String> {
    match format {
        Format::Table => Ok(table::render(view, false)),
        Format::Wide => Ok(table::render(view, true)),
        Format::Name => Ok(view.names.iter().map(|name| format!("{name}\n")).collect()),
        Format::Json => Ok(serde_json::to_string_pretty(&object(view, failure))? + "\n"),
        Format::Yaml => serde_saphyr::to_string(&object(view, failure)).map_err(io::Error::other),
    }
}

/// The one object.
fn object(view: &View, failure: Option<&Failure>) -> Value {
    let mut object: Map<String, Value> = view.json.clone();
    if let Some(failure) = failure {
        object.insert("error".to_owned(), failure.json());
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests;
