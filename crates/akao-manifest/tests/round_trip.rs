//! Any manifest prints as a text that reads back as the same manifest; any text is read without a panic.

use akao_contract::manifest::{
    Capability, Dependency, Instances, MANIFEST_FORMAT, Manifest, NodeDeclaration, PackageId, Permissions, Provision,
    Resources, Runtime, RuntimeKind,
};
use akao_contract::{Effects, Permission, Properties, Property};
use akao_manifest::{check, print, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn id(text: &str) -> PackageId {
    text.parse().unwrap()
}

/// Texts for people, with whatever YAML may stumble over, on one line.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][ -~]{0,40}",
        Just("no".to_owned()),
        Just("1.0".to_owned()),
        Just("null".to_owned()),
        Just("a: b # c".to_owned()),
        Just("- ${x} {{ y }}".to_owned()),
        Just("日本 \"q\" 'q'".to_owned()),
    ]
    .prop_filter("not only blanks", |text| !text.trim().is_empty())
}

fn runtime() -> impl Strategy<Value = Runtime> {
    let kinds: Vec<RuntimeKind> = RuntimeKind::NAMES.iter().map(|(_, kind)| *kind).collect();
    let instances = (1u32..1_000, 1u32..1_000, 1u32..=u32::MAX, 1u64..100_000_000).prop_map(
        |(max, concurrency, recycle_after, age_ms_max)| Instances { max, concurrency, recycle_after, age_ms_max },
    );
    let command = "[a-z]{1,8}(/[a-z.-]{1,8}[a-z]){0,2}";
    (prop::sample::select(kinds), command, prop::collection::vec(words(), 0..3), instances).prop_map(
        |(kind, command, args, instances)| Runtime { kind, command, args, transport: kind.transport(), instances },
    )
}

fn property() -> impl Strategy<Value = Property> {
    let schemas = vec![
        json!({}),
        json!({"type": "string", "required": true, "minLength": 1}),
        json!({"type": ["integer", "null"], "default": null, "description": "how many"}),
        json!({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "number", "minimum": 0.5}}}}),
        json!({"enum": ["a", 1, null, true], "x-akao-literal": true}),
        json!({"type": "string", "pattern": "^[a-z]+$", "default": "abc"}),
    ];
    prop::sample::select(schemas).prop_map(|schema| match schema {
        Value::Object(property) => property,
        _ => Property::new(),
    })
}

fn properties() -> impl Strategy<Value = Properties> {
    prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,12}", property()), 0..4)
        .prop_map(|pairs| Properties(pairs.into_iter().collect()))
}

fn node(id: PackageId) -> impl Strategy<Value = NodeDeclaration> {
    let effects = prop::sample::select(vec![Effects::Read, Effects::Write]);
    let texts = (proptest::option::of(words()), proptest::option::of(words()));
    (texts, properties(), properties(), effects, any::<bool>(), any::<bool>()).prop_map(
        move |((name, description), inputs, outputs, effects, idempotent, batch)| {
            // A single output is the main one, and of several the first may be named.
            let main_output = outputs.0.keys().next().cloned();
            NodeDeclaration {
                id: id.clone(),
                name,
                description,
                inputs,
                outputs,
                main_output,
                idempotent,
                effects,
                batch,
            }
        },
    )
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let all = [
        "network.http",
        "network.http=api.example.com:443",
        "network.http=*.example.com",
        "network.tcp=[2001:db8::1]:5432",
        "network.tcp=10.0.0.0/8:5432",
        "filesystem.read",
        "filesystem.read=volume://orders/2024",
        "filesystem.write=volume://reports",
        "system.exec=jq",
        "secrets=CRM_TOKEN",
        "secrets=OTHER",
    ];
    prop::sample::subsequence(all.to_vec(), 0..all.len())
        .prop_map(|texts| texts.into_iter().map(|text| text.parse::<Permission>().unwrap()).collect())
}

fn resources() -> impl Strategy<Value = Resources> {
    (
        4_000_000u64..1_000_000_000_000,
        1u32..1_024_000,
        1u32..32_768,
        8u32..1_048_576,
        0u64..1_000_000_000_000,
        1u64..604_800_000,
    )
        .prop_map(|(memory_bytes, cpu_millis, pids, files, disk_bytes, timeout_ms)| Resources {
            memory_bytes,
            cpu_millis,
            pids,
            files,
            disk_bytes,
            timeout_ms,
        })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let nodes = prop_oneof![
        node(id("com.example.enrich")).prop_map(|node| vec![node]),
        (node(id("com.example.enrich.a")), node(id("com.example.enrich.b"))).prop_map(|(a, b)| vec![a, b]),
    ];
    let header = (words(), proptest::option::of(words()), any::<bool>());
    (header, runtime(), nodes, permissions(), resources(), any::<bool>()).prop_map(
        |((name, description, preload), runtime, nodes, permissions, resources, provides)| {
            let capability: Capability = "inventory.list".parse().unwrap();
            let provision = Provision { capability, priority: 10, node: nodes[0].id.clone() };
            let dependency = Dependency { id: id("com.example.base"), version: ">=1.0.0, <2".to_owned() };
            Manifest {
                manifest: MANIFEST_FORMAT,
                id: id("com.example.enrich"),
                name,
                version: "1.2.0-rc.1+5".to_owned(),
                description,
                runtime,
                nodes,
                provides: if provides { vec![provision] } else { Vec::new() },
                dependencies: if provides { vec![dependency] } else { Vec::new() },
                permissions,
                resources,
                preload,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back(manifest in manifest()) {
        let text = print(&manifest);
        let parsed = read(&text).map_err(|problems| TestCaseError::fail(format!("{problems:?}\n{text}")))?;
        prop_assert_eq!(&parsed.manifest, &manifest, "{}", text);
        let json = serde_json::to_value(&manifest).unwrap();
        prop_assert_eq!(serde_json::from_value::<Manifest>(json).unwrap(), manifest);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,300}") {
        let _ = check(&text);
    }

    #[test]
    fn a_manifest_with_a_hole_is_read_without_a_panic(
        manifest in manifest(),
        at in 0usize..4_000,
        length in 0usize..40,
        filler in "[ -~\\n]{0,12}",
    ) {
        let mut text = print(&manifest);
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        text.replace_range(start..end.max(start), &filler);
        let (parsed, problems) = check(&text);
        prop_assert!(parsed.is_some() || !problems.is_empty(), "{}", text);
    }

    /// Every value of the document once replaced by one of another kind.
    #[test]
    fn a_value_of_another_kind_is_read_without_a_panic(
        manifest in manifest(),
        at in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![json!(null), json!(true), json!(-1.5), json!(""), json!("a: [b"), json!([]), json!({}), json!([[1]]), json!({"a": {"b": null}})]),
    ) {
        let mut document = serde_json::to_value(&manifest).unwrap();
        let mut places = Vec::new();
        collect(&document, String::new(), &mut places);
        let place = at.get(&places).clone();
        *document.pointer_mut(&place).unwrap() = value;
        let (parsed, problems) = check(&akao_yaml::to_string(&document));
        prop_assert!(parsed.is_some() || !problems.is_empty(), "{}", document);
    }
}

fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}
