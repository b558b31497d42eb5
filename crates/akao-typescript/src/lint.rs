//! What is most likely not meant, in the files of whoever writes a node: what a good linter tells as an error, and a few things as
//! warnings. The rules have the names that ESLint gives them, and the comments by which somebody says that it is meant all the same
//! are ESLint's as well.

use crate::place::Place;
use akao_node::{Value, json};
use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, AssignmentExpression, AssignmentTarget, BinaryExpression, BinaryOperator,
    BlockStatement, BreakStatement, CatchClause, Class, ClassElement, ConditionalExpression, ContinueStatement,
    DebuggerStatement, DoWhileStatement, Expression, ForStatement, Function, IfStatement, MethodDefinitionKind,
    NewExpression, ObjectExpression, ObjectPropertyKind, Program, PropertyKind, ReturnStatement, Statement,
    SwitchStatement, ThrowStatement, TryStatement, UnaryOperator, WhileStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{ContentEq, GetSpan, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Lints beyond these are not told: the first ones are what somebody corrects.
const LINTS_MAX: usize = 200;
/// Comments beyond these allow nothing.
const ALLOWED_MAX: usize = 1_000;
/// Further branches of one `if` are not held against its first.
const BRANCHES_MAX: usize = 100;
/// Longer names and texts in messages are cut, in characters.
const SHOWN_MAX: usize = 60;

/// One thing that is most likely not meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lint {
    rule: &'static str,
    /// Whether no node should be deployed like that.
    is_error: bool,
    message: String,
    hint: &'static str,
    file: String,
    place: Place,
}

impl Lint {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "rule": self.rule, "error": self.is_error, "message": self.message, "suggestion": self.hint,
            "file": self.file, "line": self.place.line, "column": self.place.column,
        })
    }
}

/// What is most likely not meant in a file.
pub(crate) fn lint(path: &str, text: &str, program: &Program<'_>) -> Vec<Lint> {
    let mut linter = Linter { path, text, program, found: Vec::new() };
    linter.visit_program(program);
    let mut found = linter.found;
    if found.is_empty() {
        return found;
    }
    let allowed = Allowed::of(text, program);
    found.retain(|lint| !allowed.allows(lint));
    found.sort_by_key(|lint| (lint.place.line, lint.place.column));
    found.truncate(LINTS_MAX);
    found
}

/// The lines on which comments allow what is told otherwise: of one rule, or of all.
struct Allowed(Vec<(usize, usize, Vec<String>)>);

impl Allowed {
    fn of(text: &str, program: &Program<'_>) -> Self {
        let mut lines = Vec::new();
        for comment in &program.comments {
            if lines.len() >= ALLOWED_MAX {
                break;
            }
            let span = comment.content_span();
            let said = text.get(span.start as usize..span.end as usize).unwrap_or_default().trim_start();
            let Some(said) = said.strip_prefix("eslint-").or_else(|| said.strip_prefix("oxlint-")) else { continue };
            let word = said.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
            // What follows two hyphens is a reason for people.
            let rest = said.get(word.len()..).unwrap_or_default().split("--").next().unwrap_or_default();
            let rules = rest.split(',').map(|rule| rule.trim().rsplit('/').next().unwrap_or_default().to_owned());
            let rules: Vec<String> = rules.filter(|rule| !rule.is_empty()).collect();
            let (first, last) =
                (Place::of(text, comment.span.start as usize).line, Place::of(text, comment.span.end as usize).line);
            match word {
                "disable-line" => lines.push((first, last, rules)),
                "disable-next-line" => lines.push((last + 1, last + 1, rules)),
                "disable" => lines.push((first, usize::MAX, rules)),
                "enable" => lines.iter_mut().filter(|open| open.1 == usize::MAX).for_each(|open| open.1 = first),
                _ => {}
            }
        }
        Self(lines)
    }

    fn allows(&self, lint: &Lint) -> bool {
        let is_of = |rules: &[String]| rules.is_empty() || rules.iter().any(|rule| rule == lint.rule);
        self.0.iter().any(|(first, last, rules)| (*first..=*last).contains(&lint.place.line) && is_of(rules))
    }
}

struct Linter<'t, 'p, 'a> {
    path: &'t str,
    text: &'t str,
    program: &'p Program<'a>,
    found: Vec<Lint>,
}

fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// An expression as it is held against others: by its words, or by all of its text where blanks may be a part of what it says.
fn as_written(text: &str) -> Vec<&str> {
    match text.contains(['\'', '"', '`', '/']) {
        true => vec![text],
        false => text.split_whitespace().collect(),
    }
}

impl Linter<'_, '_, '_> {
    /// Whether enough was found: what tells a place reads the text up to it, and nobody reads more than that.
    fn is_full(&self) -> bool {
        self.found.len() >= 2 * LINTS_MAX
    }

    fn tell(&mut self, is_error: bool, rule: &'static str, span: Span, message: impl Into<String>, hint: &'static str) {
        if self.is_full() {
            return;
        }
        let place = Place::of(self.text, span.start as usize);
        let is_told = self.found.iter().any(|lint| lint.rule == rule && lint.place == place);
        if !is_told {
            let (message, file) = (message.into(), self.path.to_owned());
            self.found.push(Lint { rule, is_error, message, hint, file, place });
        }
    }

    fn error(&mut self, rule: &'static str, span: Span, message: impl Into<String>, hint: &'static str) {
        self.tell(true, rule, span, message, hint);
    }

    fn warning(&mut self, rule: &'static str, span: Span, message: impl Into<String>, hint: &'static str) {
        self.tell(false, rule, span, message, hint);
    }

    fn text_of(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// What decides which way is gone. An assignment within brackets of its own is meant.
    fn condition(&mut self, test: &Expression<'_>) {
        if let Expression::AssignmentExpression(assignment) = test {
            let message = format!("the condition `{}` assigns", shown(self.text_of(assignment.span)));
            let hint = "Compare with `===`, or put the assignment in brackets of its own if it is meant.";
            self.error("no-cond-assign", assignment.span, message, hint);
        }
    }

    /// What chooses between two ways and always chooses the same one.
    fn choice(&mut self, test: &Expression<'_>) {
        self.condition(test);
        let is_constant = match test.without_parentheses() {
            Expression::ObjectExpression(_)
            | Expression::ArrayExpression(_)
            | Expression::ArrowFunctionExpression(_)
            | Expression::FunctionExpression(_) => true,
            test => test.is_literal(),
        };
        if is_constant {
            let message = format!("the condition `{}` is always the same", shown(self.text_of(test.span())));
            self.warning("no-constant-condition", test.span(), message, "Take out the way that is never gone.");
        }
    }

    fn unreachable(&mut self, statements: &[Statement<'_>]) {
        let Some(end) = statements.iter().position(ends) else { return };
        let Some(next) = statements.iter().skip(end + 1).find(|next| is_run(next)) else { return };
        let line = statements.get(end).map_or(0, |end| Place::of(self.text, end.span().start as usize).line);
        let message = format!("nothing comes here: what begins in line {line} ends before");
        self.error("no-unreachable", next.span(), message, "Take it out, or let what stands before it go on.");
    }

    fn empty(&mut self, block: &BlockStatement<'_>, what: &str, hint: &'static str) {
        let is_empty = block.body.is_empty();
        // Comments stand in the order of the text.
        let comments = &self.program.comments;
        let next = comments.get(comments.partition_point(|comment| comment.span.start < block.span.start));
        if is_empty && next.is_none_or(|comment| comment.span.end > block.span.end) {
            self.warning("no-empty", block.span, what, hint);
        }
    }

    fn comparison(&mut self, both: &BinaryExpression<'_>) {
        let (left, right) = (&both.left, &both.right);
        if left.content_eq(right) {
            let message = format!("`{}` is compared with itself", shown(self.text_of(left.span())));
            let hint = "Compare it with something else; whether a number is none, `Number.isNaN` says.";
            self.error("no-self-compare", both.span, message, hint);
        }
        if [left, right].into_iter().any(is_nan) {
            let is_never = !matches!(both.operator, BinaryOperator::Inequality | BinaryOperator::StrictInequality);
            let always = if is_never { "never" } else { "always" };
            let message = format!("this comparison with `NaN` is {always} true");
            self.error("use-isnan", both.span, message, "Ask `Number.isNaN(…)`.");
        }
        if both.operator.is_equality() {
            self.typeof_is(both);
        }
    }

    /// What `typeof` gives may be put into an order with any text; only what it is equal to is one of its names.
    fn typeof_is(&mut self, both: &BinaryExpression<'_>) {
        let (left, right) = (&both.left, &both.right);
        for (typed, said) in [(left, right), (right, left)] {
            if let (Expression::UnaryExpression(typed), Expression::StringLiteral(said)) = (typed, said)
                && typed.operator == UnaryOperator::Typeof
                && !TYPES.contains(&said.value.as_str())
            {
                let message = format!("`typeof` never gives `{}`", shown(&said.value));
                self.error("valid-typeof", said.span, message, "Compare with a name such as \"string\" or \"object\".");
            }
        }
    }
}

/// What `typeof` gives.
const TYPES: [&str; 8] = ["undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint"];

fn is_nan(expression: &Expression<'_>) -> bool {
    let by_number = |member: &oxc_ast::ast::StaticMemberExpression<'_>| {
        member.property.name == "NaN" && member.object.is_specific_id("Number")
    };
    expression.is_specific_id("NaN")
        || matches!(expression, Expression::StaticMemberExpression(member) if by_number(member))
}

/// Whether a statement never gives way to the next one.
fn ends(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ReturnStatement(_)
        | Statement::ThrowStatement(_)
        | Statement::BreakStatement(_)
        | Statement::ContinueStatement(_) => true,
        Statement::BlockStatement(block) => block.body.iter().any(ends),
        Statement::IfStatement(choice) => ends(&choice.consequent) && choice.alternate.as_ref().is_some_and(ends),
        Statement::TryStatement(attempt) => {
            let all = |block: &BlockStatement<'_>| block.body.iter().any(ends);
            let caught = attempt.handler.as_ref().is_none_or(|handler| all(&handler.body));
            attempt.finalizer.as_ref().is_some_and(|last| all(last)) || all(&attempt.block) && caught
        }
        Statement::WhileStatement(again) => is_true(&again.test) && !has_break(&again.body),
        Statement::DoWhileStatement(again) => is_true(&again.test) && !has_break(&again.body),
        Statement::ForStatement(again) => again.test.as_ref().is_none_or(is_true) && !has_break(&again.body),
        _ => false,
    }
}

fn is_true(test: &Expression<'_>) -> bool {
    matches!(test, Expression::BooleanLiteral(truth) if truth.value)
}

fn has_break(body: &Statement<'_>) -> bool {
    struct Look(bool);
    impl<'a> Visit<'a> for Look {
        fn visit_break_statement(&mut self, _: &BreakStatement<'a>) {
            self.0 = true;
        }
    }
    let mut look = Look(false);
    look.visit_statement(body);
    look.0
}

/// Whether a statement does something where it stands.
fn is_run(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::FunctionDeclaration(_)
        | Statement::EmptyStatement(_)
        | Statement::TSInterfaceDeclaration(_)
        | Statement::TSTypeAliasDeclaration(_) => false,
        Statement::VariableDeclaration(variables) => {
            !variables.kind.is_var() || variables.declarations.iter().any(|one| one.init.is_some())
        }
        _ => true,
    }
}

/// What leaves a `finally`, and with it what was thrown or returned before.
#[derive(Default)]
struct Leaves {
    found: Vec<Span>,
    loops: usize,
    switches: usize,
}

impl Leaves {
    fn within(&mut self, walk: impl FnOnce(&mut Self)) {
        self.loops += 1;
        walk(self);
        self.loops -= 1;
    }
}

impl<'a> Visit<'a> for Leaves {
    fn visit_function(&mut self, _: &Function<'a>, _: oxc_semantic::ScopeFlags) {}
    fn visit_arrow_function_expression(&mut self, _: &oxc_ast::ast::ArrowFunctionExpression<'a>) {}
    fn visit_class(&mut self, _: &Class<'a>) {}

    fn visit_return_statement(&mut self, leaves: &ReturnStatement<'a>) {
        self.found.push(leaves.span);
    }

    fn visit_throw_statement(&mut self, leaves: &ThrowStatement<'a>) {
        self.found.push(leaves.span);
    }

    fn visit_break_statement(&mut self, leaves: &BreakStatement<'a>) {
        if self.loops + self.switches == 0 && leaves.label.is_none() {
            self.found.push(leaves.span);
        }
    }

    fn visit_continue_statement(&mut self, leaves: &ContinueStatement<'a>) {
        if self.loops == 0 && leaves.label.is_none() {
            self.found.push(leaves.span);
        }
    }

    fn visit_for_statement(&mut self, again: &ForStatement<'a>) {
        self.within(|look| walk::walk_for_statement(look, again));
    }

    fn visit_for_of_statement(&mut self, again: &oxc_ast::ast::ForOfStatement<'a>) {
        self.within(|look| walk::walk_for_of_statement(look, again));
    }

    fn visit_for_in_statement(&mut self, again: &oxc_ast::ast::ForInStatement<'a>) {
        self.within(|look| walk::walk_for_in_statement(look, again));
    }

    fn visit_while_statement(&mut self, again: &WhileStatement<'a>) {
        self.within(|look| walk::walk_while_statement(look, again));
    }

    fn visit_do_while_statement(&mut self, again: &DoWhileStatement<'a>) {
        self.within(|look| walk::walk_do_while_statement(look, again));
    }

    fn visit_switch_statement(&mut self, cases: &SwitchStatement<'a>) {
        self.switches += 1;
        walk::walk_switch_statement(self, cases);
        self.switches -= 1;
    }
}

impl<'a> Visit<'a> for Linter<'_, '_, 'a> {
    fn visit_statement(&mut self, statement: &Statement<'a>) {
        if !self.is_full() {
            walk::walk_statement(self, statement);
        }
    }

    fn visit_expression(&mut self, expression: &Expression<'a>) {
        if !self.is_full() {
            walk::walk_expression(self, expression);
        }
    }

    fn visit_debugger_statement(&mut self, debugger: &DebuggerStatement) {
        self.error("no-debugger", debugger.span, "`debugger` was left in", "Take it out.");
    }

    fn visit_statements(&mut self, statements: &oxc_allocator::Vec<'a, Statement<'a>>) {
        self.unreachable(statements);
        walk::walk_statements(self, statements);
    }

    fn visit_if_statement(&mut self, choice: &IfStatement<'a>) {
        self.choice(&choice.test);
        let mut next = choice.alternate.as_ref();
        for _ in 0..BRANCHES_MAX {
            let Some(Statement::IfStatement(later)) = next else { break };
            if choice.test.content_eq(&later.test) {
                let message = format!("`{}` was asked before", shown(self.text_of(later.test.span())));
                self.error(
                    "no-dupe-else-if",
                    later.test.span(),
                    message,
                    "Ask something else, or take the branch out.",
                );
            }
            next = later.alternate.as_ref();
        }
        walk::walk_if_statement(self, choice);
    }

    fn visit_conditional_expression(&mut self, choice: &ConditionalExpression<'a>) {
        self.choice(&choice.test);
        walk::walk_conditional_expression(self, choice);
    }

    fn visit_while_statement(&mut self, again: &WhileStatement<'a>) {
        self.condition(&again.test);
        walk::walk_while_statement(self, again);
    }

    fn visit_do_while_statement(&mut self, again: &DoWhileStatement<'a>) {
        self.condition(&again.test);
        walk::walk_do_while_statement(self, again);
    }

    fn visit_for_statement(&mut self, again: &ForStatement<'a>) {
        again.test.iter().for_each(|test| self.condition(test));
        walk::walk_for_statement(self, again);
    }

    fn visit_switch_statement(&mut self, cases: &SwitchStatement<'a>) {
        let mut known: BTreeSet<Vec<&str>> = BTreeSet::new();
        for test in cases.cases.iter().filter_map(|case| Some(case.test.as_ref()?.span())) {
            let written = self.text.get(test.start as usize..test.end as usize).unwrap_or_default();
            if !known.insert(as_written(written)) && !self.is_full() {
                let message = format!("`case {}` stands twice", shown(written));
                self.error("no-duplicate-case", test, message, "Take one out: the second is never reached.");
            }
        }
        walk::walk_switch_statement(self, cases);
    }

    fn visit_try_statement(&mut self, attempt: &TryStatement<'a>) {
        if let Some(last) = &attempt.finalizer {
            let mut leaves = Leaves::default();
            leaves.visit_block_statement(last);
            for span in leaves.found {
                let message = "leaves `finally`, and whatever was returned or thrown before it is lost";
                self.error("no-unsafe-finally", span, message, "Move it behind the `try`.");
            }
        }
        walk::walk_try_statement(self, attempt);
    }

    fn visit_catch_clause(&mut self, clause: &CatchClause<'a>) {
        let hint = "Handle the error, let it pass, or say in a comment why it may be ignored.";
        self.empty(&clause.body, "`catch` does nothing with the error", hint);
        walk::walk_catch_clause(self, clause);
    }

    fn visit_block_statement(&mut self, block: &BlockStatement<'a>) {
        self.empty(block, "the block is empty", "Fill it, take it out, or say in a comment why it is empty.");
        walk::walk_block_statement(self, block);
    }

    fn visit_object_expression(&mut self, object: &ObjectExpression<'a>) {
        let mut known: BTreeMap<String, PropertyKind> = BTreeMap::new();
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else { continue };
            let Some(name) = property.key.static_name().filter(|_| !property.computed) else { continue };
            let is_pair = |before: &PropertyKind| *before != property.kind && *before != PropertyKind::Init;
            let before = known.insert(name.to_string(), property.kind);
            if before.is_some_and(|before| property.kind == PropertyKind::Init || !is_pair(&before)) {
                let message = format!("the key `{}` stands twice, and the first value is lost", shown(&name));
                self.error("no-dupe-keys", property.key.span(), message, "Take one out, or give it another name.");
            }
        }
        walk::walk_object_expression(self, object);
    }

    fn visit_class(&mut self, class: &Class<'a>) {
        let mut known: BTreeMap<(bool, String), Option<MethodDefinitionKind>> = BTreeMap::new();
        for element in &class.body.body {
            let (is_static, key, kind) = match element {
                // A signature without a body only says how the method may be called.
                ClassElement::MethodDefinition(method) if method.value.body.is_some() && !method.computed => {
                    (method.r#static, &method.key, Some(method.kind))
                }
                ClassElement::PropertyDefinition(field) if !field.declare && !field.computed => {
                    (field.r#static, &field.key, None)
                }
                _ => continue,
            };
            let Some(name) = key.static_name() else { continue };
            let is_accessor = |kind| matches!(kind, Some(MethodDefinitionKind::Get | MethodDefinitionKind::Set));
            let before = known.insert((is_static, name.to_string()), kind);
            if before.is_some_and(|before| before == kind || !is_accessor(before) || !is_accessor(kind)) {
                let message = format!("the class has two members `{}`, and the first is lost", shown(&name));
                self.error("no-dupe-class-members", key.span(), message, "Take one out, or give it another name.");
            }
        }
        walk::walk_class(self, class);
    }

    fn visit_binary_expression(&mut self, both: &BinaryExpression<'a>) {
        if both.operator.is_equality() || both.operator.is_compare() {
            self.comparison(both);
        }
        let is_search = matches!(both.operator, BinaryOperator::In | BinaryOperator::Instanceof);
        if let (true, Expression::UnaryExpression(left)) = (is_search, &both.left)
            && left.operator == UnaryOperator::LogicalNot
        {
            let message = format!("`{}` negates its left side alone", shown(self.text_of(both.span)));
            self.error("no-unsafe-negation", both.span, message, "Put brackets around what is to be negated.");
        }
        walk::walk_binary_expression(self, both);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        let is_same = match (&assignment.left, &assignment.right) {
            (AssignmentTarget::AssignmentTargetIdentifier(left), Expression::Identifier(right)) => {
                left.name == right.name
            }
            (AssignmentTarget::StaticMemberExpression(left), Expression::StaticMemberExpression(right)) => {
                left.content_eq(right)
            }
            _ => false,
        };
        if assignment.operator.is_assign() && is_same {
            let message = format!("`{}` is assigned to itself", shown(self.text_of(assignment.right.span())));
            self.error("no-self-assign", assignment.span, message, "Take it out, or assign what was meant.");
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_array_expression(&mut self, array: &ArrayExpression<'a>) {
        let gap = array.elements.iter().find(|element| matches!(element, ArrayExpressionElement::Elision(_)));
        if gap.is_some() {
            let hint = "Take the comma out, or write `undefined`.";
            self.error("no-sparse-arrays", array.span, "the array has a gap between two commas", hint);
        }
        walk::walk_array_expression(self, array);
    }

    fn visit_new_expression(&mut self, made: &NewExpression<'a>) {
        let first = made.arguments.first().and_then(oxc_ast::ast::Argument::as_expression);
        let is_async = match first {
            Some(Expression::ArrowFunctionExpression(function)) => function.r#async,
            Some(Expression::FunctionExpression(function)) => function.r#async,
            _ => false,
        };
        if is_async && made.callee.is_specific_id("Promise") {
            let message = "what makes a promise is async: an error that it throws is lost";
            self.error("no-async-promise-executor", made.span, message, "Await outside, or without `new Promise`.");
        }
        walk::walk_new_expression(self, made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxc_allocator::Allocator;
    use oxc_parser::Parser;
    use oxc_span::SourceType;

    fn found(text: &str) -> Vec<Lint> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
        assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
        lint("src/a.ts", text, &parsed.program)
    }

    fn rules(text: &str) -> Vec<(&'static str, bool, usize)> {
        found(text).iter().map(|lint| (lint.rule, lint.is_error, lint.place.line)).collect()
    }

    #[test]
    fn what_is_most_likely_not_meant_is_told_with_its_line() {
        for (text, rule, is_error, line) in [
            ("f();\ndebugger;", "no-debugger", true, 2),
            ("let a = 1;\nif (a = 2) f();", "no-cond-assign", true, 2),
            ("let a;\nwhile (a = next()) f(a);", "no-cond-assign", true, 2),
            ("for (let a = 1; a = next();) f(a);", "no-cond-assign", true, 1),
            ("const b = () => ((a = 1) ? 1 : 2, a = 2 ? 1 : 2);", "no-constant-condition", false, 1),
            ("function f() {\n  return 1;\n  g();\n}", "no-unreachable", true, 3),
            ("function f() {\n  throw new Error();\n  const a = 1;\n}", "no-unreachable", true, 3),
            ("function f(a) {\n  if (a) { return 1; } else { throw 2; }\n  g();\n}", "no-unreachable", true, 3),
            ("for (const a of b) {\n  continue;\n  g(a);\n}", "no-unreachable", true, 3),
            ("while (true) {\n  f();\n}\ng();", "no-unreachable", true, 4),
            ("switch (a) {\n  case 1:\n    break;\n    f();\n}", "no-unreachable", true, 4),
            ("try { throw a; } catch { throw b; }\nf();", "no-unreachable", true, 2),
            ("f({\n  a: 1,\n  'a': 2,\n});", "no-dupe-keys", true, 3),
            ("f({ get a() { return 1; }, a: 2 });", "no-dupe-keys", true, 1),
            ("switch (a) {\n  case 'x': f();\n  case  'x': g();\n}", "no-duplicate-case", true, 3),
            ("if (a === 1) f();\nelse if (b) g();\nelse if (a  === 1) h();", "no-dupe-else-if", true, 3),
            ("class A {\n  b() {}\n  b = 1;\n}", "no-dupe-class-members", true, 3),
            ("if (a.b ===\n  a.b) f();", "no-self-compare", true, 1),
            ("if (a === NaN) f();", "use-isnan", true, 1),
            ("if (Number.NaN != a) f();", "use-isnan", true, 1),
            ("a['x'] = 1; if (a['x'] === a[\"x\"]) f();", "no-self-compare", true, 1),
            ("a.b .c = a.b.c;", "no-self-assign", true, 1),
            ("if (typeof a === 'strnig') f();", "valid-typeof", true, 1),
            ("if (!a in b) f();", "no-unsafe-negation", true, 1),
            ("a = a;", "no-self-assign", true, 1),
            ("const a = [1, , 2];", "no-sparse-arrays", true, 1),
            ("new Promise(async (go) => go(1));", "no-async-promise-executor", true, 1),
            ("function f() { try { g(); } finally {\n return 1; } }", "no-unsafe-finally", true, 2),
            ("while (a) { try { g(); } finally { break; } }", "no-unsafe-finally", true, 1),
            ("try { f(); } catch (error) { }", "no-empty", false, 1),
            ("if (a) { } else f();", "no-empty", false, 1),
            ("if (true) f();", "no-constant-condition", false, 1),
        ] {
            assert_eq!(rules(text), [(rule, is_error, line)], "{text}");
        }
        for (operator, always) in [("==", "never"), ("<", "never"), ("!=", "always"), ("!==", "always")] {
            let text = format!("if (a {operator} NaN) f();");
            assert_eq!(found(&text)[0].message, format!("this comparison with `NaN` is {always} true"), "{text}");
        }
        let told = &found("let a = 1;\nif (a  =\n 2) a;")[0];
        assert_eq!(told.message, "the condition `a = 2` assigns");
        assert!(
            told.hint.starts_with("Compare with `===`") && (told.place.column, told.file.as_str()) == (5, "src/a.ts")
        );
    }

    #[test]
    fn what_is_meant_is_left_alone() {
        for text in [
            "let a; while ((a = next()) !== null) f(a); if ((a = 1)) f();",
            "while (true) { if (a) break; } f();",
            "for (;;) { f(); }",
            "function f() { return g(); function g() { return 1; } type A = 1; var b; }",
            "if (a) { return_(); } f(); function return_() {}",
            "f({ get a() { return 1; }, set a(b) {}, [c]: 1, [c]: 2, ...d });",
            "class A { get b() { return 1; } set b(c) {} static b() {} c(a: string): void; c(a: number): void; c(a: any) {} }",
            "switch (a) { case 1: case 2: f(); break; default: g(); }",
            "try { f(); } catch { /* It may be gone already. */ } finally { for (const a of b) { if (a) break; } }",
            "try { f(); } finally { g(() => { return 1; }); switch (a) { case 1: break; } }",
            "const f = () => {}; class A { b() {} }",
            "if (a == b || typeof a === 'string' || !(a in b)) f();",
            "const [, a] = b; a.b = a.c; a += a;",
            "new Promise((go) => go(1)); do { f(); } while (a());",
            "if (a.startsWith('    ')) f(); else if (a.startsWith('  ')) g(); else if (/a  b/.test(a)) h(); else if (/a b/.test(a)) i();",
            "switch (a) { case ' ': f(); break; case '  ': g(); break; case `\n`: h(); break; case ` `: i(); }",
            "if (' ' === '  ' || `a  ${b}` === `a ${b}`) f(); a['  '].b = a[' '].b;",
            "if (typeof a < 'n' || 'n' >= typeof a) f();",
            "function f(a) { switch (a) { case 1: return 1; default: return 2; } }",
        ] {
            assert_eq!(rules(text), [], "{text}");
        }
    }

    #[test]
    fn files_that_hold_nothing_but_mistakes_are_read_soon_and_told_in_part() {
        let many = [
            "debugger;\n".repeat(100_000),
            "if (a = b) {}\n".repeat(50_000),
            format!("switch (a) {{ {} }}", "case 1:\n".repeat(100_000)),
            format!("switch (a) {{ {} }}", (0..50_000).map(|n| format!("case {n}:\n")).collect::<String>()),
            format!("if (a0) f();\n{}", (1..2_000).map(|n| format!("else if (a{n}) f();\n")).collect::<String>()),
            "if (a) { /* b */ }\n".repeat(50_000),
            format!("f({{ {} }});", "a: 1,\n".repeat(100_000)),
            format!("debugger;\n{}", "// eslint-disable-line\n".repeat(50_000)),
        ];
        for text in &many {
            let began = std::time::Instant::now();
            assert!(found(text).len() <= LINTS_MAX);
            assert!(began.elapsed().as_secs() < 10, "{:?} for {:.40}", began.elapsed(), text);
        }
        assert_eq!(found(&many[0]).len(), LINTS_MAX);
    }

    #[test]
    fn a_comment_says_that_something_is_meant() {
        for text in [
            "// eslint-disable-next-line no-debugger -- it is a debugger's node\ndebugger;",
            "debugger; // eslint-disable-line",
            "debugger; // oxlint-disable-line no-empty, @typescript-eslint/no-debugger",
            "/* eslint-disable no-debugger */\nf();\ndebugger;",
        ] {
            assert_eq!(rules(text), [], "{text}");
        }
        for text in [
            "// eslint-disable-next-line no-empty\ndebugger;",
            "// eslint-disable-next-line\nf();\ndebugger;",
            "/* eslint-disable */\nf();\n/* eslint-enable */\ndebugger;",
            "const a = '// eslint-disable-line'; debugger;",
        ] {
            assert_eq!(rules(text).len(), 1, "{text}");
        }
    }
}
