//! Expressions written in Akao's expression language, or as text of a `Script` node.

use super::{Assign, Binary, Expr, Statement, Unsupported};
use crate::build::number;

/// How a name is written in the result.
pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&str) -> Result<String, Unsupported>;

/// The two languages that differ in the spelling of operators only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Expression,
    Script,
}

/// Binding strength of what was written; a weaker operand gets brackets.
const ATOM: u8 = 9;
const UNARY: u8 = 8;
const CHOICE: u8 = 0;

/// `expr` in the expression language.
pub(crate) fn expression(expr: &Expr, resolve: Resolve<'_>) -> Result<String, Unsupported> {
    Ok(write(expr, Language::Expression, resolve)?.0)
}

/// `expr` as an expression that is a boolean, as `if` demands.
pub(crate) fn condition(expr: &Expr, resolve: Resolve<'_>) -> Result<String, Unsupported> {
    let as_boolean = boolean(expr);
    expression(&as_boolean, resolve)
}

/// The opposite of `expr`, as a boolean.
pub(crate) fn negated(expr: &Expr, resolve: Resolve<'_>) -> Result<String, Unsupported> {
    match expr {
        Expr::Not(inner) => condition(inner, resolve),
        other => expression(&Expr::Not(Box::new(other.clone())), resolve),
    }
}

/// The statements as text of a `Script` node. A choice (`? :`) has no form there.
pub(crate) fn script_text(statements: &[Statement], resolve: Resolve<'_>) -> Result<String, Unsupported> {
    let mut lines = Vec::new();
    for statement in statements {
        lines.push(match statement {
            Statement::Value(expr) => write(expr, Language::Script, resolve)?.0,
            Statement::Assign { key, how, value } => {
                let value = assigned(key, *how, value);
                format!("{} = {}", resolve(key)?, write(&value, Language::Script, resolve)?.0)
            }
        });
    }
    Ok(lines.join("\n"))
}

/// The value of an assignment with `+=` and its like spelt out.
pub(crate) fn assigned(key: &str, how: Assign, value: &Expr) -> Expr {
    match how {
        Assign::Create | Assign::Set => value.clone(),
        Assign::Change(operator) => {
            Expr::Binary(operator, Box::new(Expr::Name(key.to_owned())), Box::new(value.clone()))
        }
    }
}

fn boolean(expr: &Expr) -> Expr {
    let twice = |inner: &Expr| Expr::Not(Box::new(Expr::Not(Box::new(inner.clone()))));
    match expr {
        Expr::Binary(operator @ (Binary::And | Binary::Or), left, right) => {
            Expr::Binary(*operator, Box::new(boolean(left)), Box::new(boolean(right)))
        }
        Expr::Choice(test, yes, no) => Expr::Choice(test.clone(), Box::new(boolean(yes)), Box::new(boolean(no))),
        Expr::Binary(operator, ..) if strength(*operator) == COMPARISON => expr.clone(),
        Expr::Not(_) | Expr::Bool(_) => expr.clone(),
        Expr::Number(value) => Expr::Bool(*value != 0.0),
        other => twice(other),
    }
}

const COMPARISON: u8 = 4;

fn strength(operator: Binary) -> u8 {
    match operator {
        Binary::Or => 1,
        Binary::And => 2,
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::LessEqual
        | Binary::Greater
        | Binary::GreaterEqual
        | Binary::In => COMPARISON,
        Binary::Concat => 5,
        Binary::Add | Binary::Subtract => 6,
        Binary::Multiply | Binary::Divide | Binary::Remainder => 7,
    }
}

fn symbol(operator: Binary, language: Language) -> &'static str {
    match (operator, language) {
        (Binary::Or, Language::Expression) => "or",
        (Binary::Or, Language::Script) => "||",
        (Binary::And, Language::Expression) => "and",
        (Binary::And, Language::Script) => "&&",
        (Binary::Equal, _) => "==",
        (Binary::NotEqual, _) => "!=",
        (Binary::Less, _) => "<",
        (Binary::LessEqual, _) => "<=",
        (Binary::Greater, _) => ">",
        (Binary::GreaterEqual, _) => ">=",
        (Binary::In, _) => "in",
        (Binary::Concat, Language::Expression) => "~",
        (Binary::Concat, Language::Script) | (Binary::Add, _) => "+",
        (Binary::Subtract, _) => "-",
        (Binary::Multiply, _) => "*",
        (Binary::Divide, _) => "/",
        (Binary::Remainder, _) => "%",
    }
}

fn write(expr: &Expr, language: Language, resolve: Resolve<'_>) -> Result<(String, u8), Unsupported> {
    Ok(match expr {
        Expr::Number(value) if *value < 0.0 => (number(*value).to_string(), UNARY),
        Expr::Number(value) => (number(*value).to_string(), ATOM),
        Expr::Text(text) => (quoted(text, language)?, ATOM),
        Expr::Bool(value) => (value.to_string(), ATOM),
        Expr::Null if language == Language::Script => ("null".to_owned(), ATOM),
        Expr::Null => ("none".to_owned(), ATOM),
        Expr::Name(name) => (resolve(name)?, ATOM),
        Expr::Not(inner) => {
            let word = if language == Language::Script { "!" } else { "not " };
            // `not` binds looser than a comparison in the expression language; brackets keep the reading plain.
            (format!("{word}{}", operand(inner, UNARY, language, resolve)?), if word == "!" { UNARY } else { 3 })
        }
        Expr::Negate(inner) => (format!("-{}", operand(inner, ATOM, language, resolve)?), UNARY),
        Expr::Binary(operator, left, right) => binary(*operator, left, right, language, resolve)?,
        Expr::Choice(..) if language == Language::Script => {
            return Err(Unsupported::new("a choice (`? :`) has no form in a Script node"));
        }
        Expr::Choice(test, yes, no) => {
            let test = operand(test, 1, language, resolve)?;
            let yes = operand(yes, 1, language, resolve)?;
            (format!("{yes} if {test} else {}", operand(no, 1, language, resolve)?), CHOICE)
        }
    })
}

fn binary(
    operator: Binary,
    left: &Expr,
    right: &Expr,
    language: Language,
    resolve: Resolve<'_>,
) -> Result<(String, u8), Unsupported> {
    if language == Language::Script && operator == Binary::In {
        return Err(Unsupported::new("`in` has no form in a Script node"));
    }
    let own = strength(operator);
    // Comparisons do not chain; everything else groups to the left.
    let left_minimum = if own == COMPARISON { own + 1 } else { own };
    let left_text = operand(left, left_minimum, language, resolve)?;
    let right_text = operand(right, own + 1, language, resolve)?;
    let symbol = symbol(operator, language);
    if operator == Binary::Concat && language == Language::Script {
        // `+` joins texts there as soon as one side is a text.
        let left_text = if matches!(left, Expr::Text(_)) { left_text } else { format!("'' + {left_text}") };
        return Ok((format!("{left_text} + {right_text}"), 6));
    }
    Ok((format!("{left_text} {symbol} {right_text}"), own))
}

fn operand(expr: &Expr, minimum: u8, language: Language, resolve: Resolve<'_>) -> Result<String, Unsupported> {
    let (text, strength) = write(expr, language, resolve)?;
    Ok(if strength < minimum { format!("({text})") } else { text })
}

fn quoted(text: &str, language: Language) -> Result<String, Unsupported> {
    if language == Language::Script {
        return match (text.contains('\''), text.contains('"'), text.contains('\\')) {
            (false, _, false) => Ok(format!("'{text}'")),
            (_, false, false) => Ok(format!("\"{text}\"")),
            _ => Err(Unsupported::new("a text with a backslash or both kinds of quotes has no form in a Script node")),
        };
    }
    Ok(quote(text))
}

/// A text as a literal of the expression language.
pub(crate) fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
    format!("'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::super::{parse, parse_expression};
    use super::*;

    fn in_bb(name: &str) -> Result<String, Unsupported> {
        Ok(format!("bb.{name}"))
    }

    #[test]
    fn expressions_keep_their_meaning() {
        let cases = [
            ("a + b * 2", "bb.a + bb.b * 2"),
            ("(a + b) * 2", "(bb.a + bb.b) * 2"),
            ("a - (b - c)", "bb.a - (bb.b - bb.c)"),
            ("!a && b || c", "not bb.a and bb.b or bb.c"),
            ("!(a == 1)", "not (bb.a == 1)"),
            ("1 < a < 5", "1 < bb.a and bb.a < 5"),
            ("a > 0 ? 'up' : 'down'", "'up' if bb.a > 0 else 'down'"),
            ("'n' .. a", "'n' ~ bb.a"),
            ("0x1F + 1.5", "31 + 1.5"),
            ("-a * -2", "-bb.a * -2"),
            ("${a} == 'it' && {{ b }}", "bb.a == 'it' and bb.b"),
        ];
        for (text, expected) in cases {
            let parsed = parse_expression(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(expression(&parsed, &mut in_bb).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn conditions_are_booleans() {
        let cases = [
            ("a", "not (not bb.a)"),
            ("a && b == 1", "not (not bb.a) and bb.b == 1"),
            ("1", "true"),
            ("!a", "not bb.a"),
        ];
        for (text, expected) in cases {
            let parsed = parse_expression(text).expect("the case parses");
            assert_eq!(condition(&parsed, &mut in_bb).as_deref(), Ok(expected), "{text}");
        }
        let parsed = parse_expression("!(a == 1)").expect("the case parses");
        assert_eq!(negated(&parsed, &mut in_bb).as_deref(), Ok("bb.a == 1"));
    }

    #[test]
    fn scripts_are_written_for_the_script_node() {
        let bare = &mut |name: &str| Ok(name.to_owned());
        let cases = [
            ("x := 1; y = 'a'", Ok("x = 1\ny = 'a'")),
            ("x += 2 * y", Ok("x = x + 2 * y")),
            ("m := a .. 'b'", Ok("m = '' + a + 'b'")),
            ("x := a ? 1 : 2", Err("a choice (`? :`) has no form in a Script node")),
        ];
        for (text, expected) in cases {
            let statements = parse(text).expect("the case parses");
            let written = script_text(&statements, bare);
            assert_eq!(written.as_deref().map_err(|error| error.0.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let cases = [
            ("a & b", "`&` is not expected here"),
            ("~a", "the bit operator `~` has no counterpart"),
            ("f(a)", "the function `f` has no counterpart"),
            ("'open", "a quoted text is not closed"),
            ("a +", "the script ends in the middle of an expression"),
            ("a # b", "`#` is not read in a script"),
            ("(a", "`)` is expected before the end of the script"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map_err(|error| error.0), Err(expected.to_owned()), "{text}");
        }
        for deep in ["(".repeat(100_000), "!".repeat(60_000), "a+".repeat(30_000)] {
            assert!(parse(&deep).is_err());
        }
    }
}
