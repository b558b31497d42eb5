//! Hostile manifests end in clear problems, soon and small. `support/cost.rs` of `akao-yaml` says how that is measured, and
//! its own tests hold the texts that it refuses; these get past it.

#[path = "../../akao-yaml/tests/support/cost.rs"]
mod cost;

use akao_manifest::check;

/// Reading the YAML of a megabyte takes most of 50 ms; fifty patterns as large as they may be take several times as long.
const TIMES: u32 = 8;

/// More problems than anybody reads.
const PROBLEMS_MAX: usize = 201;

const HEADER: &str = "manifest: 1\nid: com.example.enrich\nname: Enrich\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n";

/// A name, what stands below the header, and a part of what is said about it; an empty one for what is only strange.
type Case = (&'static str, fn() -> String, &'static str);

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn joined(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(", ")
}

fn cases() -> Vec<Case> {
    vec![
        ("unknown keys", || lines(45_000, |n| format!("kay{n}: 1\n")), "`kay0` is not a key"),
        ("a long key", || format!("{}: 1\n", "k".repeat(900)), "is not a key"),
        (
            "nodes",
            || format!("nodes:\n{}", lines(20_000, |n| format!("- id: com.example.enrich.n{n}\n"))),
            "100 allowed",
        ),
        ("bad nodes", || format!("nodes: [{}]\n", joined(45_000, |n| n.to_string())), "100 allowed"),
        ("inputs", || format!("inputs:\n{}", lines(20_000, |n| format!("  i{n}: {{ type: strin }}\n"))), "200 allowed"),
        (
            "one input with many keys",
            || format!("inputs: {{ a: {{ {} }} }}\n", joined(30_000, |n| format!("k{n}: 1"))),
            "`k0`",
        ),
        ("nested schemas", || format!("inputs: {{ a: {}{{}}{} }}\n", "{ items: ".repeat(55), " }".repeat(55)), ""),
        (
            "wide schemas",
            || {
                format!(
                    "inputs: {{ a: {{ properties: {{ {} }} }} }}\n",
                    joined(5_000, |n| format!("p{n}: {{ type: string }}"))
                )
            },
            "",
        ),
        (
            "alternatives of alternatives",
            || {
                let open = "{ anyOf: [{ type: integer }, ".repeat(20);
                format!("inputs: {{ a: {{ default: x, anyOf: [{open}{{ type: integer }}{}] }} }}\n", "] }".repeat(20))
            },
            "",
        ),
        (
            "patterns",
            || {
                format!(
                    "inputs: {{ a: {{ properties: {{ {} }} }} }}\n",
                    joined(10_000, |n| format!("p{n}: {{ pattern: '\\w{{99}}{n}' }}"))
                )
            },
            "more than the 50 allowed",
        ),
        (
            "large patterns",
            || {
                format!(
                    "inputs: {{ a: {{ properties: {{ {} }} }} }}\n",
                    joined(50, |n| format!("p{n}: {{ pattern: '\\pL{{999}}{n}' }}"))
                )
            },
            "is not a regular expression",
        ),
        (
            "a pattern for each of many values",
            || {
                format!(
                    "inputs: {{ a: {{ items: {{ pattern: '^[a-z]{{9}}$' }}, default: [{}] }} }}\n",
                    joined(20_000, |_| "abcdefghi".to_owned())
                )
            },
            "",
        ),
        (
            "defaults",
            || format!("inputs: {{ a: {{ type: integer, default: [{}] }} }}\n", joined(45_000, |n| n.to_string())),
            "default",
        ),
        (
            "hosts",
            || {
                let hosts: String = (0..40_000).map(|n| format!("    - h{n}.example.com\n")).collect();
                format!("permissions:\n- network.http:\n    hosts:\n{hosts}")
            },
            "100 allowed",
        ),
        (
            "a host of a megabyte",
            || format!("permissions:\n- network.http:\n    hosts:\n    - {}\n", "a.".repeat(450_000)),
            "is not a host",
        ),
        (
            "permissions",
            || format!("permissions: [{}]\n", joined(40_000, |n| format!("network.htt{n}"))),
            "100 allowed",
        ),
        (
            "bad permissions",
            || format!("permissions:\n{}", (0..30_000).map(|n| format!("- network.ht{n}\n")).collect::<String>()),
            "no permission",
        ),
        (
            "dependencies",
            || format!("dependencies: [{}]\n", joined(40_000, |n| format!("com.example.d{n}"))),
            "100 allowed",
        ),
        (
            "a range of a megabyte",
            || format!("dependencies:\n- id: com.example.a\n  version: '{}'\n", ">1, ".repeat(200_000)),
            "range",
        ),
        (
            "provides",
            || format!("provides: [{}]\n", joined(20_000, |n| format!("{{ capability: a.b{n} }}"))),
            "100 allowed",
        ),
        ("a description of a megabyte", || format!("description: {}\n", "w ".repeat(450_000)), "more than the 4000"),
        (
            "amounts",
            || format!("resources:\n  memory: {}MB\n  cpu: {}m\n", "9".repeat(400_000), "9".repeat(400_000)),
            "is not a size",
        ),
    ]
}

#[test]
fn case_108_hostile_manifests_end_soon_and_small_in_clear_problems() {
    let mut wrong = Vec::new();
    for (name, rest, message) in cases() {
        let text = HEADER.to_owned() + &rest();
        let ((parsed, problems), cost) = cost::measured(|| check(&text));
        println!("{name}: {cost}, {} problems in {} bytes, {}", problems.len(), text.len(), parsed.is_some());
        let found = problems.iter().any(|problem| problem.message.contains(message));
        if !found && !message.is_empty() {
            wrong.push(format!("{name}: it says {:?}", problems.first().map(|problem| &problem.message)));
        }
        if problems.len() > PROBLEMS_MAX || problems.iter().any(|problem| problem.message.len() > 600) {
            wrong.push(format!("{name}: {} problems, or long ones", problems.len()));
        }
        if cost.is_too_high(TIMES) {
            wrong.push(format!("{name} costs {cost}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
