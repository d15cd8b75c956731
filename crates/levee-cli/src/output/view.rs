//! A result before it has a form.

use serde_json::{Map, Value};

/// What a command shows: the same facts for programs, for people, and as names.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// For programs.
    pub(crate) json: Map<String, Value>,
    /// For people.
    pub(crate) sections: Vec<Section>,
    /// For `-o name`.
    pub(crate) names: Vec<String>,
}

impl View {
    /// A result that is `value` under one key.
    pub(crate) fn of(key: &str, value: Value) -> Self {
        Self { json: Map::from_iter([(key.to_owned(), value)]), ..Self::default() }
    }

    /// The same result with one more fact for programs.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.json.insert(key.to_owned(), value);
        self
    }

    /// The same result with names.
    #[must_use]
    pub(crate) fn named(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names);
        self
    }

    /// The same result with one more part for people.
    #[must_use]
    pub(crate) fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The same result with a sentence for people.
    #[must_use]
    pub(crate) fn line(self, text: impl Into<String>) -> Self {
        self.section(Section::Line(text.into()))
    }
}

/// A part of a result for people.
#[derive(Debug)]
pub(crate) enum Section {
    /// A sentence.
    Line(String),
    /// Names and values, one a line.
    Fields(Vec<(&'static str, String)>),
    /// A table. Without rows it is its header alone.
    Rows {
        /// The columns.
        columns: &'static [Column],
        /// As many cells in each as there are columns.
        rows: Vec<Vec<String>>,
    },
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The header.
    pub(crate) title: &'static str,
    /// To which side.
    pub(crate) align: Align,
    /// Only with `-o wide`.
    pub(crate) wide: bool,
}

impl Column {
    /// A column of text.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, align: Align::Left, wide: false }
    }

    /// A column of numbers.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, align: Align::Right, wide: false }
    }

    /// The same column, only with `-o wide`.
    pub(crate) const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

/// To which side a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}
