//! Numbers that are watched and never fail anything: long files, long functions, unwraps outside tests.

use super::source::SourceFile;
use std::fmt::Write;

/// Past this many lines a file is worth a second look.
const FILE_LINES_NOTED: usize = 500;
/// Past this many lines a function is worth a second look.
const FUNCTION_LINES_NOTED: usize = 70;
/// How many of each are listed; the rest is counted.
const LISTED_MAX: usize = 5;

/// The measurements as text, one line each.
pub(super) fn report(files: &[SourceFile]) -> String {
    let mut long_files: Vec<(usize, String)> = files
        .iter()
        .map(|file| (file.text.lines().count(), file.path.clone()))
        .filter(|(lines, _)| *lines > FILE_LINES_NOTED)
        .collect();
    let mut long_functions: Vec<(usize, String)> = files.iter().flat_map(long_functions).collect();
    let unwraps: usize = files.iter().map(unwraps).sum();
    let mut text = String::new();
    list(&mut text, &format!("files over {FILE_LINES_NOTED} lines"), &mut long_files);
    list(&mut text, &format!("functions over {FUNCTION_LINES_NOTED} lines"), &mut long_functions);
    let _ = writeln!(text, "note: {unwraps} unwraps outside tests");
    text
}

fn long_functions(file: &SourceFile) -> impl Iterator<Item = (usize, String)> {
    let long = file.functions().into_iter().filter(|function| function.length > FUNCTION_LINES_NOTED);
    long.map(|function| (function.length, format!("{}:{} {}", file.path, function.line, function.name)))
}

fn unwraps(file: &SourceFile) -> usize {
    file.program_lines().map(|(_, line)| line.matches(".unwrap()").count()).sum()
}

/// Adds a line with the count and, where there are any, the longest ones.
fn list(text: &mut String, what: &str, found: &mut [(usize, String)]) {
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let _ = writeln!(text, "note: {} {what}", found.len());
    for (lines, place) in found.iter().take(LISTED_MAX) {
        let _ = writeln!(text, "  {lines:>5} {place}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_counted_and_the_longest_come_first() {
        let body = |lines: usize| "    a();\n".repeat(lines);
        let text = format!("fn short() {{\n{}}}\nfn long() {{\n{}}}\n", body(10), body(80));
        let tests = "#[cfg(test)]\nmod tests { fn a() { b().unwrap(); } }\n";
        let files = [
            SourceFile::new("a.rs", &format!("{text}fn c() {{ d().unwrap().e().unwrap(); }}\n{tests}")),
            SourceFile::new("b.rs", &format!("fn longer() {{\n{}}}\n", body(600))),
        ];
        let expected = "\
note: 1 files over 500 lines
    602 b.rs
note: 2 functions over 70 lines
    602 b.rs:1 longer
     82 a.rs:13 long
note: 2 unwraps outside tests
";
        assert_eq!(report(&files), expected);
    }
}
