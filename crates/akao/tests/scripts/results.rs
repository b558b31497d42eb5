//! What a result may be, and how it becomes JSON.

use crate::{
    bench::{Case, run_all},
    desk::{Desk, users},
};
use serde_json::{Value, json};

#[test]
fn values_become_json_by_documented_rules() {
    let cases = [
        ("[None, True, 1, -1.5, 'ö\\0']", json!([null, true, 1, -1.5, "ö\0"])),
        ("{1: 'a', 2.5: 'b', None: 'c', False: 'd'}", json!({"1": "a", "2.5": "b", "null": "c", "false": "d"})),
        ("(1, (2, [3]))", json!([1, [2, [3]]])),
        ("{3, 1, 2}", json!([1, 2, 3])),
        ("frozenset('ba')", json!(["a", "b"])),
        ("__import__('datetime').datetime(2026, 1, 2, 3, 4, 5)", json!("2026-01-02T03:04:05")),
        (
            "[__import__('datetime').date(2026, 1, 2), __import__('datetime').time(3, 4)]",
            json!(["2026-01-02", "03:04:00"]),
        ),
        ("__import__('datetime').timedelta(minutes=1.5)", json!(90.0)),
        ("__import__('decimal').Decimal('1.10')", json!("1.10")),
        ("__import__('uuid').UUID(int=1)", json!("00000000-0000-0000-0000-000000000001")),
        ("__import__('pathlib').Path('/a/b')", json!("/a/b")),
        ("[b'hi', bytearray(b'hi')]", json!(["aGk=", "aGk="])),
        ("__import__('collections').namedtuple('P', 'x y')(1, 2)", json!({"x": 1, "y": 2})),
        ("__import__('dataclasses').make_dataclass('P', ['x'])(1)", json!({"x": 1})),
        ("__import__('enum').Enum('E', {'A': 7}).A", json!(7)),
        ("__import__('collections').OrderedDict(b=1, a=2)", json!({"b": 1, "a": 2})),
        ("__import__('collections').Counter('aab')", json!({"a": 2, "b": 1})),
        ("2 ** 53 - 1", json!(9_007_199_254_740_991_u64)),
        ("type('Text', (str,), {})('own')", json!("own")),
        // What a tuple tells of itself beside its fields is not told.
        (
            "type('P', (__import__('collections').namedtuple('P', 'x y'),), {'_asdict': lambda self: {'x': 1, 'more': print}})(1, 2)",
            json!({"x": 1, "y": 2}),
        ),
    ];
    let scripts: Vec<Case> = cases.iter().map(|(text, _)| Case::new(&format!("result = {text}"))).collect();
    let ran = run_all(&Desk::new(users()[0]), &scripts);
    for ((text, expected), ran) in cases.iter().zip(&ran) {
        assert_eq!(ran.result, *expected, "{text}: {ran:?}");
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let cases = [
        ("{'a': [1, {'b': float('nan')}]}", "`result.a[1].b` is nan, which JSON has no word for; give None or text"),
        ("[float('-inf')]", "`result[0]` is -inf, which JSON has no word for; give None or text"),
        (
            "{'n': 2 ** 53}",
            "`result.n` is a whole number beyond 2^53, which others would read inexactly; give it as text",
        ),
        ("object()", "`result` is of the type object, which JSON has no word for; make text or an object of it"),
        (
            "{'f': print}",
            "`result.f` is of the type builtin_function_or_method, which JSON has no word for; make text or an object of it",
        ),
        ("1 + 2j", "`result` is of the type complex, which JSON has no word for; make text or an object of it"),
        ("(n for n in [1])", "`result` is a generator; make a list of it with `list(...)`"),
        ("{(1, 2): 3}", "`result` has a key of the type tuple; a key is text or a number"),
        ("{1: 'a', '1': 'b'}", "`result` has two keys that are \"1\" as text"),
        ("'\\ud800'", "`result` is text that holds half of a character (a lone surrogate)"),
        ("{'\\0': 1}", "`result` has a key that holds a null character"),
        ("[0] * 200_000", "`result[129999]` is beyond the 130000 values that a result may have"),
        ("'x' * 20_000_000", "`result` has 20000002 bytes as JSON; the most is 16776216"),
    ];
    let mut scripts: Vec<Case> = cases.iter().map(|(text, _)| Case::new(&format!("result = {text}"))).collect();
    let endless = ["x = []\nx.append(x)\nresult = x", "x = []\nfor _ in range(99):\n    x = [x]\nresult = x"];
    scripts.extend(endless.map(Case::new));
    scripts.push(Case::new("class Odd(dict):\n    def items(self):\n        raise KeyError\nresult = Odd()"));
    let ending = |what: &str| format!("class Odd(dict):\n    def items(self):\n        {what}\nresult = Odd()");
    scripts.extend(["raise KeyboardInterrupt", "raise SystemExit(3)"].map(|what| Case::new(&ending(what))));
    let ran = run_all(&Desk::new(users()[0]), &scripts);
    for (ran, name) in ran[cases.len() + 3..].iter().zip(["KeyboardInterrupt", "SystemExit"]) {
        let told = (&ran.error["message"], &ran.error["detail"]["reason"]);
        assert_eq!(
            told,
            (&json!(format!("`result` cannot be looked through: {name}")), &json!("script_result")),
            "{ran:?}"
        );
    }
    for ((text, message), ran) in cases.iter().zip(&ran) {
        assert_eq!((&ran.error["kind"], &ran.error["message"]), (&json!("user"), &json!(message)), "{text}: {ran:?}");
        assert_eq!(ran.result, json!("no result"));
    }
    for ran in &ran[cases.len()..cases.len() + 2] {
        let message = ran.error["message"].as_str().unwrap_or_default();
        assert!(message.ends_with("is nested deeper than 56 levels"), "{ran:?}");
    }
    assert_eq!(ran[cases.len() + 2].error["message"], "`result` cannot be looked through: KeyError", "{ran:?}");
}

/// A generator of its own, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    /// Pieces of what a language, a template or a protocol could take for its own.
    fn text(&mut self) -> String {
        const PIECES: [&str; 28] = [
            "'",
            "\"",
            "'''",
            "\"\"\"",
            "\\",
            "\n",
            "\r",
            "\u{2028}",
            "}}",
            "{{",
            "${",
            "$${",
            "#",
            ";",
            "__import__('os').system('touch /tmp/canary')",
            "result",
            "inputs",
            "__builtins__",
            "__class__",
            "\\x27",
            "\\N{QUOTATION MARK}",
            "\u{202e}",
            "\0",
            "{\"jsonrpc\":\"2.0\",\"id\":\"1\"}",
            "'); import os; os._exit(0) #",
            "f'{1}'",
            "%s",
            "\u{1f40d}",
        ];
        (0..=self.below(5)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

/// Case 92 of the catalogue.
#[test]
fn three_hundred_attempts_to_get_in_by_keys_and_values_stay_data() {
    let mut random = Random(2026);
    let attempts: Vec<Value> = (0..300)
        .map(|_| {
            let mut entry = || {
                (
                    random.text().replace('\0', ""),
                    json!([random.text(), {random.text().replace('\0', ""): random.text()}]),
                )
            };
            json!(serde_json::Map::from_iter([entry(), entry(), entry()]))
        })
        .collect();
    let script = "import os\nassert not os.path.exists('/tmp/canary')\nassert type(inputs) is dict and __builtins__.__name__ == 'builtins'\n\
                  result = {'back': inputs}";
    for user in users() {
        let desk = Desk::new(user);
        let step = json!({"type": "PythonInterpreter", "id": "one", "props": {"script": script, "inputs": "${item}"}});
        let workflow = json!({
            "akao": 1, "id": "attempts", "version": "1.0.0", "inputs": {"attempts": {"type": "array", "required": true}},
            "root": {"type": "ForEach", "id": "each", "props": {"items": "${input.attempts}", "limit": 4}, "children": [step]},
        });
        desk.write("w.yaml", &workflow.to_string());
        desk.write("input.json", &json!({"attempts": attempts}).to_string());
        let run = desk.akao(&["run", "w.yaml", "--json", "--input", "@input.json"]);
        let report = run.json();
        assert_eq!(report["status"], "success", "{}", report["error"]);
        let execution = report["execution"].as_str().expect("an id");
        let shown = desk.akao(&["executions", "events", execution, "--json"]);
        for attempt in &attempts {
            let back = json!({"back": attempt}).to_string();
            assert!(
                shown.out.contains(&back) || shown.out.contains(&json!(back).to_string()),
                "{attempt} came back as something else"
            );
        }
    }
}
