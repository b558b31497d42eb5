//! Runs statements over the blackboard. Coercion is that of the btree family: junk counts as 0, `+` joins when a side is
//! text, `==` compares type and value, an unknown name is null.

use super::{COPIED_BYTES_MAX, Expression, Operator, Statement, parse::is_reserved, place};
use crate::{compare::equal, limits::size_of, numbers::Amount, props::bad_input, text::display};
use akao_contract::{ErrorKind, StepError};
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

/// What a script sees.
pub(crate) struct Scope<'a> {
    /// The script's text, for the places of errors.
    pub(crate) source: &'a str,
    /// The visible blackboard.
    pub(crate) blackboard: &'a BTreeMap<String, Value>,
    /// What `param("x")` reads.
    pub(crate) params: Option<&'a Map<String, Value>>,
}

/// What a script did.
#[derive(Debug)]
pub(crate) struct Done {
    /// The value of the last statement; null for an empty script.
    pub(crate) result: Value,
    /// Assigned names in the order of their first assignment.
    pub(crate) assigned: Map<String, Value>,
    /// Names that were asked of the environment, which is not there.
    pub(crate) environment: BTreeSet<String>,
}

/// Runs the statements in order.
pub(crate) fn run(statements: &[Statement], scope: &Scope<'_>) -> Result<Done, StepError> {
    let mut machine =
        Machine { scope, assigned: Map::new(), environment: RefCell::default(), left: Cell::new(COPIED_BYTES_MAX) };
    let mut result = Value::Null;
    for (index, statement) in statements.iter().enumerate() {
        let value = machine.evaluate(&statement.expression)?;
        let last = index + 1 == statements.len();
        if statement.target.is_none() && !last {
            continue;
        }
        let value = machine.copy(value)?;
        if let Some(name) = &statement.target {
            if last {
                result = machine.copy(Cow::Borrowed(&value))?;
            }
            machine.assigned.insert(name.clone(), value);
        } else {
            result = value;
        }
    }
    Ok(Done { result, assigned: machine.assigned, environment: machine.environment.into_inner() })
}

struct Machine<'a> {
    scope: &'a Scope<'a>,
    assigned: Map<String, Value>,
    environment: RefCell<BTreeSet<String>>,
    left: Cell<usize>,
}

impl Machine<'_> {
    fn charge(&self, bytes: usize) -> Result<(), StepError> {
        let left = self.left.get().checked_sub(bytes).ok_or_else(|| {
            let mebibytes = COPIED_BYTES_MAX / (1024 * 1024);
            StepError::new(ErrorKind::Resource, format!("the script copies more than {mebibytes} MiB"))
        })?;
        self.left.set(left);
        Ok(())
    }

    fn copy(&self, value: Cow<'_, Value>) -> Result<Value, StepError> {
        self.charge(size_of(&value)?)?;
        Ok(value.into_owned())
    }

    fn evaluate<'v>(&'v self, expression: &'v Expression) -> Result<Cow<'v, Value>, StepError> {
        Ok(match expression {
            Expression::Literal(value) => Cow::Borrowed(value),
            Expression::Name { name, offset } => self.name(name, *offset)?,
            Expression::Property(base, path) => self.property(base, path)?,
            Expression::Parameter(name) => {
                self.scope.params.and_then(|params| params.get(name)).map_or(Cow::Owned(Value::Null), Cow::Borrowed)
            }
            Expression::Environment(name) => {
                self.environment.borrow_mut().insert(name.clone());
                Cow::Owned(Value::Null)
            }
            Expression::Not(inner) => Cow::Owned((!truthy(&*self.evaluate(inner)?)).into()),
            Expression::Negative(inner) => Cow::Owned(number(&*self.evaluate(inner)?).negated().to_value()),
            Expression::All(parts) => Cow::Owned(self.every(parts, true)?.into()),
            Expression::Any(parts) => Cow::Owned((!self.every(parts, false)?).into()),
            Expression::Chain(first, rest) => {
                let mut left = self.evaluate(first)?;
                for (operator, right) in rest {
                    left = Cow::Owned(self.apply(*operator, &left, &*self.evaluate(right)?)?);
                }
                left
            }
        })
    }

    fn name(&self, name: &str, offset: usize) -> Result<Cow<'_, Value>, StepError> {
        if let Some(value) = self.assigned.get(name).or_else(|| self.scope.blackboard.get(name)) {
            return Ok(Cow::Borrowed(value));
        }
        if is_reserved(name) {
            let message = format!("{}: a script does not see `{name}`", place(self.scope.source, offset));
            let suggestion = format!("Hand it over: `params: {{ x: \"${{{name}…}}\" }}`, then param(\"x\").");
            return Err(bad_input(message).with_suggestion(suggestion));
        }
        Ok(Cow::Owned(Value::Null))
    }

    /// What is not there, or is not an object, has null properties, as in the btree family.
    fn property<'v>(&'v self, base: &'v Expression, path: &[String]) -> Result<Cow<'v, Value>, StepError> {
        let (base, path) = match (base, path.split_first()) {
            (Expression::Name { name, offset }, Some((first, rest))) if name == "bb" => {
                (self.name(first, *offset)?, rest)
            }
            _ => (self.evaluate(base)?, path),
        };
        match base {
            Cow::Borrowed(value) => {
                let found = path.iter().try_fold(value, |value, key| value.as_object()?.get(key));
                Ok(found.map_or(Cow::Owned(Value::Null), Cow::Borrowed))
            }
            // Whatever is calculated is a number, a text or a boolean: it has no properties.
            Cow::Owned(value) => Ok(Cow::Owned(if path.is_empty() { value } else { Value::Null })),
        }
    }

    /// Whether every part is as `wanted`; stops at the first that is not.
    fn every(&self, parts: &[Expression], wanted: bool) -> Result<bool, StepError> {
        for part in parts {
            if truthy(&*self.evaluate(part)?) != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn apply(&self, operator: Operator, left: &Value, right: &Value) -> Result<Value, StepError> {
        let order = || number(left).compare(number(right));
        Ok(match operator {
            Operator::Equal | Operator::NotEqual => {
                self.charge(size_of(left)?)?;
                (equal(left, right) == (operator == Operator::Equal)).into()
            }
            Operator::Less => order().is_lt().into(),
            Operator::Greater => order().is_gt().into(),
            Operator::LessOrEqual => order().is_le().into(),
            Operator::GreaterOrEqual => order().is_ge().into(),
            Operator::Plus if left.is_string() || right.is_string() => {
                self.charge(size_of(left)?.saturating_add(size_of(right)?))?;
                (display(left) + &display(right)).into()
            }
            Operator::Plus => number(left).plus(number(right))?.to_value(),
            Operator::Minus => number(left).minus(number(right))?.to_value(),
            Operator::Times => number(left).times(number(right))?.to_value(),
            Operator::Divide => number(left).divided_by(number(right))?.to_value(),
            Operator::Remainder => number(left).remainder(number(right))?.to_value(),
        })
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn number(value: &Value) -> Amount {
    match value {
        Value::Number(number) => Amount::of(number),
        Value::Bool(flag) => Amount::Integer(i128::from(*flag)),
        Value::String(text) => Amount::parse(text.trim()).unwrap_or(Amount::ZERO),
        _ => Amount::ZERO,
    }
}
