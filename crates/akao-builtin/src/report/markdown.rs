//! A document as Markdown (CommonMark with tables). Data never becomes markup: what would is escaped.

use super::{Block, Cell, CellKind, Document, is_numeric};
use std::fmt::Write as _;

/// Deepest heading that Markdown knows.
const HEADING_LEVEL_MAX: usize = 6;

/// Writes the document.
pub(crate) fn write(document: &Document<'_>) -> String {
    let mut out = format!("# {}\n", escaped(document.title));
    for block in &document.blocks {
        out.push('\n');
        match block {
            Block::Heading(level, text) => {
                let marks = "#".repeat((level + 1).min(HEADING_LEVEL_MAX));
                line(&mut out, format_args!("{marks} {}", escaped(text)));
            }
            Block::Paragraph(cell) => line(&mut out, format_args!("{}", shown(cell))),
            Block::Facts(facts) => {
                out.push_str("| Field | Value |\n| --- | --- |\n");
                for (name, cell) in facts {
                    line(&mut out, format_args!("| {} | {} |", escaped(name), shown(cell)));
                }
            }
            Block::Points(cells) => cells.iter().for_each(|cell| line(&mut out, format_args!("- {}", shown(cell)))),
            Block::Table { columns, rows } => table(&mut out, columns, rows),
        }
    }
    out
}

fn table(out: &mut String, columns: &[String], rows: &[Vec<Cell>]) {
    let names: Vec<String> = columns.iter().map(|name| escaped(name)).collect();
    line(out, format_args!("| {} |", names.join(" | ")));
    let rules: Vec<&str> =
        (0..columns.len()).map(|column| if is_numeric(rows, column) { "---:" } else { "---" }).collect();
    line(out, format_args!("| {} |", rules.join(" | ")));
    for row in rows {
        let cells: Vec<String> = row.iter().map(shown).collect();
        line(out, format_args!("| {} |", cells.join(" | ")));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = writeln!(out, "{text}");
}

fn shown(cell: &Cell) -> String {
    match cell.kind {
        CellKind::Nothing => "–".to_owned(),
        CellKind::Number => cell.text.clone(),
        CellKind::Text => escaped(&cell.text),
        // Inside `code` only the back-tick and the column mark mean something; as text with escapes JSON stays readable.
        CellKind::Code if cell.text.contains(['`', '|']) => escaped(&cell.text),
        CellKind::Code => format!("`{}`", cell.text),
    }
}

/// Text that reads the same after Markdown: marks are escaped, line ends become `<br>`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = true;
    for character in text.chars() {
        match character {
            '\n' => out.push_str("<br>"),
            '\r' => {}
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' | '!' => {
                out.push('\\');
                out.push(character);
            }
            // At its start a line would become a list or a rule.
            '-' | '+' | '=' | '.' | ')' if line_start => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
        line_start = line_start && (character.is_whitespace() || character.is_ascii_digit());
    }
    out
}
