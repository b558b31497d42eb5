//! A host for tests: it runs nodes in this process, over a real socket, without Akao.

use crate::{
    node::Node,
    serve::Package,
    state::Shared,
    wire::{Line, Lines, Writer},
};
use serde_json::{json, Map, Value};
use std::{
    collections::BTreeMap,
    env, fs,
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread::{self, JoinHandle},
};

/// What one call answered and reported.
#[derive(Debug, Clone, Default)]
pub struct CallResult {
    /// Whether the work succeeded.
    pub success: bool,
    /// The outputs.
    pub outputs: Value,
    /// The error, or null.
    pub error: Value,
    /// Fractions and messages of progress.
    pub progress: Vec<(Option<f64>, String)>,
    /// Log lines: level, message, fields.
    pub logs: Vec<(String, String, Value)>,
    /// The text of each stream.
    pub output: BTreeMap<String, String>,
}

/// Runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report.
pub struct TestHost {
    /// Secrets that are granted; others are refused with kind `permission`.
    pub secrets: BTreeMap<String, String>,
    /// What nodes read and change.
    pub state: Map<String, Value>,
    /// Cancels a call as soon as it reports progress.
    pub cancel_at_progress: bool,
    workspace: PathBuf,
    blobs: Vec<Vec<u8>>,
    lines: Lines,
    writer: Writer,
    socket: UnixStream,
    session: Option<JoinHandle<u8>>,
    ids: u32,
}

impl TestHost {
    /// A host of these nodes, with a workspace of its own.
    ///
    /// # Panics
    ///
    /// Where there is no socket or no folder to be had.
    pub fn new(nodes: Vec<Node>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let workspace = env::temp_dir().join(format!("akao-test-{}-{number}", process::id()));
        fs::create_dir_all(&workspace).expect("a temporary folder");
        let (socket, theirs) = UnixStream::pair().expect("a pair of sockets");
        let copy = |stream: &UnixStream| stream.try_clone().expect("a copy of a socket");
        let package = Package::new("test", "0.0.0");
        let streams = (Lines::new(copy(&theirs)), Writer::new(theirs));
        let shared = Shared::new(streams.0, streams.1, package, nodes, workspace.clone(), false);
        let session = Some(thread::spawn(move || shared.serve()));
        let (lines, writer) = (Lines::new(copy(&socket)), Writer::new(copy(&socket)));
        let (secrets, state, blobs) = (BTreeMap::new(), Map::new(), Vec::new());
        let cancel_at_progress = false;
        let mut host =
            Self { secrets, state, cancel_at_progress, workspace, blobs, lines, writer, socket, session, ids: 0 };
        let hello = json!({"protocol": [1], "host": "akao-test", "granted": [], "limits": {}});
        host.request("node.info", hello, &mut CallResult::default()).expect("a handshake");
        host
    }

    /// The nodes' folder.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Runs a node once.
    ///
    /// # Panics
    ///
    /// Where the node is none of this host's.
    pub fn execute(&mut self, node_id: &str, parameters: Value) -> CallResult {
        let context = json!({
            "node_id": node_id, "workflow_id": "test", "execution_id": "test", "step": "/0", "attempt": 1,
            "idempotency_key": "test", "tenant": "test", "deadline": null, "trace": null,
        });
        let mut result = CallResult::default();
        let params = json!({"context": context, "parameters": parameters});
        let mut answer = self.request("node.execute", params, &mut result).expect("an answer of the node");
        result.success = answer["success"] == true;
        result.outputs = answer["outputs"].take();
        result.error = answer.get_mut("error").map_or(Value::Null, Value::take);
        result
    }

    /// The problems that a node finds in parameters.
    ///
    /// # Panics
    ///
    /// Where the node is none of this host's.
    pub fn validate(&mut self, node_id: &str, parameters: Value) -> Vec<Value> {
        let params = json!({"node": node_id, "parameters": parameters});
        let mut answer =
            self.request("node.validate", params, &mut CallResult::default()).expect("an answer of the node");
        serde_json::from_value(answer["problems"].take()).expect("a list of problems")
    }

    /// The nodes' word on their health: `status` and `detail`.
    ///
    /// # Panics
    ///
    /// Where the nodes do not answer.
    pub fn health(&mut self) -> Value {
        self.request("node.health", json!({}), &mut CallResult::default()).expect("an answer of the nodes")
    }

    fn send(&mut self, message: &Value) {
        self.writer.hold(&message.to_string());
        self.writer.flush();
    }

    fn request(&mut self, method: &str, params: Value, reports: &mut CallResult) -> Result<Value, String> {
        self.ids += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": format!("t{}", self.ids), "method": method, "params": params}));
        loop {
            let Line::Message(mut message) = self.lines.next() else { return Err("the node closed".into()) };
            let params = message.get_mut("params").map(Value::take).unwrap_or_default();
            let id = message.get_mut("id").map(Value::take);
            match (message.get("method").and_then(Value::as_str), id) {
                (Some(method), Some(id)) => {
                    let mut answer = self.answer(method, &params);
                    answer["jsonrpc"] = json!("2.0");
                    answer["id"] = id;
                    self.send(&answer);
                }
                (Some(method), None) => self.report(method, &params, reports),
                (None, _) => {
                    let error = message.get("error").map(|error| error["message"].to_string());
                    return error.map_or_else(|| Ok(message["result"].take()), Err);
                }
            }
        }
    }

    fn report(&mut self, method: &str, params: &Value, reports: &mut CallResult) {
        let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        match method {
            "$/progress" => {
                reports.progress.push((params["fraction"].as_f64(), text("message")));
                if self.cancel_at_progress {
                    self.send(&json!({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": params["id"]}}));
                }
            }
            "$/log" => reports.logs.push((text("level"), text("message"), params["fields"].clone())),
            "$/output" => {
                let (stream, chunk) = (text("stream"), text("chunk"));
                let credit = json!({"id": params["id"], "stream": stream, "bytes": chunk.len()});
                reports.output.entry(stream).or_default().push_str(&chunk);
                self.send(&json!({"jsonrpc": "2.0", "method": "$/credit", "params": credit}));
            }
            _ => {}
        }
    }

    fn answer(&mut self, method: &str, params: &Value) -> Value {
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        let file = self.workspace.join(text("path"));
        match method {
            "host.secret" => match self.secrets.get(text("name")) {
                Some(value) => json!({"result": {"value": value}}),
                None => denied("permission", format!("secret `{}` was not granted", text("name"))),
            },
            "host.state.get" => json!({"result": {"value": self.state.get(text("key"))}}),
            "host.state.put" => {
                self.state.insert(text("key").to_owned(), params["value"].clone());
                json!({"result": {}})
            }
            "host.blob.put" => match fs::read(&file) {
                Ok(data) => {
                    let size = data.len();
                    self.blobs.push(data);
                    let media_type = params["media_type"].as_str().unwrap_or("application/octet-stream");
                    let name = format!("test:{}", self.blobs.len());
                    json!({"result": {"$blob": name, "bytes": size, "media_type": media_type}})
                }
                Err(error) => denied("not_found", format!("{}: {error}", file.display())),
            },
            "host.blob.get" => {
                let number = params["blob"]["$blob"].as_str().and_then(|name| name.strip_prefix("test:"));
                let number: Option<usize> = number.and_then(|number| number.parse().ok());
                match number
                    .and_then(|number| self.blobs.get(number.wrapping_sub(1)))
                    .map(|data| fs::write(&file, data))
                {
                    Some(Ok(())) => json!({"result": {"path": text("path")}}),
                    Some(Err(error)) => denied("internal", error.to_string()),
                    None => denied("not_found", "no such blob".into()),
                }
            }
            _ => denied("protocol", format!("unknown method `{method}`")),
        }
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(session) = self.session.take() {
            let _ = session.join();
        }
        let _ = fs::remove_dir_all(&self.workspace);
    }
}

fn denied(kind: &str, message: String) -> Value {
    let data = json!({"kind": kind, "retryable": false, "message": message, "detail": null});
    json!({"error": {"code": -1001, "message": message, "data": data}})
}
