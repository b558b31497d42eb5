//! Expressions that are plain data, read without running anything: what a node says of itself. Names of constants of the same
//! file are followed.

use akao_node::{Map, Value, json};
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, BindingPattern, Declaration, Expression, ObjectPropertyKind, Program,
    PropertyKey, Statement, UnaryOperator, VariableDeclaration,
};
use std::{cell::Cell, collections::BTreeMap};

/// Deeper data is none.
const DEPTH_MAX: usize = 32;
/// More values are none: constants may stand for each other again and again.
const VALUES_MAX: usize = 100_000;

/// The constants of a file by their names.
pub(crate) struct Constants<'p, 'a> {
    known: BTreeMap<&'p str, &'p Expression<'a>>,
    read: Cell<usize>,
}

impl<'p, 'a> Constants<'p, 'a> {
    /// Those that stand at the top of a file.
    pub(crate) fn of(program: &'p Program<'a>) -> Self {
        let mut all = Self { known: BTreeMap::new(), read: Cell::new(0) };
        for statement in &program.body {
            match statement {
                Statement::VariableDeclaration(variables) => all.add(variables),
                Statement::ExportDeclaration(export) => {
                    if let Declaration::VariableDeclaration(variables) = &export.declaration {
                        all.add(variables);
                    }
                }
                _ => {}
            }
        }
        all
    }

    fn add(&mut self, variables: &'p VariableDeclaration<'a>) {
        if !variables.kind.is_const() {
            return;
        }
        for declarator in &variables.declarations {
            if let (BindingPattern::BindingIdentifier(name), Some(init)) = (&declarator.id, &declarator.init) {
                self.known.insert(name.name.as_str(), init);
            }
        }
    }

    /// The data that a name stands for.
    pub(crate) fn value_of(&self, name: &str) -> Option<Value> {
        value(self.known.get(name)?, self)
    }
}

/// The data that an expression stands for; none where something would have to be worked out.
pub(crate) fn value(expression: &Expression<'_>, constants: &Constants<'_, '_>) -> Option<Value> {
    read(expression, constants, 0)
}

fn read(expression: &Expression<'_>, constants: &Constants<'_, '_>, depth: usize) -> Option<Value> {
    let count = constants.read.get() + 1;
    constants.read.set(count);
    if depth > DEPTH_MAX || count > VALUES_MAX {
        return None;
    }
    let inner = |expression: &Expression<'_>| read(expression, constants, depth + 1);
    match expression {
        Expression::StringLiteral(text) => Some(json!(text.value.as_str())),
        Expression::NumericLiteral(number) => number_of(number.value),
        Expression::BooleanLiteral(truth) => Some(json!(truth.value)),
        Expression::NullLiteral(_) => Some(Value::Null),
        Expression::TemplateLiteral(template) => template.single_quasi().map(|text| json!(text.as_str())),
        Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => match &unary.argument {
            Expression::NumericLiteral(number) => number_of(-number.value),
            _ => None,
        },
        Expression::ArrayExpression(list) => {
            let item = |element: &ArrayExpressionElement<'_>| inner(element.as_expression()?);
            list.elements.iter().map(item).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Expression::ObjectExpression(object) => {
            let mut found = Map::new();
            for property in &object.properties {
                let ObjectPropertyKind::ObjectProperty(property) = property else { return None };
                found.insert(key(&property.key)?, inner(&property.value)?);
            }
            Some(Value::Object(found))
        }
        Expression::Identifier(name) => inner(constants.known.get(name.name.as_str())?),
        Expression::CallExpression(call) if call.callee.is_specific_member_access("Object", "freeze") => {
            inner(call.arguments.first().and_then(Argument::as_expression)?)
        }
        Expression::ParenthesizedExpression(within) => inner(&within.expression),
        Expression::TSAsExpression(within) => inner(&within.expression),
        Expression::TSSatisfiesExpression(within) => inner(&within.expression),
        _ => None,
    }
}

/// The name of a property that is written out.
pub(crate) fn key(key: &PropertyKey<'_>) -> Option<String> {
    key.static_name().map(std::borrow::Cow::into_owned)
}

/// A number as JSON has it.
pub(crate) fn number_of(number: f64) -> Option<Value> {
    // Whole numbers stay whole, as JSON has them.
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and far within the range")]
    let value = if is_whole { json!(number as i64) } else { json!(number) };
    value.is_number().then_some(value)
}
