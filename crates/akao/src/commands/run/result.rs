//! How an execution ended, as a document and as words.

use crate::{
    exit::Exit,
    failure::Failure,
    live::{Steps, steps, tree},
    output::{Output, Style, plain},
};
use akao_contract::ExecutionStatus;
use akao_engine::{Attributes, Summary};
use akao_journal::ExecutionRow;
use serde_json::{Map, Value, json};

/// The end of an execution, or the state in which it was left.
#[derive(Debug)]
pub(crate) struct Report {
    /// The row of the execution.
    pub(crate) row: ExecutionRow,
    /// How it ended, if it has.
    pub(crate) summary: Option<Summary>,
}

impl Report {
    /// A report from the execution's row.
    pub(crate) fn new(row: ExecutionRow) -> Self {
        let summary = row.summary.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        Self { row, summary }
    }

    /// How long it took, in milliseconds; none while it goes on.
    pub(crate) fn duration_ms(&self) -> Option<i64> {
        self.row.ended_ms.map(|ended| ended.saturating_sub(self.row.started_ms).max(0))
    }

    /// What was to be said of what it runs when it was started.
    pub(crate) fn warnings(&self) -> Vec<String> {
        // What cannot be read warns of nothing.
        serde_json::from_slice::<Attributes>(&self.row.attributes).map_or_else(|_| Vec::new(), |of| of.warnings)
    }

    fn outputs(&self) -> Map<String, Value> {
        self.summary.as_ref().map(|summary| summary.outputs.clone()).unwrap_or_default()
    }

    /// Why it is quarantined, if it is.
    fn quarantined(&self) -> Option<&str> {
        let reason = self.row.waiting.as_deref().unwrap_or("its record is damaged");
        (self.row.status == ExecutionStatus::Quarantined).then_some(reason)
    }

    fn error_json(&self, seen: &Steps) -> Option<Value> {
        if let Some(reason) = self.quarantined() {
            let message = format!("the execution is quarantined: {reason}");
            return Some(json!({
                "kind": "internal", "message": message, "retryable": false, "detail": null, "step": null,
            }));
        }
        let failure = self.summary.as_ref().and_then(|summary| summary.failure.as_ref());
        failure.map(|failure| steps::failure_json(seen, failure))
    }

    /// The document of `akao run --json` and `akao executions show --json`.
    pub(crate) fn to_json(&self, seen: &Steps) -> Value {
        let listed: Vec<Value> = seen.begun().map(|(address, step)| step.to_json(address)).collect();
        let mut document = json!({
            "execution": self.row.id,
            "status": self.row.status,
            "outputs": self.outputs(),
            "error": self.error_json(seen),
            "duration_ms": self.duration_ms(),
            "steps": listed,
        });
        if let (Value::Object(map), Some(waiting)) = (&mut document, &self.row.waiting) {
            map.insert("waiting".to_owned(), json!(waiting));
        }
        let warnings = self.warnings();
        if let (Value::Object(map), false) = (&mut document, warnings.is_empty()) {
            map.insert("warnings".to_owned(), json!(warnings));
        }
        document
    }

    /// The last line of an event stream: how it ended.
    pub(crate) fn last_event(&self, seen: &Steps) -> Value {
        json!({
            "execution": self.row.id,
            "seq": self.row.last_seq,
            "at": self.row.ended_ms.map(steps::timestamp),
            "note": "finished",
            "status": self.row.status,
            "outputs": self.outputs(),
            "error": self.error_json(seen),
            "duration_ms": self.duration_ms(),
        })
    }

    /// Says how it ended, and prints the outputs.
    pub(crate) fn present(&self, seen: &Steps, output: &Output) -> Result<Exit, Failure> {
        if output.json {
            output.document(&self.to_json(seen))?;
            return Ok(Exit::of(self.row.status));
        }
        self.words(seen, output);
        let outputs = self.outputs();
        if !outputs.is_empty() {
            output.pretty(&Value::Object(outputs))?;
        }
        Ok(Exit::of(self.row.status))
    }

    fn words(&self, seen: &Steps, output: &Output) {
        let id = self.row.id;
        let took = self.duration_ms().map(|ms| format!(" in {}", tree::duration(ms))).unwrap_or_default();
        let style = match self.row.status {
            ExecutionStatus::Success | ExecutionStatus::Skipped => Style::Good,
            ExecutionStatus::Failure | ExecutionStatus::Quarantined => Style::Bad,
            _ => Style::Warning,
        };
        let status = output.err(style, self.row.status.as_str());
        output.note(&format!("{status}{took}, execution {id}"));
        let word = output.err(Style::Bad, "error:");
        if let Some(reason) = self.quarantined() {
            output.always(&format!("{word} the execution is quarantined: {}", plain(reason)));
            let hint = "Keep the data directory as it is and check it with `akao doctor`; see docs/journal.md.";
            output.always(&format!("\n{} {hint}", output.err(Style::Active, "hint:")));
        }
        let Some(summary) = &self.summary else { return };
        for soft in &summary.soft_failures {
            output.note(&format!("  soft failure at {}: {}", soft.step, plain(&soft.message)));
        }
        let Some(failure) = &summary.failure else { return };
        output.always(&format!("{word} {}: {}", failure.error.kind, plain(&failure.error.message)));
        // What was cancelled in the queue has no step.
        let step = seen.all.get(&failure.step).filter(|step| step.begun);
        if let Some(step) = step {
            output.always(&format!("  at step {} ({})", failure.step, plain(step.label())));
        }
        // The last lines of a process that ended before it could say anything better.
        let lines = failure.error.detail.get("lines").and_then(Value::as_array);
        for line in lines.into_iter().flatten().filter_map(Value::as_str) {
            output.always(&format!("  | {}", plain(line)));
        }
        if let Some(suggestion) = failure.error.suggestion() {
            output.always(&format!("\n{} {}", output.err(Style::Active, "hint:"), plain(suggestion)));
        }
        if step.is_some() {
            output.note(&format!("\nLook closer with `akao executions show {id} --step {}`.", failure.step));
        }
    }
}
