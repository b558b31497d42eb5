//! The handle of a connection: the five methods.

use crate::{
    Call, CallEvents, Counters, ExecuteRequest, HealthAnswer, HostCalls, InfoAnswer, InfoRequest, OutputReader,
    RpcError, Settings, ValidateAnswer, ValidateRequest,
    call::RawCall,
    desk::Desk,
    dispatch::Dispatcher,
    events::EventGate,
    methods::{Agreed, BATCH_KEY, name},
    output::OutputQueue,
    shared::{Answer, NewCall, Pending, Shared, lock},
    socket::Socket,
    task::ConnectionTask,
};
use serde::Serialize;
use serde_json::json;
use std::{fmt, io::Write, sync::Arc, time::Duration};
use tokio::{net::UnixStream, sync::oneshot};

/// Where the events and the output of one attempt go. By default nowhere.
#[derive(Default)]
pub struct ExecuteIo {
    events: Option<Arc<dyn CallEvents>>,
    output: Option<OutputQueue>,
}

impl ExecuteIo {
    /// Nothing is received; output is dropped and counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Progress and logs go to `events`.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn CallEvents>) -> Self {
        self.events = Some(events);
        self
    }

    /// Output goes to the reader that is returned.
    pub fn output(&mut self) -> OutputReader {
        self.output.get_or_insert_default().reader()
    }
}

/// A connection to one node process. Clones are handles of the same connection; it is closed with the last of them and
/// of its calls.
#[derive(Clone)]
pub struct Connection(Arc<Handle>);

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.end(RpcError::ClosedHere);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Speaks over `socket`, whose other end the node holds. Spawns the connection's one task, so that it must be called
    /// within a runtime that has input, output and time.
    pub fn open(socket: UnixStream, settings: Settings, host: Arc<dyn HostCalls>) -> Self {
        let (socket, problem) = match Socket::new(socket) {
            Ok(socket) => (Some(socket), None),
            Err(error) => (None, Some(RpcError::Io { reason: error.to_string() })),
        };
        let shared = Arc::new(Shared::new(socket, settings.bounded()));
        if let Some(problem) = problem {
            shared.end(problem);
        }
        let desk = Desk::new(Arc::clone(&shared), host);
        let dispatcher = Dispatcher::new(Arc::clone(&shared), desk);
        tokio::spawn(ConnectionTask::new(Arc::clone(&shared), dispatcher));
        Self(Arc::new(Handle(shared)))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// The handshake, the first call of every connection. Where no version is shared, the connection ends.
    pub async fn info(&self, request: &InfoRequest, limit: Duration) -> Result<InfoAnswer, RpcError> {
        let params = request.params(&self.shared().settings);
        let answer = self.timed(name::INFO, &params, limit).await?;
        let answer = InfoAnswer::read(answer, &self.shared().settings).inspect_err(|error| {
            if error.is_offence() {
                self.shared().end(error.clone());
            }
        })?;
        let mut state = lock(&self.shared().state);
        state.agreed = answer.agreed;
        state.batch_nodes = answer.nodes.iter().filter(|node| node.batch).map(|node| node.id.clone()).collect();
        state.is_ready = true;
        drop(state);
        Ok(answer)
    }

    /// Asks whether parameters are usable.
    pub async fn validate(&self, request: &ValidateRequest<'_>, limit: Duration) -> Result<ValidateAnswer, RpcError> {
        request.check()?;
        ValidateAnswer::read(self.timed(name::VALIDATE, request, limit).await?)
    }

    /// Starts an attempt. It is sent before this returns; the call is a future of its answer.
    pub fn execute(&self, request: &ExecuteRequest<'_>, io: ExecuteIo) -> Call {
        Call(self.start_execute(request, io).map_err(Some))
    }

    fn start_execute(&self, request: &ExecuteRequest<'_>, io: ExecuteIo) -> Result<RawCall, RpcError> {
        request.check()?;
        if request.parameters.contains_key(BATCH_KEY) {
            let batch_nodes = &lock(&self.shared().state).batch_nodes;
            // A node that is not named is the only one.
            let takes = request.context.node_id.map_or(!batch_nodes.is_empty(), |node| batch_nodes.contains(node));
            if !takes {
                return Err(RpcError::NoBatch { node: request.context.node_id.unwrap_or_default().to_owned() });
            }
        }
        let output = io.output.clone();
        let keyed = if self.agreed().short_keys { request.keyed() } else { None };
        let call = match keyed {
            Some(keyed) => self.start(name::EXECUTE, &keyed, io),
            None => self.start(name::EXECUTE, request, io),
        };
        call.inspect_err(|_| {
            if let Some(output) = &output {
                output.end();
            }
        })
    }

    /// Asks how the node feels.
    pub async fn health(&self, limit: Duration) -> Result<HealthAnswer, RpcError> {
        HealthAnswer::read(self.timed(name::HEALTH, &json!({}), limit).await?)
    }

    /// Asks the node to end within `grace`. A node that ends without an answer has done so too.
    pub async fn shutdown(&self, grace: Duration, limit: Duration) -> Result<(), RpcError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        match self.timed(name::SHUTDOWN, &json!({ "grace": grace_ms }), limit).await {
            Ok(_) | Err(RpcError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Closes the connection now; every call ends with [`RpcError::ClosedHere`].
    pub fn close(&self) {
        self.shared().end(RpcError::ClosedHere);
    }

    /// Waits until the connection has ended and says why.
    pub async fn closed(&self) -> RpcError {
        let mut ended = self.shared().ended.subscribe();
        let reason = ended.wait_for(Option::is_some).await;
        // The sender lives as long as this handle.
        reason.ok().and_then(|reason| reason.clone()).unwrap_or(RpcError::ClosedHere)
    }

    /// Why the connection has ended, if it has.
    pub fn end_reason(&self) -> Option<RpcError> {
        lock(&self.shared().state).ended.clone()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        lock(&self.shared().state).counters
    }

    /// What `node.info` agreed on.
    pub fn agreed(&self) -> Agreed {
        lock(&self.shared().state).agreed
    }

    /// Calls that are not answered yet.
    pub fn in_flight(&self) -> usize {
        lock(&self.shared().state).calls.len()
    }

    async fn timed<P: Serialize>(&self, method: &'static str, params: &P, limit: Duration) -> Answer {
        let call = self.start(method, params, ExecuteIo::new())?;
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        tokio::time::timeout(limit, call).await.unwrap_or(Err(RpcError::TimedOut { method, limit_ms }))
    }

    fn start<P: Serialize>(&self, method: &'static str, params: &P, io: ExecuteIo) -> Result<RawCall, RpcError> {
        let (sender, receiver) = oneshot::channel();
        let pending = Pending { answer: sender, gate: EventGate::new(io.events), output: io.output };
        let write = |out: &mut Vec<u8>, id: u64| write_request(out, id, method, params);
        let (shared, is_info) = (Arc::downgrade(self.shared()), method == name::INFO);
        let id = self.shared().start(NewCall { pending, shared, is_info, write: &write })?;
        Ok(RawCall::new(self.clone(), id, receiver))
    }
}

/// Appends a request. Writing into memory fails only where the parameters refuse to be written.
fn write_request<P: Serialize>(out: &mut Vec<u8>, id: u64, method: &str, params: &P) -> Result<(), RpcError> {
    let failed = |reason: String| RpcError::Io { reason };
    write!(out, r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":"#)
        .map_err(|error| failed(error.to_string()))?;
    serde_json::to_writer(&mut *out, params).map_err(|error| failed(error.to_string()))?;
    out.push(b'}');
    Ok(())
}
