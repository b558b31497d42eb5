//! `HttpRequest`: sends one HTTP request and stores `{status, headers, data}`, also when the status is not 2xx.
//!
//! Success is a 2xx status. `retry` here repeats after transport errors only; an answer, whatever its status, is final.
//! Which targets are open is the egress port's decision; how the answer becomes data is in `http_request/answer.rs`.

mod answer;

use crate::{BuiltIn, Run, outside};
use akao_contract::{
    BlobRef, Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Permission, Reads,
    StepContext, StepError,
};
use akao_step::{BoxFuture, EgressError, HttpAnswer, HttpCall, Ports, StepIo};
use answer::ResponseType;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Largest answer body, in bytes (32 MiB).
const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// Longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Sent with requests that change something, so that a server can notice a repetition.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

const DESCRIPTION: &str = "\
Sends one request and ends in success when the answer's status is 2xx. The answer is stored as `{status, headers, data}` in \
any case; with another status the step fails with the kind `not_found` (404, 410), `connection` (408, 429 and 5xx, which \
may pass) or `user`.\n\n\
Without a grant, public addresses on ports 80 and 443 are reachable; anything else needs `network.http=HOST:PORT`. \
Redirects are followed and checked like the first URL.\n\n\
A `body` that is text is sent as it is, a reference to a blob as the blob's bytes, and anything else as JSON. Requests other \
than GET, HEAD and OPTIONS carry an `Idempotency-Key` that stays the same over every attempt of the step, unless `headers` \
sets one.\n\n\
Headers are stored with names in lower case; several of one name are joined by a comma, `set-cookie` is a list.";

const EXAMPLE: &str = "\
# Not granted: the step is denied before anything is dialled.
akao: 1
id: http-request
version: 1.0.0
outputs: { note: \"${bb.note}\" }
root:
  type: Recovery
  children:
    - { type: HttpRequest, props: { url: \"http://127.0.0.1:9/orders\", method: POST, body: { id: 7 } } }
    - { type: SetVariable, props: { key: note, value: denied } }
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "HttpRequest".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::Network,
        summary: "Sends an HTTP request.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: outputs_schema(),
        main_output: Some("response".into()),
        errors: vec![
            error(ErrorKind::Input, "the URL, the method, a header or the body cannot be sent"),
            error(ErrorKind::Permission, "the target is not granted; `detail.grant` says what to grant"),
            error(ErrorKind::Connection, "no connection, it broke off, or the status is 408, 429 or 5xx"),
            error(ErrorKind::Timeout, "no complete answer within `timeout`"),
            error(ErrorKind::NotFound, "the status is 404 or 410"),
            error(ErrorKind::User, "the status is any other that is not 2xx"),
            error(ErrorKind::Protocol, "the answer is not HTTP, not JSON where JSON is wanted, or redirects too often"),
            error(ErrorKind::Resource, "the answer is larger than 32 MiB, or JSON of more than 2,000,000 values"),
        ],
        effects: Effects::Write,
        idempotent: false,
        reads: Reads::Named,
        permissions: "network.http".parse::<Permission>().into_iter().collect(),
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"note": "denied"}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Async(run) }
}

fn props_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "Absolute http or https URL, without user name and password."},
            "method": {
                "enum": ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"],
                "default": "GET",
                "description": "The request's method.",
            },
            "headers": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
                "description": "Headers by name. Those that the client sets itself (Host, Content-Length, …) are refused.",
            },
            "query": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean", "array", "null"]},
                "description": "Added to the URL's query; a list gives one pair for each element, null gives none.",
            },
            "body": {"description": "Text as it is, a blob reference as its bytes, anything else as JSON. Absent: no body."},
            "responseType": {
                "enum": ["auto", "json", "text", "binary"],
                "default": "auto",
                "description": "How the body becomes `data`. `auto` goes by the content type; `binary` gives a blob reference.",
            },
            "timeout": {
                "type": ["integer", "string"],
                "default": 30000,
                "minimum": 1,
                "x-akao-duration": "ms",
                "description": "For each attempt, from the name's resolution to the last byte, in milliseconds or with a unit.",
            },
            "redirects": {
                "type": "integer",
                "default": 5,
                "minimum": 0,
                "maximum": 20,
                "description": "Redirects that are followed; 0 takes a redirect as the answer.",
            },
            "retry": {
                "type": "object",
                "properties": {
                    "maxAttempts": {
                        "type": "integer", "default": 3, "minimum": 1, "maximum": 10,
                        "description": "Attempts in all; the first one counts.",
                    },
                    "backoffMs": {
                        "type": ["integer", "string"], "default": 1000, "minimum": 0, "x-akao-duration": "ms",
                        "description": "Wait before the second attempt; it doubles up to 60 s.",
                    },
                },
                "additionalProperties": false,
                "description": "Repeats after transport errors only. Absent: one attempt.",
            },
            "outputKey": {
                "type": "string",
                "default": "httpResponse",
                "x-akao-writes": true,
                "description": "Blackboard key that receives `response`, also when the status is not 2xx.",
            },
        },
        "required": ["url"],
        "additionalProperties": false,
    })
}

fn outputs_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "response": {
                "type": "object",
                "properties": {
                    "status": {"type": "integer", "description": "Status code."},
                    "headers": {"type": "object", "description": "Headers by name in lower case."},
                    "data": {"description": "The body: JSON, text, a blob reference, or null when it is empty."},
                },
                "required": ["status", "headers", "data"],
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    query: Map<String, Value>,
    body: Option<Value>,
    #[serde(default)]
    response_type: ResponseType,
    #[serde(default = "thirty_seconds", deserialize_with = "outside::duration")]
    timeout: Duration,
    #[serde(default = "five")]
    redirects: u32,
    #[serde(default)]
    retry: Retry,
}

/// How often a request is sent. The default, for a node without `retry`, is once.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retry {
    #[serde(default = "three")]
    max_attempts: u32,
    #[serde(default = "one_second", deserialize_with = "outside::duration")]
    backoff_ms: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 1, backoff_ms: one_second() }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn three() -> u32 {
    3
}

fn five() -> u32 {
    5
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

fn run(invocation: Invocation, io: StepIo, ports: Ports) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        tokio::select! {
            biased;
            () = io.cancel.cancelled() => Outcome::cancelled(),
            outcome = request(&invocation, &ports) => outcome.unwrap_or_else(Outcome::failure),
        }
    })
}

async fn request(invocation: &Invocation, ports: &Ports) -> Result<Outcome, StepError> {
    let props: Props = outside::props(invocation)?;
    let call = http_call(&invocation.context, &props, ports).await?;
    let answer = send(&invocation.context, &call, &props.retry, ports).await;
    let answer = answer.map_err(|error| outside::egress_error(&error))?;
    let status = answer.status;
    let (data, broken) = match answer::data(&invocation.context, props.response_type, &answer, ports).await {
        Ok(data) => (data, None),
        Err(error) => (Value::Null, Some(error)),
    };
    let response = json!({"status": status, "headers": answer::headers(&answer), "data": data});
    let error = if (200..300).contains(&status) { broken } else { Some(status_error(&call.method, &answer)) };
    Ok(error.map_or_else(Outcome::success, Outcome::failure).output("response", response))
}

/// Sends the call, and again after transport errors as long as attempts are left.
async fn send(context: &StepContext, call: &HttpCall, retry: &Retry, ports: &Ports) -> Result<HttpAnswer, EgressError> {
    let (mut attempt, mut wait) = (1, retry.backoff_ms);
    loop {
        match ports.egress.http(&context.grants, call.clone()).await {
            Err(EgressError::Connection(_) | EgressError::Resolve(_) | EgressError::Timeout(_))
                if attempt < retry.max_attempts =>
            {
                tokio::time::sleep(wait.min(BACKOFF_MAX)).await;
                attempt += 1;
                wait = wait.saturating_mul(2);
            }
            end => return end,
        }
    }
}

async fn http_call(context: &StepContext, props: &Props, ports: &Ports) -> Result<HttpCall, StepError> {
    let mut headers = Vec::new();
    for (name, value) in &props.headers {
        headers.push((name.clone(), scalar(value).ok_or_else(|| bad_entry("header", name, value))?));
    }
    let (body, media_type) = body(context, props.body.as_ref(), ports).await?;
    let has = |headers: &[(String, String)], name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if let Some(media_type) = media_type.filter(|_| !has(&headers, "content-type")) {
        headers.push(("content-type".to_owned(), media_type));
    }
    let method = props.method.to_ascii_uppercase();
    if !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS") && !has(&headers, IDEMPOTENCY_KEY) {
        headers.push((IDEMPOTENCY_KEY.to_owned(), context.idempotency_key.clone()));
    }
    Ok(HttpCall {
        method,
        url: with_query(&props.url, &props.query)?,
        headers,
        body,
        timeout: props.timeout,
        redirects_max: props.redirects,
        answer_bytes_max: ANSWER_BYTES_MAX,
    })
}

/// The body's bytes and the media type that they have.
async fn body(
    context: &StepContext,
    body: Option<&Value>,
    ports: &Ports,
) -> Result<(Vec<u8>, Option<String>), StepError> {
    match body {
        None => Ok((Vec::new(), None)),
        Some(Value::String(text)) => Ok((text.clone().into_bytes(), Some("text/plain; charset=utf-8".to_owned()))),
        Some(value) => match BlobRef::from_value(value) {
            None => Ok((value.to_string().into_bytes(), Some("application/json".to_owned()))),
            Some(blob) => {
                let (blobs, tenant, digest) = (ports.blobs.clone(), context.tenant.clone(), blob.digest);
                let read = tokio::task::spawn_blocking(move || blobs.get(&tenant, &digest)).await;
                let read = read.map_err(|error| StepError::new(ErrorKind::Internal, error.to_string()))?;
                Ok((read.map_err(|error| outside::blob_error(&error))?, Some(blob.media_type)))
            }
        },
    }
}

fn with_query(url: &str, query: &Map<String, Value>) -> Result<String, StepError> {
    if query.is_empty() {
        return Ok(url.to_owned());
    }
    let mut url = url::Url::parse(url).map_err(|error| outside::input(format!("`url` is not a URL: {error}")))?;
    for (name, value) in query {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = scalar(value).ok_or_else(|| bad_entry("query parameter", name, value))?;
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    Ok(url.into())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn bad_entry(what: &str, name: &str, value: &Value) -> StepError {
    let kind = match value {
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        _ => "null",
    };
    outside::input(format!("the {what} `{name}` is {kind}; it must be text, a number or a boolean"))
}

fn status_error(method: &str, answer: &HttpAnswer) -> StepError {
    let kind = match answer.status {
        404 | 410 => ErrorKind::NotFound,
        408 | 429 | 500.. => ErrorKind::Connection,
        _ => ErrorKind::User,
    };
    let message = format!("{method} {} answered {}", answer.url, answer.status);
    StepError::new(kind, message).with_detail("status", answer.status)
}
