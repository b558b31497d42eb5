//! `node.execute`: one attempt of a step. The request is written straight into the connection's buffer.

use super::{bad, name::EXECUTE, object};
use crate::{RpcError, json::check_outgoing_map, remote::step_error};
use akao_contract::{Address, ErrorKind, ExecutionId, Outcome, StepContext, StepError, Tenant};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The parameter and the output that hold many inputs and their answers.
pub use akao_contract::ITEMS_KEY as BATCH_KEY;

/// Who asks, for which step, and until when. What is `None` is not sent.
#[derive(Debug, Clone, Serialize)]
pub struct ExecuteContext<'a> {
    /// The node of the package that is to work; a process that serves one node takes an absent one as that. Where it stands
    /// in the workflow is told by `step`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<&'a str>,
    /// The workflow.
    pub workflow_id: &'a str,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The step's address.
    pub step: &'a Address,
    /// 1 for the first attempt; a node takes an absent one as 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The same over every attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<&'a str>,
    /// The tenant; a node takes an absent one from `node.info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a Tenant>,
    /// When the attempt must have ended, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// W3C `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<&'a str>,
}

impl<'a> ExecuteContext<'a> {
    /// The context of a step for the node `node_id` of a package.
    pub fn new(node_id: &'a str, context: &'a StepContext) -> Self {
        Self {
            node_id: Some(node_id),
            workflow_id: &context.workflow,
            execution_id: context.execution,
            step: &context.step,
            attempt: Some(context.attempt),
            idempotency_key: Some(&context.idempotency_key),
            tenant: Some(&context.tenant),
            deadline: context.deadline_ms,
            trace: context.trace.as_deref(),
        }
    }

    /// The context without what a node knows already: the tenant, which `node.info` named, that it is the first attempt,
    /// and which node is meant where the package has one.
    #[must_use]
    pub fn lean(mut self, nodes: usize) -> Self {
        self.tenant = None;
        self.attempt = self.attempt.filter(|attempt| *attempt > 1);
        self.node_id = self.node_id.filter(|_| nodes != 1);
        self
    }
}

/// One attempt of a step.
#[derive(Debug, Clone, Serialize)]
pub struct ExecuteRequest<'a> {
    /// Who asks.
    pub context: ExecuteContext<'a>,
    /// What the node is given.
    pub parameters: &'a Map<String, Value>,
}

impl ExecuteRequest<'_> {
    /// Refuses what another language would read differently: the message and its `params` are two levels already.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        check_outgoing_map(self.parameters, 2)
    }
}

/// A request whose idempotency key begins with the execution, so that one member says both: 56 bytes less.
#[derive(Serialize)]
pub(crate) struct KeyedRequest<'a> {
    context: KeyedContext<'a>,
    parameters: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct KeyedContext<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<&'a str>,
    workflow_id: &'a str,
    /// The execution, `-` and the rest of the key.
    key: &'a str,
    step: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

impl<'a> ExecuteRequest<'a> {
    /// The same with one member for execution and key; none where the key is of another form.
    pub(crate) fn keyed(&self) -> Option<KeyedRequest<'a>> {
        let context = &self.context;
        let key = context.idempotency_key?;
        key.strip_prefix(&context.execution_id.to_string())?.strip_prefix('-')?;
        let context = KeyedContext {
            node_id: context.node_id,
            workflow_id: context.workflow_id,
            key,
            step: context.step,
            attempt: context.attempt,
            tenant: context.tenant,
            deadline: context.deadline,
            trace: context.trace,
        };
        Some(KeyedRequest { context, parameters: self.parameters })
    }
}

/// What an attempt used, as the node says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metadata {
    /// Milliseconds.
    pub execution_time: Option<f64>,
    /// Bytes.
    pub memory_used: Option<u64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecuteAnswer {
    /// The outputs, or why the work failed.
    pub result: Result<Map<String, Value>, StepError>,
    /// What it used.
    pub metadata: Metadata,
}

/// How one input of a batch ended.
pub type ItemAnswer = Result<Map<String, Value>, StepError>;

impl ExecuteAnswer {
    pub(crate) fn read(value: Value) -> Result<Self, RpcError> {
        let mut map = object(EXECUTE, value)?;
        let result = read_result(&mut map)?;
        let metadata = match map.get("metadata") {
            Some(Value::Object(metadata)) => Metadata {
                execution_time: metadata.get("execution_time").and_then(Value::as_f64),
                memory_used: metadata.get("memory_used").and_then(Value::as_u64),
            },
            None | Some(Value::Null) => Metadata::default(),
            Some(_) => return Err(bad(EXECUTE, "`metadata` is not an object")),
        };
        Ok(Self { result, metadata })
    }

    /// The answers to a batch of `count` inputs, in their order. A batch that failed as a whole is that error.
    pub fn items(self, count: usize) -> Result<Vec<ItemAnswer>, RpcError> {
        let mut outputs = match self.result {
            Ok(outputs) => outputs,
            Err(error) => return Ok(vec![Err(error); count]),
        };
        let Some(Value::Array(items)) = outputs.remove(BATCH_KEY) else {
            return Err(bad(EXECUTE, "`outputs.$items` is not a list"));
        };
        if items.len() != count {
            return Err(bad(EXECUTE, format!("{} answers to {count} items", items.len())));
        }
        items.into_iter().map(|item| read_result(&mut object(EXECUTE, item)?)).collect()
    }

    /// The answer as the end of a step. A `cancelled` error is a step that was halted.
    pub fn into_outcome(self) -> Outcome {
        match self.result {
            Ok(outputs) => Outcome { outputs, ..Outcome::default() },
            Err(error) if error.kind == ErrorKind::Cancelled => Outcome { error: Some(error), ..Outcome::cancelled() },
            Err(error) => Outcome::failure(error),
        }
    }
}

/// The parameters of a call with many inputs, for a node whose `node.info` says `batch: true`.
pub fn batch_parameters(items: &[Map<String, Value>]) -> Map<String, Value> {
    let mut parameters = Map::new();
    parameters.insert(BATCH_KEY.into(), json!(items));
    parameters
}

/// `{success, outputs}` or `{success: false, error}`.
fn read_result(map: &mut Map<String, Value>) -> Result<Result<Map<String, Value>, StepError>, RpcError> {
    let Some(success) = map.get("success").and_then(Value::as_bool) else {
        return Err(bad(EXECUTE, "`success` is not a boolean"));
    };
    let outputs = match map.remove("outputs") {
        Some(Value::Object(outputs)) => outputs,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(bad(EXECUTE, "`outputs` is not an object")),
    };
    if success {
        return Ok(Ok(outputs));
    }
    let unsaid = StepError::new(ErrorKind::Internal, "the node failed without saying why");
    match map.remove("error") {
        Some(Value::Object(error)) => Ok(Err(step_error(error, unsaid))),
        Some(Value::String(message)) => Ok(Err(StepError::new(ErrorKind::User, message))),
        None | Some(Value::Null) => Ok(Err(unsaid)),
        Some(_) => Err(bad(EXECUTE, "`error` is not an object")),
    }
}
