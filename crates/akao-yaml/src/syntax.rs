//! The parser's complaints in words that help.
//!
//! The most frequent mistake in a workflow file is a template without quotes: YAML reads its braces as a mapping. So the
//! line of every syntax error is searched for one before the parser's own words are translated.

use crate::error::{Error, ErrorKind};
use crate::lines;
use crate::node::Position;

/// Longest template that is repeated in a message, in bytes.
const TEMPLATE_BYTES_MAX: usize = 120;

/// What the parser found at `position`, in our words.
pub(crate) fn explain(text: &str, position: Position, info: &str) -> Error {
    if info == "recursion limit exceeded" {
        let message = "brackets are nested deeper than the limit";
        return Error::new(ErrorKind::Budget, position, message).suggest("Nest less, or move a part elsewhere.");
    }
    if let Some(error) = unquoted_template(text, position) {
        return error;
    }
    let line = line_of(text, position.line);
    if info == "mapping values are not allowed in this context" && !holds_key(line_of(text, position.line - 1)) {
        let message = "the line above is not `key: value`, so no key can follow it";
        return Error::new(ErrorKind::Syntax, position, message)
            .suggest("Write `key: value`, with a space after the colon.");
    }
    let (message, suggestion) = translate(info, line, position);
    let fallback = || "Check the indentation and the quotes around this place.".to_owned();
    Error::new(ErrorKind::Syntax, position, message).suggest(suggestion.unwrap_or_else(fallback))
}

/// A mapping or list stands where a key should: either an unquoted template or a real complex key.
pub(crate) fn key_is_a_collection(text: &str, position: Position) -> Error {
    unquoted_template(text, position).unwrap_or_else(|| {
        Error::new(ErrorKind::Unsupported, position, "a mapping or list stands as a key")
            .suggest("Use a text as the key; quote it if it holds brackets or braces.")
    })
}

/// A template outside quotes on the line of an error, or on the line before it where a flow collection broke off.
fn unquoted_template(text: &str, position: Position) -> Option<Error> {
    [position.line, position.line.saturating_sub(1)].into_iter().filter(|line| *line > 0).find_map(|number| {
        let line = line_of(text, number);
        let start = find_unquoted(line)?;
        let column = u32::try_from(line[..start].chars().count()).ok()?.saturating_add(1);
        let template = template_at(&line[start..]);
        let is_short = template.len() <= TEMPLATE_BYTES_MAX;
        let (shown, suggestion) = match is_short {
            true => (template.to_owned(), format!("Quote it: {}.", quoted(template))),
            false => (template.chars().take(40).chain(['…']).collect(), "Put it into quotes.".to_owned()),
        };
        let message = format!("`{shown}` is not quoted, so YAML reads its braces as a mapping");
        let position = Position { line: number, column };
        Some(Error::new(ErrorKind::UnquotedTemplate, position, message).suggest(suggestion))
    })
}

fn quoted(template: &str) -> String {
    if template.contains('"') { format!("'{}'", template.replace('\'', "''")) } else { format!("\"{template}\"") }
}

fn template_at(rest: &str) -> &str {
    let close = if rest.starts_with("{{") { "}}" } else { "}" };
    rest.find(close).map_or(rest.trim_end(), |end| &rest[..end + close.len()])
}

/// Where `{{` or `${` stands outside quotes and comments. A quote inside a word (`it's`) opens nothing.
fn find_unquoted(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let (mut quote, mut at) = (None, 0);
    while at < bytes.len() {
        let (byte, next) = (bytes[at], bytes.get(at + 1).copied());
        let starts_word = at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'[' | b'{' | b',' | b':');
        match quote {
            Some(b'"') if byte == b'\\' => at += 1,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if matches!(byte, b'"' | b'\'') && starts_word => quote = Some(byte),
            None if byte == b'#' && starts_word => return None,
            None if matches!(byte, b'{' | b'$') && next == Some(b'{') => return Some(at),
            None => {}
        }
        at += 1;
    }
    None
}

fn line_of(text: &str, number: u32) -> &str {
    let line = lines::line_of(text, number);
    // A line of a megabyte is not worth searching; its beginning is.
    let mut end = line.len().min(4096);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Whether a line can stand above a key: it holds one itself, begins an item, or is empty or a comment.
fn holds_key(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', '-', '?']) || line.contains(": ") || line.ends_with(':')
}

fn translate(info: &str, line: &str, position: Position) -> (String, Option<String>) {
    if line.trim_start_matches(' ').starts_with('\t') {
        let message = "the line is indented with a tab".to_owned();
        return (message, Some("Indent with spaces; YAML does not allow tabs there.".into()));
    }
    let column = usize::try_from(position.column.saturating_sub(1)).unwrap_or(usize::MAX);
    let here: String = line.chars().skip(column).take(1).collect();
    let found = |fallback: &str| match here.as_str() {
        "" => fallback.to_owned(),
        "`" => "a backtick".to_owned(),
        here => format!("`{here}`"),
    };
    let (message, suggestion): (String, &str) = match info {
        "mapping values are not allowed in this context" => (
            "a second `: ` on one line, or a key that is indented too far".into(),
            "Quote the value if it holds `: `; otherwise line the key up with the keys above it.",
        ),
        "simple key expect ':'" | "simple key expected" => (
            "a line without `:` among keys".into(),
            "Write `key: value`, or indent the line further if it continues the value above.",
        ),
        "while parsing a block mapping, did not find expected key" => (
            format!("expected a key, found {}", found("the end of the text")),
            "Line it up with the keys above it; a list of children needs its own key.",
        ),
        "while parsing a block collection, did not find expected '-' indicator" => {
            (format!("expected `- `, found {}", found("the end of the text")), "Line it up with the items above it.")
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => (
            format!("expected `,` or `}}`, found {}", found("the end of the line")),
            "Close the mapping with `}`, or quote the value.",
        ),
        "while parsing a flow sequence, expected ',' or ']'" => (
            format!("expected `,` or `]`, found {}", found("the end of the line")),
            "Close the list with `]`, or quote the value.",
        ),
        "while scanning a quoted scalar, found unexpected end of stream"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            ("the quote that opens here is never closed".into(), "Close it with the same quote.")
        }
        "invalid trailing content after double-quoted scalar" => {
            (format!("{} follows a closed quote", found("text")), "Put all of the value inside the quotes.")
        }
        "while parsing a quoted scalar, found unknown escape character" => {
            ("an unknown escape inside double quotes".into(), "Write `\\\\` for a backslash, or use single quotes.")
        }
        "while parsing a quoted scalar, found invalid Unicode character escape code" => (
            "an escape that stands for no character".into(),
            "Write the character itself, or both halves of it: `\\ud83d\\ude00`.",
        ),
        "while parsing node, found unknown anchor" => (
            "an alias without its anchor".into(),
            "Quote the value if it begins with `*`; otherwise define the anchor (`&name`) before it is used.",
        ),
        "while scanning a block scalar, did not find expected comment or line break" => {
            ("text on the line of `|` or `>`".into(), "Begin the text on the next line, indented further.")
        }
        "did not find expected <document start>" | "did not find expected <document-start>" => {
            ("text after the end of the document".into(), "Remove it, or check the brackets before it.")
        }
        "invalid indentation"
        | "invalid indentation in flow construct"
        | "wrongly indented line in block scalar"
        | "invalid indentation in quoted scalar"
        | "unexpected end of plain scalar" => (
            "the indentation fits nothing above it".into(),
            "Indent by the same number of spaces as the lines it belongs to.",
        ),
        "block sequence entries are not allowed in this context" => {
            ("a `- ` where no list can begin".into(), "Put the list on its own lines below the key.")
        }
        "misplaced bracket" => (format!("{} closes nothing", found("a bracket")), "Remove it, or quote the value."),
        info if info.starts_with("unexpected character") => {
            (format!("a value cannot begin with {}", found("this character")), "Quote the value.")
        }
        info if info.contains("tab") => ("a tab where YAML does not allow one".into(), "Use spaces."),
        info if info.contains("anchor or alias") => {
            ("`*` or `&` without a name".into(), "Quote the value if it begins with `*` or `&`.")
        }
        info => return (info.trim_start_matches("while ").to_owned(), None),
    };
    (message, Some(suggestion.to_owned()))
}
