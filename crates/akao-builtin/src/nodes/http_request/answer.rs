//! An answer as data: by the wish of the author, or by the answer's content type.

use crate::{limits::check_json_values, outside};
use akao_contract::{ErrorKind, StepContext, StepError};
use akao_step::{HttpAnswer, Ports};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How the body becomes `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseType {
    /// By the content type.
    #[default]
    Auto,
    Json,
    Text,
    Binary,
}

/// The headers as an object. Only `set-cookie` cannot be joined, because its values hold commas.
pub(super) fn headers(answer: &HttpAnswer) -> Value {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        match headers.get_mut(name) {
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            Some(Value::String(joined)) => *joined = format!("{joined}, {value}"),
            _ if name == "set-cookie" => drop(headers.insert(name.clone(), Value::Array(vec![value.as_str().into()]))),
            _ => drop(headers.insert(name.clone(), value.as_str().into())),
        }
    }
    Value::Object(headers)
}

/// The body as data; null when it is empty.
pub(super) async fn data(
    context: &StepContext,
    wanted: ResponseType,
    answer: &HttpAnswer,
    ports: &Ports,
) -> Result<Value, StepError> {
    let media_type = media_type(answer);
    if answer.body.is_empty() && wanted != ResponseType::Binary {
        return Ok(Value::Null);
    }
    match wanted {
        ResponseType::Json => {
            check_json_values(&answer.body)?;
            serde_json::from_slice(&answer.body).map_err(|error| {
                let message = format!("the answer of {} is not JSON: {error}", answer.url);
                StepError::new(ErrorKind::Protocol, message)
            })
        }
        ResponseType::Text => Ok(text(&answer.body)),
        ResponseType::Binary => blob(context, &media_type, answer, ports).await,
        // A server that calls something JSON which is not, still answered; the author sees what it said.
        ResponseType::Auto if is_json(&media_type) => {
            check_json_values(&answer.body)?;
            Ok(serde_json::from_slice(&answer.body).unwrap_or_else(|_| text(&answer.body)))
        }
        ResponseType::Auto if is_text(&media_type) => Ok(text(&answer.body)),
        ResponseType::Auto if media_type.is_empty() => match std::str::from_utf8(&answer.body) {
            Ok(text) => Ok(text.into()),
            Err(_) => blob(context, "application/octet-stream", answer, ports).await,
        },
        ResponseType::Auto => blob(context, &media_type, answer, ports).await,
    }
}

fn text(body: &[u8]) -> Value {
    String::from_utf8_lossy(body).into()
}

/// The content type without its parameters, in lower case; empty when there is none.
fn media_type(answer: &HttpAnswer) -> String {
    let header = answer.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

fn is_text(media_type: &str) -> bool {
    const TEXTS: [&str; 6] = [
        "application/xml",
        "application/javascript",
        "application/x-www-form-urlencoded",
        "application/yaml",
        "application/x-ndjson",
        "application/graphql",
    ];
    media_type.starts_with("text/") || media_type.ends_with("+xml") || TEXTS.contains(&media_type)
}

/// Stores the body and gives the reference.
async fn blob(context: &StepContext, media_type: &str, answer: &HttpAnswer, ports: &Ports) -> Result<Value, StepError> {
    let (blobs, tenant, body) = (ports.blobs.clone(), context.tenant.clone(), answer.body.clone());
    let media_type = if media_type.is_empty() { "application/octet-stream" } else { media_type }.to_owned();
    let stored = tokio::task::spawn_blocking(move || blobs.put(&tenant, &body, &media_type)).await;
    let stored = stored.map_err(|error| StepError::new(ErrorKind::Internal, error.to_string()))?;
    stored.map(|reference| reference.to_value()).map_err(|error| outside::blob_error(&error))
}
