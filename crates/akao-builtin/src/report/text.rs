//! A document as plain text with aligned columns.

use super::{Block, Cell, CellKind, Document, is_numeric};

/// Columns wider than this many characters are not padded further.
const PADDING_MAX: usize = 48;

/// Writes the document.
pub(crate) fn write(document: &Document<'_>) -> String {
    let mut out = String::new();
    heading(&mut out, document.title, '=');
    for block in &document.blocks {
        out.push('\n');
        match block {
            Block::Heading(1, text) => heading(&mut out, text, '-'),
            Block::Heading(level, text) => {
                push_line(&mut out, &format!("{} {}", "»".repeat(level - 1), one_line(text)))
            }
            Block::Paragraph(cell) => push_line(&mut out, &shown(cell)),
            Block::Facts(facts) => {
                let rows = facts.iter().map(|(name, cell)| vec![format!("{}:", one_line(name)), shown(cell)]);
                aligned(&mut out, &rows.collect::<Vec<_>>(), &[false, false]);
            }
            Block::Points(cells) => cells.iter().for_each(|cell| push_line(&mut out, &format!("- {}", shown(cell)))),
            Block::Table { columns, rows } => table(&mut out, columns, rows),
        }
    }
    out
}

fn table(out: &mut String, columns: &[String], rows: &[Vec<Cell>]) {
    let right: Vec<bool> = (0..columns.len()).map(|column| is_numeric(rows, column)).collect();
    let names: Vec<String> = columns.iter().map(|name| one_line(name)).collect();
    let mut lines = vec![names];
    lines.extend(rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>()));
    let rules = widths(&lines).into_iter().map(|width| "-".repeat(width)).collect();
    lines.insert(1, rules);
    aligned(out, &lines, &right);
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or(0).min(PADDING_MAX)).collect()
}

fn aligned(out: &mut String, rows: &[Vec<String>], right: &[bool]) {
    let widths = widths(rows);
    for row in rows {
        let mut line = String::new();
        for ((text, width), right) in row.iter().zip(&widths).zip(right) {
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.push_str(&if *right { padding + text } else { format!("{text}{padding}") });
        }
        push_line(out, line.trim_end());
    }
}

fn heading(out: &mut String, text: &str, mark: char) {
    let text = one_line(text);
    push_line(out, &text);
    push_line(out, &mark.to_string().repeat(text.chars().count()));
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn shown(cell: &Cell) -> String {
    match cell.kind {
        CellKind::Nothing => "–".to_owned(),
        _ => one_line(&cell.text),
    }
}

/// Line ends and control characters become spaces, so that a value cannot draw lines of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
