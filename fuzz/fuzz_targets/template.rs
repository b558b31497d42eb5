//! Any JSON value as a template, and any text that is not JSON as one text: rendering ends in a value within the bounds or
//! in an error; a template without expressions is the value itself; what an expression refers to is among what was told.

#![no_main]

use akao_expression::{MapScope, Namespace, Template, condition, limits::OUTPUT_BYTES_MAX};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SCOPE: LazyLock<MapScope> = LazyLock::new(|| {
    MapScope::new()
        .with(Namespace::Input, json!({ "name": "Ada", "amount": 120, "tags": ["a", "b"] }))
        .with(
            Namespace::Blackboard,
            json!({ "a": 7, "s": "text", "list": [3, 1, 2], "rows": [{ "id": 1 }, { "id": 2 }] }),
        )
        .with(Namespace::Steps, json!({ "x": { "outputs": { "y": 2.5 }, "status": "success", "error": null } }))
        .with(Namespace::Item, json!({ "id": 9 }))
        .with(Namespace::Index, json!(3))
});

fuzz_target!(|text: &str| {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    if let Ok(compiled) = condition(&value) {
        let _ = format!("{compiled:?}");
    }
    let Ok(template) = Template::compile(&value) else { return };
    let rendered = template.render(&*SCOPE);
    if template.as_constant().is_some() {
        assert!(template.references().is_empty());
        assert_eq!(rendered.as_ref().ok().map(|rendered| &rendered.value), template.as_constant());
    }
    if let Ok(rendered) = rendered {
        // The bound counts numbers at eight bytes; the longest takes three times that.
        assert!(rendered.value.to_string().len() <= 6 * (OUTPUT_BYTES_MAX + text.len()));
        // A secret is a handle here: a place in the value that the step's start fills.
        for secret in &rendered.secrets {
            assert!(rendered.value.pointer(&secret.pointer).is_some_and(Value::is_string), "{}", secret.pointer);
        }
    }
});
