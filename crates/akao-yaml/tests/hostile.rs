//! Hostile texts end in a clear error, quickly and within a bound of memory.
//!
//! Memory is measured in a process of its own, since the peak of a process never falls: the test starts itself again,
//! once for each text.

use akao_yaml::{Budget, ErrorKind, load};
use std::time::{Duration, Instant};

/// What a refused text may cost beside itself.
const MEMORY_KIB_MAX: u64 = 16 * 1024;
const TIME_MAX: Duration = Duration::from_millis(50);
/// Unoptimised code and a busy machine are slower than what is promised of a release.
const TIME_FACTOR: u32 = if cfg!(debug_assertions) { 20 } else { 2 };

const CASE_VARIABLE: &str = "AKAO_YAML_HOSTILE_CASE";

type Case = (&'static str, fn() -> String, ErrorKind, &'static str);

fn cases() -> Vec<Case> {
    use ErrorKind::{Budget, DuplicateKey, Encoding, Syntax, Unsupported};
    vec![
        ("alias bomb", alias_bomb, Budget, "anchors and aliases repeat more than 20000 values"),
        ("alias of a large text", alias_of_large_text, Budget, "anchors and aliases repeat more than 20000 values"),
        ("anchors within anchors", || nested("&a[N] [", 60), Budget, ""),
        ("many anchors", || "- &a x\n".repeat(300_000), Budget, "anchors and aliases repeat more than 20000 values"),
        ("alias deepens", alias_deepens, Budget, "nested deeper than 64 levels"),
        ("flow depth", || "[".repeat(10_000), Budget, "nested deeper than"),
        ("flow mapping depth", || "{a: ".repeat(10_000), Budget, "nested deeper than"),
        ("block depth", || "- ".repeat(10_000), Budget, "nested deeper than 64 levels"),
        ("key depth", || "? ".repeat(10_000), Unsupported, "a mapping or list stands as a key"),
        ("indented depth", indented_depth, Budget, "nested deeper than 64 levels"),
        ("plain scalar of 5 MB", || format!("a: {}\n", "x".repeat(5_000_000)), Budget, ""),
        ("quoted scalar of 5 MB", || format!("a: \"{}\"\n", "x".repeat(5_000_000)), Budget, ""),
        ("block scalar of 5 MB", || format!("a: |\n{}", "  some line\n".repeat(450_000)), Budget, ""),
        ("block scalar of empty lines", || format!("a: |\n  x{}", "\n".repeat(5_000_000)), Budget, ""),
        ("scalar of words", || format!("a: {}\n", "x ".repeat(2_500_000)), Budget, ""),
        ("key of 1 MB", || format!("{}: x\n", "k".repeat(1_100_000)), Budget, "a text of 1100000 bytes is longer"),
        ("line of 1 MB", || format!("a: [{}]\n", "1, ".repeat(400_000)), Budget, ""),
        ("list that may be a key", || format!("- [{}]\n", "1,".repeat(2_000_000)), Budget, ""),
        ("mapping that may be a key", || format!("- {{{}}}\n", "a: b,".repeat(1_000_000)), Budget, ""),
        ("JSON of many values", || format!("[{}1]", "1,".repeat(3_000_000)), Budget, "more than 100000 values"),
        ("lists within a list", || format!("[{}1]", "[1,2],".repeat(1_000_000)), Budget, "more than 100000 values"),
        ("many items", || "- 1\n".repeat(1_500_000), Budget, "more than 100000 values"),
        ("many keys", || (0..400_000).map(|n| format!("k{n}: 1\n")).collect(), Budget, "more than 100000 values"),
        ("duplicate among many", duplicate_among_many, DuplicateKey, "the key `k0` is already given at line 1"),
        ("nothing but duplicates", || "a: 1\n".repeat(45_000), DuplicateKey, "the key `a` is already given at line 1"),
        ("many documents", || "---\na\n".repeat(500_000), Unsupported, "a second document begins here"),
        ("too long", || "#".repeat(9 * 1024 * 1024), Budget, "the text has 9437184 bytes"),
        ("null characters", || "\0".repeat(1_000_000), Encoding, "the control character U+0000"),
        ("control characters at the end", || format!("a: {}\u{1}", "#\n".repeat(1_000_000)), Encoding, "U+0001"),
        ("quote never closed", || format!("a: \"{}", "x\n ".repeat(1_000_000)), Budget, ""),
        ("tags", || "- !!binary x\n".repeat(100_000), Unsupported, "tags"),
        (
            "number of a million digits",
            || format!("a: {}\n", "9".repeat(1_000_000)),
            Unsupported,
            "does not fit into 64 bits",
        ),
        ("colons", || ":".repeat(1_000_000), Syntax, ""),
        ("anchor name of 3 MB", || format!("a: &{} x\n", "n".repeat(3_000_000)), Budget, ""),
    ]
}

fn alias_bomb() -> String {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

fn alias_of_large_text() -> String {
    format!("- &a {}\n{}", "x".repeat(900_000), "- *a\n".repeat(100_000))
}

fn alias_deepens() -> String {
    let mut text = "a0: &a0 x\n".to_owned();
    for level in 1..100 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    text
}

fn nested(open: &str, depth: usize) -> String {
    let opened: String = (0..depth).map(|level| open.replace("[N]", &level.to_string())).collect();
    format!("{opened}{}{}", "1, ".repeat(2_000), "]".repeat(depth))
}

fn indented_depth() -> String {
    (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect()
}

fn duplicate_among_many() -> String {
    (0..45_000).map(|n| format!("k{n}: 1\n")).chain(["k0: 2\n".to_owned()]).collect()
}

fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

#[test]
fn hostile_texts_end_in_a_clear_error_soon() {
    let mut wrong = Vec::new();
    for (name, text, kind, message) in cases() {
        let text = text();
        let start = Instant::now();
        let result = load(&text, &Budget::default());
        let took = start.elapsed();
        println!("{name}: {took:?}");
        let error = result.err().unwrap_or_else(|| panic!("{name} was read"));
        if error.kind != kind || !error.message.contains(message) {
            wrong.push(format!("{name}: {:?} {error}", error.kind));
        }
        assert!(error.message.len() < 300, "{name}: a message of {} bytes", error.message.len());
        assert!(error.suggestion.is_some(), "{name} has no suggestion");
        assert!(took < TIME_MAX * TIME_FACTOR, "{name} took {took:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs one case when the test below has started this process for it; alone it has nothing to do.
#[test]
fn one_case_in_its_own_process() {
    let Ok(wanted) = std::env::var(CASE_VARIABLE) else { return };
    let (name, text, ..) = cases().into_iter().find(|case| case.0 == wanted).expect("the case exists");
    let text = text();
    let Some(before) = peak_kib() else { return };
    assert!(load(&text, &Budget::default()).is_err());
    let grown = peak_kib().unwrap_or_default().saturating_sub(before);
    println!("{name}: {grown} KiB");
    assert!(grown <= MEMORY_KIB_MAX, "{name} took {grown} KiB");
}

#[test]
fn hostile_texts_cost_little_memory() {
    if peak_kib().is_none() || std::env::var_os(CASE_VARIABLE).is_some() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    for (name, ..) in cases() {
        let output = std::process::Command::new(&program)
            .args(["--exact", "one_case_in_its_own_process", "--nocapture"])
            .env(CASE_VARIABLE, name)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
