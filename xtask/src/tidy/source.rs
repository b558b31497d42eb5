//! One Rust file in the views that the checks need: as it is, its code alone, and which lines are tests.
//!
//! This is a scanner of characters, not a parser: it knows comments, literals and braces. That is enough to look for
//! words and to measure functions without compiling anything.

/// A Rust file.
pub(super) struct SourceFile {
    /// The path from the workspace's folder, with forward slashes.
    pub(super) path: String,
    /// The file as it is.
    pub(super) text: String,
    /// The file with comments and the insides of literals turned into spaces; lines stay where they are.
    pub(super) code: String,
    /// For each line, whether it belongs to a test.
    tests: Vec<bool>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// The line with `fn`, from one.
    pub(super) line: usize,
    /// Lines from there to the closing brace.
    pub(super) length: usize,
}

impl SourceFile {
    /// The file `path` with the content `text`.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = code_only(text);
        let tests = match is_test_path(path) {
            true => vec![true; text.lines().count()],
            false => test_lines(&code),
        };
        Self { path: path.to_owned(), text: text.to_owned(), code, tests }
    }

    /// The name of the crate the file belongs to.
    pub(super) fn crate_name(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("crates") => parts.next().unwrap_or_default(),
            Some("web") => "akao-web",
            first => first.unwrap_or_default(),
        }
    }

    /// The code outside tests, each line with its number.
    pub(super) fn program_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let outside = |(index, _): &(usize, &str)| !self.tests.get(*index).copied().unwrap_or(false);
        self.code.lines().enumerate().filter(outside).map(|(index, line)| (index + 1, line))
    }

    /// Every function with a body, in the order of the file.
    pub(super) fn functions(&self) -> Vec<Function> {
        let chars: Vec<char> = self.code.chars().collect();
        let mut functions = Vec::new();
        let mut line = 1;
        for (index, c) in chars.iter().enumerate() {
            line += usize::from(*c == '\n');
            if *c == 'f' && starts_word(&chars, index, "fn") {
                functions.extend(function_at(&chars, index, line));
            }
        }
        functions
    }
}

/// Files that hold tests, benchmarks, examples and their material only.
fn is_test_path(path: &str) -> bool {
    let folder = |name: &&str| ["tests", "benches", "examples", "fixtures"].contains(name);
    let file = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| folder(&part)) || file == "tests.rs" || file.ends_with("_tests.rs")
}

/// The function whose `fn` stands at `index`; nothing for a pointer type or a declaration without a body.
fn function_at(chars: &[char], index: usize, line: usize) -> Option<Function> {
    let name: String = chars[index + 2..].iter().skip_while(|c| **c == ' ').take_while(|c| is_word(**c)).collect();
    if name.is_empty() {
        return None;
    }
    let end = block_end(chars, index)?;
    let length = 1 + chars[index..end].iter().filter(|c| **c == '\n').count();
    Some(Function { name, line, length })
}

/// The index after the block of the item that starts at `from`; nothing when a semicolon ends the item first.
fn block_end(chars: &[char], from: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (index, c) in chars.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(index + 1),
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// For each line of `code`, whether it stands in an item marked `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<bool> {
    let chars: Vec<char> = code.chars().collect();
    let marker: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut tests = vec![false; code.lines().count()];
    let (mut line, mut test_until) = (0, 0);
    for index in 0..chars.len() {
        if index >= test_until && chars[index..].starts_with(&marker) {
            let after = index + marker.len();
            test_until = block_end(&chars, after).unwrap_or(after);
        }
        if index < test_until {
            tests[line] = true;
        }
        line += usize::from(chars[index] == '\n');
    }
    tests
}

/// `text` with spaces for comments and literals; quotation marks go too, so nothing of them is taken for code.
fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut index = 0;
    while index < chars.len() {
        match blank_end(&chars, index) {
            Some(end) => {
                let blanks = chars[index..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' });
                code.extend(blanks);
                index = end;
            }
            None => {
                code.push(chars[index]);
                index += 1;
            }
        }
    }
    code
}

/// The index after the comment or literal that starts at `index`, if one does.
fn blank_end(chars: &[char], index: usize) -> Option<usize> {
    let next = chars.get(index + 1);
    match (chars[index], next) {
        ('/', Some('/')) => Some(position(chars, index, |c| c == '\n')),
        ('/', Some('*')) => Some(block_comment_end(chars, index)),
        ('"', _) => Some(quoted_end(chars, index, '"')),
        ('\'', Some('\\')) => Some(quoted_end(chars, index, '\'')),
        ('\'', Some(_)) if chars.get(index + 2) == Some(&'\'') => Some(index + 3),
        ('r', Some('"' | '#')) if !follows_word(chars, index) => raw_string_end(chars, index),
        _ => None,
    }
}

fn position(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| wanted(*c)).map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut index = from;
    while index < chars.len() {
        match (chars[index], chars.get(index + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) if depth == 1 => return index + 2,
            ('*', Some('/')) => depth -= 1,
            _ => {
                index += 1;
                continue;
            }
        }
        index += 2;
    }
    chars.len()
}

/// The index after the closing `quote` of the literal that opens at `from`; a backslash takes the next character along.
fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut index = from + 1;
    while index < chars.len() && chars[index] != quote {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

/// The index after a raw string; nothing for a raw identifier.
fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let quote = position(chars, from + 1, |c| c != '#');
    let hashes = quote - from - 1;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let closes = |index: usize| chars[index + 1..].iter().take_while(|c| **c == '#').take(hashes).count() == hashes;
    let end = (quote + 1..chars.len()).find(|index| chars[*index] == '"' && closes(*index));
    Some(end.map_or(chars.len(), |index| index + 1 + hashes))
}

/// Whether the character before `index` continues a word; the `b` and `c` of byte and C strings do not count.
fn follows_word(chars: &[char], index: usize) -> bool {
    let before = |back: usize| index.checked_sub(back).and_then(|at| chars.get(at)).copied().filter(|c| is_word(*c));
    match before(1) {
        Some('b' | 'c') => before(2).is_some(),
        other => other.is_some(),
    }
}

/// Whether `c` may stand in a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_word(chars: &[char], index: usize, word: &str) -> bool {
    let ends = index + word.chars().count();
    let free = |at: Option<usize>| !at.and_then(|at| chars.get(at)).is_some_and(|c| is_word(*c));
    chars[index..].iter().copied().take(ends - index).eq(word.chars()) && free(index.checked_sub(1)) && free(Some(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let cases = [
            ("a // b", "a     "),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"a("b\"c") d"#, "a(      ) d"),
            (r"a('x', '\'', 'é')", "a(   ,     ,    )"),
            ("fn a<'b>(c: &'b str)", "fn a<'b>(c: &'b str)"),
            (r##"a(r#"b"c"#, d)"##, "a(        , d)"),
            (r##"br"x" r#type bar"y""##, "b     r#type bar   "),
            ("a\n/* b\nc */ d", "a\n    \n     d"),
            ("\"open", "     "),
        ];
        for (text, expected) in cases {
            assert_eq!(code_only(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_tests_are_told_apart() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let file = SourceFile::new("crates/akao-flow/src/lib.rs", text);
        assert_eq!(file.program_lines().collect::<Vec<_>>(), [(1, "fn a() {}"), (6, "fn c() {}")]);
        let module_elsewhere = SourceFile::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n");
        assert_eq!(module_elsewhere.program_lines().map(|(line, _)| line).collect::<Vec<_>>(), [2, 3]);
        for path in ["crates/a/tests/b.rs", "crates/a/src/machine/tests.rs", "crates/a/src/tests/b.rs"] {
            assert_eq!(SourceFile::new(path, text).program_lines().count(), 0, "{path}");
        }
    }

    #[test]
    fn functions_are_measured() {
        let text = "trait A {\n    fn none(x: [u8; 2]);\n}\nfn one(f: fn(u8)) -> u8 { 1 }\nfn four(\n    x: [u8; 2],\n) {\n}\n";
        let functions = SourceFile::new("a.rs", text).functions();
        let expected = [("one", 4, 1), ("four", 5, 4)];
        let expected = expected.map(|(name, line, length)| Function { name: name.into(), line, length });
        assert_eq!(functions, expected);
    }

    #[test]
    fn a_file_knows_its_crate() {
        for (path, expected) in [("crates/akao-flow/src/a.rs", "akao-flow"), ("xtask/src/main.rs", "xtask")] {
            assert_eq!(SourceFile::new(path, "").crate_name(), expected);
        }
    }
}
