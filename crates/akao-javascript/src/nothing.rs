//! `null` and `undefined` that were thrown: they carry no stack, and QuickJS itself throws null where no memory is left for an
//! error. Here is told apart which it was, and where a text throws them, which it tells only if it does so in a single place. It
//! is the same with `import()` of a module that is not there, whose failure has no stack either.

use rquickjs::{Ctx, Function, Result, Value, context::EvalOptions};
use std::{
    fs::{File, OpenOptions},
    iter::Peekable,
    os::unix::fs::FileExt,
    sync::OnceLock,
};

const WAS_FULL: &str = include_str!("helpers/was_full.js");
/// What that is called in stack traces.
const FILE: &str = "akao:was-full";
const PIECES: u64 = 16;
/// What makes the kernel forget what a process has taken at most.
const FORGET_PEAK: &str = "5";
/// Words after which a slash begins a regular expression.
const BEFORE_VALUES: [&str; 14] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "throw",
    "new",
    "delete",
    "void",
    "instanceof",
    "do",
    "else",
    "yield",
    "await",
];

/// Longest text of the kernel about a process that is read, in bytes.
const STATUS_BYTES_MAX: usize = 8 << 10;

/// Set where this process does nothing but run one script after the other.
static ALONE: OnceLock<Alone> = OnceLock::new();

/// What the kernel is asked by. It stays open: that takes two thirds of the time.
#[derive(Debug)]
struct Alone {
    status: Option<File>,
    /// None in a sandbox, whose view of processes cannot be written to.
    forget: Option<File>,
}

impl Alone {
    fn open() -> Self {
        let forget = OpenOptions::new().write(true).open("/proc/self/clear_refs");
        Self { status: File::open("/proc/self/status").ok(), forget: forget.ok() }
    }

    /// What the process has taken, now and at most; nothing where that is not told.
    fn taken(&self) -> (u64, u64) {
        let mut text = [0; STATUS_BYTES_MAX];
        let length = self.status.as_ref().and_then(|status| status.read_at(&mut text, 0).ok()).unwrap_or(0);
        let status = String::from_utf8_lossy(&text[..length]);
        let told = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
                .unwrap_or(0)
                .saturating_mul(1_024)
        };
        (told("VmRSS:"), told("VmHWM:"))
    }

    /// Makes the peak that of what follows, where that is possible.
    fn forget_peak(&self) {
        if let Some(forget) = &self.forget {
            let _ = forget.write_at(FORGET_PEAK.as_bytes(), 0);
        }
    }
}

/// From here on, what the process takes of memory is taken by what it runs.
pub(crate) fn set_alone() {
    ALONE.get_or_init(Alone::open);
}

/// What the process had taken of memory before a run, by which is told what the run has taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    resident_bytes: u64,
    peak_bytes: u64,
    /// What of it is the runtime's.
    own_bytes: u64,
}

impl Before {
    /// What it is now, with a runtime of which so much is taken already. It takes several microseconds: nobody waits for it meanwhile.
    pub(crate) fn now(own_bytes: u64) -> Self {
        let Some(alone) = ALONE.get() else { return Self::default() };
        // From here on the peak is the run's. Where that cannot be said, a peak that rises is.
        alone.forget_peak();
        let (resident_bytes, peak_bytes) = alone.taken();
        Self { resident_bytes, peak_bytes, own_bytes }
    }

    /// The same before another run in the same runtime.
    pub(crate) fn again(self) -> Self {
        Self { peak_bytes: Self::now(0).peak_bytes, ..self }
    }

    /// Whether the run took all that it may, for certain: what it took where others had given back does not count.
    fn took(self, memory_bytes: u64) -> bool {
        let Some(alone) = ALONE.get() else { return false };
        let (_, peak_bytes) = alone.taken();
        let grown = peak_bytes.saturating_sub(self.resident_bytes);
        peak_bytes > self.peak_bytes && grown.saturating_add(self.own_bytes) >= memory_bytes / 10 * 9
    }
}

/// Whether the runtime may have run out of memory since it began. Where nothing but texts and numbers took all of it, QuickJS
/// has looked for no garbage meanwhile, and only the process itself shows it.
pub(crate) fn was_full(ctx: &Ctx<'_>, memory_bytes: u64, before: Before) -> bool {
    was_full_of_objects(ctx, memory_bytes) || before.took(memory_bytes)
}

fn was_full_of_objects(ctx: &Ctx<'_>, memory_bytes: u64) -> bool {
    let ask = || -> Result<bool> {
        let mut options = EvalOptions::default();
        options.filename = Some(FILE.to_owned());
        let ask: Function<'_> = ctx.eval_with_options(WAS_FULL, options)?;
        ask.call((memory_bytes / PIECES,))
    };
    ask().unwrap_or_else(|_| {
        ctx.catch();
        true
    })
}

/// Which of the two a value is, as it is written; none for another one.
pub(crate) fn of(value: &Value<'_>) -> Option<&'static str> {
    match (value.is_null(), value.is_undefined()) {
        (true, _) => Some("null"),
        (_, true) => Some("undefined"),
        _ => None,
    }
}

/// The lines and columns, from 1, at which a text throws it or rejects a promise with it.
pub(crate) fn places(source: &str, thrown: &str) -> Vec<(u32, u32)> {
    let tokens = tokens(source);
    let starts = (0..tokens.len()).filter(|at| throws(&tokens, *at, thrown));
    starts.map(|at| place(source, tokens[at].start)).collect()
}

/// The lines and columns, from 1, at which a text imports this module by `import()`.
pub(crate) fn import_places(source: &str, module: &str) -> Vec<(u32, u32)> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let names = |at: usize| {
        let rest =
            tokens.get(at).and_then(|token| source.get(token.start + 1..)).and_then(|rest| rest.strip_prefix(module));
        matches!(text(at), "'" | "\"" | "`") && rest.is_some_and(|rest| rest.starts_with(text(at)))
    };
    let starts = (0..tokens.len()).filter(|at| text(*at) == "import" && text(at + 1) == "(" && names(at + 2));
    starts.map(|at| place(source, tokens[at].start)).collect()
}

fn place(source: &str, at: usize) -> (u32, u32) {
    let before = &source[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    (number(before.matches('\n').count()), number(line.chars().count()))
}

/// Whether the tokens from here on throw it: `throw null` as a whole statement, or `reject(null)`.
fn throws(tokens: &[Token<'_>], at: usize, thrown: &str) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let literal = |at: usize| match (text(at), text(at + 1)) {
        ("void", "0") if thrown == "undefined" => 2,
        (word, _) => usize::from(word == thrown),
    };
    match text(at) {
        "throw" if at == 0 || text(at - 1) != "." => {
            let end = at + 1 + literal(at + 1);
            end > at + 1 && (matches!(text(end), "" | ";" | "}") || tokens[end].begins_line)
        }
        "reject" if text(at + 1) == "(" => {
            let end = at + 2 + literal(at + 2);
            (end > at + 2 || thrown == "undefined") && text(end) == ")"
        }
        _ => false,
    }
}

/// A word, a number, or a single mark; texts and regular expressions are their first mark.
struct Token<'a> {
    text: &'a str,
    start: usize,
    begins_line: bool,
}

/// The tokens of a text, as far as they can be told without reading it as a program: a slash that is taken for the wrong thing
/// hides no more than the rest of its line.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    // For each brace that is open, whether it stands within a template.
    let mut braces = Vec::new();
    let (mut at, mut begins_line) = (0, true);
    while let Some(next) = source[at..].chars().next() {
        let rest = &source[at..];
        let blank = blank(rest);
        if blank > 0 {
            begins_line |= rest[..blank].contains('\n');
            at += blank;
            continue;
        }
        let is_value = tokens.last().is_some_and(|token| ends_value(token.text));
        let (shown, length) = match next {
            '"' | '\'' => (1, quoted(rest, next)),
            '`' => (1, template(rest, &mut braces)),
            '/' if !is_value => (1, regular_expression(rest)),
            '{' | '}' => {
                let is_template = if next == '{' {
                    braces.push(false);
                    false
                } else {
                    braces.pop() == Some(true)
                };
                (1, if is_template { template(rest, &mut braces) } else { 1 })
            }
            next if is_of_word(next) => {
                let length = rest.find(|next| !is_of_word(next)).unwrap_or(rest.len());
                (length, length)
            }
            next => (next.len_utf8(), next.len_utf8()),
        };
        tokens.push(Token { text: &rest[..shown], start: at, begins_line });
        (at, begins_line) = (at + length, false);
    }
    tokens
}

fn is_of_word(next: char) -> bool {
    next.is_alphanumeric() || matches!(next, '_' | '$' | '\\' | '#')
}

/// Whether what comes after this cannot begin a value.
fn ends_value(text: &str) -> bool {
    let is_word = text.starts_with(is_of_word);
    is_word && !BEFORE_VALUES.contains(&text) || matches!(text, ")" | "]" | "}" | "\"" | "'" | "`")
}

/// How long what separates tokens is: blanks or one comment.
fn blank(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    match rest.strip_prefix("/*") {
        Some(comment) => comment.find("*/").map_or(rest.len(), |end| end + 4),
        None => rest.find(|next: char| !next.is_whitespace() && next != '\u{feff}').unwrap_or(rest.len()),
    }
}

/// How long a text between quotes is; it ends with its line if not before.
fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, next)) = chars.next() {
        match next {
            '\\' => skip(&mut chars),
            '\n' => return at,
            next if next == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How long a piece of a template is: from a backtick or the brace that closes what was between, to what is between next.
fn template(rest: &str, braces: &mut Vec<bool>) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, next)) = chars.next() {
        match next {
            '\\' => skip(&mut chars),
            '`' => return at + 1,
            '$' if chars.peek().is_some_and(|(_, next)| *next == '{') => {
                braces.push(true);
                return at + 2;
            }
            _ => {}
        }
    }
    rest.len()
}

/// How long a regular expression is; the slash alone, where its line does not end it.
fn regular_expression(rest: &str) -> usize {
    let (mut chars, mut is_in_class) = (rest.char_indices().skip(1).peekable(), false);
    while let Some((at, next)) = chars.next() {
        match next {
            '\\' => skip(&mut chars),
            '\n' => return 1,
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '/' if !is_in_class => return at + 1,
            _ => {}
        }
    }
    1
}

fn skip(chars: &mut Peekable<impl Iterator<Item = (usize, char)>>) {
    chars.next();
}

#[cfg(test)]
mod tests {
    use super::{Alone, places};

    #[test]
    fn what_is_taken_is_told_and_a_peak_is_forgotten() {
        let alone = Alone::open();
        drop(vec![1_u8; 256 << 20]);
        let (resident, before) = alone.taken();
        assert!(resident > 0 && before >= 256 << 20, "{resident} and {before}");
        alone.forget_peak();
        let (_, after) = alone.taken();
        assert!(after + (128 << 20) < before, "{before} and {after}");
    }

    #[test]
    fn places_are_those_at_which_it_is_thrown_whatever_else_the_text_holds() {
        let cases: [(&str, &str, &[(u32, u32)]); 17] = [
            ("throw null", "null", &[(1, 1)]),
            ("if (a) {\n  throw null;\n}", "null", &[(2, 3)]),
            ("const f = () => { throw null }\nthrow null\nf()", "null", &[(1, 19), (2, 1)]),
            ("throw undefined", "null", &[]),
            ("throw undefined; throw void 0", "undefined", &[(1, 1), (1, 18)]),
            ("throw null ?? new Error('x')", "null", &[]),
            ("a.throw\nnull", "null", &[]),
            ("'throw null'; \"throw null\"; `throw null`; // throw null\n/* throw null */", "null", &[]),
            ("`a ${ (() => { throw null })() } throw null`", "null", &[(1, 16)]),
            ("`${ `${ 1 }` }`; throw null", "null", &[(1, 18)]),
            ("x = /throw null;'/; throw null", "null", &[(1, 21)]),
            ("x = /[/']/.test(y); throw null", "null", &[(1, 21)]),
            ("x = a / 2; y = '/'; throw null", "null", &[(1, 21)]),
            ("'é'; throw null", "null", &[(1, 6)]),
            ("await Promise.reject(null)", "null", &[(1, 15)]),
            ("new Promise((_, reject) => reject())", "undefined", &[(1, 28)]),
            ("'open\nthrow null", "null", &[(2, 1)]),
        ];
        for (source, thrown, expected) in cases {
            assert_eq!(places(source, thrown), expected, "{source}");
        }
    }
}
