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
const ELSEWHERE: [(&str, &str); 12] = [
    ("executePieceAction", "an HttpRequest node, or a node of the service"),
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
            let Step { node_type, props, output } = step_of(name, &given)?;
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
                props,
                blackboard: BTreeMap::new(),
                input: None,
            };
            let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
            let outcome = steps.run(invocation, io).await;
            match (outcome.status, outcome.error) {
                (OutcomeStatus::Success, _) => Ok(outcome.outputs.get(output).cloned().unwrap_or_default()),
                (_, Some(error)) => Err(error),
                _ => Err(StepError::new(ErrorKind::Cancelled, format!("the activity `{name}` was ended"))),
            }
        })
    }
}

/// The node that does what an activity is asked for, its props, and the output that is the activity's answer.
struct Step {
    node_type: &'static str,
    props: Map<String, Value>,
    output: &'static str,
}

fn step_of(name: &str, given: &Value) -> Result<Step, StepError> {
    let language = given["language"].as_str().unwrap_or("javascript");
    match (name, language) {
        ("executePythonScript", _) | ("executeCode", "python") => code_step(name, "PythonInterpreter", given),
        ("executeCode", "javascript") => code_step(name, "JavaScriptInterpreter", given),
        ("executeCode", other) => {
            let other = akao_contract::shortened(other.to_owned(), 80);
            Err(StepError::new(ErrorKind::Input, format!("executeCode has no language `{other}`")))
        }
        ("parseFile", _) => {
            if given["file"].is_string() {
                return Err(no_files(name, "Give the text as `content`, or what `generateFile` gave as `blob`."));
            }
            let taken = ["file", "content", "format", "sheetName", "columnMapping", "options"];
            Ok(Step { node_type: "ParseFile", props: picked(given, &taken), output: "data" })
        }
        ("generateFile", _) => {
            if given["storage"] == "persistent" {
                return Err(no_files(name, "Leave `storage` out: the file is kept as a blob."));
            }
            let mut props = picked(given, &["format", "data", "columns", "filename"]);
            props.insert("storage".to_owned(), "temp".into());
            Ok(Step { node_type: "GenerateFile", props, output: "file" })
        }
        _ => Err(no_activity(name)),
    }
}

/// What of an activity's argument its node takes; what is null there was left out.
fn picked(given: &Value, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|name| Some(((*name).to_owned(), given.get(name)?.clone())));
    given.filter(|(_, value)| !value.is_null()).collect()
}

fn no_files(name: &str, instead: &str) -> StepError {
    StepError::new(ErrorKind::Permission, format!("the activity `{name}` sees no files of volumes"))
        .with_suggestion(instead)
}

/// Code in an interpreter: with `inputs`, what the script gives; with a `blackboard` as in the btree family, that as well.
fn code_step(name: &str, node_type: &'static str, given: &Value) -> Result<Step, StepError> {
    let code = given["code"].as_str().ok_or_else(|| {
        StepError::new(
            ErrorKind::Input,
            format!("the activity `{name}` takes {{ code, inputs, timeout }} or {{ code, blackboard, input }}"),
        )
    })?;
    let object = |value: &Value| value.is_object().then(|| value.clone());
    let inside = |key: &str| object(&given[key]).or_else(|| object(&given["context"][key]));
    let none = || Value::Object(Map::new());
    let (script, inputs) = match inside("blackboard") {
        Some(board) => {
            let seen = serde_json::json!({"bb": board, "input": inside("input").unwrap_or_else(none)});
            (on_a_blackboard(node_type, code), seen)
        }
        None => (code.to_owned(), object(&given["inputs"]).or_else(|| inside("input")).unwrap_or_else(none)),
    };
    let mut props = Map::new();
    props.insert("script".to_owned(), script.into());
    props.insert("inputs".to_owned(), inputs);
    // There it is a number of milliseconds, here one of seconds; with a unit it is the same.
    match &given["timeout"] {
        Value::Number(ms) => drop(props.insert("timeout".to_owned(), format!("{ms}ms").into())),
        Value::String(text) => drop(props.insert("timeout".to_owned(), text.as_str().into())),
        _ => {}
    }
    Ok(Step { node_type, props, output: "result" })
}

/// Code of the btree family: it changes `bb`, or does so by `setBB`, and may give a result besides. Its lines stay where they
/// are, as far as they can: Python has no line on which anything may follow.
fn on_a_blackboard(node_type: &str, code: &str) -> String {
    if node_type == "JavaScriptInterpreter" {
        let names = "const getBB = (key) => bb[key], setBB = (key, value) => { bb[key] = value; }, getInput = (key) => input[key];";
        return format!(
            "{names} return {{ result: await (async () => {{ {code}\n}})() ?? result ?? null, blackboard: bb }};"
        );
    }
    let calls = ["getBB", "setBB", "getInput"].iter().any(|name| code.contains(name));
    let names = if calls { "getBB = bb.get; setBB = bb.__setitem__; getInput = input.get\n" } else { "" };
    // An empty first line, as texts between backticks have it, is one that may be used.
    let code = if calls { code.strip_prefix('\n').unwrap_or(code) } else { code };
    format!("{names}{code}\nresult = {{'result': globals().get('result'), 'blackboard': bb}}\n")
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
        let step = |name: &str, given: Value| step_of(name, &given).map_err(|error| error.message);
        let one = step("executeCode", json!({"code": "1", "input": {"a": 1}, "timeout": 500})).unwrap();
        assert_eq!(
            (one.node_type, &one.props["inputs"], &one.props["timeout"]),
            ("JavaScriptInterpreter", &json!({"a": 1}), &json!("500ms"))
        );
        assert_eq!(step("executePythonScript", json!({"code": "1"})).unwrap().node_type, "PythonInterpreter");
        let parsed = step("parseFile", json!({"content": "a", "format": null, "other": 1})).unwrap();
        assert_eq!((parsed.node_type, json!(parsed.props)), ("ParseFile", json!({"content": "a"})));
        let made = step("generateFile", json!({"format": "csv", "data": [], "filename": "a.csv"})).unwrap();
        assert_eq!((made.output, &made.props["storage"]), ("file", &json!("temp")));
        for (name, given) in
            [("parseFile", json!({"file": "a.csv"})), ("generateFile", json!({"storage": "persistent"}))]
        {
            let told = step(name, given).err();
            assert!(told.as_ref().is_some_and(|told| told.contains("sees no files")), "{name}: {told:?}");
        }
        for (name, told) in [("waitForSignal", "WaitForSignal"), ("nothingLikeIt", "docs/custom-nodes.md")] {
            let error = step_of(name, &Value::Null).err().expect("it is refused");
            assert!(
                error.message.contains(name) && error.suggestion().is_some_and(|text| text.contains(told)),
                "{error:?}"
            );
        }
        let other = step_of("executeCode", &json!({"language": "ruby"})).err();
        assert_eq!(other.map(|error| error.kind), Some(ErrorKind::Input));
    }
}
