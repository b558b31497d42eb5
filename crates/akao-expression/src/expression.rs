//! A compiled expression and what it reads.

use crate::{
    error::{CompileError, EvalError},
    evaluate,
    limits::Budget,
    operators,
    parse::parse,
    program::{Link, Node, Path, Program, Segment},
    scope::{Namespace, ObjectScope, Reference, Scope},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};

/// An expression such as `steps.fetch.outputs.total > 100`, written without `${…}`. Cloning is cheap.
///
/// ```
/// use akao_expression::{Expression, MapScope, Namespace};
/// use serde_json::json;
///
/// let scope = MapScope::new().with(Namespace::Input, json!({ "amount": 120 }));
/// let expression = Expression::compile("input.amount > 100").unwrap();
/// assert_eq!(expression.evaluate(&scope).unwrap(), json!(true));
/// ```
#[derive(Debug, Clone)]
pub struct Expression(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: String,
    program: Program,
    references: Vec<Reference>,
}

/// What the text between delimiters is: an expression, or the handle of a secret.
#[derive(Debug, Clone)]
pub(crate) enum Insertion {
    Expression(Expression),
    Secret(String),
}

impl Expression {
    /// Compiles an expression. Offsets of the error count from the start of `source`.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        match Self::compile_insertion(source)? {
            Insertion::Expression(expression) => Ok(expression),
            Insertion::Secret(name) => Err(secret_misused(source.len() - source.trim_start().len(), &name)),
        }
    }

    pub(crate) fn compile_insertion(source: &str) -> Result<Insertion, CompileError> {
        let program = parse(source)?;
        if let Some(name) = secret_handle(&program) {
            return Ok(Insertion::Secret(name));
        }
        if let Some(root) = program.roots.iter().find(|root| root.namespace == Namespace::Secrets) {
            return Err(secret_misused(root.offset, "NAME"));
        }
        let references = references(&program);
        Ok(Insertion::Expression(Self(Arc::new(Compiled { source: source.to_owned(), program, references }))))
    }

    /// Evaluates the expression within the bounds of [`crate::limits`].
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        self.evaluate_within(scope, &Budget::new())
    }

    pub(crate) fn evaluate_within(&self, scope: &dyn Scope, budget: &Budget) -> Result<Value, EvalError> {
        evaluate::evaluate(&self.0.program, scope, budget)
    }

    pub(crate) fn write_within(&self, scope: &dyn Scope, budget: &Budget, text: &mut String) -> Result<(), EvalError> {
        evaluate::evaluate_into(&self.0.program, scope, budget, text)
    }

    /// Evaluates the expression for its truth alone, without copying its value.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        evaluate::holds(&self.0.program, scope, &Budget::new())
    }

    /// Whether a value counts as true: null, false, zero and everything empty do not.
    pub fn is_true(value: &Value) -> bool {
        operators::is_true(value)
    }

    /// What the expression reads, in the order of the source; a path that is read twice is listed once.
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// The source text, without delimiters.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The value, when the expression is a literal.
    pub(crate) fn literal(&self) -> Option<&Value> {
        match &self.0.program.node {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }
}

/// Evaluates an expression over the entries of one object. Reserved words (`item`, `input`, …) are namespaces, every
/// other key is readable by its bare name.
pub fn evaluate_over(expression: &Expression, values: &Map<String, Value>) -> Result<Value, EvalError> {
    expression.evaluate(&ObjectScope(values))
}

/// The name of a secret, when the whole program is `secrets.NAME`.
fn secret_handle(program: &Program) -> Option<String> {
    match (&program.node, program.roots.as_slice()) {
        (Node::Path(Path { segments, .. }), [root]) if root.namespace == Namespace::Secrets => {
            match segments.as_slice() {
                [Segment::Key(name)] => Some(name.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn secret_misused(offset: usize, name: &str) -> CompileError {
    CompileError::new(offset, "a secret cannot be computed with: an expression never sees its value").suggest(format!(
        "Write `${{secrets.{name}}}` as a whole value or inside a text, such as `Bearer ${{secrets.{name}}}`."
    ))
}

fn references(program: &Program) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(&program.node, program, &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|reference| seen.insert(reference.clone()));
    found
}

fn collect(node: &Node, program: &Program, found: &mut Vec<Reference>) {
    let mut each = |node: &Node| collect(node, program, found);
    match node {
        Node::Literal(_) => {}
        Node::Path(path) => found.push(reference(path, program)),
        Node::Chain(base, links) => {
            each(base);
            links.iter().flat_map(link_nodes).for_each(each);
        }
        Node::Negate(node) | Node::Not(node) => each(node),
        Node::All(nodes) | Node::Any(nodes) | Node::Concatenate(nodes) | Node::List(nodes) | Node::Range(nodes) => {
            nodes.iter().for_each(each);
        }
        Node::Compare(first, rest) => {
            each(first);
            rest.iter().for_each(|(_, node)| each(node));
        }
        Node::Arithmetic(first, rest) => {
            each(first);
            rest.iter().for_each(|(_, node)| each(node));
        }
        Node::Choose { condition, then, otherwise } => {
            [then, condition, otherwise].into_iter().for_each(|node| each(node))
        }
        Node::Object(entries) => entries.iter().for_each(|(_, node)| each(node)),
    }
}

fn link_nodes(link: &Link) -> Vec<&Node> {
    match link {
        Link::Index(node) => vec![node],
        Link::Slice(start, stop) => start.iter().chain(stop).collect(),
        Link::Filter(_, arguments) => arguments.iter().flatten().collect(),
        Link::Segment(_) | Link::Check { .. } => Vec::new(),
    }
}

fn reference(path: &Path, program: &Program) -> Reference {
    let root = &program.roots[path.root];
    // An index from the end is only known with the list, so it ends the path like any computed one.
    let known = path.segments.iter().map_while(|segment| match segment {
        Segment::Key(key) => Some(key.clone()),
        Segment::Index(index) => (*index >= 0).then(|| index.to_string()),
    });
    Reference { namespace: root.namespace, path: root.key.iter().cloned().chain(known).collect() }
}
