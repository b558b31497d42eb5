//! `akao fmt`: one layout for workflow files.
//!
//! Keys get their usual order, node types their canonical names, indentation and quotes one form. Comments stay beside
//! what they speak about, single blank lines stay, block texts stay block texts, and a collection in one line stays in
//! one line while it fits. The result is read again before it is given away: it means the same and no comment is lost.

mod comments;
mod emit;
mod order;
mod scalar;
mod source;
mod tree;

#[cfg(test)]
mod tests;

use crate::{Catalogue, Position, Problem, Severity, canonicalise, content_hash, read};
use source::Source;

/// Formats a workflow file. Aliases that the catalogue knows are replaced by the canonical names of node types.
///
/// # Errors
/// The problems of a file that cannot be read; it has to be mended first.
pub fn format_workflow(text: &str, catalogue: &Catalogue) -> Result<String, Vec<Problem>> {
    let before = read(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let source = Source::of(&text);
    let mut tree = tree::build(&source).map_err(|message| vec![refusal(&message)])?;
    let comments = comments::find(&source, &tree);
    let texts = sorted_texts(&comments);
    comments::attach(&mut tree, &source, comments);
    let formatted = emit::emit(&tree, catalogue);
    let after = read(&formatted).map_err(|problems| {
        vec![refusal(problems.first().map_or("the result cannot be read", |problem| problem.message.as_str()))]
    })?;
    let hash = |mut definition: crate::Definition| {
        canonicalise(&mut definition, catalogue);
        content_hash(&definition, None)
    };
    if hash(before.definition) != hash(after.definition) {
        return Err(vec![refusal("the meaning would change")]);
    }
    if texts != comment_texts(&formatted) {
        return Err(vec![refusal("a comment would be lost")]);
    }
    Ok(formatted)
}

/// The texts of all comments, sorted; none when the text is not YAML.
fn comment_texts(text: &str) -> Vec<String> {
    let source = Source::of(text);
    tree::build(&source).map(|tree| sorted_texts(&comments::find(&source, &tree))).unwrap_or_default()
}

fn sorted_texts(comments: &[comments::Comment]) -> Vec<String> {
    let mut texts: Vec<_> = comments.iter().map(|comment| comment.text.clone()).collect();
    texts.sort();
    texts
}

/// The file is left alone rather than damaged.
fn refusal(reason: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        code: "format-refused".to_owned(),
        message: format!("the file cannot be formatted without harm: {reason}"),
        position: Position { line: 1, column: 1 },
        path: String::new(),
        suggestion: Some("Leave the file as it is, and report it with the file if you can.".to_owned()),
    }
}
