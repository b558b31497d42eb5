//! A project of nodes: begun, tested, checked, deployed, and carried by workflows.

use crate::{
    GREET,
    desk::{Desk, users},
    workflow,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// How long a trial may take to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn what_init_makes_passes_its_own_test_and_is_deployed() {
    for user in users() {
        let desk = Desk::new(user);
        let made = desk.akao(&["sdk", "init", "SendSlackMessage", "--json"]);
        assert_eq!(made.code, 0, "{made:?}");
        for file in ["src/send-slack-message.ts", "src/send-slack-message.test.ts", "src/send-slack-message.schema.ts"]
        {
            assert!(desk.path(file).is_file(), "{file}");
        }
        let tested = desk.akao(&["sdk", "test", "--json"]);
        assert_eq!((tested.code, &tested.json()["failed"]), (0, &json!(0)), "{tested:?}");
        let coverage = &tested.json()["coverage"];
        assert_eq!(coverage["percent"], 100.0, "{coverage:#}");
        let deployed = desk.akao(&["sdk", "deploy", "--json"]);
        assert_eq!((deployed.code, &deployed.json()["version"]), (0, &json!("1.0.0")), "{deployed:?}");
        assert_eq!(desk.akao(&["sdk", "init", "SendSlackMessage"]).code, 2, "nothing is written over");
    }
}

#[test]
fn an_interrupted_trial_leaves_no_folder() {
    let desk = Desk::new(*users().last().expect("a user"));
    desk.write("src/endless.test.ts", "import { it } from 'vitest';\nit('goes on', () => { for (;;) {} });\n");
    desk.write("temporary/own", "");
    let temporary = desk.path("temporary");
    let entries = || fs::read_dir(&temporary).expect("the folder").count();
    let mut command = desk.command(&["sdk", "test"]);
    command.env("TMPDIR", &temporary).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program runs");
    let begun = Instant::now();
    while entries() == 1 {
        assert!(child.try_wait().expect("a child").is_none() && begun.elapsed() < BEGIN_WITHIN, "no trial has begun");
        thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let ended = child.wait().expect("it ends");
    assert_eq!((ended.code(), entries()), (Some(3), 1), "it says that it was interrupted, and takes its folder away");
}

#[test]
fn tests_tell_what_failed_where_and_which_lines_they_do_not_reach() {
    let desk = Desk::new(users()[0]);
    desk.write("src/greet.ts", GREET);
    let test = "import { describe, expect, it, vi } from 'vitest';
import { runNode } from 'workflow-sdk/test';
import { Greet } from './greet';

describe('Greet', () => {
  it('greets', async () => {
    const ended = await runNode(Greet, { who: 'Ada' }, { blackboard: { greeted: 4 } });
    expect(ended.result).toBe('hello Ada');
    expect(ended.writes).toEqual({ greeted: 5 });
  });
  it('counts calls', () => {
    const f = vi.fn((n: number) => n + 1);
    f(1);
    expect(f).toHaveBeenCalledWith(1);
    expect(() => { throw new Error('x'); }).toThrow('x');
  });
  it('is wrong', () => {
    expect({ a: [1, 2] }).toEqual({ a: [1, 3] });
  });
  it.skip('is left out', () => {});
});
";
    desk.write("src/greet.test.ts", test);
    let ran = desk.akao(&["sdk", "test", "--json"]);
    let document = ran.json();
    assert_eq!((ran.code, &document["failed"]), (1, &json!(1)), "{ran:?}");
    let statuses: Vec<&str> = document["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|one| one["status"].as_str().expect("a status"))
        .collect();
    assert_eq!(statuses, ["passed", "passed", "failed", "skipped"]);
    let failed = &document["results"][2];
    assert_eq!(failed["name"], "Greet > is wrong");
    let line = test.lines().position(|line| line.contains("[1, 3]")).expect("the line") + 1;
    assert!(
        failed["stack"].as_str().is_some_and(|stack| stack.contains(&format!("src/greet.test.ts:{line}:"))),
        "{failed:#}"
    );
    let missed = &document["coverage"]["files"]["src/greet.ts"]["missed"];
    let line = GREET.lines().position(|line| line.contains("throw new")).expect("the line") + 1;
    assert_eq!(missed, &json!([line]), "{document:#}");
    let strict = desk.akao(&["sdk", "test", "--coverage-min", "100"]);
    assert_eq!(strict.code, 1);
}

#[test]
fn a_project_brings_its_nodes_along_and_what_they_import() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{\"version\": \"2.1.0\", \"type\": \"module\"}");
    desk.write(
        "src/sum.ts",
        "import { add } from './add.js';\nimport data from './data.json';\nimport legacy, { twice } from 'legacy';\nimport { shout } from '@s/esm/loud';\n\
         export default async () => ({ sum: add(data.a, data.b), twice: twice(4), name: legacy.name, loud: shout('a'), data: legacy.data });\n",
    );
    desk.write("src/add.ts", "export const add = (a: number, b: number): number => a + b;\n");
    desk.write("src/data.json", "{\"a\": 1, \"b\": 2}");
    desk.write("node_modules/legacy/package.json", "{\"main\": \"./main.js\"}");
    desk.write("node_modules/legacy/main.js", "'use strict';\nconst inner = require('./inner');\nexports.twice = (n) => inner.by(2, n);\nexports.name = module.id;\nexports.data = inner.data;\n");
    desk.write("node_modules/legacy/inner.js", "const main = require('./main');\nmodule.exports = { by: (a, b) => a * b, isCycle: typeof main === 'object', data: [require('./list.json')[1], Object.keys(require('./data'))] };\n");
    desk.write("node_modules/legacy/list.json", "[1, 2]");
    desk.write("node_modules/legacy/data.json", "{\"default\": 1, \"__proto__\": {}}");
    desk.write("node_modules/@s/esm/package.json", "{\"exports\": {\"./loud\": {\"import\": \"./l.mjs\"}}}");
    desk.write("node_modules/@s/esm/l.mjs", "export const shout = (text) => text.toUpperCase();\n");
    let deployed = desk.akao(&["sdk", "deploy", "src/sum.ts", "--project", "."]);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    assert!(desk.path("custom-nodes/Sum/2.1.0/bundle.js").is_file());
    desk.write("w.yaml", &workflow("Sum@2.1.0", &json!({})));
    let ran = desk.akao(&["run", "w.yaml", "--json"]);
    let expected = json!({"sum": 3, "twice": 8, "name": "node_modules/legacy/main.js", "loud": "A", "data": [2, ["default", "__proto__"]]});
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
    desk.write("w.yaml", &workflow("Sum@1.0.0", &json!({})));
    let other = desk.akao(&["validate", "w.yaml"]);
    assert!(other.code == 2 && format!("{other:?}").contains("has no version 1.0.0"), "{other:?}");
}

#[test]
fn a_hook_that_throws_fails_its_own_tests_and_no_others() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{}");
    desk.write(
        "src/a.test.ts",
        "import { afterEach, beforeAll, describe, expect, it } from 'workflow-sdk/test';\n\
         describe('a', () => { afterEach(() => { throw new Error('after') }); it('one', () => {}); });\n\
         describe('b', () => { beforeAll(() => { throw new Error('before') }); it('two', () => {}); });\n\
         describe('c', () => { it('three', () => expect(process).toBe(1)); it('four', () => {}); });\n",
    );
    let tested = desk.akao(&["sdk", "test", "--json"]);
    let results = tested.json()["results"].clone();
    let told: Vec<(&str, &str)> = results
        .as_array()
        .expect("results")
        .iter()
        .map(|one| (one["name"].as_str().expect("a name"), one["status"].as_str().expect("a status")))
        .collect();
    let expected = [
        ("a > one", "failed"),
        ("b > beforeAll (1 not run)", "failed"),
        ("c > three", "failed"),
        ("c > four", "passed"),
    ];
    assert_eq!((tested.code, &told[..]), (1, &expected[..]), "{tested:?}");
}

#[test]
fn a_test_that_leaves_something_behind_or_does_not_end_fails_by_its_name() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{}");
    desk.write("src/two.ts", "export const two = () => {\n  return 2;\n};\n");
    let test = "import { describe, expect, it } from 'workflow-sdk/test';
import { two } from './two';
it('first', () => expect(two()).toBe(2));
it('rejects', () => { Promise.reject(new Error('left behind')); });
it('is not awaited', () => { expect(Promise.resolve(1)).resolves.toBe(2); });
describe('group', () => {
  it('is stuck', async () => { await new Promise(() => {}); });
  it('sets a timer', () => { setTimeout(() => { throw new Error('too late'); }, 20); });
  it('is endless', () => { for (;;); });
});
it('last', () => expect(two()).toBe(2));
";
    desk.write("src/a.test.ts", test);
    let tested = desk.akao(&["sdk", "test", "--json"]);
    let document = tested.json();
    let results = document["results"].as_array().expect("results");
    let told: Vec<(&str, &str)> = results
        .iter()
        .map(|one| (one["name"].as_str().expect("a name"), one["status"].as_str().expect("a status")))
        .collect();
    // Those of the file itself come before those of its groups.
    let expected = [
        ("first", "passed"),
        ("rejects", "failed"),
        ("is not awaited", "failed"),
        ("last", "passed"),
        ("group > is stuck", "failed"),
        ("group > sets a timer", "failed"),
        ("group > is endless", "failed"),
    ];
    assert_eq!((tested.code, &told[..]), (1, &expected[..]), "{tested:?}");
    let line = |part: &str| test.lines().position(|line| line.contains(part)).expect("the line") + 1;
    for (at, reason, place) in [
        (1, "left behind", Some("left behind")),
        (2, "expected 1 toBe 2", None),
        (4, "nothing settles", None),
        (5, "too late", Some("too late")),
        (6, "did not end within 10 s", None),
    ] {
        let whole = format!("{} {}", results[at]["message"], results[at]["stack"]);
        assert!(whole.contains(reason), "{whole}");
        let place = place.map(|part| format!("src/a.test.ts:{}:", line(part)));
        assert!(place.is_none_or(|place| whole.contains(&place)), "{whole}");
    }
    assert_eq!(document["coverage"]["files"]["src/two.ts"]["missed"], json!([]), "{document:#}");
}

#[test]
fn a_node_is_found_by_what_its_file_is_called() {
    let desk = Desk::new(users()[0]);
    desk.write("src/send-sms.ts", &GREET.replace("class Greet", "class SendSMS"));
    desk.write("src/Thing.ts", &GREET.replace("class Greet", "class Thing"));
    for (asked, name) in [("send-sms", "SendSMS"), ("SendSMS", "SendSMS"), ("Thing", "Thing")] {
        let deployed = desk.akao(&["sdk", "deploy", asked, "--json"]);
        assert_eq!((deployed.code, &deployed.json()["name"]), (0, &json!(name)), "{asked}: {deployed:?}");
    }
    let standard = desk.akao(&["sdk", "deploy", "Thing", "--name", "HttpRequest"]);
    assert!(standard.code == 2 && standard.err.contains("the name of a standard node type"), "{standard:?}");
    let other = desk.akao(&["sdk", "deploy", "Thing", "--name", "Other"]);
    assert!(other.code == 2 && other.err.contains("say with `--name` which export it is"), "{other:?}");
}

#[test]
fn a_name_that_no_class_can_have_begins_no_node() {
    let desk = Desk::new(users()[0]);
    for (name, reason) in [
        ("class", "a word of the language"),
        ("await", "a word of the language"),
        ("send-sms", "a hyphen"),
        ("Props", "something else"),
    ] {
        let said = desk.akao(&["sdk", "init", name]);
        assert!(said.code == 2 && said.err.contains("cannot be the name of a class"), "{said:?}");
        assert!(said.err.contains(reason) && !desk.path("src").exists(), "{said:?}");
    }
}

/// A node as people write it: its status imported as a type, props and what was thrown used as they come.
const FAMILY: &str = "import { ActionNode } from '@wayfarer-ai/btree';
import type { NodeStatus, TemporalContext } from '@wayfarer-ai/btree';
import { proxyActivities } from '@temporalio/workflow';
import { shout } from 'makes-code';
const { fetchUrl } = proxyActivities({ startToCloseTimeout: '1 minute' });

export class SendSlackMessage extends ActionNode {
  async executeTick(context: TemporalContext): Promise<NodeStatus> {
    const unused = 1;
    try {
      const { channel, message } = this.config;
      const answer = await fetchUrl({ url: 'https://slack.com/api/chat.postMessage', body: { channel: channel.trim(), message: shout(message) } });
      context.blackboard.set('ts', answer.data.ts);
      return NodeStatus.SUCCESS;
    } catch (error) {
      this.log(error.message);
      return NodeStatus.FAILURE;
    }
  }
}
";

#[test]
fn a_node_of_the_family_is_valid_with_what_its_packages_do_and_what_is_never_used_told() {
    let desk = Desk::new(users()[0]);
    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/services/node_modules/typescript");
    assert!(compiler.is_dir(), "`cargo xtask setup` installs what the nodes import: {}", compiler.display());
    desk.write("package.json", "{}");
    desk.write("node_modules/makes-code/package.json", "{\"main\": \"./a.js\", \"types\": \"./a.d.ts\"}");
    desk.write("node_modules/makes-code/a.d.ts", "export function shout(text: string): string;\n");
    desk.write("node_modules/makes-code/a.js", "exports.shout = new Function('text', 'return text.toUpperCase()');\n");
    std::os::unix::fs::symlink(compiler, desk.path("node_modules/typescript")).expect("a link");
    desk.write("src/send-slack-message.ts", FAMILY);
    let said = desk.akao(&["sdk", "validate", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["problems"]), (0, &json!([])), "{said:?}");
    let warnings = document["warnings"].to_string();
    assert!(warnings.contains("src/send-slack-message.ts(9,11)") && warnings.contains("'unused'"), "{warnings}");
    let found =
        document["scan"].as_array().expect("findings").iter().find(|one| one["rule"] == "run-time-code").cloned();
    let found = found.expect("a finding in the package");
    let told = (&found["weight"], &found["file"], &found["line"]);
    assert_eq!(told, (&json!("notice"), &json!("node_modules/makes-code/a.js"), &json!(1)));
    assert!(
        found["reason"].as_str().is_some_and(|reason| reason.starts_with("the package `makes-code` ")),
        "{found:#}"
    );

    let loose = "export default (props, context) => props.a + context.input.b;\n";
    desk.write("src/send-slack-message.ts", loose);
    let strict = desk.akao(&["sdk", "validate", "--json"]);
    assert!(strict.code == 2 && strict.json()["problems"].to_string().contains("TS7006"), "{strict:?}");
    desk.write("tsconfig.json", "{ \"compilerOptions\": { \"strict\": false, \"target\": \"es2022\", \"composite\": true }, \"include\": [\"src\"] }");
    let own = desk.akao(&["sdk", "validate"]);
    assert_eq!(own.code, 0, "the project's own `tsconfig.json` holds: {own:?}");
}

#[test]
fn what_is_most_likely_not_meant_is_told_by_file_and_line_and_once() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{}");
    desk.write("node_modules/other/package.json", "{\"main\": \"./a.js\"}");
    desk.write("node_modules/other/a.js", "debugger;\nexports.other = 1;\n");
    let source = "import { other } from 'other';\nimport { part } from './part';\n\
        export default (props: { a: number }) => {\n  let last = other;\n  if (last = props.a) return part;\n  return 1;\n  part();\n};\n";
    desk.write("src/lints.ts", source);
    desk.write("src/part.ts", "export function part() {\n  try { debugger; } catch { }\n  return { a: 1, a: 2 };\n}\n");
    let said = desk.akao(&["sdk", "validate", "Lints", "--no-types", "--json"]);
    let document = said.json();
    let told = |key: &str| -> Vec<String> {
        let all = document[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.map(|line| line.split_once(". ").map_or(line, |(line, _)| line).to_owned()).collect()
    };
    let problems = [
        "src/lints.ts:5:7: the condition `last = props.a` assigns (no-cond-assign)",
        "src/lints.ts:7:3: nothing comes here: what begins in line 6 ends before (no-unreachable)",
        "src/part.ts:2:9: `debugger` was left in (no-debugger)",
        "src/part.ts:3:18: the key `a` stands twice, and the first value is lost (no-dupe-keys)",
    ];
    assert_eq!((said.code, told("problems")), (2, problems.map(str::to_owned).to_vec()), "{said:?}");
    assert_eq!(told("warnings"), ["src/part.ts:2:27: `catch` does nothing with the error (no-empty)"]);
    let first = document["problems"][0].as_str().unwrap_or_default();
    assert!(
        first.ends_with("Compare with `===`, or put the assignment in brackets of its own if it is meant."),
        "{first}"
    );

    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/services/node_modules/typescript");
    std::os::unix::fs::symlink(compiler, desk.path("node_modules/typescript")).expect("a link");
    let checked = desk.akao(&["sdk", "validate", "Lints", "--json"]).json();
    let lines = format!("{}{}", checked["problems"], checked["warnings"]);
    for (line, count) in
        [("src/lints.ts(7,3)", 0), ("src/part.ts(3,18)", 0), ("src/lints.ts:7:3", 1), ("src/part.ts:3:18", 1)]
    {
        assert_eq!(lines.matches(line).count(), count, "{line}: {checked:#}");
    }
}

#[test]
fn the_tests_of_a_node_are_looked_through_and_those_of_others_are_not() {
    let desk = Desk::new(users()[0]);
    desk.write("package.json", "{}");
    desk.write("src/adds.ts", "export default (props: { a: number }) => props.a + 1;\n");
    desk.write("src/other.ts", "export default () => 1;\n");
    desk.write("src/adds.test.ts", "import { it } from 'vitest';\nit('a', () => {\n  debugger;\n});\n");
    desk.write("src/other.test.ts", "import other from './other';\ndebugger;\nother();\n");
    desk.write("src/more/made.ts", "export { default as made } from '../adds';\n");
    let more = "import { expect, it } from 'vitest';\nimport { made } from './made';\nit.only('adds', () => {\n  expect(made({ a: 1 }));\n});\n\
        it('adds', () => {\n  try { made({ a: 1 }); } catch {}\n});\n";
    desk.write("src/more/many.test.ts", more);
    let validated = |node: &str| {
        let said = desk.akao(&["sdk", "validate", node, "--no-types", "--json"]);
        let document = said.json();
        let told = |key: &str| -> Vec<String> {
            let all = document[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            all.map(|line| line.split_once(". ").map_or(line, |(line, _)| line).to_owned()).collect()
        };
        (said.code, told("problems"), told("warnings"))
    };
    let problems = [
        "src/adds.test.ts:3:3: `debugger` was left in (no-debugger)",
        "src/more/many.test.ts:3:1: `it.only` keeps the other tests from being run (no-focused-tests)",
        "src/more/many.test.ts:4:3: `expect(made({ a: 1 }))` expects nothing (valid-expect)",
    ];
    let warnings = [
        "src/more/many.test.ts:6:4: another test is called `adds` as well (no-identical-title)",
        "src/more/many.test.ts:7:33: `catch` does nothing with the error (no-empty)",
    ];
    let expected = (2, problems.map(str::to_owned).to_vec(), warnings.map(str::to_owned).to_vec());
    assert_eq!(validated("src/adds.ts"), expected);

    // Tests that cannot be run make no node invalid.
    desk.write("src/adds.test.ts", "import { it } from 'vitest';\nit('a', () => {\n");
    desk.write("src/more/many.test.ts", "import fs from 'node:fs';\nimport { made } from './made';\nmade(fs);\n");
    let (code, problems, warnings) = validated("src/adds.ts");
    assert_eq!((code, problems), (0, Vec::new()), "{warnings:?}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, file) in warnings.iter().zip(["src/adds.test.ts:3:", "src/more/many.test.ts:1:1: "]) {
        assert!(warning.starts_with(file) && warning.ends_with("; `akao sdk test` does not run it"), "{warning}");
    }
}

#[test]
fn a_node_with_zod_that_is_not_installed_is_valid_and_its_unchecked_types_are_told() {
    let desk = Desk::new(users()[0]);
    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/services/node_modules/typescript");
    let made = desk.akao(&["sdk", "init", "SendSlackMessage"]);
    assert_eq!(made.code, 0, "{made:?}");
    desk.write("node_modules/none/package.json", "{}");
    std::os::unix::fs::symlink(compiler, desk.path("node_modules/typescript")).expect("a link");
    let schema = "import { z } from \"zod\";\nexport default z.object({ url: z.url(), message: z.string().min(1) });\n";
    desk.write("src/send-slack-message.schema.ts", schema);
    let source = "import { z } from 'zod';\nexport default (props: z.infer<typeof Own>) => Own.parse(props);\nconst Own = z.object({});\n";
    let valid = desk.akao(&["sdk", "validate", "--json"]);
    assert_eq!((valid.code, &valid.json()["problems"]), (0, &json!([])), "{valid:?}");
    let deployed = desk.akao(&["sdk", "deploy"]);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    desk.write("src/send-slack-message.ts", source);
    let valid = desk.akao(&["sdk", "validate", "--json"]);
    assert_eq!((valid.code, &valid.json()["problems"]), (0, &json!([])), "{valid:?}");
    let warnings = valid.json()["warnings"].to_string();
    assert!(warnings.contains("npm install --save-dev zod"), "{warnings}");
}

#[test]
fn custom_nodes_are_listed_and_shown_by_the_names_that_their_people_gave_them() {
    let desk = Desk::new(users()[0]);
    let node = "export const description = 'Greets';\nexport const schema = { type: 'object', properties: { who: { enum: ['a', 'b'] } } };\n\
        export default () => 1;\n";
    for (version, project) in [("1.0.0", false), ("1.1.0", false), ("3.0.0", true)] {
        let name = if project { "ofProject" } else { "SendSMS" };
        desk.write("a.ts", node);
        let mut arguments = vec!["sdk", "deploy", "a.ts", "--name", name, "--version", version];
        arguments.extend(if project { ["--project", "."].as_slice() } else { &[] });
        let said = desk.akao(&arguments);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let listed = desk.akao(&["list-nodes", "--json"]).json();
    let all = listed["nodes"].as_array().expect("a list");
    let custom: Vec<(&Value, &Value, &Value)> = all
        .iter()
        .filter(|one| one["custom"] == true)
        .map(|one| (&one["type"], &one["version"], &one["summary"]))
        .collect();
    let expected = [("SendSMS", "1.1.0"), ("ofProject", "3.0.0")].map(|(name, version)| (json!(name), json!(version)));
    assert_eq!(custom.len(), 2, "{custom:?}");
    for ((name, version), (told, of, summary)) in expected.iter().zip(custom) {
        assert_eq!((name, version, &json!("Greets")), (told, of, summary));
    }
    let text = desk.akao(&["list-nodes"]);
    assert!(text.out.lines().any(|line| line.starts_with("SendSMS ") && line.contains("custom 1.1.0")), "{text:?}");
    let shown = desk.akao(&["node-info", "SendSMS@1.0.0", "--json"]).json();
    assert_eq!((&shown["name"], &shown["version"]), (&json!("SendSMS"), &json!("1.0.0")));
    assert_eq!(shown["props"]["properties"]["who"]["enum"], json!(["a", "b"]), "{shown:#}");
    let missing = desk.akao(&["node-info", "SendSMS@9.0.0"]);
    assert_eq!(missing.code, 2, "{missing:?}");
}

#[test]
fn what_does_not_compile_is_not_valid() {
    let desk = Desk::new(users()[0]);
    desk.write("a.ts", "export class A {\n  x: = 1;\n}\n");
    let said = desk.akao(&["sdk", "validate", "a.ts", "--no-types", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["valid"]), (2, &json!(false)), "{said:?}");
    assert!(document["problems"][0].as_str().is_some_and(|problem| problem.starts_with("a.ts:2:")), "{document:#}");
    let said = desk.akao(&["sdk", "deploy", "a.ts"]);
    assert!(said.code == 2 && !said.err.trim_end().ends_with("hint:"), "a hint says something: {said:?}");
}

#[test]
fn npm_packages_may_ask_whether_this_is_production_and_stand_above_the_project() {
    let desk = Desk::new(users()[0]);
    desk.write("node_modules/cjs/package.json", "{\"main\": \"./main.js\"}");
    desk.write("node_modules/cjs/main.js", "module.exports = process.env.NODE_ENV + typeof global;\n");
    desk.write("node_modules/esm/package.json", "{\"exports\": \"./main.mjs\"}");
    desk.write("node_modules/esm/main.mjs", "export default process.env.NODE_ENV;\n");
    desk.write("packages/own/package.json", "{}");
    desk.write(
        "packages/own/src/env.ts",
        "import cjs from 'cjs';\nimport esm from 'esm';\nexport default () => [cjs, esm, typeof (globalThis as any).process];\n",
    );
    let deployed = desk.akao(&["sdk", "deploy", "packages/own/src/env.ts"]);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    desk.write("w.yaml", &workflow("Env@1.0.0", &json!({})));
    let ran = desk.akao(&["run", "w.yaml", "--json"]);
    let expected = json!(["productionobject", "production", "undefined"]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
}
