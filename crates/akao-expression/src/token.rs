//! Words, numbers, texts and symbols of an expression. Spellings of JavaScript and shells are refused here, each with
//! what to write instead.

use crate::error::CompileError;
use serde_json::Number;

/// One token and the byte offset where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Word(String),
    Text(String),
    Number(Number),
    Symbol(&'static str),
    End,
}

/// Spellings of other languages, longest first, with the suggestion for each.
const FOREIGN: &[(&str, &str)] = &[
    ("===", "Write `==`."),
    ("!==", "Write `!=`."),
    ("&&", "Write `and`."),
    ("||", "Write `or`."),
    ("??", "Write `value | default('x')`."),
    ("?.", "Write the plain path and `| default('x')` after it."),
    ("=>", "Functions cannot be written; use the filters `map`, `where` or `sort`."),
    ("++", "Values cannot be changed here; write `x + 1`."),
    ("...", "Write `list1 + list2`, or `object1 | merge(object2)`."),
    ("{%", "Statements are not available; use the filters `map` and `where`, or a control node."),
    ("!", "Write `not`, and `!=` for unequal."),
    ("&", "Write `and`."),
    ("?", "Write `a if condition else b`."),
    ("`", "Write text in '…' or \"…\"."),
    (";", "One expression is written without `;`."),
    ("$", "Write names without `$`: `input.x`, `steps.fetch.outputs.x`, `x` for the blackboard."),
    ("=", "Write `==` to compare."),
    ("^", "Write `**` for a power."),
    ("#", "Comments are not available inside an expression."),
];

/// Symbols of the language, longest first.
const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "*", "/", "%", "~", "|", ".", ",", ":", "(", ")", "[", "]",
    "{", "}", "=",
];

/// Cuts a source into tokens; the last one is [`TokenKind::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, CompileError> {
    let mut tokens = Vec::with_capacity(source.len() / 4 + 2);
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (kind, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '\'' | '"' => text(rest).map_err(|error| error.shifted(at))?,
            '0'..='9' => number(rest, after_dot(&tokens)).map_err(|error| error.shifted(at))?,
            'a'..='z' | 'A'..='Z' | '_' => word(rest),
            _ => symbol(rest, &tokens).map_err(|error| error.shifted(at))?,
        };
        tokens.push(Token { kind, offset: at });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, offset: source.len() });
    Ok(tokens)
}

/// After a dot a number is a list index, so `a.0.1` is two of them and not the fraction 0.1.
fn after_dot(tokens: &[Token]) -> bool {
    matches!(tokens.last(), Some(Token { kind: TokenKind::Symbol("."), .. }))
}

fn word(rest: &str) -> (TokenKind, usize) {
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    (TokenKind::Word(rest[..length].to_owned()), length)
}

fn symbol(rest: &str, before: &[Token]) -> Result<(TokenKind, usize), CompileError> {
    // `name=value` names an argument; every other lone `=` is an assignment.
    let names_argument = !rest.starts_with("==")
        && !rest.starts_with("=>")
        && matches!(
            before,
            [.., Token { kind: TokenKind::Symbol("(" | ","), .. }, Token { kind: TokenKind::Word(_), .. }]
        );
    if rest.starts_with('=') && names_argument {
        return Ok((TokenKind::Symbol("="), 1));
    }
    let symbol = SYMBOLS.iter().find(|symbol| **symbol != "=" && rest.starts_with(**symbol));
    let foreign = FOREIGN.iter().find(|(spelling, _)| rest.starts_with(spelling));
    match (symbol, foreign) {
        (symbol, Some((spelling, suggestion))) if symbol.is_none_or(|symbol| symbol.len() < spelling.len()) => {
            Err(CompileError::new(0, format!("`{spelling}` is not part of the expression language"))
                .suggest(*suggestion))
        }
        (Some(symbol), _) => Ok((TokenKind::Symbol(symbol), symbol.len())),
        (None, _) => Err(unexpected_character(rest)),
    }
}

fn unexpected_character(rest: &str) -> CompileError {
    let character = rest.chars().next().unwrap_or_default();
    let error = CompileError::new(0, format!("unexpected character {character:?}"));
    match character {
        '“' | '”' | '‘' | '’' => error.suggest("Write straight quotes, '…' or \"…\"."),
        _ if character.is_alphabetic() => {
            error.suggest("Names are ASCII letters, digits and `_`; write `bb['name']` for any other key.")
        }
        _ => error,
    }
}

fn number(rest: &str, index_only: bool) -> Result<(TokenKind, usize), CompileError> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    let mut is_float = false;
    if !index_only {
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            (is_float, end) = (true, digits(end + 1));
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                (is_float, end) = (true, digits(end + 1 + sign));
            }
        }
    }
    let text = &rest[..end];
    if rest[end..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(CompileError::new(end, format!("`{text}` is followed by a letter"))
            .suggest("A name does not start with a digit; write `bb['1st']` for such a key, and '10s' for a text."));
    }
    let number = match is_float {
        true => text.parse().ok().and_then(Number::from_f64),
        false => text.parse::<u64>().ok().map(whole),
    };
    number
        .map(|number| (TokenKind::Number(number), end))
        .ok_or_else(|| CompileError::new(0, format!("number `{text:.40}` is too large")))
}

/// A whole number in its usual form: signed while it fits, as JSON input has it.
fn whole(number: u64) -> Number {
    i64::try_from(number).map_or_else(|_| Number::from(number), Number::from)
}

fn text(rest: &str) -> Result<(TokenKind, usize), CompileError> {
    let unterminated = || CompileError::new(0, "text is not closed").suggest("Close it with the quote it opened with.");
    let mut characters = rest.char_indices();
    let quote = characters.next().map(|(_, quote)| quote).unwrap_or('\'');
    let mut content = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((TokenKind::Text(content), at + 1)),
            '\\' => {
                let (_, escaped) = characters.next().ok_or_else(unterminated)?;
                content.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '\'' | '"' | '/' => escaped,
                    'u' => unicode(&mut characters)
                        .ok_or_else(|| CompileError::new(at, "`\\u` needs four hexadecimal digits of a character"))?,
                    other => {
                        return Err(CompileError::new(at, format!("unknown escape `\\{other}` in a text"))
                            .suggest("Write `\\\\` for a backslash."));
                    }
                });
            }
            _ => content.push(character),
        }
    }
    Err(unterminated())
}

fn unicode(characters: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let mut code = 0;
    for _ in 0..4 {
        code = code * 16 + characters.next()?.1.to_digit(16)?;
    }
    char::from_u32(code)
}
