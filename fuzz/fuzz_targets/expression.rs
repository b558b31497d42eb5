//! Any text as an expression, a template and a condition: nothing may panic, and results stay within their bounds.

#![no_main]

use akao_expression::{Expression, MapScope, Namespace, Template, condition, limits::OUTPUT_BYTES_MAX};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SCOPE: LazyLock<MapScope> = LazyLock::new(|| {
    MapScope::new()
        .with(Namespace::Input, json!({ "name": "Ada", "amount": 120 }))
        .with(
            Namespace::Blackboard,
            json!({ "a": 7, "s": "text", "list": [3, 1, 2], "rows": [{ "id": 1 }, { "id": 2 }] }),
        )
        .with(Namespace::Steps, json!({ "x": { "outputs": { "y": 2.5 }, "status": "success", "error": null } }))
        .with(Namespace::Item, json!({ "id": 9 }))
});

fuzz_target!(|text: &str| {
    if let Ok(expression) = Expression::compile(text) {
        let _ = expression.evaluate(&*SCOPE);
        let _ = expression.holds(&*SCOPE);
    }
    match Template::compile(&Value::from(text)) {
        Ok(template) => {
            if let Ok(rendered) = template.render(&*SCOPE) {
                let literal = text.len();
                // The bound counts numbers at eight bytes; the longest takes three times that.
                assert!(rendered.value.to_string().len() <= 6 * (OUTPUT_BYTES_MAX + literal));
            }
        }
        Err(error) => assert!(text.is_char_boundary(error.offset)),
    }
    if let Err(error) = condition(&Value::from(text)) {
        assert!(text.is_char_boundary(error.offset));
    }
});
