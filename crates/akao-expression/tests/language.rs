//! The language as tables: an expression, and its value or its error, over one scope.

use akao_expression::{Expression, MapScope, Namespace, evaluate_over};
use serde_json::{Value, json};

fn scope() -> MapScope {
    MapScope::new()
        .with(Namespace::Input, json!({ "customer": "Ada", "amount": 120, "null": null }))
        .with(
            Namespace::Blackboard,
            json!({
                "n": 7, "f": 2.5, "text": "Hello World", "empty": "", "yes": true, "nothing": null, "max": i64::MAX,
                "big": u64::MAX, "list": [3, 1, 2], "words": ["b", "a", "b"], "nested": [[1], [2, 3], 4],
                "user": { "name": "Ada", "age": 36, "odd key": 1, "length": 5 },
                "orders": [
                    { "id": 1, "total": 10, "status": "paid", "by": { "name": "Ada" } },
                    { "id": 2, "total": 2.5, "status": "open", "by": { "name": "Bob" } },
                    { "id": 3, "total": 7, "status": "paid", "by": { "name": "Cy" } },
                ],
                "blob": { "$blob": "sha256:00", "bytes": 70000, "media_type": "application/json", "items": 900 },
                "opaque": { "$blob": "sha256:00", "bytes": 70000, "media_type": "text/plain" },
                "json": "{\"a\": [1, 2.0]}", "umlaut": "Grüße",
            }),
        )
        .with(
            Namespace::Steps,
            json!({ "fetch": { "outputs": { "result": [1, 2] }, "status": "success", "error": null } }),
        )
        .with(Namespace::Item, json!({ "id": 9 }))
        .with(Namespace::Execution, json!({ "id": "01X" }))
        .with(Namespace::Vars, json!({ "region": "eu" }))
}

#[track_caller]
fn gives(cases: &[(&str, Value)]) {
    let scope = scope();
    for (source, expected) in cases {
        let expression = Expression::compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
        let value = expression.evaluate(&scope).unwrap_or_else(|error| panic!("{source}: {error:?}"));
        assert_eq!(&value, expected, "{source}");
        assert_eq!(expression.holds(&scope), Ok(Expression::is_true(expected)), "{source}");
    }
}

/// Each case: source, a part of the message, a part of the suggestion.
#[track_caller]
fn fails(cases: &[(&str, &str, &str)]) {
    let scope = scope();
    for (source, message, suggestion) in cases {
        let (found, hint) = match Expression::compile(source) {
            Err(error) => (error.message, error.suggestion),
            Ok(expression) => match expression.evaluate(&scope) {
                Err(error) => (error.message, error.suggestion),
                Ok(value) => panic!("{source} gives {value}"),
            },
        };
        assert!(found.contains(message), "{source}: {found}");
        let hint = hint.unwrap_or_default();
        assert!(hint.contains(suggestion), "{source}: {found} / {hint}");
    }
}

#[test]
fn literals_and_paths() {
    gives(&[
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1.50", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("'it\\'s'", json!("it's")),
        ("\"a\\u00e9\\n\"", json!("aé\n")),
        ("[1, 'a', none,]", json!([1, "a", null])),
        ("{'a': 1, 'b': [true]}", json!({ "a": 1, "b": [true] })),
        ("null", json!(null)),
        ("n", json!(7)),
        ("bb.n", json!(7)),
        ("user.name", json!("Ada")),
        ("user['odd key']", json!(1)),
        ("bb['user'].age", json!(36)),
        ("bb['us' ~ 'er'].age", json!(36)),
        ("orders[0].id", json!(1)),
        ("orders[-1].id", json!(3)),
        ("orders.1.by.name", json!("Bob")),
        ("orders[n - 6].id", json!(2)),
        ("nested.1.0", json!(2)),
        ("text[0]", json!("H")),
        ("umlaut[-2]", json!("ß")),
        ("list[1:]", json!([1, 2])),
        ("list[:-1]", json!([3, 1])),
        ("list[5:9]", json!([])),
        ("list[2:1]", json!([])),
        ("umlaut[2:4]", json!("üß")),
        ("input.customer", json!("Ada")),
        ("steps.fetch.outputs.result", json!([1, 2])),
        ("steps['fetch'].status", json!("success")),
        ("item.id", json!(9)),
        ("execution.id", json!("01X")),
        ("vars.region", json!("eu")),
        ("user.length", json!(5)),
        ("blob", json!({ "$blob": "sha256:00", "bytes": 70000, "media_type": "application/json", "items": 900 })),
    ]);
}

#[test]
fn operators() {
    gives(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3.0)),
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("1.0 // 0.1", json!(9.0)),
        ("-1.0 // 0.1", json!(-10.0)),
        ("7.5 // -2", json!(-4.0)),
        ("0.0 // 3", json!(0.0)),
        ("-7 % 3", json!(2)),
        ("7 % -3", json!(-2)),
        ("2 ** 10", json!(1024)),
        ("2 ** -1", json!(0.5)),
        ("1.5 ** 2", json!(2.25)),
        ("max + 1", json!(9_223_372_036_854_775_808_u64)),
        ("big - 1", json!(u64::MAX - 1)),
        ("0.1 + 0.2", json!(0.30000000000000004)),
        ("'a' + 'b'", json!("ab")),
        ("list + [9]", json!([3, 1, 2, 9])),
        ("'n=' ~ n ~ ' ' ~ none ~ ' ' ~ [1]", json!("n=7 null [1]")),
        ("-n", json!(-7)),
        ("- -n", json!(7)),
        ("n > 5 and f < 3", json!(true)),
        ("n == 7.0", json!(true)),
        ("big > 18446744073709551614", json!(true)),
        ("max == 9223372036854775807.0", json!(false)),
        ("1 < n < 10", json!(true)),
        ("1 < n < 3", json!(false)),
        ("'a' < 'b'", json!(true)),
        ("n == '7'", json!(false)),
        ("[1, {'a': 1}] == [1.0, {'a': 1.0}]", json!(true)),
        ("'World' in text", json!(true)),
        ("2 in list", json!(true)),
        ("2 not in list", json!(false)),
        ("'name' in user", json!(true)),
        ("not n", json!(false)),
        ("not n is string", json!(true)),
        ("empty or 'none'", json!("none")),
        ("n and 'x'", json!("x")),
        ("false or nothing", json!(null)),
        ("'a' if n > 5 else 'b'", json!("a")),
        ("'a' if n > 9 else 'b' if n > 8 else 'c'", json!("c")),
        ("yes or undefined_name", json!(true)),
    ]);
    fails(&[
        ("big + 1", "`+` does not fit a 64-bit", ""),
        ("max * max * max", "`*` does not fit", ""),
        ("2 ** 64", "`**` does not fit", ""),
        ("2 ** 3 ** 2", "two ways", "brackets"),
        ("2 ** 0.5", "whole number", ""),
        ("1 / 0", "division by zero", ""),
        ("1.0 // 0", "division by zero", ""),
        ("1 % 0", "division by zero", ""),
        ("1e308 * 10", "not a finite", ""),
        ("'a' + 1", "cannot apply `+` to a text and a number", "`~`"),
        ("'a' * 3", "cannot apply `*`", ""),
        ("user + user", "cannot apply `+`", "merge"),
        ("1 < 'a'", "cannot order a number and a text", "`int`"),
        ("1 in 2", "cannot look for", "list"),
        ("-'a'", "cannot negate a text", ""),
    ]);
}

#[test]
fn missing_names() {
    gives(&[
        ("nope | default('x')", json!("x")),
        ("bb.a.b.c | default('x')", json!("x")),
        ("a.b['c'][0].d | default('x')", json!("x")),
        ("user.nope.deep | default(1)", json!(1)),
        ("nothing.deep | default(1)", json!(1)),
        ("list[9] | default(1)", json!(1)),
        ("item.list[n] | default(1)", json!(1)),
        ("(user.nope) | default(1)", json!(1)),
        ("(nope if yes else n) | default(1)", json!(1)),
        ("nothing | default(1)", json!(null)),
        ("empty | default('x', true)", json!("x")),
        ("nothing | default('x', true)", json!("x")),
        ("n | default(nope)", json!(7)),
        ("nope | default(nope2 | default(3))", json!(3)),
        ("nope is defined", json!(false)),
        ("nope is not defined", json!(true)),
        ("nope.a.b is undefined", json!(true)),
        ("user.name is defined", json!(true)),
        ("steps.later.outputs.x | default(0)", json!(0)),
        ("index | default(0)", json!(0)),
        ("orders | map(attribute='note', default='-') | first", json!("-")),
    ]);
    fails(&[
        ("ordrs", "unknown name `ordrs`", "Did you mean `orders`?"),
        ("bb.ordrs[0]", "unknown name `ordrs`", "`bb.orders`"),
        ("customer", "unknown name `customer`", "`input.customer`"),
        ("fetch.outputs", "unknown name `fetch`", "`steps.fetch`"),
        ("step.fetch", "unknown name `step`", "`steps`"),
        ("zzzzzz", "unknown name `zzzzzz`", "default"),
        ("user.nme", "`user` has no key `nme`", "Did you mean `name`?"),
        ("bb.user.address.street", "`bb.user` has no key `address`", "`name`, `age`"),
        ("input.null.x", "`input.null` is null and has no key `x`", "default"),
        ("list.length", "is a list and has no key `length`", "| length"),
        ("text.length", "is a text and has no key `length`", "| length"),
        ("orders.total", "is a list and has no key `total`", "map(attribute='total')"),
        ("list[7]", "`list` has 3 elements and no index 7", "default"),
        ("orders[n]", "has 3 elements and no index 7", "default"),
        ("(orders | first).nope", "the value has no key `nope`", "`id`"),
        ("index", "`index` is only known inside a loop", "ForEach"),
        ("workflow.id", "`workflow` is not available", ""),
        ("steps.fetsh.outputs", "unknown step `fetsh`", "`steps.fetch`"),
        ("steps[n]", "`steps` needs the id", "steps.<id>"),
        ("vars.regio", "unknown variable `regio`", "`vars.region`"),
        ("nope + 1", "unknown name `nope`", ""),
        ("nope | upper | default('x')", "unknown name `nope`", ""),
        ("nope is string", "unknown name `nope`", ""),
        ("nope == 1", "unknown name `nope`", ""),
    ]);
}

#[test]
fn foreign_spellings() {
    fails(&[
        ("a && b", "`&&` is not part", "`and`"),
        ("a || b", "`||` is not part", "`or`"),
        ("!a", "`!` is not part", "`not`"),
        ("a === b", "`===` is not part", "`==`"),
        ("a !== b", "`!==` is not part", "`!=`"),
        ("a ? b : c", "`?` is not part", "a if condition else b"),
        ("a ?? b", "`??` is not part", "default"),
        ("a?.b", "`?.` is not part", "default"),
        ("a => b", "`=>` is not part", "map"),
        ("a = b", "`=` is not part", "`==`"),
        ("$json.a", "`$` is not part", "without `$`"),
        ("`a`", "is not part", "'…'"),
        ("{% if a %}", "`{%` is not part", "Statements"),
        ("text.toUpperCase()", "cannot be called", "| upper"),
        ("text.split(',')", "cannot be called", "| split"),
        ("len(list)", "`len` is not a function", "| length"),
        ("foo(1)", "`foo` is not a function", ""),
        ("a | uper", "unknown filter `uper`", "`upper`"),
        ("a | startswith('x')", "unknown filter", "`starts_with`"),
        ("a is strng", "unknown check `is strng`", "`is string`"),
        ("{a: 1}", "a key is a text in quotes", "{'a': …}"),
        ("a if b", "expected `else`", "a if condition else b"),
        ("list[::2]", "no step", "reverse"),
        ("1st", "followed by a letter", "bb['1st']"),
        ("“a”", "unexpected character", "straight quotes"),
        ("größe", "unexpected character", "bb['name']"),
        ("'abc", "text is not closed", ""),
        ("'\\x'", "unknown escape", ""),
        ("", "expression is empty", ""),
        ("a b", "unexpected `b`", ""),
        ("a.", "expected a name after `.`", ""),
        ("and", "expected a value", ""),
        ("[1", "expected `]`", ""),
        ("(1", "expected `)`", ""),
        ("99999999999999999999", "too large", ""),
    ]);
}

#[test]
fn offsets_point_at_the_mistake() {
    let cases =
        [("n + && 1", 4), ("n | uper", 4), ("n + 'abc", 4), ("a b", 2), ("'é' ? 1 : 2", 5), ("n + secrets.TOKEN", 4)];
    for (source, offset) in cases {
        assert_eq!(Expression::compile(source).unwrap_err().offset, offset, "{source}");
    }
}

#[test]
fn text_filters() {
    gives(&[
        ("text | upper", json!("HELLO WORLD")),
        ("umlaut | lower", json!("grüße")),
        ("'élan vital' | capitalize", json!("Élan vital")),
        ("'don\\'t stop' | title", json!("Don't Stop")),
        ("'  a ' | trim", json!("a")),
        ("'--a-' | trim('-')", json!("a")),
        ("'a,b,c' | split(',')", json!(["a", "b", "c"])),
        ("'a,b,c' | split(',', 1)", json!(["a", "b,c"])),
        ("' a  b ' | split", json!(["a", "b"])),
        ("'a\\nb' | lines", json!(["a", "b"])),
        ("'a-b-c' | replace('-', '+')", json!("a+b+c")),
        ("text | contains('World')", json!(true)),
        ("list | contains(2)", json!(true)),
        ("text | starts_with('Hell')", json!(true)),
        ("text | ends_with('x')", json!(false)),
        ("text | truncate(5)", json!("Hell…")),
        ("text | truncate(8, end='...')", json!("Hello...")),
        ("text | truncate(50)", json!("Hello World")),
        ("text | slice(0, 5)", json!("Hello")),
        ("text | slice(-5)", json!("World")),
        ("'a b/ü' | urlencode", json!("a%20b%2F%C3%BC")),
        ("text | length", json!(11)),
        ("umlaut | length", json!(5)),
        ("umlaut | reverse", json!("eßürG")),
        ("(6 / 2) | string", json!("3")),
        ("2.5 | string", json!("2.5")),
        ("user | json", json!("{\"name\":\"Ada\",\"age\":36,\"odd key\":1,\"length\":5}")),
        ("[1] | json(2)", json!("[\n  1\n]")),
        ("json | from_json", json!({ "a": [1, 2.0] })),
        ("(json | from_json).a[0]", json!(1)),
    ]);
    fails(&[
        ("n | upper", "the filter `upper` needs a text, not a number", ""),
        ("text | split('')", "`separator`", "white space"),
        ("text | replace('', 'x')", "`from`", ""),
        ("text | replace('a')", "filter `replace` needs `to`", "value | replace(from, to)"),
        ("text | upper(1)", "does not take so many", "value | upper"),
        ("text | truncate(size=1)", "does not take an argument `size`", "truncate(length, [end])"),
        ("text | split(1)", "`separator` of the filter `split` must be a text", ""),
        ("text | from_json", "text is not JSON", ""),
    ]);
}

#[test]
fn number_filters() {
    gives(&[
        ("'42' | int", json!(42)),
        ("' -3.9 ' | int", json!(-3)),
        ("'x' | int(0)", json!(0)),
        ("'x' | float(default=none)", json!(null)),
        ("'1e2' | float", json!(100.0)),
        ("3 | float", json!(3.0)),
        ("2.5 | round", json!(3)),
        ("-2.5 | round", json!(-3)),
        ("2.34567 | round(2)", json!(2.35)),
        ("7 | round(2)", json!(7)),
        ("2.7 | floor", json!(2)),
        ("2.1 | ceil", json!(3)),
        ("-2.5 | abs", json!(2.5)),
        ("-9223372036854775808 | abs", json!(9_223_372_036_854_775_808_u64)),
        ("'Yes' | bool", json!(true)),
        ("'off' | bool", json!(false)),
        ("list | bool", json!(true)),
        ("yes | int", json!(1)),
    ]);
    fails(&[
        ("'x' | int", "\"x\" is not a number", ""),
        ("'inf' | float", "is not a number", ""),
        ("'maybe' | bool", "is not a boolean", "yes"),
        ("list | int", "needs a number or a text", ""),
        ("1e300 | int", "does not fit", ""),
        ("1.5 | round(99)", "`precision`", ""),
        ("text | abs", "needs a number", "| float"),
    ]);
}

#[test]
fn list_filters() {
    gives(&[
        ("list | length", json!(3)),
        ("user | count", json!(4)),
        ("list | first", json!(3)),
        ("list | last", json!(2)),
        ("text | first", json!("H")),
        ("list | sort", json!([1, 2, 3])),
        ("list | sort(reverse=true)", json!([3, 2, 1])),
        ("['b', 'a', 'C'] | sort", json!(["C", "a", "b"])),
        ("['b', 'C'] | min", json!("C")),
        ("orders | sort(attribute='total') | map(attribute='id')", json!([2, 3, 1])),
        ("words | unique", json!(["b", "a"])),
        ("[1, 1.0, '1'] | unique", json!([1, "1"])),
        ("orders | unique(attribute='status') | map(attribute='id')", json!([1, 2])),
        ("list | reverse", json!([2, 1, 3])),
        ("nested | flatten", json!([1, 2, 3, 4])),
        ("list | sum", json!(6)),
        ("orders | sum(attribute='total')", json!(19.5)),
        ("[] | sum(start=5)", json!(5)),
        ("list | min", json!(1)),
        ("(orders | max(attribute='total')).id", json!(1)),
        ("list | join('-')", json!("3-1-2")),
        ("orders | join(', ', attribute='by.name')", json!("Ada, Bob, Cy")),
        ("words | map('upper')", json!(["B", "A", "B"])),
        ("orders | map(attribute='by.name')", json!(["Ada", "Bob", "Cy"])),
        ("nested[:2] | map(attribute='0')", json!([1, 2])),
        ("orders | where('status', 'paid') | map(attribute='id')", json!([1, 3])),
        ("orders | where('total', '>', 5) | map(attribute='id')", json!([1, 3])),
        ("orders | where('id', 'in', [2, 3]) | length", json!(2)),
        ("orders | where('note') | length", json!(0)),
        ("orders | selectattr('status', 'equalto', 'open') | length", json!(1)),
        ("orders | rejectattr('status', '==', 'paid') | map(attribute='id')", json!([2])),
        ("user | keys", json!(["name", "age", "odd key", "length"])),
        ("{'a': 1} | values", json!([1])),
        ("{'a': 1} | items", json!([["a", 1]])),
        ("{'a': 1, 'b': 2} | merge({'b': 3, 'c': 4})", json!({ "a": 1, "b": 3, "c": 4 })),
        ("'ab' | list", json!(["a", "b"])),
        ("range(3)", json!([0, 1, 2])),
        ("range(1, 4)", json!([1, 2, 3])),
        ("range(5, 0, -2)", json!([5, 3, 1])),
        ("range(0)", json!([])),
        ("range(1, 4) | map('string') | join", json!("123")),
    ]);
    fails(&[
        ("[1, 'a'] | sort", "cannot order", ""),
        ("orders | map(attribute='note')", "an element has no `note`", "default="),
        ("orders | map('total')", "`map` cannot apply `total`", "map(attribute='total')"),
        ("orders | where('id', 'like', 1)", "is not an operator", "'=='"),
        ("words | sum", "adds numbers, not a text", "map('float')"),
        ("[] | first", "the value is empty", "default"),
        ("[] | max", "the list is empty", ""),
        ("n | first", "needs a list or a text", ""),
        ("range(0, 9, 0)", "step of `range` is zero", ""),
        ("range('a')", "must be a whole number", ""),
        ("range()", "one to three", ""),
    ]);
}

#[test]
fn checks() {
    let holding = "n is number; n is integer; f is float; f is not integer; text is string; yes is boolean; yes is true; \
                   false is false; nothing is none; nothing is null; user is mapping; user is object; list is sequence; \
                   list is list; text is iterable; empty is empty; [] is empty; nothing is empty; n is odd; 4 is even; \
                   4.0 is even; -3.0 is odd; f is not odd; f is not even; text is not odd; \
                   text is not empty; n is not none";
    for source in holding.split(';').map(str::trim) {
        gives(&[(source, json!(true))]);
    }
}

#[test]
fn blobs_are_passed_whole() {
    gives(&[
        ("blob | length", json!(900)),
        ("blob == blob", json!(true)),
        ("blob is defined", json!(true)),
        ("not blob", json!(false)),
    ]);
    let refused = [
        "blob.orders",
        "blob[0]",
        "blob | map('upper')",
        "blob[1:]",
        "1 in blob",
        "blob ~ ''",
        "opaque | length",
        "blob | json",
        "blob.x | default(1)",
    ];
    for source in refused {
        fails(&[(source, "the value is large (70000 bytes)", "Pass the value whole")]);
    }
}

#[test]
fn references_are_static() {
    let cases: &[(&str, &[&str])] = &[
        ("orders[0].id", &["bb orders 0 id"]),
        ("bb.a.b + input.c", &["bb a b", "input c"]),
        ("steps.x.outputs['y'] | default(vars.z)", &["steps x outputs y", "vars z"]),
        ("orders[index].id", &["bb orders", "index"]),
        ("orders[-1].id", &["bb orders"]),
        ("bb[name]", &["bb", "bb name"]),
        ("a if b else [c, {'d': e}] | where('f', g)", &["bb a", "bb b", "bb c", "bb e", "bb g"]),
        ("a + a", &["bb a"]),
        ("not (a < b < c)", &["bb a", "bb b", "bb c"]),
    ];
    for (source, expected) in cases {
        let expression = Expression::compile(source).unwrap();
        let found: Vec<String> = expression
            .references()
            .iter()
            .map(|reference| {
                std::iter::once(reference.namespace.word())
                    .chain(reference.path.iter().map(String::as_str))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        assert_eq!(&found, expected, "{source}");
        assert_eq!(expression.source(), *source);
    }
}

#[test]
fn one_object_is_a_scope() {
    let values = json!({ "item": { "price": 3 }, "limit": 2, "input": { "a": 1 } });
    let values = values.as_object().unwrap();
    for (source, expected) in [
        ("item.price > limit", json!(true)),
        ("bb.limit", json!(2)),
        ("input.a", json!(1)),
        ("bb | length", json!(3)),
        ("index | default('none')", json!("none")),
    ] {
        assert_eq!(evaluate_over(&Expression::compile(source).unwrap(), values), Ok(expected), "{source}");
    }
    let unknown = evaluate_over(&Expression::compile("limt").unwrap(), values).unwrap_err();
    assert_eq!(unknown.suggestion.as_deref(), Some("Did you mean `limit`?"));
}

#[test]
fn types_cross_threads() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<Expression>();
    check::<akao_expression::Template>();
    check::<akao_expression::Condition>();
    check::<akao_expression::Rendered>();
}
