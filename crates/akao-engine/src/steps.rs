//! The steps of an execution, put together from its notes.

use crate::Told;
use akao_contract::{
    Address, ExecutionId, LogLevel, LogLine, NodeStatus, OpId, StepError, StepUsage, manifest::PinnedNode,
};
use akao_flow::{EarlierAttempt, Event, Failure, Note};
use akao_step::StepEvent;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Lines kept for each step.
const LOG_LINES_MAX: usize = 1_000;

/// One step as far as it has come.
#[derive(Debug, Clone)]
pub struct Step {
    /// The node's id.
    pub id: String,
    /// Its name for people.
    pub name: Option<Arc<str>>,
    /// Whether it was started or has ended; one that is held has not come so far.
    pub begun: bool,
    /// The node's type.
    pub node_type: Arc<str>,
    /// How it stands.
    pub status: NodeStatus,
    /// Attempts of a leaf; the first one counts.
    pub attempts: Option<u32>,
    /// The attempts that failed before the last one, oldest first; of many only the last ones. Known when it has ended.
    pub earlier: Vec<EarlierAttempt>,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// Why it failed, and where that began.
    pub failure: Option<Box<Failure>>,
    /// The rendered props; secrets are masked.
    pub props: Option<Arc<Map<String, Value>>>,
    /// What it gave.
    pub outputs: Map<String, Value>,
    /// The first lines that it wrote.
    pub logs: Vec<LogLine>,
    /// What it used, where that was measured.
    pub usage: Option<StepUsage>,
    /// What it waits for, while it does.
    pub waiting: Option<String>,
    /// Until when it waits, in Unix milliseconds.
    pub waiting_until_ms: Option<i64>,
    /// Why it is held, while it is.
    pub held: Option<String>,
    /// What it says of itself while it runs.
    pub progress: Option<String>,
}

impl Step {
    /// What people call it: its name, else its id, else its type. An id that was not given is a place.
    pub fn label(&self) -> &str {
        self.name.as_deref().or(self.given_id()).unwrap_or_else(|| self.shown_type())
    }

    /// The label with what it does not say: the id beside a name, the type beside both.
    pub fn description(&self) -> (&str, String) {
        let label = self.label();
        let id = self.given_id().filter(|id| *id != label);
        let node_type = Some(self.shown_type()).filter(|node_type| *node_type != label);
        (label, [id, node_type].into_iter().flatten().map(|word| format!(" {word}")).collect())
    }

    /// Its type without the digest of a package.
    fn shown_type(&self) -> &str {
        PinnedNode::shown(&self.node_type)
    }

    fn given_id(&self) -> Option<&str> {
        Some(self.id.as_str()).filter(|id| !id.contains('/'))
    }

    /// How long it took, in milliseconds; none while it runs.
    pub fn duration_ms(&self) -> Option<i64> {
        self.ended_ms.map(|ended| ended.saturating_sub(self.started_ms).max(0))
    }

    /// The attempts that failed before the last one, for documents.
    pub fn earlier_json(&self) -> Value {
        attempts(&self.earlier)
    }

    /// The step as decided for `akao run --json`.
    pub fn to_json(&self, address: &Address) -> Value {
        json!({
            "address": address,
            "id": self.id,
            "type": self.node_type,
            "status": self.status,
            "attempts": self.attempts,
            "earlier": self.earlier_json(),
            "started_at": timestamp(self.started_ms),
            "duration_ms": self.duration_ms(),
            "error": self.failure.as_ref().map(|failure| &failure.error),
        })
    }
}

/// A node of the definition with the counts of its runs.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The address of the latest run.
    pub last: Address,
    /// Runs under way.
    pub running: u64,
    /// Runs that succeeded.
    pub success: u64,
    /// Runs that failed.
    pub failure: u64,
    /// Runs that were skipped.
    pub skipped: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
}

impl Place {
    /// How often the node was started.
    pub fn runs(&self) -> u64 {
        self.running + self.success + self.failure + self.skipped + self.cancelled
    }

    fn count(&mut self, status: NodeStatus) -> &mut u64 {
        match status {
            NodeStatus::Running => &mut self.running,
            NodeStatus::Success => &mut self.success,
            NodeStatus::Failure => &mut self.failure,
            NodeStatus::Skipped => &mut self.skipped,
            NodeStatus::Cancelled => &mut self.cancelled,
        }
    }
}

/// Every step of an execution.
#[derive(Debug, Default)]
pub struct Steps {
    /// By address, parents before their children.
    pub all: BTreeMap<Address, Step>,
    /// By place in the definition.
    pub places: BTreeMap<Address, Place>,
    /// Steps that wait or are held.
    pub attention: BTreeSet<Address>,
    operations: BTreeMap<OpId, Address>,
}

impl Steps {
    /// The steps that have begun, for documents.
    pub fn begun(&self) -> impl Iterator<Item = (&Address, &Step)> {
        self.all.iter().filter(|(_, step)| step.begun)
    }

    /// The step that an operation belongs to.
    pub fn address_of(&self, op: OpId) -> Option<&Address> {
        self.operations.get(&op)
    }

    /// Whether something is held.
    pub fn holds(&self) -> bool {
        self.attention.iter().any(|address| self.all.get(address).is_some_and(|step| step.held.is_some()))
    }

    /// What is held, for documents.
    pub fn held(&self) -> Vec<Value> {
        let held = self.attention.iter().filter_map(|address| {
            let step = self.all.get(address)?;
            Some(json!({"step": address, "id": step.id, "type": step.node_type, "reason": step.held.as_ref()?}))
        });
        held.collect()
    }

    /// The steps of a node that were started: those at an address, or those of a node with this id. The newest is the last.
    pub fn named(&self, name: &str) -> Vec<&Address> {
        let address: Option<Address> = name.parse().ok();
        let is_it = |(at, step): &(&Address, &Step)| match &address {
            Some(wanted) => *at == wanted,
            None => step.id == name,
        };
        let mut found: Vec<(&Address, &Step)> = self.all.iter().filter(is_it).collect();
        found.sort_by_key(|(_, step)| step.started_ms);
        found.into_iter().map(|(address, _)| address).collect()
    }

    /// Takes in an event with what it led to.
    pub fn take(&mut self, told: &Told) {
        for note in &told.notes {
            self.take_note(told, note);
        }
    }

    /// Takes in what a running step says.
    pub fn take_event(&mut self, op: OpId, event: &StepEvent) {
        let Some(step) = self.operations.get(&op).and_then(|address| self.all.get_mut(address)) else { return };
        match event {
            StepEvent::Progress { fraction, message } => {
                let percent = fraction.map(|fraction| format!("{:.0} % ", fraction.clamp(0.0, 1.0) * 100.0));
                step.progress = Some(format!("{}{message}", percent.unwrap_or_default()));
            }
            // The lines themselves come with the end of the step.
            StepEvent::Log(line) if line.level != LogLevel::Debug => step.progress = Some(line.message.clone()),
            StepEvent::Log(_) => {}
        }
    }

    fn take_note(&mut self, told: &Told, note: &Note) {
        match note {
            Note::Started { address, id, node_type, name, op, props } => {
                let step = Step {
                    name: name.clone(),
                    begun: true,
                    props: props.clone(),
                    ..unbegun(id.as_str(), node_type, told.at)
                };
                self.operations.extend(op.map(|op| (op, address.clone())));
                self.attention.remove(address);
                self.all.insert(address.clone(), step);
                let place = self.places.entry(address.place()).or_default();
                place.last = address.clone();
                place.running += 1;
            }
            Note::Ended { address, status, attempts, outputs, failure, id, node_type } => {
                self.attention.remove(address);
                let known = self.all.get(address).is_some_and(|step| step.begun);
                let step = self.all.entry(address.clone()).or_insert_with(|| unbegun(id.as_str(), node_type, told.at));
                step.begun = true;
                step.status = *status;
                step.attempts = *attempts;
                step.ended_ms = Some(told.at);
                step.outputs.clone_from(outputs);
                step.failure.clone_from(failure);
                (step.waiting, step.held, step.progress) = (None, None, None);
                if let Event::StepFinished { op, started_ms, outcome, earlier, .. } = &told.event
                    && self.operations.get(op) == Some(address)
                {
                    step.earlier.clone_from(earlier);
                    step.started_ms = started_ms.unwrap_or(step.started_ms);
                    step.usage = outcome.usage;
                }
                let place = self.places.entry(address.place()).or_default();
                place.last = address.clone();
                if known {
                    place.running = place.running.saturating_sub(1);
                }
                *place.count(*status) += 1;
            }
            Note::Log { address, line } => {
                if let Some(step) = self.all.get_mut(address)
                    && step.logs.len() < LOG_LINES_MAX
                {
                    step.logs.push(line.clone());
                }
            }
            Note::Waiting { address, what, until_ms } => {
                if let Some(step) = self.all.get_mut(address) {
                    step.waiting = Some(what.clone());
                    step.waiting_until_ms = *until_ms;
                    self.attention.insert(address.clone());
                }
            }
            Note::Held { address, id, node_type, reason } => {
                let step = self.all.entry(address.clone()).or_insert_with(|| unbegun(id.as_str(), node_type, told.at));
                step.held = Some(reason.clone());
                self.attention.insert(address.clone());
                self.places.entry(address.place()).or_default().last = address.clone();
            }
            Note::Wrote { .. } | Note::Buffered { .. } => {}
        }
    }
}

/// A step before it has begun.
fn unbegun(id: &str, node_type: &Arc<str>, at_ms: i64) -> Step {
    Step {
        id: id.to_owned(),
        name: None,
        begun: false,
        node_type: Arc::clone(node_type),
        status: NodeStatus::Running,
        attempts: None,
        earlier: Vec::new(),
        started_ms: at_ms,
        ended_ms: None,
        failure: None,
        props: None,
        outputs: Map::new(),
        logs: Vec::new(),
        usage: None,
        waiting: None,
        waiting_until_ms: None,
        held: None,
        progress: None,
    }
}

/// A time as text: RFC 3339 in UTC, to the millisecond.
pub fn timestamp(unix_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(unix_ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => unix_ms.to_string(),
    }
}

/// The error of an execution as decided for `akao run --json`.
pub fn failure_json(steps: &Steps, failure: &Failure) -> Value {
    let StepError { kind, message, retryable, detail } = &failure.error;
    let id = steps.all.get(&failure.step).map(|step| step.id.as_str());
    json!({
        "kind": kind, "message": message, "retryable": retryable, "detail": detail,
        "step": {"address": failure.step, "id": id},
    })
}

fn attempts(earlier: &[EarlierAttempt]) -> Value {
    let one = |failed: &EarlierAttempt| {
        json!({
            "attempt": failed.number,
            "started_at": timestamp(failed.started_ms),
            "duration_ms": failed.ended_ms.saturating_sub(failed.started_ms).max(0),
            "error": failed.error,
        })
    };
    earlier.iter().map(one).collect()
}

/// The notes of an event as JSON, each with the event's number and time and its own number within the event. An event
/// without notes is one line too, so that the numbers have no gap.
pub fn events(execution: ExecutionId, told: &Told) -> Vec<Value> {
    let at = timestamp(told.at);
    if told.notes.is_empty() {
        return vec![json!({"execution": execution, "seq": told.seq, "at": at, "index": 0, "note": "none"})];
    }
    // Of the nodes that end by a step's end, the step itself is the first.
    let own = told.notes.iter().position(|note| matches!(note, Note::Ended { .. }));
    let line = |(index, note): (usize, &Note)| {
        let mut line = json!({"execution": execution, "seq": told.seq, "at": at, "index": index});
        if let Event::StepFinished { earlier, .. } = &told.event
            && own == Some(index)
            && !earlier.is_empty()
        {
            line["earlier"] = attempts(earlier);
        }
        if let (Value::Object(line), Ok(Value::Object(note))) = (&mut line, serde_json::to_value(note)) {
            line.extend(note);
        }
        line
    };
    told.notes.iter().enumerate().map(line).collect()
}
