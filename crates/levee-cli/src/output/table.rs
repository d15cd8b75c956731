//! Results for people.

use super::{Align, Column, Section, View};
use comfy_table::{CellAlignment, Table};

/// All sections, with an empty line between them unless both are sentences.
pub(super) fn render(view: &View, wide: bool) -> String {
    let mut text = String::new();
    let mut after_line = true;
    for section in &view.sections {
        let is_line = matches!(section, Section::Line(_));
        if !(text.is_empty() || after_line && is_line) {
            text.push('\n');
        }
        text.push_str(&render_section(section, wide));
        after_line = is_line;
    }
    text
}

fn render_section(section: &Section, wide: bool) -> String {
    match section {
        Section::Line(text) => format!("{text}\n"),
        Section::Fields(fields) => {
            let mut table = Table::new();
            for (name, value) in fields {
                table.add_row([*name, value.as_str()]);
            }
            finish(table, &[Align::Left, Align::Left])
        }
        Section::Rows { columns, rows } => {
            let shown = |at: usize| columns.get(at).is_some_and(|column: &Column| wide || !column.wide);
            let mut table = Table::new();
            table.set_header(columns.iter().filter(|column| wide || !column.wide).map(|column| column.title));
            for row in rows {
                let cells = row.iter().enumerate().filter(|(at, _)| shown(*at));
                table.add_row(cells.map(|(_, cell)| cell.as_str()));
            }
            let aligns: Vec<Align> =
                columns.iter().filter(|column| wide || !column.wide).map(|column| column.align).collect();
            finish(table, &aligns)
        }
    }
}

/// Columns two spaces apart, without lines and without spaces at the ends.
fn finish(mut table: Table, aligns: &[Align]) -> String {
    table.load_style(comfy_table::presets::NOTHING);
    for (column, align) in table.column_iter_mut().zip(aligns) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
