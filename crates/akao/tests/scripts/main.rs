//! Inline scripts through the program, on the real kernel, as root and as a user without rights.

mod bench;
mod catalogue;
mod data;
#[path = "../support/desk.rs"]
mod desk;
mod environments;
mod hostile;
mod javascript;
mod javascript_environments;
mod javascript_node;
mod node_hostile;
mod npm;
mod results;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "../custom_nodes/standin.rs"]
mod standin;
mod state;

use bench::{Case, Ran, run_all};
use desk::{Desk, users};
use serde_json::{Value, json};

#[test]
fn the_example_of_the_node_ends_as_it_says() {
    for user in users() {
        let desk = Desk::new(user);
        let shown = desk.akao(&["node-info", "PythonInterpreter", "--json"]).json();
        let example = &shown["examples"][0];
        desk.write("w.yaml", example["workflow"].as_str().expect("a workflow"));
        let run = desk.akao(&["run", "w.yaml", "--json"]);
        assert_eq!((run.code, &run.json()["outputs"]), (0, &example["outputs"]), "{run:?}");
    }
}

#[test]
fn a_script_sees_its_inputs_as_variables_and_its_result_is_stored() {
    let given = json!({"a": 2, "text": "it's {{ a }} and ${b}", "class": "x", "with space": 1, "result": 5, "inputs": 6, "len": 3});
    let with = |script: &str| Case::new(script).with("inputs", given.clone());
    let cases = [
        (with("result = a + 1"), json!(3)),
        (with("return a + 1"), json!(3)),
        (with("if a > 1:\n    return 'large'\nreturn 'small'"), json!("large")),
        // The names of a script that returns are its own all the same.
        (with("a = a + 1\ndef twice():\n    return 2 * a\nreturn twice()"), json!(6)),
        (with("total: int = a\nfor total in [1, 2]:\n    pass\nreturn total"), json!(2)),
        (with("from __future__ import annotations\nreturn 1"), json!(1)),
        (with("result = 1\nreturn"), json!(1)),
        (with("pass"), json!({})),
        (with("result = None"), json!(null)),
        // Values are data, whatever they look like.
        (with("result = text"), json!("it's {{ a }} and ${b}")),
        (with("result = '${a} {{ b }} ' + '$${c}'"), json!("${a} {{ b }} $${c}")),
        // What cannot be a variable is in `inputs`; a name of Python's own that can be one is one.
        (
            with("result = [inputs['class'], inputs['with space'], inputs['result'], inputs['inputs'], len]"),
            json!(["x", 1, 5, 6, 3]),
        ),
        (with("result = sorted(inputs)"), json!(["a", "class", "inputs", "len", "result", "text", "with space"])),
        (with("print('one'); print('two', end='')"), json!({})),
        (with("import math\nresult = math.floor(2.5)"), json!(2)),
        (with("import __main__\nresult = __name__ == '__main__' and __main__.a"), json!(2)),
        // Threads share the memory of a script; what each could reserve for itself does not count.
        (
            Case::new(
                "from concurrent.futures import ThreadPoolExecutor\nimport time\ndef work(n):\n    time.sleep(0.2)\n    return len([bytes(1000) for _ in range(1000)])\n\
                 with ThreadPoolExecutor(32) as pool:\n    result = sum(pool.map(work, range(32)))",
            ),
            json!(32_000),
        ),
        (Case::new("result = 7").with("outputKey", json!("mine")), json!(7)),
    ];
    for user in users() {
        let ran = run_all(&Desk::new(user), &cases.iter().map(|(case, _)| case.clone()).collect::<Vec<_>>());
        for ((case, expected), ran) in cases.iter().zip(&ran) {
            assert_eq!(ran.result, *expected, "{}: {ran:?}", case.script);
        }
    }
}

#[test]
fn without_inputs_a_script_is_given_the_blackboard_and_its_result_goes_there() {
    let desk = Desk::new(users()[0]);
    let set = |key: &str, value: Value| json!({"type": "SetVariable", "props": {"key": key, "value": value}});
    let script = |text: &str, more: Value| {
        let mut props = json!({"script": text});
        props.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({"type": "PythonInterpreter", "props": props})
    };
    let children = [
        set("response", json!({"data": [1, 2, 3]})),
        script("result = len(response['data'])", json!({})),
        script("result = pythonResult + 1", json!({"outputKey": "more"})),
        script("result = sorted(inputs)", json!({"outputKey": "nothing", "inputs": {}})),
        script("result = sorted(inputs)", json!({"outputKey": "all"})),
    ];
    let workflow = json!({
        "akao": 1, "id": "board", "version": "1.0.0", "root": {"type": "Sequence", "children": children},
        "outputs": {"first": "${pythonResult}", "more": "${more}", "nothing": "${nothing}", "all": "${all}"},
    });
    desk.write("w.yaml", &workflow.to_string());
    let run = desk.akao(&["run", "w.yaml", "--json"]);
    let all = ["more", "nothing", "pythonResult", "response"];
    assert_eq!(run.json()["outputs"], json!({"first": 3, "more": 4, "nothing": [], "all": all}), "{run:?}");
}

#[test]
fn what_a_script_prints_is_its_log_and_progress_is_told() {
    let desk = Desk::new(users()[0]);
    let script = "import sys, logging\nprint('to out')\nprint('to err', file=sys.stderr)\nlogging.warning('by logging')\n\
                  progress(0.5, 'half way')\nprint('no end', end='')";
    let ran = &run_all(&desk, &[Case::new(script)])[0];
    let logs = desk.akao(&["executions", "logs", &ran.execution]);
    for line in ["to out", "to err", "WARNING:root:by logging", "no end"] {
        assert!(logs.out.contains(line), "{line}: {logs:?}");
    }
}

#[test]
fn failures_are_told_in_the_scripts_own_lines() {
    let thrown = "def half(n):\n    return n / 0\n\nhalf(1)";
    let cases = [
        (Case::new(thrown), "user", "ZeroDivisionError: division by zero (line 2)"),
        (
            Case::new("import json\njson.loads('{')"),
            "user",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (line 2)",
        ),
        (Case::new("raise ValueError('no\\nway')"), "user", "ValueError: no\nway (line 1)"),
        (Case::new("x = (1,\nfor"), "input", "the script is not Python: '(' was never closed (line 1)"),
        (
            Case::new("def f():\nreturn 1"),
            "input",
            "the script is not Python: expected an indented block after function definition on line 1 (line 2)",
        ),
        (
            Case::new("def f():\n    from math import *\nreturn 1"),
            "input",
            "the script is not Python: import * only allowed at module level (line 2)",
        ),
        (Case::new("return 2\nyield 1"), "input", "a script cannot `yield` or `await` outside a function"),
        (
            Case::new("import sys\nprint('bad things', file=sys.stderr)\nsys.exit(3)"),
            "user",
            "the script exited with code 3",
        ),
        (Case::new("import sys\nsys.exit('no more')"), "user", "the script exited: no more"),
        (Case::new("import os\nos._exit(4)"), "user", "the script's process exited with code 4 and no result"),
        (Case::new("import ctypes\nctypes.string_at(0)"), "user", "the script's process was ended by SIGSEGV"),
        (
            Case::new("while True: pass").with("timeout", json!("300ms")),
            "timeout",
            "the script did not end within 300ms",
        ),
        (
            Case::new("import time\ntime.sleep(9)").with("timeout", json!(0.25)),
            "timeout",
            "the script did not end within 250ms",
        ),
        (Case::new("progress(2)"), "user", "ValueError: progress is a number from 0 to 1, not 2.0 (line 1)"),
        (
            Case::new("result = 1").with("timeout", json!("0s")),
            "input",
            "the prop `timeout` is \"0s\", and must be a duration above nothing",
        ),
        (
            Case::new("result = 1").with("memory", json!("1MB")),
            "input",
            "the prop `memory` is \"1MB\", and must be 16MB or more",
        ),
        (
            Case::new("import nothing_like_it"),
            "user",
            "ModuleNotFoundError: No module named 'nothing_like_it' (line 1)",
        ),
    ];
    for user in users() {
        let ran = run_all(&Desk::new(user), &cases.iter().map(|(case, ..)| case.clone()).collect::<Vec<_>>());
        for ((case, kind, message), ran) in cases.iter().zip(&ran) {
            assert_eq!(
                (&ran.error["kind"], &ran.error["message"]),
                (&json!(kind), &json!(message)),
                "{}: {ran:?}",
                case.script
            );
            assert!(ran.error["detail"]["suggestion"].is_string() || *kind == "user" || *kind == "input", "{ran:?}");
        }
        let trace = "line 4: half(1)\nline 2, in half: return n / 0\nZeroDivisionError: division by zero";
        assert_eq!(ran[0].error["detail"]["traceback"], trace);
        assert_eq!(
            ran[1].error["detail"]["traceback"].as_str().map(|text| text.contains("in json.decoder.")),
            Some(true)
        );
        let exited = ran.iter().find(|ran| ran.error["detail"]["code"] == 3).expect("one exits");
        assert_eq!(exited.error["detail"]["stderr"], "bad things");
    }
}

#[test]
fn a_group_of_exceptions_is_told_with_its_members() {
    let script = "def bad(n):\n    try:\n        raise ValueError(n)\n    except ValueError as error:\n        return error\n\n\
                  raise ExceptionGroup('all', [bad(n) for n in range(4)]) from KeyError('k')";
    let ran = &run_all(&Desk::new(users()[0]), &[Case::new(script)])[0];
    let trace = "line 7: raise ExceptionGroup('all', [bad(n) for n in range(4)]) from KeyError('k')\n\
                 ExceptionGroup: all (4 sub-exceptions)\nwith ValueError: 0 (line 3)\nwith ValueError: 1 (line 3)\n\
                 with ValueError: 2 (line 3)\n… 1 more\ncaused by KeyError: 'k'";
    assert_eq!(ran.error["detail"]["traceback"], trace, "{ran:?}");
}

#[test]
fn names_and_texts_are_read_as_python_reads_them() {
    let cases = [
        // A ligature, an accent of its own, and a letter of another width are what Python makes of them.
        (
            Case::new("result = [ﬁ, caf\u{e9}, x]").with("inputs", json!({"ﬁ": 1, "cafe\u{301}": 2, "ｘ": 3})),
            json!([1, 2, 3]),
        ),
        (Case::new("result = [fi, inputs['ﬁ']]").with("inputs", json!({"ﬁ": 1, "fi": 2})), json!([2, 1])),
        (Case::new("result = 'ｃlass' in inputs").with("inputs", json!({"ｃlass": 1})), json!(true)),
        (Case::new("\u{feff}result = 1"), json!(1)),
        (Case::new("\u{feff}return 2"), json!(2)),
        (Case::new(&format!("x = {}\nreturn x", ["1"; 600].join(" + "))), json!(600)),
        (
            Case::new(
                "from math import *\nn: int = 3\nif pi > n:\n    from json import *\n    return [floor(pi), dumps([n])]",
            ),
            json!([3, "[3]"]),
        ),
    ];
    let ran = run_all(&Desk::new(users()[0]), &cases.iter().map(|(case, _)| case.clone()).collect::<Vec<_>>());
    for ((case, expected), ran) in cases.iter().zip(&ran) {
        assert_eq!(ran.result, *expected, "{}: {ran:?}", case.script);
    }
}

#[test]
fn the_operator_bounds_time_and_memory() {
    let desk = Desk::new(users()[0]);
    desk.write("data/config/nodes.toml", "config = 1\n[scripts]\ntimeout = \"200ms\"\nmemory = \"64MB\"\n");
    let cases = [
        Case::new("while True: pass").with("timeout", json!("5m")),
        Case::new("x = bytearray(200_000_000)").with("memory", json!("1GB")),
    ];
    let ran: Vec<Ran> = run_all(&desk, &cases);
    let told = |at: usize, part: &str| ran[at].error[part].as_str().unwrap_or_default().to_owned();
    assert_eq!(told(0, "message"), "the script did not end within 200ms", "{ran:?}");
    assert_eq!(told(1, "message"), "the script reached its limit of memory, 64MB (line 1)", "{ran:?}");
    for ran in &ran {
        assert!(
            ran.error["detail"]["suggestion"].as_str().is_some_and(|text| text.starts_with("The operator allows")),
            "{ran:?}"
        );
    }
}
