//! Comparisons that always come out the same.

use super::linter::{Linter, shown};
use oxc_ast::ast::{BinaryExpression, BinaryOperator, Expression, StaticMemberExpression, UnaryOperator};
use oxc_span::{ContentEq, GetSpan};

/// What `typeof` gives.
const TYPES: [&str; 8] = ["undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint"];

impl Linter<'_, '_, '_> {
    pub(super) fn comparison(&mut self, both: &BinaryExpression<'_>) {
        if !both.operator.is_equality() && !both.operator.is_compare() {
            return;
        }
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

    /// `!a in b` asks whether `false` is in it.
    pub(super) fn negation(&mut self, both: &BinaryExpression<'_>) {
        let is_search = matches!(both.operator, BinaryOperator::In | BinaryOperator::Instanceof);
        if let (true, Expression::UnaryExpression(left)) = (is_search, &both.left)
            && left.operator == UnaryOperator::LogicalNot
        {
            let message = format!("`{}` negates its left side alone", shown(self.text_of(both.span)));
            self.error("no-unsafe-negation", both.span, message, "Put brackets around what is to be negated.");
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

fn is_nan(expression: &Expression<'_>) -> bool {
    let by_number =
        |member: &StaticMemberExpression<'_>| member.property.name == "NaN" && member.object.is_specific_id("Number");
    expression.is_specific_id("NaN")
        || matches!(expression, Expression::StaticMemberExpression(member) if by_number(member))
}
