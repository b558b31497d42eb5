//! What leaves a `finally`, and with it what was thrown or returned before.

use super::linter::Linter;
use oxc_ast::ast::{
    ArrowFunctionExpression, BreakStatement, Class, ContinueStatement, DoWhileStatement, ForInStatement,
    ForOfStatement, ForStatement, Function, ReturnStatement, SwitchStatement, ThrowStatement, TryStatement,
    WhileStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::Span;

impl Linter<'_, '_, '_> {
    pub(super) fn leaves_finally(&mut self, attempt: &TryStatement<'_>) {
        let Some(last) = &attempt.finalizer else { return };
        let mut leaves = Leaves::default();
        leaves.visit_block_statement(last);
        for span in leaves.found {
            let message = "leaves `finally`, and whatever was returned or thrown before it is lost";
            self.error("no-unsafe-finally", span, message, "Move it behind the `try`.");
        }
    }
}

/// Looks for it; what a function or a class within does leaves nothing.
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
    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
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

    fn visit_for_of_statement(&mut self, again: &ForOfStatement<'a>) {
        self.within(|look| walk::walk_for_of_statement(look, again));
    }

    fn visit_for_in_statement(&mut self, again: &ForInStatement<'a>) {
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
