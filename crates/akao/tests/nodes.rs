//! External nodes as stories: a folder becomes a step in a real sandbox, as root and as a user without rights.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, users};
use std::fs;

const GREET: &str = "manifest: 1\nid: com.example.greet\nname: Greet\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n\
                     resources: { cpu: 1000m }\ninputs: { name: { type: string, required: true } }\n\
                     outputs: { text: { type: string } }\n";

const GREET_CODE: &str = "from akao import Failure, node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                          if not name:\n        raise Failure('input', 'the name is empty')\n    print('a line')\n    \
                          return {'text': 'Hello ' + name}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";

fn workflow(node: &str, props: &str) -> String {
    format!(
        "akao: 1\nid: try\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - {{ type: {node}, id: work, props: {props} }}\n\
         outputs: {{ all: \"${{steps.work.outputs}}\" }}\n"
    )
}

#[test]
fn a_folder_runs_as_a_step_and_what_an_execution_began_with_is_kept() {
    for user in users() {
        let desk = Desk::new(user);
        desk.node("nodes/greet", GREET, GREET_CODE);
        desk.write("w.yaml", &workflow("./nodes/greet", "{ name: Ada }"));
        let run = desk.akao(&["run", "w.yaml", "--json"]);
        let report = run.json();
        assert_eq!((run.code, &report["outputs"]["all"]["text"]), (0, &"Hello Ada".into()), "{run:?}");
        let pinned = report["steps"][1]["type"].as_str().expect("a type").to_owned();
        assert!(pinned.starts_with("com.example.greet@1.0.0#sha256:"), "{pinned}");
        let shown = desk.akao(&["run", "w.yaml"]);
        assert!(shown.err.contains("work com.example.greet@1.0.0 "), "people are spared the digest: {shown:?}");
        // The folder changes; what was run can still be looked at and replayed, and the next run has the new content.
        desk.node("nodes/greet", GREET, &GREET_CODE.replace("Hello ", "Hi "));
        let execution = report["execution"].as_str().expect("an id");
        assert_eq!(desk.akao(&["executions", "replay", execution, "--json"]).json()["equal"], true);
        let again = desk.akao(&["run", "w.yaml", "--json"]).json();
        assert_eq!(again["outputs"]["all"]["text"], "Hi Ada");
        assert_ne!(again["steps"][1]["type"], pinned.as_str());
    }
}

#[test]
fn what_is_wrong_with_a_package_is_told_where_it_stands() {
    let desk = Desk::new(users()[0]);
    desk.node("nodes/greet", GREET, GREET_CODE);
    let cases = [
        (workflow("./nodes/none", "{}"), "w.yaml:7:15: error[unavailable-type]: `nodes/none` is not a folder"),
        (workflow("../greet", "{}"), "is outside the folder of the workflow"),
        (workflow("./nodes/greet#com.example.other", "{}"), "holds no node `com.example.other`"),
        (workflow("./nodes/greet", "{ nam: Ada }"), "nam"),
        (workflow("com.example.greet", "{ name: Ada }"), "com.example.greet"),
    ];
    for (text, told) in cases {
        desk.write("w.yaml", &text);
        let said = desk.akao(&["validate", "w.yaml"]);
        assert!(said.code == 2 && said.out.contains(told), "{told}: {said:?}");
    }
    desk.write("w.yaml", &workflow("./nodes/greet", "{ name: Ada }"));
    desk.write("nodes/greet/_.yaml", &GREET.replace("version: 1.0.0", "version: one"));
    let said = desk.akao(&["validate", "w.yaml"]);
    assert!(said.out.contains("nodes/greet/_.yaml:4:"), "the manifest's problem has its own place: {said:?}");
}

#[test]
fn a_node_that_asks_for_more_than_it_was_granted_is_told_how_and_the_audit_knows() {
    for user in users() {
        let desk = Desk::new(user);
        let manifest = format!(
            "{GREET}permissions:\n  - network.http: {{ hosts: [\"api.example.com:443\"] }}\n  - secrets: [CRM_TOKEN]\n"
        );
        let code = "from akao import node, serve\nimport socket\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    token = context.secret('CRM_TOKEN')\n    tries = []\n    for host in ['other.example.com', '169.254.169.254']:\n        \
                    try:\n            sock = socket.create_connection((host, 443), 2)\n            tries.append('data' if sock.recv(1) else 'closed')\n        \
                    except OSError as error:\n            tries.append(type(error).__name__)\n    print('token', token)\n    \
                    return {'text': ' '.join(tries) + ' ' + str(len(token))}\n\nif __name__ == '__main__':\n    \
                    serve(greet, version='1.0.0')\n";
        desk.node("nodes/greet", &manifest, code);
        desk.write("w.yaml", &workflow("./nodes/greet", "{ name: Ada }"));
        let refused = desk.akao(&["run", "w.yaml", "--json"]).json();
        let error = &refused["error"];
        assert_eq!(error["kind"], "permission", "{refused}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("asks for network.http=api.example.com:443 (_.yaml:10:"), "{message}");
        assert_eq!(
            error["detail"]["grant"],
            "--grant network.http=api.example.com:443 --grant secrets=CRM_TOKEN --secret CRM_TOKEN=env:CRM_TOKEN"
        );
        let grants = ["--grant", "network.http=api.example.com:443", "--grant", "secrets=CRM_TOKEN"];
        let without = desk.akao(&[&["run", "w.yaml"], &grants[..]].concat());
        assert!(without.code == 2 && without.err.contains("needs secret `CRM_TOKEN`"), "{without:?}");
        desk.write("token", "hush-hush-token");
        let given = [&["run", "w.yaml", "--json", "--secret", "CRM_TOKEN=@token"], &grants[..]].concat();
        let run = desk.akao(&given);
        assert_eq!(run.json()["outputs"]["all"]["text"], "gaierror ConnectionResetError 15", "{run:?}");
        let execution = run.json()["execution"].as_str().expect("an id").to_owned();
        let logs = desk.akao(&["executions", "logs", &execution]);
        assert!(logs.out.contains("token ***") && !logs.out.contains("hush"), "{logs:?}");
        let audit = desk.akao(&["audit", "--denied", "--json"]).json();
        let denied: Vec<String> = audit["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .map(|entry| {
                format!(
                    "{} {}",
                    entry["act"].as_str().unwrap_or_default(),
                    entry["target"].as_str().unwrap_or_default()
                )
            })
            .collect();
        assert!(denied.contains(&"permission network.http=api.example.com:443".to_owned()), "{denied:?}");
        assert!(denied.contains(&"connect 169.254.169.254:443".to_owned()), "{denied:?}");
        assert!(denied.iter().any(|entry| entry.starts_with("query other.example.com")), "{denied:?}");
    }
}

#[test]
fn a_node_sees_its_own_and_reaches_its_volumes_only() {
    for user in users() {
        let desk = Desk::new(user);
        let manifest =
            format!("{GREET}permissions: [{{ filesystem.read: [volume://orders] }}, {{ system.exec: [id] }}]\n");
        let code = "from akao import node, serve\nimport os, subprocess\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    seen = sorted(os.listdir('/'))\n    orders = open('/volumes/orders/a.txt').read()\n    tries = []\n    \
                    for path in ['/volumes/orders/b', '/package/b']:\n        try:\n            open(path, 'w')\n            \
                    tries.append('written')\n        except OSError as error:\n            tries.append(error.strerror)\n    \
                    user = subprocess.run(['id', '-u'], capture_output=True, text=True).stdout.strip()\n    \
                    try:\n        subprocess.run(['uname'])\n        tries.append('ran')\n    except PermissionError:\n        \
                    tries.append('refused')\n    return {'text': '|'.join([','.join(seen), orders, user] + tries)}\n\n\
                    if __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";
        desk.node("nodes/greet", &manifest, code);
        desk.write("orders/a.txt", "one");
        desk.write("w.yaml", &workflow("./nodes/greet", "{ name: Ada }"));
        let options =
            ["--grant", "filesystem.read=volume://orders", "--grant", "system.exec=id", "--volume", "orders=orders"];
        let run = desk.akao(&[&["run", "w.yaml", "--json"], &options[..]].concat());
        let text = run.json()["outputs"]["all"]["text"].as_str().unwrap_or_else(|| panic!("{run:?}")).to_owned();
        let parts: Vec<&str> = text.split('|').collect();
        assert!(!parts[0].contains("root") && !parts[0].contains("home") && parts[0].contains("package"), "{text}");
        assert_eq!(parts[1..], ["one", "1000", "Read-only file system", "Read-only file system", "refused"], "{text}");
    }
}

#[test]
fn whoever_writes_a_node_runs_tests_checks_and_links_it() {
    for user in users() {
        let desk = Desk::new(user);
        desk.node("greet", GREET, GREET_CODE);
        let run = desk.akao(&["node", "run", "greet", "--set", "name=Ada"]);
        assert_eq!((run.code, run.json()["text"].as_str()), (0, Some("Hello Ada")), "{run:?}");
        for message in ["→ {\"jsonrpc\":\"2.0\"", "node.info", "node.execute", "← ", "| a line", "node.shutdown"] {
            assert!(run.err.contains(message), "{message}: {run:?}");
        }
        let wrong = desk.akao(&["node", "run", "greet"]);
        assert!(wrong.code == 2 && wrong.err.contains("the inputs do not fit the node"), "{wrong:?}");
        desk.write(
            "greet/tests/cases.yaml",
            "- name: greets\n  input: { name: Ada }\n  expect: { outputs: { text: Hello Ada }, logs: [a line] }\n\
             - name: wants a name\n  input: { name: \"\" }\n  expect: { error: { kind: input, message: empty } }\n",
        );
        let test = desk.akao(&["node", "test", "greet"]);
        assert!(
            test.code == 0 && test.out.contains("✓ greets") && test.err.contains("2 of 2 cases passed."),
            "{test:?}"
        );
        desk.write(
            "greet/tests/more.yaml",
            "- name: fails\n  input: { name: Ada }\n  expect: { outputs: { text: Bye } }\n",
        );
        let failed = desk.akao(&["node", "test", "greet", "--only", "fails"]);
        assert!(failed.code == 1 && failed.out.contains("the outputs are {\"text\":\"Hello Ada\"}"), "{failed:?}");
        fs::remove_file(desk.path("greet/tests/more.yaml")).expect("the file");
        let checked = desk.akao(&["node", "validate", "greet"]);
        assert!(checked.code == 0 && checked.out.contains("✓ it ends on `node.shutdown`"), "{checked:?}");
        desk.write("other/w.yaml", &workflow("com.example.greet", "{ name: Ada }"));
        assert_eq!(desk.akao(&["run", "other/w.yaml"]).code, 2, "nothing is linked");
        assert_eq!(desk.akao(&["node", "link", "greet"]).code, 0);
        let run = desk.akao(&["run", "other/w.yaml", "--json"]);
        assert_eq!(run.json()["outputs"]["all"]["text"], "Hello Ada", "{run:?}");
        assert_eq!(desk.akao(&["node", "unlink", "com.example.greet"]).code, 0);
        let gone = desk.akao(&["node", "unlink", "com.example.greet"]);
        assert!(gone.code == 1 && gone.err.contains("no package `com.example.greet` is linked"), "{gone:?}");
    }
}

#[test]
fn the_sandbox_explains_and_tests_itself() {
    for user in users() {
        let desk = Desk::new(user);
        let manifest = format!("{GREET}permissions: [{{ network.http: {{ hosts: [api.example.com] }} }}]\n");
        desk.node("greet", &manifest, GREET_CODE);
        let explained = desk.akao(&["sandbox", "explain", "greet"]);
        for text in ["/package", "nothing: there is no network", "(line 9)", "--grant network.http=api.example.com"] {
            assert!(explained.code == 0 && explained.out.contains(text), "{text}: {explained:?}");
        }
        let granted = ["sandbox", "explain", "greet/_.yaml", "--json", "--grant", "network.http=api.example.com"];
        let reaches = desk.akao(&granted).json()["reaches"].clone();
        assert_eq!(reaches, serde_json::json!(["api.example.com:443", "api.example.com:80"]));
        let doctor = desk.akao(&["doctor", "sandbox", "--json"]);
        let report = doctor.json();
        assert_eq!((doctor.code, &report["reached"]), (0, &true.into()), "{doctor:?}");
        assert_eq!(report["rootless"], user != 0, "{doctor:?}");
        let one = desk.akao(&["sandbox", "selftest", "--json", "--case", "17"]).json();
        assert!(one["broken"] == 0 && one["holds"].as_u64() > Some(0), "{one}");
    }
}

#[test]
fn a_step_with_many_inputs_is_one_call_that_answers_each() {
    let desk = Desk::new(users()[0]);
    let manifest = "manifest: 1\nid: com.example.many\nname: Many\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n\
                    resources: { cpu: 1000m }\nbatch: true\nmain_output: double\nidempotent: true\n\
                    inputs: { value: { type: integer, required: true }, by: { type: integer, default: 2 } }\n\
                    outputs: { double: { type: integer }, process: { type: integer } }\n";
    let code = "from akao import Failure, node, serve\nimport os\n\n@node('com.example.many', batch=True)\n\
                def many(context, value: int, by: int = 2):\n    if value < 0:\n        raise Failure('input', 'the value is negative')\n    \
                return {'double': value * by}\n\nif __name__ == '__main__':\n    serve(many, version='1.0.0')\n";
    desk.node("nodes/many", manifest, code);
    let file = "akao: 1\nid: try\nversion: 1.0.0\ninputs: { values: { type: array } }\nroot:\n  type: Sequence\n  children:\n    \
                - { type: ./nodes/many, id: written, props: { $items: [{ value: 1, by: 5 }, { value: \"${input.values[0].value}\" }] } }\n    \
                - { type: ./nodes/many, id: given, props: { $items: \"${input.values}\", outputKey: kept } }\n\
                outputs: { written: \"${steps.written.outputs.items}\", failed: \"${steps.given.outputs.failed}\", kept: \"${bb.kept}\" }\n";
    desk.write("w.yaml", file);
    desk.write("input.json", "{\"values\": [{\"value\": 3}, {\"value\": -1}, {\"value\": 7}]}");
    let run = desk.akao(&["run", "w.yaml", "--json", "--input", "@input.json"]);
    let outputs = &run.json()["outputs"];
    assert_eq!(run.code, 0, "{run:?}");
    let doubles = |items: &serde_json::Value| -> Vec<serde_json::Value> {
        items.as_array().expect("items").iter().map(|item| item["outputs"]["double"].clone()).collect()
    };
    assert_eq!(doubles(&outputs["written"]), [5, 6]);
    assert_eq!(doubles(&outputs["kept"]), [6.into(), serde_json::Value::Null, 14.into()]);
    assert_eq!(
        (&outputs["failed"], &outputs["kept"][1]["error"]["message"]),
        (&1.into(), &"the value is negative".into())
    );

    let wrong = [
        ("{ $items: [{ value: x }] }", "value"),
        ("{ $items: [7] }", "`$items[0]` is the number 7, not a mapping of inputs"),
        ("{ $items: all }", "`$items` is the text `all`, not a list"),
        ("{ $items: [], value: 1 }", "`value` stands beside `$items`"),
    ];
    for (props, told) in wrong {
        desk.write("w.yaml", &workflow("./nodes/many", props));
        let said = desk.akao(&["validate", "w.yaml"]);
        assert!(said.code == 2 && said.out.contains(told), "{told}: {said:?}");
    }
    desk.write("w.yaml", &file.replace("${input.values}", "${input.values[0]}"));
    let run = desk.akao(&["run", "w.yaml", "--json", "--input", "@input.json"]).json();
    assert_eq!(run["error"]["kind"], "input", "{run}");
}

#[test]
fn what_the_operator_has_decided_holds() {
    let desk = Desk::new(users()[0]);
    let manifest = GREET.replace("resources: { cpu: 1000m }", "resources: { cpu: 1000m, memory: 128MB }");
    let code = "from akao import node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                return {'text': str(len(bytearray(int(name))))}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";
    desk.node("nodes/greet", &manifest, code);
    desk.write("w.yaml", &workflow("./nodes/greet", "{ name: \"80000000\" }"));
    assert_eq!(desk.akao(&["run", "w.yaml", "--json"]).json()["outputs"]["all"]["text"], "80000000");
    desk.write("data/config/nodes.toml", "config = 1\n[limits]\nmemory = \"64MB\"\n[preload]\nmost_used = 1\n");
    let capped = desk.akao(&["run", "w.yaml", "--json"]).json();
    let error = &capped["error"];
    assert_eq!(
        (&error["kind"], &error["detail"]["limit"], &error["detail"]["value"]),
        (&"resource".into(), &"memory".into(), &"64MB".into()),
        "{capped}"
    );
    let hint = error["suggestion"].as_str().or(error["detail"]["suggestion"].as_str()).unwrap_or_default();
    assert!(hint.contains("The operator allows 64MB of the 128MB"), "{capped}");
    let explained = desk.akao(&["sandbox", "explain", "nodes/greet"]);
    assert!(explained.out.contains("of 128MB asked for"), "{explained:?}");
    let used = fs::read_to_string(desk.path("data/cache/used.json")).expect("it is counted");
    assert!(used.contains("\"com.example.greet\":{\"calls\":2"), "{used}");

    desk.write("data/config/nodes.toml", "config = 1\n[limits]\nmemori = \"64MB\"\n");
    for command in [&["run", "w.yaml"][..], &["run", "w.yaml", "--detach"]] {
        let refused = desk.akao(command);
        assert!(refused.code == 2 && refused.err.contains("nodes.toml:3:1: unknown field `memori`"), "{refused:?}");
    }
}

#[test]
fn what_a_step_used_is_kept_with_it() {
    for user in users() {
        let desk = Desk::new(user);
        let code = "from akao import node, serve\nimport time\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    held = bytearray(40_000_000)\n    end = time.process_time() + 0.2\n    while time.process_time() < end:\n        pass\n    \
                    return {'text': str(len(held))}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";
        desk.node("nodes/greet", GREET, code);
        desk.write("w.yaml", &workflow("./nodes/greet", "{ name: Ada }"));
        let run = desk.akao(&["run", "w.yaml", "--json"]).json();
        let execution = run["execution"].as_str().expect("an id");
        let usage = &desk.akao(&["executions", "show", execution, "--step", "work", "--json"]).json()["usage"];
        let tier = desk.akao(&["doctor", "sandbox", "--json"]).json()["tier"].clone();
        if tier != "T0" {
            assert!(usage.is_null(), "nothing is said that was not measured: {usage}");
            continue;
        }
        let used = |name: &str| usage[name].as_u64().unwrap_or_default();
        assert!((150..2_000).contains(&used("cpu_ms")), "{usage}");
        assert!((40_000_000..200_000_000).contains(&used("memory_peak_bytes")), "{usage}");
        assert!((1..16).contains(&used("pids_peak")), "{usage}");
    }
}
