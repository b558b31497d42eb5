//! From events to nodes, within a budget.
//!
//! The parser is a state machine and the stack of open collections is a vector, so no input makes either recurse.

use crate::error::{Error, ErrorKind};
use crate::input::{
    CHARACTERS_BETWEEN_EVENTS_MAX, ENDS_BETWEEN_EVENTS_MAX, Gauge, GuardedInput, MARKS_BETWEEN_EVENTS_MAX, Overrun,
};
use crate::node::{Entry, Key, Node, Position, Style, Value};
use crate::{Budget, lines, scalar, syntax};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;

/// Mappings up to this many entries are searched for duplicate keys entry by entry, larger ones by sorting.
const SCANNED_ENTRIES_MAX: usize = 24;

/// Reads one document. An empty text is [`Value::Null`].
pub fn load(text: &str, budget: &Budget) -> Result<Node, Error> {
    if text.len() > budget.text_bytes_max {
        let message = format!("the text has {} bytes, more than the {} allowed", text.len(), budget.text_bytes_max);
        return Err(Error::new(ErrorKind::Budget, Position::START, message).suggest("Move large data into files."));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_control_characters(text)?;
    read(text, budget).map_err(|error| Error { position: lines::inside(text, error.position), ..error })
}

fn read(text: &str, budget: &Budget) -> Result<Node, Error> {
    let source = Source::of(text);
    let gauge = Gauge::default();
    let mut parser = Parser::new(GuardedInput::new(source.before, source.body, &gauge));
    let mut loader = Loader::new(budget, text, &source);
    while let Some(event) = parser.next_event() {
        if let Some(overrun) = gauge.overrun() {
            return Err(loader.overrun(overrun));
        }
        gauge.event();
        match event {
            Ok((event, span)) => loader.take(event, span)?,
            Err(error) => return Err(syntax::explain(text, source.position(error.marker()), error.info())),
        }
    }
    Ok(loader.root.unwrap_or(Node { position: Position::START, value: Value::Null }))
}

/// Reads one document from bytes, which must be UTF-8.
pub fn load_bytes(bytes: &[u8], budget: &Budget) -> Result<Node, Error> {
    if bytes.len() > budget.text_bytes_max {
        let message = format!("the text has {} bytes, more than the {} allowed", bytes.len(), budget.text_bytes_max);
        return Err(Error::new(ErrorKind::Budget, Position::START, message).suggest("Move large data into files."));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => load(text, budget),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let text = valid.unwrap_or_default();
            let message = format!("byte {} is not UTF-8", error.valid_up_to());
            Err(Error::new(ErrorKind::Encoding, lines::position_of(text, text.len()), message)
                .suggest("Save the file as UTF-8."))
        }
    }
}

fn refuse_control_characters(text: &str) -> Result<(), Error> {
    let refused = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    let Some(at) = text.as_bytes().iter().position(refused) else { return Ok(()) };
    let message = format!("the control character U+{:04X} is not allowed", text.as_bytes()[at]);
    Err(Error::new(ErrorKind::Encoding, lines::position_of(text, at), message)
        .suggest("Remove it, or write it as an escape inside double quotes."))
}

/// The text as the parser is given it.
///
/// A document that is one flow collection (JSON) is put behind `--- `: there it cannot be a key, and the parser need not
/// hold back all of its tokens until it knows.
struct Source<'a> {
    before: &'static str,
    body: &'a str,
    lines_before: u32,
    columns_before: u32,
}

impl<'a> Source<'a> {
    fn of(text: &'a str) -> Self {
        let body = text.trim_start_matches([' ', '\n', '\r']);
        if !body.starts_with(['{', '[']) {
            return Self { before: "", body: text, lines_before: 0, columns_before: 0 };
        }
        let position = lines::position_of(text, text.len() - body.len());
        Self { before: "--- ", body, lines_before: position.line - 1, columns_before: position.column - 1 }
    }

    fn position(&self, marker: &Marker) -> Position {
        let (line, mut column) = (bounded(marker.line()), bounded(marker.col()));
        if line == 1 {
            column = column.saturating_sub(bounded(self.before.len())).saturating_add(self.columns_before);
        }
        Position { line: line.saturating_add(self.lines_before), column: column.saturating_add(1) }
    }
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How much has been built, or how much a subtree holds.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

/// A collection whose end has not come.
struct Open {
    position: Position,
    anchor: usize,
    before: Size,
    height: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Key> },
}

/// A finished node that aliases may repeat.
struct Anchored {
    node: Node,
    size: Size,
    height: usize,
}

struct Loader<'a> {
    budget: &'a Budget,
    text: &'a str,
    source: &'a Source<'a>,
    built: Size,
    repeated: Size,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    documents: usize,
    last: Position,
    root: Option<Node>,
}

impl<'a> Loader<'a> {
    fn new(budget: &'a Budget, text: &'a str, source: &'a Source<'a>) -> Self {
        Self {
            budget,
            text,
            source,
            built: Size::default(),
            repeated: Size::default(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            documents: 0,
            last: Position::START,
            root: None,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let position = self.source.position(&span.start);
        self.last = position;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), position)?;
                let style = written(style, span);
                self.scalar(text.into_owned(), style, anchor, position)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), position)?;
                self.start(Content::Sequence(Vec::new()), anchor, position)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), position)?;
                self.start(Content::Mapping { entries: Vec::new(), key: None }, anchor, position)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, position),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 1 {
                    return Ok(());
                }
                Err(Error::new(ErrorKind::Unsupported, position, "a second document begins here")
                    .suggest("Keep one document a file: remove `---` or move what follows into its own file."))
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(&mut self, text: String, style: Written, anchor: usize, position: Position) -> Result<(), Error> {
        let bytes = text.len();
        if bytes > self.budget.scalar_bytes_max {
            let message =
                format!("a text of {bytes} bytes is longer than the {} allowed", self.budget.scalar_bytes_max);
            return Err(Error::new(ErrorKind::Budget, position, message).suggest("Move it into a file."));
        }
        self.count(Size { nodes: 1, bytes }, position)?;
        if self.expects_key() {
            return self.key(text, style, anchor, position);
        }
        let value = match style.is_plain {
            true => scalar::plain(text, style.style).map_err(|refused| {
                Error::new(ErrorKind::Unsupported, position, refused.message).suggest(refused.suggestion)
            })?,
            false => Value::String(scalar::compact(text), style.style),
        };
        self.place(Node { position, value }, anchor, Size { nodes: 1, bytes }, 0)
    }

    fn key(&mut self, text: String, style: Written, anchor: usize, position: Position) -> Result<(), Error> {
        if anchor != 0 {
            return Err(Error::new(ErrorKind::Unsupported, position, "a key has an anchor")
                .suggest("Put the anchor on the value."));
        }
        if style.is_plain && text == "<<" {
            return Err(Error::new(ErrorKind::Unsupported, position, "merge keys (`<<`) are not supported")
                .suggest("Write the keys out, or give the whole value an alias."));
        }
        if style.is_plain && text.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, position, "a value without a key")
                .suggest("Write a key in front of the `:`."));
        }
        let text = scalar::compact(text);
        if let Some(Open { content: Content::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(Key { text, position });
        }
        Ok(())
    }

    fn start(&mut self, content: Content, anchor: usize, position: Position) -> Result<(), Error> {
        if self.expects_key() {
            return Err(syntax::key_is_a_collection(self.text, position));
        }
        if self.open.len() >= self.budget.depth_max {
            return Err(self.too_deep(position));
        }
        let before = self.built;
        self.count(Size { nodes: 1, bytes: 0 }, position)?;
        self.open.push(Open { position, anchor, before, height: 0, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::Sequence(mut items) => {
                items.shrink_to_fit();
                Value::Sequence(items)
            }
            Content::Mapping { mut entries, .. } => {
                refuse_duplicates(&entries)?;
                entries.shrink_to_fit();
                Value::Mapping(entries)
            }
        };
        let size = Size { nodes: self.built.nodes - open.before.nodes, bytes: self.built.bytes - open.before.bytes };
        self.place(Node { position: open.position, value }, open.anchor, size, open.height + 1)
    }

    /// The repeated node keeps the places of its anchor, so that a problem inside points at what to change.
    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Error> {
        if self.expects_key() {
            return Err(
                Error::new(ErrorKind::Unsupported, position, "an alias stands as a key").suggest("Write the key out.")
            );
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Error::new(ErrorKind::Syntax, position, "an alias stands inside the value it repeats")
                .suggest("Write the value out."));
        };
        let (size, height) = (anchored.size, anchored.height);
        if self.open.len() + height > self.budget.depth_max {
            return Err(self.too_deep(position));
        }
        self.repeat(size, position)?;
        self.count(size, position)?;
        let node = self.anchors.get(&anchor).map(|anchored| anchored.node.clone());
        match node {
            Some(node) => self.place(node, 0, size, height),
            None => Ok(()),
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, anchor: usize, size: Size, height: usize) -> Result<(), Error> {
        if anchor != 0 {
            self.repeat(size, node.position)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, height });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.height = parent.height.max(height);
        match &mut parent.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, key } => {
                if let Some(key) = key.take() {
                    entries.push(Entry { key, node });
                }
            }
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn count(&mut self, size: Size, position: Position) -> Result<(), Error> {
        self.built.nodes += size.nodes;
        self.built.bytes += size.bytes;
        if self.built.nodes <= self.budget.nodes_max {
            return Ok(());
        }
        let message = format!("more than {} values", self.budget.nodes_max);
        Err(Error::new(ErrorKind::Budget, position, message).suggest("Move large data into files."))
    }

    fn repeat(&mut self, size: Size, position: Position) -> Result<(), Error> {
        self.repeated.nodes += size.nodes;
        self.repeated.bytes += size.bytes;
        let Budget { alias_nodes_max, alias_bytes_max, .. } = self.budget;
        if self.repeated.nodes <= *alias_nodes_max && self.repeated.bytes <= *alias_bytes_max {
            return Ok(());
        }
        let message =
            format!("anchors and aliases repeat more than {alias_nodes_max} values or {alias_bytes_max} bytes of text");
        Err(Error::new(ErrorKind::Budget, position, message).suggest("Write the values out, or repeat less."))
    }

    fn too_deep(&self, position: Position) -> Error {
        let message = format!("nested deeper than {} levels", self.budget.depth_max);
        Error::new(ErrorKind::Budget, position, message)
            .suggest("Nest less; in a workflow, move a part into `trees:` and name it with SubTree.")
    }

    fn overrun(&self, overrun: Overrun) -> Error {
        let (message, suggestion) = match overrun {
            Overrun::Characters => (
                format!("what follows is one value of more than {CHARACTERS_BETWEEN_EVENTS_MAX} characters"),
                "Move it into a file.",
            ),
            Overrun::Marks => (
                format!(
                    "what follows is a list or mapping in brackets with more than {MARKS_BETWEEN_EVENTS_MAX} commas and brackets"
                ),
                "Write it in lines (`- item` or `key: value`), or move it into a file.",
            ),
            Overrun::Ends => (
                format!("more than {ENDS_BETWEEN_EVENTS_MAX} ends of a document (`...`) follow each other"),
                "Remove them; one document a file needs none.",
            ),
        };
        Error::new(ErrorKind::Budget, self.last, message).suggest(suggestion)
    }
}

/// How a scalar was written. A plain one may be a number, also when it goes on in the next line.
#[derive(Clone, Copy)]
struct Written {
    is_plain: bool,
    style: Style,
}

fn written(style: ScalarStyle, span: Span) -> Written {
    let is_plain = style == ScalarStyle::Plain;
    let style = match style {
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        _ if span.start.line() != span.end.line() => Style::Folded,
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
    };
    Written { is_plain, style }
}

fn refuse_tag(tagged: bool, position: Position) -> Result<(), Error> {
    if !tagged {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, position, "tags (`!name`, `!!type`) are not supported")
        .suggest("Remove the tag; quote the value to keep it as text."))
}

fn refuse_duplicates(entries: &[Entry]) -> Result<(), Error> {
    let duplicate = if entries.len() <= SCANNED_ENTRIES_MAX {
        let seen_before = |at: usize| entries[..at].iter().position(|entry| entry.key.text == entries[at].key.text);
        (1..entries.len()).find_map(|at| seen_before(at).map(|first| (first, at)))
    } else {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_unstable_by(|a, b| entries[*a].key.text.cmp(&entries[*b].key.text).then(a.cmp(b)));
        let same = |pair: &&[usize]| entries[pair[0]].key.text == entries[pair[1]].key.text;
        order.windows(2).filter(same).map(|pair| (pair[0], pair[1])).min_by_key(|pair| pair.1)
    };
    let Some((first, second)) = duplicate else { return Ok(()) };
    let (first, second) = (&entries[first].key, &entries[second].key);
    let shown: String = second.text.chars().take(80).collect();
    let message = format!("the key `{shown}` is already given at line {}", first.position.line);
    Err(Error::new(ErrorKind::DuplicateKey, second.position, message).suggest("Keep one of the two."))
}
