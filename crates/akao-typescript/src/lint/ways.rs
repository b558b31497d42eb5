//! Which way the code goes: conditions that assign or never change, and what is never come to.

use super::linter::{Linter, shown};
use crate::place::Place;
use oxc_ast::ast::{BlockStatement, BreakStatement, Expression, Statement};
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;

impl Linter<'_, '_, '_> {
    /// What decides which way is gone. An assignment within brackets of its own is meant.
    pub(super) fn condition(&mut self, test: &Expression<'_>) {
        if let Expression::AssignmentExpression(assignment) = test {
            let message = format!("the condition `{}` assigns", shown(self.text_of(assignment.span)));
            let hint = "Compare with `===`, or put the assignment in brackets of its own if it is meant.";
            self.error("no-cond-assign", assignment.span, message, hint);
        }
    }

    /// What chooses between two ways and always chooses the same one.
    pub(super) fn choice(&mut self, test: &Expression<'_>) {
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

    pub(super) fn unreachable(&mut self, statements: &[Statement<'_>]) {
        let Some(end) = statements.iter().position(ends) else { return };
        let Some(next) = statements.iter().skip(end + 1).find(|next| is_run(next)) else { return };
        let line = statements.get(end).map_or(0, |end| Place::of(self.text, end.span().start as usize).line);
        let message = format!("nothing comes here: what begins in line {line} ends before");
        self.error("no-unreachable", next.span(), message, "Take it out, or let what stands before it go on.");
    }
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
