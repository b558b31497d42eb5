//! The owner's side of the control socket.

use super::{
    pools::PoolState,
    protocol::{self, Message, RpcError, WireItem},
    socket,
};
use crate::failure::Failure;
use akao_contract::ExecutionId;
use akao_engine::{CallError, Engine, Executions, Feed, Request};
use akao_nodes::ExternalNodes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::BufReader,
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::JoinHandle,
};

/// How long a server that closes waits for answers that are under way.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Serves the executions of this process to other processes of the same user.
pub(crate) struct Server {
    folder: PathBuf,
    accepting: JoinHandle<()>,
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    nodes: Arc<ExternalNodes>,
    clients: AtomicUsize,
    stop: Notify,
    /// Whether it ends when it is asked to; one that somebody started for its own sake does not.
    yields: AtomicBool,
}

/// Counts a client while it is connected.
struct Connected(Arc<Shared>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Deserialize)]
struct FollowParams {
    execution: ExecutionId,
}

impl Server {
    /// Serves the engine at the socket of the data directory, whose lock this process holds.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) fn start(folder: &Path, engine: Engine, nodes: Arc<ExternalNodes>) -> Result<Self, Failure> {
        let listener = socket::listen(folder).map_err(|error| {
            Failure::storage(format!("cannot listen at {}", folder.join(socket::SOCKET_FILE).display()))
                .because(&error)
                .hint("The data directory must be on a local disk that allows sockets; name another with `--data-dir`.")
        })?;
        let shared = Arc::new(Shared {
            engine,
            nodes,
            clients: AtomicUsize::new(0),
            stop: Notify::new(),
            yields: AtomicBool::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { folder: folder.to_owned(), accepting, shared })
    }

    /// Processes that are connected.
    pub(crate) fn clients(&self) -> usize {
        self.shared.clients.load(Ordering::SeqCst)
    }

    /// Waits until a client asks the owner to end.
    pub(crate) async fn stop_requested(&self) {
        self.shared.yields.store(true, Ordering::SeqCst);
        self.shared.stop.notified().await;
    }

    /// Takes no more connections and lets answers that are under way go out.
    pub(crate) async fn close(self) {
        self.accepting.abort();
        // The next owner makes its own socket; one that stays behind refuses connections, which clients understand.
        let _ = socket::remove(&self.folder);
        let answered = async {
            while self.clients() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Followers stay until the engine's end ends their feed.
        let wait = if self.clients() == 0 { Duration::ZERO } else { CLOSE_WAIT };
        let _ = tokio::time::timeout(wait, answered).await;
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                shared.clients.fetch_add(1, Ordering::SeqCst);
                let connected = Connected(Arc::clone(&shared));
                tokio::spawn(async move {
                    // A connection that breaks off concerns only the client, which sees it too.
                    let _ = serve(stream, &connected.0).await;
                });
            }
            // Too many open files, for instance: others will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: UnixStream, shared: &Shared) -> io::Result<()> {
    if stream.peer_cred()?.uid() != rustix::process::getuid().as_raw() {
        return Ok(());
    }
    if shared.engine.has_failed() {
        // Not even greeted: to the client it is an owner that is ending, for which it waits.
        shared.stop.notify_one();
        return Ok(());
    }
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    protocol::send(&mut writer, &Message::notification("hello", json!({"pid": std::process::id()}))).await?;
    loop {
        let message = match protocol::receive(&mut reader).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) => {
                let refused = RpcError { code: protocol::INVALID_REQUEST, message: error.to_string(), data: None };
                return protocol::send(&mut writer, &Message::answer(None, Err(refused))).await;
            }
        };
        let params = message.params.unwrap_or(Value::Null);
        match message.method.as_deref() {
            Some("follow") => match follow(shared, params).await {
                Ok(feed) => {
                    protocol::send(&mut writer, &Message::answer(message.id, Ok(Value::Null))).await?;
                    return pass_on(feed, reader, writer).await;
                }
                Err(refused) => protocol::send(&mut writer, &Message::answer(message.id, Err(refused))).await?,
            },
            Some(method) => {
                let answer = answer(shared, method, params).await;
                protocol::send(&mut writer, &Message::answer(message.id, answer)).await?;
            }
            None => {
                let refused = RpcError {
                    code: protocol::INVALID_REQUEST,
                    message: "the message has no method".into(),
                    data: None,
                };
                protocol::send(&mut writer, &Message::answer(message.id, Err(refused))).await?;
            }
        }
    }
}

async fn answer(shared: &Shared, method: &str, params: Value) -> Result<Value, RpcError> {
    match method {
        "call" => {
            let request: Request = serde_json::from_value(params).map_err(|error| bad_params(&error))?;
            let reply = Executions::call(&shared.engine, request).await;
            if reply.is_err() && shared.engine.has_failed() {
                // It answers nobody any more; the next owner may fare better.
                shared.stop.notify_one();
            }
            let reply = reply.map_err(refused)?;
            serde_json::to_value(reply).map_err(|error| bad_params(&error))
        }
        "nodes" => {
            let pools: Vec<PoolState> = shared.nodes.snapshot().iter().map(PoolState::of).collect();
            serde_json::to_value(pools).map_err(|error| bad_params(&error))
        }
        "stop" if shared.yields.load(Ordering::SeqCst) => {
            shared.stop.notify_one();
            Ok(Value::Null)
        }
        "stop" => Err(RpcError {
            code: protocol::REFUSED,
            message: "this process does not end for others".into(),
            data: None,
        }),
        other => {
            let message = format!("there is no method `{other}`");
            Err(RpcError { code: protocol::NO_METHOD, message, data: None })
        }
    }
}

async fn follow(shared: &Shared, params: Value) -> Result<Feed, RpcError> {
    let params: FollowParams = serde_json::from_value(params).map_err(|error| bad_params(&error))?;
    Executions::follow(&shared.engine, params.execution).await.map_err(refused)
}

/// Passes a feed on until it ends or the client goes away.
async fn pass_on(mut feed: Feed, mut reader: BufReader<OwnedReadHalf>, mut writer: OwnedWriteHalf) -> io::Result<()> {
    loop {
        let item = tokio::select! {
            item = feed.next() => item,
            _ = protocol::receive(&mut reader) => None,
        };
        let Some(item) = item else { return Ok(()) };
        let item = serde_json::to_value(WireItem::from(item))?;
        protocol::send(&mut writer, &Message::notification("feed", item)).await?;
    }
}

fn refused(error: CallError) -> RpcError {
    RpcError { code: protocol::REFUSED, message: error.to_string(), data: Some(error) }
}

fn bad_params(error: &serde_json::Error) -> RpcError {
    RpcError { code: protocol::INVALID_PARAMS, message: error.to_string(), data: None }
}
