//! Arithmetic written as text: `+ - * / %`, parentheses, signs and numbers. No names, no functions, no powers.
//!
//! A recursive descent parser that calculates as it reads. Depth and length are bounded, so any text ends quickly.

use crate::{numbers::Amount, props::bad_input, text::excerpt};
use akao_contract::{ErrorKind, StepError};

/// Longest expression, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of parentheses and signs.
const DEPTH_MAX: u32 = 64;

/// The value of an arithmetic expression.
pub(crate) fn evaluate(text: &str) -> Result<Amount, StepError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the expression is longer than {TEXT_BYTES_MAX} bytes");
        return Err(StepError::new(ErrorKind::Resource, message));
    }
    let mut parser = Parser { text, at: 0 };
    let amount = parser.sum(0)?;
    match parser.peek() {
        None => Ok(amount),
        Some(_) => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    /// Takes the next character if it is one of `signs`.
    fn take(&mut self, signs: &str) -> Option<char> {
        let next = self.peek().filter(|next| signs.contains(*next))?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn sum(&mut self, depth: u32) -> Result<Amount, StepError> {
        let mut left = self.product(depth)?;
        while let Some(sign) = self.take("+-") {
            let right = self.product(depth)?;
            left = if sign == '+' { left.plus(right)? } else { left.minus(right)? };
        }
        Ok(left)
    }

    fn product(&mut self, depth: u32) -> Result<Amount, StepError> {
        let mut left = self.signed(depth)?;
        while let Some(sign) = self.take("*/%") {
            let right = self.signed(depth)?;
            left = match sign {
                '*' => left.times(right)?,
                '/' => left.divided_by(right)?,
                _ => left.remainder(right)?,
            };
        }
        Ok(left)
    }

    fn signed(&mut self, depth: u32) -> Result<Amount, StepError> {
        if depth > DEPTH_MAX {
            return Err(bad_input(format!("the expression is nested deeper than {DEPTH_MAX} levels")));
        }
        match self.take("+-(") {
            Some('-') => Ok(self.signed(depth + 1)?.negated()),
            Some('+') => self.signed(depth + 1),
            Some(_) => {
                let amount = self.sum(depth + 1)?;
                self.take(")").map(|_| amount).ok_or_else(|| self.unexpected("`)`"))
            }
            None => self.number(),
        }
    }

    fn number(&mut self) -> Result<Amount, StepError> {
        self.peek();
        let rest = &self.text[self.at..];
        let length = number_length(rest.as_bytes());
        let amount = Amount::parse(&rest[..length]).ok_or_else(|| self.unexpected("a number"))?;
        self.at += length;
        Ok(amount)
    }

    fn unexpected(&mut self, wanted: &str) -> StepError {
        let found = match self.peek() {
            Some(_) => format!("`{}`", excerpt(&self.text[self.at..])),
            None => "the end".to_owned(),
        };
        let column = self.text[..self.at].chars().count() + 1;
        bad_input(format!("at character {column} of the expression stands {found}; expected {wanted}")).with_suggestion(
            "Values of the blackboard are written `${price} * 2`; operators are + - * / % and parentheses.",
        )
    }
}

/// How many bytes belong to the number at the start: digits, a point, and an exponent with its own sign.
fn number_length(bytes: &[u8]) -> usize {
    let digits =
        |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let end = digits(0);
    if !matches!(bytes.get(end), Some(b'e' | b'E')) {
        return end;
    }
    let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
    let exponent = digits(end + 1 + sign);
    if exponent > end + 1 + sign { exponent } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn expressions_follow_the_usual_rules() {
        let cases: [(&str, Value); 12] = [
            ("1 + 2 * 3", json!(7)),
            ("(1 + 2) * 3", json!(9)),
            ("10 - 4 - 3", json!(3)),
            ("2 * -3", json!(-6)),
            ("5--3", json!(8)),
            ("-(2 + 3)", json!(-5)),
            ("7 % 4 / 2", json!(1.5)),
            (" 1.5e2\n+ 1E-1 ", json!(150.1)),
            ("9007199254740993 + 0", json!(9_007_199_254_740_993_i64)),
            ("0.1 + 0.2", json!(0.1 + 0.2)),
            (".5 + 1.", json!(1.5)),
            ("+4", json!(4)),
        ];
        for (text, expected) in cases {
            assert_eq!(evaluate(text).unwrap().to_value(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_name_their_place() {
        let cases = [
            ("", "at character 1 of the expression stands the end; expected a number"),
            ("1 +", "at character 4 of the expression stands the end; expected a number"),
            ("2 ü", "at character 3 of the expression stands `ü`; expected an operator or the end"),
            ("(1", "at character 3 of the expression stands the end; expected `)`"),
            ("price * 2", "at character 1 of the expression stands `price * 2`; expected a number"),
            ("1.2.3", "at character 1 of the expression stands `1.2.3`; expected a number"),
            ("1e999", "at character 1 of the expression stands `1e999`; expected a number"),
            ("1 / (2 - 2)", "division of 1 by zero"),
        ];
        for (text, message) in cases {
            assert_eq!(evaluate(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        for text in ["(".repeat(60_000), "-".repeat(60_000), "1+".repeat(60_000)] {
            assert!(evaluate(&text).is_err());
        }
        assert!(evaluate(&format!("{}1{}", "(".repeat(60), ")".repeat(60))).is_ok());
    }
}
