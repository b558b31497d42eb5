//! Manifests that are sound, what they say, and how a workflow's catalogue takes their nodes.

use akao_contract::manifest::{Instances, Manifest, Resources, RuntimeKind, Transport};
use akao_contract::{Category, Effects, Permission, Reads};
use akao_manifest::{check, print, read};
use serde_json::json;

const HEADER: &str = "manifest: 1\nid: com.example.enrich\nname: Enrich orders\nversion: 1.2.0\n";
const RUNTIME: &str = "runtime: { type: python, command: ./main.py }\n";

fn manifest(text: &str) -> Manifest {
    read(text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}")).manifest
}

fn short(rest: &str) -> Manifest {
    manifest(&format!("{HEADER}{RUNTIME}{rest}"))
}

/// The example of the reference, in full.
const FULL: &str = r#"manifest: 1
id: com.example.enrich
name: Enrich orders
version: 1.2.0
description: Adds customer data to orders
runtime:
  type: python
  command: ./main.py
  args: ["--mode", "server"]
  transport: socket
  instances: { max: 4, concurrency: 1, recycle_after: 1000 }
nodes:
  - id: com.example.enrich
    inputs:  { orders: { type: array, required: true } }
    outputs: { result: { type: object } }
    idempotent: true
provides: [{ capability: inventory.list, priority: 10 }]
dependencies: [{ id: com.example.base-lib, version: ">=1.0.0" }]
permissions:
  - filesystem.read: [volume://orders]
  - network.http: { hosts: ["api.example.com:443"] }
  - secrets: [CRM_TOKEN]
resources: { memory: 128MB, cpu: 100m, pids: 64, files: 256, disk: 64MB, timeout: 30s }
"#;

#[test]
fn the_full_form_is_read() {
    let manifest = manifest(FULL);
    assert_eq!(manifest.id.publisher(), "com.example");
    assert_eq!(manifest.runtime.command, "main.py");
    assert_eq!(manifest.runtime.args, ["--mode", "server"]);
    assert_eq!(manifest.runtime.instances, Instances::default());
    assert_eq!(manifest.nodes.len(), 1);
    assert_eq!(manifest.provides[0].node, manifest.nodes[0].id);
    assert_eq!(manifest.dependencies[0].version, ">=1.0.0");
    let permissions: Vec<String> = manifest.permissions.iter().map(Permission::to_string).collect();
    let expected = ["filesystem.read=volume://orders", "network.http=api.example.com:443", "secrets=CRM_TOKEN"];
    assert_eq!(permissions, expected);
    assert_eq!(manifest.resources, Resources { memory_bytes: 128_000_000, ..Resources::default() });
}

#[test]
fn the_places_of_permissions_and_the_command_are_kept() {
    let parsed = read(FULL).unwrap();
    assert_eq!((parsed.command.line, parsed.command.column), (8, 12));
    let lines: Vec<u32> = parsed.permissions.values().map(|position| position.line).collect();
    assert_eq!(lines, [20, 21, 22]);
}

#[test]
fn a_package_of_one_node_has_its_keys_at_the_top_in_either_form() {
    let forms = [
        "inputs: { orders: { type: array, required: true }, limit: { type: integer, default: 10 } }\noutputs: { total: { type: number } }\n",
        "inputs:\n  - { name: orders, type: array, required: true }\n  - { name: limit, type: integer, default: 10 }\noutputs:\n  - { name: total, type: number }\n",
    ];
    for form in forms {
        let manifest = short(form);
        let node_type = manifest.node_types().remove(0);
        assert_eq!(node_type.name, "com.example.enrich");
        assert_eq!(
            node_type.props,
            json!({
                "type": "object",
                "properties": {
                    "orders": {"type": "array"},
                    "limit": {"type": "integer", "default": 10},
                    "outputKey": {"type": "string", "description": "Blackboard key that the main output is stored under.", "x-akao-writes": true},
                },
                "required": ["orders"],
                "additionalProperties": false,
            })
        );
        assert_eq!(node_type.outputs["properties"], json!({"total": {"type": "number"}}));
        assert_eq!(node_type.main_output.as_deref(), Some("total"));
    }
}

#[test]
fn a_node_is_what_its_declaration_says_and_nothing_more() {
    let plain = short("").node_types().remove(0);
    assert_eq!((plain.effects, plain.idempotent), (Effects::Write, false));
    assert_eq!((plain.category, plain.reads), (Category::Data, Reads::Named));
    assert_eq!((plain.children_min, plain.children_max), (0, Some(0)));
    assert_eq!((plain.summary.as_str(), plain.version.as_str()), ("Enrich orders", "1.2.0"));
    assert_eq!(plain.description, "", "what stands in the summary is not said twice");
    let told = short("description: |\n  Looks orders up.\n\n  In the shop.\n  Nothing else.\n").node_types().remove(0);
    assert_eq!((told.summary.as_str(), told.description.as_str()), ("Looks orders up.", "In the shop.\nNothing else."));
    assert_eq!(plain.props["properties"], json!({}));
    assert_eq!(plain.main_output, None);
    let node = short("idempotent: true\neffects: read\nbatch: true\npermissions: [filesystem.read]\n");
    let node_type = node.node_types().remove(0);
    assert_eq!((node_type.effects, node_type.idempotent, node_type.category), (Effects::Read, true, Category::File));
    assert!(node.nodes[0].batch);
    let network = short("permissions: [network.tcp, filesystem.read]\n").node_types().remove(0);
    assert_eq!(network.category, Category::Network);
    assert_eq!(network.permissions.len(), 2);
}

#[test]
fn several_outputs_have_a_main_one_only_when_it_is_named() {
    let outputs = "outputs: { a: { type: string }, b: { type: string } }\n";
    assert_eq!(short(outputs).nodes[0].main_output, None);
    assert_eq!(short(&format!("{outputs}main_output: b\n")).nodes[0].main_output.as_deref(), Some("b"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let manifest = short("");
    assert_eq!(manifest.resources, Resources::default());
    assert_eq!(
        manifest.runtime.instances,
        Instances { max: 4, concurrency: 1, recycle_after: 1_000, age_ms_max: 3_600_000 }
    );
    assert!(manifest.permissions.is_empty() && manifest.provides.is_empty() && manifest.dependencies.is_empty());
    assert!(!manifest.preload);
}

#[test]
fn every_runtime_is_read_with_its_transport() {
    for (name, kind) in RuntimeKind::NAMES {
        let cpu = "resources: { cpu: 1 }\n";
        let manifest = manifest(&format!("{HEADER}runtime: {{ type: {name}, command: ./run }}\n{cpu}"));
        assert_eq!(manifest.runtime.kind, kind);
        let expected = if name == "mcp" { Transport::Stdio } else { Transport::Socket };
        assert_eq!(manifest.runtime.transport, expected, "{name}");
    }
}

#[test]
fn permissions_are_read_in_each_of_their_forms() {
    let cases = [
        ("- network.http", "network.http"),
        ("- filesystem.read", "filesystem.read"),
        ("- system.exec", "system.exec"),
        ("- network.http=api.example.com:443", "network.http=api.example.com:443"),
        ("- network.http: { hosts: [api.example.com] }", "network.http=api.example.com"),
        ("- network.http: { hosts: [\"*.Example.com:443\"] }", "network.http=*.example.com:443"),
        ("- network.http: { hosts: [\"localhost:8080\"] }", "network.http=localhost:8080"),
        ("- network.tcp: { hosts: [\"10.0.0.0/8:5432\"] }", "network.tcp=10.0.0.0/8:5432"),
        ("- network.tcp: { hosts: [\"[2001:DB8::1]:5432\"] }", "network.tcp=[2001:db8::1]:5432"),
        ("- filesystem.write: [project://out/]", "filesystem.write=volume://project/out"),
        ("- filesystem.read: [volume://orders/2024]", "filesystem.read=volume://orders/2024"),
        ("- secrets: [crm_token]", "secrets=crm_token"),
        ("- system.exec: [python3.11]", "system.exec=python3.11"),
    ];
    for (text, expected) in cases {
        let manifest = short(&format!("permissions:\n  {text}\n"));
        let permissions: Vec<String> = manifest.permissions.iter().map(Permission::to_string).collect();
        assert_eq!(permissions, [expected], "{text}");
    }
}

#[test]
fn amounts_are_exact() {
    let manifest = short("resources: { memory: \"512 MiB\" }\n");
    assert_eq!(manifest.resources.memory_bytes, 512 << 20);
    for (cpu, millis) in [("1", 1_000), ("0.25", 250), ("1.5", 1_500), ("250m", 250), ("\"2\"", 2_000)] {
        assert_eq!(short(&format!("resources: {{ cpu: {cpu} }}\n")).resources.cpu_millis, millis, "{cpu}");
    }
    assert_eq!(short("resources: { timeout: 1h30m, disk: 0B }\n").resources.timeout_ms, 5_400_000);
}

#[test]
fn a_warning_comes_with_the_manifest() {
    let text = format!("{HEADER}runtime: {{ type: node, command: ./main.js }}\n");
    let (parsed, problems) = check(&text);
    assert!(parsed.is_some());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "Node.js starts slowly with 100m of a processor");
}

#[test]
fn json_is_a_manifest_too() {
    let manifest = manifest(FULL);
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(self::manifest(&json), manifest);
    assert_eq!(self::manifest(&print(&manifest)), manifest);
}

#[test]
fn a_large_manifest_is_told_what_it_may_be() {
    let text = format!("{HEADER}{RUNTIME}# {}\n", "x".repeat(1 << 20));
    let problems = read(&text).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, "yaml-budget");
    assert_eq!(problems[0].message, format!("the text has {} bytes, more than the 1048576 allowed", text.len()));
}
