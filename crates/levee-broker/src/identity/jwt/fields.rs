//! Reads a table of a TOML file key by key and notes everything that is wrong with it.
//!
//! Must hold: every error names its key by the whole path; a key that nothing asked for is an error.

use crate::settings::nearest;
use levee_types::limits::MAX_ISSUER_TEXT;
use toml::{Table, Value};

/// A table of which keys are taken one by one.
pub(super) struct Fields<'a> {
    /// What stands before a key in its path.
    place: String,
    table: Table,
    asked: Vec<String>,
    errors: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    /// The table whose keys are written behind `place`.
    pub(super) fn new(place: String, table: Table, errors: &'a mut Vec<String>) -> Self {
        Self { place, table, asked: Vec::new(), errors }
    }

    /// Notes what is wrong with the value of `key`.
    pub(super) fn wrong(&mut self, key: &str, problem: impl std::fmt::Display) {
        self.errors.push(format!("{}{key}: {problem}", self.place));
    }

    /// Notes it if `key` is not there.
    pub(super) fn require(&mut self, key: &str) {
        if !self.table.contains_key(key) {
            self.wrong(key, "it is missing");
        }
    }

    /// Notes it unless one of two keys is there, and not the other.
    pub(super) fn require_one_of(&mut self, one: &str, other: &str) {
        match (self.table.contains_key(one), self.table.contains_key(other)) {
            (false, false) => self.wrong(one, format_args!("it is missing; give {one} or {other}")),
            (true, true) => self.wrong(other, format_args!("give either {one} or {other}")),
            _ => {}
        }
    }

    /// A text that may be there.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = self.take(key, "a text", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })?;
        if text.is_empty() {
            self.wrong(key, "it is empty");
            return None;
        }
        if text.len() > MAX_ISSUER_TEXT {
            self.wrong(key, format_args!("it has {} bytes; the limit is {MAX_ISSUER_TEXT}", text.len()));
            return None;
        }
        Some(text)
    }

    /// Texts that may be there, then at least one.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let values = self.take(key, "a list of texts", |value| match value {
            Value::Array(values) if values.iter().all(Value::is_str) => Ok(values),
            other => Err(other),
        })?;
        if values.is_empty() {
            self.wrong(key, "it is empty");
            return None;
        }
        Some(values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        self.take(key, "true or false", |value| value.as_bool().ok_or(value))
    }

    /// A number within `min` to `max`; `default` if the key is not there.
    pub(super) fn number(&mut self, key: &str, min: u64, max: u64, default: u64) -> u64 {
        let Some(number) = self.take(key, "a whole number", |value| value.as_integer().ok_or(value)) else {
            return default;
        };
        match u64::try_from(number) {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.wrong(key, format_args!("{number} is out of range; it takes {min} to {max}"));
                default
            }
        }
    }

    /// Tables, each with its place; none if the key is not there.
    pub(super) fn tables(&mut self, key: &str) -> Vec<(String, Table)> {
        let kind = format!("tables, each written [[{key}]]");
        let tables = self.take(key, &kind, |value| match value {
            Value::Array(values) if values.iter().all(Value::is_table) => Ok(values),
            other => Err(other),
        });
        let place = |index| format!("{}{key}[{index}].", self.place);
        tables
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .filter_map(|(index, value)| match value {
                Value::Table(table) => Some((place(index), table)),
                _ => None,
            })
            .collect()
    }

    /// Notes the keys that nothing asked for.
    pub(super) fn finish(mut self) {
        for key in std::mem::take(&mut self.table).keys() {
            let hint = match nearest(key, &self.asked, 0.5) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it takes {}", self.asked.join(", ")),
            };
            self.wrong(key, format_args!("there is no such key; {hint}"));
        }
    }

    /// The value of `key` in the kind that `convert` makes of it.
    fn take<T>(
        &mut self,
        key: &str,
        kind: &str,
        convert: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Option<T> {
        self.asked.push(key.to_owned());
        match convert(self.table.remove(key)?) {
            Ok(value) => Some(value),
            Err(other) => {
                self.wrong(key, format_args!("it is of the kind {}, and must be {kind}", other.type_str()));
                None
            }
        }
    }
}
