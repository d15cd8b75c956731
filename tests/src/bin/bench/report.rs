//! The results: a table for people, and every sample as JSON.

use crate::Result;
use crate::statistics::median;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The broker may need at most so many times what the peer needs.
    RatioAtMost(f64),
    /// The broker's value is to be at least so many times the peer's.
    RatioAtLeast(f64),
    /// The broker's value may be at most this.
    AtMost(f64),
    /// The broker's value is to be at least this.
    AtLeast(f64),
    /// It only explains another figure.
    None,
}

/// One line of the table, out of the samples of all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What was measured, with its unit.
    pub(crate) name: String,
    /// One sample per round; empty where there is no peer.
    pub(crate) peer: Vec<f64>,
    /// One sample per round.
    pub(crate) levee: Vec<f64>,
    pub(crate) target: Target,
}

impl Figure {
    /// Of medians. Rounds are not paired: what disturbs one of a pair does not disturb the other.
    fn ratio(&self) -> Option<f64> {
        (!self.peer.is_empty()).then(|| median(&self.levee) / median(&self.peer))
    }

    fn is_met(&self) -> Option<bool> {
        match self.target {
            Target::RatioAtMost(limit) => Some(self.ratio()? <= limit),
            Target::RatioAtLeast(limit) => Some(self.ratio()? >= limit),
            Target::AtMost(limit) => Some(median(&self.levee) <= limit),
            Target::AtLeast(limit) => Some(median(&self.levee) >= limit),
            Target::None => None,
        }
    }

    fn row(&self) -> Vec<String> {
        let peer = if self.peer.is_empty() { String::new() } else { number(median(&self.peer)) };
        let target = match self.target {
            Target::RatioAtMost(limit) => format!("ratio <= {limit}"),
            Target::RatioAtLeast(limit) => format!("ratio >= {limit}"),
            Target::AtMost(limit) => format!("<= {limit}"),
            Target::AtLeast(limit) => format!(">= {limit}"),
            Target::None => String::new(),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        vec![self.name.clone(), peer, number(median(&self.levee)), ratio, target, verdict.to_owned()]
    }
}

/// Four digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.3}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// All figures so far.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    figures: Vec<Figure>,
    /// What else was seen.
    notes: Vec<Value>,
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure and prints it, so that a person sees progress.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!("  {}", figure.row().join(" | "));
        self.figures.push(figure);
    }

    /// Notes what explains the figures.
    pub(crate) fn note(&mut self, about: &str, what: &Value) {
        println!("    {about}: {what}");
        self.notes.push(json!({ "about": about, "what": what }));
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "figure (median of the rounds)",
            "bare",
            "levee",
            "ratio",
            "target",
            "",
        ]);
        for figure in &self.figures {
            table.add_row(figure.row());
        }
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    /// Everything.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
