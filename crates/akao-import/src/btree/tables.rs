//! The btree family's node types: other names, other spellings of props, and which props exist.

/// Other names of standard nodes.
const TYPE_ALIASES: [(&str, &str); 7] = [
    ("Fallback", "Selector"),
    ("ReactiveFallback", "ReactiveSelector"),
    ("SequenceWithMemory", "MemorySequence"),
    ("Inverter", "Invert"),
    ("AlwaysSuccess", "SuccessNode"),
    ("AlwaysFailure", "FailureNode"),
    ("Wait", "WaitAction"),
];

/// What one node type of the family takes: our props, and other spellings with what they stand for.
pub(super) struct Spec {
    pub(super) props: &'static [&'static str],
    pub(super) spellings: &'static [(&'static str, &'static str)],
}

type Row = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const SPECS: [Row; 40] = [
    ("Sequence", &[], &[]),
    ("Selector", &[], &[]),
    (
        "Parallel",
        &["strategy", "successThreshold", "failureThreshold", "haltOnDecided", "limit"],
        &[("policy", "strategy"), ("success_threshold", "successThreshold"), ("failure_threshold", "failureThreshold")],
    ),
    ("Conditional", &[], &[]),
    (
        "ForEach",
        &["collectionKey", "items", "itemKey", "indexKey", "limit", "onFailure", "collect", "outputKey"],
        &[("collection", "collectionKey"), ("item", "itemKey"), ("index", "indexKey")],
    ),
    ("While", &["maxIterations"], &[("max", "maxIterations"), ("max_iterations", "maxIterations")]),
    ("Recovery", &[], &[]),
    ("ReactiveSequence", &[], &[]),
    ("ReactiveSelector", &[], &[]),
    ("MemorySequence", &[], &[]),
    ("SubTree", &["treeId", "inputs", "outputs", "isolated"], &[("tree", "treeId"), ("tree_id", "treeId")]),
    (
        "Timeout",
        &["timeoutMs", "duration"],
        &[("ms", "timeoutMs"), ("timeout", "timeoutMs"), ("timeout_ms", "timeoutMs")],
    ),
    ("Delay", &["delayMs", "duration"], &[("ms", "delayMs"), ("delay", "delayMs"), ("delay_ms", "delayMs")]),
    ("Repeat", &["numCycles"], &[("times", "numCycles"), ("cycles", "numCycles"), ("num_cycles", "numCycles")]),
    (
        "Retry",
        &["attempts", "delayMs", "delay", "backoff", "factor", "maxDelayMs", "maxDelay", "on"],
        &[("maxAttempts", "attempts"), ("times", "attempts"), ("ms", "delayMs")],
    ),
    ("Invert", &[], &[]),
    ("ForceSuccess", &[], &[]),
    ("ForceFailure", &[], &[]),
    ("RunOnce", &["thenSkip"], &[]),
    ("KeepRunningUntilFailure", &["result"], &[]),
    ("Precondition", &["if", "else"], &[]),
    ("SoftAssert", &[], &[]),
    ("StreamingSink", &["channelId", "channelKey"], &[]),
    ("PrintAction", &["message", "outputKey"], &[]),
    ("MockAction", &["returnStatus", "ticksBeforeComplete", "tickMs"], &[]),
    ("SuccessNode", &[], &[]),
    ("FailureNode", &["message"], &[]),
    ("RunningNode", &[], &[]),
    ("CounterAction", &["counterKey", "increment"], &[]),
    ("CheckCondition", &["key", "operator", "value", "range"], &[]),
    ("AlwaysCondition", &["returnStatus"], &[]),
    ("WaitAction", &["waitMs", "duration", "until"], &[("ms", "waitMs"), ("wait_ms", "waitMs")]),
    ("Script", &["textContent", "params", "outputKey"], &[("script", "textContent"), ("code", "textContent")]),
    ("LogMessage", &["message", "level"], &[]),
    ("RegexExtract", &["input", "pattern", "outputKey", "flags", "matchIndex", "group"], &[]),
    ("SetVariable", &["key", "value"], &[]),
    ("MathOp", &["expression", "outputKey", "round", "precision"], &[]),
    ("ArrayFilter", &["input", "outputKey", "conditions", "logic"], &[]),
    ("WaitForSignal", &["signalName", "signalKey", "timeoutMs", "outputKey"], &[("ms", "timeoutMs")]),
    (
        "HumanTask",
        &["title", "description", "form", "a2ui", "assignee", "assigneeRole", "timeoutMs", "onTimeout", "outputKey"],
        &[("ms", "timeoutMs")],
    ),
];

/// Standard nodes whose props are passed on as they are: the family does not have them, or spells them as we do.
const PASSED_ON: [&str; 31] = [
    "Switch",
    "Graph",
    "Race",
    "SubWorkflow",
    "Breakpoint",
    "Aggregate",
    "ThresholdCheck",
    "DataTransform",
    "Template",
    "JsonPath",
    "HttpRequest",
    "ParseFile",
    "GenerateFile",
    "FileScanner",
    "YamlProcessor",
    "LogicExecutor",
    "Reporter",
    "Email",
    "SqlQuery",
    "LLMChat",
    "LLMToolCall",
    "ToolExecutor",
    "ToolRouter",
    "PythonInterpreter",
    "JavaScriptInterpreter",
    "ShellCommand",
    "CapabilityCall",
    "McpTool",
    "AgentRun",
    "SendSlackMessage",
    "CreateJiraTicket",
];

/// Nodes of the family that have no counterpart, with the reason.
const ABSENT: [(&str, &str); 5] = [
    ("IntegrationAction", "Activepieces pieces are not run; use HttpRequest or a package node"),
    ("GitHubAction", "there is no GitHub node; use HttpRequest with the operation's URL"),
    ("ClaudeAgent", "there is no such agent node; use AgentRun or LLMToolCall"),
    ("BrowserAgent", "there is no such agent node; use AgentRun or a runner with a browser"),
    ("ResumePoint", "a run is resumed from any step; no marker is needed"),
];

/// Props that hold the name of a blackboard key, with whether the node writes it.
const KEY_PROPS: [(&str, bool); 14] = [
    ("outputKey", true),
    ("counterKey", true),
    ("itemKey", true),
    ("indexKey", true),
    ("resultKey", true),
    ("key", true),
    ("collectionKey", false),
    ("channelKey", false),
    ("signalKey", false),
    ("messagesKey", true),
    ("userMessageKey", false),
    ("toolsKey", false),
    ("responseKey", false),
    ("intentKey", false),
];

/// Props that are never templates.
const LITERAL_PROPS: [&str; 6] = ["textContent", "script", "code", "pattern", "query", "template"];

/// The canonical name of a node type.
pub(super) fn canonical(node_type: &str) -> &str {
    TYPE_ALIASES.iter().find(|(alias, _)| *alias == node_type).map_or(node_type, |(_, canonical)| canonical)
}

/// What a node type takes; `None` when its props are not known here.
pub(super) fn spec(node_type: &str) -> Option<Spec> {
    let (_, props, spellings) = SPECS.iter().find(|(name, ..)| *name == node_type)?;
    Some(Spec { props, spellings })
}

/// Whether a type is a standard node.
pub(super) fn is_standard(node_type: &str) -> bool {
    SPECS.iter().any(|(name, ..)| *name == node_type) || PASSED_ON.contains(&node_type)
}

/// Why a type of the family has no counterpart.
pub(super) fn absent(node_type: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(name, _)| *name == node_type).map(|(_, reason)| *reason)
}

/// Whether a prop holds a key.
pub(super) fn is_key(prop: &str) -> bool {
    KEY_PROPS.iter().any(|(name, _)| *name == prop)
}

/// Whether a prop holds a key that the node writes.
pub(super) fn is_written_key(node_type: &str, prop: &str) -> bool {
    node_type != "CheckCondition" && KEY_PROPS.iter().any(|(name, written)| *name == prop && *written)
}

/// Whether a prop is never a template.
pub(super) fn is_literal(prop: &str) -> bool {
    LITERAL_PROPS.contains(&prop)
}
