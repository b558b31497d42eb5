//! Templates: any JSON value whose strings may hold expressions. Object keys are never templates.

use crate::{
    error::{CompileError, EvalError},
    expression::{Expression, Insertion},
    limits::{Budget, VALUE_DEPTH_MAX},
    scan::{Piece, is_plain, pieces},
    scope::{Namespace, Reference, Scope},
    secret::{MASK, Rendered, SecretPart, SecretUse},
};
use serde_json::{Map, Value};
use std::{fmt::Write as _, sync::Arc};

/// A compiled template. Cloning is cheap.
///
/// ```
/// use akao_expression::{MapScope, Namespace, Template};
/// use serde_json::json;
///
/// let scope = MapScope::new().with(Namespace::Input, json!({ "name": "Ada", "tags": ["x"] }));
/// let template = Template::compile(&json!({ "text": "Hello ${input.name}", "tags": "{{ input.tags }}" })).unwrap();
/// assert_eq!(template.render(&scope).unwrap().value, json!({ "text": "Hello Ada", "tags": ["x"] }));
/// ```
#[derive(Debug, Clone)]
pub struct Template(Arc<Plan>);

#[derive(Debug)]
enum Plan {
    Constant(Value),
    /// A string that is exactly one expression keeps the value's type.
    Whole(Expression),
    Secret(String),
    Text(Vec<Part>),
    List(Vec<Plan>),
    Object(Vec<(String, Plan)>),
}

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Expression),
    Secret(String),
}

impl Template {
    /// Compiles every string inside a value. The error's `pointer` names the string, its `offset` the byte in it.
    pub fn compile(value: &Value) -> Result<Self, CompileError> {
        plan(value, &mut String::new(), 0).map(|plan| Self(Arc::new(plan)))
    }

    /// Compiles an object some of whose members are taken as they are, whatever their strings hold.
    pub fn compile_with_literals(
        object: &Map<String, Value>,
        literals: Map<String, Value>,
    ) -> Result<Self, CompileError> {
        let mut members = Vec::with_capacity(object.len() + literals.len());
        let mut constant = true;
        for (key, value) in object {
            let mut pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            let member = plan(value, &mut pointer, 1)?;
            constant &= matches!(member, Plan::Constant(_));
            members.push((key.clone(), member));
        }
        members.extend(literals.into_iter().map(|(key, value)| (key, Plan::Constant(value))));
        if !constant {
            return Ok(Self(Arc::new(Plan::Object(members))));
        }
        let values = members.into_iter().filter_map(|(key, member)| match member {
            Plan::Constant(value) => Some((key, value)),
            _ => None,
        });
        Ok(Self(Arc::new(Plan::Constant(Value::Object(values.collect())))))
    }

    /// A template that is the value itself, whatever its strings hold.
    pub fn literal(value: Value) -> Self {
        Self(Arc::new(Plan::Constant(value)))
    }

    /// The rendered value, when it is the same in every scope.
    pub fn as_constant(&self) -> Option<&Value> {
        match &*self.0 {
            Plan::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Renders the template within the bounds of [`crate::limits`], which all its expressions share.
    pub fn render(&self, scope: &dyn Scope) -> Result<Rendered, EvalError> {
        if let Plan::Constant(value) = &*self.0 {
            return Ok(Rendered { value: value.clone(), secrets: Vec::new() });
        }
        let mut rendering = Rendering { scope, budget: Budget::new(), pointer: String::new(), secrets: Vec::new() };
        let value = rendering.value(&self.0).map_err(|error| error.at(&rendering.pointer))?;
        Ok(Rendered { value, secrets: rendering.secrets })
    }

    /// What the template reads, secrets included; each path once, in the order of the template.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        references(&self.0, &mut found);
        found
    }
}

fn plan(value: &Value, pointer: &mut String, depth: usize) -> Result<Plan, CompileError> {
    if depth > VALUE_DEPTH_MAX {
        return Err(CompileError::new(0, format!("value is nested deeper than {VALUE_DEPTH_MAX} levels")).at(pointer));
    }
    Ok(match value {
        Value::String(text) => text_plan(text).map_err(|error| error.at(pointer))?,
        Value::Array(items) => {
            let mut plans = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                plans.push(below(pointer, &at.to_string(), |pointer| plan(item, pointer, depth + 1))?);
            }
            if plans.iter().all(is_constant) {
                return Ok(Plan::Constant(plans.into_iter().filter_map(constant).collect()));
            }
            Plan::List(plans)
        }
        Value::Object(entries) => {
            let mut plans = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                plans.push((key.clone(), below(pointer, key, |pointer| plan(item, pointer, depth + 1))?));
            }
            if plans.iter().all(|(_, plan)| is_constant(plan)) {
                let entries = plans.into_iter().filter_map(|(key, plan)| Some((key, constant(plan)?)));
                return Ok(Plan::Constant(Value::Object(entries.collect())));
            }
            Plan::Object(plans)
        }
        other => Plan::Constant(other.clone()),
    })
}

/// Runs `visit` with a key appended to the pointer. On an error the pointer stays, so that it tells where.
fn below<T, E>(pointer: &mut String, key: &str, visit: impl FnOnce(&mut String) -> Result<T, E>) -> Result<T, E> {
    let before = pointer.len();
    // Writing to a `String` does not fail.
    let _ = write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"));
    let visited = visit(pointer)?;
    pointer.truncate(before);
    Ok(visited)
}

const fn is_constant(plan: &Plan) -> bool {
    matches!(plan, Plan::Constant(_))
}

fn constant(plan: Plan) -> Option<Value> {
    match plan {
        Plan::Constant(value) => Some(value),
        _ => None,
    }
}

fn text_plan(text: &str) -> Result<Plan, CompileError> {
    if is_plain(text) {
        return Ok(Plan::Constant(Value::from(text)));
    }
    let pieces = pieces(text)?;
    if let [Piece::Expression { source, offset }] = pieces.as_slice() {
        return Ok(match insertion(source, *offset)? {
            Insertion::Expression(expression) => match expression.literal() {
                Some(value) => Plan::Constant(value.clone()),
                None => Plan::Whole(expression),
            },
            Insertion::Secret(name) => Plan::Secret(name),
        });
    }
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (Piece::Text(text), Some(Part::Text(before))) => before.push_str(text),
            (Piece::Text(text), _) => parts.push(Part::Text(text.to_owned())),
            (Piece::Expression { source, offset }, _) => parts.push(match insertion(source, offset)? {
                Insertion::Expression(expression) => Part::Expression(expression),
                Insertion::Secret(name) => Part::Secret(name),
            }),
        }
    }
    Ok(match parts.as_mut_slice() {
        // Only escapes: the text is the same in every scope.
        [Part::Text(text)] => Plan::Constant(Value::String(std::mem::take(text))),
        _ => Plan::Text(parts),
    })
}

fn insertion(source: &str, offset: usize) -> Result<Insertion, CompileError> {
    Expression::compile_insertion(source).map_err(|error| error.shifted(offset))
}

/// One rendering: the scope, what is left of the bounds, where it is, and the secrets met so far.
struct Rendering<'s> {
    scope: &'s dyn Scope,
    budget: Budget,
    pointer: String,
    secrets: Vec<SecretUse>,
}

impl Rendering<'_> {
    fn value(&mut self, plan: &Plan) -> Result<Value, EvalError> {
        match plan {
            // The constant is part of the definition, whose size is bounded where it is read.
            Plan::Constant(value) => Ok(value.clone()),
            Plan::Whole(expression) => expression.evaluate_within(self.scope, &self.budget),
            Plan::Secret(name) => {
                self.secrets
                    .push(SecretUse { pointer: self.pointer.clone(), parts: vec![SecretPart::Secret(name.clone())] });
                Ok(Value::from(MASK))
            }
            Plan::Text(parts) => self.text(parts),
            Plan::List(plans) => {
                let mut items = Vec::with_capacity(plans.len());
                for (at, plan) in plans.iter().enumerate() {
                    items.push(self.below(&at.to_string(), plan)?);
                }
                Ok(Value::Array(items))
            }
            Plan::Object(plans) => {
                let mut entries = Map::with_capacity(plans.len());
                for (key, plan) in plans {
                    entries.insert(key.clone(), self.below(key, plan)?);
                }
                Ok(Value::Object(entries))
            }
        }
    }

    fn below(&mut self, key: &str, plan: &Plan) -> Result<Value, EvalError> {
        if let Plan::Constant(value) = plan {
            return Ok(value.clone());
        }
        let before = self.pointer.len();
        self.pointer.push('/');
        // Hardly any key holds what a pointer escapes, and every step of a wide loop passes here.
        match key.contains(['~', '/']) {
            true => self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            false => self.pointer.push_str(key),
        }
        let value = self.value(plan)?;
        self.pointer.truncate(before);
        Ok(value)
    }

    fn text(&mut self, parts: &[Part]) -> Result<Value, EvalError> {
        let mut text = String::new();
        let mut filled: Vec<SecretPart> = Vec::new();
        let mut flushed = 0;
        for part in parts {
            match part {
                Part::Text(literal) => {
                    self.budget.output_bytes(literal.len())?;
                    text.push_str(literal);
                }
                Part::Expression(expression) => expression.write_within(self.scope, &self.budget, &mut text)?,
                Part::Secret(name) => {
                    if text.len() > flushed {
                        filled.push(SecretPart::Text(text[flushed..].to_owned()));
                    }
                    filled.push(SecretPart::Secret(name.clone()));
                    text.push_str(MASK);
                    flushed = text.len();
                }
            }
        }
        if !filled.is_empty() {
            if text.len() > flushed {
                filled.push(SecretPart::Text(text[flushed..].to_owned()));
            }
            self.secrets.push(SecretUse { pointer: self.pointer.clone(), parts: filled });
        }
        Ok(Value::String(text))
    }
}

fn references(plan: &Plan, found: &mut Vec<Reference>) {
    let mut add = |reference: Reference| {
        if !found.contains(&reference) {
            found.push(reference);
        }
    };
    let secret = |name: &String| Reference { namespace: Namespace::Secrets, path: vec![name.clone()] };
    match plan {
        Plan::Constant(_) => {}
        Plan::Whole(expression) => expression.references().iter().cloned().for_each(add),
        Plan::Secret(name) => add(secret(name)),
        Plan::Text(parts) => parts.iter().for_each(|part| match part {
            Part::Text(_) => {}
            Part::Expression(expression) => expression.references().iter().cloned().for_each(&mut add),
            Part::Secret(name) => add(secret(name)),
        }),
        Plan::List(plans) => plans.iter().for_each(|plan| references(plan, found)),
        Plan::Object(plans) => plans.iter().for_each(|(_, plan)| references(plan, found)),
    }
}
