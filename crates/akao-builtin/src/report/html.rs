//! A document as one complete HTML page: no script, nothing loaded from elsewhere, light and dark, fit for print.

use super::{Block, Cell, CellKind, Document, is_numeric};

/// Deepest heading that HTML knows.
const HEADING_LEVEL_MAX: usize = 6;

/// The page up to its title. The policy forbids everything but the page's own style, should a value ever get through.
const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
"#;

const STYLE: &str = include_str!("report.css");

/// Writes the page.
pub(crate) fn write(document: &Document<'_>) -> String {
    let title = escaped(document.title);
    let mut out =
        format!("{HEAD}<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n");
    for block in &document.blocks {
        match block {
            Block::Heading(level, text) => {
                let level = (level + 1).min(HEADING_LEVEL_MAX);
                out.push_str(&format!("<h{level}>{}</h{level}>\n", escaped(text)));
            }
            Block::Paragraph(cell) => out.push_str(&format!("<p>{}</p>\n", shown(cell))),
            Block::Facts(facts) => {
                out.push_str("<table class=\"facts\">\n<tbody>\n");
                for (name, cell) in facts {
                    out.push_str(&format!(
                        "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                        escaped(name),
                        shown(cell)
                    ));
                }
                out.push_str("</tbody>\n</table>\n");
            }
            Block::Points(cells) => {
                out.push_str("<ul>\n");
                cells.iter().for_each(|cell| out.push_str(&format!("<li>{}</li>\n", shown(cell))));
                out.push_str("</ul>\n");
            }
            Block::Table { columns, rows } => table(&mut out, columns, rows),
        }
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn table(out: &mut String, columns: &[String], rows: &[Vec<Cell>]) {
    let classes: Vec<&str> =
        (0..columns.len()).map(|column| if is_numeric(rows, column) { " class=\"number\"" } else { "" }).collect();
    out.push_str("<div class=\"wide\">\n<table>\n<thead>\n<tr>");
    for (name, class) in columns.iter().zip(&classes) {
        out.push_str(&format!("<th scope=\"col\"{class}>{}</th>", escaped(name)));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (cell, class) in row.iter().zip(&classes) {
            out.push_str(&format!("<td{class}>{}</td>", shown(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn shown(cell: &Cell) -> String {
    match cell.kind {
        CellKind::Nothing => "<span class=\"nothing\">–</span>".to_owned(),
        CellKind::Code => format!("<code>{}</code>", escaped(&cell.text)),
        CellKind::Text | CellKind::Number => escaped(&cell.text),
    }
}

/// Text that HTML shows as it is. Control characters that HTML forbids become the replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
