//! Files of npm packages that are modules by `require` and `module.exports`: which names they set there, as far as that can be
//! seen without running them.

use crate::literal;
use oxc_ast::ast::{AssignmentTarget, CallExpression, Expression, ObjectPropertyKind, Program};
use oxc_ast_visit::{Visit, walk};

/// The names that a file sets on its exports; none when it is no such module, only a script.
pub(crate) fn names(program: &Program<'_>) -> Option<Vec<String>> {
    let mut look = Names { names: Vec::new(), is_one: false };
    look.visit_program(program);
    look.names.retain(|name| name != "default" && name != "__esModule");
    look.names.sort_unstable();
    look.names.dedup();
    look.is_one.then_some(look.names)
}

struct Names {
    names: Vec<String>,
    is_one: bool,
}

/// Whether an expression is `exports` or `module.exports`.
fn is_exports(expression: &Expression<'_>) -> bool {
    expression.is_specific_id("exports") || expression.is_specific_member_access("module", "exports")
}

impl<'a> Visit<'a> for Names {
    fn visit_identifier_reference(&mut self, name: &oxc_ast::ast::IdentifierReference<'a>) {
        self.is_one |= matches!(name.name.as_str(), "exports" | "module" | "require");
    }

    fn visit_assignment_expression(&mut self, assignment: &oxc_ast::ast::AssignmentExpression<'a>) {
        match &assignment.left {
            AssignmentTarget::StaticMemberExpression(member) if is_exports(&member.object) => {
                self.names.push(member.property.name.to_string());
            }
            AssignmentTarget::StaticMemberExpression(member)
                if member.object.is_specific_id("module") && member.property.name == "exports" =>
            {
                if let Expression::ObjectExpression(object) = &assignment.right {
                    for property in &object.properties {
                        if let ObjectPropertyKind::ObjectProperty(property) = property {
                            self.names.extend(literal::key(&property.key));
                        }
                    }
                }
            }
            _ => {}
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let argument = |at: usize| call.arguments.get(at).and_then(oxc_ast::ast::Argument::as_expression);
        if call.callee.is_specific_member_access("Object", "defineProperty")
            && argument(0).is_some_and(is_exports)
            && let Some(Expression::StringLiteral(name)) = argument(1)
        {
            self.names.push(name.value.to_string());
        }
        walk::walk_call_expression(self, call);
    }
}
