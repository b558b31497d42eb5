//! Reads the text of a transcript.
//!
//! One line is one step; its first word says which. The short forms (`execute`, `success`, …) become the same steps as the
//! full lines, so that what plays a transcript knows a handful of steps only.

use crate::transcript::{Expected, Step, StepKind, Text, Transcript};
use serde_json::{Value, json};
use std::time::Duration;

/// Why a text is no transcript.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}: {message}")]
pub struct ParseError {
    /// The transcript.
    pub name: String,
    /// The line, from one.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// What a line of one word or more becomes.
type Parsed = Result<Vec<StepKind>, String>;

/// The prefix of all nodes that transcripts call by their last word.
const NODE_PREFIX: &str = "com.example.conformance.";
/// The id of the request that the short form `handshake` sends.
const HANDSHAKE_ID: &str = "info";

impl Transcript {
    /// Reads `text`, the transcript called `name`.
    ///
    /// # Errors
    ///
    /// The first line that is none of the steps.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        let error = |line, message: String| ParseError { name: name.to_owned(), line, message };
        let mut title = None;
        let mut steps: Vec<Step> = Vec::new();
        for (index, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text)) {
            let is_silent = text.trim().is_empty() || text.starts_with('#');
            if let Some(text) = text.strip_prefix("title:") {
                title = Some(text.trim().to_owned());
            } else if !is_silent {
                let (is_unordered, rest) = text.strip_prefix("& ").map_or((false, text), |rest| (true, rest));
                let parsed = parse_line(rest, index).map_err(|message| error(index, message))?;
                push(&mut steps, index, parsed, is_unordered);
            }
        }
        let title = title.ok_or_else(|| error(1, "has no title".into()))?;
        Ok(Self { name: name.to_owned(), title, steps })
    }
}

/// Appends steps; an unordered expectation joins the one before it.
fn push(steps: &mut Vec<Step>, line: usize, parsed: Vec<StepKind>, is_unordered: bool) {
    for kind in parsed {
        let before = steps.last_mut().map(|step| &mut step.kind);
        match (kind, before) {
            (StepKind::Expect(more), Some(StepKind::Expect(group))) if is_unordered => group.extend(more),
            (kind, _) => steps.push(Step { line, kind }),
        }
    }
}

fn parse_line(text: &str, line: usize) -> Parsed {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let one = |kind| Ok(vec![kind]);
    match word {
        ">" => one(send(rest)),
        ">." => one(StepKind::Send(Text { template: rest.to_owned(), ends_line: false })),
        ">x" => one(StepKind::SendBytes(hexadecimal(rest)?)),
        "<" => one(expect(line, value(rest)?)),
        "*" => one(StepKind::Allow(value(rest)?)),
        "start" if rest == "without-descriptor" => one(StepKind::StartWithoutDescriptor),
        "silence" => one(StepKind::Silence(Duration::from_millis(number(rest)?))),
        "close" => one(StepKind::Close),
        "exit" => one(StepKind::Exit(number(rest)?)),
        "stderr" => one(StepKind::Stderr(rest.to_owned())),
        "file" => named_text(rest, |name, text| StepKind::PutFile { name, text }),
        "has-file" => named_text(rest, |name, text| StepKind::HasFile { name, text }),
        "handshake" => handshake(rest, line),
        "execute" => execute(rest),
        "cancel" => one(send(&json!({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": rest}}).to_string())),
        "credit" => credit(rest),
        "success" => success(rest, line),
        "failure" => failure(rest, line),
        "error" => fault(rest, line),
        "progress" => one(progress(rest, line)),
        "output" => output(rest),
        _ => Err(format!("`{word}` is no step")),
    }
}

fn send(template: &str) -> StepKind {
    StepKind::Send(Text { template: template.to_owned(), ends_line: true })
}

fn expect(line: usize, pattern: Value) -> StepKind {
    StepKind::Expect(vec![Expected { line, pattern }])
}

fn handshake(rest: &str, line: usize) -> Parsed {
    let mut params = json!({"protocol": [1], "host": "akao-conformance", "granted": [], "limits": {}});
    if !rest.is_empty() {
        let given = value(rest)?;
        for (name, value) in given.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
    }
    let request = json!({"jsonrpc": "2.0", "id": HANDSHAKE_ID, "method": "node.info", "params": params});
    let result = json!({"protocol": 1, "<more>": "<any>"});
    let answer = json!({"jsonrpc": "2.0", "id": HANDSHAKE_ID, "result": result});
    Ok(vec![send(&request.to_string()), expect(line, answer)])
}

/// `execute ID NODE PARAMETERS`; the parameters may hold `{{…}}`, so they stay text.
fn execute(rest: &str) -> Parsed {
    let [id, node, parameters] = words(rest)?;
    let context = json!({
        "node_id": format!("{NODE_PREFIX}{node}"), "workflow_id": "w", "execution_id": "e", "step": "/0", "attempt": 1,
        "idempotency_key": "k", "tenant": "default", "deadline": null, "trace": null,
    });
    let id = json!(id);
    let template = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"node.execute","params":{{"context":{context},"parameters":{parameters}}}}}"#
    );
    Ok(vec![send(&template)])
}

fn credit(rest: &str) -> Parsed {
    let [id, stream, bytes] = words(rest)?;
    let params = json!({"id": id, "stream": stream, "bytes": number::<u64>(bytes)?});
    Ok(vec![send(&json!({"jsonrpc": "2.0", "method": "$/credit", "params": params}).to_string())])
}

fn success(rest: &str, line: usize) -> Parsed {
    let (id, outputs) = rest.split_once(' ').ok_or("success needs an id and outputs")?;
    let result = json!({"success": true, "outputs": value(outputs)?, "metadata": "<object>"});
    Ok(vec![expect(line, json!({"jsonrpc": "2.0", "id": id, "result": result}))])
}

/// `failure ID KIND`, or `failure ID {PATTERN OF THE ERROR}`.
fn failure(rest: &str, line: usize) -> Parsed {
    let (id, error) = rest.split_once(' ').ok_or("failure needs an id and a kind")?;
    let error = match error.starts_with('{') {
        true => value(error)?,
        // Whether to try again is said only where the node says so.
        false => json!({"kind": error, "message": "<string>", "detail": "<any>", "<more>": "<any>"}),
    };
    let result = json!({"success": false, "outputs": {}, "error": error, "metadata": "<object>"});
    Ok(vec![expect(line, json!({"jsonrpc": "2.0", "id": id, "result": result}))])
}

/// `error ID CODE KIND`; the id `null` is null.
fn fault(rest: &str, line: usize) -> Parsed {
    let [id, code, kind] = words(rest)?;
    let id = if id == "null" { Value::Null } else { json!(id) };
    let data = json!({"kind": kind, "retryable": "<boolean>", "message": "<string>", "detail": "<any>"});
    let error = json!({"code": number::<i64>(code)?, "message": "<string>", "data": data});
    Ok(vec![expect(line, json!({"jsonrpc": "2.0", "id": id, "error": error}))])
}

fn progress(id: &str, line: usize) -> StepKind {
    let params = json!({"id": id, "message": "<string>", "<more>": "<any>"});
    expect(line, json!({"jsonrpc": "2.0", "method": "$/progress", "params": params}))
}

fn output(rest: &str) -> Parsed {
    let [id, stream, bytes] = words(rest)?;
    Ok(vec![StepKind::Output { id: id.to_owned(), stream: stream.to_owned(), bytes: number(bytes)? }])
}

fn named_text(rest: &str, kind: fn(String, String) -> StepKind) -> Parsed {
    let (name, text) = rest.split_once(' ').ok_or("a file needs a name and a text")?;
    Ok(vec![kind(name.to_owned(), text.to_owned())])
}

/// The first two words and all that follows them.
fn words(text: &str) -> Result<[&str; 3], String> {
    let mut parts = text.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(one), Some(two), Some(three)) => Ok([one, two, three]),
        _ => Err("needs three words".into()),
    }
}

/// A pattern; only `{{repeat:…}}` may stand in it, because nothing is captured yet.
fn value(text: &str) -> Result<Value, String> {
    let text = crate::play::filled(text, &crate::Captures::new())?;
    serde_json::from_str(&text).map_err(|error| format!("not a JSON document: {error}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is not a number"))
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    let byte = |word| u8::from_str_radix(word, 16).map_err(|_| format!("`{word}` is not a byte"));
    text.split_whitespace().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> StepKind {
        let transcript = Transcript::parse("t", &format!("title: t\n{text}\n")).expect("a transcript");
        transcript.steps[0].kind.clone()
    }

    #[test]
    fn short_forms_become_full_steps() {
        let StepKind::Expect(expected) = first(r#"success 1 {"a": 2}"#) else { panic!("an expectation") };
        assert_eq!(expected[0].pattern["result"]["outputs"], json!({"a": 2}));
        let StepKind::Send(text) = first(r#"execute 1 echo {"value": "{{name}}"}"#) else { panic!("a line") };
        assert!(text.template.contains(r#""node_id":"com.example.conformance.echo""#), "{}", text.template);
        assert!(text.template.ends_with(r#""parameters":{"value": "{{name}}"}}}"#), "{}", text.template);
        assert_eq!(first(">x ff 0a"), StepKind::SendBytes(vec![255, 10]));
        assert_eq!(first("silence 20"), StepKind::Silence(Duration::from_millis(20)));
    }

    #[test]
    fn unordered_lines_join() {
        let transcript = Transcript::parse("t", "title: t\nsuccess 1 {}\n& success 2 {}\nsuccess 3 {}\n").expect("one");
        let groups: Vec<usize> = transcript
            .steps
            .iter()
            .map(|step| match &step.kind {
                StepKind::Expect(group) => group.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(groups, [2, 1]);
    }

    #[test]
    fn mistakes_name_their_line() {
        let cases = [
            ("handshake\n", "t:1: has no title"),
            ("title: t\nshout\n", "t:2: `shout` is no step"),
            ("title: t\n\nexit soon\n", "t:3: `soon` is not a number"),
            ("title: t\nerror 1\n", "t:2: needs three words"),
            ("title: t\n>x zz\n", "t:2: `zz` is not a byte"),
        ];
        for (text, expected) in cases {
            let error = Transcript::parse("t", text).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }
}
