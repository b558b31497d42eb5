//! Failures in the words of whoever wrote the script: of scripts, `timeout` and `memory`, and not of nodes and manifests.
//!
//! | what came back | what is told |
//! |---|---|
//! | `script_…`, by the interpreter | the same, with what to do |
//! | a limit of the sandbox | which of the script's limits that is |
//! | a process that broke off or spoke out of turn | what the script did to its interpreter |
//! | an error that is not the script's to tell, or passes for another kind | what the script did to its interpreter |
//! | a request that is too long or too deep | that `inputs` can name less |

use crate::{environment::Environments, interpreter::Interpreter, request::ScriptRequest, runner::is_of_network};
use akao_contract::{
    ErrorKind, Outcome, OutcomeStatus, Permission, StepError, format_duration_ms,
    manifest::{Limit, format_bytes},
};

/// How the reason of every error begins that an interpreter tells by itself. A script shares its process, and may write in its
/// name: what it says of itself is believed, and nothing that the host alone says, such as that the call was never made.
pub(crate) const REASONS: &str = "script_";

/// The kind that each of them has.
const KINDS: [(&str, ErrorKind); 12] = [
    ("script_syntax", ErrorKind::Input),
    ("script_exception", ErrorKind::User),
    ("script_result", ErrorKind::User),
    ("script_exit", ErrorKind::User),
    ("script_signal", ErrorKind::User),
    ("script_stuck", ErrorKind::User),
    ("script_channel", ErrorKind::User),
    ("script_memory", ErrorKind::Resource),
    ("script_stack", ErrorKind::Resource),
    ("script_output", ErrorKind::Resource),
    ("script_timeout", ErrorKind::Timeout),
    ("script_environment", ErrorKind::Internal),
];

/// What a script did that nothing but its interpreter should have said.
const WROTE: &str = "the script wrote into the channel of its interpreter";

/// A run as it is told.
pub(crate) struct Told<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) request: &'a ScriptRequest,
    pub(crate) environments: &'a Environments,
    /// What the execution was granted.
    pub(crate) grants: &'a [Permission],
}

/// Whether the script of a run was never given to an interpreter.
pub(crate) fn was_not_begun(outcome: &Outcome) -> bool {
    outcome.error.as_ref().is_some_and(|error| matches!(reason(error), "crashed_at_start" | "not_sent"))
}

/// Whether a run has no outcome of its own because its interpreter was ended, perhaps by somebody else.
pub(crate) fn was_ended_from_outside(outcome: &Outcome) -> bool {
    outcome.error.as_ref().is_some_and(|error| matches!(reason(error), "crashed" | "neighbour"))
}

fn reason(error: &StepError) -> &str {
    error.detail.get("reason").and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Whether a script works in the process that tells of it.
pub(crate) fn is_within_reach(interpreter: &Interpreter, request: &ScriptRequest) -> bool {
    interpreter.forks || request.runtime.is_some()
}

/// Whether an exception most likely says that something could not be reached.
fn is_of_connection(error: &StepError) -> bool {
    const NAMES: [&str; 9] = [
        "URLError",
        "gaierror",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "ConnectTimeout",
        "RemoteDisconnected",
        "SSLError",
        "ConnectError",
    ];
    let name = error.detail.get("exception").and_then(serde_json::Value::as_str).unwrap_or_default();
    // A socket that is refused, and what Node.js says of `fetch`.
    let is_refused = name == "PermissionError" && error.message.contains("[Errno 1]");
    NAMES.contains(&name) || is_refused || (name == "TypeError" && error.message.contains("fetch failed"))
}

/// Whether an error's kind is one that its reason does not have, or it asks to be tried again.
fn is_dressed_up(error: &StepError) -> bool {
    let told = reason(error);
    let known = KINDS.iter().find(|(reason, _)| *reason == told);
    told.starts_with(REASONS) && (error.retryable || known.is_none_or(|(_, kind)| *kind != error.kind))
}

impl Told<'_> {
    /// The outcome of a run.
    pub(crate) fn outcome(&self, mut outcome: Outcome) -> Outcome {
        if outcome.status != OutcomeStatus::Success
            && let Some(error) = outcome.error.take()
        {
            let is_full = outcome.usage.is_some_and(|usage| self.is_full(usage.memory_peak_bytes));
            outcome.error = Some(self.error(error, is_full));
        }
        outcome
    }

    /// Whether a sandbox has had about all the memory that it may.
    fn is_full(&self, bytes: u64) -> bool {
        bytes.saturating_mul(10) >= (self.request.memory_bytes + self.request.own_bytes()).saturating_mul(9)
    }

    fn error(&self, error: StepError, is_full: bool) -> StepError {
        if is_within_reach(self.interpreter, self.request) && is_dressed_up(&error) {
            return self.broken(error, WROTE);
        }
        let limit = error.detail.get("limit").and_then(serde_json::Value::as_str).map(str::to_owned);
        match (reason(&error).to_owned().as_str(), limit.as_deref()) {
            ("script_timeout", _) | ("limit" | "deadline", Some("timeout")) => self.timeout(error),
            ("script_memory", _) => self.memory(error),
            ("script_syntax", _) => {
                let suggestion =
                    format!("Correct the script; it is {}, and its first line is line 1.", self.interpreter.language);
                error.with_suggestion(suggestion)
            }
            ("script_exception", _) if error.detail["module"].is_string() => self.module(error),
            ("script_exception", _) if is_of_connection(&error) => self.connection(error),
            ("script_environment", _) => error.with_suggestion(
                "Make the environment again with `akao env create`; the machine may have another version now.",
            ),
            ("script_result", _) => {
                error.with_suggestion(format!("See in {} what a result may be.", self.interpreter.guide))
            }
            ("script_output", _) => error.with_suggestion("Print less, or give what is large back as the result."),
            // The kernel ends the largest process of a sandbox that is full, and says no more than that.
            ("script_signal", _) if is_full && error.detail["signal"] == "SIGKILL" => self.memory(error),
            ("script_exit" | "script_signal", _) => {
                error.with_suggestion("Let the script set `result` and come to its end; raise an exception to fail.")
            }
            ("limit", Some("memory")) => self.memory(error),
            ("limit", Some(limit)) => self.limit(error, limit),
            ("script_channel", _) => self.broken(error, WROTE),
            ("crashed", _) if self.request.runtime.is_some() && error.message.contains("SIGABRT") => {
                self.aborted(error)
            }
            ("crashed" | "neighbour", _) => {
                self.broken(error, "the script's interpreter was ended while the script ran")
            }
            ("request_too_long" | "request_too_deep" | "too_many_values" | "request_nul" | "integer_too_large", _)
                if error.kind != ErrorKind::Protocol =>
            {
                let message = format!("the script cannot be given its inputs: {}", error.message);
                StepError { message, ..error }.with_suggestion(
                    "Name what the script needs with `inputs`; without it the whole blackboard is given.",
                )
            }
            _ if error.kind == ErrorKind::Protocol => self.broken(error, WROTE),
            _ => error,
        }
    }

    /// A module that is not there: what runs it, which environment has it, or how one is made that does.
    fn module(&self, error: StepError) -> StepError {
        let module = error.detail["module"].as_str().unwrap_or_default().to_owned();
        // What cannot be read has no answer; the step's own failure is what counts.
        let all = self.environments.list().unwrap_or_default();
        let Interpreter { language, runtimes, .. } = *self.interpreter;
        let option = self.interpreter.environments.map_or("", |maker| maker.option);
        let is_usual = self.request.runtime.is_none();
        // What the usual program refuses, another one may have.
        let has = |one: &&crate::Environment| {
            let is_there = one.modules.contains(&module) || !is_usual && one.refused.contains_key(&module);
            one.language == language && is_there
        };
        // A module of another program's own may have further ones below it.
        let (is_own, plain) = module.strip_prefix("node:").map_or((false, &*module), |plain| (true, plain));
        let first = plain.split('/').next().unwrap_or_default();
        let has_it = |runtime: &&crate::interpreter::ScriptRuntime| is_own || runtime.modules.contains(&first);
        let other = runtimes.iter().find(|runtime| is_usual && has_it(runtime));
        let suggestion = match (other, all.iter().find(has)) {
            _ if module.starts_with(['.', '/']) => {
                "Import packages of an environment by their names; a script has no other files.".to_owned()
            }
            (Some(other), _) => format!("Only `runtime: {}` has it: set that.", other.name),
            (None, Some(found)) => format!("The environment `{0}` has it: set `environment: {0}`.", found.name),
            (None, None) => {
                format!("Make an environment that has it: `akao env create NAME {option} --packages {module}`.")
            }
        };
        error.with_suggestion(suggestion)
    }

    /// What a script could not connect to: what it may, and where to see what was not let through.
    fn connection(&self, error: StepError) -> StepError {
        let granted: Vec<String> =
            self.grants.iter().filter(|grant| is_of_network(grant)).map(ToString::to_string).collect();
        let suggestion = match granted.is_empty() {
            true => "Scripts reach nothing of the network but what their execution was granted: start it with \
                     `--grant network.http=HOST`, on a server with `grants`."
                .to_owned(),
            false => format!(
                "The execution was granted {}; `akao audit --denied` tells what was not let through.",
                granted.join(", ")
            ),
        };
        error.with_suggestion(suggestion)
    }

    fn timeout(&self, error: StepError) -> StepError {
        let held = format_duration_ms(self.request.timeout_ms);
        let suggestion = match self.request.timeout_is_capped {
            true => format!("The operator allows {held}, less than the step's `timeout`; ask the operator for more."),
            false => "Raise `timeout`, or give the script less to do at once.".to_owned(),
        };
        // What the interpreter was too late to say, its host says in words of nodes and manifests.
        let mut error = error
            .with_detail("reason", "script_timeout")
            .with_detail("limit", Limit::Timeout.as_str())
            .with_detail("value", held.as_str());
        if let Some(detail) = error.detail.as_object_mut() {
            detail.shift_remove("key");
            detail.shift_remove("amount");
        }
        let message = format!("the script did not end within {held}");
        StepError { message, kind: ErrorKind::Timeout, retryable: true, ..error }.with_suggestion(suggestion)
    }

    fn memory(&self, error: StepError) -> StepError {
        let held = format_bytes(self.request.memory_bytes);
        let suggestion = match self.request.memory_is_capped {
            true => format!("The operator allows {held}, less than the step's `memory`; ask the operator for more."),
            false => "Raise `memory`, or let the script hold less at once.".to_owned(),
        };
        let line = error.detail.get("line").and_then(serde_json::Value::as_u64);
        let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let message = format!("the script reached its limit of memory, {held}{place}");
        StepError { kind: ErrorKind::Resource, message, retryable: false, ..error }
            .with_detail("reason", "script_memory")
            .with_detail("limit", Limit::Memory.as_str())
            .with_detail("value", held)
            .with_suggestion(suggestion)
    }

    fn limit(&self, error: StepError, limit: &str) -> StepError {
        let value = error.detail.get("value").and_then(serde_json::Value::as_str).unwrap_or_default();
        let what = if limit == "pids" { "processes and threads" } else { limit };
        let message = format!("the script reached its limit of {what}, {value}");
        StepError { message, retryable: false, ..error }.with_suggestion(
            "Let the script use less; what needs more is a node of its own (docs/node-development.md).",
        )
    }

    /// V8 knows no other end for a single value that is larger than it can make.
    fn aborted(&self, error: StepError) -> StepError {
        self.broken(error, "the script's runtime gave up while the script ran (SIGABRT)").with_suggestion(
            "Make no single value so large: Node.js ends itself where it cannot. It also does where its own descriptors were closed.",
        )
    }

    /// What no script does by accident.
    fn broken(&self, error: StepError, what: &str) -> StepError {
        StepError::new(ErrorKind::User, what)
            .with_detail("reason", "script_broke_interpreter")
            .with_detail("cause", error.message)
            .with_suggestion("Let the script end by itself, and leave descriptors alone that it has not opened.")
    }
}
