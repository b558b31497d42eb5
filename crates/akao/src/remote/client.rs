//! Executions of a server: the same door as those of this machine, with the record read over HTTP.
//!
//! An execution is followed by its stream of events, which says when something was added; what was added is then read from the
//! record, from the event on that comes next. Whatever happens to the stream, nothing is missed and nothing comes twice.

use super::http::{Ask, Server};
use crate::failure::Failure;
use akao_contract::{BlobRef, Digest, ExecutionId, ExecutionStatus, NodeType, OpId, Tenant};
use akao_engine::{CallError, Executions, Feed, FeedItem, Record, Reply, Request, StartRequest, export::Excerpt};
use akao_flow::{Decision, Problem};
use akao_journal::{ExecutionFilter, ExecutionRow, Frame, ReadError, TaskFilter, TaskRow, TaskStatus};
use akao_platform::WorkflowText;
use akao_step::{BlobError, BlobStore, BoxFuture};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;
use url::form_urlencoded::Serializer;

/// Items that wait for the follower.
const FEED_ITEMS_MAX: usize = 256;

/// An event that no execution has: asking for what follows it gives the head of a record alone.
const NO_EVENT: u64 = u32::MAX as u64;

/// Names that are asked for at once.
const NAMED_AT_ONCE: usize = 50;

/// Most items of a page of the server.
const PAGE_MAX: u32 = 200;

/// Executions of a server.
pub(crate) struct Remote {
    pub(crate) server: Server,
    /// Large values and definitions that came with records.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    blobs: BTreeMap<Digest, Vec<u8>>,
    definitions: BTreeMap<Digest, Vec<u8>>,
    /// Frames that came with the definition, until they are asked for.
    frames: BTreeMap<ExecutionId, Vec<Frame>>,
}

/// A page of a list.
pub(crate) struct RemotePage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A text as it is sent. A server that knows no locks refuses one, so that none is ignored.
fn document(text: WorkflowText<'_>) -> Value {
    match text.lock {
        None => json!({"source": text.source}),
        Some(lock) => json!({"source": text.source, "lock": lock}),
    }
}

impl Remote {
    /// Executions of a server.
    pub(crate) fn new(server: Server) -> Arc<Self> {
        Arc::new(Self { server, kept: Mutex::default() })
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        self.server.ask_and_wait(&Ask::get(path))?.json()
    }

    /// As many items of a list as are wanted, as the server shows them.
    ///
    /// # Errors
    /// The server cannot be reached or refuses; so for the next one.
    pub(crate) fn items(&self, path: &str, query: &[(&str, &str)], limit: u32) -> Result<Vec<Value>, Failure> {
        let mut pairs = Serializer::new(String::new());
        pairs.extend_pairs(query);
        Ok(self.pages(path, &pairs.finish(), None, limit, |item| Ok(item.clone()))?.items)
    }

    /// What the server declares of a node type.
    pub(crate) fn node_type(&self, name: &str) -> Result<NodeType, Failure> {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let told = self.get(&format!("/api/v1/node-types/{name}"))?;
        serde_json::from_value(told).map_err(|error| unreadable(&error.to_string()))
    }

    /// What the server declares of custom nodes, called as they were asked for; nothing of those that are not there.
    pub(crate) fn custom_node_types(&self, names: &[String]) -> Result<Vec<NodeType>, Failure> {
        let mut found = Vec::new();
        for names in names.chunks(NAMED_AT_ONCE) {
            let body = json!({"types": names});
            let told = self.server.ask_and_wait(&Ask::post("/api/v1/catalogue/named", Some(&body)))?.json()?;
            let read = serde_json::from_value::<Vec<NodeType>>(told["items"].clone());
            let read = read.map_err(|error| unreadable(&error.to_string()))?;
            found.extend(read.into_iter().filter_map(|node_type| {
                let name = node_type.aliases.iter().find(|alias| names.contains(alias)).cloned()?;
                Some(NodeType { name, aliases: Vec::new(), ..node_type })
            }));
        }
        Ok(found)
    }

    /// Whether the audit there is as it was written.
    pub(crate) fn verify_audit(&self) -> Result<Value, Failure> {
        self.server.ask_and_wait(&Ask::post("/api/v1/audit/verify", None))?.json()
    }

    /// Who asks there.
    ///
    /// # Errors
    /// The server cannot be reached, or does not know.
    pub(crate) fn me(&self) -> Result<Value, Failure> {
        self.get("/api/v1/me")
    }

    /// An execution's row.
    ///
    /// # Errors
    /// The server cannot be reached or refuses; so for all below.
    pub(crate) fn row(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Failure> {
        let document = match self.get(&format!("/api/v1/executions/{id}")) {
            Err(failure) if failure.kind == "not_found" => return Ok(None),
            other => other?,
        };
        let head = self.excerpt(id, NO_EVENT)?.row;
        let summary = head.summary.map(|summary| serde_json::to_vec(&summary)).transpose();
        let summary = summary.map_err(|error| unreadable(&error.to_string()))?;
        let row = row(&document)?;
        Ok(Some(ExecutionRow {
            tenant: head.tenant,
            semantics: head.semantics,
            forked_from: head.forked_from,
            started_ms: head.started_ms,
            ended_ms: head.ended_ms,
            summary,
            ..row
        }))
    }

    fn excerpt(&self, id: ExecutionId, from_seq: u64) -> Result<Excerpt, Failure> {
        Excerpt::parse(&self.record(id, from_seq)?).map_err(|problem| unreadable(&problem))
    }

    /// The record of an execution, from an event on.
    pub(crate) fn record(&self, id: ExecutionId, from_seq: u64) -> Result<String, Failure> {
        let path = format!("/api/v1/executions/{id}/record?from={from_seq}");
        self.server.ask_and_wait(&Ask::get(&path))?.text()
    }

    /// Executions, newest first.
    pub(crate) fn list(
        &self,
        filter: &ExecutionFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<RemotePage<ExecutionRow>, Failure> {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(filter.statuses.iter().map(|status| ("status", status.as_str())));
        let since = filter.since_ms.map(akao_engine::steps::timestamp);
        for (name, value) in [("workflow", &filter.workflow), ("text", &filter.text), ("since", &since)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        self.pages("/api/v1/executions", &query.finish(), cursor, limit, row)
    }

    /// What waits for people.
    pub(crate) fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Vec<TaskRow>, Failure> {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(filter.statuses.iter().map(|status| ("status", status.as_str())));
        let execution = filter.execution.map(|execution| execution.to_string());
        let pairs = [("assignee", &filter.assignee), ("role", &filter.role), ("execution", &execution)];
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        Ok(self.pages("/api/v1/tasks", &query.finish(), None, limit, task)?.items)
    }

    /// As many items of a list as are wanted, page by page.
    fn pages<T>(
        &self,
        path: &str,
        query: &str,
        cursor: Option<&str>,
        limit: u32,
        read: impl Fn(&Value) -> Result<T, Failure>,
    ) -> Result<RemotePage<T>, Failure> {
        let (mut items, mut next) = (Vec::new(), cursor.map(str::to_owned));
        loop {
            let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            let mut whole = Serializer::new(query.to_owned());
            whole.append_pair("limit", &left.clamp(1, PAGE_MAX).to_string());
            if let Some(next) = &next {
                whole.append_pair("cursor", next);
            }
            let page = self.get(&format!("{path}?{}", whole.finish()))?;
            for item in page["items"].as_array().into_iter().flatten() {
                items.push(read(item)?);
            }
            next = page["next"].as_str().map(str::to_owned);
            if next.is_none() || items.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(RemotePage { items, next });
            }
        }
    }

    /// The execution whose id begins with `text`.
    pub(crate) fn find(&self, text: &str) -> Result<ExecutionId, Failure> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let filter = ExecutionFilter { text: Some(text.to_owned()), ..ExecutionFilter::default() };
        let begins = |row: &ExecutionRow| row.id.to_string().starts_with(&text.to_uppercase());
        let found = self.list(&filter, None, PAGE_MAX)?.items;
        let mut found = found.iter().filter(|row| begins(row)).map(|row| row.id);
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (Some(first), Some(second)) => {
                let message = format!("`{text}` begins more than one execution id, such as {first} and {second}");
                Err(Failure::usage(message).hint("Write more letters of the id."))
            }
            (None, _) => Err(Failure::not_found(format!("there is no execution `{text}`"))
                .hint("List the executions with `akao executions list`.")),
        }
    }

    /// What the server says of a text as a workflow.
    pub(crate) fn validate(&self, text: WorkflowText<'_>) -> Result<Vec<Problem>, Failure> {
        let body = document(text);
        let checked = self.server.ask_and_wait(&Ask::post("/api/v1/validate", Some(&body)))?.json()?;
        serde_json::from_value(checked["problems"].clone()).map_err(|error| unreadable(&error.to_string()))
    }

    /// Saves a text as the next version of its workflow, unless the latest one says the same; answers the version.
    pub(crate) fn save(&self, workflow: &str, text: WorkflowText<'_>) -> Result<String, Failure> {
        let place = format!("/api/v1/workflows/{workflow}");
        let (name, condition) = match self.server.ask_and_wait(&Ask::get(&place)) {
            Ok(answer) => ("if-match", answer.tag.unwrap_or_default()),
            Err(failure) if failure.kind == "not_found" => ("if-none-match", "*".to_owned()),
            Err(failure) => return Err(failure),
        };
        let (path, body) = (format!("{place}/versions"), document(text));
        let ask = Ask { headers: &[(name, condition.as_str())], ..Ask::post(&path, Some(&body)) };
        let saved = self.server.ask_and_wait(&ask)?.json()?;
        saved["latest"]["version"].as_str().map(str::to_owned).ok_or_else(|| unreadable("it names no version"))
    }

    /// Starts a version of a workflow; what is answered is durable.
    pub(crate) async fn start(&self, version: &str, start: &StartRequest) -> Result<(ExecutionId, Value), Failure> {
        let grants: Vec<String> = start.grants.iter().map(ToString::to_string).collect();
        let body = json!({
            "workflow": start.bundle.definition.id, "version": version, "input": start.input, "grants": grants,
            "debug": start.debug, "breakpoints": start.breakpoints,
        });
        let key = start.idempotency_key.as_deref().map(|key| [("idempotency-key", key)]);
        let headers = key.as_ref().map_or(&[] as &[_], |key| key.as_slice());
        let ask = Ask { headers, ..Ask::post("/api/v1/executions", Some(&body)) };
        let told = self.server.ask(&ask).await?.success()?.json()?;
        let id = told["execution"].as_str().and_then(|id| id.parse().ok());
        Ok((id.ok_or_else(|| unreadable("it names no execution"))?, told))
    }

    /// Asks, in the words of the engine.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        let of = |execution: ExecutionId, act: &str| format!("/api/v1/executions/{execution}/{act}");
        let (path, body, key) = match request {
            Request::Signal { execution, name, key, payload, signal_id } => {
                let mut body = json!({"name": name, "payload": payload});
                if let Some(key) = key {
                    body["key"] = json!(key);
                }
                (of(execution, "signal"), Some(body), signal_id)
            }
            Request::Cancel { execution, reason, force } => {
                (of(execution, "cancel"), Some(json!({"reason": reason, "force": force})), None)
            }
            Request::Pause { execution } => (of(execution, "pause"), None, None),
            Request::Resume { execution, secrets } if secrets.0.is_empty() => (of(execution, "resume"), None, None),
            Request::Fork { execution, at, edits, secrets, made: _, trace: _ } if secrets.0.is_empty() => {
                let edits: Vec<Value> =
                    edits.iter().map(|(path, value)| json!({"path": path, "value": value})).collect();
                return self.fork(&of(execution, "fork"), &json!({"at": at, "edits": edits})).await;
            }
            Request::CompleteTask { execution, op, decision } => {
                let Decision { approved, data, comment, .. } = decision;
                let body = json!({"approved": approved, "data": data, "comment": comment});
                (format!("/api/v1/tasks/{execution}:{op}/complete"), Some(body), None)
            }
            Request::Remove { execution } => {
                let path = format!("/api/v1/executions/{execution}");
                self.server.ask(&Ask { method: "DELETE", ..Ask::get(&path) }).await?.success()?;
                return Ok(Reply::Done);
            }
            Request::Queue => return self.queue().await,
            Request::Health => {
                self.server.ask(&Ask::get("/readyz")).await?.success()?;
                return Ok(Reply::Done);
            }
            _ => {
                return Err(Failure::usage("this is done on the machine of the data directory, not over a server")
                    .hint("Leave out `--server`, or use `akao context use local`."));
            }
        };
        let headers = key.as_deref().map(|key| [("idempotency-key", key)]);
        let headers = headers.as_ref().map_or(&[] as &[_], |key| key.as_slice());
        self.server.ask(&Ask { headers, ..Ask::post(&path, body.as_ref()) }).await?.success()?;
        Ok(Reply::Done)
    }

    async fn fork(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let told = self.server.ask(&Ask::post(path, Some(body))).await?.success()?.json()?;
        let execution: ExecutionId = told["execution"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| unreadable("it names no execution"))?;
        let shown = self.server.ask(&Ask::get(&format!("/api/v1/executions/{execution}"))).await?.success()?.json()?;
        let status = shown["status"].as_str().and_then(ExecutionStatus::parse).unwrap_or(ExecutionStatus::Running);
        Ok(Reply::Started { execution, status, repeated: false, position: None })
    }

    async fn queue(&self) -> Result<Reply, Failure> {
        let queue = self.server.ask(&Ask::get("/api/v1/queue")).await?.success()?.json()?;
        let quotas = self.server.ask(&Ask::get("/api/v1/quotas")).await?.success()?.json()?;
        let entry = |item: &Value| {
            let at = time(&item["enqueued_at"]).unwrap_or_default();
            let mut item = item.as_object().cloned().ok_or_else(|| unreadable("an entry of the queue is none"))?;
            item.insert("enqueued_at".to_owned(), json!(at));
            // Whose it is goes without saying.
            item.insert("tenant".to_owned(), json!(Tenant::local()));
            serde_json::from_value(Value::Object(item)).map_err(|error| unreadable(&error.to_string()))
        };
        let items = queue["items"].as_array().into_iter().flatten();
        Ok(Reply::Queue {
            entries: items.map(entry).collect::<Result<_, Failure>>()?,
            running: quotas["used"]["executions"].as_u64().unwrap_or_default(),
            limit: quotas["limits"]["executions"].as_u64().unwrap_or(u64::MAX),
        })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_read(&self, failure: &Failure) -> ReadError {
        ReadError::Io { file: PathBuf::from(self.server.address()), what: failure.full_message() }
    }
}

fn unreadable(problem: &str) -> Failure {
    Failure::internal(format!("the server's answer cannot be used: {problem}"))
        .hint("Use the version of `akao` that the server has.")
}

fn time(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// An execution's row from its document. What the document does not tell stays empty.
fn row(document: &Value) -> Result<ExecutionRow, Failure> {
    let text = |name: &str| document[name].as_str();
    let missing = |name: &str| unreadable(&format!("an execution has no usable `{name}`"));
    let id = |name: &str| text(name).and_then(|id| id.parse::<ExecutionId>().ok());
    Ok(ExecutionRow {
        id: id("execution").ok_or_else(|| missing("execution"))?,
        tenant: Tenant::local(),
        workflow: text("workflow").unwrap_or_default().to_owned(),
        version: text("version").unwrap_or_default().to_owned(),
        definition: text("digest").and_then(|digest| digest.parse().ok()).ok_or_else(|| missing("digest"))?,
        semantics: 0,
        status: text("status").and_then(ExecutionStatus::parse).ok_or_else(|| missing("status"))?,
        parent: id("parent").map(|parent| (parent, OpId(0))),
        forked_from: id("forked_from").map(|origin| (origin, 0)),
        queue_key: None,
        started_ms: time(&document["started_at"]).ok_or_else(|| missing("started_at"))?,
        updated_ms: 0,
        ended_ms: time(&document["ended_at"]),
        next_timer_ms: None,
        last_seq: document["last_event"].as_u64().unwrap_or_default(),
        waiting: text("waiting").map(str::to_owned),
        attributes: json!({"warnings": document["warnings"].as_array().cloned().unwrap_or_default()})
            .to_string()
            .into_bytes(),
        summary: None,
    })
}

fn task(document: &Value) -> Result<TaskRow, Failure> {
    let text = |name: &str| document[name].as_str().map(str::to_owned);
    let missing = |name: &str| unreadable(&format!("a task has no usable `{name}`"));
    let name = text("task").unwrap_or_default();
    let (execution, op) = name.split_once(':').ok_or_else(|| missing("task"))?;
    let status = TaskStatus::ALL.into_iter().find(|status| Some(status.as_str()) == document["status"].as_str());
    let opaque = |value: &Value| (!value.is_null()).then(|| value.to_string().into_bytes());
    Ok(TaskRow {
        execution: execution.parse().map_err(|_| missing("task"))?,
        op: OpId(op.parse().map_err(|_| missing("task"))?),
        tenant: Tenant::local(),
        title: text("title").unwrap_or_default(),
        assignee: text("assignee"),
        role: text("role"),
        due_ms: time(&document["due_at"]),
        status: status.ok_or_else(|| missing("status"))?,
        created_ms: time(&document["created_at"]).unwrap_or_default(),
        closed_ms: time(&document["closed_at"]),
        body: opaque(&document["details"]).unwrap_or_default(),
        result: opaque(&document["result"]),
    })
}

impl Executions for Remote {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(async move { self.ask(request).await.map_err(call_error) })
    }

    fn follow(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Feed, CallError>> {
        Box::pin(async move {
            let path = format!("/api/v1/executions/{execution}/events");
            let answer = self.server.open(&Ask::get(&path)).await.map_err(call_error)?;
            if answer.status() != 200 {
                let refused = self.server.ask(&Ask::get(&path)).await.and_then(super::Answer::success);
                let failure = refused.err().unwrap_or_else(|| unreadable("it gives no stream"));
                return Err(call_error(failure));
            }
            let (sender, items) = mpsc::channel(FEED_ITEMS_MAX);
            tokio::spawn(pass_on(answer.into_body(), sender));
            Ok(Feed::new(items))
        })
    }
}

/// Tells the follower of each durable event that something is there to be read, until the stream ends or nobody listens.
async fn pass_on(mut body: Incoming, sender: mpsc::Sender<FeedItem>) {
    let mut line = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        for byte in data {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let seq = line.strip_prefix(b"id: ").and_then(|id| std::str::from_utf8(id).ok());
            let seq: Option<u64> = seq.and_then(|id| id.split('.').next()?.parse().ok());
            line.clear();
            if let Some(seq) = seq {
                let item = FeedItem::Entries(seq.saturating_add(1), Arc::new(Vec::new()));
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn call_error(failure: Failure) -> CallError {
    let message = failure.full_message();
    match failure.kind {
        "usage" => CallError::Invalid { message, suggestion: failure.hint },
        "not_found" => CallError::NotFound { message },
        "conflict" | "forbidden" | "unauthenticated" | "unavailable" => CallError::Conflict { message },
        _ => CallError::Stopped { message },
    }
}

impl Record for Remote {
    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        self.row(id).map_err(|failure| self.not_read(&failure))
    }

    fn definition(&self, row: &ExecutionRow) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(kept) = self.kept().definitions.get(&row.definition) {
            return Ok(Some(kept.clone()));
        }
        let excerpt = self.excerpt(row.id, 0).map_err(|failure| self.not_read(&failure))?;
        let mut kept = self.kept();
        kept.blobs.extend(excerpt.blobs);
        kept.definitions.extend(excerpt.definitions);
        kept.frames.insert(row.id, excerpt.frames);
        Ok(kept.definitions.get(&row.definition).cloned())
    }

    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        if let Some(frames) = self.kept().frames.remove(&id)
            && from_seq == 0
            && !frames.is_empty()
        {
            return Ok(frames);
        }
        let excerpt = self.excerpt(id, from_seq).map_err(|failure| self.not_read(&failure))?;
        self.kept().blobs.extend(excerpt.blobs);
        Ok(excerpt.frames)
    }
}

impl BlobStore for Remote {
    fn put(&self, _: &Tenant, _: &[u8], _: &str) -> Result<BlobRef, BlobError> {
        Err(BlobError::Storage(std::io::Error::other("the record of a server takes no new values")))
    }

    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        self.kept().blobs.get(digest).cloned().ok_or(BlobError::NotFound(*digest))
    }
}
