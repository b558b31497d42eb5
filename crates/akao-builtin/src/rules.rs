//! Quantified rules over a collection: `forall` holds when every element meets it, `exists` when at least one does.

use crate::{
    limits::{RESULT_BYTES_MAX, size_of, too_large},
    props::{Props, bad_input},
    scope::{ValueScope, compile_error, eval_error},
    text::display,
};
use akao_contract::{ErrorKind, StepError};
use akao_expression::{Condition, Template};
use akao_step::CancellationToken;
use serde_json::{Map, Value, json};

/// How bad it is when a rule does not hold, from harmless to bad.
pub(crate) const SEVERITIES: [&str; 4] = ["info", "warning", "error", "critical"];

/// Most questions that one step asks: rules times elements.
const QUESTIONS_MAX: usize = 5_000_000;

/// Most violations that are listed; all are counted.
const LISTED_MAX: usize = 1_000;

/// A rule, compiled.
pub(crate) struct Rule<'a> {
    id: &'a str,
    severity: &'static str,
    quantifier: Quantifier,
    predicate: Condition,
    message: Option<Template>,
    place: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    ForAll,
    Exists,
}

/// What the rules found.
pub(crate) struct Findings {
    /// Violations in the order of the rules, then of the elements.
    pub(crate) violations: Vec<Value>,
    /// How many violations of each severity there are.
    pub(crate) counts: Map<String, Value>,
}

impl<'a> Rule<'a> {
    /// Reads and compiles one entry of `rules`.
    pub(crate) fn read(props: Props<'a>) -> Result<Self, StepError> {
        let (quantifier, name) = match (props.value("forall"), props.value("exists")) {
            (Some(_), None) => (Quantifier::ForAll, "forall"),
            (None, Some(_)) => (Quantifier::Exists, "exists"),
            _ => {
                let message = format!("the rule {} needs either `forall` or `exists`", props.call("id"));
                return Err(bad_input(message));
            }
        };
        let place = props.call(name);
        let source = props.value(name).map(display).unwrap_or_default();
        let predicate = props.value(name).map_or(Ok(Condition::Always(true)), akao_expression::condition);
        let predicate = predicate.map_err(|error| compile_error(&place, &source, error))?;
        let message = props.text_maybe("message")?;
        let template = message.map(|text| Template::compile(&Value::String(text.to_owned()))).transpose();
        let template =
            template.map_err(|error| compile_error(&props.call("message"), message.unwrap_or_default(), error))?;
        let severity = match props.value("severity") {
            Some(_) => props.choice("severity", &SEVERITIES)?,
            None => "error",
        };
        Ok(Self { id: props.text("id")?, severity, quantifier, predicate, message: template, place })
    }

    fn text(&self, scope: &ValueScope<'_>) -> Result<String, StepError> {
        match &self.message {
            Some(template) => {
                let rendered =
                    template.render(scope).map_err(|error| eval_error(&format!("message of `{}`", self.id), error))?;
                Ok(display(&rendered.value))
            }
            None if self.quantifier == Quantifier::Exists => Ok(format!("no element meets `{}`", self.id)),
            None => Ok(format!("the element does not meet `{}`", self.id)),
        }
    }
}

/// Asks every rule of every element. None when the step was halted in between.
pub(crate) fn judge<'a>(
    rules: &[Rule<'_>],
    items: &[Value],
    name: &'a str,
    mut scope: ValueScope<'a>,
    cancel: &CancellationToken,
) -> Result<Option<Findings>, StepError> {
    if rules.len().saturating_mul(items.len()) > QUESTIONS_MAX {
        let (rules, items) = (rules.len(), items.len());
        let message = format!("{rules} rules over {items} elements are more than {QUESTIONS_MAX} questions");
        return Err(
            StepError::new(ErrorKind::Resource, message).with_suggestion("Split the collection over several steps.")
        );
    }
    let mut listed = Listed { violations: vec![], bytes_left: RESULT_BYTES_MAX };
    let mut counts = [0_u64; SEVERITIES.len()];
    for rule in rules {
        let Some(violations) = rule.ask(items, name, &mut scope, cancel, &mut listed)? else { return Ok(None) };
        for (count, severity) in counts.iter_mut().zip(SEVERITIES) {
            *count += if severity == rule.severity { violations } else { 0 };
        }
    }
    let counts =
        SEVERITIES.iter().zip(counts).map(|(severity, count)| ((*severity).to_owned(), count.into())).collect();
    Ok(Some(Findings { violations: listed.violations, counts }))
}

/// The violations that are listed, within a bound on their number and their bytes.
struct Listed {
    violations: Vec<Value>,
    bytes_left: usize,
}

impl Rule<'_> {
    /// How often the rule is violated. None when the step was halted.
    fn ask<'a>(
        &self,
        items: &[Value],
        name: &'a str,
        scope: &mut ValueScope<'a>,
        cancel: &CancellationToken,
        listed: &mut Listed,
    ) -> Result<Option<u64>, StepError> {
        let mut violations = 0;
        for (index, item) in items.iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            scope.enter(name, item, index);
            let holds = self.predicate.holds(scope);
            let holds = holds.map_err(|error| eval_error(&format!("{} of element {index}", self.place), error))?;
            match (self.quantifier, holds) {
                (Quantifier::Exists, true) => return Ok(Some(0)),
                (Quantifier::ForAll, false) => {
                    violations += 1;
                    self.list(scope, Some(index), item, listed)?;
                }
                _ => {}
            }
        }
        scope.leave();
        if self.quantifier == Quantifier::Exists {
            violations = 1;
            self.list(scope, None, &Value::Null, listed)?;
        }
        Ok(Some(violations))
    }

    fn list(
        &self,
        scope: &ValueScope<'_>,
        index: Option<usize>,
        item: &Value,
        listed: &mut Listed,
    ) -> Result<(), StepError> {
        if listed.violations.len() >= LISTED_MAX {
            return Ok(());
        }
        let message = self.text(scope)?;
        let bytes = size_of(item)?.saturating_add(message.len());
        listed.bytes_left = listed.bytes_left.checked_sub(bytes).ok_or_else(|| too_large("the list of violations"))?;
        let violation =
            json!({"rule": self.id, "severity": self.severity, "message": message, "index": index, "item": item});
        listed.violations.push(violation);
        Ok(())
    }
}
