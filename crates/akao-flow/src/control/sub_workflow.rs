//! `SubWorkflow`: starts another workflow as an execution of its own.
//!
//! - `workflow`: the file of the other workflow, relative to this one; its content is pinned when the execution starts.
//!   `inputs`: its input.
//! - `wait: true` (default): ends when the child execution ends: success with its outputs, failure with its error, skipped
//!   when it was skipped. `outputKey` stores the outputs.
//! - `wait: false`: succeeds at once.
//! - Outputs: `outputs` (what the child gave) and `execution` (its id).
//! - Halt: the child execution is cancelled, and the node ends when it has ended. A child that is not waited for goes on.

use super::{
    ControlProps, State,
    declare::{declare, output_key, with_outputs},
    props,
    wait_for_signal::Wait,
};
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{Command, End, Failure, FrameIndex, OpKind, Run, StartChild},
};
use akao_contract::{Category, ErrorKind, ExecutionId, ExecutionStatus, NodeType, OpId, StepError};
use serde_json::{Map, Value, json};

/// What the example starts.
const DOUBLE: &str = "\
akao: 1
id: double
version: 1.0.0
inputs: { n: { type: number, required: true } }
outputs: { doubled: \"${doubled}\" }
root: { type: MathOp, props: { expression: \"${input.n} * 2\", outputKey: doubled } }
";

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: sub-workflow-example\nversion: 1.0.0\noutputs: { doubled: \"${child.doubled}\" }\nroot:\n  type: SubWorkflow\n  props: { workflow: ./double.yaml, inputs: { n: 21 }, outputKey: child }\n";
    let properties = json!({
        "workflow": { "type": "string", "minLength": 1, "description": "File of the other workflow, relative to this one." },
        "inputs": { "type": "object", "default": {}, "description": "Its input." },
        "wait": { "type": "boolean", "default": true, "description": "Whether to wait for its end." },
        "outputKey": output_key(),
    });
    let mut node_type = declare(
        include_str!("sub_workflow.rs"),
        Category::Composite,
        properties,
        (0, Some(0)),
        example,
        json!({"doubled": 42}),
    );
    node_type.props["required"] = json!(["workflow"]);
    node_type.examples = node_type.examples.into_iter().map(|one| one.with_file("double.yaml", DOUBLE)).collect();
    let outputs = json!({
        "outputs": { "type": "object", "description": "What the child gave." },
        "execution": { "type": "string", "description": "The child's id." },
    });
    with_outputs(node_type, outputs)
}

/// Which workflow, and the props read at the start.
#[derive(Debug)]
pub(crate) struct Plan {
    props: ControlProps,
}

pub(super) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    Ok(Plan { props: lowering.props(definition)? })
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let read = plan.props.read(run, frame).and_then(|props| {
        let workflow = props::text(&props, "workflow")?.unwrap_or_default().to_owned();
        let input = props.get("inputs").cloned().unwrap_or_else(|| json!({}));
        let output_key = props::text(&props, "outputKey")?.map(str::to_owned);
        Ok((workflow, input, props::flag(&props, "wait", true)?, output_key))
    });
    let (workflow, input, wait, output_key) = match read {
        Ok(read) => read,
        Err(error) => return run.fail(frame, error),
    };
    let child = run.child_execution_id();
    let op = OpId(run.next_op());
    let start = Box::new(StartChild { op, child, workflow, input, wait });
    if !wait {
        run.skip_op();
        run.command(Command::StartChild(start));
        let mut outputs = Map::new();
        outputs.insert("execution".into(), child.to_string().into());
        return run.end_with(frame, End::SUCCESS, outputs, None);
    }
    *run.state_of(frame) = State::Wait(Box::new(Wait { timer: None, output_key }));
    run.open_op(frame, OpKind::Child(start.clone()));
    run.frame_mut(frame).op = Some(op);
    run.note_waiting(frame, &format!("child {child}"), None);
    run.command(Command::StartChild(start));
}

/// The child execution has ended.
pub(crate) fn child_finished(
    run: &mut Run<'_>,
    frame: FrameIndex,
    status: ExecutionStatus,
    outputs: Map<String, Value>,
    error: Option<StepError>,
) {
    let output_key = match run.state_of(frame) {
        State::Wait(wait) => wait.output_key.clone(),
        _ => None,
    };
    let outputs = Value::Object(outputs);
    if let (Some(key), ExecutionStatus::Success) = (output_key, status) {
        let scope = run.frame(frame).scope;
        run.write(scope, &key, outputs.clone());
    }
    let mut own = Map::new();
    own.insert("outputs".into(), outputs);
    let end = match status {
        ExecutionStatus::Success => End::SUCCESS,
        ExecutionStatus::Skipped => End::SKIPPED,
        _ => {
            let error = error.unwrap_or_else(|| {
                StepError::new(ErrorKind::Cancelled, format!("the child execution ended as {status}"))
            });
            End::failed(Box::new(Failure { error, step: run.address(frame) }))
        }
    };
    run.end_with(frame, end, own, None);
}

/// A halt reached the node: the child execution is asked to end; its end ends the node.
pub(super) fn halted(run: &mut Run<'_>, frame: FrameIndex) {
    match run.frame(frame).op {
        Some(op) => run.cancel_op(op),
        None => run.end(frame, End::CANCELLED),
    }
}

impl Run<'_> {
    /// The id of the child that the next operation starts: the same on every replay.
    fn child_execution_id(&self) -> ExecutionId {
        let mut seed = self.state.execution.to_bytes().to_vec();
        seed.extend_from_slice(&self.next_op().to_be_bytes());
        let random = xxhash_rust::xxh3::xxh3_128(&seed) & ((1 << 80) - 1);
        ExecutionId::from_parts(u64::try_from(self.now_ms).unwrap_or_default(), random)
    }
}
