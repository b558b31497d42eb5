//! The schema of a type, whatever it is: of texts and numbers, constants, lists, unions and enumerations.

use super::{
    names::{In, Named, name_of},
    objects::is_anything,
};
use crate::literal;
use akao_node::{Value, json};
use oxc_ast::ast::{
    Expression, TSEnumDeclaration, TSLiteral, TSType, TSTypeOperatorOperator, TSTypeReference, UnaryOperator,
};

impl In<'_, '_, '_> {
    /// The schema of a type; the empty one for what is not understood.
    pub(super) fn schema(self, given: &TSType<'_>, depth: usize) -> Value {
        if !self.goes_on(depth) {
            return json!({});
        }
        match given {
            TSType::TSStringKeyword(_) => json!({"type": "string"}),
            TSType::TSNumberKeyword(_) => json!({"type": "number"}),
            TSType::TSBooleanKeyword(_) => json!({"type": "boolean"}),
            TSType::TSNullKeyword(_) => json!({"type": "null"}),
            TSType::TSLiteralType(literal) => {
                constant(&literal.literal).map_or(json!({}), |value| json!({"const": value}))
            }
            TSType::TSArrayType(list) => self.list(&list.element_type, depth),
            TSType::TSTupleType(_) => json!({"type": "array"}),
            TSType::TSParenthesizedType(within) => self.schema(&within.type_annotation, depth + 1),
            TSType::TSTypeOperatorType(operator) if operator.operator == TSTypeOperatorOperator::Readonly => {
                self.schema(&operator.type_annotation, depth + 1)
            }
            TSType::TSUnionType(union) => self.union(&union.types, depth),
            TSType::TSTypeLiteral(_) | TSType::TSIntersectionType(_) => self.object(given, depth),
            TSType::TSTypeReference(reference) => self.reference(given, reference, depth),
            _ => json!({}),
        }
    }

    fn list(self, item: &TSType<'_>, depth: usize) -> Value {
        let items = self.schema(item, depth + 1);
        if is_anything(&items) { json!({"type": "array"}) } else { json!({"type": "array", "items": items}) }
    }

    fn reference(self, given: &TSType<'_>, reference: &TSTypeReference<'_>, depth: usize) -> Value {
        let name = name_of(&reference.type_name);
        match name.map(|name| (name, self.known(name))) {
            Some((_, Some(Some((there, Named::Alias(alias))))))
                if reference.type_arguments.is_none() && alias.type_parameters.is_none() =>
            {
                there.schema(&alias.type_annotation, depth + 1)
            }
            Some((_, Some(Some((_, Named::Enum(one)))))) => enumeration(one),
            Some(("Array" | "ReadonlyArray", None)) => {
                let item = reference.type_arguments.as_ref().and_then(|given| given.params.first());
                item.map_or(json!({"type": "array"}), |item| self.list(item, depth))
            }
            _ => self.object(given, depth),
        }
    }

    fn union(self, types: &[TSType<'_>], depth: usize) -> Value {
        let mut all: Vec<Value> = Vec::new();
        for one in types.iter().filter(|one| !matches!(one, TSType::TSUndefinedKeyword(_) | TSType::TSVoidKeyword(_))) {
            let schema = self.schema(one, depth + 1);
            if is_anything(&schema) {
                return schema;
            }
            if !all.contains(&schema) {
                all.push(schema);
            }
        }
        let constants: Option<Vec<Value>> = all.iter().map(|one| one.get("const").cloned()).collect();
        match (constants, &all[..]) {
            (_, []) => json!({}),
            (_, [only]) => only.clone(),
            (Some(constants), _) => json!({"enum": constants}),
            (None, _) => json!({"anyOf": all}),
        }
    }
}

/// The values of an enumeration, where each is plain to see. Numbers may be put together as flags are, and any number fits then.
fn enumeration(one: &TSEnumDeclaration<'_>) -> Value {
    let mut next = Some(0.0);
    let values = one.body.members.iter().map(|member| {
        let number = match &member.initializer {
            Some(Expression::StringLiteral(text)) => {
                next = None;
                return Some(json!(text.value.as_str()));
            }
            Some(Expression::NumericLiteral(number)) => Some(number.value),
            Some(_) => None,
            None => next,
        };
        next = number.map(|number| number + 1.0);
        literal::number_of(number?)
    });
    match values.collect::<Option<Vec<Value>>>() {
        None => json!({}),
        Some(values) if values.iter().all(Value::is_number) => json!({"type": "number"}),
        Some(values) => json!({"enum": values}),
    }
}

fn constant(literal: &TSLiteral<'_>) -> Option<Value> {
    let number = |value: f64| literal::number_of(value);
    match literal {
        TSLiteral::BooleanLiteral(truth) => Some(json!(truth.value)),
        TSLiteral::NumericLiteral(one) => number(one.value),
        TSLiteral::StringLiteral(text) => Some(json!(text.value.as_str())),
        TSLiteral::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => match &unary.argument {
            Expression::NumericLiteral(one) => number(-one.value),
            _ => None,
        },
        _ => None,
    }
}
