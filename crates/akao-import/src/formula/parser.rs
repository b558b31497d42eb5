//! Tokens to statements, by precedence climbing with a bound on nesting.

use super::lexer::{Token, tokens};
use super::{Assign, Binary, Expr, Statement, Unsupported};

/// Deepest nesting of brackets and choices that is read. Real scripts stay below ten.
const NESTING_MAX: usize = 48;

/// Most operators in one text. Together with the nesting this bounds the depth of the tree.
const OPERATORS_MAX: usize = 256;

/// Reads statements separated by `;`.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, Unsupported> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, nesting: 0, operators: 0 };
    let mut statements = Vec::new();
    loop {
        while parser.take(";") {}
        if parser.at >= parser.tokens.len() {
            return Ok(statements);
        }
        statements.push(parser.statement()?);
        if parser.at < parser.tokens.len() && !parser.take(";") {
            return Err(Unsupported::new(format!("{} is not expected here", parser.describe())));
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    operators: usize,
}

const ASSIGNMENTS: [(&str, Assign); 6] = [
    (":=", Assign::Create),
    ("=", Assign::Set),
    ("+=", Assign::Change(Binary::Add)),
    ("-=", Assign::Change(Binary::Subtract)),
    ("*=", Assign::Change(Binary::Multiply)),
    ("/=", Assign::Change(Binary::Divide)),
];

/// Operators from the loosest to the tightest. Words stand for the same operators in conditions that already use them.
const LEVELS: [&[(&str, Binary)]; 6] = [
    &[("||", Binary::Or), ("or", Binary::Or)],
    &[("&&", Binary::And), ("and", Binary::And)],
    &[
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<=", Binary::LessEqual),
        (">=", Binary::GreaterEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
        ("in", Binary::In),
    ],
    &[("..", Binary::Concat)],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Remainder)],
];

/// The level at which comparisons stand; `a < b < c` means both.
const COMPARISONS: usize = 2;

impl Parser {
    fn statement(&mut self) -> Result<Statement, Unsupported> {
        if let Some(Token::Name(key)) = self.tokens.get(self.at) {
            let key = key.clone();
            let how = match self.tokens.get(self.at + 1) {
                Some(Token::Symbol(symbol)) => ASSIGNMENTS.iter().find(|(text, _)| text == symbol).map(|(_, how)| *how),
                _ => None,
            };
            if let Some(how) = how {
                self.at += 2;
                return Ok(Statement::Assign { key, how, value: self.choice()? });
            }
        }
        Ok(Statement::Value(self.choice()?))
    }

    fn choice(&mut self) -> Result<Expr, Unsupported> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(Unsupported::new(format!("the script nests deeper than {NESTING_MAX} levels")));
        }
        let test = self.binary(0)?;
        let result = if self.take("?") {
            let yes = self.choice()?;
            self.expect(":")?;
            let no = self.choice()?;
            Expr::Choice(Box::new(test), Box::new(yes), Box::new(no))
        } else {
            test
        };
        self.nesting -= 1;
        Ok(result)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, Unsupported> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut previous: Option<Expr> = None;
        while let Some(operator) = self.operator(operators) {
            self.count()?;
            let right = self.binary(level + 1)?;
            left = match previous.take() {
                Some(middle) if level == COMPARISONS => {
                    let second = Expr::Binary(operator, Box::new(middle), Box::new(right.clone()));
                    Expr::Binary(Binary::And, Box::new(left), Box::new(second))
                }
                _ => Expr::Binary(operator, Box::new(left), Box::new(right.clone())),
            };
            previous = (level == COMPARISONS).then_some(right);
        }
        Ok(left)
    }

    /// Each operator may make the tree one deeper.
    fn count(&mut self) -> Result<(), Unsupported> {
        self.operators += 1;
        if self.operators <= OPERATORS_MAX {
            return Ok(());
        }
        Err(Unsupported::new(format!("the script has more than {OPERATORS_MAX} operators")))
    }

    fn operator(&mut self, operators: &[(&str, Binary)]) -> Option<Binary> {
        let text = match self.tokens.get(self.at)? {
            Token::Symbol(symbol) => symbol,
            Token::Name(word) => word.as_str(),
            _ => return None,
        };
        let found = operators.iter().find(|(symbol, _)| *symbol == text)?.1;
        self.at += 1;
        Some(found)
    }

    fn unary(&mut self) -> Result<Expr, Unsupported> {
        let mut wrappers = Vec::new();
        loop {
            if self.take("!") || self.take_word("not") {
                wrappers.push(Expr::Not as fn(Box<Expr>) -> Expr);
            } else if self.take("-") {
                wrappers.push(Expr::Negate);
            } else {
                break;
            }
            self.count()?;
        }
        let operand = self.operand()?;
        Ok(wrappers.into_iter().rev().fold(operand, |inner, wrap| wrap(Box::new(inner))))
    }

    fn operand(&mut self) -> Result<Expr, Unsupported> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Number(value)) => Ok(Expr::Number(value)),
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Name(name)) => self.name(name),
            Some(Token::Symbol("(")) => {
                let inner = self.choice()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Symbol(symbol)) if "&|^~<<>>".contains(symbol) => {
                Err(Unsupported::new(format!("the bit operator `{symbol}` has no counterpart")))
            }
            Some(Token::Symbol(symbol)) => Err(Unsupported::new(format!("`{symbol}` is not expected here"))),
            None => Err(Unsupported::new("the script ends in the middle of an expression")),
        }
    }

    fn name(&mut self, name: String) -> Result<Expr, Unsupported> {
        if self.tokens.get(self.at) == Some(&Token::Symbol("(")) {
            return Err(Unsupported::new(format!("the function `{name}` has no counterpart")));
        }
        Ok(match name.as_str() {
            "true" | "True" => Expr::Bool(true),
            "false" | "False" => Expr::Bool(false),
            "null" | "none" => Expr::Null,
            _ => Expr::Name(name),
        })
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(text)) if *text == symbol);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(text)) if text == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Unsupported> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(Unsupported::new(format!("`{symbol}` is expected before {}", self.describe())))
    }

    fn describe(&self) -> String {
        match self.tokens.get(self.at) {
            None => "the end of the script".to_owned(),
            Some(Token::Symbol(symbol)) => format!("`{symbol}`"),
            Some(Token::Name(name)) => format!("`{name}`"),
            Some(Token::Text(text)) => format!("'{text}'"),
            Some(Token::Number(value)) => format!("`{value}`"),
        }
    }
}
