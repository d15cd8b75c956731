//! How `levee consume` writes a record: as JSON, as its value alone, or by a text with `%` fields.

use crate::units;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use levee_client::Record;
use serde::Serialize;
use std::io::{self, Write};
use std::str::FromStr;

/// A form of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordFormat {
    /// One JSON object a line.
    Json,
    /// The bytes of the value and a newline.
    Raw,
    /// A text with fields.
    Template(Vec<Piece>),
}

/// A part of a [`RecordFormat::Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These bytes.
    Literal(Vec<u8>),
    /// `%k`
    Key,
    /// `%v`
    Value,
    /// `%o`
    Offset,
    /// `%p`
    Partition,
    /// `%t`
    Topic,
    /// `%T`
    Time,
    /// `%h`
    Headers,
}

/// A record and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    /// The topic's name.
    pub(crate) topic: &'a str,
    /// The partition.
    pub(crate) partition: u32,
    /// The offset.
    pub(crate) offset: u64,
    /// When the batch was appended: the time of a record that has none.
    pub(crate) append_time_ms: i64,
    /// The record.
    pub(crate) record: &'a Record,
}

impl FromStr for RecordFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "raw" => Ok(Self::Raw),
            _ => template(text).map(Self::Template),
        }
    }
}

impl RecordFormat {
    /// Writes one record.
    ///
    /// # Errors
    /// The output fails.
    pub(crate) fn write(&self, out: &mut impl Write, placed: Placed<'_>) -> io::Result<()> {
        match self {
            Self::Json => {
                serde_json::to_writer(&mut *out, &JsonRecord::new(placed))?;
                out.write_all(b"\n")
            }
            Self::Raw => {
                out.write_all(placed.record.value.as_deref().unwrap_or_default())?;
                out.write_all(b"\n")
            }
            Self::Template(pieces) => pieces.iter().try_for_each(|piece| piece.write(out, placed)),
        }
    }
}

impl Piece {
    fn write(&self, out: &mut impl Write, placed: Placed<'_>) -> io::Result<()> {
        let record = placed.record;
        match self {
            Self::Literal(bytes) => out.write_all(bytes),
            Self::Key => out.write_all(record.key.as_deref().unwrap_or_default()),
            Self::Value => out.write_all(record.value.as_deref().unwrap_or_default()),
            Self::Offset => write!(out, "{}", placed.offset),
            Self::Partition => write!(out, "{}", placed.partition),
            Self::Topic => out.write_all(placed.topic.as_bytes()),
            Self::Time => out.write_all(time(placed).as_bytes()),
            Self::Headers => {
                for (at, (name, value)) in record.headers.iter().enumerate() {
                    write!(out, "{}{name}=", if at == 0 { "" } else { "," })?;
                    out.write_all(value.as_deref().unwrap_or_default())?;
                }
                Ok(())
            }
        }
    }
}

fn time(placed: Placed<'_>) -> String {
    units::show_time(placed.record.timestamp_ms.unwrap_or(placed.append_time_ms))
}

/// Reads a text with fields and escapes. Each record ends its line: a newline is added unless the text
/// ends with one, or with `\0`.
fn template(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let piece = match c {
            '\\' => {
                literal.push(match chars.next() {
                    Some('n') => b'\n',
                    Some('t') => b'\t',
                    Some('r') => b'\r',
                    Some('0') => 0,
                    Some('\\') => b'\\',
                    _ => return Err(r"a format has the escapes \n \t \r \0 and \\".to_owned()),
                });
                continue;
            }
            '%' => match chars.next() {
                Some('%') => {
                    literal.push(b'%');
                    continue;
                }
                Some('k') => Piece::Key,
                Some('v') => Piece::Value,
                Some('o') => Piece::Offset,
                Some('p') => Piece::Partition,
                Some('t') => Piece::Topic,
                Some('T') => Piece::Time,
                Some('h') => Piece::Headers,
                _ => return Err("a format has the fields %k %v %o %p %t %T %h and %%".to_owned()),
            },
            other => {
                literal.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(piece);
    }
    if pieces.is_empty() {
        return Err("a format is json, raw, or a text with fields such as '%k %v'".to_owned());
    }
    if !matches!(literal.last(), Some(b'\n' | 0)) {
        literal.push(b'\n');
    }
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

/// The stable form of a record for programs, as a value.
pub(crate) fn json(placed: Placed<'_>) -> serde_json::Value {
    // It has text and numbers only.
    serde_json::to_value(JsonRecord::new(placed)).unwrap_or_default()
}

/// The stable form of a record for programs. Bytes that are no UTF-8 are in the field that ends with
/// `_base64`, and the plain one is null.
#[derive(Debug, Serialize)]
struct JsonRecord<'a> {
    topic: &'a str,
    partition: u32,
    offset: u64,
    timestamp: String,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    headers: Vec<JsonHeader<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonHeader<'a> {
    name: &'a str,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

impl<'a> JsonRecord<'a> {
    fn new(placed: Placed<'a>) -> Self {
        let (key, key_base64) = text(placed.record.key.as_deref());
        let (value, value_base64) = text(placed.record.value.as_deref());
        let headers = placed.record.headers.iter().map(|(name, value)| {
            let (value, value_base64) = text(value.as_deref());
            JsonHeader { name, value, value_base64 }
        });
        Self {
            topic: placed.topic,
            partition: placed.partition,
            offset: placed.offset,
            timestamp: time(placed),
            key,
            key_base64,
            value,
            value_base64,
            headers: headers.collect(),
        }
    }
}

fn text(bytes: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => (None, None),
        Some((Ok(text), _)) => (Some(text), None),
        Some((Err(_), bytes)) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

#[cfg(test)]
mod tests;
