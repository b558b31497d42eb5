//! What a node may ask of the host. Who asks is known from the connection: whatever ids, tenants or names of executions a
//! node puts into its parameters, nobody reads them.

use crate::{
    limits::{NAME_BYTES_MAX, PATH_BYTES_MAX, QUOTED_BYTES_MAX, STATE_VALUE_BYTES_MAX},
    remote::code,
};
use akao_contract::{BLOB_KEY, BlobRef, Digest, ErrorKind, StepError, shortened};
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
