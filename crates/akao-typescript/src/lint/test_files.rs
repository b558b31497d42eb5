//! What is most likely not meant in files of tests, beside what is not meant anywhere: tests that keep others from being run, that
//! are called as another one is, or that expect nothing. The rules have the names that the plugins of ESLint for tests give them.

use super::linter::{Linter, shown};
use oxc_ast::ast::{CallExpression, Expression, ExpressionStatement};
use oxc_span::GetSpan;
use std::collections::BTreeSet;

/// What a group of tests begins with.
const GROUPS: [&str; 2] = ["describe", "suite"];
/// What a test begins with.
const CASES: [&str; 2] = ["it", "test"];

/// With more words and calls, a callee is none of these: chains of calls are as long as somebody makes them.
const WORDS_MAX: usize = 10;

/// Whether a file holds tests, by its name.
pub(super) fn is_test(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains(".test."))
}

/// What was seen of a file of tests so far: what stands in it, and in each group around the place that is looked at. Of each it is
/// kept whether it is a group, and its title.
pub(super) struct Seen(Vec<BTreeSet<(bool, String)>>);

impl Seen {
    pub(super) fn nothing() -> Self {
        Self(vec![BTreeSet::new()])
    }
}

impl Linter<'_, '_, '_> {
    /// A call, which may be a test or a group of them. Gives whether it is a group: what is called alike within is something else.
    pub(super) fn begins_group(&mut self, call: &CallExpression<'_>) -> bool {
        if self.seen.is_none() {
            return false;
        }
        let Some((first, words)) = words(&call.callee) else { return false };
        let is_group = GROUPS.contains(&first);
        if !is_group && !CASES.contains(&first) {
            return false;
        }
        if words.contains(&"only") {
            let message = format!("`{first}.only` keeps the other tests from being run");
            self.error("no-focused-tests", call.span, message, "Take `.only` out.");
        }
        self.title(call, is_group);
        if let Some(seen) = self.seen.as_mut().filter(|_| is_group) {
            seen.0.push(BTreeSet::new());
        }
        is_group
    }

    /// A title of which several are made says nothing before they are.
    fn title(&mut self, call: &CallExpression<'_>, is_group: bool) {
        let (Some(first), false) = (call.arguments.first(), is_made_of_rows(&call.callee)) else { return };
        let title = match first.as_expression() {
            Some(Expression::StringLiteral(text)) => text.value.as_str(),
            Some(Expression::TemplateLiteral(text)) => match text.single_quasi() {
                Some(text) => text.as_str(),
                None => return,
            },
            _ => return,
        };
        let group = self.seen.as_mut().and_then(|seen| seen.0.last_mut());
        if group.is_some_and(|group| !group.insert((is_group, title.to_owned()))) {
            let what = if is_group { "group" } else { "test" };
            let message = format!("another {what} is called `{}` as well", shown(title));
            self.warning("no-identical-title", first.span(), message, "Say in its title what is different.");
        }
    }

    pub(super) fn ends_group(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.0.pop();
        }
    }

    /// An expectation that stands alone must be said whole, and be waited for where it waits itself. What a function gives, whoever
    /// calls it may wait for.
    pub(super) fn expectation(&mut self, statement: &ExpressionStatement<'_>) {
        if self.seen.is_none() {
            return;
        }
        let (is_awaited, said) = match &statement.expression {
            Expression::AwaitExpression(awaited) => (true, &awaited.argument),
            said => (false, said),
        };
        let lack = lack(said).filter(|lack| !is_awaited || *lack != Lack::Awaiting);
        let Some(lack) = lack else { return };
        let text = shown(self.text_of(said.span()));
        let (message, hint) = match lack {
            Lack::Comparison => (format!("`{text}` expects nothing"), "Say what is expected, such as by `.toBe(…)`."),
            Lack::Call => (format!("`{text}` compares nothing, as it is not called"), "Call it with what is expected."),
            Lack::Awaiting => (format!("nobody waits for `{text}`"), "Put `await` before it, or return it."),
        };
        self.error("valid-expect", statement.span, message, hint);
    }
}

/// The word that a callee begins with, and those that follow: of `it.only.each(rows)` they are `it`, and `each` and `only`.
fn words<'e>(callee: &'e Expression<'_>) -> Option<(&'e str, Vec<&'e str>)> {
    let (mut words, mut rest) = (Vec::new(), callee);
    for _ in 0..WORDS_MAX {
        rest = match rest {
            Expression::Identifier(name) => return Some((name.name.as_str(), words)),
            Expression::StaticMemberExpression(member) => {
                words.push(member.property.name.as_str());
                &member.object
            }
            Expression::CallExpression(call) => &call.callee,
            Expression::TaggedTemplateExpression(rows) => &rows.tag,
            _ => return None,
        };
    }
    None
}

/// Whether a test is made of each of several rows, as by `it.each(rows)("…")`.
fn is_made_of_rows(callee: &Expression<'_>) -> bool {
    match callee {
        Expression::CallExpression(_) | Expression::TaggedTemplateExpression(_) => true,
        Expression::StaticMemberExpression(member) => {
            matches!(member.property.name.as_str(), "each" | "for") || is_made_of_rows(&member.object)
        }
        _ => false,
    }
}

/// What keeps an expectation from proving anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// `expect(a)`, `expect(a).not`.
    Comparison,
    /// `expect(a).toBe`.
    Call,
    /// `expect(a).resolves.toBe(1)`, where nobody waits for it.
    Awaiting,
}

/// What an expectation lacks, if it is one and stands alone.
fn lack(said: &Expression<'_>) -> Option<Lack> {
    /// What stands before a comparison.
    const TURNS: [&str; 3] = ["not", "resolves", "rejects"];
    let (is_called, mut rest) = match said {
        Expression::CallExpression(call) if !call.callee.is_specific_id("expect") => (true, &call.callee),
        said => (false, said),
    };
    let mut words = Vec::new();
    while let Expression::StaticMemberExpression(member) = rest {
        words.push(member.property.name.as_str());
        rest = &member.object;
    }
    let is_expectation = matches!(rest, Expression::CallExpression(call) if call.callee.is_specific_id("expect"));
    match is_called {
        _ if !is_expectation => None,
        true => words.iter().any(|word| matches!(*word, "resolves" | "rejects")).then_some(Lack::Awaiting),
        false if words.iter().all(|word| TURNS.contains(word)) => Some(Lack::Comparison),
        false => Some(Lack::Call),
    }
}
