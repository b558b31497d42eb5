//! Steps with many inputs in one call: `$items` in the props, and `items` in the outputs, each answered in its place.

use crate::{lines::plain_text, mask::Masks, package::Node};
use akao_contract::{ErrorKind, ITEMS_KEY, Outcome, OutcomeStatus, StepError, shortened};
use akao_rpc::{ExecuteAnswer, ItemAnswer, Metadata};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How many inputs there are, when there are many.
pub(super) fn count(props: &Map<String, Value>) -> Option<usize> {
    props.get(ITEMS_KEY)?.as_array().map(Vec::len)
}

/// What an expression gave in the place of many inputs must be a list of objects.
///
/// # Errors
/// It is something else.
pub(super) fn check(props: &Map<String, Value>) -> Result<(), StepError> {
    let wrong = |what: String, value: &Value| {
        let message = format!("{what} is {}", shortened(value.to_string(), 80));
        Err(StepError::new(ErrorKind::Input, message)
            .with_suggestion("Give a list of objects, one for each input, or an expression for it."))
    };
    match props.get(ITEMS_KEY) {
        None => Ok(()),
        Some(Value::Array(items)) => match items.iter().enumerate().find(|(_, item)| !item.is_object()) {
            Some((at, item)) => wrong(format!("the input `{ITEMS_KEY}[{at}]`"), item),
            None => Ok(()),
        },
        Some(other) => wrong(format!("the prop `{ITEMS_KEY}`"), other),
    }
}

/// The outcome of a call with `count` inputs. It is a success when each was answered, whatever the answers are.
pub(super) async fn success(
    node: &Arc<Node>,
    outputs: Map<String, Value>,
    count: usize,
    key: Option<&str>,
    masks: &Arc<Masks>,
) -> Outcome {
    let answer = ExecuteAnswer { result: Ok(outputs), metadata: Metadata::default() };
    let answers = match answer.items(count) {
        Ok(answers) => answers,
        Err(error) => {
            return Outcome::failure(
                error.to_step_error().with_suggestion("Answer as many items as there are, in their order."),
            );
        }
    };
    let (mut items, mut failed) = (Vec::with_capacity(count), 0_u64);
    for answer in answers {
        match checked(node, answer, masks).await {
            Ok(outputs) => items.push(json!({ "success": true, "outputs": outputs })),
            Err(error) if error.kind == ErrorKind::Protocol => return Outcome::failure(error),
            Err(error) => {
                failed += 1;
                items.push(json!({ "success": false, "error": error }));
            }
        }
    }
    let items = Value::Array(items);
    let mut writes = Map::new();
    if let Some(key) = key {
        writes.insert(key.to_owned(), items.clone());
    }
    let outputs = Map::from_iter([("items".to_owned(), items), ("failed".to_owned(), failed.into())]);
    Outcome { status: OutcomeStatus::Success, outputs, writes, ..Outcome::default() }
}

/// One answer, held against the manifest; what it says of a failure is for people.
async fn checked(node: &Arc<Node>, answer: ItemAnswer, masks: &Arc<Masks>) -> Result<Map<String, Value>, StepError> {
    match answer {
        Ok(outputs) => node.checked(outputs, masks).await,
        Err(mut error) => {
            error.message = plain_text(error.message);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(items: Value) -> Map<String, Value> {
        Map::from_iter([(ITEMS_KEY.to_owned(), items)])
    }

    #[test]
    fn many_inputs_are_a_list_of_objects() {
        let cases = [
            (json!([]), Ok(0)),
            (json!([{}, {"a": 1}]), Ok(2)),
            (json!([{}, 7]), Err("the input `$items[1]` is 7")),
            (json!({"a": 1}), Err("the prop `$items` is {\"a\":1}")),
            (json!(null), Err("the prop `$items` is null")),
        ];
        for (items, expected) in cases {
            let props = props(items);
            match (check(&props), expected) {
                (Ok(()), Ok(expected)) => assert_eq!(count(&props), Some(expected)),
                (Err(error), Err(message)) => assert_eq!(error.message, message),
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        }
        assert_eq!((check(&Map::new()), count(&Map::new())), (Ok(()), None));
    }
}
