//! Runs a [`Program`] over a scope.
//!
//! The values that paths start from are fetched first and borrowed from then on: `bb.orders | length` copies nothing.
//! A path that leads nowhere is not an error until something needs its value, which is what makes `default` work along
//! the whole path.

use crate::{
    blob::{is_blob, refuse_blob},
    checks::Check,
    error::EvalError,
    filters::Call,
    limits::{Budget, RANGE_ITEMS_MAX},
    missing,
    operators::{Numeric, arithmetic, contains, equal, is_true, negate, order, type_name, write_text},
    program::{Comparison, Link, Node, Path, Program, Root, Segment},
    scope::{Namespace, Scope},
};
use serde_json::{Map, Value};
use smallvec::SmallVec;
use std::{borrow::Cow, sync::Arc};

/// Evaluates a program and charges the result to the output.
pub(crate) fn evaluate(program: &Program, scope: &dyn Scope, budget: &Budget) -> Result<Value, EvalError> {
    let roots: Roots = program.roots.iter().map(|root| fetch(root, scope)).collect();
    let run = Run { program, roots: &roots, scope, budget };
    match run.required(&program.node)? {
        Cow::Borrowed(value) if !(value.is_array() || value.is_object() || value.is_string()) => Ok(value.clone()),
        Cow::Borrowed(value) => {
            budget.output(value)?;
            budget.copy(value)
        }
        Cow::Owned(value) => {
            budget.output(&value)?;
            Ok(value)
        }
    }
}

/// Appends a program's result to a text.
pub(crate) fn evaluate_into(
    program: &Program,
    scope: &dyn Scope,
    budget: &Budget,
    text: &mut String,
) -> Result<(), EvalError> {
    let roots: Roots = program.roots.iter().map(|root| fetch(root, scope)).collect();
    let run = Run { program, roots: &roots, scope, budget };
    let value = run.required(&program.node)?;
    refuse_blob(&value, "written into a text")?;
    let before = text.len();
    write_text(&value, text, budget)?;
    budget.output_bytes(text.len() - before)
}

/// Evaluates a program for its truth alone, without copying its result.
pub(crate) fn holds(program: &Program, scope: &dyn Scope, budget: &Budget) -> Result<bool, EvalError> {
    let roots: Roots = program.roots.iter().map(|root| fetch(root, scope)).collect();
    let run = Run { program, roots: &roots, scope, budget };
    run.required(&program.node).map(|value| is_true(&value))
}

type Roots = SmallVec<[Option<Arc<Value>>; 4]>;
type Evaluated<'r> = Result<Cow<'r, Value>, EvalError>;

fn fetch(root: &Root, scope: &dyn Scope) -> Option<Arc<Value>> {
    match &root.key {
        Some(key) => scope.get(root.namespace, key),
        None if root.namespace == Namespace::Secrets => None,
        None => scope.whole(root.namespace),
    }
}

/// One evaluation: the program, what its paths start from, and what is left of the bounds.
struct Run<'r, 's> {
    program: &'r Program,
    roots: &'r [Option<Arc<Value>>],
    scope: &'s dyn Scope,
    budget: &'s Budget,
}

impl<'r> Run<'r, '_> {
    /// The value of a node; a missing one is an error that names it.
    fn required(&self, node: &'r Node) -> Evaluated<'r> {
        match self.optional(node)? {
            Some(value) => Ok(value),
            None => Err(self.explain(node)),
        }
    }

    /// The value of a node, or nothing when its path leads nowhere.
    fn optional(&self, node: &'r Node) -> Result<Option<Cow<'r, Value>>, EvalError> {
        self.budget.burn(1)?;
        let value = match node {
            Node::Literal(value) => Cow::Borrowed(value),
            Node::Path(path) => return self.path(path),
            Node::Chain(base, links) => return self.chain(base, links),
            Node::Negate(operand) => Cow::Owned(negate(&*self.required(operand)?)?),
            Node::Not(operand) => flag(!is_true(&*self.required(operand)?)),
            Node::All(operands) => self.first(operands, |value| !is_true(value))?,
            Node::Any(operands) => self.first(operands, is_true)?,
            Node::Compare(first, rest) => flag(self.compare(first, rest)?),
            Node::Arithmetic(first, rest) => {
                let mut result = self.required(first)?;
                for (operator, operand) in rest {
                    result = Cow::Owned(arithmetic(*operator, &result, &*self.required(operand)?, self.budget)?);
                }
                result
            }
            Node::Concatenate(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.required(part)?;
                    refuse_blob(&value, "written into a text")?;
                    write_text(&value, &mut text, self.budget)?;
                }
                Cow::Owned(Value::String(text))
            }
            Node::Choose { condition, then, otherwise } => {
                let chosen = if is_true(&*self.required(condition)?) { then } else { otherwise };
                return self.optional(chosen);
            }
            Node::List(items) => {
                self.budget.list(items.len())?;
                Cow::Owned(Value::Array(items.iter().map(|item| self.owned(item)).collect::<Result<_, _>>()?))
            }
            Node::Object(entries) => Cow::Owned(Value::Object(self.object(entries)?)),
            Node::Range(bounds) => Cow::Owned(self.range(bounds)?),
        };
        Ok(Some(value))
    }

    fn owned(&self, node: &'r Node) -> Result<Value, EvalError> {
        match self.required(node)? {
            Cow::Borrowed(value) => self.budget.copy(value),
            Cow::Owned(value) => Ok(value),
        }
    }

    fn object(&self, entries: &'r [(String, Node)]) -> Result<Map<String, Value>, EvalError> {
        self.budget.object(entries.len())?;
        let mut object = Map::with_capacity(entries.len());
        for (key, node) in entries {
            self.budget.allocate(key.len())?;
            object.insert(key.clone(), self.owned(node)?);
        }
        Ok(object)
    }

    /// `and` and `or` give the operand that decided, or the last one.
    fn first(&self, operands: &'r [Node], decides: impl Fn(&Value) -> bool) -> Evaluated<'r> {
        let mut last = Cow::Owned(Value::Null);
        for operand in operands {
            last = self.required(operand)?;
            if decides(&last) {
                break;
            }
        }
        Ok(last)
    }

    /// `a < b < c` compares neighbours, each evaluated once.
    fn compare(&self, first: &'r Node, rest: &'r [(Comparison, Node)]) -> Result<bool, EvalError> {
        let mut left = self.required(first)?;
        for (comparison, node) in rest {
            let right = self.required(node)?;
            if !compare(*comparison, &left, &right, self.budget)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn path(&self, path: &'r Path) -> Result<Option<Cow<'r, Value>>, EvalError> {
        let Some(root) = &self.roots[path.root] else { return Ok(None) };
        let mut value = Cow::Borrowed(root.as_ref());
        for segment in &path.segments {
            match descend(value, segment, self.budget)? {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    fn chain(&self, base: &'r Node, links: &'r [Link]) -> Result<Option<Cow<'r, Value>>, EvalError> {
        let mut value = self.optional(base)?;
        for (at, link) in links.iter().enumerate() {
            self.budget.burn(1)?;
            value = match (link, value) {
                (Link::Filter(filter, arguments), value) if filter.accepts_missing() => {
                    Some(self.default(value, arguments)?)
                }
                (Link::Check { check, negated }, None) if check.accepts_missing() => {
                    Some(flag((*check == Check::Undefined) != *negated))
                }
                (link, Some(value)) => self.link(link, value)?,
                // A path goes on leading nowhere; anything else needs the value.
                (Link::Segment(_) | Link::Index(_), None) => None,
                (_, None) => return Err(self.explain_chain(base, &links[..at])),
            };
        }
        Ok(value)
    }

    /// Applies one link to a value that is there.
    fn link(&self, link: &'r Link, value: Cow<'r, Value>) -> Result<Option<Cow<'r, Value>>, EvalError> {
        match link {
            Link::Segment(segment) => descend(value, segment, self.budget),
            Link::Index(node) => descend(value, &segment(&*self.required(node)?)?, self.budget),
            Link::Slice(start, stop) => self.slice(&value, start.as_ref(), stop.as_ref()).map(Some),
            Link::Check { check, negated } => Ok(Some(flag(check.holds(&value) != *negated))),
            Link::Filter(filter, arguments) => {
                let given = |argument: &'r Option<Node>| argument.as_ref().map(|node| self.required(node)).transpose();
                let arguments = arguments.iter().map(given).collect::<Result<_, _>>()?;
                filter.apply(Call { input: value, arguments, budget: self.budget, name: filter.name }).map(Some)
            }
        }
    }

    /// The one filter whose input may be missing and whose argument is evaluated only when it is needed.
    fn default(&self, value: Option<Cow<'r, Value>>, arguments: &'r [Option<Node>]) -> Evaluated<'r> {
        let [fallback, also_empty] = arguments else { return Ok(value.unwrap_or_default()) };
        let keeps = match (&value, also_empty) {
            (Some(value), Some(node)) => is_true(value) || !is_true(&*self.required(node)?),
            (value, _) => value.is_some(),
        };
        match (value, fallback) {
            (Some(value), _) if keeps => Ok(value),
            (_, Some(fallback)) => self.required(fallback),
            (_, None) => Ok(Cow::Owned(Value::String(String::new()))),
        }
    }

    fn slice(&self, value: &Value, start: Option<&'r Node>, stop: Option<&'r Node>) -> Evaluated<'r> {
        let bound = |node: Option<&'r Node>| match node {
            Some(node) => match &*self.required(node)? {
                Value::Null => Ok(None),
                other => whole(other, "a bound of a slice").map(Some),
            },
            None => Ok(None),
        };
        slice(value, bound(start)?, bound(stop)?, self.budget).map(Cow::Owned)
    }

    fn range(&self, bounds: &'r [Node]) -> Result<Value, EvalError> {
        let mut numbers = [0i64; 3];
        for (slot, node) in numbers.iter_mut().zip(bounds) {
            *slot = whole(&*self.required(node)?, "an argument of `range`")?;
        }
        let (start, stop, step) = match bounds.len() {
            1 => (0, numbers[0], 1),
            2 => (numbers[0], numbers[1], 1),
            _ => (numbers[0], numbers[1], numbers[2]),
        };
        if step == 0 {
            return Err(EvalError::new("the step of `range` is zero"));
        }
        // In 128 bits neither the distance nor the last step can overflow.
        let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
        let count = usize::try_from(count).ok().filter(|count| *count <= RANGE_ITEMS_MAX);
        let count = count.ok_or_else(|| EvalError::new(format!("`range` gives at most {RANGE_ITEMS_MAX} numbers")))?;
        self.budget.list(count)?;
        let items = (0..count as i128).map(|at| Numeric::Whole(start + at * step).into_value("range"));
        Ok(Value::Array(items.collect::<Result<_, _>>()?))
    }

    /// Why a node has no value.
    fn explain(&self, node: &'r Node) -> EvalError {
        match node {
            Node::Path(path) => {
                missing::path(&self.program.roots[path.root], self.roots[path.root].as_deref(), path, self.scope)
            }
            Node::Chain(base, links) => self.explain_chain(base, links),
            Node::Choose { then, otherwise, .. } => {
                let chosen = if matches!(self.optional(then), Ok(None)) { then } else { otherwise };
                self.explain(chosen)
            }
            _ => EvalError::new("value is missing"),
        }
    }

    fn explain_chain(&self, base: &'r Node, links: &'r [Link]) -> EvalError {
        if matches!(self.optional(base), Ok(None)) {
            return self.explain(base);
        }
        for (at, link) in links.iter().enumerate() {
            let found = match self.chain(base, &links[..at]) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => return error,
            };
            let wanted = match link {
                Link::Segment(segment) => Ok(segment.clone()),
                Link::Index(node) => self.required(node).and_then(|key| segment(&key)),
                _ => continue,
            };
            match wanted.and_then(|wanted| Ok((descend(found.clone(), &wanted, self.budget)?.is_none(), wanted))) {
                Ok((true, wanted)) => return missing::part("the value", &found, &wanted),
                Ok((false, _)) => {}
                Err(error) => return error,
            }
        }
        EvalError::new("value is missing")
    }
}

fn flag<'r>(flag: bool) -> Cow<'r, Value> {
    Cow::Owned(Value::Bool(flag))
}

/// Applies one comparison.
pub(crate) fn compare(comparison: Comparison, left: &Value, right: &Value, budget: &Budget) -> Result<bool, EvalError> {
    Ok(match comparison {
        Comparison::Equal => equal(left, right, budget)?,
        Comparison::Unequal => !equal(left, right, budget)?,
        Comparison::Less => order(left, right, budget)?.is_lt(),
        Comparison::LessOrEqual => order(left, right, budget)?.is_le(),
        Comparison::Greater => order(left, right, budget)?.is_gt(),
        Comparison::GreaterOrEqual => order(left, right, budget)?.is_ge(),
        Comparison::In | Comparison::NotIn => {
            refuse_blob(right, "searched")?;
            contains(right, left, budget)? == (comparison == Comparison::In)
        }
    })
}

/// A key that was computed, as a step of a path.
fn segment(key: &Value) -> Result<Segment, EvalError> {
    match key {
        Value::String(key) => Ok(Segment::Key(key.clone())),
        other => whole(other, "an index").map(Segment::Index),
    }
}

/// A value that must be a whole number of 64 bits.
pub(crate) fn whole(value: &Value, what: &str) -> Result<i64, EvalError> {
    value.as_i64().ok_or_else(|| EvalError::new(format!("{what} must be a whole number, not {}", type_name(value))))
}

/// One step down a value; nothing when there is no such part.
pub(crate) fn descend<'v>(
    value: Cow<'v, Value>,
    segment: &Segment,
    budget: &Budget,
) -> Result<Option<Cow<'v, Value>>, EvalError> {
    if is_blob(&value) {
        refuse_blob(&value, "looked into")?;
    }
    if let (Value::String(text), Segment::Index(index)) = (value.as_ref(), segment) {
        budget.read_text(text.len())?;
        let at = position(*index, || text.chars().count());
        return Ok(at.and_then(|at| text.chars().nth(at)).map(|c| Cow::Owned(Value::String(c.to_string()))));
    }
    match value {
        Cow::Borrowed(value) => Ok(part(value, segment).map(Cow::Borrowed)),
        Cow::Owned(value) => part(&value, segment).map(|part| budget.copy(part).map(Cow::Owned)).transpose(),
    }
}

fn part<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match (value, segment) {
        (Value::Object(entries), Segment::Key(key)) => entries.get(key),
        (Value::Object(entries), Segment::Index(index)) => entries.get(&index.to_string()),
        (Value::Array(items), Segment::Index(index)) => items.get(position(*index, || items.len())?),
        _ => None,
    }
}

/// A list position from an index that counts from the end when it is negative.
fn position(index: i64, length: impl FnOnce() -> usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length().checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// `value[start:stop]` of a list or a text; bounds outside are clipped.
pub(crate) fn slice(value: &Value, start: Option<i64>, stop: Option<i64>, budget: &Budget) -> Result<Value, EvalError> {
    refuse_blob(value, "sliced")?;
    match value {
        Value::Array(items) => {
            let (start, stop) = clip(start, stop, items.len());
            let items = items.get(start..stop).unwrap_or_default();
            budget.list(items.len())?;
            Ok(Value::Array(items.iter().map(|item| budget.copy(item)).collect::<Result<_, _>>()?))
        }
        Value::String(text) => {
            budget.write_text(text.len())?;
            let (start, stop) = clip(start, stop, text.chars().count());
            Ok(Value::String(text.chars().skip(start).take(stop.saturating_sub(start)).collect()))
        }
        other => Err(EvalError::new(format!("cannot slice {}", type_name(other)))),
    }
}

fn clip(start: Option<i64>, stop: Option<i64>, length: usize) -> (usize, usize) {
    let bound = |bound: i64| position(bound, || length).unwrap_or(0).min(length);
    (start.map_or(0, bound), stop.map_or(length, bound))
}
