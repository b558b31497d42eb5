//! What a step asks for: its script, what that is given, how long it may run and how much memory it has.

use crate::{
    interpreter::{Interpreter, ScriptRuntime, USUAL_RUNTIME},
    runner::{OWN_BYTES, ScriptOptions},
};
use akao_contract::{
    BareNumber, ErrorKind, Invocation, StepError, manifest::parse_bytes, parse_duration_ms, shortened,
};
use serde_json::{Map, Value};

/// Longest script, in bytes: what is longer is data or a package.
pub(crate) const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// The least memory that a script can do anything with.
const MEMORY_BYTES_MIN: u64 = 16_000_000;

/// Memory is rounded up to multiples of this, so that steps that ask for nearly the same share their processes.
const MEMORY_BYTES_STEP: u64 = 16_000_000;

/// See the module. What holds is the smaller of what was asked for and of the operator's cap.
#[derive(Debug, Clone)]
pub(crate) struct ScriptRequest {
    pub(crate) script: String,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) timeout_ms: u64,
    pub(crate) memory_bytes: u64,
    /// The environment, if the step names one.
    pub(crate) environment: Option<String>,
    /// What runs it in the place of the language's usual program.
    pub(crate) runtime: Option<&'static ScriptRuntime>,
    /// Whether a longer time, or more memory, was asked for than the operator allows.
    pub(crate) timeout_is_capped: bool,
    pub(crate) memory_is_capped: bool,
}

impl ScriptRequest {
    /// Reads a step's props; without the prop `inputs` the script is given the blackboard.
    ///
    /// # Errors
    /// A prop cannot be used.
    pub(crate) fn read(
        interpreter: &Interpreter,
        invocation: &mut Invocation,
        options: &ScriptOptions,
    ) -> Result<Self, StepError> {
        let props = &mut invocation.props;
        let script = match props.shift_remove("script") {
            Some(Value::String(script)) if script.len() <= SCRIPT_BYTES_MAX => script,
            Some(Value::String(script)) => {
                let message =
                    format!("the script has {} bytes, more than the {SCRIPT_BYTES_MAX} allowed", script.len());
                let suggestion = "Give data as `inputs`, and make a node of a program.";
                return Err(StepError::new(ErrorKind::Input, message).with_suggestion(suggestion));
            }
            other => return Err(unusable("script", other.as_ref(), "a text", "Write the script's text.")),
        };
        let inputs = match props.shift_remove("inputs") {
            None => std::mem::take(&mut invocation.blackboard).into_iter().collect(),
            Some(Value::Object(inputs)) => inputs,
            Some(other) => {
                return Err(unusable(
                    "inputs",
                    Some(&other),
                    "an object",
                    "Write names and values: `inputs: { x: 1 }`.",
                ));
            }
        };
        let environment = match props.shift_remove("environment") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name),
            Some(other) => {
                return Err(unusable("environment", Some(&other), "a name", "`akao env list` shows the environments."));
            }
        };
        let runtime = runtime(interpreter, props.get("runtime"))?;
        let asked_timeout_ms = duration(props.get("timeout"))?;
        let asked_memory = memory(props.get("memory"))?;
        let timeout_ms = asked_timeout_ms.min(options.timeout_ms_max);
        let memory_bytes = asked_memory.min(options.memory_bytes_max).max(MEMORY_BYTES_MIN);
        Ok(Self {
            script,
            inputs,
            timeout_ms,
            memory_bytes: memory_bytes.next_multiple_of(MEMORY_BYTES_STEP),
            environment,
            runtime,
            timeout_is_capped: timeout_ms < asked_timeout_ms,
            memory_is_capped: memory_bytes < asked_memory,
        })
    }

    /// What runs the script needs so much memory beside it, in bytes.
    pub(crate) fn own_bytes(&self) -> u64 {
        self.runtime.map_or(OWN_BYTES, |runtime| runtime.own_bytes)
    }

    /// The parameters of the interpreter's own node.
    pub(crate) fn parameters(&self) -> Map<String, Value> {
        Map::from_iter([
            ("script".to_owned(), self.script.as_str().into()),
            ("inputs".to_owned(), Value::Object(self.inputs.clone())),
            ("timeout_ms".to_owned(), self.timeout_ms.into()),
            ("memory_bytes".to_owned(), self.memory_bytes.into()),
        ])
    }
}

fn runtime(interpreter: &Interpreter, value: Option<&Value>) -> Result<Option<&'static ScriptRuntime>, StepError> {
    let name = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) if name == USUAL_RUNTIME && !interpreter.runtimes.is_empty() => return Ok(None),
        Some(other) => other.as_str().unwrap_or_default(),
    };
    let found = interpreter.runtimes.iter().find(|runtime| runtime.name == name);
    found
        .map(Some)
        .ok_or_else(|| unusable("runtime", value, "one of the node's", "Leave it out, or see `akao node-info`."))
}

fn duration(value: Option<&Value>) -> Result<u64, StepError> {
    const HOW: &str = "Write seconds, or a number and a unit: `90`, `30s`, `5m`.";
    let text = match value {
        None => "30s".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(seconds)) => seconds.to_string(),
        other => return Err(unusable("timeout", other, "a duration", HOW)),
    };
    match parse_duration_ms(&text, BareNumber::Seconds) {
        Ok(ms) if ms > 0 => Ok(ms),
        _ => Err(unusable("timeout", value, "a duration above nothing", HOW)),
    }
}

fn memory(value: Option<&Value>) -> Result<u64, StepError> {
    const HOW: &str = "Write a number and a unit: `64MB`, `1GiB`.";
    let text = match value {
        None => "512MB",
        Some(Value::String(text)) => text,
        other => return Err(unusable("memory", other, "an amount of memory", HOW)),
    };
    match parse_bytes(text) {
        Ok(bytes) if bytes >= MEMORY_BYTES_MIN => Ok(bytes),
        Ok(_) => Err(unusable("memory", value, "16MB or more", HOW)),
        Err(_) => Err(unusable("memory", value, "an amount of memory", HOW)),
    }
}

fn unusable(prop: &str, value: Option<&Value>, wanted: &str, suggestion: &str) -> StepError {
    let message = match value {
        None => format!("the prop `{prop}` is missing"),
        Some(value) => format!("the prop `{prop}` is {}, and must be {wanted}", shortened(value.to_string(), 80)),
    };
    StepError::new(ErrorKind::Input, message).with_suggestion(suggestion)
}
