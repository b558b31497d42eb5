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

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("JsonPath", Category::Data, "Picks values out of data with a JSONPath query.")
        .description(
            "Applies the RFC 9535 query `path` to `input`. The result is the list of values found, in the order of the \
            document, or with `first: true` the first one, or null. Finding nothing is a success.\n\nA query may use \
            `..` twice outside filters and nest brackets 8 deep; a filter that searches again (`$` or `..` within \
            `[?…]`) works on at most 2,000 values.",
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
    if shape.searches && count(data, SEARCHED_VALUES_MAX) > SEARCHED_VALUES_MAX {
        return resource(format!("a filter that uses `$` or `..` works on at most {SEARCHED_VALUES_MAX} values"));
    }
    Ok(())
}

/// What makes a query costly.
#[derive(Default)]
struct Shape {
    nesting: usize,
    descents: usize,
    searches: bool,
}

impl Shape {
    fn of(path: &str) -> Self {
        let mut shape = Self::default();
        let (mut depth, mut filter, mut quote, mut before) = (0_usize, None, None, ' ');
        let mut escaped = false;
        for (index, character) in path.char_indices() {
            if let Some(mark) = quote {
                (quote, escaped) = match character {
                    _ if escaped => (quote, false),
                    '\\' => (quote, true),
                    _ => (quote.filter(|_| character != mark), false),
                };
                continue;
            }
            match character {
                '\'' | '"' => quote = Some(character),
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
}

/// How many values `value` holds, itself included; stops counting above `max`.
fn count(value: &Value, max: usize) -> usize {
    let mut waiting = vec![value];
    let mut counted = 0;
    while let Some(value) = waiting.pop() {
        counted += 1;
        if counted > max {
            break;
        }
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => waiting.extend(map.values()),
            _ => {}
        }
    }
    counted
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
        ];
        for (path, kind) in cases {
            let outcome = run(&built_in(), &json!({"input": many, "path": path}), &json!({}));
            assert_eq!(outcome.error.map(|error| error.kind), Some(kind), "{}", excerpt(path));
        }
    }

    #[test]
    fn the_deepest_allowed_nesting_is_read_quickly() {
        let path = format!("$[?{}@.a == 1{}]", "(".repeat(NESTING_MAX - 1), ")".repeat(NESTING_MAX - 1));
        let started = std::time::Instant::now();
        check(&built_in(), &[(json!({"input": [{"a": 1}], "path": path}), json!({}), found(json!([{"a": 1}]), 1))]);
        assert!(started.elapsed().as_secs() < 5, "parsing took {:?}", started.elapsed());
    }
}
