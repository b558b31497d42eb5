//! What a step is told when its node did not answer as it should: a kind, a message that names the place, a reason for
//! programs, and what to do.
//!
//! | what happened | kind | `detail.reason` |
//! |---|---|---|
//! | the process ended in the call | `internal` | `crashed`, or `outcome_unknown` where a second run could do harm |
//! | a limit ended it | `resource` | `limit` |
//! | the node broke the protocol | `protocol` | the offence's name |
//! | the node told an error that only the host tells | `protocol` | `not_its_own` |
//! | no answer in time | `timeout` | `deadline` |
//! | no process came free in time | `timeout` | `waited_too_long` |
//! | too many calls wait | `resource` | `queue_full` |
//! | the circuit is open | `internal` | `circuit_open` |
//! | another call did not end and took the process with it | `internal` | `neighbour`, or `outcome_unknown` |
//! | the program ends | `internal` | `shutting_down`, or `outcome_unknown` when the call had begun |

use crate::{
    declared::Declared,
    instance::{Doom, End},
    launch::{EndCause, ProcessSpec, Usage},
    lines::plain_text,
    package::{Node, NodePackage},
    pool::State,
};
use akao_contract::{
    ErrorKind, StepError, format_duration_ms,
    manifest::{Limit, ResourceCaps},
};
use akao_rpc::RpcError;
use serde_json::json;
use std::time::Duration;

/// The reason of an attempt of which nobody knows what it did. The engine does not try it again by itself.
const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// What is quoted of an error that is not believed.
const SAID_BYTES_MAX: usize = 300;

/// Names of signals that a program dies of.
const SIGNALS: [(i32, &str); 10] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (4, "SIGILL"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (15, "SIGTERM"),
    (31, "SIGSYS"),
];

/// How a process ended, as the end of a sentence that begins with the node's name.
pub(crate) fn how_it_ended(end: &End) -> String {
    match (end.ended.cause, end.doom) {
        (EndCause::Exited(code), _) => format!("exited with code {code}"),
        (EndCause::Signal(signal), _) => match SIGNALS.iter().find(|(number, _)| *number == signal) {
            Some((_, name)) => format!("was ended by {name}"),
            None => format!("was ended by signal {signal}"),
        },
        (EndCause::Memory, _) => "reached its limit of memory".to_owned(),
        (EndCause::Pids, _) => "reached its limit of processes".to_owned(),
        (EndCause::Disk, _) => "reached its limit of disk".to_owned(),
        (EndCause::Deadline, _) => "reached the end of its process's time".to_owned(),
        (EndCause::Killed, Some(Doom::SocketClosed)) => "closed its socket and went on".to_owned(),
        (EndCause::Killed, Some(Doom::Offence)) => "was ended for breaking the protocol".to_owned(),
        (EndCause::Killed, Some(Doom::CallDidNotEnd)) => "was ended because a call in it did not end".to_owned(),
        (EndCause::Killed, _) => "was ended".to_owned(),
        (EndCause::Unknown, _) => "ended, and nobody knows how".to_owned(),
    }
}

fn usage(usage: &Usage) -> serde_json::Value {
    json!({
        "cpu_ms": usage.cpu_ms, "memory_peak_bytes": usage.memory_peak_bytes, "pids_peak": usage.pids_peak,
    })
}

/// A process ended where it should not have.
pub(crate) fn crashed(spec: &ProcessSpec, end: &End) -> StepError {
    let message = format!("the node `{}` {}", spec.package, how_it_ended(end));
    StepError::new(ErrorKind::Internal, message)
        .with_detail("reason", "crashed")
        .with_detail("usage", usage(&end.ended.usage))
}

/// The place of an attempt that went wrong.
pub(crate) struct Scene<'a> {
    pub(crate) package: &'a NodePackage,
    pub(crate) node: &'a Node,
    pub(crate) spec: &'a ProcessSpec,
    pub(crate) caps: ResourceCaps,
}

impl Scene<'_> {
    /// Marks an error of an attempt that may have had its effect.
    fn after_the_start(&self, mut error: StepError, reason: &str) -> StepError {
        error.retryable = self.node.is_repeatable();
        if error.retryable {
            return error.with_detail("reason", reason);
        }
        error.with_detail("reason", OUTCOME_UNKNOWN).with_detail("cause", reason)
    }

    /// The call has no answer because the connection ended with `error`, and the process as `end` says.
    pub(crate) fn broken(&self, error: &RpcError, end: &End) -> StepError {
        let is_offence = error.is_offence() && !matches!(error, RpcError::HalfLine { .. });
        match end.ended.cause {
            _ if is_offence => self.offence(error),
            EndCause::Memory => self.limit(Limit::Memory, end),
            EndCause::Pids => self.limit(Limit::Pids, end),
            EndCause::Disk => self.limit(Limit::Disk, end),
            EndCause::Deadline => self.process_time(end),
            EndCause::Signal(_) => self.crash(end),
            _ if error.is_offence() => self.offence(error),
            _ if end.doom == Some(Doom::CallDidNotEnd) => self.neighbour(),
            _ => self.crash(end),
        }
    }

    fn crash(&self, end: &End) -> StepError {
        let message = format!("the node `{}` {} during the call", self.node.declaration.id, how_it_ended(end));
        let error = self.after_the_start(StepError::new(ErrorKind::Internal, message), "crashed");
        let look = "See the step's log for what the node wrote last";
        let declared = self.package.declared();
        error.with_detail("usage", usage(&end.ended.usage)).with_suggestion(match self.node.is_repeatable() {
            true => format!("{look}; a `retry` on the step starts it again."),
            false => format!(
                "{look}. It is not run again by itself, because its {} does not say {}.",
                declared.place(),
                declared.repeatable()
            ),
        })
    }

    fn neighbour(&self) -> StepError {
        let message =
            format!("the process of `{}` was ended because another call in it did not end", self.node.declaration.id);
        let or = match self.package.declared() {
            Declared::Manifest => ", or set `runtime.instances.concurrency: 1`",
            Declared::Source => "",
        };
        self.after_the_start(StepError::new(ErrorKind::Internal, message), "neighbour")
            .with_suggestion(format!("Let the node end its calls when they are cancelled{or}."))
    }

    /// The program ends, and the call was ended with it.
    pub(crate) fn halted(&self) -> StepError {
        let message = format!("the call of `{}` was ended because the program ends", self.node.declaration.id);
        self.after_the_start(StepError::new(ErrorKind::Internal, message), "shutting_down")
    }

    fn offence(&self, error: &RpcError) -> StepError {
        let mut told = error.to_step_error();
        let message = plain_text(told.message);
        told.message = format!("the node `{}` broke the protocol: {message}", self.node.declaration.id);
        told.retryable = false;
        told.with_suggestion(
            "See what ends a connection in docs/node-protocol.md; `akao-conformance` plays it to the node.",
        )
    }

    /// An error that is not the node's to tell.
    pub(crate) fn not_its_own(&self, error: StepError) -> StepError {
        let said = plain_text(akao_contract::shortened(error.message, SAID_BYTES_MAX));
        let message = format!("the node `{}` told an error that is not its own: {said}", self.node.declaration.id);
        StepError::new(ErrorKind::Protocol, message).with_detail("reason", "not_its_own")
    }

    fn limit(&self, limit: Limit, end: &End) -> StepError {
        let (held, suggestion) = self.package.shown_limit(limit, &self.caps);
        let noun = match limit {
            Limit::Memory => "memory",
            Limit::Pids => "processes and threads",
            other => other.as_str(),
        };
        let message = format!("the node `{}` reached its limit of {noun}: {held}", self.node.declaration.id);
        let mut error = StepError::new(ErrorKind::Resource, message).with_detail("reason", "limit");
        error.retryable = false;
        self.with_limit(error, limit).with_detail("usage", usage(&end.ended.usage)).with_suggestion(suggestion)
    }

    /// Adds what programs want to know of a limit that was reached.
    fn with_limit(&self, error: StepError, limit: Limit) -> StepError {
        let error = error
            .with_detail("limit", limit.as_str())
            .with_detail("value", self.spec.resources.shown(limit))
            .with_detail("amount", self.spec.resources.amount(limit));
        match self.package.declared().limit(limit) {
            Some(key) => error.with_detail("key", key),
            None => error,
        }
    }

    /// An error of a node that has reached a limit, as is seen from here, and does not say so.
    pub(crate) fn met_limit(&self, mut error: StepError, limit: Limit) -> StepError {
        error.kind = ErrorKind::Resource;
        self.said_limit(error.with_detail("limit", limit.as_str()))
    }

    /// A node that says which of its limits it has reached; how far that goes and how it is raised is known here.
    pub(crate) fn said_limit(&self, mut error: StepError) -> StepError {
        let said = error.detail.get("limit").and_then(serde_json::Value::as_str);
        let Some(limit) = Limit::ALL.into_iter().find(|limit| said == Some(limit.as_str())) else { return error };
        let (held, suggestion) = self.package.shown_limit(limit, &self.caps);
        error.message = format!("{}; the node's limit is {held}", error.message);
        error.retryable = false;
        self.with_limit(error, limit).with_detail("reason", "limit").with_suggestion(suggestion)
    }

    fn process_time(&self, end: &End) -> StepError {
        let message = format!("the process of `{}` reached the end of its time", self.node.declaration.id);
        self.after_the_start(StepError::new(ErrorKind::Timeout, message), "process_time")
            .with_detail("usage", usage(&end.ended.usage))
    }

    /// The call was not answered in time. `limit` is the manifest's when that is what passed; `ran` is how long the process
    /// ran and how it ended, where it had to be ended.
    pub(crate) fn deadline(&self, limit: Option<Limit>, ran: Option<(Duration, End)>) -> StepError {
        let id = &self.node.declaration.id;
        let (message, suggestion) = match limit {
            Some(limit) => {
                let (held, suggestion) = self.package.shown_limit(limit, &self.caps);
                (format!("the node `{id}` did not answer within {held}"), suggestion)
            }
            None => (
                format!("the node `{id}` did not answer before the step's deadline"),
                "Give the step a longer `timeout`, or the node less to do at once.".to_owned(),
            ),
        };
        let mut error = StepError::new(ErrorKind::Timeout, message).with_detail("reason", "deadline");
        error.retryable = self.node.is_repeatable();
        if let Some(limit) = limit {
            error = self.with_limit(error, limit);
        }
        let Some((time, end)) = ran else { return error.with_suggestion(suggestion) };
        error = error.with_detail("usage", usage(&end.ended.usage));
        if !self.used_its_processor(time, &end.ended.usage) {
            return error.with_suggestion(suggestion);
        }
        let (held, _) = self.package.shown_limit(Limit::Cpu, &self.caps);
        error.with_suggestion(format!("{suggestion} It used all the processor time that it may: {held}."))
    }

    /// Whether a process had nearly all of its share of a processor over its life.
    fn used_its_processor(&self, time: Duration, usage: &Usage) -> bool {
        let share_ms = time.as_millis() * u128::from(self.spec.resources.cpu_millis) / 1_000;
        share_ms > 0 && u128::from(usage.cpu_ms) * 10 >= share_ms * 8
    }

    /// No process came free in time. Nothing was sent.
    pub(crate) fn waited_too_long(&self) -> StepError {
        let id = &self.node.declaration.id;
        let message = format!("no process of `{id}` came free before the deadline");
        let suggestion = more_at_once(self.package.declared());
        StepError::new(ErrorKind::Timeout, message).with_detail("reason", "waited_too_long").with_suggestion(suggestion)
    }

    /// The request could not be sent, or its answer was not usable; the process goes on.
    pub(crate) fn only_this_call(&self, error: &RpcError) -> StepError {
        let mut told = error.to_step_error();
        let suggestion = match error {
            RpcError::RequestTooLong { .. } => "Hand over large values as files in a volume, or in several steps.",
            RpcError::RequestTooDeep { .. } | RpcError::RequestNul => "Pass such a value as text.",
            RpcError::IntegerTooLarge { .. } => "Send whole numbers beyond 2^53 as text.",
            RpcError::BadAnswer { .. } => "See `node.execute` in docs/node-protocol.md for what an answer holds.",
            RpcError::Backlog { .. } => "Let the node read its socket while it works.",
            RpcError::Answered(_) => {
                let message = plain_text(told.message);
                told.message = format!("the node `{}` answered with an error: {message}", self.node.declaration.id);
                return told;
            }
            _ => return told,
        };
        told.with_suggestion(suggestion)
    }
}

/// Too many wait already.
pub(crate) fn queue_full(spec: &ProcessSpec, waiting: usize) -> StepError {
    let message = format!("{waiting} calls wait for a process of `{}` already", spec.package);
    let mut error = StepError::new(ErrorKind::Resource, message).with_detail("reason", "queue_full");
    error.retryable = true;
    error.with_suggestion(more_at_once(Declared::of(spec.kind)))
}

fn more_at_once(declared: Declared) -> String {
    format!("Raise {} in its {}, or run fewer steps at once.", declared.parallel(), declared.place())
}

/// The program ends, or the package was replaced.
pub(crate) fn closed(spec: &ProcessSpec) -> StepError {
    let message = format!("the processes of `{}` are being ended", spec.package);
    let mut error = StepError::new(ErrorKind::Internal, message).with_detail("reason", "shutting_down");
    error.retryable = true;
    error
}

/// Starts are refused for now.
pub(crate) fn circuit_open(spec: &ProcessSpec, rest: Duration, state: &State) -> StepError {
    let rest_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
    // Rounded up to what a person can wait for.
    let shown = format_duration_ms(rest_ms.div_ceil(1_000).max(1) * 1_000);
    let mut message = format!("the node `{}` failed too often and is not started again for {shown}", spec.package);
    if let Some(last) = &state.last_error {
        message = akao_contract::shortened(format!("{message}; last: {}", last.message), 500);
    }
    let mut error = StepError::new(ErrorKind::Internal, message).with_detail("reason", "circuit_open");
    error.retryable = true;
    error.with_detail("retry_after_ms", rest_ms).with_suggestion(
        "Mend what its last error says; `akao node run FOLDER` starts it alone and shows every message.",
    )
}
