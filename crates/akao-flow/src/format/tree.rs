//! The syntax tree of a YAML text: values with their style, entries with their place. Values are not interpreted.

use super::source::Source;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::{BTreeMap, BTreeSet};

/// An index into [`Tree::nodes`].
pub(super) type NodeId = usize;

pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Entries of all collections in the order of the text.
    pub(super) entries: Vec<Entry>,
    pub(super) root: NodeId,
    /// What each anchor that is used stands for, and its name.
    pub(super) anchors: BTreeMap<usize, (NodeId, String)>,
    /// Comments above the first entry and below the last one.
    pub(super) head: Vec<Remark>,
    pub(super) foot: Vec<Remark>,
    /// A blank line follows the comments at the head.
    pub(super) blank_after_head: bool,
}

pub(super) struct Node {
    pub(super) kind: Kind,
    /// The anchor's number; zero for none.
    pub(super) anchor: usize,
    pub(super) start: usize,
    /// Behind the last character.
    pub(super) end: usize,
}

pub(super) enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Alias(usize),
    Collection { mapping: bool, flow: bool, entries: Vec<usize> },
}

/// An item of a sequence or a pair of a mapping.
pub(super) struct Entry {
    pub(super) key: Option<NodeId>,
    pub(super) value: NodeId,
    /// The key, or the dash of an item.
    pub(super) start: usize,
    pub(super) column: usize,
    pub(super) parent: Option<usize>,
    /// Stands in a collection in brackets.
    pub(super) in_flow: bool,
    pub(super) blank_before: bool,
    pub(super) leading: Vec<Remark>,
    pub(super) trailing: Option<String>,
    pub(super) after: Vec<Remark>,
}

/// A comment on a line of its own.
pub(super) struct Remark {
    pub(super) text: String,
    pub(super) blank_before: bool,
}

/// Builds the tree. The error is a fragment that says what is wrong.
pub(super) fn build(source: &Source) -> Result<Tree, String> {
    let mut builder = Builder {
        source,
        tree: Tree {
            nodes: Vec::new(),
            entries: Vec::new(),
            root: 0,
            anchors: BTreeMap::new(),
            head: Vec::new(),
            foot: Vec::new(),
            blank_after_head: false,
        },
        open: Vec::new(),
        alias_names: BTreeMap::new(),
    };
    for event in Parser::new_from_str(source.text) {
        let (event, span) = event.map_err(|error| error.info().to_owned())?;
        builder.take(event, span);
    }
    builder.finish()
}

struct Builder<'s> {
    source: &'s Source<'s>,
    tree: Tree,
    open: Vec<Open>,
    alias_names: BTreeMap<usize, String>,
}

/// A collection whose end has not come.
struct Open {
    node: NodeId,
    key: Option<NodeId>,
    /// The entry that holds the collection.
    entry: Option<usize>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let (start, end) = (span.start.index(), span.end.index());
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let end = self.scalar_end(start, end, style);
                self.add(Kind::Scalar { text: text.into_owned(), style }, anchor, start, end);
            }
            Event::Alias(anchor) => {
                let name = self.source.chars.get(start + 1..end).unwrap_or_default().iter().collect::<String>();
                self.alias_names.insert(anchor, name.trim().to_owned());
                self.add(Kind::Alias(anchor), 0, start, end);
            }
            Event::SequenceStart(anchor, _) => self.start(false, anchor, start, end),
            Event::MappingStart(anchor, _) => self.start(true, anchor, start, end),
            Event::SequenceEnd | Event::MappingEnd => self.end(start),
            _ => {}
        }
    }

    /// The parser's span of a quoted text goes on through spaces and comments behind it.
    fn scalar_end(&self, start: usize, end: usize, style: ScalarStyle) -> usize {
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return end,
        };
        let chars = &self.source.chars;
        let Some(open) = (start..chars.len()).find(|at| chars[*at] == quote) else { return end };
        let mut at = open + 1;
        while at < chars.len() {
            match chars[at] {
                '\\' if quote == '"' => at += 1,
                c if c == quote && quote == '\'' && chars.get(at + 1) == Some(&'\'') => at += 1,
                c if c == quote => return at + 1,
                _ => {}
            }
            at += 1;
        }
        end
    }

    fn start(&mut self, mapping: bool, anchor: usize, start: usize, end: usize) {
        let flow = self.is_flow(start, end);
        let kind = Kind::Collection { mapping, flow, entries: Vec::new() };
        let (node, entry) = self.add(kind, anchor, start, end);
        self.open.push(Open { node, key: None, entry });
    }

    /// The parser's span of an opening bracket begins with the anchor and goes on through spaces and comments.
    fn is_flow(&self, start: usize, end: usize) -> bool {
        let span = self.source.chars.get(start..end).unwrap_or_default();
        let anchor = match span.first() {
            Some('&') => span.iter().take_while(|c| !c.is_whitespace()).count(),
            _ => 0,
        };
        matches!(span[anchor..].iter().find(|c| !c.is_whitespace()), Some('{' | '['))
    }

    fn end(&mut self, at: usize) {
        let Some(open) = self.open.pop() else { return };
        let last = match &self.tree.nodes[open.node].kind {
            Kind::Collection { flow: true, .. } => at + 1,
            Kind::Collection { entries, .. } => {
                entries.last().map_or(at, |entry| self.tree.nodes[self.tree.entries[*entry].value].end)
            }
            _ => at,
        };
        self.tree.nodes[open.node].end = last;
    }

    /// Adds a node, and the entry when it completes one.
    fn add(&mut self, kind: Kind, anchor: usize, start: usize, end: usize) -> (NodeId, Option<usize>) {
        let id = self.tree.nodes.len();
        self.tree.nodes.push(Node { kind, anchor, start, end });
        if anchor > 0 {
            self.tree.anchors.insert(anchor, (id, String::new()));
        }
        let Some(open) = self.open.last_mut() else {
            self.tree.root = id;
            return (id, None);
        };
        let (parent, holder) = (open.entry, open.node);
        let Kind::Collection { mapping, flow, .. } = self.tree.nodes[holder].kind else { return (id, None) };
        if mapping && open.key.is_none() {
            open.key = Some(id);
            return (id, None);
        }
        let key = open.key.take();
        let start = match key {
            Some(key) => self.tree.nodes[key].start,
            None if flow => start,
            None => self.dash(start),
        };
        let entry = self.tree.entries.len();
        let line = self.source.line(start);
        self.tree.entries.push(Entry {
            key,
            value: id,
            start,
            column: self.source.column(start),
            parent,
            in_flow: flow || parent.is_some_and(|parent| self.tree.entries[parent].in_flow),
            blank_before: self.source.opens_line(start) && self.source.is_blank_before(line),
            leading: Vec::new(),
            trailing: None,
            after: Vec::new(),
        });
        if let Kind::Collection { entries, .. } = &mut self.tree.nodes[holder].kind {
            entries.push(entry);
        }
        (id, Some(entry))
    }

    /// The dash before an item: on its line, or alone on a line above, behind comments and an anchor.
    fn dash(&self, start: usize) -> usize {
        let chars = &self.source.chars;
        let line = self.source.line(start);
        for line in (0..=line).rev() {
            let (from, to) = self.source.line_range(line);
            let to = to.min(start);
            let mut kept: Vec<usize> = Vec::new();
            for at in from..to {
                if chars[at] == '#' && (at == from || chars[at - 1].is_whitespace()) {
                    break;
                }
                kept.push(at);
            }
            let is_space = |at: &usize| chars[*at].is_whitespace();
            let last_word = kept.iter().rposition(|at| !is_space(at)).map(|last| &kept[..=last]);
            let Some(mut words) = last_word else { continue };
            let begin = words.iter().rposition(is_space).map_or(0, |space| space + 1);
            if chars[words[begin]] == '&' {
                let Some(last) = words[..begin].iter().rposition(|at| !is_space(at)) else { continue };
                words = &words[..=last];
            }
            return match words.last() {
                Some(at) if chars[*at] == '-' => *at,
                _ => start,
            };
        }
        start
    }

    fn finish(mut self) -> Result<Tree, String> {
        if self.tree.nodes.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let mut taken = BTreeSet::new();
        let names = self.alias_names;
        self.tree.anchors.retain(|anchor, _| names.contains_key(anchor));
        for (anchor, (_, name)) in &mut self.tree.anchors {
            *name = names.get(anchor).cloned().unwrap_or_default();
            if !taken.insert(name.clone()) {
                *name = format!("{name}_{anchor}");
                taken.insert(name.clone());
            }
        }
        Ok(self.tree)
    }
}
