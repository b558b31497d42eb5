//! What a node may ask of the host. Who asks is known from the connection: whatever ids, tenants or names of executions a
//! node puts into its parameters, nobody reads them.

use crate::{
    limits::{NAME_BYTES_MAX, PATH_BYTES_MAX, QUOTED_BYTES_MAX, STATE_VALUE_BYTES_MAX, URL_BYTES_MAX},
    remote::code,
};
use akao_contract::{BLOB_KEY, BlobRef, Digest, ErrorKind, StepError, shortened};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// The future of a host call.
pub type HostFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StepError>> + Send + 'a>>;

/// A secret's value, which cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Answers the requests of one node process. Made for one connection, it knows tenant, package and grants from there and
/// checks each call against them. A call that takes long holds up no other; at most
/// [`HOST_CALLS_AT_ONCE_MAX`](crate::limits::HOST_CALLS_AT_ONCE_MAX) run at once.
pub trait HostCalls: Send + Sync {
    /// The secret `name`, if it was granted.
    fn secret<'a>(&'a self, name: &'a str) -> HostFuture<'a, SecretText>;
    /// Stores the file at `path` and answers with its reference.
    fn blob_put<'a>(&'a self, path: &'a WorkspacePath, media_type: Option<&'a str>) -> HostFuture<'a, BlobRef>;
    /// Puts the blob into the file at `path`.
    fn blob_get<'a>(&'a self, digest: &'a Digest, path: &'a WorkspacePath) -> HostFuture<'a, ()>;
    /// The value that was kept under `key`.
    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Value>>;
    /// Keeps a small value under `key`; `null` removes it.
    fn state_put<'a>(&'a self, key: &'a str, value: Value) -> HostFuture<'a, ()>;
    /// Sends an HTTP request where that was granted, and answers with what came back.
    fn fetch(&self, _: Fetch) -> HostFuture<'_, Fetched> {
        refused("the network")
    }
    /// Runs an activity of the btree family, as the node of Akao that does the same.
    fn activity<'a>(&'a self, name: &'a str, _: Vec<Value>) -> HostFuture<'a, Value> {
        refused(&format!("the activity {name:?}"))
    }
}

/// An HTTP request of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// Method, upper case.
    pub method: String,
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether redirects are followed.
    pub redirect: Redirect,
}

/// What becomes of a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// It is followed, and checked like the first URL.
    Follow,
    /// It is the answer.
    Manual,
    /// It is a failure.
    Error,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The URL that answered.
    pub url: String,
}

impl Fetched {
    /// The answer as a node gets it: text where the body is text, else base 64. Text that a message would write longer than
    /// that, such as control characters, is sent as base 64 too: six bytes for one would not fit.
    fn to_value(&self) -> Value {
        let mut answer = json!({ "status": self.status, "headers": self.headers, "url": self.url });
        match std::str::from_utf8(&self.body) {
            Ok(text) if escaped_bytes(text) <= self.body.len() / 3 * 4 + 4 => answer["text"] = text.into(),
            _ => answer["base64"] = STANDARD.encode(&self.body).into(),
        }
        answer
    }
}

/// How many bytes a text has within a message.
fn escaped_bytes(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

/// A host that grants nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHostCalls;

fn refused<'a, T: Send + 'a>(what: &str) -> HostFuture<'a, T> {
    let error = StepError::new(ErrorKind::Permission, format!("{what} is not granted"));
    Box::pin(std::future::ready(Err(error)))
}

impl HostCalls for NoHostCalls {
    fn secret<'a>(&'a self, name: &'a str) -> HostFuture<'a, SecretText> {
        refused(&format!("the secret {name:?}"))
    }

    fn blob_put<'a>(&'a self, _: &'a WorkspacePath, _: Option<&'a str>) -> HostFuture<'a, BlobRef> {
        refused("storing blobs")
    }

    fn blob_get<'a>(&'a self, _: &'a Digest, _: &'a WorkspacePath) -> HostFuture<'a, ()> {
        refused("reading blobs")
    }

    fn state_get<'a>(&'a self, _: &'a str) -> HostFuture<'a, Option<Value>> {
        refused("state")
    }

    fn state_put<'a>(&'a self, _: &'a str, _: Value) -> HostFuture<'a, ()> {
        refused("state")
    }
}

/// A path below the workspace: relative, of plain names, without `..`. Opening it must still resolve below the workspace,
/// because a node can put links there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspacePath(String);

impl WorkspacePath {
    /// Reads `out/a.png` or `/workspace/out/a.png`.
    pub fn parse(text: &str) -> Result<Self, StepError> {
        let bad = |reason: &str| {
            let message = format!("the path {:?} is not usable: {reason}", shortened(text, QUOTED_BYTES_MAX));
            Err(StepError::new(ErrorKind::Input, message))
        };
        let inside = text.strip_prefix("/workspace/").unwrap_or(text);
        if inside.len() > PATH_BYTES_MAX {
            return bad("it is too long");
        }
        if inside.starts_with('/') {
            return bad("it is not below the workspace");
        }
        if inside.contains(['\0', '\\']) || inside.chars().any(char::is_control) {
            return bad("it holds a character that file names may not");
        }
        if inside.split('/').any(|part| matches!(part, "" | "." | "..") || part.len() > 255) {
            return bad("each part must be a name");
        }
        Ok(Self(inside.to_owned()))
    }

    /// The path, relative to the workspace.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host call whose parameters are usable.
#[derive(Debug)]
pub(crate) enum HostCall {
    Secret { name: String },
    BlobPut { path: WorkspacePath, media_type: Option<String> },
    BlobGet { digest: Digest, path: WorkspacePath },
    StateGet { key: String },
    StatePut { key: String, value: Value },
    Fetch(Fetch),
    Activity { name: String, arguments: Vec<Value> },
}

/// Why a host call is refused before anybody works on it: the code and the error.
pub(crate) type Refusal = (i64, StepError);

impl HostCall {
    /// Reads a request. Parameters beyond those named here are ignored.
    pub(crate) fn read(method: &str, mut params: Map<String, Value>) -> Result<Self, Refusal> {
        match method {
            "host.secret" => Ok(Self::Secret { name: name(&params, "name")? }),
            "host.blob.put" => {
                let media_type = params.get("media_type").and_then(Value::as_str).map(str::to_owned);
                Ok(Self::BlobPut { path: path(&params)?, media_type })
            }
            "host.blob.get" => Ok(Self::BlobGet { digest: digest(&params)?, path: path(&params)? }),
            "host.state.get" => Ok(Self::StateGet { key: name(&params, "key")? }),
            "host.state.put" => {
                let value = params.remove("value").ok_or_else(|| invalid("`value` is not there"))?;
                let bytes = value.to_string().len();
                if bytes > STATE_VALUE_BYTES_MAX {
                    let message = format!("a value of {bytes} bytes is too large; at most {STATE_VALUE_BYTES_MAX}");
                    return Err((code::RESOURCE, StepError::new(ErrorKind::Resource, message)));
                }
                Ok(Self::StatePut { key: name(&params, "key")?, value })
            }
            "host.fetch" => fetch(&params).map(Self::Fetch),
            "host.activity" => match params.remove("arguments") {
                None => Ok(Self::Activity { name: name(&params, "name")?, arguments: Vec::new() }),
                Some(Value::Array(arguments)) => Ok(Self::Activity { name: name(&params, "name")?, arguments }),
                Some(_) => Err(invalid("`arguments` is not a list")),
            },
            _ => {
                let message = format!("there is no method {:?}", shortened(method, QUOTED_BYTES_MAX));
                Err((code::METHOD_NOT_FOUND, StepError::new(ErrorKind::Protocol, message)))
            }
        }
    }

    /// Has the host answer.
    pub(crate) async fn run(self, host: Arc<dyn HostCalls>) -> Result<Value, StepError> {
        match self {
            Self::Secret { name } => Ok(json!({ "value": host.secret(&name).await?.0 })),
            Self::BlobPut { path, media_type } => Ok(host.blob_put(&path, media_type.as_deref()).await?.to_value()),
            Self::BlobGet { digest, path } => {
                host.blob_get(&digest, &path).await?;
                Ok(json!({ "path": path.as_str() }))
            }
            Self::StateGet { key } => match host.state_get(&key).await? {
                Some(value) => Ok(json!({ "value": value })),
                None => Ok(json!({})),
            },
            Self::StatePut { key, value } => {
                host.state_put(&key, value).await?;
                Ok(json!({}))
            }
            Self::Fetch(fetch) => Ok(host.fetch(fetch).await?.to_value()),
            // Whatever an activity gives; SDKs know no answer that is not an object.
            Self::Activity { name, arguments } => Ok(json!({ "value": host.activity(&name, arguments).await? })),
        }
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    (code::INVALID_PARAMS, StepError::new(ErrorKind::Input, message))
}

fn name(params: &Map<String, Value>, key: &str) -> Result<String, Refusal> {
    let text = params.get(key).and_then(Value::as_str).ok_or_else(|| invalid(format!("`{key}` is not a string")))?;
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(invalid(format!("`{key}` is not 1 to {NAME_BYTES_MAX} bytes long")));
    }
    Ok(text.to_owned())
}

fn fetch(params: &Map<String, Value>) -> Result<Fetch, Refusal> {
    let text = |key: &str| params.get(key).and_then(Value::as_str);
    let url = text("url").ok_or_else(|| invalid("`url` is not a string"))?;
    if url.len() > URL_BYTES_MAX {
        return Err(invalid(format!("`url` is longer than {URL_BYTES_MAX} bytes")));
    }
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([Value::String(name), Value::String(value)]) => Some((name.clone(), value.clone())),
        _ => None,
    };
    let headers = match params.get("headers") {
        None => Some(Vec::new()),
        Some(headers) => headers.as_array().and_then(|all| all.iter().map(pair).collect()),
    };
    let body = match (text("body"), text("base64")) {
        (Some(body), _) => body.as_bytes().to_vec(),
        (None, Some(encoded)) => STANDARD.decode(encoded).map_err(|_| invalid("`base64` is not base 64"))?,
        (None, None) => Vec::new(),
    };
    let redirect = match text("redirect").unwrap_or("follow") {
        "follow" => Redirect::Follow,
        "manual" => Redirect::Manual,
        "error" => Redirect::Error,
        _ => return Err(invalid("`redirect` is none of follow, manual, error")),
    };
    Ok(Fetch {
        method: text("method").unwrap_or("GET").to_ascii_uppercase(),
        url: url.to_owned(),
        headers: headers.ok_or_else(|| invalid("`headers` is not a list of pairs of a name and a value"))?,
        body,
        redirect,
    })
}

fn path(params: &Map<String, Value>) -> Result<WorkspacePath, Refusal> {
    let text = params.get("path").and_then(Value::as_str).ok_or_else(|| invalid("`path` is not a string"))?;
    WorkspacePath::parse(text).map_err(|error| (code::INVALID_PARAMS, error))
}

/// `blob` is a reference, `{"$blob": "sha256:…"}`, or the digest alone.
fn digest(params: &Map<String, Value>) -> Result<Digest, Refusal> {
    let blob = params.get("blob");
    let text = blob.and_then(|blob| blob.get(BLOB_KEY).unwrap_or(blob).as_str());
    let text = text.ok_or_else(|| invalid("`blob` is neither a reference nor a digest"))?;
    shortened(text, QUOTED_BYTES_MAX).parse().map_err(|reason: String| invalid(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_never_much_longer_in_a_message_than_it_is() {
        let value = |body: &[u8]| {
            let fetched = Fetched { status: 200, headers: Vec::new(), body: body.to_vec(), url: String::new() };
            let value = fetched.to_value();
            assert!(value.to_string().len() <= body.len() / 3 * 4 + 100, "{} bytes", value.to_string().len());
            value
        };
        for text in ["", "plain", "{\"a\": [1, 2, \"three and more\"]}\n", "ünï¢ode"] {
            assert_eq!(value(text.as_bytes())["text"], text);
        }
        for bytes in [&[0x01; 3_000][..], &[b'\n'; 3_000][..], &[0xff; 3_000][..]] {
            let value = value(bytes);
            assert_eq!(STANDARD.decode(value["base64"].as_str().unwrap()).unwrap(), bytes);
        }
    }
}
