//! Works on what the node asks for: a bounded number at once, the others in order, each answered once.

use crate::{
    RpcError,
    host_calls::{HostCall, HostCalls},
    limits::{HOST_CALLS_AT_ONCE_MAX, HOST_CALLS_MAX, QUOTED_BYTES_MAX},
    remote::{code, code_of_kind, error_object},
    shared::{Shared, lock},
};
use akao_contract::{ErrorKind, StepError, shortened};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::task::JoinSet;

/// Requests of one connection.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    host: Arc<dyn HostCalls>,
    /// Ids that are not answered yet.
    open: BTreeSet<String>,
    waiting: VecDeque<(String, HostCall)>,
    running: JoinSet<(String, Result<Value, StepError>)>,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>, host: Arc<dyn HostCalls>) -> Self {
        Self { shared, host, open: BTreeSet::new(), waiting: VecDeque::new(), running: JoinSet::new() }
    }

    /// Takes a request. Answers whether it was usable.
    pub(crate) fn request(
        &mut self,
        id: String,
        method: &str,
        params: Result<Map<String, Value>, RpcError>,
    ) -> Result<bool, RpcError> {
        if self.open.contains(&id) {
            return Err(RpcError::DuplicateRequest { id: shortened(&id, QUOTED_BYTES_MAX) });
        }
        if self.open.len() >= HOST_CALLS_MAX {
            return Err(RpcError::Flood { what: "requests" });
        }
        let is_ready = lock(&self.shared.state).is_ready;
        let read = match params {
            Ok(params) => HostCall::read(method, params),
            Err(error) => Err((code::INVALID_PARAMS, error.to_step_error())),
        };
        let call = match read {
            _ if !is_ready => {
                let error = StepError::new(ErrorKind::Protocol, "`node.info` has not been answered yet");
                Err((code::INITIALISATION, error))
            }
            call => call,
        };
        match call {
            Ok(call) => {
                self.open.insert(id.clone());
                self.waiting.push_back((id, call));
                self.start_waiting();
                Ok(true)
            }
            Err((code, error)) => {
                self.answer_error(&id, code, &error);
                Ok(false)
            }
        }
    }

    /// Collects what is done; registers for what is not.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(done)) = self.running.poll_join_next(context) {
            // A task that was stopped together with the runtime has nobody to answer.
            let Ok((id, result)) = done else { continue };
            self.open.remove(&id);
            lock(&self.shared.state).counters.host_calls += 1;
            match result {
                Ok(result) => self.answer(&id, result),
                Err(error) => self.answer_error(&id, code_of_kind(error.kind), &error),
            }
            self.start_waiting();
        }
    }

    fn start_waiting(&mut self) {
        while self.running.len() < HOST_CALLS_AT_ONCE_MAX {
            let Some((id, call)) = self.waiting.pop_front() else { return };
            let work = AssertUnwindSafe(call.run(Arc::clone(&self.host))).catch_unwind();
            self.running.spawn(async move {
                let panicked = |_| Err(StepError::new(ErrorKind::Internal, "the host failed to answer"));
                (id, work.await.unwrap_or_else(panicked))
            });
        }
    }

    fn answer(&self, id: &str, result: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        if let Err(RpcError::RequestTooLong { bytes, bytes_max }) = self.shared.send(message.to_string().as_bytes()) {
            let text = format!("the answer is {bytes} bytes long; at most {bytes_max} were agreed");
            self.answer_error(id, code::RESOURCE, &StepError::new(ErrorKind::Resource, text));
        }
    }

    fn answer_error(&self, id: &str, code: i64, error: &StepError) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "error": error_object(code, error) });
        if self.shared.send(message.to_string().as_bytes()).is_err() {
            // A detail of megabytes: the message alone says what is wrong.
            let error = StepError {
                detail: Value::Null,
                message: shortened(&error.message, QUOTED_BYTES_MAX),
                ..error.clone()
            };
            let message = json!({ "jsonrpc": "2.0", "id": id, "error": error_object(code, &error) });
            let _ = self.shared.send(message.to_string().as_bytes());
        }
    }
}
