//! What bundles and inline JavaScript reach through the host: HTTP where it was granted, and activities of the btree family,
//! which are nodes of Akao. Nothing is open without a grant; what a server's tenants were granted leads to public addresses alone.

use akao_contract::{ErrorKind, Invocation, OutcomeStatus, Permission, StepContext, StepError, Tenant};
use akao_host::{CheckedEgress, EgressOptions};
use akao_step::{
    BoxFuture, CancellationToken, Egress, EgressError, HttpAnswer, HttpCall, StepEvents, StepIo, StepRunner,
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, Weak},
};

/// See the module.
pub(crate) struct Outside {
    own: CheckedEgress,
    others: CheckedEgress,
    /// Who runs activities, once there is an engine. Not kept alive by this: it holds whoever asks.
    steps: OnceLock<Weak<dyn StepRunner>>,
}

/// Activities with what does the same in a workflow, where a node cannot have it done.
const ELSEWHERE: [(&str, &str); 14] = [
    ("executePieceAction", "an HttpRequest node, or a node of the service"),
    ("parseFile", "a ParseFile node before this one"),
    ("generateFile", "a GenerateFile node after this one"),
    ("uploadFile", "a GenerateFile node with a volume"),
    ("downloadFile", "a ParseFile or HttpRequest node"),
    ("deleteFile", "a node that was granted the volume"),
    ("fileExists", "a FileScanner node"),
    ("createApproval", "a HumanTask node"),
    ("waitForApproval", "a HumanTask node"),
    ("agentLoopTurn", "a chat node in a loop of the workflow"),
    ("executeAgentTool", "the tool's own node"),
    ("waitForSignal", "a WaitForSignal node"),
    ("executeLLMChat", "OpenAIChat or AnthropicChat of nodes/standard"),
    ("streamingSink", "`context.progress`"),
];

impl Outside {
    /// Nothing is connected yet.
    pub(crate) fn new() -> Self {
        let options = |public_only| EgressOptions { public_web: false, public_only, ..EgressOptions::default() };
        let (own, others) = (CheckedEgress::new(options(false)), CheckedEgress::new(options(true)));
        Self { own, others, steps: OnceLock::new() }
    }

    /// Sets who runs activities.
    pub(crate) fn set_steps(&self, steps: &Arc<dyn StepRunner>) {
        // There is one engine in a process.
        let _ = self.steps.set(Arc::downgrade(steps));
    }
}

impl akao_runtime::Outside for Outside {
    fn http<'a>(
        &'a self,
        tenant: &'a Tenant,
        grants: &'a [Permission],
        call: HttpCall,
    ) -> BoxFuture<'a, Result<HttpAnswer, EgressError>> {
        let egress = if *tenant == Tenant::local() { &self.own } else { &self.others };
        egress.http(grants, call)
    }

    fn activity<'a>(
        &'a self,
        tenant: &'a Tenant,
        grants: &'a [Permission],
        name: &'a str,
        arguments: Vec<Value>,
    ) -> BoxFuture<'a, Result<Value, StepError>> {
        Box::pin(async move {
            let given = arguments.into_iter().next().unwrap_or_default();
            let (node_type, props) = step_of(name, &given)?;
            let steps = self.steps.get().and_then(Weak::upgrade);
            let steps = steps.ok_or_else(|| {
                StepError::new(ErrorKind::Internal, format!("the activity `{name}` cannot be run here"))
            })?;
            let invocation = Invocation {
                context: StepContext {
                    grants: Arc::new(grants.to_vec()),
                    ..StepContext::apart(tenant, "activity", name)
                },
                node_type: node_type.into(),
                input: None,
                props,
                blackboard: BTreeMap::new(),
            };
            let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
            let outcome = steps.run(invocation, io).await;
            match (outcome.status, outcome.error) {
                (OutcomeStatus::Success, _) => Ok(outcome.outputs.get("result").cloned().unwrap_or_default()),
                (_, Some(error)) => Err(error),
                _ => Err(StepError::new(ErrorKind::Cancelled, format!("the activity `{name}` was ended"))),
            }
        })
    }
}

/// The node that does what an activity is asked for, and its props.
fn step_of(name: &str, given: &Value) -> Result<(&'static str, Map<String, Value>), StepError> {
    let node_type = match (name, given["language"].as_str()) {
        ("executePythonScript", _) | ("executeCode", Some("python")) => "PythonInterpreter",
        ("executeCode", None | Some("javascript")) => "JavaScriptInterpreter",
        ("executeCode", Some(other)) => {
            let other = akao_contract::shortened(other.to_owned(), 80);
            return Err(StepError::new(ErrorKind::Input, format!("executeCode has no language `{other}`")));
        }
        _ => return Err(no_activity(name)),
    };
    let code = given["code"].as_str().ok_or_else(|| {
        StepError::new(ErrorKind::Input, format!("the activity `{name}` takes {{ code, inputs, timeout }}"))
    })?;
    let inputs = [&given["inputs"], &given["input"]].into_iter().find(|inputs| inputs.is_object());
    let mut props = Map::new();
    props.insert("script".to_owned(), code.into());
    props.insert("inputs".to_owned(), inputs.cloned().unwrap_or_else(|| Value::Object(Map::new())));
    // There it is a number of milliseconds, here one of seconds; with a unit it is the same.
    match &given["timeout"] {
        Value::Number(ms) => drop(props.insert("timeout".to_owned(), format!("{ms}ms").into())),
        Value::String(text) => drop(props.insert("timeout".to_owned(), text.as_str().into())),
        _ => {}
    }
    Ok((node_type, props))
}

fn no_activity(name: &str) -> StepError {
    let shown = akao_contract::shortened(name.to_owned(), 80);
    let error = StepError::new(ErrorKind::NotFound, format!("there is no activity `{shown}` in Akao"))
        .with_detail("reason", "no_activity");
    match ELSEWHERE.iter().find(|(known, _)| *known == name) {
        Some((_, instead)) => error.with_suggestion(format!("Use {instead}.")),
        None => error.with_suggestion("docs/custom-nodes.md lists the activities that there are."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn activities_become_steps_or_say_what_does_the_same() {
        let (node, props) = step_of("executeCode", &json!({"code": "1", "input": {"a": 1}, "timeout": 500})).unwrap();
        assert_eq!(
            (node, &props["inputs"], &props["timeout"]),
            ("JavaScriptInterpreter", &json!({"a": 1}), &json!("500ms"))
        );
        assert_eq!(step_of("executePythonScript", &json!({"code": "1"})).unwrap().0, "PythonInterpreter");
        for (name, told) in [("waitForSignal", "WaitForSignal"), ("nothingLikeIt", "docs/custom-nodes.md")] {
            let error = step_of(name, &Value::Null).unwrap_err();
            assert!(
                error.message.contains(name) && error.suggestion().is_some_and(|text| text.contains(told)),
                "{error:?}"
            );
        }
        assert_eq!(step_of("executeCode", &json!({"language": "ruby"})).unwrap_err().kind, ErrorKind::Input);
    }
}
