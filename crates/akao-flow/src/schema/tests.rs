//! Documents that the schema accepts and refuses, through an independent validator.

use super::workflow_schema;
use akao_contract::NodeType;
use serde_json::{Value, json};

fn node_type(name: &str, children: (u32, Option<u32>), props: impl Into<Value>) -> NodeType {
    serde_json::from_value(json!({
        "name": name, "version": "1.0.0", "category": "data", "summary": format!("Does {name}."), "description": "",
        "props": props.into(), "outputs": {"type": "object"}, "effects": "none", "reads": "named",
        "children_min": children.0, "children_max": children.1,
    }))
    .unwrap()
}

fn schema() -> Value {
    let none = json!({"type": "object", "additionalProperties": false});
    let mut selector = node_type("Selector", (0, None), none.clone());
    selector.aliases.push("Fallback".to_owned());
    workflow_schema(&[
        selector,
        node_type("Sequence", (0, None), none.clone()),
        node_type("Invert", (1, Some(1)), none),
        node_type(
            "HttpRequest",
            (0, Some(0)),
            json!({
                "type": "object", "required": ["url"], "additionalProperties": false,
                "$defs": {"count": {"type": "integer", "minimum": 1}},
                "properties": {
                    "url": {"type": "string", "format": "uri", "description": "Where."},
                    "method": {"enum": ["GET", "POST"], "default": "GET", "description": "How."},
                    "timeout": {"type": "integer", "minimum": 1},
                    "times": {"$ref": "#/$defs/count"},
                    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                    "codes": {"type": "array", "items": {"type": "integer"}},
                    "script": {"type": "string", "pattern": "^[a-z]+$", "x-akao-literal": true},
                },
            }),
        ),
    ])
}

fn with_root(root: impl Into<Value>) -> Value {
    json!({"akao": 1, "id": "order-alerts", "version": "1.2.0", "root": root.into()})
}

fn http(props: impl Into<Value>) -> Value {
    with_root(json!({"type": "HttpRequest", "props": props.into()}))
}

#[test]
fn the_schema_is_a_schema() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema), "{:?}", jsonschema::meta::validate(&schema).err());
    assert_eq!(schema, self::schema());
}

#[test]
fn good_documents_are_accepted() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let cases = [
        json!({"type": "Sequence", "children": [{"type": "HttpRequest", "props": {"url": "https://a"}}]}),
        with_root(json!({"type": "Fallback"})),
        with_root(json!({"type": "com.example.enrich@^1.2", "props": {"anything": 1}})),
        with_root(json!({"type": "command.execute"})),
        with_root(json!({"type": "SendSlackMessage@1.0.0"})),
        with_root(json!({"type": "./nodes/mine"})),
        with_root(json!({"type": "Invert", "children": [{"type": "Sequence"}]})),
        http(json!({"url": "${input.url}", "method": "${bb.method}", "timeout": "{{ input.t }}", "times": "${bb.n}"})),
        http(
            json!({"url": "https://${input.host}/x", "timeout": 3, "times": 2, "codes": [200, "${bb.code}"], "script": "abc"}),
        ),
        http(json!({"url": "https://a", "headers": "${bb.headers}", "codes": "${bb.codes}"})),
        json!({
            "akao": 1, "id": "a", "version": "1.0.0-rc.1", "name": "N", "description": "D",
            "inputs": {"customer": {"type": "string", "required": true, "x-note": 1}},
            "outputs": {"count": "${steps.a.outputs.result}", "fixed": 3},
            "settings": {"timeout": "10m", "concurrency": {"key": "${input.customer}", "limit": 1}, "on_failure": "stop"},
            "trees": {"inner": {"type": "Sequence"}},
            "root": {
                "type": "Sequence", "id": "top", "name": "Top", "if": "bb.x > 1", "timeout": "1h30m", "on_failure": "continue",
                "retry": {"attempts": 3, "delay": "1s", "factor": 2, "max_delay": "60s", "on": ["connection", "not_found"]},
                "needs": ["a"], "run_on": ["gpu"], "pin": {"x": 1}, "case": "a",
            },
        }),
    ];
    for document in cases {
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{document}\n{errors:#?}");
    }
}

#[test]
fn bad_documents_are_refused_where_they_are_bad() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let cases = [
        (json!({}), ""),
        (json!({"akao": 2, "id": "a", "version": "1.0.0", "root": {"type": "Sequence"}}), "/akao"),
        (json!({"akao": 1, "id": "A b", "version": "1.0.0", "root": {"type": "Sequence"}}), "/id"),
        (json!({"akao": 1, "id": "a", "version": "1", "root": {"type": "Sequence"}}), "/version"),
        (json!({"akao": 1, "id": "a", "version": "1.0.0"}), ""),
        (with_root(json!({"type": "Sequnce"})), "/root/type"),
        (with_root(json!({"type": "Sequence", "prop": {}})), "/root"),
        (with_root(json!({"type": "Sequence", "props": {"x": 1}})), "/root/props"),
        (with_root(json!({"type": "Invert"})), "/root"),
        (with_root(json!({"type": "Invert", "children": []})), "/root/children"),
        (
            with_root(json!({"type": "HttpRequest", "props": {"url": "u"}, "children": [{"type": "Sequence"}]})),
            "/root/children",
        ),
        (with_root(json!({"type": "Sequence", "timeout": "10"})), "/root/timeout"),
        (with_root(json!({"type": "Sequence", "timeout": 10})), "/root/timeout"),
        (with_root(json!({"type": "Sequence", "retry": {"delay": "1s"}})), "/root/retry"),
        (with_root(json!({"type": "Sequence", "retry": {"attempts": 1, "on": ["teapot"]}})), "/root/retry/on/0"),
        (with_root(json!({"type": "Sequence", "id": "a-b"})), "/root/id"),
        (with_root(json!({"type": "HttpRequest"})), "/root"),
        (http(json!({})), "/root/props"),
        (http(json!({"url": "u", "method": "FETCH"})), "/root/props/method"),
        (http(json!({"url": "u", "timeout": "3"})), "/root/props/timeout"),
        (http(json!({"url": "u", "times": 0})), "/root/props/times"),
        (http(json!({"url": "u", "codes": ["x"]})), "/root/props/codes"),
        (http(json!({"url": "u", "script": "${x}"})), "/root/props/script"),
        (json!({"type": "Sequence", "children": [{"type": "Sequence", "childern": []}]}), "/children/0"),
    ];
    for (document, place) in cases {
        let places: Vec<_> = validator.iter_errors(&document).map(|error| error.instance_path().to_string()).collect();
        assert!(places.iter().any(|found| found == place), "{document}\nexpected {place}, found {places:?}");
    }
}

#[test]
fn everything_an_editor_shows_is_described() {
    let schema = schema();
    for path in
        ["/$defs/workflow/properties", "/$defs/node/properties", "/$defs/retry/properties", "/$defs/input/properties"]
    {
        for (name, property) in schema.pointer(path).unwrap().as_object().unwrap() {
            let described = property.get("description").is_some() || property.get("$ref").is_some();
            assert!(described, "{path}/{name} has no description");
        }
    }
    let method = schema.pointer("/$defs/props.HttpRequest/properties/method").unwrap();
    assert_eq!((&method["description"], &method["default"]), (&json!("How."), &json!("GET")));
    let names = schema.pointer("/$defs/node/properties/type/anyOf").unwrap().as_array().unwrap();
    assert!(names.iter().any(|name| name["const"] == "HttpRequest" && name["description"] == "Does HttpRequest."));
}
