//! Hostile workflow files end in clear problems, within 100 ms and 16 MiB. `support/cost.rs` of `akao-yaml` says how that is
//! measured, and its own tests hold the texts that it refuses; these get past it.
//!
//! A file that is valid costs about 3 KiB a node, whatever its shape; its size is what the bound on nodes is for. Cases
//! that are valid have as many nodes as fit.

#[path = "../../akao-yaml/tests/support/cost.rs"]
mod cost;
#[path = "leaves/mod.rs"]
mod leaves;

use akao_flow::{Problem, check, lower};
use std::fmt::Write as _;

/// More problems than anybody reads.
const PROBLEMS_MAX: usize = 401;

/// A name, a file, and a part of what is said about it; an empty one for a file that is only strange.
type Case = (&'static str, fn() -> String, &'static str);

const HEADER: &str = "akao: 1\nid: hostile\nversion: 1.0.0\n";

fn cases() -> Vec<Case> {
    vec![
        ("unknown keys", || HEADER.to_owned() + &lines(45_000, |n| format!("kay{n}: 1\n")), "`kay0` is not a key"),
        ("a file of 3 MB", || HEADER.to_owned() + &"# x\n".repeat(750_000), "more than the 2097152 allowed"),
        ("unknown keys of one node", || workflow(&lines(40_000, |n| format!("    zz{n}: 1\n"))), "`zz0` is not a key"),
        ("unknown types", || children(20_000, |n| format!("type: Sequense{n}")), "there is no node type"),
        ("unknown long types", || children(900, |n| format!("type: {}{n}", "Sequence".repeat(100))), "no node type"),
        ("a type of a megabyte", || workflow(&format!("    type: {}\n", "A".repeat(1_000_000))), "no node type"),
        (
            "a prop of a megabyte",
            || children(1, |_| format!("type: PrintAction, props: {{ {}: 1 }}", "p".repeat(900))),
            "no prop",
        ),
        ("unknown props", || children(9_000, |n| format!("type: PrintAction, props: {{ mesage{n}: 1 }}")), "no prop"),
        (
            "many unknown props",
            || {
                format!(
                    "{HEADER}root:\n  type: PrintAction\n  props:\n{}",
                    lines(45_000, |n| format!("    messag{n}: 1\n"))
                )
            },
            "no prop",
        ),
        (
            "props of the wrong kind",
            || children(9_000, |_| "type: PrintAction, props: { message: [1] }".into()),
            "`message`",
        ),
        ("equal ids", || children(9_000, |_| "type: SuccessNode, id: a".into()), "`a`"),
        ("bad ids", || children(9_000, |n| format!("type: SuccessNode, id: a-{n}")), "a-0"),
        (
            "unknown steps",
            || {
                children(8_000, |n| {
                    format!("type: PrintAction, id: step{n}, props: {{ message: \"${{steps.stp{n}.outputs.x}}\" }}")
                })
            },
            "stp0",
        ),
        (
            "long unknown steps",
            || {
                children(1_000, |n| {
                    format!(
                        "type: PrintAction, id: {0}{n}, props: {{ message: \"${{steps.{0}x{n}.outputs.x}}\" }}",
                        "abcdefgh".repeat(7)
                    )
                })
            },
            "abcdefgh",
        ),
        (
            "unknown inputs",
            || inputs(5_000, |n| format!("type: PrintAction, props: {{ message: \"${{input.inpt{n}}}\" }}")),
            "inpt",
        ),
        (
            "unclosed expressions",
            || children(9_000, |_| "type: PrintAction, props: { message: \"${\" }".into()),
            "not closed",
        ),
        (
            "long expressions",
            || {
                children(250, |_| {
                    format!("type: PrintAction, props: {{ message: \"${{{}1}}\" }}", "1 + ".repeat(2_000))
                })
            },
            "more than 10000 expressions, or more than 256 KiB",
        ),
        (
            "expressions in one text",
            || {
                children(1, |_| {
                    format!("type: PrintAction, props: {{ message: \"{}\" }}", "${a.b | upper} ".repeat(60_000))
                })
            },
            "more than 10000 expressions",
        ),
        (
            "deep expressions",
            || children(250, |_| format!("type: PrintAction, props: {{ message: \"${{{}\" }}", "(".repeat(8_000))),
            "is not closed with",
        ),
        (
            "unknown filters",
            || children(9_000, |n| format!("type: PrintAction, props: {{ message: \"${{a | uper{n}}}\" }}")),
            "uper0",
        ),
        ("needs of everything", || graph(300, |n| (0..n).map(|m| format!("n{m}")).collect::<Vec<_>>().join(", ")), ""),
        ("needs of nothing", || graph(8_000, |n| format!("m{n}")), "m0"),
        ("long needs of nothing", || graph(1_000, |n| format!("{}{n}", "m".repeat(60))), "mmm"),
        ("equal needs", || graph(2, |_| vec!["n0"; 3_000].join(", ")), "n0"),
        ("a long cycle", || graph(8_000, |n| format!("n{}", (n + 1) % 8_000)), "wait for each other"),
        ("many cycles", || graph(8_000, |n| format!("n{}", n ^ 1)), "wait for each other"),
        ("equal cases", || switch(9_000, |_| "1".into()), "case"),
        ("cases", || switch(4_500, |n| n.to_string()), ""),
        (
            "cases of lists",
            || {
                switch(200, |n| {
                    format!("[{}]", (0..200).map(|m| (n * 200 + m).to_string()).collect::<Vec<_>>().join(", "))
                })
            },
            "",
        ),
        ("trees in a cycle", || trees(5_000, |n| vec![(n + 1) % 5_000]), "tree"),
        ("trees that double", || trees(40, |n| if n < 39 { vec![n + 1, n + 1] } else { vec![] }), ""),
        ("trees that name all", || trees(150, |n| (n + 1..150).collect()), ""),
        ("unknown trees", || trees(3_000, |n| vec![n + 5_000]), "tree"),
        ("many unused trees", || trees(2_200, |_| vec![]), "tree"),
        (
            "wide retries",
            || children(9_000, |_| "type: SuccessNode, retry: { attempts: 99999999999, delay: 9e99h }".into()),
            "retry",
        ),
        (
            "deep children",
            || {
                let open = "{ type: Invert, children: [".repeat(60);
                format!("{HEADER}root: {open}{{ type: SuccessNode }}{}", "] }".repeat(60))
            },
            "nested deeper than 64 levels",
        ),
        (
            "a child of a megabyte",
            || format!("{HEADER}root:\n  type: Sequence\n  children: [{}]\n", "a".repeat(900_000)),
            "a node must be a mapping",
        ),
        (
            "a step of a megabyte",
            || {
                children(1, |_| {
                    format!("type: PrintAction, props: {{ message: \"${{steps.{}.x}}\" }}", "a".repeat(8_000))
                })
            },
            "there is no node",
        ),
        (
            "children without end",
            || children(14_000, |_| "type: Sequence, children: []".into()),
            "more than 10000 nodes",
        ),
        (
            "aliased nodes",
            || {
                format!(
                    "{HEADER}root:\n  type: Sequence\n  children:\n    - &n {{ type: Nope, props: {{ a: 1, b: 2 }} }}\n{}",
                    "    - *n\n".repeat(1_500)
                )
            },
            "no node type",
        ),
        (
            "a schema that turns round",
            || input_schema("{ type: object, properties: { a: { $ref: '#' } } }"),
            "`$ref` is not supported",
        ),
        (
            "a schema with a pattern",
            || input_schema(&format!("{{ type: string, pattern: \"{}\" }}", "(a{1,900}){1,900}".repeat(200))),
            "",
        ),
        (
            "a deep schema",
            || {
                input_schema(
                    &(0..55).fold("{ type: string }".into(), |inner: String, _| {
                        format!("{{ type: array, items: {inner} }}")
                    }),
                )
            },
            "",
        ),
        (
            "a schema with a large enum",
            || {
                input_schema(&format!(
                    "{{ enum: [{}], default: -1 }}",
                    (0..9_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
                ))
            },
            "is not a value of",
        ),
        (
            "inputs with defaults of the wrong kind",
            || {
                HEADER.to_owned()
                    + "inputs:\n"
                    + &lines(9_000, |n| format!("  i{n}: {{ type: string, default: 1 }}\n"))
                    + "root: { type: SuccessNode }\n"
            },
            "default",
        ),
        (
            "outputs",
            || {
                HEADER.to_owned()
                    + "root: { type: SuccessNode }\noutputs:\n"
                    + &lines(20_000, |n| format!("  o-{n}: \"${{steps.x}}\"\n"))
            },
            "o-0",
        ),
        ("conditions", || children(9_000, |_| "type: SuccessNode, if: \"a ==\"".into()), "if"),
        ("durations", || children(9_000, |_| format!("type: SuccessNode, timeout: \"{}\"", "9".repeat(40))), "timeout"),
        (
            "norway",
            || children(9_000, |_| "type: no, if: off, on_failure: yes".into()),
            "`yes` is not a value of `on_failure`",
        ),
    ]
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// A workflow whose root has the given lines besides its type.
fn workflow(more: &str) -> String {
    format!("{HEADER}root:\n  type: Sequence\n  children:\n  - id: a\n{more}")
}

fn children(count: usize, child: impl Fn(usize) -> String) -> String {
    let list = lines(count, |n| format!("  - {{ {} }}\n", child(n)));
    format!("{HEADER}root:\n  type: Sequence\n  children:\n{list}")
}

fn inputs(count: usize, child: impl Fn(usize) -> String) -> String {
    let inputs = lines(count, |n| format!("  input{n}: {{ type: string }}\n"));
    let list = lines(count, |n| format!("  - {{ {} }}\n", child(n)));
    format!("{HEADER}inputs:\n{inputs}root:\n  type: Sequence\n  children:\n{list}")
}

fn input_schema(schema: &str) -> String {
    format!("{HEADER}inputs:\n  a: {schema}\nroot: {{ type: SuccessNode }}\n")
}

fn graph(count: usize, needs: impl Fn(usize) -> String) -> String {
    let list = lines(count, |n| format!("  - {{ id: n{n}, type: SuccessNode, needs: [{}] }}\n", needs(n)));
    format!("{HEADER}root:\n  type: Graph\n  children:\n{list}")
}

fn switch(count: usize, case: impl Fn(usize) -> String) -> String {
    let list = lines(count, |n| format!("  - {{ type: SuccessNode, case: {} }}\n", case(n)));
    format!("{HEADER}root:\n  type: Switch\n  props: {{ on: 1 }}\n  children:\n{list}")
}

fn trees(count: usize, names: impl Fn(usize) -> Vec<usize>) -> String {
    let mut text = format!("{HEADER}root: {{ type: SubTree, props: {{ treeId: t0 }} }}\ntrees:\n");
    for tree in 0..count {
        let children = names(tree).into_iter().map(|name| format!("{{ type: SubTree, props: {{ treeId: t{name} }} }}"));
        let children: Vec<String> = children.chain(["{ type: SuccessNode }".to_owned()]).collect();
        let _ = writeln!(text, "  t{tree}: {{ type: Sequence, children: [{}] }}", children.join(", "));
    }
    text
}

/// What is wrong with what is said.
fn complaint(problems: &[Problem], message: &str) -> Option<String> {
    let long = |problem: &Problem| problem.message.len() > 600 || problem.path.len() > 600;
    if let Some(problem) = problems.iter().find(|problem| long(problem)) {
        return Some(format!("a problem of {} bytes at {} bytes", problem.message.len(), problem.path.len()));
    }
    if problems.len() > PROBLEMS_MAX {
        return Some(format!("{} problems", problems.len()));
    }
    let says = |problem: &Problem| problem.message.contains(message) || problem.path.contains(message);
    let found = problems.iter().any(|problem| says(problem) && problem.suggestion.is_some());
    let first = problems.first().map(|problem| problem.message.as_str()).unwrap_or("nothing");
    (!found && !message.is_empty()).then(|| format!("it says {first:.300}"))
}

#[test]
fn hostile_workflows_end_soon_and_small_in_clear_problems() {
    let catalogue = leaves::catalogue();
    let mut wrong = Vec::new();
    for (name, text, message) in cases() {
        let text = text();
        let ((lowered, problems), cost) = cost::measured(|| {
            let (parsed, problems) = check(&text, &catalogue);
            (parsed.map(|parsed| lower(&parsed.definition, &catalogue).is_ok()), problems)
        });
        println!("{name}: {cost}, {} problems in {} bytes, {lowered:?}", problems.len(), text.len());
        wrong.extend(complaint(&problems, message).map(|complaint| format!("{name}: {complaint}")));
        if lowered == Some(false) {
            wrong.push(format!("{name}: what is valid cannot be lowered"));
        }
        if cost.is_too_high(1) {
            wrong.push(format!("{name} costs {cost}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
