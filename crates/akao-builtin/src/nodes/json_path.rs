//! `JsonPath`: picks values out of data with an RFC 9535 query.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::check_result,
    props::{Props, bad_input, data},
    text::excerpt,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// Longest query, in bytes.
const PATH_BYTES_MAX: usize = 4 * 1024;
/// Deepest nesting of brackets and parentheses in a query.
const NESTING_MAX: usize = 8;
/// Most `..` in a query outside filters; each one multiplies the values that are visited.
const DESCENTS_MAX: usize = 2;
/// Most values in the data of a query whose filters search again (`$` or `..` within `[?…]`).
const SEARCHED_VALUES_MAX: usize = 2_000;
/// Most values that a query may find when it finds the same ones again and again: `[0,0]` does so twice, and a second
/// `..` once for each level. Without a bound, brackets in a row multiply.
const FOUND_VALUES_MAX: usize = 4_000_000;
/// Memory that a pattern in a filter may take once it is compiled. The library compiles it anew for each value, so that a
/// pattern of thirty letters could keep it busy for minutes.
const PATTERN_BYTES_MAX: usize = 128 * 1024;
/// Most values in the data of a query with a pattern.
const MATCHED_VALUES_MAX: usize = 10_000;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("JsonPath", Category::Data, "Picks values out of data with a JSONPath query.")
        .description(
            "Applies the RFC 9535 query `path` to `input`. The result is the list of values found, in the order of the \
            document, or with `first: true` the first one, or null. Finding nothing is a success.\n\nA query may use \
            `..` twice outside filters and nest brackets 8 deep; a filter that searches again (`$` or `..` within \
            `[?…]`) works on at most 2,000 values, one with `match` or `search` on at most 10,000, with a pattern in \
            quotes.",
        )
        .required(
            "input",
            json!({
                "type": ["string", "object", "array", "number", "boolean", "null"], "x-akao-reads": true,
                "description": "The data: a blackboard path, or a value that is not text.",
            }),
        )
        .required(
            "path",
            json!({
                "type": "string",
                "description": "The query, such as `$.lines[?@.price > 10].name`.", "x-akao-literal": true,
            }),
        )
        .prop(
            "first",
            json!({
                "type": "boolean", "description": "Whether only the first value is wanted.", "default": false,
            }),
        )
        .main_output("result", json!({"description": "The values found, or the first one."}))
        .output("count", json!({"type": "integer", "description": "How many values were found."}))
        .error(ErrorKind::NotFound, "nothing on the blackboard has the path `input`")
        .error(ErrorKind::Input, "the query is not valid")
        .error(ErrorKind::Resource, "the query would search too much, or the result is larger than 16 MiB")
        .example(include_str!("examples/json_path.yaml"), json!({"names": ["rice"]}))
        .run(Run::Blocking(|invocation, _, _| query(invocation).unwrap_or_else(Outcome::failure)))
}

fn query(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let path = props.text("path")?;
    let data = data(invocation, "input")?;
    check_cost(path, data)?;
    let query = serde_json_path::JsonPath::parse(path).map_err(|error| {
        let message = format!("`{}` is not a JSONPath query: {}", excerpt(path), error.message());
        bad_input(message)
            .with_suggestion("A query starts with `$`, such as `$.items[0].name` or `$.items[?@.price > 10]`.")
    })?;
    let found = query.query(data).all();
    let count = found.len();
    let result = match props.flag_or("first", false)? {
        true => found.first().copied().cloned().unwrap_or_default(),
        false => {
            // Sizes are looked at before copying, because one value can be found many times.
            let mut left = crate::limits::RESULT_BYTES_MAX;
            for value in &found {
                let size = crate::limits::size_of(value)?;
                left = left.checked_sub(size).ok_or_else(|| crate::limits::too_large("the result"))?;
            }
            Value::Array(found.into_iter().cloned().collect())
        }
    };
    check_result(&result)?;
    Ok(Outcome::success().output("result", result).output("count", count))
}

/// Refuses queries that would search the data again and again. The grammar itself is checked by the parser.
fn check_cost(path: &str, data: &Value) -> Result<(), StepError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(bad_input(format!("the query is longer than {PATH_BYTES_MAX} bytes")));
    }
    let shape = Shape::of(path);
    let resource = |message: String| Err(StepError::new(ErrorKind::Resource, message));
    if shape.nesting > NESTING_MAX {
        return resource(format!("the query nests brackets deeper than {NESTING_MAX} levels"));
    }
    if shape.descents > DESCENTS_MAX {
        return resource(format!("the query has more than {DESCENTS_MAX} `..`"));
    }
    if shape.searches && measure(data, SEARCHED_VALUES_MAX).values > SEARCHED_VALUES_MAX {
        return resource(format!("a filter that uses `$` or `..` works on at most {SEARCHED_VALUES_MAX} values"));
    }
    shape.check_patterns()?;
    if shape.patterns > 0 && measure(data, MATCHED_VALUES_MAX).values > MATCHED_VALUES_MAX {
        return resource(format!("a filter with `match` or `search` works on at most {MATCHED_VALUES_MAX} values"));
    }
    if shape.repeats > 1 || shape.descents > 1 {
        let size = measure(data, FOUND_VALUES_MAX);
        let again = if shape.descents > 1 { size.levels } else { 1 };
        if size.values.saturating_mul(again).saturating_mul(shape.repeats) > FOUND_VALUES_MAX {
            return resource(format!("the query could find more than {FOUND_VALUES_MAX} values"));
        }
    }
    Ok(())
}

/// What makes a query costly.
#[derive(Default)]
struct Shape<'p> {
    nesting: usize,
    descents: usize,
    searches: bool,
    /// How often one value can be found: the product of the selectors of all brackets.
    repeats: usize,
    bracket: Bracket<'p>,
    /// How many `match` and `search` there are, those that are open by their depth, and the texts that may be patterns.
    patterns: usize,
    open: Vec<usize>,
    texts: Vec<&'p str>,
    /// Whether a pattern is not a text of the query but found in the data.
    computed: bool,
}

/// The selectors of an outermost bracket.
#[derive(Default)]
struct Bracket<'p> {
    selectors: usize,
    /// Names in quotes, as long as there is nothing else: distinct ones never find the same value.
    names: Option<Vec<&'p str>>,
}

impl Bracket<'_> {
    fn repeats(&self) -> usize {
        let Some(names) = &self.names else { return self.selectors.max(1) };
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        if distinct.len() == names.len() { 1 } else { self.selectors }
    }
}

impl<'p> Shape<'p> {
    fn of(path: &'p str) -> Self {
        let mut shape = Self { repeats: 1, ..Self::default() };
        let (mut depth, mut filter, mut quote, mut before) = (0_usize, None, None, ' ');
        let mut escaped = false;
        for (index, character) in path.char_indices() {
            if let Some((mark, start)) = quote {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    _ if character == mark => {
                        quote = None;
                        shape.named(depth, &path[start + 1..index]);
                        shape.texts.push(&path[start + 1..index]);
                    }
                    _ => {}
                }
                continue;
            }
            shape.bracketed(character, depth);
            shape.function(character, depth, &path[..index]);
            match character {
                '\'' | '"' => quote = Some((character, index)),
                '[' | '(' => depth += 1,
                ']' | ')' => {
                    depth = depth.saturating_sub(1);
                    filter = filter.filter(|start| depth >= *start);
                }
                '?' if filter.is_none() => filter = Some(depth),
                '$' if index > 0 => shape.searches |= filter.is_some(),
                '.' if before == '.' => match filter {
                    Some(_) => shape.searches = true,
                    None => shape.descents += 1,
                },
                _ => {}
            }
            shape.nesting = shape.nesting.max(depth);
            before = character;
        }
        shape
    }

    /// A text in quotes has ended.
    fn named(&mut self, depth: usize, text: &'p str) {
        if let Some(names) = self.bracket.names.as_mut().filter(|_| depth == 1) {
            names.push(text);
        }
    }

    /// Notes functions with a pattern, and whether an argument before a `)` is a text.
    fn function(&mut self, character: char, depth: usize, before: &str) {
        match character {
            '(' if before.ends_with("match") || before.ends_with("search") => {
                self.patterns += 1;
                self.open.push(depth);
            }
            ')' if self.open.last().is_some_and(|opened| opened + 1 == depth) => {
                self.open.pop();
                self.computed |= !before.trim_end().ends_with(['\'', '"']);
            }
            _ => {}
        }
    }

    /// Refuses patterns that are costly to compile, and those that are not known before the data is seen.
    fn check_patterns(&self) -> Result<(), StepError> {
        if self.patterns == 0 {
            return Ok(());
        }
        if self.computed {
            return Err(bad_input("the pattern of `match` and `search` must be a text in quotes"));
        }
        let too_big = |text: &&str| {
            let compiled = regex::RegexBuilder::new(&unescaped(text)).size_limit(PATTERN_BYTES_MAX).build();
            matches!(compiled, Err(regex::Error::CompiledTooBig(_)))
        };
        match self.texts.iter().find(|text| too_big(text)) {
            None => Ok(()),
            Some(text) => {
                let message = format!("the pattern `{}` is too large for a filter", excerpt(text));
                Err(StepError::new(ErrorKind::Resource, message)
                    .with_suggestion("Use smaller repetition counts, or RegexExtract."))
            }
        }
    }

    /// Follows where outermost brackets begin and end, and what separates their selectors.
    fn bracketed(&mut self, character: char, depth: usize) {
        match (character, depth) {
            ('[', 0) => self.bracket = Bracket { selectors: 1, names: Some(vec![]) },
            (']', 1) => self.repeats = self.repeats.saturating_mul(self.bracket.repeats()),
            (',', 1) => self.bracket.selectors += 1,
            ('\'' | '"', 1) => {}
            (other, 1) if other.is_whitespace() => {}
            (_, 1) => self.bracket.names = None,
            _ => {}
        }
    }
}

/// A text of a query without its escapes. `\u` is kept as it is: the pattern's own syntax knows it too.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, characters.clone().next()) {
            ('\\', Some(next)) if next != 'u' => {
                plain.push(next);
                characters.next();
            }
            _ => plain.push(character),
        }
    }
    plain
}

/// How large data is.
struct Size {
    /// Values, the data itself included.
    values: usize,
    /// Levels.
    levels: usize,
}

/// Counts the values that `value` holds; stops above `max`.
fn measure(value: &Value, max: usize) -> Size {
    let mut waiting = vec![(value, 1)];
    let mut size = Size { values: 0, levels: 0 };
    while let Some((value, level)) = waiting.pop() {
        size.values += 1;
        size.levels = size.levels.max(level);
        if size.values > max {
            break;
        }
        match value {
            Value::Array(items) => waiting.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(map) => waiting.extend(map.values().map(|item| (item, level + 1))),
            _ => {}
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, failure, run};

    fn found(result: Value, count: usize) -> Value {
        json!({"outputs": {"result": result, "count": count}})
    }

    #[test]
    fn values_are_found() {
        let board = json!({"o": {"a": [{"n": 1}, {"n": 2, "t": "x..y$"}], "b": {"n": 3}}, "t": "text"});
        let cases = [
            (json!({"input": "o", "path": "$.a[*].n"}), found(json!([1, 2]), 2)),
            (json!({"input": "o", "path": "$..n"}), found(json!([1, 2, 3]), 3)),
            (json!({"input": "o.b", "path": "$.n", "first": true}), found(json!(3), 1)),
            (json!({"input": "o", "path": "$.x", "first": true}), found(json!(null), 0)),
            (json!({"input": "o", "path": "$.a[?@.t == 'x..y$'].n"}), found(json!([2]), 1)),
            (json!({"input": "o", "path": "$.a[?@.n == $.b.n]"}), found(json!([]), 0)),
            (json!({"input": [1, 2, 3], "path": "$[-1]"}), found(json!([3]), 1)),
            (json!({"input": "t", "path": "$"}), found(json!(["text"]), 1)),
            (json!({"input": "nothing", "path": "$"}), failure("not_found", "there is no `nothing` on the blackboard")),
            (json!({"input": []}), failure("input", "the prop `path` is missing")),
        ];
        for (props, expected) in cases {
            check(&built_in(), &[(props, board.clone(), expected)]);
        }
    }

    #[test]
    fn queries_that_are_wrong_or_too_costly_are_refused() {
        let many: Vec<usize> = (0..3000).collect();
        let cases = [
            ("", ErrorKind::Input),
            ("a.b", ErrorKind::Input),
            ("$[", ErrorKind::Input),
            ("$..*..*..*", ErrorKind::Resource),
            ("$[?count($..*) > 1]", ErrorKind::Resource),
            ("$[?@..x]", ErrorKind::Resource),
            (&"(".repeat(4000), ErrorKind::Resource),
            (&"$.a".repeat(4000), ErrorKind::Input),
            (&format!("${}", "[*,*,*,*,*,*,*,*]".repeat(200)), ErrorKind::Resource),
            (&format!("${}", "['a', \"a\"]".repeat(300)), ErrorKind::Resource),
            (&format!("${}", "[?@ > 0, ?@ > 1, 0:9]".repeat(100)), ErrorKind::Resource),
        ];
        for (path, kind) in cases {
            let outcome = run(&built_in(), &json!({"input": many, "path": path}), &json!({}));
            assert_eq!(outcome.error.map(|error| error.kind), Some(kind), "{}", excerpt(path));
        }
    }

    #[test]
    fn a_query_that_finds_values_again_and_again_ends_soon() {
        let deep = (0..60).fold(json!([1, 2]), |value, _| json!([value, 1]));
        let wide: Vec<Value> = (0..100_000).map(|n| json!({"a": n, "b": [n]})).collect();
        let started = std::time::Instant::now();
        for path in ["$..*..*", "$[0,0][0,0][0,0][0,0][0,0]", "$['a','b']['c','d']", "$..['a','b'][0,0]", "$[*,*]"] {
            for data in [&deep, &json!(wide)] {
                let _ = run(&built_in(), &json!({"input": data, "path": path}), &json!({}));
            }
        }
        assert!(started.elapsed().as_secs() < 20, "it took {:?}", started.elapsed());
    }

    #[test]
    fn a_pattern_in_a_filter_is_not_compiled_for_each_of_many_values() {
        let many: Vec<Value> = (0..20_000).map(|_| json!({"t": "x"})).collect();
        let few = &many[..2_000];
        for (path, message) in [
            ("$[?match(@.t, '((([a-z]{50}){50}){20})')]", "is too large for a filter"),
            ("$[?search(@.t, '(\\\\w{99}){99}')]", "is too large for a filter"),
            ("$[?match(@.t, @.t)]", "must be a text in quotes"),
            ("$[?match(@.t, 'x') && (@.t == 'y' || count(@.*) > 9)]", ""),
            ("$[?search(@.t, '\\\\p{L}+')]", ""),
        ] {
            let started = std::time::Instant::now();
            let outcome = run(&built_in(), &json!({"input": few, "path": path}), &json!({}));
            let said = outcome.error.map(|error| error.message).unwrap_or_default();
            assert!(said.contains(message) && said.is_empty() == message.is_empty(), "{path}: {said}");
            assert!(started.elapsed().as_secs() < 10, "{path} took {:?}", started.elapsed());
        }
        let outcome = run(&built_in(), &json!({"input": many, "path": "$[?match(@.t, 'x')]"}), &json!({}));
        let said = outcome.error.map(|error| error.message);
        assert_eq!(said.as_deref(), Some("a filter with `match` or `search` works on at most 10000 values"));
    }

    #[test]
    fn the_deepest_allowed_nesting_is_read_quickly() {
        let path = format!("$[?{}@.a == 1{}]", "(".repeat(NESTING_MAX - 1), ")".repeat(NESTING_MAX - 1));
        let started = std::time::Instant::now();
        check(&built_in(), &[(json!({"input": [{"a": 1}], "path": path}), json!({}), found(json!([{"a": 1}]), 1))]);
        assert!(started.elapsed().as_secs() < 5, "parsing took {:?}", started.elapsed());
    }
}
