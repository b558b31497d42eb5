//! Nodes of bundles as steps: what of an invocation the worker is given, and what becomes of its answer.
//!
//! Beside its bundle a package may hold `node.json`: the whole schema of its props, which a manifest has no room for, and how
//! often it may be called. Props are held against the schema here, because a template may have rendered to anything.

mod rate;
mod schema;

pub(crate) use rate::{Rate, Rates};

use akao_contract::{
    ErrorKind, Invocation, OUTPUT_KEY, Outcome, OutcomeStatus, StepError, is_name,
    manifest::{PackageId, PinnedNode, RuntimeKind, format_bytes},
};
use akao_manifest::Folder;
use schema::Schema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{fs, io};

/// The file beside a bundle.
pub const NODE_FILE: &str = "node.json";

/// Longer files are not read.
const NODE_FILE_BYTES_MAX: u64 = 1 << 20;

/// What the worker itself needs of a sandbox's memory.
const WORKER_BYTES: u64 = 32_000_000;

/// A call is stopped so long before its sandbox's own limit, so that its answer, which has a line, is most often the first.
const TIMEOUT_MARGIN_MS: u64 = 20;

/// Problems of props that are told at once, and the bytes of each: they quote values.
const PROBLEMS_MAX: usize = 10;
const PROBLEM_BYTES_MAX: usize = 1_000;

/// The output that holds what a node set on the blackboard.
const WRITES: &str = "writes";

#[derive(Debug, Default, Deserialize)]
struct NodeFile {
    #[serde(default)]
    schema: Option<Value>,
    #[serde(default)]
    rate: Option<Rate>,
}

/// What holds for the node of a bundle.
pub(crate) struct BundleNode {
    schema: Option<Schema>,
    rate: Option<Rate>,
    package: PackageId,
    /// What one call may use, so that the worker stops it, with its line, before its sandbox does.
    memory_bytes: u64,
    /// What its package asks for, which holds the worker as well.
    pub(crate) asked_bytes: u64,
    timeout_ms: u64,
}

/// Whether a package that is a bundle says what can be used of how it may be called. One that is no bundle says nothing.
///
/// # Errors
/// It does not.
pub fn check_bundle(folder: &Folder) -> Result<(), StepError> {
    BundleNode::of(folder).map(drop)
}

impl std::fmt::Debug for BundleNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleNode").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl BundleNode {
    /// What a package's folder says; none where it is no bundle.
    ///
    /// # Errors
    /// Its `node.json` cannot be used.
    pub(crate) fn of(folder: &Folder) -> Result<Option<Self>, StepError> {
        if folder.manifest().runtime.kind != RuntimeKind::Bundle {
            return Ok(None);
        }
        let path = folder.path.join(NODE_FILE);
        let unusable = |reason: String| {
            StepError::new(
                ErrorKind::Input,
                format!("`{NODE_FILE}` of `{}` cannot be used: {reason}", folder.manifest().id),
            )
            .with_suggestion("Deploy the node again, under another version.")
        };
        let read: NodeFile = match fs::metadata(&path) {
            Err(_) => NodeFile::default(),
            Ok(found) if found.len() > NODE_FILE_BYTES_MAX => return Err(unusable("it is too long".to_owned())),
            Ok(_) => {
                let text = fs::read(&path).map_err(|error| unusable(error.to_string()))?;
                serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?
            }
        };
        let compile = |schema| Schema::compile(schema).map_err(|reason| unusable(format!("its schema: {reason}")));
        let schema = read.schema.as_ref().map(compile);
        let resources = folder.manifest().resources;
        Ok(Some(Self {
            schema: schema.transpose()?,
            rate: read.rate,
            package: folder.manifest().id.clone(),
            memory_bytes: resources.memory_bytes.saturating_sub(WORKER_BYTES).max(resources.memory_bytes / 2),
            asked_bytes: resources.memory_bytes,
            timeout_ms: resources.timeout_ms.saturating_sub(TIMEOUT_MARGIN_MS).max(1),
        }))
    }

    /// Whether [`Self::request`] is soon done; else it is for a thread that may take its time.
    pub(crate) fn is_quick(&self, invocation: &Invocation) -> bool {
        let Some(schema) = &self.schema else { return true };
        let mut counted = Counted(0);
        // Counting does not fail.
        let _ = serde_json::to_writer(&mut counted, &invocation.props);
        schema.is_quick(counted.0)
    }

    /// The invocation as the worker takes it. Blocks where it is not quick.
    ///
    /// # Errors
    /// The props do not fit, or the node is called too often.
    pub(crate) fn request(&self, mut invocation: Invocation, rates: &Rates) -> Result<Invocation, StepError> {
        let output_key = invocation.props.shift_remove(OUTPUT_KEY);
        self.check(&invocation)?;
        if let Some(rate) = self.rate {
            rates.take(rate, &self.package, &invocation)?;
        }
        let context = &invocation.context;
        let step = json!({
            "node": context.node_id.as_str(),
            "execution": context.execution.to_string(),
            "workflow": &*context.workflow,
            "tenant": context.tenant.as_str(),
            "step": context.step.to_string(),
            "attempt": context.attempt,
            "idempotencyKey": context.idempotency_key,
        });
        let blackboard: Map<String, Value> = std::mem::take(&mut invocation.blackboard).into_iter().collect();
        let mut props = Map::new();
        props.insert("props".to_owned(), Value::Object(std::mem::take(&mut invocation.props)));
        props.insert("blackboard".to_owned(), Value::Object(blackboard));
        props.insert("step".to_owned(), step);
        // What an execution is started with is an object, or nothing.
        props.extend(invocation.input.take().filter(Value::is_object).map(|input| ("input".to_owned(), input)));
        props.insert("memory_bytes".to_owned(), self.memory_bytes.into());
        props.insert("timeout_ms".to_owned(), self.timeout_ms.into());
        props.extend(output_key.map(|key| (OUTPUT_KEY.to_owned(), key)));
        invocation.props = props;
        Ok(invocation)
    }

    fn check(&self, invocation: &Invocation) -> Result<(), StepError> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let props = Value::Object(invocation.props.clone());
        let message = |text: String| akao_contract::shortened(text, PROBLEM_BYTES_MAX);
        let problems: Vec<Value> = schema
            .validator
            .iter_errors(&props)
            .take(PROBLEMS_MAX)
            .map(|error| json!({"path": error.instance_path().to_string(), "message": message(error.to_string())}))
            .collect();
        let Some(first) = problems.first() else { return Ok(()) };
        let (path, message) =
            (first["path"].as_str().unwrap_or_default(), first["message"].as_str().unwrap_or_default());
        let place = if path.is_empty() {
            "the props".to_owned()
        } else {
            format!("the prop `{}`", &path[1..].replace('/', "."))
        };
        let name = PinnedNode::shown(&invocation.node_type);
        let message = akao_contract::shortened(format!("{place} of `{name}`: {message}"), 1_000);
        Err(StepError::new(ErrorKind::Input, message)
            .with_detail("reason", "props")
            .with_detail("problems", problems)
            .with_suggestion("Correct the prop, or what its template stands for."))
    }
}

/// Counts bytes that are written.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The outcome of a step, with what the node set on the blackboard in its place, and its failures in words about nodes, whose
/// package asked for so much memory.
pub(crate) fn outcome(mut outcome: Outcome, asked_bytes: u64) -> Outcome {
    if outcome.status == OutcomeStatus::Success {
        if let Some(Value::Object(writes)) = outcome.outputs.shift_remove(WRITES) {
            for (key, value) in writes {
                if !is_name(&key) {
                    let message = format!("the node set {key:?} on the blackboard, which is not a key");
                    return Outcome::failure(
                        StepError::new(ErrorKind::User, akao_contract::shortened(message, 300))
                            .with_suggestion("A key starts with a letter or `_` and holds letters, digits and `_`."),
                    );
                }
                // What the workflow itself asks for wins.
                outcome.writes.entry(key).or_insert(value);
            }
        }
        return outcome;
    }
    if let Some(error) = outcome.error.take() {
        let error = late(error);
        let reason =
            error.detail.get("reason").and_then(Value::as_str).and_then(|reason| reason.strip_prefix("script_"));
        let reason = reason.map(|rest| format!("node_{rest}"));
        outcome.error = Some(match reason {
            Some(reason) if reason == "node_memory" => full(error, asked_bytes).with_detail("reason", reason),
            Some(reason) => error.with_detail("reason", reason),
            None => error,
        });
    }
    outcome
}

/// A call that the host ended, because the worker was too late to say that its time was over: by the reason that it would have
/// told, and in words about nodes.
fn late(mut error: StepError) -> StepError {
    if error.detail.get("reason").and_then(Value::as_str) != Some("deadline") {
        return error;
    }
    error.message = match error.detail.get("value").and_then(Value::as_str) {
        Some(held) => format!("the node did not end within {held}"),
        None => "the node did not end before the step's deadline".to_owned(),
    };
    error.with_detail("reason", "script_timeout")
}

/// A call that met its limit of memory, by the figure that its author knows: the worker has a part of it.
fn full(error: StepError, asked_bytes: u64) -> StepError {
    let place = error.message.rfind(" (").and_then(|at| error.message.get(at..)).unwrap_or_default();
    let held = format_bytes(asked_bytes);
    let message = format!("the node reached its limit of memory, {held} with what runs it{place}");
    StepError { message, ..error }.with_detail("value", held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_by_what_was_asked_for() {
        let told = StepError::new(ErrorKind::Resource, "the node needs more than 224 MB of memory (a.ts:3:5)")
            .with_detail("reason", "script_memory");
        let error = outcome(Outcome::failure(told), 256_000_000).error.unwrap();
        assert_eq!(error.message, "the node reached its limit of memory, 256MB with what runs it (a.ts:3:5)");
        assert_eq!((&error.detail["reason"], &error.detail["value"]), (&json!("node_memory"), &json!("256MB")));
    }

    #[test]
    fn whoever_ends_a_call_in_time_it_is_told_as_the_nodes_timeout() {
        let told = |error: StepError| outcome(Outcome::failure(error), 0).error.unwrap();
        let timeout = |message: &str| StepError::new(ErrorKind::Timeout, message);
        let host = timeout("the node `local.slow` did not answer within 2s").with_detail("reason", "deadline");
        let by_limit = told(host.clone().with_detail("limit", "timeout").with_detail("value", "2s"));
        assert_eq!(by_limit.message, "the node did not end within 2s");
        assert_eq!(
            (&by_limit.detail["reason"], &by_limit.detail["limit"]),
            (&json!("node_timeout"), &json!("timeout"))
        );
        let by_step = told(host);
        assert_eq!(by_step.message, "the node did not end before the step's deadline");
        let by_worker = told(timeout("the node did not end within its time").with_detail("reason", "script_timeout"));
        for error in [by_step, by_worker] {
            assert_eq!((error.kind, &error.detail["reason"]), (ErrorKind::Timeout, &json!("node_timeout")));
        }
        let waited = told(timeout("no process came free").with_detail("reason", "waited_too_long"));
        assert_eq!(waited.detail["reason"], "waited_too_long");
    }

    #[test]
    fn what_a_node_set_is_written_and_nothing_that_is_no_key() {
        let ended = |writes: Value| {
            let outputs = Map::from_iter([("result".to_owned(), json!(1)), (WRITES.to_owned(), writes)]);
            outcome(Outcome { outputs, ..Outcome::success() }, 0)
        };
        let good = ended(json!({"a": 1}));
        assert_eq!((good.writes.get("a"), good.outputs.len()), (Some(&json!(1)), 1));
        let bad = ended(json!({"a b": 1}));
        assert_eq!((bad.status, bad.error.unwrap().kind), (OutcomeStatus::Failure, ErrorKind::User));
    }
}
