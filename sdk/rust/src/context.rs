//! What the work sees of one call, and what it may ask of the host.

use crate::{
    failure::{Failure, Kind},
    state::Shared,
};
use serde::Serialize;
use serde_json::{json, Map, Value};
use std::{
    path::{Component, Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex, PoisonError, Weak,
    },
    time::{Duration, Instant},
};

/// The credit that every stream begins with.
pub(crate) const CREDIT_BYTES_START: usize = 262_144;
/// A chunk is cut so that the longest escapes still keep its message within the bound.
const CHUNK_BYTES_MAX: usize = 65_536;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// A reference to a blob, as the host gives it and outputs may hold it.
pub type Blob = Map<String, Value>;

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// The usual.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

/// The progress that was sent last, and the one that waits.
#[derive(Default)]
struct Progress {
    at: Option<Instant>,
    held: Option<Value>,
}

/// One call: who called, and the ways to report and to ask.
pub struct Context {
    shared: Arc<Shared>,
    itself: Weak<Self>,
    pub(crate) id: String,
    node: usize,
    fields: Map<String, Value>,
    cancelled: AtomicBool,
    progress: Mutex<Progress>,
}

macro_rules! fields {
    ($($name:ident)*) => { $(
        #[doc = concat!("The call's `", stringify!($name), "`; empty where the host gave none.")]
        pub fn $name(&self) -> &str {
            self.fields.get(stringify!($name)).and_then(Value::as_str).unwrap_or_default()
        }
    )* };
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, id: String, node: usize, fields: Map<String, Value>) -> Arc<Self> {
        let (cancelled, progress) = (AtomicBool::new(false), Mutex::new(Progress::default()));
        Arc::new_cyclic(|itself| Self { shared, itself: itself.clone(), id, node, fields, cancelled, progress })
    }

    /// The same context for callbacks and threads, which cannot borrow it.
    ///
    /// # Panics
    ///
    /// Never: whoever holds a context holds the one that is counted.
    pub fn handle(&self) -> Arc<Self> {
        self.itself.upgrade().expect("a context is made within an Arc")
    }

    fields!(workflow_id step trace);

    /// The execution; empty where the host gave none.
    pub fn execution_id(&self) -> &str {
        let said = self.fields.get("execution_id").and_then(Value::as_str);
        said.unwrap_or_else(|| self.key().split('-').next().unwrap_or_default())
    }

    /// The same over every attempt; empty where the host gave none.
    pub fn idempotency_key(&self) -> &str {
        let said = self.fields.get("idempotency_key").and_then(Value::as_str);
        said.unwrap_or_else(|| self.key())
    }

    /// With it a host says both the execution, up to the dash, and the idempotency key.
    fn key(&self) -> &str {
        self.fields.get("key").and_then(Value::as_str).unwrap_or_default()
    }

    /// The node of the package that works.
    pub fn node_id(&self) -> &str {
        &self.shared.nodes[self.node].id
    }

    /// Whose execution it is; empty where the host did not say.
    pub fn tenant(&self) -> &str {
        let said = self.fields.get("tenant").and_then(Value::as_str);
        said.or_else(|| self.shared.tenant.get().map(String::as_str)).unwrap_or_default()
    }

    /// When the attempt must have ended, in Unix milliseconds.
    pub fn deadline(&self) -> Option<u64> {
        self.fields.get("deadline").and_then(Value::as_u64)
    }

    /// Which attempt this is, from one.
    pub fn attempt(&self) -> u64 {
        self.fields.get("attempt").and_then(Value::as_u64).unwrap_or(1)
    }

    /// Whether the host no longer wants the result.
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// A failure where the host no longer wants the result.
    ///
    /// # Errors
    ///
    /// Of kind cancelled.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.cancelled() {
            Err(Failure::cancelled())
        } else {
            Ok(())
        }
    }

    /// How many bytes a message may have, so about as many the outputs.
    pub fn message_bytes_max(&self) -> usize {
        self.shared.bytes_max()
    }

    /// The folder of this node's files, which the host sees too.
    pub fn workspace(&self) -> &Path {
        &self.shared.workspace
    }

    /// Tells how far the work is, 0 to 1 or nothing. Between two that are sent lie 100 ms; the last one always goes out.
    pub fn progress(&self, fraction: impl Into<Option<f64>>, message: impl Into<String>) {
        let mut params = json!({"id": self.id, "message": message.into()});
        if let Some(fraction) = fraction.into() {
            params["fraction"] = json!(fraction);
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.at {
            Some(at) if at.elapsed() < PROGRESS_INTERVAL => progress.held = Some(params),
            _ => {
                *progress = Progress { at: Some(Instant::now()), held: None };
                // A progress of a megabyte is not worth a failure.
                let _ = self.shared.notify("$/progress", &params);
            }
        }
    }

    /// Sends a progress that still waits for its turn.
    pub(crate) fn progress_last(&self) {
        let held = self.progress.lock().unwrap_or_else(PoisonError::into_inner).held.take();
        if let Some(params) = held {
            let _ = self.shared.notify("$/progress", &params);
        }
    }

    /// Writes a log line of this call; the fields are an object.
    ///
    /// # Errors
    ///
    /// Where the line fits into no message.
    pub fn log(&self, level: Level, message: impl Into<String>, fields: Value) -> Result<(), Failure> {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let params = json!({"id": self.id, "level": level, "message": message.into(), "fields": fields});
        self.shared.notify("$/log", &params)
    }

    /// Sends text on a stream, waiting for the host's credit.
    ///
    /// # Errors
    ///
    /// Where the call is cancelled meanwhile.
    pub fn output(&self, stream: &str, chunk: &str) -> Result<(), Failure> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = self.take_credit(stream, rest)?;
            self.shared.notify("$/output", &json!({"id": self.id, "stream": stream, "chunk": &rest[..end]}))?;
            rest = &rest[end..];
        }
        Ok(())
    }

    /// The value of a secret that the node was granted.
    ///
    /// # Errors
    ///
    /// What the host says where it was not.
    pub fn secret(&self, name: &str) -> Result<String, Failure> {
        let result = self.ask("host.secret", json!({"name": name}))?;
        Ok(result.get("value").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// The value that was kept under `key` for this node and tenant, or null.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub fn state_get(&self, key: &str) -> Result<Value, Failure> {
        let mut result = self.ask("host.state.get", json!({"key": key}))?;
        Ok(result.shift_remove("value").unwrap_or(Value::Null))
    }

    /// Keeps a small value under `key` for this node and tenant.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub fn state_put(&self, key: &str, value: impl Serialize) -> Result<(), Failure> {
        let value = serde_json::to_value(value)?;
        self.ask("host.state.put", json!({"key": key, "value": value})).map(|_| ())
    }

    /// Hands a file of the workspace over and gives the reference that outputs may hold.
    ///
    /// # Errors
    ///
    /// Where the file is not inside the workspace, and what the host says.
    pub fn blob_put(&self, path: impl AsRef<Path>) -> Result<Blob, Failure> {
        let path = self.inside(path.as_ref())?;
        self.ask("host.blob.put", json!({"path": path}))
    }

    /// The same for a file of a media type other than `application/octet-stream`.
    ///
    /// # Errors
    ///
    /// Where the file is not inside the workspace, and what the host says.
    pub fn blob_put_as(&self, path: impl AsRef<Path>, media_type: &str) -> Result<Blob, Failure> {
        let path = self.inside(path.as_ref())?;
        self.ask("host.blob.put", json!({"path": path, "media_type": media_type}))
    }

    /// Asks for a blob as the file `path` of the workspace and gives the file's full path.
    ///
    /// # Errors
    ///
    /// Where the file would not be inside the workspace, and what the host says.
    pub fn blob_get(&self, blob: &Blob, path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        let path = self.inside(path.as_ref())?;
        self.ask("host.blob.get", json!({"blob": blob, "path": path}))?;
        Ok(self.shared.workspace.join(path))
    }

    /// `path` from the workspace, without dots.
    fn inside(&self, path: &Path) -> Result<PathBuf, Failure> {
        let outside =
            || Failure::new(Kind::Input, format!("the file `{}` is not inside the workspace", path.display()));
        let relative =
            if path.is_absolute() { path.strip_prefix(&self.shared.workspace).map_err(|_| outside())? } else { path };
        let mut inside = PathBuf::new();
        for part in relative.components() {
            match part {
                Component::Normal(name) => inside.push(name),
                Component::ParentDir if inside.pop() => {}
                Component::CurDir => {}
                _ => return Err(outside()),
            }
        }
        if inside.as_os_str().is_empty() {
            Err(outside())
        } else {
            Ok(inside)
        }
    }

    /// Asks the host by the name of a method, for what the other methods here have no word for.
    ///
    /// # Errors
    ///
    /// What the host says.
    #[doc(hidden)]
    pub fn ask(&self, method: &str, mut params: Value) -> Result<Map<String, Value>, Failure> {
        self.check_cancelled()?;
        params["id"] = json!(self.id);
        let answer = self.shared.ask(self, method, &params)?;
        result_of(answer, method)
    }

    /// Waits for credit and gives the end of the piece that it was taken for. It is taken in the moment in which it is
    /// found, so that threads which write to one stream do not spend it twice.
    fn take_credit(&self, stream: &str, text: &str) -> Result<usize, Failure> {
        let end = self.shared.wait(|state| {
            if self.cancelled() {
                return Some(0);
            }
            let credit = state.credit(&self.id, stream);
            let mut end = text.len().min(credit).min(CHUNK_BYTES_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            // Less than one character is nothing.
            (end > 0).then(|| {
                state.set_credit(&self.id, stream, credit - end);
                end
            })
        });
        self.check_cancelled()?;
        end.ok_or_else(Failure::cancelled)
    }

    /// Tells the work that nobody wants its result; whoever waits is woken by the caller.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

fn result_of(mut answer: Map<String, Value>, method: &str) -> Result<Map<String, Value>, Failure> {
    let Some(Value::Object(error)) = answer.get("error") else {
        return Ok(match answer.shift_remove("result") {
            Some(Value::Object(result)) => result,
            _ => Map::new(),
        });
    };
    let data = error.get("data").and_then(Value::as_object);
    let text = |object: Option<&Map<String, Value>>, name| Some(object?.get(name)?.as_str()?.to_owned());
    let message = text(data, "message").or_else(|| text(Some(error), "message"));
    let kind = text(data, "kind").and_then(|kind| Kind::from_name(&kind));
    let value = |name| data.and_then(|data| data.get(name)).cloned().unwrap_or(Value::Null);
    Err(Failure {
        kind: kind.unwrap_or(Kind::Internal),
        message: message.unwrap_or_else(|| format!("the host refused `{method}`")),
        retryable: value("retryable").as_bool(),
        detail: value("detail"),
    })
}
