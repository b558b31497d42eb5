//! What each rule tells, and what it leaves alone.

use super::*;
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

fn found(text: &str) -> Vec<Lint> {
    found_in("src/a.ts", text)
}

fn found_in(path: &str, text: &str) -> Vec<Lint> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
    assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
    lint(path, text, &parsed.program)
}

fn rules(text: &str) -> Vec<(&'static str, bool, usize)> {
    found(text).iter().map(|lint| (lint.rule, lint.is_error, lint.place.line)).collect()
}

#[test]
fn what_is_most_likely_not_meant_is_told_with_its_line() {
    for (text, rule, is_error, line) in [
        ("f();\ndebugger;", "no-debugger", true, 2),
        ("let a = 1;\nif (a = 2) f();", "no-cond-assign", true, 2),
        ("let a;\nwhile (a = next()) f(a);", "no-cond-assign", true, 2),
        ("for (let a = 1; a = next();) f(a);", "no-cond-assign", true, 1),
        ("const b = () => ((a = 1) ? 1 : 2, a = 2 ? 1 : 2);", "no-constant-condition", false, 1),
        ("function f() {\n  return 1;\n  g();\n}", "no-unreachable", true, 3),
        ("function f() {\n  throw new Error();\n  const a = 1;\n}", "no-unreachable", true, 3),
        ("function f(a) {\n  if (a) { return 1; } else { throw 2; }\n  g();\n}", "no-unreachable", true, 3),
        ("for (const a of b) {\n  continue;\n  g(a);\n}", "no-unreachable", true, 3),
        ("while (true) {\n  f();\n}\ng();", "no-unreachable", true, 4),
        ("switch (a) {\n  case 1:\n    break;\n    f();\n}", "no-unreachable", true, 4),
        ("try { throw a; } catch { throw b; }\nf();", "no-unreachable", true, 2),
        ("f({\n  a: 1,\n  'a': 2,\n});", "no-dupe-keys", true, 3),
        ("f({ get a() { return 1; }, a: 2 });", "no-dupe-keys", true, 1),
        ("switch (a) {\n  case 'x': f();\n  case  'x': g();\n}", "no-duplicate-case", true, 3),
        ("if (a === 1) f();\nelse if (b) g();\nelse if (a  === 1) h();", "no-dupe-else-if", true, 3),
        ("class A {\n  b() {}\n  b = 1;\n}", "no-dupe-class-members", true, 3),
        ("if (a.b ===\n  a.b) f();", "no-self-compare", true, 1),
        ("if (a === NaN) f();", "use-isnan", true, 1),
        ("if (Number.NaN != a) f();", "use-isnan", true, 1),
        ("a['x'] = 1; if (a['x'] === a[\"x\"]) f();", "no-self-compare", true, 1),
        ("a.b .c = a.b.c;", "no-self-assign", true, 1),
        ("if (typeof a === 'strnig') f();", "valid-typeof", true, 1),
        ("if (!a in b) f();", "no-unsafe-negation", true, 1),
        ("a = a;", "no-self-assign", true, 1),
        ("const a = [1, , 2];", "no-sparse-arrays", true, 1),
        ("new Promise(async (go) => go(1));", "no-async-promise-executor", true, 1),
        ("function f() { try { g(); } finally {\n return 1; } }", "no-unsafe-finally", true, 2),
        ("while (a) { try { g(); } finally { break; } }", "no-unsafe-finally", true, 1),
        ("try { f(); } catch (error) { }", "no-empty", false, 1),
        ("if (a) { } else f();", "no-empty", false, 1),
        ("if (true) f();", "no-constant-condition", false, 1),
    ] {
        assert_eq!(rules(text), [(rule, is_error, line)], "{text}");
    }
    for (operator, always) in [("==", "never"), ("<", "never"), ("!=", "always"), ("!==", "always")] {
        let text = format!("if (a {operator} NaN) f();");
        assert_eq!(found(&text)[0].message, format!("this comparison with `NaN` is {always} true"), "{text}");
    }
    let told = &found("let a = 1;\nif (a  =\n 2) a;")[0];
    assert_eq!(told.message, "the condition `a = 2` assigns");
    assert!(told.hint.starts_with("Compare with `===`") && (told.place.column, told.file.as_str()) == (5, "src/a.ts"));
}

#[test]
fn what_is_meant_is_left_alone() {
    for text in [
        "let a; while ((a = next()) !== null) f(a); if ((a = 1)) f();",
        "while (true) { if (a) break; } f();",
        "for (;;) { f(); }",
        "function f() { return g(); function g() { return 1; } type A = 1; var b; }",
        "if (a) { return_(); } f(); function return_() {}",
        "f({ get a() { return 1; }, set a(b) {}, [c]: 1, [c]: 2, ...d });",
        "class A { get b() { return 1; } set b(c) {} static b() {} c(a: string): void; c(a: number): void; c(a: any) {} }",
        "switch (a) { case 1: case 2: f(); break; default: g(); }",
        "try { f(); } catch { /* It may be gone already. */ } finally { for (const a of b) { if (a) break; } }",
        "try { f(); } finally { g(() => { return 1; }); switch (a) { case 1: break; } }",
        "const f = () => {}; class A { b() {} }",
        "if (a == b || typeof a === 'string' || !(a in b)) f();",
        "const [, a] = b; a.b = a.c; a += a;",
        "new Promise((go) => go(1)); do { f(); } while (a());",
        "if (a.startsWith('    ')) f(); else if (a.startsWith('  ')) g(); else if (/a  b/.test(a)) h(); else if (/a b/.test(a)) i();",
        "switch (a) { case ' ': f(); break; case '  ': g(); break; case `\n`: h(); break; case ` `: i(); }",
        "if (' ' === '  ' || `a  ${b}` === `a ${b}`) f(); a['  '].b = a[' '].b;",
        "if (typeof a < 'n' || 'n' >= typeof a) f();",
        "function f(a) { switch (a) { case 1: return 1; default: return 2; } }",
    ] {
        assert_eq!(rules(text), [], "{text}");
    }
}

#[test]
fn files_that_hold_nothing_but_mistakes_are_read_soon_and_told_in_part() {
    let many = [
        "debugger;\n".repeat(100_000),
        "if (a = b) {}\n".repeat(50_000),
        format!("switch (a) {{ {} }}", "case 1:\n".repeat(100_000)),
        format!("switch (a) {{ {} }}", (0..50_000).map(|n| format!("case {n}:\n")).collect::<String>()),
        format!("if (a0) f();\n{}", (1..2_000).map(|n| format!("else if (a{n}) f();\n")).collect::<String>()),
        "if (a) { /* b */ }\n".repeat(50_000),
        format!("f({{ {} }});", "a: 1,\n".repeat(100_000)),
        format!("debugger;\n{}", "// eslint-disable-line\n".repeat(50_000)),
    ];
    for text in &many {
        let began = std::time::Instant::now();
        assert!(found(text).len() <= LINTS_MAX);
        assert!(began.elapsed().as_secs() < 10, "{:?} for {:.40}", began.elapsed(), text);
    }
    for text in ["it.only('a', f);\n".repeat(100_000), format!("expect(a){};\n", ".not".repeat(1_000)).repeat(500)] {
        assert_eq!(found_in("src/a.test.ts", &text).len(), LINTS_MAX);
    }
    assert_eq!(found(&many[0]).len(), LINTS_MAX);
}

#[test]
fn a_comment_says_that_something_is_meant() {
    for text in [
        "// eslint-disable-next-line no-debugger -- it is a debugger's node\ndebugger;",
        "debugger; // eslint-disable-line",
        "debugger; // oxlint-disable-line no-empty, @typescript-eslint/no-debugger",
        "/* eslint-disable no-debugger */\nf();\ndebugger;",
    ] {
        assert_eq!(rules(text), [], "{text}");
    }
    for text in [
        "// eslint-disable-next-line no-empty\ndebugger;",
        "// eslint-disable-next-line\nf();\ndebugger;",
        "/* eslint-disable */\nf();\n/* eslint-enable */\ndebugger;",
        "const a = '// eslint-disable-line'; debugger;",
    ] {
        assert_eq!(rules(text).len(), 1, "{text}");
    }
}

/// What is found in a file of tests.
fn in_tests(text: &str) -> Vec<(&'static str, bool, usize)> {
    found_in("src/a.test.ts", text).iter().map(|lint| (lint.rule, lint.is_error, lint.place.line)).collect()
}

#[test]
fn tests_that_prove_less_than_they_seem_to_are_told() {
    for (text, rule, is_error, line) in [
        ("it('a', f);\nit.only('b', g);", "no-focused-tests", true, 2),
        ("describe('a', () => {\n  test.only.each([1])('%d', f);\n});", "no-focused-tests", true, 2),
        ("describe.only('a', f);", "no-focused-tests", true, 1),
        ("it('a', f);\nit('b', f);\ntest(`a`, g);", "no-identical-title", false, 3),
        ("describe('a', f);\ndescribe('a', g);", "no-identical-title", false, 2),
        ("describe('a', () => {\n  it('b', f);\n  it.skip('b', g);\n});", "no-identical-title", false, 3),
        ("it('a', () => {\n  expect(f());\n});", "valid-expect", true, 2),
        ("it('a', async () => {\n  await expect(f()).resolves;\n});", "valid-expect", true, 2),
        ("it('a', () => {\n  expect(f()).not.toBeNull;\n});", "valid-expect", true, 2),
        ("it('a', () => {\n  expect(f()).rejects.toThrow();\n});", "valid-expect", true, 2),
        ("it('a', () => { if (a = 1) f(); });", "no-cond-assign", true, 1),
    ] {
        assert_eq!(in_tests(text), [(rule, is_error, line)], "{text}");
        if rule != "no-cond-assign" {
            assert_eq!(rules(text), [], "elsewhere it may mean something else: {text}");
        }
    }
    let told = |text: &str| found_in("a.test.ts", text)[0].message.clone();
    assert_eq!(told("expect(f()).toBe;"), "`expect(f()).toBe` compares nothing, as it is not called");
    assert_eq!(told("expect(f()).resolves.toBe(1);"), "nobody waits for `expect(f()).resolves.toBe(1)`");
    assert_eq!(told("test.only.each([1])('%d', f);"), "`test.only` keeps the other tests from being run");
}

#[test]
fn tests_that_are_meant_are_left_alone() {
    for text in [
        "describe('a', () => { it('b', f); it('c', f); }); describe('d', () => { it('b', f); }); it('a', f); it('b', f);",
        "it.each([1, 2])('is %d', f); it.each([3])('is %d', f); it.each`a`('b', f); it.each`c`('b', f); it('b', f);",
        "for (const a of b) { it(`is ${a}`, f); it(`is ${a}`, g); } it(name, f); it(name, f);",
        "it.skip('a', f); it.todo('b'); only('c', f); a.only('d', f); a.it('e'); a.it('e');",
        "expect(a).toBe(1); expect(a).not.toBe(1); expect.assertions(1); expect(a, 'b').toBe(2); expected(a);",
        "it('a', async () => { await expect(f()).resolves.toBe(1); return expect(f()).rejects.toThrow(); });",
        "it('a', () => expect(f()).resolves.toBe(1)); const all = [1].map((a) => expect(f(a)).rejects.toThrow());",
        "expect(f()).rejects.toThrow().then(g); void expect(f()).rejects.toThrow(); const a = expect(b);",
        "// eslint-disable-next-line vitest/no-focused-tests -- the others take long\nit.only('a', f);",
    ] {
        assert_eq!(in_tests(text), [], "{text}");
    }
    let within = "describe('a', () => {".repeat(50) + &"});".repeat(50);
    assert_eq!(in_tests(&within), []);
}
