//! Goes through a file and keeps what the rules tell. Which rule looks at what is to be seen here; the rules stand beside it.

use super::{LINTS_MAX, Lint, test_files::Seen};
use crate::place::Place;
use oxc_ast::ast::{
    ArrayExpression, AssignmentExpression, BinaryExpression, BlockStatement, CallExpression, CatchClause, Class,
    ConditionalExpression, DebuggerStatement, DoWhileStatement, Expression, ExpressionStatement, ForStatement,
    IfStatement, NewExpression, ObjectExpression, Program, Statement, SwitchStatement, TryStatement, WhileStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::Span;

/// Longer names and texts in messages are cut, in characters.
const SHOWN_MAX: usize = 60;

/// A file that is gone through.
pub(super) struct Linter<'t, 'p, 'a> {
    pub(super) path: &'t str,
    pub(super) text: &'t str,
    pub(super) program: &'p Program<'a>,
    /// In a file of tests, what was seen of them.
    pub(super) seen: Option<Seen>,
    pub(super) found: Vec<Lint>,
}

/// Text as it stands in a message.
pub(super) fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl Linter<'_, '_, '_> {
    /// Whether enough was found: what tells a place reads the text up to it, and nobody reads more than that.
    pub(super) fn is_full(&self) -> bool {
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

    pub(super) fn error(&mut self, rule: &'static str, span: Span, message: impl Into<String>, hint: &'static str) {
        self.tell(true, rule, span, message, hint);
    }

    pub(super) fn warning(&mut self, rule: &'static str, span: Span, message: impl Into<String>, hint: &'static str) {
        self.tell(false, rule, span, message, hint);
    }

    pub(super) fn text_of(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
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
        self.asked_again(choice);
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
        self.cases(cases);
        walk::walk_switch_statement(self, cases);
    }

    fn visit_try_statement(&mut self, attempt: &TryStatement<'a>) {
        self.leaves_finally(attempt);
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
        self.keys(object);
        walk::walk_object_expression(self, object);
    }

    fn visit_class(&mut self, class: &Class<'a>) {
        self.members(class);
        walk::walk_class(self, class);
    }

    fn visit_binary_expression(&mut self, both: &BinaryExpression<'a>) {
        self.comparison(both);
        self.negation(both);
        walk::walk_binary_expression(self, both);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        self.assignment(assignment);
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_array_expression(&mut self, array: &ArrayExpression<'a>) {
        self.gaps(array);
        walk::walk_array_expression(self, array);
    }

    fn visit_new_expression(&mut self, made: &NewExpression<'a>) {
        self.executor(made);
        walk::walk_new_expression(self, made);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let is_group = self.begins_group(call);
        walk::walk_call_expression(self, call);
        if is_group {
            self.ends_group();
        }
    }

    fn visit_expression_statement(&mut self, statement: &ExpressionStatement<'a>) {
        self.expectation(statement);
        walk::walk_expression_statement(self, statement);
    }
}
