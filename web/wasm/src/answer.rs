//! Questions about workflows, and their answers.

use akao_contract::NodeType;
use akao_flow::{Catalogue, Definition, Draft, NodeDef, Parsed, Place, Refusal, diff, format_workflow};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// Use these node types from now on, beside the control nodes.
    Catalogue {
        /// As the server lists them.
        types: Vec<Value>,
    },
    /// Check a text; answered with its problems, with the definition when nothing is an error, and with the names of node types
    /// in it that are not of the catalogue.
    Check {
        /// The text.
        source: String,
        /// What such names stand for.
        #[serde(default)]
        named: Named,
    },
    /// Read a text that was checked when it was saved: what it names may be gone since.
    Read {
        /// The text.
        source: String,
    },
    /// Compare the meaning of two texts.
    Compare {
        /// The older one.
        before: String,
        /// The newer one.
        after: String,
    },
    /// Lay a text out as `akao fmt` does.
    Format {
        /// The text.
        source: String,
    },
}

/// What the server says that names in a text stand for: packages by a range, and custom nodes.
#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    items: Vec<Value>,
    #[serde(default)]
    refused: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    #[serde(rename = "type")]
    named: String,
    message: String,
    suggestion: String,
}

impl Named {
    /// A catalogue with the node types that were found, and why the others cannot be used.
    fn beside(self, catalogue: &Catalogue) -> (Cow<'_, Catalogue>, BTreeMap<String, Refusal>) {
        // A type of a newer server may have more than is known here, and counts as not found.
        let types = self.items.into_iter().filter_map(|value| serde_json::from_value::<NodeType>(value).ok());
        let types: Vec<Arc<NodeType>> = types.map(Arc::new).collect();
        let refusal =
            |refused: Refused| (refused.named, Refusal { message: refused.message, suggestion: refused.suggestion });
        let catalogue = match types.is_empty() {
            true => Cow::Borrowed(catalogue),
            false => Cow::Owned(catalogue.and(&types)),
        };
        (catalogue, self.refused.into_iter().map(refusal).collect())
    }
}

/// What is known between two questions.
#[derive(Debug)]
pub struct Desk {
    catalogue: Catalogue,
}

impl Default for Desk {
    fn default() -> Self {
        Self { catalogue: Catalogue::from(akao_flow::control_types()) }
    }
}

/// Answers a question in JSON by an answer in JSON; what cannot be meant is answered with `error`.
pub fn answer(desk: &mut Desk, question: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice(question) {
        Ok(question) => desk.answer(question),
        Err(error) => json!({"error": format!("the question cannot be read: {error}")}),
    };
    answer.to_string().into_bytes()
}

impl Desk {
    fn answer(&mut self, question: Question) -> Value {
        match question {
            Question::Catalogue { types } => self.take_types(types),
            Question::Check { source, named } => self.check(&source, named),
            Question::Read { source } => read(&source),
            Question::Compare { before, after } => compare(&before, &after),
            Question::Format { source } => self.format(&source),
        }
    }

    /// Takes what can be read as a node type; a type of a newer server may have more than is known here.
    fn take_types(&mut self, types: Vec<Value>) -> Value {
        let mut known: Vec<NodeType> = akao_flow::control_types();
        let (mut taken, mut refused) = (0, Vec::new());
        for value in types {
            let name = value.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
            match serde_json::from_value::<NodeType>(value) {
                Ok(node_type) => {
                    taken += 1;
                    if !known.iter().any(|known| known.name == node_type.name) {
                        known.push(node_type);
                    }
                }
                Err(error) => refused.push(format!("{name}: {error}")),
            }
        }
        self.catalogue = Catalogue::from(known);
        json!({"taken": taken, "refused": refused})
    }

    fn check(&self, source: &str, named: Named) -> Value {
        let draft = Draft::read(source);
        let unknown = |name: &&str| self.catalogue.get(name).is_none();
        let foreign: Vec<String> = draft.types().into_iter().filter(unknown).map(str::to_owned).collect();
        let (catalogue, refused) = named.beside(&self.catalogue);
        let (parsed, problems) = draft.check(&catalogue, &refused);
        let lines = parsed.as_ref().map(lines);
        let definition = parsed.map(|parsed| parsed.definition);
        json!({"problems": problems, "definition": definition, "lines": lines, "foreign": foreign})
    }

    /// Names that are not of the catalogue stay as they were written: what they stand for is for the moment.
    fn format(&self, source: &str) -> Value {
        match format_workflow(source, &self.catalogue) {
            Ok(text) => json!({"text": text}),
            Err(problems) => json!({"problems": problems}),
        }
    }
}

/// Where each node stands in the text: its line, by its place such as `/0/1` or `#tree/0`.
fn lines(parsed: &Parsed) -> Map<String, Value> {
    let mut lines = Map::new();
    let Definition { root, trees, .. } = &parsed.definition;
    gather(parsed, root, "root".to_owned(), &Place::root(None), &mut lines);
    for (name, tree) in trees {
        // A name with a dot would have to be written otherwise; such a tree has no lines, which is all that is lost.
        gather(parsed, tree, format!("trees.{name}"), &Place::root(Some(name)), &mut lines);
    }
    lines
}

fn gather(parsed: &Parsed, node: &NodeDef, path: String, place: &Place, lines: &mut Map<String, Value>) {
    if let Some(found) = parsed.positions.find(&path) {
        lines.insert(place.to_string(), json!(found.value.line));
    }
    for (index, child) in node.children.iter().enumerate() {
        gather(parsed, child, format!("{path}.children[{index}]"), &place.child(index), lines);
    }
}

fn read(source: &str) -> Value {
    match akao_flow::read(source) {
        Ok(parsed) => json!({"definition": parsed.definition}),
        Err(problems) => json!({"problems": problems}),
    }
}

fn compare(before: &str, after: &str) -> Value {
    match (akao_flow::read(before), akao_flow::read(after)) {
        (Ok(before), Ok(after)) => {
            let difference = diff::diff(&before.definition, &after.definition);
            json!({"same": difference.is_empty(), "text": difference.to_text(false), "difference": difference})
        }
        (Err(problems), _) | (_, Err(problems)) => json!({"problems": problems}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(desk: &mut Desk, question: &Value) -> Value {
        serde_json::from_slice(&answer(desk, question.to_string().as_bytes())).expect("JSON")
    }

    const SOURCE: &str = "akao: 1\nid: a\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - type: Sequence\n      children:\n        - { type: Later, id: later }\n";

    #[test]
    fn a_text_is_checked_against_the_types_that_were_given() {
        let mut desk = Desk::default();
        let told = ask(&mut desk, &json!({"ask": "check", "source": SOURCE}));
        assert_eq!(
            (&told["problems"][0]["position"]["line"], &told["definition"]),
            (&json!(9), &Value::Null),
            "{told}"
        );
        let mut later = serde_json::to_value(&akao_flow::control_types()[0]).expect("JSON");
        (later["name"], later["children_min"], later["children_max"]) = (json!("Later"), json!(0), json!(0));
        later["props"] = json!({"type": "object"});
        let taken = ask(&mut desk, &json!({"ask": "catalogue", "types": [later, {"name": "odd"}]}));
        assert_eq!((&taken["taken"], taken["refused"].as_array().map(Vec::len)), (&json!(1), Some(1)), "{taken}");
        let told = ask(&mut desk, &json!({"ask": "check", "source": SOURCE}));
        assert_eq!(told["definition"]["root"]["children"][0]["children"][0]["id"], "later", "{told}");
        assert_eq!((&told["lines"]["/"], &told["lines"]["/0/0"]), (&json!(5), &json!(9)), "{told}");
    }

    #[test]
    fn names_stand_for_what_the_server_says() {
        let mut desk = Desk::default();
        let source = SOURCE.replace("type: Later", "type: com.example.later@^1");
        let check =
            |desk: &mut Desk, named: Value| ask(desk, &json!({"ask": "check", "source": source, "named": named}));
        let told = check(&mut desk, json!({}));
        assert_eq!(told["foreign"], json!(["com.example.later@^1"]), "{told}");
        assert_eq!(told["problems"][0]["code"], "unavailable-type", "{told}");

        let mut later = serde_json::to_value(&akao_flow::control_types()[0]).expect("JSON");
        (later["children_min"], later["children_max"]) = (json!(0), json!(0));
        (later["name"], later["aliases"]) =
            (json!("com.example.later@1.2.0#sha256:00"), json!(["com.example.later@^1"]));
        later["props"] =
            json!({"type": "object", "properties": {"at": {"type": "string"}}, "additionalProperties": false});
        let named = json!({"items": [later, {"name": "of a newer server"}], "refused": []});
        let told = check(&mut desk, named.clone());
        assert_eq!((&told["problems"], &told["foreign"]), (&json!([]), &json!(["com.example.later@^1"])), "{told}");
        assert_eq!(told["definition"]["root"]["children"][0]["children"][0]["type"], "com.example.later@^1", "{told}");
        let wrong = source.replace("id: later", "id: later, props: { on: 1 }");
        let told = ask(&mut desk, &json!({"ask": "check", "source": wrong, "named": named}));
        assert_eq!(told["problems"][0]["code"], "unknown-prop", "{told}");
        let told = ask(&mut desk, &json!({"ask": "format", "source": source}));
        assert!(told["text"].as_str().is_some_and(|text| text.contains("com.example.later@^1")), "{told}");

        let why = "no installed version of `com.example.later` is within ^1; there are 2.0.0";
        let refused = json!([{"type": "com.example.later@^1", "message": why, "suggestion": "Ask the operator."}]);
        let told = check(&mut desk, json!({"refused": refused}));
        let problem = &told["problems"][0];
        assert_eq!((&problem["message"], &problem["position"]["line"]), (&json!(why), &json!(9)), "{told}");
        assert_eq!(problem["suggestion"], "Ask the operator.", "{told}");
    }

    #[test]
    fn what_was_saved_is_read_whatever_has_become_of_its_node_types() {
        let mut desk = Desk::default();
        let told = ask(&mut desk, &json!({"ask": "read", "source": SOURCE}));
        assert_eq!(told["definition"]["root"]["children"][0]["children"][0]["type"], "Later", "{told}");
        let told = ask(&mut desk, &json!({"ask": "read", "source": "root: ["}));
        assert!(told["problems"][0]["message"].is_string(), "{told}");
    }

    #[test]
    fn texts_are_compared_and_laid_out() {
        let mut desk = Desk::default();
        let after = SOURCE.replace("1.0.0", "1.1.0");
        let told = ask(&mut desk, &json!({"ask": "compare", "before": SOURCE, "after": after}));
        assert_eq!(told["same"], json!(false), "{told}");
        assert_eq!(ask(&mut desk, &json!({"ask": "compare", "before": SOURCE, "after": SOURCE}))["same"], json!(true));
        let told = ask(&mut desk, &json!({"ask": "format", "source": SOURCE}));
        assert!(told["text"].as_str().is_some_and(|text| text.contains("type: Later")), "{told}");
    }

    #[test]
    fn what_cannot_be_meant_is_said_and_does_not_end_it() {
        let mut desk = Desk::default();
        for bad in ["", "{", "[]", "{\"ask\":\"nothing\"}", "{\"ask\":\"check\"}"] {
            let told: Value = serde_json::from_slice(&answer(&mut desk, bad.as_bytes())).expect("JSON");
            assert!(told["error"].is_string(), "{bad}: {told}");
        }
        assert!(ask(&mut desk, &json!({"ask": "check", "source": "{"}))["problems"][0]["message"].is_string());
    }
}
