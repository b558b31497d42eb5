//! Expressions: whether they can be read, and whether what they name is there.

use super::{Checker, Surroundings};
use crate::{Position, ProblemCode};
use akao_contract::is_name;
use akao_document::Path;
use akao_document::suggest;
use akao_expression::{CompileError, Namespace, Reference, Template, condition};
use serde_json::Value;
use std::rc::Rc;

/// What a step has for expressions.
const STEP_FIELDS: [&str; 3] = ["outputs", "status", "error"];
/// What the execution has for expressions.
const EXECUTION_FIELDS: [&str; 3] = ["id", "started_at", "tenant"];

/// First names that other tools have and that mean a namespace here. A blackboard key of that name wins.
const FOREIGN_NAMESPACES: [(&str, &str); 20] = [
    ("inputs", "Write `input.NAME`."),
    ("params", "Write `input.NAME`."),
    ("param", "Write `input.NAME`."),
    ("args", "Write `input.NAME`."),
    ("trigger", "Write `input.NAME`."),
    ("step", "Write `steps.ID.outputs`."),
    ("nodes", "Write `steps.ID.outputs`."),
    ("node", "Write `steps.ID.outputs`."),
    ("stages", "Write `steps.ID.outputs`."),
    ("tasks", "Write `steps.ID.outputs`."),
    ("outputs", "Write `steps.ID.outputs`."),
    ("blackboard", "Write `bb.KEY`."),
    ("context", "Write `bb.KEY`."),
    ("ctx", "Write `bb.KEY`."),
    ("secret", "Write `secrets.NAME`."),
    ("env", "There is no environment; use `input`, `secrets.NAME`, or `vars.NAME` that the operator publishes."),
    ("var", "Write `bb.KEY`, or `vars.NAME` for what the operator publishes."),
    ("variables", "Write `bb.KEY`, or `vars.NAME` for what the operator publishes."),
    ("loop", "Write `item` and `index`."),
    ("run", "Write `execution.id`."),
];

/// Expressions that one workflow may have.
const EXPRESSIONS_MAX: usize = 10_000;

/// Bytes of all texts of one workflow that hold expressions; a compiled one takes twenty times its text.
const EXPRESSION_BYTES_MAX: usize = 256 * 1024;

impl<'a> Checker<'a> {
    /// Checks the templates inside a value that is not a literal.
    pub(super) fn templates(&mut self, value: &Value, path: &Path<'_>, around: &Surroundings<'_>) {
        match value {
            _ if self.problems.is_full() => {}
            Value::String(text) if akao_document::value::has_template(text) => match self.compiled(text, value, path) {
                Ok(references) => self.references(&references, text, path, around),
                Err(error) => self.expression_error(error, text, path),
            },
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.templates(item, &path.index(at), around);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.templates(value, &path.key(key), around);
                }
            }
            _ => {}
        }
    }

    /// What a template refers to; nothing when it is not looked at any more.
    fn compiled(&mut self, text: &str, value: &Value, path: &Path<'_>) -> Result<Rc<[Reference]>, CompileError> {
        if self.is_too_much(text, path) {
            return Ok(Rc::new([]));
        }
        if let Some(references) = self.compiled.get(text) {
            return Ok(Rc::clone(references));
        }
        let references: Rc<[Reference]> = Template::compile(value)?.references().into();
        self.compiled.insert(text.to_owned(), Rc::clone(&references));
        Ok(references)
    }

    /// Checks the value of `if`.
    pub(super) fn condition(&mut self, value: &Value, path: &Path<'_>, around: &Surroundings<'_>) {
        let text = value.as_str().unwrap_or_default();
        if self.is_too_much(text, path) {
            return;
        }
        if let Some(references) = self.conditions.get(text) {
            let references = Rc::clone(references);
            return self.references(&references, text, path, around);
        }
        match condition(value) {
            Ok(condition) => {
                self.references(condition.references(), text, path, around);
                self.conditions.insert(text.to_owned(), condition.references().into());
            }
            Err(error) => self.expression_error(error, text, path),
        }
    }

    /// Whether the workflow has more to compile than a program should hold; then it is said, once.
    fn is_too_much(&mut self, text: &str, path: &Path<'_>) -> bool {
        let told = self.expressions > EXPRESSIONS_MAX || self.expression_bytes > EXPRESSION_BYTES_MAX;
        self.expressions += text.matches("${").count() + text.matches("{{").count();
        self.expression_bytes += text.len();
        let over = self.expressions > EXPRESSIONS_MAX || self.expression_bytes > EXPRESSION_BYTES_MAX;
        if over && !told {
            let message = format!(
                "the workflow has more than {EXPRESSIONS_MAX} expressions, or more than {} KiB of text around them",
                EXPRESSION_BYTES_MAX / 1024
            );
            let suggestion = "Move large texts into files, or a part of the workflow into one of its own.".to_owned();
            self.problem(ProblemCode::ExpressionBudget, path, message, Some(suggestion));
        }
        over
    }

    fn expression_error(&mut self, error: CompileError, text: &str, path: &Path<'_>) {
        let position = self.within(text, error.offset, path);
        let fallback = || "An expression looks like `bb.count + 1` or `steps.ID.outputs.items | length`.".to_owned();
        let suggestion = error.suggestion.or_else(|| Some(fallback()));
        self.problem_at(ProblemCode::TemplateSyntax, position, path, error.message, suggestion);
    }

    fn within(&self, text: &str, offset: usize, path: &Path<'_>) -> Position {
        let characters = text.get(..offset).map_or(0, |before| before.chars().count());
        self.positions.within(path, characters)
    }

    fn references(&mut self, references: &[Reference], text: &str, path: &Path<'_>, around: &Surroundings<'_>) {
        for reference in references {
            if self.problems.is_full() {
                return;
            }
            let Some((code, message, suggestion)) = self.broken_reference(reference, around) else { continue };
            let position = self.within(text, offset_of(reference, text), path);
            self.problem_at(code, position, path, message, suggestion);
        }
    }

    fn broken_reference(&self, reference: &Reference, around: &Surroundings<'_>) -> Option<Broken> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match (reference.namespace, path.as_slice()) {
            (Namespace::Steps, [id, fields @ ..]) => self.broken_step(id, fields, around),
            (Namespace::Input, [name, ..]) => self.broken_input(name),
            (Namespace::Blackboard, [first, rest @ ..]) => self.broken_blackboard(first, !rest.is_empty()),
            (Namespace::Execution, [field, ..]) => unknown_field("execution", field, &EXECUTION_FIELDS),
            (Namespace::Item, _) if !around.in_for_each && around.is_root => Some((
                ProblemCode::OutsideLoop,
                "`item` is only known inside a ForEach".to_owned(),
                Some("Move the node into the loop, or read a blackboard key.".to_owned()),
            )),
            (Namespace::Index, _) if !around.in_loop && around.is_root => Some((
                ProblemCode::OutsideLoop,
                "`index` is only known inside a loop".to_owned(),
                Some("Move the node into the loop.".to_owned()),
            )),
            _ => None,
        }
    }

    fn broken_step(&self, id: &str, fields: &[&str], around: &Surroundings<'_>) -> Option<Broken> {
        if !around.ids.contains_key(id) {
            return self.unknown_step(id, around);
        }
        let field = fields.first()?;
        if STEP_FIELDS.contains(field) {
            return None;
        }
        let suggestion = Some(match suggest::nearest(field, STEP_FIELDS) {
            Some(near) => format!("Did you mean `steps.{id}.{near}`?"),
            None => format!("Write `steps.{id}.outputs.{field}`."),
        });
        let message = format!("a step has no `{field}`; it has {}", suggest::list(&STEP_FIELDS));
        Some((ProblemCode::UnknownField, message, suggestion))
    }

    fn unknown_step(&self, id: &str, around: &Surroundings<'_>) -> Option<Broken> {
        let elsewhere = self.ids.iter().any(|(_, ids)| ids.contains_key(id));
        if elsewhere && !around.is_root {
            // A tree reads through to the steps of the tree that runs it, which may be any other.
            return None;
        }
        let message = match elsewhere {
            true => format!("the node `{id}` is inside a tree; its steps are not seen from here"),
            false => format!("there is no node with the id `{}`", suggest::shown(id)),
        };
        let suggestion = match elsewhere {
            true => Some("Give the SubTree `outputs` and read those.".to_owned()),
            false => suggest::sentence(id, "ids", around.ids.keys().copied())
                .or_else(|| around.ids.is_empty().then(|| "Give the node that is meant an `id`.".to_owned())),
        };
        Some((ProblemCode::UnknownStep, message, suggestion))
    }

    fn broken_input(&self, name: &str) -> Option<Broken> {
        let inputs = &self.definition.inputs;
        if inputs.is_empty() || inputs.0.contains_key(name) {
            return None;
        }
        let suggestion = suggest::nearest(name, inputs.0.keys().map(String::as_str))
            .map(|near| format!("Did you mean `input.{near}`?"))
            .or_else(|| {
                Some(format!("Declare it: `inputs: {{ {name}: {{ type: string }} }}`.")).filter(|_| is_name(name))
            });
        Some((ProblemCode::UnknownInput, format!("the input `{}` is not declared", suggest::shown(name)), suggestion))
    }

    fn broken_blackboard(&self, first: &str, goes_on: bool) -> Option<Broken> {
        if !goes_on || self.written.contains(first) {
            return None;
        }
        let (_, hint) = FOREIGN_NAMESPACES.iter().find(|(name, _)| *name == first)?;
        Some((ProblemCode::UnknownNamespace, format!("there is no namespace `{first}`"), Some((*hint).to_owned())))
    }
}

type Broken = (ProblemCode, String, Option<String>);

fn unknown_field(namespace: &str, field: &str, fields: &[&str]) -> Option<Broken> {
    if fields.contains(&field) {
        return None;
    }
    let message = format!("`{namespace}` has no `{}`", suggest::shown(field));
    Some((ProblemCode::UnknownField, message, suggest::sentence(field, "fields", fields.iter().copied())))
}

/// Where a reference is written: the first place where its beginning stands as a word.
fn offset_of(reference: &Reference, text: &str) -> usize {
    let first = reference.path.first().map_or("", String::as_str);
    let spellings = match reference.namespace {
        Namespace::Item | Namespace::Index => vec![reference.namespace.word().to_owned()],
        Namespace::Blackboard => vec![first.to_owned()],
        namespace => vec![format!("{namespace}.{first}"), format!("{namespace}["), namespace.word().to_owned()],
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let whole = |at: usize, length: usize| {
        !text[..at].ends_with(is_word)
            && !text[at + length..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    let inside = text.find("${").or_else(|| text.find("{{")).unwrap_or_default();
    spellings
        .iter()
        .filter(|spelling| !spelling.is_empty())
        .find_map(|spelling| {
            text.match_indices(spelling.as_str())
                .map(|(at, _)| at)
                .find(|at| *at >= inside && whole(*at, spelling.len()))
        })
        .unwrap_or_default()
}
