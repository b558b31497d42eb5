//! Slips of the pen: what does nothing, or something else than it seems to.

use super::linter::{Linter, shown};
use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, AssignmentExpression, AssignmentTarget, BlockStatement, Expression,
    NewExpression,
};
use oxc_span::{ContentEq, GetSpan};

impl Linter<'_, '_, '_> {
    pub(super) fn empty(&mut self, block: &BlockStatement<'_>, what: &str, hint: &'static str) {
        let is_empty = block.body.is_empty();
        // Comments stand in the order of the text.
        let comments = &self.program.comments;
        let next = comments.get(comments.partition_point(|comment| comment.span.start < block.span.start));
        if is_empty && next.is_none_or(|comment| comment.span.end > block.span.end) {
            self.warning("no-empty", block.span, what, hint);
        }
    }

    pub(super) fn assignment(&mut self, assignment: &AssignmentExpression<'_>) {
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
    }

    pub(super) fn gaps(&mut self, array: &ArrayExpression<'_>) {
        let gap = array.elements.iter().find(|element| matches!(element, ArrayExpressionElement::Elision(_)));
        if gap.is_some() {
            let hint = "Take the comma out, or write `undefined`.";
            self.error("no-sparse-arrays", array.span, "the array has a gap between two commas", hint);
        }
    }

    pub(super) fn executor(&mut self, made: &NewExpression<'_>) {
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
    }
}
