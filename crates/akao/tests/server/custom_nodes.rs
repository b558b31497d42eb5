//! Custom nodes on a server: uploaded, approved, run by workflows, and never met by another tenant.

use crate::server::{Person, Server};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const NODES: &str = "/api/v1/custom-nodes";
const ONE: &str = "/api/v1/custom-nodes/{node}";
const ACTIVATE: &str = "/api/v1/custom-nodes/{node}/activate";

/// A node that says who greets.
pub(crate) fn source(who: &str) -> String {
    format!(
        "import type {{ NodeStatus, TemporalContext }} from '@wayfarer-ai/btree';\nimport {{ ActionNode }} from '@wayfarer-ai/btree';\n\
         export const schema = {{ type: 'object', properties: {{ name: {{ type: 'string' }} }}, required: ['name'] }};\n\
         export class Greet extends ActionNode {{\n  async executeTick(context: TemporalContext): Promise<NodeStatus> {{\n    \
         context.setResult(`{who} greets ${{this.config.name}}`);\n    return NodeStatus.SUCCESS;\n  }}\n}}\n"
    )
}

fn workflow(id: &str, node: &str) -> String {
    format!(
        "akao: 1\nid: {id}\nversion: 1.0.0\noutputs: {{ said: \"${{steps.g.outputs.result}}\" }}\n\
         root: {{ type: \"{node}\", id: g, props: {{ name: Ada }} }}\n"
    )
}

fn added(person: &Person<'_>, version: &str, source: &str) -> String {
    let body = json!({"name": "Greet", "version": version, "source": source});
    let made = person.post(NODES, &[], &body).is(201).body;
    assert_eq!(made["status"], "draft");
    made["id"].as_str().expect("an id").to_owned()
}

fn said(person: &Person<'_>, workflow: &str) -> Value {
    let execution = person.start(workflow, &json!({}));
    let ended = person.wait(&execution, &["success", "failure"]);
    assert_eq!(ended["status"], "success", "{ended:#}");
    ended["outputs"]["said"].clone()
}

#[test]
fn an_upload_is_used_by_workflows_of_its_tenant_and_of_no_other() {
    let server = Server::new();
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    let stored = || owner.get("/api/v1/quotas").is(200).body["used"]["storage_bytes"].as_u64().expect("bytes");
    let before = stored();
    let first = added(&owner, "1.0.0", &source("acme"));
    assert!(stored() > before + 100, "a node is stored, and counts");
    let early = owner.save("w", &workflow("w", "Greet@1.0.0")).refuses(422, "invalid_workflow");
    assert!(early.body["problems"].to_string().contains("not active yet"), "{:#}", early.body);
    let moved = owner.post(ACTIVATE, &[&first], &json!({})).is(200).body;
    assert_eq!(moved["node"]["status"], "active");
    owner.save("w", &workflow("w", "Greet@1.0.0")).is(201);
    assert_eq!(said(&owner, "w"), "acme greets Ada");

    // Not by its name, not by its id, and not by what its name stands for.
    let shown = owner.show(ONE, &[&first]).is(200).body;
    assert_eq!(shown["source"], source("acme"));
    other.show(ONE, &[&first]).refuses(404, "not_found");
    other.post(ACTIVATE, &[&first], &json!({})).refuses(404, "not_found");
    assert_eq!(other.get(NODES).is(200).body["items"], json!([]));
    other.save("w", &workflow("w", "Greet@1.0.0")).refuses(422, "invalid_workflow");
    other.save("w", &workflow("w", "custom.t-acme.greet@1.0.0")).refuses(422, "invalid_workflow");
    let theirs = added(&other, "1.0.0", &source("globex"));
    other.post(ACTIVATE, &[&theirs], &json!({})).is(200);
    other.save("w", &workflow("w", "Greet@1.0.0")).is(201);
    assert_eq!((said(&other, "w"), said(&owner, "w")), (json!("globex greets Ada"), json!("acme greets Ada")));
    let file = server.folder.path().join("nodes/custom/acme/custom-nodes/Greet/1.0.0/bundle.js");
    assert!(file.is_file(), "{}", file.display());

    // Versions, who uses them, and back again.
    let second = added(&owner, "1.1.0", &source("acme again"));
    owner.post(NODES, &[], &json!({"name": "Greet", "version": "1.1.0", "source": "x"})).refuses(409, "version_taken");
    owner.post(ACTIVATE, &[&second], &json!({})).is(200);
    owner.save("latest", &workflow("latest", "Greet")).is(201);
    assert_eq!(said(&owner, "latest"), "acme again greets Ada");
    let uses = owner.show("/api/v1/custom-nodes/{node}/dependents", &[&first]).is(200).body;
    let used: Vec<(&str, &str)> = uses["items"]
        .as_array()
        .expect("uses")
        .iter()
        .map(|used| (used["workflow"].as_str().expect("text"), used["version"].as_str().expect("text")))
        .collect();
    assert_eq!(used, [("latest", "1.1.0"), ("w", "1.0.0")]);
    let back = owner.post("/api/v1/custom-nodes/{node}/rollback", &[&second], &json!({})).is(200).body;
    assert_eq!((&back["active"]["version"], &back["deprecated"]["version"]), (&json!("1.0.0"), &json!("1.1.0")));
    let checked = owner.post("/api/v1/validate", &[], &json!({"source": workflow("x", "Greet@1.1.0")})).is(200).body;
    assert_eq!(
        (&checked["valid"], &checked["problems"][0]["code"]),
        (&json!(true), &json!("deprecated-node")),
        "{checked:#}"
    );
    assert_eq!(said(&owner, "latest"), "acme again greets Ada", "what was saved stays what it was");
    let versions = owner.show("/api/v1/custom-nodes/{node}/versions", &[&first]).is(200).body;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(2));
}

/// A node that tells what it finds of earlier calls, and leaves something for later ones in every place that it reaches.
const LEAVES: &str = "
export const permissions = ['network.http'];
let inModule = 0;
const world = globalThis as any;
export default async () => {
  const found = [inModule, world.left ?? 0, ({} as any).left ?? 0, (JSON as any).left ?? 0, (Array.prototype as any).left ?? 0];
  inModule += 1;
  for (const place of [world, Object.prototype, JSON, Array.prototype]) {
    try { Object.defineProperty(place, 'left', { value: inModule, configurable: true, enumerable: false, writable: true }); } catch {}
  }
  return found;
};
";

/// Case 96: the process of a node is warm, and what a call leaves in it is met by no other tenant, no other version and no
/// execution that was granted something else.
#[test]
fn what_a_call_leaves_in_a_warm_process_is_met_by_its_like_alone() {
    let server = Server::new();
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    let deploy = |person: &Person<'_>, version: &str| {
        let body = json!({"name": "Leave", "version": version, "source": LEAVES});
        let made = person.post(NODES, &[], &body).is(201).body;
        let id = made["id"].as_str().expect("an id").to_owned();
        person.post(ACTIVATE, &[&id], &json!({})).is(200);
        let named = format!("v{}", version.replace('.', "-"));
        let text = workflow(&named, &format!("Leave@{version}")).replace("props: { name: Ada }", "props: {}");
        person.save(&named, &text).is(201);
    };
    deploy(&owner, "1.0.0");
    deploy(&owner, "1.0.1");
    deploy(&other, "1.0.0");
    let found = |person: &Person<'_>, workflow: &str, grants: &[&str]| {
        let body = json!({"workflow": workflow, "grants": grants});
        let started = person.post("/api/v1/executions", &[], &body).is(201).body;
        let ended = person.wait(started["execution"].as_str().expect("an id"), &["success", "failure"]);
        assert_eq!(ended["status"], "success", "{ended:#}");
        ended["outputs"]["said"].clone()
    };
    let (fresh, one) = (json!([0, 0, 0, 0, 0]), "network.http=example.com:443");
    assert_eq!(found(&owner, "v1-0-0", &[]), fresh);
    let again = found(&owner, "v1-0-0", &[]);
    assert_eq!(again[0], 1, "the process is warm, or this would show nothing: {again}");
    assert_eq!(found(&other, "v1-0-0", &[]), fresh, "another tenant, the same text");
    assert_eq!(found(&owner, "v1-0-1", &[]), fresh, "another version, the same text");
    assert_eq!(found(&owner, "v1-0-0", &[one]), fresh, "something was granted");
    assert_eq!(found(&owner, "v1-0-0", &["network.http=example.org:443"]), fresh, "something else was granted");
    assert_eq!(found(&owner, "v1-0-0", &[one])[0], 1, "the same was granted");
    assert_eq!(found(&owner, "v1-0-0", &[])[0], 2);
}

#[test]
fn a_version_that_is_withdrawn_runs_no_more_until_it_is_let_in_again() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    let asks = format!("export const permissions = ['network.http=api.example.com:443'];\n{}", source("acme"));
    let node = added(&editor, "1.0.0", &asks);
    let waits = editor.post(ACTIVATE, &[&node], &json!({})).is(200).body;
    assert_eq!(waits["node"]["status"], "review", "an editor gives nobody the network");
    owner.post(ACTIVATE, &[&node], &json!({})).is(200);
    owner.save("w", &workflow("w", "Greet@1.0.0")).is(201);
    assert_eq!(said(&owner, "w"), "acme greets Ada");

    let withdraw = "/api/v1/custom-nodes/{node}/withdraw";
    editor.post(withdraw, &[&node], &json!({})).refuses(403, "forbidden");
    let gone = owner.post(withdraw, &[&node], &json!({"message": "it leaks"})).is(200).body;
    assert_eq!((&gone["status"], &gone["message"]), (&json!("withdrawn"), &json!("it leaks")));
    let execution = owner.start("w", &json!({}));
    let ended = owner.wait(&execution, &["success", "failure"]);
    assert_eq!((&ended["status"], &ended["error"]["kind"]), (&json!("failure"), &json!("permission")), "{ended:#}");
    assert!(ended["error"]["message"].to_string().contains("withdrawn"), "{ended:#}");
    editor.post(ACTIVATE, &[&node], &json!({})).refuses(403, "forbidden");
    owner.post(ACTIVATE, &[&node], &json!({})).is(200);
    assert_eq!(said(&owner, "w"), "acme greets Ada");
}

#[test]
fn an_upload_that_cannot_be_run_takes_no_version() {
    let server = Server::new();
    let owner = server.owner();
    let refused = |more: &str| {
        let body = json!({"name": "Greet", "version": "1.0.0", "source": format!("{more}\n{}", source("acme"))});
        owner.post(NODES, &[], &body).refuses(400, "invalid_request").body["detail"].to_string()
    };
    for (more, told) in [
        ("export const timeout = 'soon';", "timeout"),
        ("export const memory = 64 * 1024;", "`memory` of the node is not plain data (node.ts:1)"),
        ("export const effects = 'some';", "effects"),
        ("export const outputs = 1; export const rateLimit = { count: 0, per: '1m' };", "rateLimit"),
    ] {
        let detail = refused(more);
        assert!(detail.contains(told), "{more}: {detail}");
    }
    let schema = json!({"type": "object", "properties": {"name": {"pattern": "(a{1,900}){1,900}"}}});
    let body = json!({"name": "Greet", "version": "1.0.0", "source": source("acme"), "schema": schema});
    owner.post(NODES, &[], &body).refuses(400, "invalid_request");
    added(&owner, "1.0.0", &source("acme"));
}

#[test]
fn what_cannot_be_compiled_and_what_is_to_be_looked_at_is_told() {
    let server = Server::new();
    let owner = server.owner();
    // What breaks the compiler is its author's mistake and no trouble of the server.
    let deep = format!("export default () => {};\n", "(".repeat(200_000));
    let body = json!({"name": "Deep", "version": "1.0.0", "source": deep});
    let told = owner.post(NODES, &[], &body).refuses(400, "invalid_request");
    assert!(told.body["detail"].to_string().contains("nested too deeply"), "{:#}", told.body);
    let editor = server.member(&owner, "editor");
    let broken = json!({"name": "Broken", "version": "1.0.0", "source": "export class Broken {\n  x: = 1;\n}\n"});
    let refused = editor.post(NODES, &[], &broken).refuses(400, "invalid_request").body;
    let detail = refused["detail"].as_str().expect("text");
    assert!(detail.starts_with("TypeScript compilation failed: node.ts:2:"), "{detail}");
    assert_eq!((&refused["problems"][0]["file"], &refused["problems"][0]["line"]), (&json!("node.ts"), &json!(2)));
    let nameless = json!({"name": "Other", "version": "1.0.0", "source": source("acme")});
    let refused = editor.post(NODES, &[], &nameless).refuses(400, "invalid_request").body;
    assert_eq!(refused["detail"], "Node class not found in bundle: Other");
    let odd =
        json!({"name": "Odd", "version": "1.0.0", "source": "export default () => new Function('return 1')();\n"});
    let made = editor.post(NODES, &[], &odd).is(201).body;
    assert_eq!((&made["scan"][0]["weight"], &made["scan"][0]["line"]), (&json!("alarm"), &json!(1)), "{made:#}");
    let id = made["id"].as_str().expect("an id");
    assert_eq!(editor.post(ACTIVATE, &[id], &json!({})).is(200).body["node"]["status"], "review");
    editor.post("/api/v1/custom-nodes/policy", &[], &json!({"approval": "off"})).refuses(403, "forbidden");
    assert_eq!(owner.get("/api/v1/custom-nodes/policy").is(200).body["approval"], "clean");
    assert_eq!(owner.post(ACTIVATE, &[id], &json!({})).is(200).body["node"]["status"], "active");
    let retired = owner.post("/api/v1/custom-nodes/{node}/deprecate", &[id], &json!({"message": "use another"}));
    assert_eq!(retired.is(200).body["message"], "use another");
    let audit = owner.get("/api/v1/audit").is(200).body.to_string();
    assert!(audit.contains("custom_node.added") && audit.contains("custom_node.moved"), "{audit}");
}

#[test]
fn older_clients_find_the_shapes_that_they_know() {
    let server = Server::new();
    let owner = server.owner();
    let body = json!({"name": "Greet", "version": "1.0.0", "description": "Greets.", "sourceCode": source("acme"), "schema": null});
    let made = owner.post("/api/custom-nodes", &[], &body).is(201).body;
    let id = made["customNode"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&made["customNode"]["status"], &made["customNode"]["description"]),
        (&json!("draft"), &json!("Greets."))
    );
    let moved = owner.post("/api/custom-nodes/{node}/activate", &[&id], &json!({})).is(200).body;
    assert_eq!(moved["node"]["status"], "active");
    assert!(moved["message"].is_string());
    added(&owner, "1.0.1", &source("acme"));
    let listed = owner.get("/api/custom-nodes").is(200).body;
    let versions: Vec<&Value> =
        listed["nodes"].as_array().expect("nodes").iter().map(|node| &node["version"]).collect();
    assert_eq!(versions, [&json!("1.0.1"), &json!("1.0.0")], "newest first");
    let bad = json!({"name": "A", "version": "1.0.0", "sourceCode": "export class {"});
    let refused = owner.post("/api/custom-nodes", &[], &bad).is(400).body;
    assert!(
        refused["detail"].as_str().is_some_and(|text| text.starts_with("TypeScript compilation failed: ")),
        "{refused:#}"
    );
}

/// A workflow that was saved before a version was deprecated is warned of at each start: in the answer, on the execution, and by
/// the command line. So is one that starts that workflow.
#[track_caller]
fn warned(server: &Server, owner: &Person<'_>, token: &str) {
    let outer = "akao: 1\nid: outer\nversion: 1.0.0\nroot: { type: SubWorkflow, props: { workflow: w } }\n";
    owner.save("outer", outer).is(201);
    let expected = json!(["`Greet@1.0.0` is deprecated: old"]);
    for workflow in ["w", "outer"] {
        let start = json!({"workflow": workflow, "input": {}});
        let started = owner.post("/api/v1/executions", &[], &start).is(201).body;
        assert_eq!(started["warnings"], expected, "{started:#}");
        let execution = started["execution"].as_str().expect("an id");
        let ended = owner.wait(execution, &["success", "failure"]);
        assert_eq!((&ended["status"], &ended["warnings"]), (&json!("success"), &expected), "{ended:#}");
        let show = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
            command.args(["executions", "show", execution, "--server", &server.url]).args(more);
            command.env("AKAO_TOKEN", token).env_remove("AKAO_DATA_DIR").stdin(Stdio::null());
            let output = command.output().expect("the program runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert!(show(&[]).contains("warning: `Greet@1.0.0` is deprecated: old\n"), "{}", show(&[]));
        let document: Value = serde_json::from_str(&show(&["--json"])).expect("a document");
        assert_eq!(document["warnings"], expected, "{document:#}");
    }
}

#[test]
fn the_sdk_deploys_and_looks_after_versions_on_a_server() {
    let server = Server::new();
    let owner = server.owner();
    let token = owner.new_token(None);
    let desk = tempfile::tempdir().expect("a folder");
    std::fs::write(desk.path().join("greet.ts"), source("the sdk")).expect("a file");
    let akao = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).args(["--server", &server.url, "--json"]);
        command
            .current_dir(desk.path())
            .stdin(Stdio::null())
            .env("AKAO_TOKEN", &token)
            // A data directory that is named would be meant in the place of the server.
            .env_remove("AKAO_DATA_DIR")
            .env("XDG_CONFIG_HOME", desk.path().join("config"))
            .env("XDG_DATA_HOME", desk.path().join("data"))
            .env("HOME", desk.path());
        let output = command.output().expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told} {}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice::<Value>(&output.stdout).expect("a document")
    };
    let sdk = |arguments: &[&str]| akao(&[&["sdk"], arguments, &["--tenant", "acme"]].concat());
    let listed = || {
        let document = akao(&["list-nodes"]);
        let all = document["nodes"].as_array().cloned().unwrap_or_default();
        let custom = all.into_iter().filter(|one| one["custom"] == true);
        custom
            .map(|one| format!("{}@{}", one["type"].as_str().unwrap_or(""), one["version"].as_str().unwrap_or("")))
            .collect::<Vec<_>>()
    };
    assert_eq!(sdk(&["deploy", "greet.ts"])["status"], "draft");
    assert_eq!(listed(), Vec::<String>::new(), "a draft is of no use yet");
    assert_eq!(sdk(&["promote", "Greet@1.0.0"])["node"]["status"], "active");
    owner.save("w", &workflow("w", "Greet@1.0.0")).is(201);
    assert_eq!(said(&owner, "w"), "the sdk greets Ada");
    assert_eq!(listed(), ["Greet@1.0.0"]);
    for name in ["Greet", "Greet@1.0.0"] {
        let shown = akao(&["node-info", name]);
        assert_eq!((&shown["name"], &shown["props"]["required"]), (&json!(name), &json!(["name"])), "{shown:#}");
    }
    assert_eq!(akao(&["node-info", "HttpRequest"])["name"], "HttpRequest");
    assert_eq!(sdk(&["dependents", "Greet"])["items"][0]["workflow"], "w");
    assert_eq!(sdk(&["deprecate", "Greet@1.0.0", "--message", "old"])["status"], "deprecated");
    warned(&server, &owner, &token);
    assert_eq!(sdk(&["withdraw", "Greet@1.0.0", "--message", "it leaks"])["status"], "withdrawn");
}

#[test]
fn a_name_that_workflows_know_is_not_taken_and_a_version_does_not_succeed_itself() {
    let server = Server::new();
    let owner = server.owner();
    for name in ["FailureNode", "HttpRequest", "Sequence", "Fallback"] {
        let body = json!({"name": name, "version": "1.0.0", "source": source("acme")});
        let refused = owner.post(NODES, &[], &body).refuses(409, "conflict");
        assert!(refused.body.to_string().contains("another name"), "{:#}", refused.body);
    }
    let id = added(&owner, "1.0.0", &source("acme"));
    owner.post(ACTIVATE, &[&id], &json!({})).is(200);
    let retire =
        |successor: &str| owner.post("/api/v1/custom-nodes/{node}/deprecate", &[&id], &json!({"successor": successor}));
    retire("1.0.0").refuses(400, "invalid_request");
    let next = added(&owner, "1.1.0", &source("acme again"));
    owner.post(ACTIVATE, &[&next], &json!({})).is(200);
    retire("1.1.0").is(200);
}

#[test]
fn a_schema_is_worked_out_for_its_node_and_the_node_sees_what_the_execution_was_started_with() {
    let server = Server::new();
    let owner = server.owner();
    let source = "const text = () => ({ type: 'string' });\nexport const schema = { type: 'object', properties: { name: text() } };\n\
                  export default ({ name }: any, context: any) => `${name} ${context.input.of}`;\n";
    let made = owner.post(NODES, &[], &json!({"name": "Greet", "version": "1.0.0", "source": source})).is(201).body;
    let id = made["id"].as_str().expect("an id");
    let shown = owner.show(ONE, &[id]).is(200).body;
    assert_eq!(shown["schema"]["properties"], json!({"name": {"type": "string"}}), "{shown:#}");
    owner.post(ACTIVATE, &[id], &json!({})).is(200);
    owner
        .save("w", &workflow("w", "Greet@1.0.0").replace("outputs:", "inputs: { of: { type: string } }\noutputs:"))
        .is(201);
    let execution = owner.start("w", &json!({"of": "London"}));
    assert_eq!(owner.wait(&execution, &["success", "failure"])["outputs"]["said"], "Ada London");
    let wrong = source.replace("{ type: 'object', ", "{ type: text().type, ");
    let body = json!({"name": "Greet", "version": "1.1.0", "source": wrong});
    let refused = owner.post(NODES, &[], &body).refuses(400, "invalid_request").body;
    assert!(refused.to_string().contains("no schema of an object"), "{refused:#}");
}

#[test]
fn an_upload_needs_no_zod_and_types_of_its_other_files_count() {
    let server = Server::new();
    let owner = server.owner();
    let source = "import { z } from 'zod';\nexport const schema = z.object({ name: z.string().min(2) });\n\
                  export default ({ name }: z.infer<typeof schema>) => name;\n";
    let made = owner.post(NODES, &[], &json!({"name": "Greet", "version": "1.0.0", "source": source})).is(201).body;
    let shown = owner.show(ONE, &[made["id"].as_str().expect("an id")]).is(200).body;
    assert_eq!(shown["schema"]["properties"], json!({"name": {"type": "string", "minLength": 2}}), "{shown:#}");
    let files = json!({
        "greet.ts": "import { defineNode } from 'workflow-sdk';\nimport type { Own } from './types';\nexport default defineNode<Own>(({ name }) => name);\n",
        "types.ts": "export interface Own { name: 'Ada' | 'Bob' }\n",
    });
    let body = json!({"name": "Greet", "version": "1.1.0", "files": files, "entry": "greet.ts"});
    let made = owner.post(NODES, &[], &body).is(201).body;
    let shown = owner.show(ONE, &[made["id"].as_str().expect("an id")]).is(200).body;
    assert_eq!(shown["schema"]["properties"], json!({"name": {"enum": ["Ada", "Bob"]}}), "{shown:#}");
}
