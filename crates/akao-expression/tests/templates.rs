//! Templates and conditions: where expressions are found, what becomes of them, and how secrets stay handles.

use akao_expression::{Condition, MASK, MapScope, Namespace, SecretPart, Template, condition};
use serde_json::{Value, json};

fn scope() -> MapScope {
    MapScope::new().with(Namespace::Input, json!({ "a": 1, "list": [1, 2], "ratio": 3.0, "name": "Ada" })).with(
        Namespace::Blackboard,
        json!({ "x": "bb", "none": null, "blob": { "$blob": "sha256:00", "bytes": 70000, "media_type": "text/plain" } }),
    )
}

fn render(template: &Value) -> Value {
    let compiled = Template::compile(template).unwrap_or_else(|error| panic!("{template}: {error:?}"));
    compiled.render(&scope()).unwrap_or_else(|error| panic!("{template}: {error:?}")).value
}

#[test]
fn values_render() {
    let cases = [
        (json!("plain } text {"), json!("plain } text {")),
        (json!("${input.a}"), json!(1)),
        (json!("{{ input.list }}"), json!([1, 2])),
        (json!(" ${input.a}"), json!(" 1")),
        (json!("a=${input.a}, l={{ input.list }}, n=${bb.none}, r=${input.ratio}"), json!("a=1, l=[1,2], n=null, r=3")),
        (json!("${input.a}${input.a}"), json!("11")),
        (json!("${ {'a': {'b': 1}} }"), json!({ "a": { "b": 1 } })),
        (json!("{{ {'a': {'b': 1}}}}"), json!({ "a": { "b": 1 } })),
        (json!("${'}'}"), json!("}")),
        (json!("${\"}\\\"}\"}!"), json!("}\"}!")),
        (json!("$${input.a}"), json!("${input.a}")),
        (json!("$${a} ${input.a}"), json!("${a} 1")),
        (json!("${'{{'}"), json!("{{")),
        (json!("$5 and $x and { }"), json!("$5 and $x and { }")),
        (json!("ü${x}ü"), json!("übbü")),
        (json!({ "${input.a}": ["${input.a}", { "k": "v${x}" }] }), json!({ "${input.a}": [1, { "k": "vbb" }] })),
        (json!({ "$secret": "TOKEN" }), json!({ "$secret": "TOKEN" })),
        (json!("${blob}"), json!({ "$blob": "sha256:00", "bytes": 70000, "media_type": "text/plain" })),
        (json!([true, 1, null]), json!([true, 1, null])),
    ];
    for (template, expected) in cases {
        assert_eq!(render(&template), expected, "{template}");
    }
}

#[test]
fn constants_are_known_before_the_run() {
    for (template, constant) in [
        (json!({ "a": ["x", 1] }), Some(json!({ "a": ["x", 1] }))),
        (json!("$${x}"), Some(json!("${x}"))),
        (json!("${ 5 }"), Some(json!(5))),
        (json!("${x}"), None),
        (json!(["${secrets.A}"]), None),
    ] {
        assert_eq!(Template::compile(&template).unwrap().as_constant(), constant.as_ref(), "{template}");
    }
    let literal = Template::literal(json!("${not.touched}"));
    assert_eq!(literal.as_constant(), Some(&json!("${not.touched}")));
    assert_eq!(literal.render(&scope()).unwrap().value, json!("${not.touched}"));
}

#[test]
fn compile_errors_tell_where() {
    let cases = [
        (json!("ab ${input.a"), "", 3, "`${` is not closed with `}`"),
        (json!("{{ a }"), "", 0, "`{{` is not closed with `}}`"),
        (json!("é ${ 'a }"), "", 6, "text in an expression is not closed"),
        (json!({ "a/b": ["x", "y ${ a && b }"] }), "/a~1b/1", 7, "`&&` is not part"),
        (json!("${}"), "", 2, "expression is empty"),
        (json!("${secrets.A == 'x'}"), "", 2, "a secret cannot be computed with"),
        (json!("${secrets.A | upper}"), "", 2, "a secret cannot be computed with"),
        (json!("${'Bearer ' ~ secrets.A}"), "", 14, "a secret cannot be computed with"),
        (json!("${secrets}"), "", 2, "a secret cannot be computed with"),
        (json!("${secrets.A.b}"), "", 2, "a secret cannot be computed with"),
        (json!("${[secrets.A]}"), "", 3, "a secret cannot be computed with"),
    ];
    for (template, pointer, offset, message) in cases {
        let error = Template::compile(&template).unwrap_err();
        assert!(error.message.contains(message), "{template}: {error:?}");
        assert_eq!((error.pointer.as_str(), error.offset), (pointer, offset), "{template}: {error:?}");
    }
}

#[test]
fn evaluation_errors_tell_where() {
    let template = Template::compile(&json!({ "a": ["fine", { "b~c": "x ${nope}" }] })).unwrap();
    let error = template.render(&scope()).unwrap_err();
    assert_eq!(error.pointer, "/a/1/b~0c");
    assert!(error.message.contains("unknown name `nope`"), "{error:?}");
    let blob = Template::compile(&json!("text ${blob}")).unwrap().render(&scope()).unwrap_err();
    assert!(blob.message.contains("cannot be written into a text"), "{blob:?}");
}

#[test]
fn secrets_stay_handles() {
    let template = Template::compile(&json!({
        "whole": "${secrets.TOKEN}",
        "headers": [{ "Authorization": "Bearer ${ secrets['TOKEN'] } for ${input.name}" }],
        "two": "${secrets.A}{{ secrets.B }}",
        "none": "${input.a}",
    }))
    .unwrap();
    let rendered = template.render(&scope()).unwrap();
    assert_eq!(
        rendered.value,
        json!({ "whole": MASK, "headers": [{ "Authorization": "Bearer *** for Ada" }], "two": "******", "none": 1 })
    );
    let uses: Vec<(&str, Vec<SecretPart>)> =
        rendered.secrets.iter().map(|used| (used.pointer.as_str(), used.parts.clone())).collect();
    let text = |text: &str| SecretPart::Text(text.to_owned());
    let secret = |name: &str| SecretPart::Secret(name.to_owned());
    assert_eq!(
        uses,
        [
            ("/whole", vec![secret("TOKEN")]),
            ("/headers/0/Authorization", vec![text("Bearer "), secret("TOKEN"), text(" for Ada")]),
            ("/two", vec![secret("A"), secret("B")]),
        ]
    );
    let stored = serde_json::to_value(&rendered).unwrap();
    assert_eq!(
        stored["secrets"][1]["parts"],
        json!([{ "text": "Bearer " }, { "secret": "TOKEN" }, { "text": " for Ada" }])
    );
    let words: Vec<String> =
        template.references().iter().map(|r| format!("{} {}", r.namespace, r.path.join("."))).collect();
    assert_eq!(words, ["secrets TOKEN", "input name", "secrets A", "secrets B", "input a"]);
}

#[test]
fn conditions_take_three_forms() {
    for (value, expected) in [
        (json!(true), true),
        (json!(" input.a == 1 "), true),
        (json!("${ input.a > 1 }"), false),
        (json!("{{ input.list }}"), true),
        (json!("'${' in x"), false),
        (json!("none is none"), true),
    ] {
        let compiled = condition(&value).unwrap_or_else(|error| panic!("{value}: {error:?}"));
        assert_eq!(compiled.holds(&scope()), Ok(expected), "{value}");
    }
    assert!(matches!(condition(&json!("false")), Ok(Condition::Always(false))));
    for (value, message, offset) in [
        (json!(1), "a condition is a boolean or an expression, not a number", 0),
        (json!("${a} and ${b}"), "one expression, not a text", 0),
        (json!("a and ${b}"), "`$` is not part", 6),
        (json!("  ${ a && b }"), "`&&` is not part", 7),
        (json!(""), "expression is empty", 0),
        (json!("secrets.A"), "a secret cannot be computed with", 0),
    ] {
        let error = condition(&value).unwrap_err();
        assert!(error.message.contains(message), "{value}: {error:?}");
        assert_eq!(error.offset, offset, "{value}");
    }
}
