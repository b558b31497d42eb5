//! The client's side of the control socket: executions that another process holds.
//!
//! Each question has a connection of its own, so that a long answer never stands in the way of another question.

use super::{
    PoolState, background, broken,
    protocol::{self, Message, WireItem},
    socket,
};
use crate::failure::Failure;
use akao_contract::ExecutionId;
use akao_engine::{CallError, Executions, Feed, Reply, Request};
use akao_step::BoxFuture;
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::BufReader,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};

/// How long an owner may take to greet. One that is stopped never does.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// Items that wait for the follower.
const FEED_ITEMS_MAX: usize = 1_024;

/// A client of whoever owns a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    folder: PathBuf,
}

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Client {
    /// A client; nothing is connected yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Whether an owner answers.
    ///
    /// # Errors
    /// There is an owner that does not answer.
    pub(super) async fn is_answered(&self) -> Result<bool, Failure> {
        Ok(self.connect().await?.is_some())
    }

    /// The processes of external nodes that the owner has; none when there is no owner that tells.
    pub(crate) async fn pools(&self) -> Option<Vec<PoolState>> {
        let mut connection = self.connect().await.ok()??;
        let question = Message::question("nodes", Value::Null);
        protocol::send(&mut connection.writer, &question).await.ok()?;
        let answer = tokio::time::timeout(HELLO_WAIT, protocol::receive(&mut connection.reader)).await;
        serde_json::from_value(answer.ok()?.ok()??.result?).ok()
    }

    /// Asks the owner to end, as one in the background does when another process wants its place. False when it stays.
    ///
    /// # Errors
    /// There is an owner that does not answer.
    pub(super) async fn asks_for_room(&self) -> Result<bool, Failure> {
        let Some(mut connection) = self.connect().await? else { return Ok(true) };
        // An owner that breaks off is ending anyway.
        if protocol::send(&mut connection.writer, &Message::question("stop", Value::Null)).await.is_err() {
            return Ok(true);
        }
        let answer = protocol::receive(&mut connection.reader).await;
        Ok(!matches!(answer, Ok(Some(Message { error: Some(_), .. }))))
    }

    /// A connection that was greeted; none when there is no owner.
    async fn connect(&self) -> Result<Option<Connection>, Failure> {
        let stream: UnixStream = match socket::connect(&self.folder).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Failure::storage("cannot reach the owner of the data directory").because(&error)),
        };
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let (reader, writer) = stream.into_split();
        let mut connection = Connection { reader: BufReader::new(reader), writer };
        match tokio::time::timeout(HELLO_WAIT, protocol::receive(&mut connection.reader)).await {
            Ok(Ok(Some(hello))) if hello.method.as_deref() == Some("hello") => Ok(Some(connection)),
            // It is ending and has not taken the connection.
            Ok(_) => Ok(None),
            Err(_) => Err(self.silent(pid)),
        }
    }

    fn silent(&self, pid: Option<i32>) -> Failure {
        let folder = self.folder.display();
        let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        let message = format!("the data directory {folder} is in use by process {pid}, which does not answer");
        Failure::new("locked", crate::exit::Exit::Failure, message)
            .hint(format!("See what it does with `ps -p {pid}`; a stopped process goes on with `kill -CONT {pid}`."))
    }

    /// A connection, for which an owner is started when there is none.
    async fn connect_or_start(&self) -> Result<Connection, CallError> {
        let failed = |failure: Failure| broken(failure.full_message());
        for _ in 0..3 {
            if let Some(connection) = self.connect().await.map_err(failed)? {
                return Ok(connection);
            }
            Box::pin(background(&self.folder)).await.map_err(failed)?;
        }
        Err(broken("the owner of the data directory ends again and again"))
    }

    async fn ask(&self, method: &str, params: Value) -> Result<(Value, Connection), CallError> {
        let mut connection = self.connect_or_start().await?;
        let lost = |error: io::Error| broken(format!("the connection to the owner broke off: {error}"));
        protocol::send(&mut connection.writer, &Message::question(method, params)).await.map_err(lost)?;
        let answer = protocol::receive(&mut connection.reader).await.map_err(lost)?;
        let answer = answer.ok_or_else(|| broken("the owner ended before it answered"))?;
        match answer.error {
            None => Ok((answer.result.unwrap_or(Value::Null), connection)),
            Some(error) => Err(error.data.unwrap_or_else(|| broken(error.message))),
        }
    }
}

/// Whether nobody is there, as opposed to somebody who cannot be reached.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset)
}

impl Executions for Client {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(async move {
            let params = serde_json::to_value(&request).map_err(|error| broken(error.to_string()))?;
            let (result, _) = self.ask("call", params).await?;
            serde_json::from_value(result).map_err(|error| broken(format!("the answer cannot be read: {error}")))
        })
    }

    fn follow(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Feed, CallError>> {
        Box::pin(async move {
            let (_, connection) = self.ask("follow", json!({"execution": execution})).await?;
            let (sender, items) = mpsc::channel(FEED_ITEMS_MAX);
            tokio::spawn(async move {
                let Connection { mut reader, writer: _open } = connection;
                while let Ok(Some(message)) = protocol::receive(&mut reader).await {
                    let item = serde_json::from_value::<WireItem>(message.params.unwrap_or(Value::Null));
                    let Ok(item) = item else { return };
                    if sender.send(item.into()).await.is_err() {
                        return;
                    }
                }
            });
            Ok(Feed::new(items))
        })
    }
}
