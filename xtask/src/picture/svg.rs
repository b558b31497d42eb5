//! A window with lines of a terminal, as an SVG that needs no font of its own and no script.

use super::screen::{Line, Look};
use std::fmt::Write as _;

const CELL_WIDTH: f64 = 8.0;
const LINE_HEIGHT: f64 = 18.0;
const FONT_SIZE: f64 = 13.0;
const MARGIN: f64 = 18.0;
const TITLE_HEIGHT: f64 = 34.0;

const STYLE: &str = "\
text{font-family:ui-monospace,'SF Mono','DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:#d7dce2}\
.strong{font-weight:700}.dim{fill:#8a94a3}.title{fill:#8a94a3;text-anchor:middle}\
.c31{fill:#ff7b72}.c32{fill:#56d364}.c33{fill:#e3b341}.c34{fill:#79c0ff}.c35{fill:#d2a8ff}.c36{fill:#56d4dd}.c37{fill:#fff}";

/// Draws the lines in a window with a title. Each piece is stretched to the columns it has, whatever the font.
pub(super) fn draw(title: &str, lines: &[Line], columns: usize) -> String {
    let width = columns as f64 * CELL_WIDTH + 2.0 * MARGIN;
    let height = lines.len() as f64 * LINE_HEIGHT + TITLE_HEIGHT + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-size=\"{FONT_SIZE}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#161b22\"/>\n\
         <g fill=\"#3d4654\"><circle cx=\"20\" cy=\"17\" r=\"5\"/><circle cx=\"38\" cy=\"17\" r=\"5\"/>\
         <circle cx=\"56\" cy=\"17\" r=\"5\"/></g>\n<text class=\"title\" x=\"{}\" y=\"21\">{title}</text>\n",
        width / 2.0,
        title = escaped(title),
    );
    for (row, line) in lines.iter().enumerate() {
        let baseline = TITLE_HEIGHT + row as f64 * LINE_HEIGHT + FONT_SIZE;
        for (column, text, look) in line.pieces() {
            piece(&mut out, column, baseline, &text, look);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn piece(out: &mut String, column: usize, baseline: f64, text: &str, look: Look) {
    let column = column + text.chars().take_while(|character| *character == ' ').count();
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let classes = [look.strong.then(|| "strong".to_owned()), look.dim.then(|| "dim".to_owned())];
    let color = look.color.map(|color| format!("c{color}"));
    let classes: Vec<String> = classes.into_iter().flatten().chain(color).collect();
    let class = if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) };
    let (x, width) = (MARGIN + column as f64 * CELL_WIDTH, text.chars().count() as f64 * CELL_WIDTH);
    // Writing to a `String` does not fail.
    let _ = writeln!(
        out,
        "<text{class} x=\"{x}\" y=\"{baseline}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        escaped(text)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::screen::Screen;
    use super::*;

    #[test]
    fn text_becomes_text_and_never_markup() {
        let mut screen = Screen::new(10);
        screen.take("\u{1b}[32m<&\u{1b}[0m  b");
        let drawn = draw("a < b", &screen.lines(), 10);
        assert!(drawn.contains("<title>a &lt; b</title>"), "{drawn}");
        assert!(drawn.contains("<text class=\"c32\" x=\"18\" y=\"47\" textLength=\"16\""), "{drawn}");
        assert!(drawn.contains(">&lt;&amp;</text>") && drawn.contains("x=\"50\""), "{drawn}");
    }
}
