//! Reads tokens into statements. Precedence from low to high: `||`, `&&`, equality, order, sum, product, sign, property.

use super::{DEPTH_MAX, Expression, Operator, Statement, place, token::Token};
use crate::props::bad_input;
use akao_contract::StepError;
use serde_json::Value;

/// One level of operators that are read from the left, by their signs.
type Level = &'static [(&'static str, Operator)];

const LEVELS: [Level; 4] = [
    &[("==", Operator::Equal), ("!=", Operator::NotEqual)],
    &[("<=", Operator::LessOrEqual), (">=", Operator::GreaterOrEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// The statements of a script.
pub(crate) fn parse(source: &str) -> Result<Vec<Statement>, StepError> {
    let tokens = super::token::tokens(source)?;
    let mut parser = Parser { source, tokens: &tokens, at: 0 };
    let mut statements = Vec::new();
    while parser.at < tokens.len() {
        if !parser.take(";") {
            statements.push(parser.statement()?);
        }
    }
    Ok(statements)
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [(usize, Token)],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.source.len(), |(offset, _)| *offset)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn error(&self, message: &str) -> StepError {
        bad_input(format!("{}: {message}", place(self.source, self.offset())))
    }

    fn statement(&mut self) -> Result<Statement, StepError> {
        let next = self.tokens.get(self.at + 1).map(|(_, token)| token);
        if let (Some(Token::Name(name)), Some(Token::Sign("="))) = (self.peek(), next) {
            if is_reserved(name) {
                return Err(self.error(&format!("`{name}` is a reserved word and cannot be assigned")));
            }
            self.at += 2;
            return Ok(Statement { target: Some(name.clone()), expression: self.any(0)? });
        }
        let expression = self.any(0)?;
        if matches!(self.peek(), Some(Token::Sign("="))) {
            return Err(self.error("only a plain name can be assigned; to compare write `==`"));
        }
        Ok(Statement { target: None, expression })
    }

    fn any(&mut self, depth: u32) -> Result<Expression, StepError> {
        let mut parts = vec![self.all(depth)?];
        while self.take("||") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Expression::Any))
    }

    fn all(&mut self, depth: u32) -> Result<Expression, StepError> {
        let mut parts = vec![self.chain(depth, &LEVELS)?];
        while self.take("&&") {
            parts.push(self.chain(depth, &LEVELS)?);
        }
        Ok(single(parts, Expression::All))
    }

    fn chain(&mut self, depth: u32, levels: &[Level]) -> Result<Expression, StepError> {
        let Some((level, tighter)) = levels.split_first() else { return self.signed(depth) };
        let first = self.chain(depth, tighter)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = level.iter().find(|(sign, _)| self.take(sign)) {
            rest.push((*operator, self.chain(depth, tighter)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest) })
    }

    fn signed(&mut self, depth: u32) -> Result<Expression, StepError> {
        if depth > DEPTH_MAX {
            return Err(self.error(&format!("the expression is nested deeper than {DEPTH_MAX} levels")));
        }
        if self.take("!") {
            return Ok(Expression::Not(Box::new(self.signed(depth + 1)?)));
        }
        if self.take("-") {
            return Ok(Expression::Negative(Box::new(self.signed(depth + 1)?)));
        }
        let base = self.primary(depth)?;
        let mut path = Vec::new();
        while self.take(".") {
            let Some(Token::Name(name)) = self.peek() else {
                return Err(self.error("expected the name of a property"));
            };
            self.at += 1;
            path.push(name.clone());
        }
        Ok(if path.is_empty() { base } else { Expression::Property(Box::new(base), path) })
    }

    fn primary(&mut self, depth: u32) -> Result<Expression, StepError> {
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { Err(self.error("expected `)`")) };
        }
        let offset = self.offset();
        let expression = match self.peek() {
            Some(Token::Literal(value)) => Expression::Literal(value.clone()),
            Some(Token::Name(name)) => match name.as_str() {
                "true" => Expression::Literal(true.into()),
                "false" => Expression::Literal(false.into()),
                "null" => Expression::Literal(Value::Null),
                _ if matches!(self.tokens.get(self.at + 1), Some((_, Token::Sign("(")))) => return self.call(name),
                _ => Expression::Name { name: name.clone(), offset },
            },
            Some(Token::Sign(sign)) => return Err(self.error(&format!("expected a value, found `{sign}`"))),
            None => return Err(self.error("expected a value, found the end")),
        };
        self.at += 1;
        Ok(expression)
    }

    fn call(&mut self, function: &str) -> Result<Expression, StepError> {
        let make = match function {
            "param" => Expression::Parameter,
            "env" => Expression::Environment,
            _ => {
                let message =
                    format!("there is no function `{function}`; the functions are param(\"name\") and env(\"NAME\")");
                return Err(self.error(&message));
            }
        };
        self.at += 2;
        let Some(Token::Literal(Value::String(name))) = self.peek() else {
            return Err(self.error(&format!("{function} takes one text, such as {function}(\"name\")")));
        };
        self.at += 1;
        if self.take(")") { Ok(make(name.clone())) } else { Err(self.error("expected `)`")) }
    }
}

fn single(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

/// Words that name something else than a blackboard key everywhere in a workflow, or a value.
pub(super) fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 12] =
        ["true", "false", "null", "input", "bb", "steps", "item", "index", "secrets", "execution", "workflow", "vars"];
    WORDS.contains(&name)
}
