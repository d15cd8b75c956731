//! Where the records of `levee produce` come from: lines of text, or lines of JSON.

use crate::failure::Failure;
use bytes::Bytes;
use levee_types::ErrorCode;
use levee_types::limits::MAX_BATCH_BYTES;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use tokio::sync::mpsc::{self, Receiver};
use tokio_util::task::TaskTracker;

/// Lines that are handed over at once, if they are at hand.
const CHUNK: usize = 256;
/// Chunks that wait to be sent.
const CHUNKS: usize = 4;
/// Bytes that are read at once.
const READ_BUFFER: usize = 256 * 1024;

/// A line that becomes a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The key that the line itself has.
    pub(super) key: Option<Bytes>,
    /// The value.
    pub(super) value: Bytes,
}

/// What lines are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Anything.
    Text,
    /// One JSON value each.
    Json {
        /// The field that the key is taken from.
        key_field: Option<String>,
    },
}

/// An open source of lines.
pub(super) struct Input {
    /// Bytes of all lines, if that is known.
    pub(super) size: Option<u64>,
    name: String,
    form: Form,
    source: Box<dyn Read + Send>,
}

impl Input {
    /// Standard input as text, or a file (`-`: standard input) as JSON.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn open(file: Option<&Path>, key_field: Option<String>) -> Result<Self, Failure> {
        let of_stdin = |form| Self {
            size: None,
            name: "standard input".to_owned(),
            form,
            source: Box::new(io::stdin()),
        };
        match file {
            None => Ok(of_stdin(Form::Text)),
            Some(path) if path == Path::new("-") => Ok(of_stdin(Form::Json { key_field })),
            Some(path) => {
                let failed = |error| Failure::file(path, &error);
                let file = File::open(path).map_err(failed)?;
                let facts = file.metadata().map_err(failed)?;
                // A pipe or a device has no size.
                let size = facts.is_file().then_some(facts.len());
                let name = path.display().to_string();
                Ok(Self { size, name, form: Form::Json { key_field }, source: Box::new(file) })
            }
        }
    }

    /// Reads on a thread of its own, since nothing else can wait for a terminal. A failure is the last item.
    pub(super) fn read_on(self, tasks: &TaskTracker) -> Receiver<Result<Vec<Line>, Failure>> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        tasks.spawn_blocking(move || {
            let reader = BufReader::with_capacity(READ_BUFFER, self.source);
            let mut lines = Lines { reader, form: self.form, name: self.name, number: 0 };
            loop {
                let mut chunk = Vec::new();
                let outcome = lines.fill(&mut chunk);
                if !chunk.is_empty() && sender.blocking_send(Ok(chunk)).is_err() {
                    return;
                }
                match outcome {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(failure) => {
                        // Whoever does not listen any more has a failure of its own.
                        let _ = sender.blocking_send(Err(failure));
                        return;
                    }
                }
            }
        });
        receiver
    }
}

struct Lines<R> {
    reader: BufReader<R>,
    form: Form,
    name: String,
    /// Of the last line, from 1.
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Adds lines: at least one unless the input ends, which is false, and then those that are at hand.
    fn fill(&mut self, chunk: &mut Vec<Line>) -> Result<bool, Failure> {
        loop {
            let Some(bytes) = self.next()? else { return Ok(false) };
            if let Some(line) = self.form.read(bytes).map_err(|failure| failure.at(self.place()))? {
                chunk.push(line);
            }
            let at_hand = self.reader.buffer().contains(&b'\n');
            if !chunk.is_empty() && (chunk.len() >= CHUNK || !at_hand) {
                return Ok(true);
            }
        }
    }

    /// The next line without its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.number += 1;
        let mut line = Vec::new();
        let limit = MAX_BATCH_BYTES + 1;
        let read = self.reader.by_ref().take(limit as u64).read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::io(&self.name, &error))? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() == limit {
            let message = format!("the line is longer than {MAX_BATCH_BYTES} bytes");
            return Err(Failure::server(ErrorCode::TooLarge, message).at(self.place()));
        }
        Ok(Some(line))
    }

    fn place(&self) -> String {
        format!("{}, line {}", self.name, self.number)
    }
}

impl Form {
    /// Makes a record of a line; none of an empty one between JSON values.
    fn read(&self, bytes: Vec<u8>) -> Result<Option<Line>, Failure> {
        // The line that the parser counts is always its first.
        let no_json = |error: serde_json::Error| {
            Failure::usage(format!("not JSON: {error}").replace(" at line 1 column ", " at column "))
        };
        let key = match self {
            Self::Text => None,
            Self::Json { .. } if bytes.iter().all(u8::is_ascii_whitespace) => return Ok(None),
            Self::Json { key_field: None } => {
                serde_json::from_slice::<IgnoredAny>(&bytes).map_err(no_json)?;
                None
            }
            Self::Json { key_field: Some(field) } => {
                let mut object: Map<String, Value> = serde_json::from_slice(&bytes).map_err(no_json)?;
                key_of(field, object.remove(field))?
            }
        };
        Ok(Some(Line { key, value: Bytes::from(bytes) }))
    }
}

fn key_of(field: &str, value: Option<Value>) -> Result<Option<Bytes>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Bytes::from(text))),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => Ok(Some(Bytes::from(value.to_string()))),
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(Failure::usage(format!("field {field:?} is no key: it is neither text nor a number")))
        }
    }
}

#[cfg(test)]
mod tests;
