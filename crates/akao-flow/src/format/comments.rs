//! Comments: where they are, and what each speaks about.
//!
//! A comment behind something belongs to it. A comment on a line of its own belongs to what follows, or, when it is
//! indented deeper than that, to the end of the block it is indented like.

use super::source::Source;
use super::tree::{Kind, Remark, Tree};

/// A comment as the text has it.
pub(super) struct Comment {
    /// From the `#` on, without spaces at the end.
    pub(super) text: String,
    at: usize,
    own_line: bool,
}

/// All comments in the order of the text.
pub(super) fn find(source: &Source, tree: &Tree) -> Vec<Comment> {
    let mut scalars: Vec<(usize, usize)> = tree
        .nodes
        .iter()
        .filter(|node| matches!(node.kind, Kind::Scalar { .. }) && node.end > node.start)
        .map(|node| (node.start, node.end))
        .collect();
    scalars.sort_unstable();
    let covered = |at: usize| {
        let before = scalars.partition_point(|(start, _)| *start <= at);
        before.checked_sub(1).is_some_and(|last| at < scalars[last].1)
    };
    let mut comments = Vec::new();
    for line in 0..source.lines() {
        let (start, end) = source.line_range(line);
        let begins = |at: &usize| {
            source.chars[*at] == '#' && (*at == start || source.chars[*at - 1].is_whitespace()) && !covered(*at)
        };
        if let Some(at) = (start..end).find(begins) {
            let text: String = source.chars[at..end].iter().collect();
            let own_line = source.opens_line(at);
            comments.push(Comment { text: text.trim_end().to_owned(), at, own_line });
        }
    }
    comments
}

/// Puts each comment beside what it speaks about.
pub(super) fn attach(tree: &mut Tree, source: &Source, comments: Vec<Comment>) {
    // A pair is added with its value, so the entries of a nested collection come after their parent: text order.
    let starts: Vec<usize> = tree.entries.iter().map(|entry| entry.start).collect();
    for comment in comments {
        let next = starts.partition_point(|start| *start < comment.at);
        if comment.own_line {
            let remark = Remark { blank_before: source.is_blank_before(source.line(comment.at)), text: comment.text };
            attach_own_line(tree, source.column(comment.at), comment.at, next, remark);
        } else {
            attach_behind(tree, comment.at, next, comment.text);
        }
    }
    tree.blank_after_head = !tree.head.is_empty() && tree.entries.first().is_some_and(|entry| entry.blank_before);
    forget_blanks_at_openings(tree);
}

/// A blank line at the start of a block belongs to no entry, so it must not travel when the entries are sorted.
fn forget_blanks_at_openings(tree: &mut Tree) {
    for node in &tree.nodes {
        let Kind::Collection { entries, .. } = &node.kind else { continue };
        let Some(first) = entries.first().map(|first| &mut tree.entries[*first]) else { continue };
        match first.leading.first_mut() {
            Some(remark) => remark.blank_before = false,
            None => first.blank_before = false,
        }
    }
}

fn attach_behind(tree: &mut Tree, at: usize, next: usize, text: String) {
    let remark = |text| Remark { text, blank_before: false };
    let Some(entry) = reachable(tree, at, next) else {
        return tree.head.push(remark(text));
    };
    let entry = &mut tree.entries[entry];
    match entry.trailing {
        None => entry.trailing = Some(text),
        Some(_) => entry.leading.push(remark(text)),
    }
}

/// The last entry that starts before a place and is not inside brackets that are closed there.
fn reachable(tree: &Tree, at: usize, next: usize) -> Option<usize> {
    let mut entry = next.checked_sub(1)?;
    let mut closed = Some(entry);
    while let Some(inner) = closed {
        let parent = tree.entries[inner].parent;
        if let Some(parent) = parent {
            let value = &tree.nodes[tree.entries[parent].value];
            let is_flow = matches!(value.kind, Kind::Collection { flow: true, .. });
            if is_flow && value.end <= at {
                entry = parent;
            }
        }
        closed = parent;
    }
    Some(entry)
}

fn attach_own_line(tree: &mut Tree, column: usize, at: usize, next: usize, remark: Remark) {
    let Some(last) = reachable(tree, at, next) else {
        return tree.head.push(remark);
    };
    let is_inside = |node: usize| at < tree.nodes[node].end;
    let value = tree.entries[last].value;
    if !matches!(tree.nodes[value].kind, Kind::Collection { .. }) && is_inside(value) {
        return tree.entries[last].leading.push(remark);
    }
    let following = (next < tree.entries.len()).then_some(next);
    let open_bracket = |entry: usize| {
        let value = &tree.nodes[tree.entries[entry].value];
        matches!(value.kind, Kind::Collection { flow: true, .. }) && at < value.end
    };
    let ancestors = |from: usize| std::iter::successors(Some(from), |entry| tree.entries[*entry].parent);
    if let Some(bracket) = ancestors(last).find(|entry| open_bracket(*entry)) {
        let within = following.filter(|following| ancestors(*following).any(|entry| entry == bracket));
        return match within {
            Some(following) => tree.entries[following].leading.push(remark),
            None => tree.entries[last].after.push(remark),
        };
    }
    let floor = following.map(|following| tree.entries[following].column);
    let is_above = |entry: usize| following.is_some_and(|following| ancestors(following).any(|above| above == entry));
    let home = ancestors(last)
        .filter(|entry| !tree.entries[*entry].in_flow && !is_above(*entry))
        .filter(|entry| floor.is_none_or(|floor| tree.entries[*entry].column > floor))
        .find(|entry| tree.entries[*entry].column <= column);
    match (home, following) {
        (Some(home), _) => tree.entries[home].after.push(remark),
        (None, Some(following)) => tree.entries[following].leading.push(remark),
        (None, None) => tree.foot.push(remark),
    }
}
