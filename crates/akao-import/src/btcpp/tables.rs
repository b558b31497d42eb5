//! Which nodes and attributes BehaviorTree.CPP 4 defines itself.

use super::document::Element;

/// The nodes of the library and their ports. `SubTree` takes any port.
const STANDARD: [(&str, &[&str]); 42] = [
    ("Sequence", &[]),
    ("SequenceWithMemory", &[]),
    ("SequenceStar", &[]),
    ("AsyncSequence", &[]),
    ("Fallback", &[]),
    ("AsyncFallback", &[]),
    ("ReactiveSequence", &[]),
    ("ReactiveFallback", &[]),
    ("Parallel", &["success_count", "failure_count"]),
    ("ParallelAll", &["max_failures"]),
    ("IfThenElse", &[]),
    ("WhileDoElse", &[]),
    ("Switch2", &["variable", "case_1", "case_2"]),
    ("Switch3", &["variable", "case_1", "case_2", "case_3"]),
    ("Switch4", &["variable", "case_1", "case_2", "case_3", "case_4"]),
    ("Switch5", &["variable", "case_1", "case_2", "case_3", "case_4", "case_5"]),
    ("Switch6", &["variable", "case_1", "case_2", "case_3", "case_4", "case_5", "case_6"]),
    ("TryCatch", &["catch_on_halt"]),
    ("ManualSelector", &["repeat_last_selection"]),
    ("Inverter", &[]),
    ("RetryUntilSuccessful", &["num_attempts"]),
    ("RetryUntilSuccesful", &["num_attempts"]),
    ("Repeat", &["num_cycles"]),
    ("Timeout", &["msec"]),
    ("Delay", &["delay_msec"]),
    ("ForceSuccess", &[]),
    ("ForceFailure", &[]),
    ("KeepRunningUntilFailure", &[]),
    ("RunOnce", &["then_skip"]),
    ("Precondition", &["if", "else"]),
    ("LoopInt", LOOP),
    ("LoopBool", LOOP),
    ("LoopDouble", LOOP),
    ("LoopString", LOOP),
    ("SkipUnlessUpdated", &["entry"]),
    ("WaitValueUpdate", &["entry"]),
    ("AlwaysSuccess", &[]),
    ("AlwaysFailure", &[]),
    ("Sleep", &["msec"]),
    ("Script", &["code"]),
    ("ScriptCondition", &["code"]),
    ("SetBlackboard", &["value", "output_key"]),
];

const LOOP: &[&str] = &["queue", "value", "if_empty"];

/// Leaves that read or forget single entries.
const ENTRY_LEAVES: [(&str, &[&str]); 2] = [("UnsetBlackboard", &["key"]), ("WasEntryUpdated", &["entry"])];

/// Attributes that any node may carry and that hold scripts.
const SCRIPT_ATTRIBUTES: [&str; 8] =
    ["_failureIf", "_successIf", "_skipIf", "_while", "_onHalted", "_onFailure", "_onSuccess", "_post"];

/// Tags of the explicit form, where `ID` names the node.
const EXPLICIT: [&str; 4] = ["Action", "Condition", "Control", "Decorator"];

/// The node type of an element, in the compact or in the explicit form.
pub(super) fn kind(element: &Element) -> &str {
    match element.attribute("ID") {
        Some(id) if EXPLICIT.contains(&element.tag.as_str()) => id,
        _ => &element.tag,
    }
}

/// Whether an element names its type in the attribute `ID`.
pub(super) fn is_explicit(element: &Element) -> bool {
    EXPLICIT.contains(&element.tag.as_str())
}

/// Whether this is a call of another tree.
pub(super) fn is_subtree(kind: &str) -> bool {
    kind == "SubTree" || kind == "SubTreePlus"
}

/// The ports of a node of the library; `None` for a node that the application registers.
pub(super) fn attributes(kind: &str) -> Option<&'static [&'static str]> {
    STANDARD.iter().chain(&ENTRY_LEAVES).find(|(name, _)| *name == kind).map(|(_, attributes)| *attributes)
}

/// Whether an attribute holds a script.
pub(super) fn is_script(kind: &str, attribute: &str) -> bool {
    SCRIPT_ATTRIBUTES.contains(&attribute)
        || matches!((kind, attribute), ("Script" | "ScriptCondition", "code") | ("Precondition", "if"))
}

/// Whether an attribute names a key that the node writes.
pub(super) fn names_written_key(kind: &str, attribute: &str) -> bool {
    matches!((kind, attribute), ("SetBlackboard", "output_key") | ("UnsetBlackboard", "key"))
}
