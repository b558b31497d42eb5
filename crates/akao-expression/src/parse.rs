//! From tokens to a [`Program`], by recursive descent with Jinja's precedence:
//! `if else` < `or` < `and` < `not` < comparison < `+ -` < `~` < `* / // %` < `**` < `-x` < filter and check < path.

use crate::{
    checks::Check,
    error::CompileError,
    filters::{self, Filter},
    limits::{NESTING_MAX, SOURCE_BYTES_MAX},
    program::{Comparison, Link, Node, Operator, Path, Program, Root, Segment},
    scope::Namespace,
    suggest::nearest,
    token::{Token, TokenKind, tokens},
};
use serde_json::Value;

/// Words that are part of the grammar and name no value.
const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

/// Parses one expression without its delimiters.
pub(crate) fn parse(source: &str) -> Result<Program, CompileError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(CompileError::new(0, format!("expression is longer than {SOURCE_BYTES_MAX} bytes")));
    }
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, roots: Vec::new() };
    if parser.peek() == &TokenKind::End {
        return Err(CompileError::new(0, "expression is empty"));
    }
    let node = parser.expression()?;
    parser.expect_end()?;
    Ok(Program { node, roots: parser.roots })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    roots: Vec<Root>,
}

type Parsed = Result<Node, CompileError>;

impl Parser {
    fn peek(&self) -> &TokenKind {
        // The last token is `End` and is never consumed.
        &self.tokens[self.at].kind
    }

    fn offset(&self) -> usize {
        self.tokens[self.at].offset
    }

    fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn skip_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol);
        if found {
            self.advance();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found == word)
    }

    fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), CompileError> {
        if self.skip_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("expected `{symbol}`"))) }
    }

    fn expect_end(&self) -> Result<(), CompileError> {
        match self.peek() {
            TokenKind::End => Ok(()),
            TokenKind::Symbol(":") => Err(self
                .unexpected("expected the end of the expression")
                .suggest("Write `a if condition else b` to choose between two values.")),
            _ => Err(self.unexpected("expected an operator or the end of the expression")),
        }
    }

    fn unexpected(&self, expectation: &str) -> CompileError {
        let found = match self.peek() {
            TokenKind::Word(word) => format!("unexpected `{word}`"),
            TokenKind::Text(_) => "unexpected text".to_owned(),
            TokenKind::Number(number) => format!("unexpected number {number}"),
            TokenKind::Symbol(symbol) => format!("unexpected `{symbol}`"),
            TokenKind::End => "unexpected end".to_owned(),
        };
        CompileError::new(self.offset(), format!("{found}; {expectation}"))
    }

    /// Runs a parser one level deeper; every recursion of the grammar passes here.
    fn nested(&mut self, parser: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == NESTING_MAX {
            return Err(CompileError::new(
                self.offset(),
                format!("expression is nested deeper than {NESTING_MAX} levels"),
            ));
        }
        self.depth += 1;
        let node = parser(self);
        self.depth -= 1;
        node
    }

    fn expression(&mut self) -> Parsed {
        self.nested(|parser| {
            let then = parser.any()?;
            if !parser.skip_word("if") {
                return Ok(then);
            }
            let condition = Box::new(parser.any()?);
            if !parser.skip_word("else") {
                return Err(parser.unexpected("expected `else`").suggest("Write `a if condition else b`."));
            }
            let otherwise = Box::new(parser.expression()?);
            Ok(Node::Choose { condition, then: Box::new(then), otherwise })
        })
    }

    fn any(&mut self) -> Parsed {
        let first = self.all()?;
        let rest = self.repeated(|parser| parser.skip_word("or"), Self::all)?;
        Ok(chain(first, rest, Node::Any))
    }

    fn all(&mut self) -> Parsed {
        let first = self.not()?;
        let rest = self.repeated(|parser| parser.skip_word("and"), Self::not)?;
        Ok(chain(first, rest, Node::All))
    }

    fn repeated(
        &mut self,
        goes_on: impl Fn(&mut Self) -> bool,
        operand: impl Fn(&mut Self) -> Parsed,
    ) -> Result<Vec<Node>, CompileError> {
        let mut nodes = Vec::new();
        while goes_on(self) {
            nodes.push(operand(self)?);
        }
        Ok(nodes)
    }

    fn not(&mut self) -> Parsed {
        if self.skip_word("not") {
            return Ok(Node::Not(Box::new(self.nested(Self::not)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_operator()? {
            rest.push((comparison, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Node::Compare(Box::new(first), rest) })
    }

    fn comparison_operator(&mut self) -> Result<Option<Comparison>, CompileError> {
        let found = match self.peek() {
            TokenKind::Symbol(symbol) => Comparison::from_symbol(symbol),
            TokenKind::Word(word) if word == "in" => Some(Comparison::In),
            TokenKind::Word(word) if word == "not" => {
                self.advance();
                if !self.is_word("in") {
                    return Err(self.unexpected("expected `in` after `not`"));
                }
                Some(Comparison::NotIn)
            }
            _ => None,
        };
        if found.is_some() {
            self.advance();
        }
        Ok(found)
    }

    fn sum(&mut self) -> Parsed {
        self.arithmetic(&[Operator::Add, Operator::Subtract], Self::concatenation)
    }

    fn concatenation(&mut self) -> Parsed {
        let first = self.product()?;
        let rest = self.repeated(|parser| parser.skip_symbol("~"), Self::product)?;
        Ok(chain(first, rest, Node::Concatenate))
    }

    fn product(&mut self) -> Parsed {
        use Operator::{Divide, FloorDivide, Multiply, Remainder};
        self.arithmetic(&[Multiply, Divide, FloorDivide, Remainder], Self::power)
    }

    fn power(&mut self) -> Parsed {
        let node = self.arithmetic(&[Operator::Power], Self::unary)?;
        match &node {
            Node::Arithmetic(_, rest) if rest.len() > 1 => {
                Err(CompileError::new(self.offset(), "`**` after `**` can be read in two ways")
                    .suggest("Put brackets around one of the powers."))
            }
            _ => Ok(node),
        }
    }

    fn arithmetic(&mut self, operators: &[Operator], operand: impl Fn(&mut Self) -> Parsed) -> Parsed {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some(operator) = operators.iter().copied().find(|operator| self.skip_symbol(operator.symbol())) {
            rest.push((operator, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Node::Arithmetic(Box::new(first), rest) })
    }

    /// A possibly negated value with its filters and checks; `-x | abs` filters the negated value, as in Jinja.
    fn unary(&mut self) -> Parsed {
        let node = self.negation()?;
        let mut links = Vec::new();
        loop {
            if self.skip_symbol("|") {
                links.push(self.filter()?);
            } else if self.skip_word("is") {
                links.push(self.check()?);
            } else {
                return Ok(linked(node, links));
            }
        }
    }

    fn negation(&mut self) -> Parsed {
        if !self.skip_symbol("-") {
            return self.postfix();
        }
        Ok(match self.nested(Self::negation)? {
            Node::Literal(Value::Number(number)) => match negative(&number) {
                Some(value) => Node::Literal(value),
                None => Node::Negate(Box::new(Node::Literal(Value::Number(number)))),
            },
            node => Node::Negate(Box::new(node)),
        })
    }

    fn postfix(&mut self) -> Parsed {
        let mut node = self.primary()?;
        let mut links = Vec::new();
        loop {
            let link = if self.skip_symbol(".") {
                Link::Segment(self.attribute()?)
            } else if self.skip_symbol("[") {
                self.subscript()?
            } else if matches!(self.peek(), TokenKind::Symbol("(")) {
                return Err(self.no_call(&node, &links));
            } else {
                break;
            };
            match (link, &mut node) {
                (Link::Segment(segment), Node::Path(path)) if links.is_empty() => self.extend(path, segment),
                (link, _) => links.push(link),
            }
        }
        self.check_root(&node)?;
        Ok(linked(node, links))
    }

    fn attribute(&mut self) -> Result<Segment, CompileError> {
        let segment = match self.peek() {
            TokenKind::Word(word) => Segment::Key(word.clone()),
            TokenKind::Number(number) => match number.as_i64() {
                Some(index) => Segment::Index(index),
                None => return Err(self.unexpected("expected a smaller index")),
            },
            _ => return Err(self.unexpected("expected a name after `.`")),
        };
        self.advance();
        Ok(segment)
    }

    fn subscript(&mut self) -> Result<Link, CompileError> {
        let start = if self.skip_symbol(":") { None } else { Some(self.expression()?) };
        if start.is_some() && !self.skip_symbol(":") {
            self.expect_symbol("]")?;
            return Ok(start.map_or(Link::Slice(None, None), index_link));
        }
        let ends = matches!(self.peek(), TokenKind::Symbol("]" | ":"));
        let stop = if ends { None } else { Some(self.expression()?) };
        if matches!(self.peek(), TokenKind::Symbol(":")) {
            return Err(self.unexpected("a slice has no step").suggest("Use the filter `reverse` to go backwards."));
        }
        self.expect_symbol("]")?;
        Ok(Link::Slice(start, stop))
    }

    fn no_call(&self, node: &Node, links: &[Link]) -> CompileError {
        let last = match (links.last(), node) {
            (Some(Link::Segment(Segment::Key(name))), _) => Some(name),
            (None, Node::Path(path)) => match path.segments.last() {
                Some(Segment::Key(name)) => Some(name),
                _ => self.roots[path.root].key.as_ref(),
            },
            _ => None,
        };
        let error = self.unexpected("a value cannot be called");
        match last.map(|name| (name, filters::like(name))) {
            Some((_, Some(filter))) => error.suggest(format!("Write `value | {filter}`.")),
            Some((name, None)) => {
                error.suggest(format!("There is no function and no method `{name}`; see the list of filters."))
            }
            None => error,
        }
    }

    fn extend(&mut self, path: &mut Path, segment: Segment) {
        let root = &mut self.roots[path.root];
        match segment {
            Segment::Key(key) if path.segments.is_empty() && root.namespace.is_keyed() && root.key.is_none() => {
                root.key = Some(key);
            }
            segment => path.segments.push(segment),
        }
    }

    /// Steps are only read one by one: which steps a node waits for must be known before the run.
    fn check_root(&mut self, node: &Node) -> Result<(), CompileError> {
        let Node::Path(path) = node else { return Ok(()) };
        let root = &self.roots[path.root];
        if root.namespace == Namespace::Steps && root.key.is_none() {
            return Err(CompileError::new(root.offset, "`steps` needs the id of a step")
                .suggest("Write `steps.<id>.outputs`, with an id that is known before the run."));
        }
        Ok(())
    }

    fn primary(&mut self) -> Parsed {
        let offset = self.offset();
        let token = self.peek().clone();
        match token {
            TokenKind::Number(number) => {
                self.advance();
                Ok(Node::Literal(Value::Number(number)))
            }
            TokenKind::Text(text) => {
                self.advance();
                Ok(Node::Literal(Value::String(text)))
            }
            TokenKind::Word(word) if KEYWORDS.contains(&word.as_str()) => Err(self.unexpected("expected a value")),
            TokenKind::Word(word) => {
                self.advance();
                self.named(&word, offset)
            }
            TokenKind::Symbol("(") => {
                self.advance();
                let node = self.expression()?;
                self.expect_symbol(")")?;
                Ok(node)
            }
            TokenKind::Symbol("[") => {
                self.advance();
                let items = self.separated("]", Self::expression)?;
                Ok(Node::List(items))
            }
            TokenKind::Symbol("{") => {
                self.advance();
                let entries = self.separated("}", Self::entry)?;
                Ok(Node::Object(entries))
            }
            _ => Err(self.unexpected("expected a value")),
        }
    }

    fn named(&mut self, word: &str, offset: usize) -> Parsed {
        let literal = match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "none" | "None" | "null" => Value::Null,
            "range" if self.skip_symbol("(") => {
                let arguments = self.separated(")", Self::expression)?;
                return match arguments.len() {
                    1..=3 => Ok(Node::Range(arguments)),
                    _ => Err(CompileError::new(offset, "`range` takes one to three numbers")
                        .suggest("Write `range(stop)`, `range(start, stop)` or `range(start, stop, step)`.")),
                };
            }
            _ if matches!(self.peek(), TokenKind::Symbol("(")) => return Err(not_a_function(word, offset)),
            _ => {
                let (namespace, key, bare) = match Namespace::from_word(word) {
                    Some(namespace) => (namespace, None, false),
                    None => (Namespace::Blackboard, Some(word.to_owned()), true),
                };
                self.roots.push(Root { namespace, key, bare, offset });
                return Ok(Node::Path(Path { root: self.roots.len() - 1, segments: Vec::new() }));
            }
        };
        Ok(Node::Literal(literal))
    }

    /// Items up to `close`; a comma after the last is allowed.
    fn separated<T>(
        &mut self,
        close: &str,
        item: impl Fn(&mut Self) -> Result<T, CompileError>,
    ) -> Result<Vec<T>, CompileError> {
        let mut items = Vec::new();
        while !self.skip_symbol(close) {
            items.push(item(self)?);
            if !self.skip_symbol(",") {
                self.expect_symbol(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn entry(&mut self) -> Result<(String, Node), CompileError> {
        let key = match self.peek() {
            TokenKind::Text(text) => text.clone(),
            TokenKind::Word(word) => {
                let suggestion = format!("Write `{{'{word}': …}}`.");
                return Err(self.unexpected("a key is a text in quotes").suggest(suggestion));
            }
            _ => return Err(self.unexpected("a key is a text in quotes")),
        };
        self.advance();
        self.expect_symbol(":")?;
        Ok((key, self.expression()?))
    }

    fn filter(&mut self) -> Result<Link, CompileError> {
        let offset = self.offset();
        let TokenKind::Word(name) = self.peek().clone() else {
            return Err(self.unexpected("expected the name of a filter after `|`").suggest("Write `or` for a choice."));
        };
        self.advance();
        let filter = filters::find(&name).ok_or_else(|| {
            let error = CompileError::new(offset, format!("unknown filter `{name}`"));
            match filters::like(&name) {
                Some(near) => error.suggest(format!("Did you mean `{near}`?")),
                None => error.suggest("The filters are listed on the page on expressions."),
            }
        })?;
        let arguments = if self.skip_symbol("(") { self.arguments(filter, offset)? } else { empty(filter) };
        match filter.missing(&arguments) {
            Some(missing) => Err(CompileError::new(offset, format!("filter `{name}` needs `{missing}`"))
                .suggest(format!("Write `{}`.", filter.usage()))),
            None => Ok(Link::Filter(filter, arguments)),
        }
    }

    fn arguments(&mut self, filter: &Filter, offset: usize) -> Result<Vec<Option<Node>>, CompileError> {
        let mut slots = empty(filter);
        let given = self.separated(")", Self::argument)?;
        let mut positional = 0;
        for (name, node) in given {
            let slot = match &name {
                Some(name) => filter.parameters.iter().position(|parameter| parameter == name),
                None => Some(positional),
            };
            positional += usize::from(name.is_none());
            match slot.and_then(|slot| slots.get_mut(slot)) {
                Some(slot) if slot.is_none() => *slot = Some(node),
                _ => {
                    let what = name
                        .map_or_else(|| "so many arguments".to_owned(), |name| format!("an argument `{name}` here"));
                    return Err(CompileError::new(offset, format!("filter `{}` does not take {what}", filter.name))
                        .suggest(format!("Write `{}`.", filter.usage())));
                }
            }
        }
        Ok(slots)
    }

    fn argument(&mut self) -> Result<(Option<String>, Node), CompileError> {
        let name = match (&self.tokens[self.at].kind, self.tokens.get(self.at + 1).map(|token| &token.kind)) {
            (TokenKind::Word(name), Some(TokenKind::Symbol("="))) => Some(name.clone()),
            _ => None,
        };
        if name.is_some() {
            self.advance();
            self.advance();
        }
        Ok((name, self.expression()?))
    }

    fn check(&mut self) -> Result<Link, CompileError> {
        let negated = self.skip_word("not");
        let offset = self.offset();
        let TokenKind::Word(name) = self.peek().clone() else {
            return Err(self.unexpected("expected a check after `is`").suggest("Write `==` to compare."));
        };
        self.advance();
        let check = Check::from_name(&name).ok_or_else(|| {
            let error = CompileError::new(offset, format!("unknown check `is {name}`"));
            match nearest(&name, Check::names()) {
                Some(near) => error.suggest(format!("Did you mean `is {near}`?")),
                None => error.suggest(format!(
                    "The checks are {}; write `==` to compare.",
                    Check::names().collect::<Vec<_>>().join(", ")
                )),
            }
        })?;
        Ok(Link::Check { check, negated })
    }
}

fn empty(filter: &Filter) -> Vec<Option<Node>> {
    filter.parameters.iter().map(|_| None).collect()
}

fn not_a_function(word: &str, offset: usize) -> CompileError {
    let error = CompileError::new(offset, format!("`{word}` is not a function; the only function is `range`"));
    match filters::find(word).map(|filter| filter.name).or_else(|| filters::like(word)) {
        Some(filter) => error.suggest(format!("Write `value | {filter}`.")),
        None => error,
    }
}

fn chain(first: Node, rest: Vec<Node>, join: impl FnOnce(Vec<Node>) -> Node) -> Node {
    if rest.is_empty() {
        return first;
    }
    let mut nodes = vec![first];
    nodes.extend(rest);
    join(nodes)
}

fn linked(node: Node, links: Vec<Link>) -> Node {
    if links.is_empty() { node } else { Node::Chain(Box::new(node), links) }
}

/// A subscript that is written as a literal is as good as a dotted name.
fn index_link(node: Node) -> Link {
    match node {
        Node::Literal(Value::String(key)) => Link::Segment(Segment::Key(key)),
        Node::Literal(Value::Number(number)) if number.is_i64() => {
            Link::Segment(Segment::Index(number.as_i64().unwrap_or_default()))
        }
        node => Link::Index(node),
    }
}

/// The negative of a literal number, so that `-1` is a literal too.
fn negative(number: &serde_json::Number) -> Option<Value> {
    match number.as_i64() {
        Some(integer) => integer.checked_neg().map(Value::from),
        None if number.is_f64() => number.as_f64().map(|float| Value::from(-float)),
        // -9223372036854775808 is the one signed number whose positive form is not.
        None => (number.as_u64() == Some(i64::MIN.unsigned_abs())).then(|| Value::from(i64::MIN)),
    }
}
