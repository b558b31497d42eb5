//! The workflows of the kill loop, and what each has to end with whatever was killed in between.

use serde_json::{Value, json};
use std::{fs, path::Path};

/// What an execution of a shape must end as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// With success and the outputs of [`outputs`].
    Success,
    /// As [`Expected::Success`], or with a failure because a step that may not run twice was cut off.
    SuccessOrUnknown,
    /// With success and the tokens of the signals that were sent.
    Signals,
    /// Cancelled: it does not end by itself.
    Cancelled,
}

/// A workflow file.
pub(crate) struct Shape {
    pub(crate) id: &'static str,
    pub(crate) expected: Expected,
    /// How often it is chosen, compared with the others.
    pub(crate) weight: u64,
    text: &'static str,
}

/// Elements of the list that is larger than what the journal holds itself.
const LARGE_LIST: u64 = 4_000;

/// The signals that the shape `signals` waits for, in this order.
pub(crate) const SIGNALS: [&str; 2] = ["first", "second"];

/// Attempts that the other side refuses of each step of the shape `flaky`.
pub(crate) const FLAKY_REFUSALS: usize = 2;

/// Attempts that a step of the shape `flaky` has.
pub(crate) const FLAKY_ATTEMPTS: usize = 4;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        id: "chain",
        expected: Expected::Success,
        weight: 4,
        text: r#"akao: 1
id: chain
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { sum: "${sum}" }
root:
  type: Sequence
  children:
    - { type: MathOp, props: { expression: "${input.n} + 1", outputKey: sum } }
    - { type: MockAction, props: { ticksBeforeComplete: 3, tickMs: 4 } }
    - { type: MathOp, props: { expression: "${sum} + 1", outputKey: sum } }
    - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 15 } }
    - { type: MathOp, props: { expression: "${sum} + 1", outputKey: sum } }
    - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 1 } }
    - { type: MathOp, props: { expression: "${sum} + 1", outputKey: sum } }
"#,
    },
    Shape {
        id: "fan",
        expected: Expected::Success,
        weight: 3,
        text: r#"akao: 1
id: fan
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { squares: "${squares}" }
root:
  type: ForEach
  props:
    items: ["${input.n}", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    limit: 4
    collect: "${steps.square.outputs.result}"
    outputKey: squares
  children:
    - type: Sequence
      children:
        - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 5 } }
        - { type: MathOp, id: square, props: { expression: "${item} * ${item}" } }
"#,
    },
    Shape {
        id: "parallel",
        expected: Expected::Success,
        weight: 3,
        text: r#"akao: 1
id: parallel
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { a: "${a}", b: "${b}", c: "${c}" }
root:
  type: Parallel
  children:
    - type: Sequence
      children:
        - { type: WaitAction, props: { waitMs: 25 } }
        - { type: SetVariable, props: { key: a, value: "${input.n}" } }
    - type: Sequence
      children:
        - { type: MockAction, props: { ticksBeforeComplete: 4, tickMs: 8 } }
        - { type: MathOp, props: { expression: "${input.n} * 2", outputKey: b } }
    - type: Race
      children:
        - type: Sequence
          children:
            - { type: WaitAction, props: { waitMs: 10 } }
            - { type: SetVariable, props: { key: c, value: quick } }
        - { type: MockAction, props: { returnStatus: RUNNING } }
"#,
    },
    Shape {
        id: "retry",
        expected: Expected::Success,
        weight: 3,
        text: r#"akao: 1
id: retry
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { n: "${input.n}", tries: "${tries}" }
root:
  type: Retry
  props: { attempts: 5, delayMs: 15 }
  children:
    - type: Sequence
      children:
        - { type: CounterAction, props: { counterKey: tries } }
        - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 5 } }
        - { type: CheckCondition, props: { key: tries, operator: ">=", value: 3 } }
"#,
    },
    Shape {
        id: "timers",
        expected: Expected::Success,
        weight: 3,
        text: r#"akao: 1
id: timers
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { n: "${input.n}", late: "${late}", done: "${done}" }
root:
  type: Sequence
  children:
    - { type: WaitAction, props: { waitMs: 60 } }
    - type: Selector
      children:
        - type: Timeout
          props: { timeoutMs: 30 }
          children:
            - { type: WaitForSignal, props: { signalName: never } }
        - { type: SetVariable, props: { key: late, value: true } }
    - type: Delay
      props: { delayMs: 150 }
      children:
        - { type: SetVariable, props: { key: done, value: true } }
"#,
    },
    Shape {
        id: "signals",
        expected: Expected::Signals,
        weight: 5,
        text: r#"akao: 1
id: signals
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { first: "${first}", second: "${second}" }
root:
  type: Sequence
  children:
    - { type: WaitForSignal, props: { signalName: first, outputKey: first } }
    - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 10 } }
    - { type: WaitForSignal, props: { signalName: second, outputKey: second } }
"#,
    },
    Shape {
        id: "parent",
        expected: Expected::Success,
        weight: 3,
        text: r#"akao: 1
id: parent
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { sum: "${sum}" }
root:
  type: Sequence
  children:
    - type: Parallel
      children:
        - { type: SubWorkflow, props: { workflow: ./child.yaml, inputs: { n: "${input.n}" }, outputKey: left } }
        - { type: SubWorkflow, props: { workflow: ./child.yaml, inputs: { n: 21 }, outputKey: right } }
    - { type: MathOp, props: { expression: "${left.doubled} + ${right.doubled}", outputKey: sum } }
"#,
    },
    Shape {
        id: "queued",
        expected: Expected::Success,
        weight: 2,
        text: r#"akao: 1
id: queued
version: 1.0.0
inputs: { n: { type: integer, required: true } }
outputs: { n: "${input.n}" }
settings: { concurrency: { key: "${input.n % 2}", limit: 1 } }
root: { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 20 } }
"#,
    },
    Shape {
        id: "large",
        expected: Expected::Success,
        weight: 1,
        text: r#"akao: 1
id: large
version: 1.0.0
inputs: { n: { type: integer, required: true }, list: { type: array, required: true } }
outputs: { n: "${input.n}", total: "${total.total}" }
root:
  type: Sequence
  children:
    - { type: SetVariable, props: { key: list, value: "${input.list}" } }
    - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 10 } }
    - { type: Aggregate, props: { input: list, operations: [{ type: sum, field: v, as: total }], outputKey: total } }
"#,
    },
    Shape {
        id: "once",
        expected: Expected::SuccessOrUnknown,
        weight: 4,
        text: r#"akao: 1
id: once
version: 1.0.0
inputs: { n: { type: integer, required: true }, port: { type: integer, required: true } }
outputs: { n: "${input.n}" }
root:
  type: Sequence
  children:
    - { type: GenerateFile, props: { format: json, data: { n: "${input.n}" }, filename: "out/${execution.id}.json" } }
    - { type: HttpRequest, props: { method: POST, url: "http://127.0.0.1:${input.port}/once/${execution.id}" } }
    - type: SqlQuery
      props:
        driver: sqlite
        file: effects.db
        query: "insert into effect (execution) values (?)"
        parameters: ["${execution.id}"]
"#,
    },
    Shape {
        id: "flaky",
        expected: Expected::SuccessOrUnknown,
        weight: 3,
        text: r#"akao: 1
id: flaky
version: 1.0.0
inputs: { n: { type: integer, required: true }, port: { type: integer, required: true } }
outputs: { n: "${input.n}" }
root:
  type: HttpRequest
  retry: { attempts: 4, delay: 30ms, factor: 1, on: [connection] }
  props: { method: POST, url: "http://127.0.0.1:${input.port}/flaky/${execution.id}" }
"#,
    },
    Shape {
        id: "endless",
        expected: Expected::Cancelled,
        weight: 2,
        text: r#"akao: 1
id: endless
version: 1.0.0
inputs: { n: { type: integer, required: true } }
root:
  type: Parallel
  children:
    - { type: WaitAction, props: { duration: 10h } }
    - { type: MockAction, props: { returnStatus: RUNNING } }
"#,
    },
];

/// The workflow that `parent` starts.
const CHILD: &str = r#"akao: 1
id: child
version: 1.0.0
inputs: { n: { type: number, required: true } }
outputs: { doubled: "${doubled}" }
root:
  type: Sequence
  children:
    - { type: MockAction, props: { ticksBeforeComplete: 2, tickMs: 12 } }
    - { type: MathOp, props: { expression: "${input.n} * 2", outputKey: doubled } }
"#;

/// Writes every file that the shapes need.
pub(crate) fn write_files(folder: &Path) {
    for shape in SHAPES {
        fs::write(folder.join(format!("{}.yaml", shape.id)), shape.text).expect("a workflow file");
    }
    fs::write(folder.join("child.yaml"), CHILD).expect("a workflow file");
    fs::create_dir(folder.join("out")).expect("a folder for generated files");
    let effects = rusqlite::Connection::open(folder.join("effects.db")).expect("a database for effects");
    effects.execute_batch("create table effect (execution text not null)").expect("its table");
}

/// The shape of a workflow id.
pub(crate) fn shape(id: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.id == id)
}

/// The input of the nth start.
pub(crate) fn input(shape: &Shape, n: u64, port: u16) -> Value {
    match shape.id {
        "once" | "flaky" => json!({"n": n, "port": port}),
        "large" => {
            let list: Vec<Value> = (0..LARGE_LIST).map(|v| json!({"v": v, "of": "a list of many"})).collect();
            json!({"n": n, "list": list})
        }
        _ => json!({"n": n}),
    }
}

/// The outputs of the nth start, where it succeeds by itself.
pub(crate) fn outputs(shape: &Shape, n: u64) -> Value {
    match shape.id {
        "chain" => json!({"sum": n + 4}),
        "fan" => json!({"squares": std::iter::once(n).chain(1..=11).map(|v| v * v).collect::<Vec<_>>()}),
        "parallel" => json!({"a": n, "b": n * 2, "c": "quick"}),
        "retry" => json!({"n": n, "tries": 3}),
        "timers" => json!({"n": n, "late": true, "done": true}),
        "parent" => json!({"sum": n * 2 + 42}),
        "large" => json!({"n": n, "total": LARGE_LIST * (LARGE_LIST - 1) / 2}),
        _ => json!({"n": n}),
    }
}
