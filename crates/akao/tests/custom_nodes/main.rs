//! Custom nodes through the program, on the real kernel: from a file of TypeScript to a step, as root and as a user without
//! rights.

#[path = "../support/desk.rs"]
mod desk;
mod fetch;
mod hostile;
mod project;
mod s3;
mod standard;
mod standin;

use desk::{Desk, Said, users};
use serde_json::{Value, json};

/// A node as people write it against the btree family, with `NodeStatus` imported as a type alone.
pub(crate) const GREET: &str = "import { ActionNode } from '@wayfarer-ai/btree';
import type { NodeStatus, TemporalContext } from '@wayfarer-ai/btree';

enum Tone { Kind = 'kind', Short = 'short' }

export class Greet extends ActionNode {
  private who: string;
  constructor(config: any) {
    super(config);
    this.who = config.who;
  }

  protected async executeTick(context: TemporalContext): Promise<NodeStatus> {
    const tone: Tone = this.config.tone as Tone ?? Tone.Kind;
    this.log('greeting', this.who);
    if (this.who === 'nobody') {
      throw new RangeError('there is nobody');
    }
    context.blackboard.set('greeted', (context.blackboard.get('greeted') as number ?? 0) + 1);
    context.setResult(tone === Tone.Short ? `hi ${this.who}` : `hello ${this.who}`);
    return NodeStatus.SUCCESS;
  }
}
";

pub(crate) const GREET_SCHEMA: &str = "export default {
  type: 'object',
  properties: { who: { type: 'string', minLength: 2 }, tone: { enum: ['kind', 'short'] } },
  required: ['who'],
  additionalProperties: false,
};
";

/// A workflow of one node.
pub(crate) fn workflow(node: &str, props: &Value) -> String {
    let tree = json!({"type": node, "id": "it", "props": props});
    format!(
        "akao: 1\nid: w\nversion: 1.0.0\ninputs: {{ name: {{ type: string, default: Ada }} }}\n\
         outputs: {{ result: \"${{steps.it.outputs.result}}\" }}\nroot: {tree}\n"
    )
}

/// A node that is written and deployed.
pub(crate) fn deployed(desk: &Desk, name: &str, source: &str) {
    let name_of_file = format!("{}.ts", name.to_lowercase());
    desk.write(&name_of_file, source);
    let said = desk.akao(&["sdk", "deploy", &name_of_file, "--name", name]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// Runs one node.
pub(crate) fn run(desk: &Desk, node: &str, props: &Value, more: &[&str]) -> Said {
    desk.write("w.yaml", &workflow(node, props));
    let arguments: Vec<&str> = ["run", "w.yaml", "--json"].into_iter().chain(more.iter().copied()).collect();
    desk.akao(&arguments)
}

#[test]
fn a_file_of_typescript_becomes_a_step() {
    for user in users() {
        let desk = Desk::new(user);
        desk.write("src/greet.ts", GREET);
        desk.write("src/greet.schema.ts", GREET_SCHEMA);
        let deployed = desk.akao(&["sdk", "deploy", "--json"]);
        assert_eq!((deployed.code, &deployed.json()["name"]), (0, &json!("Greet")), "{deployed:?}");
        let ran = run(&desk, "Greet@1.0.0", &json!({"who": "${input.name}", "outputKey": "said"}), &[]);
        assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &json!("hello Ada")), "{ran:?}");
        let short = run(&desk, "Greet", &json!({"who": "Bob", "tone": "short"}), &[]);
        assert_eq!(short.json()["outputs"]["result"], "hi Bob", "without a version the newest: {short:?}");
        let again = desk.akao(&["sdk", "deploy", "--json"]).json();
        assert_eq!(again["new"], false, "the same content again changes nothing");
        desk.write("src/greet.ts", &GREET.replace("hello", "good day"));
        let taken = desk.akao(&["sdk", "deploy"]);
        assert!(taken.code == 2 && taken.err.contains("a version never changes"), "{taken:?}");
    }
}

#[test]
fn what_a_node_sets_is_on_the_blackboard_of_the_next_step() {
    let desk = Desk::new(users()[0]);
    deployed(&desk, "Greet", GREET);
    let greet = json!({"type": "Greet@1.0.0", "props": {"who": "Ada", "outputKey": "said"}});
    let tree = json!({"type": "Sequence", "children": [greet, greet, {"type": "SetVariable", "id": "last", "props": {"key": "all", "value": "${bb.greeted} ${bb.said}"}}]});
    desk.write(
        "w.yaml",
        &format!("akao: 1\nid: w\nversion: 1.0.0\noutputs: {{ all: \"${{bb.all}}\" }}\nroot: {tree}\n"),
    );
    let ran = desk.akao(&["run", "w.yaml", "--json"]);
    assert_eq!((ran.code, &ran.json()["outputs"]["all"]), (0, &json!("2 hello Ada")), "{ran:?}");
}

#[test]
fn a_node_sees_what_the_execution_was_started_with() {
    let desk = Desk::new(users()[0]);
    deployed(
        &desk,
        "Sees",
        "export default (props: any, { input }: any) => [input.name.slice(0, 3), input.name.length];\n",
    );
    let long = "x".repeat(100_000);
    desk.write("input.json", &json!({"name": long}).to_string());
    let ran = run(&desk, "Sees@1.0.0", &json!({}), &["--input", "@input.json"]);
    let seen = ran.json()["outputs"]["result"].clone();
    assert_eq!((ran.code, seen), (0, json!(["xxx", 100_000])), "also what is kept elsewhere: {ran:?}");
    let ran = run(&desk, "Sees@1.0.0", &json!({}), &[]);
    assert_eq!(ran.json()["outputs"]["result"], json!(["Ada", 3]), "with what is filled in: {ran:?}");
}

#[test]
fn failures_have_the_lines_of_the_typescript() {
    let desk = Desk::new(users()[0]);
    deployed(&desk, "Greet", GREET);
    let ran = run(&desk, "Greet@1.0.0", &json!({"who": "nobody"}), &[]);
    let error = &ran.json()["error"];
    let line = GREET.lines().position(|line| line.contains("throw new")).expect("the line") + 1;
    assert_eq!((ran.code, &error["detail"]["line"]), (1, &json!(line)), "{ran:?}");
    assert_eq!(
        (&error["detail"]["file"], &error["detail"]["reason"]),
        (&json!("greet.ts"), &json!("node_exception")),
        "{error:#}"
    );
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("RangeError: there is nobody") && message.contains(&format!("greet.ts:{line}:")),
        "{message}"
    );
}

#[test]
fn null_that_a_node_throws_is_a_failure_of_the_node() {
    let desk = Desk::new(users()[0]);
    let source = "export default async ({ how }: { how?: string }) => {\n  if (how === 'later')\n    await Promise.reject(null);\n  throw undefined;\n};\n";
    deployed(&desk, "Throws", source);
    for (props, thrown, line) in [(json!({"how": "later"}), "null", 3), (json!({}), "undefined", 4)] {
        let ran = run(&desk, "Throws@1.0.0", &props, &[]);
        let error = &ran.json()["error"];
        let told = (&error["kind"], &error["detail"]["reason"], &error["detail"]["file"], &error["detail"]["line"]);
        assert_eq!(told, (&json!("user"), &json!("node_exception"), &json!("throws.ts"), &json!(line)), "{ran:?}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("the node threw {thrown}")), "{message}");
    }
}

#[test]
fn what_does_not_compile_says_where() {
    let desk = Desk::new(users()[0]);
    let cases = [
        ("export class A {\n  x: = 1;\n}\n", "a.ts:2:"),
        ("import x from './gone';\nexport default x;\n", "a.ts:1:1: `./gone` is not found"),
        ("import fs from 'fs';\nexport default fs;\n", "a.ts:1:1: `fs` is a module of Node.js"),
        ("export default function () {\n  return <b/>;\n}\n", "a.ts:2:"),
        ("export class A {\n  accessor x = 1;\n}\n", "a.ts:2:3: fields with `accessor` are not supported"),
        ("export class A {\n  @log x = 1;\n}\n", "a.ts:2:3: decorators are not supported"),
    ];
    for (source, place) in cases {
        desk.write("a.ts", source);
        let said = desk.akao(&["sdk", "deploy", "a.ts"]);
        let is_told = said.err.contains("TypeScript compilation failed: ") && said.err.contains(place);
        assert!(said.code == 2 && is_told, "{source}: {said:?}");
    }
    desk.write("a.ts", "export class Other {}\n");
    let said = desk.akao(&["sdk", "deploy", "a.ts"]);
    assert!(said.code == 2 && said.err.contains("Node class not found in bundle: A"), "{said:?}");
    let unknown = run(&desk, "Absent@1.0.0", &json!({}), &[]);
    assert!(unknown.code == 2, "{unknown:?}");
}

#[test]
fn props_are_held_against_the_schema_before_and_after_their_templates_are_filled() {
    let desk = Desk::new(users()[0]);
    desk.write("src/greet.ts", GREET);
    desk.write("src/greet.schema.ts", GREET_SCHEMA);
    assert_eq!(desk.akao(&["sdk", "deploy"]).code, 0);
    let early = run(&desk, "Greet@1.0.0", &json!({"whom": "Ada"}), &[]);
    assert_eq!(early.code, 2, "a prop that there is not is a mistake of the file: {early:?}");
    let late = run(&desk, "Greet@1.0.0", &json!({"who": "${input.name}"}), &["--input", "{\"name\": \"A\"}"]);
    let error = &late.json()["error"];
    assert_eq!(
        (late.code, &error["kind"], &error["detail"]["reason"]),
        (1, &json!("input"), &json!("props")),
        "{late:?}"
    );
    assert!(error["message"].as_str().is_some_and(|text| text.contains("`who`")), "{error:#}");
}

#[test]
fn a_node_is_bounded_like_a_script_and_the_next_call_is_sound() {
    let desk = Desk::new(users()[0]);
    let source = "
export const timeout = '2s';
export const memory = '64MB';
export const schema = { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] };
let calls = 0;
export default async ({ what }: { what: string }) => {
  calls += 1;
  if (what === 'loop') for (;;) {}
  if (what === 'memory') { const all: string[] = []; for (;;) all.push('x'.repeat(100000) + all.length); }
  if (what === 'text') Uint8Array.from('\\u00e9'.repeat(5e6), (one) => one.charCodeAt(0));
  if (what === 'stack') { const deep = (): number => 1 + deep(); return deep(); }
  if (what === 'stuck') await new Promise(() => {});
  if (what === 'log') { for (let i = 0; i < 100; i += 1) console.log('line', i); }
  if (what === 'bigint') return 1n;
  return calls;
};
";
    deployed(&desk, "Bounds", source);
    for (what, kind, reason) in [
        ("loop", "timeout", Some("node_timeout")),
        ("memory", "resource", Some("node_memory")),
        ("text", "resource", Some("node_memory")),
        ("stack", "resource", Some("node_stack")),
        ("stuck", "user", Some("node_stuck")),
        ("bigint", "user", Some("node_result")),
    ] {
        let ran = run(&desk, "Bounds@1.0.0", &json!({"what": what}), &[]);
        let error = &ran.json()["error"];
        assert_eq!((ran.code, error["kind"].as_str()), (1, Some(kind)), "{what}: {ran:?}");
        assert!(reason.is_none_or(|reason| error["detail"]["reason"] == reason), "{what}: {error:#}");
    }
    let sound = run(&desk, "Bounds@1.0.0", &json!({"what": "log"}), &[]);
    assert_eq!((sound.code, &sound.json()["outputs"]["result"]), (0, &json!(1)), "{sound:?}");
}

#[test]
fn modules_stay_within_a_process_and_what_a_call_leaves_behind_does_not() {
    let desk = Desk::new(users()[0]);
    let source = "
export const schema = { type: 'object', properties: { leave: { type: 'boolean' } } };
let calls = 0;
export default async ({ leave }: { leave?: boolean }) => {
  calls += 1;
  if (leave) { fetch('http://127.0.0.1:9/').catch(() => { calls = 100; }); setTimeout(() => { calls = 1000; }, 1); }
  return calls;
};
";
    deployed(&desk, "Count", source);
    let step = |id: &str, leave: bool| json!({"type": "Count@1.0.0", "id": id, "props": {"leave": leave}});
    let wait = json!({"type": "WaitAction", "props": {"waitMs": 30}});
    let children = [step("a", false), step("b", false), step("c", true), wait, step("d", false)];
    let tree = json!({"type": "Sequence", "children": children});
    let outputs = ["a", "b", "c", "d"].map(|id| format!("{id}: \"${{steps.{id}.outputs.result}}\"")).join(", ");
    desk.write("w.yaml", &format!("akao: 1\nid: w\nversion: 1.0.0\noutputs: {{ {outputs} }}\nroot: {tree}\n"));
    let ran = desk.akao(&["run", "w.yaml", "--json"]);
    let outputs = ran.json()["outputs"].clone();
    assert_eq!((&outputs["a"], &outputs["b"], &outputs["c"]), (&json!(1), &json!(2), &json!(3)), "{ran:?}");
    assert_eq!(outputs["d"], 1, "whoever left something behind is followed by a fresh runtime: {ran:?}");
}

#[test]
fn a_call_ends_with_its_promise_whatever_it_left_behind() {
    let desk = Desk::new(users()[0]);
    let source = "
export const schema = { type: 'object', properties: { what: { type: 'string' } } };
let calls = 0;
export default async ({ what }: { what?: string }) => {
  calls += 1;
  if (what === 'jobs') { const again = (): any => Promise.resolve().then(again); again(); }
  if (what === 'loop') Promise.resolve().then(() => Promise.resolve()).then(() => { for (;;) {} });
  return calls;
};
";
    deployed(&desk, "Leaves", source);
    let step = |id: &str, what: &str| json!({"type": "Leaves@1.0.0", "id": id, "props": {"what": what}});
    let tree = json!({"type": "Sequence", "children": [step("a", "jobs"), step("b", "none"), step("c", "none")]});
    let outputs = ["a", "b", "c"].map(|id| format!("{id}: \"${{steps.{id}.outputs.result}}\"")).join(", ");
    desk.write("w.yaml", &format!("akao: 1\nid: w\nversion: 1.0.0\noutputs: {{ {outputs} }}\nroot: {tree}\n"));
    let began = std::time::Instant::now();
    let ran = desk.akao(&["run", "w.yaml", "--json"]);
    let outputs = ran.json()["outputs"].clone();
    assert_eq!(outputs, json!({"a": 1, "b": 1, "c": 2}), "a fresh runtime follows what goes on and on: {ran:?}");
    assert!(began.elapsed().as_secs() < 60, "nothing waited for the time limit of five minutes");
    let looped = run(&desk, "Leaves@1.0.0", &json!({"what": "none"}), &[]);
    assert_eq!((looped.code, &looped.json()["outputs"]["result"]), (0, &json!(1)), "{looped:?}");
}

#[test]
fn a_file_is_deployed_under_the_name_that_it_gives_its_node() {
    let desk = Desk::new(users()[0]);
    let made = desk.akao(&["sdk", "init", "SendSMS", "--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    desk.write("src/send-sms.ts", &GREET.replace("class Greet", "class SendSMS"));
    let deployed = desk.akao(&["sdk", "deploy", "--json"]);
    assert_eq!((deployed.code, &deployed.json()["name"]), (0, &json!("SendSMS")), "{deployed:?}");
}

#[test]
fn the_types_of_a_node_say_what_its_props_are() {
    let desk = Desk::new(users()[0]);
    let source = "import { defineNode } from 'workflow-sdk';
export default defineNode<{ a: number; b?: number }>(({ a, b = 1 }) => a + b);
";
    deployed(&desk, "Typed", source);
    let good = run(&desk, "Typed@1.0.0", &json!({"a": 2}), &[]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &json!(3)), "{good:?}");
    for props in [json!({"a": "1"}), json!({"a": 1, "typo": 2}), json!({})] {
        let bad = run(&desk, "Typed@1.0.0", &props, &[]);
        assert_eq!(bad.code, 2, "{props}: {bad:?}");
        assert!(!bad.err.contains("sha256"), "it is called as it is written: {bad:?}");
    }
    desk.write("w.yaml", &workflow("Typed@1.0.0", &json!({"a": 1, "typo": 2})));
    let told = desk.akao(&["validate", "w.yaml"]);
    assert!(format!("{told:?}").contains("Typed@1.0.0 has no prop `typo`"), "{told:?}");
    let class = "import { ActionNode, NodeStatus, type NodeConfiguration } from '@wayfarer-ai/btree';
interface Props extends NodeConfiguration { level: 'low' | 'high' }
export class Classed extends ActionNode {
  constructor(private readonly props: Props) { super(props); }
  async executeTick(context: any) { context.setResult(this.props.level); return NodeStatus.SUCCESS; }
}
";
    deployed(&desk, "Classed", class);
    let good = run(&desk, "Classed@1.0.0", &json!({"level": "low"}), &[]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &json!("low")), "{good:?}");
    assert_eq!(run(&desk, "Classed@1.0.0", &json!({"level": "other"}), &[]).code, 2);
    deployed(
        &desk,
        "Said",
        &format!("export const schema = {{ type: 'object', properties: {{ a: {{}} }} }};\n{source}"),
    );
    let said = run(&desk, "Said@1.0.0", &json!({"a": "1"}), &[]);
    assert_eq!(said.code, 0, "a schema that is exported wins: {said:?}");
}

#[test]
fn types_of_other_files_of_the_node_say_what_its_props_are() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{}");
    desk.write("src/types/index.ts", "export * from './own';\n");
    desk.write("src/types/own.ts", "import { Level } from './level';\nexport interface Own { level: Level }\n");
    desk.write("src/types/level.d.ts", "export type Level = 'low' | 'high';\n");
    let source = "import { defineNode } from 'workflow-sdk';
import type { Own } from './types';
export default defineNode<Own>(({ level }) => level);
";
    desk.write("src/leveled.ts", source);
    let made = desk.akao(&["sdk", "deploy"]);
    assert_eq!(made.code, 0, "{made:?}");
    let good = run(&desk, "Leveled@1.0.0", &json!({"level": "low"}), &[]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &json!("low")), "{good:?}");
    for props in [json!({"level": "other"}), json!({}), json!({"level": "low", "typo": 1})] {
        assert_eq!(run(&desk, "Leveled@1.0.0", &props, &[]).code, 2, "{props}");
    }
}

/// The package itself, and no stand-in: it comes with the program.
#[test]
fn zod_is_there_without_being_installed() {
    let desk = Desk::new(users()[0]);
    desk.write(
        "schemas.ts",
        "import { z } from 'zod';\nexport const Order = z.object({ id: z.uuid(), count: z.number().int().min(1) });\n",
    );
    let source = "import { z } from 'zod/v4';
import { Order } from './schemas';
export const schema = Order.extend({ note: z.string().optional() });
export default (props: z.infer<typeof schema>) => {
  const read = schema.safeParse({ ...props, count: 'many' });
  return [schema.parse(props).count, read.success ? '' : read.error.issues[0].message];
};
";
    deployed(&desk, "Orders", source);
    let id = "6f1f6c0e-5f4e-4b9e-8d7b-0f6a9d0e8a11";
    let good = run(&desk, "Orders@1.0.0", &json!({"id": id, "count": 2}), &[]);
    let expected = json!([2, "Invalid input: expected number, received string"]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &expected), "{good:?}");
    for props in [json!({"id": id, "count": 0}), json!({"id": "no", "count": 1}), json!({"id": id})] {
        assert_eq!(run(&desk, "Orders@1.0.0", &props, &[]).code, 2, "{props}");
    }
}

#[test]
fn a_schema_that_is_no_plain_data_is_worked_out() {
    let desk = Desk::new(users()[0]);
    desk.write("node_modules/zod/package.json", "{\"main\": \"./main.js\"}");
    // A stand-in of zod: what it makes, and what it makes of that.
    desk.write(
        "node_modules/zod/main.js",
        "exports.z = { object: (of) => ({ _zod: true, of }), string: () => ({ type: 'string' }) };\n\
         exports.toJSONSchema = (made) => ({ type: 'object', properties: made.of, required: Object.keys(made.of) });\n",
    );
    let source = "import { z } from 'zod';\nexport const schema = z.object({ a: z.string() });\nexport default ({ a }: any) => a;\n";
    deployed(&desk, "Worked", source);
    let good = run(&desk, "Worked@1.0.0", &json!({"a": "x"}), &[]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &json!("x")), "{good:?}");
    assert_eq!(run(&desk, "Worked@1.0.0", &json!({"a": 1}), &[]).code, 2);
}

#[test]
fn what_a_node_says_of_itself_is_read_or_told() {
    let desk = Desk::new(users()[0]);
    let node = "export default () => 1;\n";
    for (more, told) in [
        ("import * as z from './z';\nexport const schema = z.object({});\n", "a.ts gives no schema of an object"),
        ("const seconds = 5;\nexport const timeout = `${seconds}s`;\n", "`timeout` of the node is not plain data"),
        ("export const idempotent = 'yes';\n", "`idempotent` of the node is neither true nor false"),
        ("export const description = 5;\n", "`description` of the node is no text"),
        ("export const version = 7;\n", "`7` is not a version such as"),
        ("import { two } from './z';\nexport const x = two;\n", "a.ts:1:10: `./z` does not export `two`"),
        ("const permissions = ['filesystem.read=/'];\nexport { permissions };\n", "custom nodes have only"),
    ] {
        desk.write("z.ts", "export const object = (given: any) => given;\n");
        desk.write("a.ts", &format!("{more}{node}"));
        let said = desk.akao(&["sdk", "deploy", "a.ts"]);
        assert!(said.code == 2 && said.err.contains(told), "{more}: {said:?}");
    }
    desk.write("a.ts", &format!("class Other {{ static timeout = Date.now(); }}\nexport const x = Other;\n{node}"));
    let said = desk.akao(&["sdk", "deploy", "a.ts"]);
    assert_eq!(said.code, 0, "another class is not the node: {said:?}");
}

#[test]
fn props_that_are_no_names_are_held_against_the_schema_when_the_step_runs() {
    let desk = Desk::new(users()[0]);
    let source = "
export const schema = {
  type: 'object', properties: { 'content-type': { type: 'string' } }, required: ['content-type'], additionalProperties: false,
};
export default (props: any) => props['content-type'];
";
    deployed(&desk, "Header", source);
    let good = run(&desk, "Header@1.0.0", &json!({"content-type": "text/plain"}), &[]);
    assert_eq!((good.code, &good.json()["outputs"]["result"]), (0, &json!("text/plain")), "{good:?}");
    let bad = run(&desk, "Header@1.0.0", &json!({"content": "text/plain"}), &[]);
    assert_eq!((bad.code, &bad.json()["error"]["detail"]["reason"]), (1, &json!("props")), "{bad:?}");
}

#[test]
fn activities_give_whatever_the_script_gave() {
    let desk = Desk::new(users()[0]);
    let source = "
import { proxyActivities } from '@temporalio/workflow';
const { executeCode, executePythonScript } = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
export default async () => {
  const all: unknown[] = [];
  for (const code of ['return 5', 'return \"text\"', 'return [1, [2]]', 'return null', 'return true', 'return { n: 5 }']) {
    all.push(await executeCode({ code }));
  }
  all.push(await executePythonScript({ code: 'result = [n, \"py\"]', inputs: { n: 7 } }));
  return all;
};
";
    deployed(&desk, "Activities", source);
    let ran = run(&desk, "Activities@1.0.0", &json!({}), &[]);
    let expected = json!([5, "text", [1, [2]], null, true, {"n": 5}, [7, "py"]]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
}

#[test]
fn activities_of_the_family_see_its_blackboard_and_make_files_of_data() {
    let desk = Desk::new(users()[0]);
    let source = "
import { proxyActivities } from '@temporalio/workflow';
const { executeCode, executePythonScript, generateFile, parseFile } = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
export default async () => {
  const family = { blackboard: { n: 1, seen: 'x' }, input: { by: 2 } };
  const made = await generateFile({ format: 'csv', data: [{ a: 1 }], filename: 'a.csv' });
  return [
    await executeCode({ ...family, code: 'bb.n += input.by; setBB(\"m\", getBB(\"n\") + getInput(\"by\")); // a note' }),
    await executePythonScript({ ...family, code: 'if input[\"by\"] == 2:\\n    bb[\"n\"] = 5\\nresult = bb[\"seen\"]' }),
    await executeCode({ language: 'python', context: family, code: '\\nsetBB(\"m\", getBB(\"n\") + getInput(\"by\"))' }),
    await parseFile({ content: 'a,b\\n1,2\\n', format: 'csv' }),
    [made.filename, made.size],
    await parseFile({ file: made.blob, format: 'csv' }),
  ];
};
";
    deployed(&desk, "Family", source);
    let ran = run(&desk, "Family@1.0.0", &json!({}), &[]);
    let expected = json!([
        {"result": null, "blackboard": {"n": 3, "seen": "x", "m": 5}},
        {"result": "x", "blackboard": {"n": 5, "seen": "x"}},
        {"result": null, "blackboard": {"n": 1, "seen": "x", "m": 3}},
        [{"a": "1", "b": "2"}],
        ["a.csv", 4],
        [{"a": "1"}],
    ]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
}

#[test]
fn what_a_node_may_not_set_or_give_is_told_where_and_by_its_own_name() {
    let desk = Desk::new(users()[0]);
    let source = "
export const schema = { type: 'object', properties: { what: { type: 'string' } } };
export default ({ what }: any, context: any) => {
  if (what === 'key')
    context.blackboard.set('b.c', 1);
  if (what === 'value') context.blackboard.set('b', { c: 1n });
  return { a: 1n };
};
";
    deployed(&desk, "Sets", source);
    let error = |what: &str| run(&desk, "Sets@1.0.0", &json!({"what": what}), &[]).json()["error"].clone();
    let key = error("key");
    assert_eq!((&key["detail"]["line"], &key["kind"]), (&json!(5), &json!("user")), "{key:#}");
    assert!(key["message"].as_str().is_some_and(|text| text.contains("\"b.c\" is not a key")), "{key:#}");
    assert_eq!(error("value")["detail"]["path"], "result.a", "the result is read first");
    assert_eq!(error("result")["detail"]["path"], "result.a");
}

#[test]
fn activities_are_ended_and_tried_again_as_their_options_say() {
    let desk = Desk::new(users()[0]);
    let source = "
import { ActivityFailure, TimeoutFailure, proxyActivities } from '@temporalio/workflow';
const once = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
const often = proxyActivities<any>({
  startToCloseTimeout: 60_000,
  retry: { maximumAttempts: 40, initialInterval: '25 ms', backoffCoefficient: 1, nonRetryableErrorTypes: ['script_exception'] },
});
const patient = proxyActivities<any>({ retry: { initialInterval: '25 ms', maximumInterval: '50 ms' } });
const short = proxyActivities<any>({ startToCloseTimeout: '300 ms' });
const code = 'if (Date.now() < until) throw new Error(`early`); return `late`';
const asked = async (activities: any) => {
  try {
    return await activities.executeCode({ code, inputs: { until: Date.now() + 400 } });
  } catch (error: any) {
    return error instanceof ActivityFailure ? error.cause.message.slice(0, 5) : 'another failure';
  }
};
export default async () => {
  let ended;
  try {
    await short.executeCode({ code: 'for (;;) {}' });
  } catch (error: any) {
    ended = [error instanceof ActivityFailure, error.kind, error.cause instanceof TimeoutFailure || error.cause.detail.reason];
  }
  return [await asked(once), await asked(patient), await asked(often), ended];
};
";
    deployed(&desk, "Policy", source);
    let ran = run(&desk, "Policy@1.0.0", &json!({}), &[]);
    let result = &ran.json()["outputs"]["result"];
    assert_eq!(result[1], "late", "a policy without a number tries until it works: {ran:?}");
    assert_ne!(
        (&result[0], &result[2]),
        (&json!("late"), &json!("late")),
        "without a policy once, by type never: {ran:?}"
    );
    assert_eq!((&result[3][0], &result[3][1]), (&json!(true), &json!("timeout")), "{ran:?}");
}

#[test]
fn a_failure_says_whether_the_step_is_tried_again() {
    let desk = Desk::new(users()[0]);
    let source = "
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
const failures: any = {
  retryable: () => ApplicationFailure.retryable('again', 'Busy'),
  create: () => ApplicationFailure.create({ message: 'again', nonRetryable: false }),
  never: () => ApplicationFailure.nonRetryable('never', 'Gone'),
  plain: () => new Error('plain'),
};
export default async ({ how }: any) => {
  const { attempt } = workflowInfo() as any;
  if (attempt < 3) throw failures[how]();
  return attempt;
};
";
    deployed(&desk, "Again", source);
    for (how, is_again) in [("retryable", true), ("create", true), ("never", false), ("plain", false)] {
        let retry = json!({"attempts": 3, "delay": "10ms"});
        let tree = json!({"type": "Again@1.0.0", "id": "it", "props": {"how": how}, "retry": retry});
        let head = "akao: 1\nid: w\nversion: 1.0.0\noutputs: { result: \"${steps.it.outputs.result}\" }\n";
        desk.write("w.yaml", &format!("{head}root: {tree}\n"));
        let ran = desk.akao(&["run", "w.yaml", "--json"]);
        let report = ran.json();
        match is_again {
            true => assert_eq!((ran.code, &report["outputs"]["result"]), (0, &json!(3)), "{how}: {ran:?}"),
            false => assert_eq!((ran.code, &report["error"]["retryable"]), (1, &json!(false)), "{how}: {ran:?}"),
        }
    }
}

#[test]
fn activities_that_there_are_not_are_named() {
    let desk = Desk::new(users()[0]);
    let source = "
import { ActivityFailure, proxyActivities, sleep, workflowInfo, log } from '@temporalio/workflow';
const { agentLoopTurn } = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
export const schema = { type: 'object', properties: { call: { type: 'boolean' } } };
export default async ({ call }: any) => {
  await sleep('1 ms');
  log.info('here', { id: workflowInfo().workflowId.length });
  if (!call) return 'slept';
  try {
    return await agentLoopTurn({});
  } catch (error) {
    if (!(error instanceof ActivityFailure) || error.activityType !== 'agentLoopTurn') throw new Error('another one');
    throw error;
  }
};
";
    deployed(&desk, "Turn", source);
    let good = run(&desk, "Turn@1.0.0", &json!({}), &[]);
    assert_eq!(good.json()["outputs"]["result"], "slept", "{good:?}");
    let bad = run(&desk, "Turn@1.0.0", &json!({"call": true}), &[]);
    let message = bad.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(bad.code == 1 && message.contains("`agentLoopTurn`"), "{bad:?}");
}
