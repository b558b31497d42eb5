//! One connection: what its client says, what it is told, and when it ends.

use super::{
    hub::{self, Changed, News},
    subscription::{Said, What, is_id},
};
use crate::{
    App, browser, guard,
    routes::history,
    server::{change, end},
    stream::Hearer,
};
use akao_platform::{Actor, Credential, Cursor, Error, EventStream, StreamEvent};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 64;

/// Messages that wait to be written.
const WAITING_MAX: usize = 64;

/// How long the first message may take.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How long a message may wait for its turn when that many wait already: many changes come together, and are soon written.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// How long one message may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// Between two signs of life. Whoever asked is looked up again each time, so that a token that ended by itself hears no more.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// Executions that are told to whoever takes up a list again; of more it reads the list.
const TAKEN_UP_MAX: u32 = 500;

/// How long a client may take for them.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10);

/// Why a connection ends, as the server says it.
#[derive(Clone, Copy)]
enum Ending {
    /// The server stops.
    Away,
    /// The secret is worth nothing any more, or the first message is not what it must be.
    Refused,
    /// The client does not take what it is told.
    Slow,
    /// The client says what cannot be meant.
    Wrong,
}

impl Ending {
    fn code(self) -> (u16, &'static str) {
        match self {
            Self::Away => (1001, "the server ends"),
            Self::Refused => (4401, "not signed in any more"),
            Self::Slow => (1013, "too slow; come back with the last cursors"),
            Self::Wrong => (1008, "the message cannot be meant"),
        }
    }
}

/// What the writer is to do at last.
type Verdict = Arc<Mutex<Option<Ending>>>;

struct Connection {
    app: Arc<App>,
    actor: Arc<Actor>,
    credential: Credential,
    /// Told when the credential may have become worth less.
    forgotten: watch::Receiver<()>,
    out: mpsc::Sender<Value>,
    lists: BTreeMap<String, What>,
    streams: BTreeMap<String, Stream>,
    /// The queue as it was told last, and when something has changed since.
    queue: Option<String>,
    queue_changed: Option<Instant>,
}

/// Serves a connection to its end.
pub(super) async fn serve(app: Arc<App>, socket: Socket, actor: Arc<Actor>, credential: Credential) {
    let (sink, mut stream) = socket.split();
    let (out, waiting) = mpsc::channel(WAITING_MAX);
    let verdict: Verdict = Arc::default();
    let writer = tokio::spawn(write(sink, waiting, Arc::clone(&verdict)));
    let mut connection = Connection {
        app: Arc::clone(&app),
        actor,
        credential,
        forgotten: app.platform.forgotten(),
        out,
        lists: BTreeMap::new(),
        streams: BTreeMap::new(),
        queue: None,
        queue_changed: None,
    };
    let ending = connection.run(&mut stream, &writer).await;
    *verdict.lock().unwrap_or_else(PoisonError::into_inner) = ending;
    for stream in std::mem::take(&mut connection.streams).into_values() {
        stream.task.abort();
    }
    // The writer ends when nobody can tell it anything more.
    drop(connection);
    drop(writer.await);
}

/// Writes what is told, and at last why nothing more is.
async fn write(mut sink: SplitSink<Socket, Message>, mut waiting: mpsc::Receiver<Value>, verdict: Verdict) {
    while let Some(message) = waiting.recv().await {
        let sent = tokio::time::timeout(WRITTEN_WITHIN, sink.send(Message::text(message.to_string()))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
    let ending = *verdict.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, reason) = ending.map_or((1000, ""), Ending::code);
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    drop(tokio::time::timeout(WRITTEN_WITHIN, sink.send(Message::Close(Some(frame)))).await);
}

impl Connection {
    /// Serves until the client goes away, or says why it is sent away.
    async fn run(
        &mut self,
        stream: &mut (impl StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin),
        writer: &JoinHandle<()>,
    ) -> Option<Ending> {
        let mut ending = self.app.ending.subscribe();
        let hello = tokio::select! {
            hello = tokio::time::timeout(HELLO_WITHIN, stream.next()) => hello,
            () = end(&mut ending) => return Some(Ending::Away),
        };
        let Ok(Some(Ok(Message::Text(text)))) = hello else { return Some(Ending::Refused) };
        let Ok(Said::Hello { csrf }) = serde_json::from_str(&text) else { return Some(Ending::Refused) };
        if !browser::repeats_csrf(&self.actor, csrf.as_deref().unwrap_or_default().as_bytes()) {
            return Some(Ending::Refused);
        }
        self.tell(json!({"type": "ready", "user": self.actor.user, "tenant": self.actor.tenant})).await?;
        let mut news = hub::listen(&self.app);
        let mut alive = tokio::time::interval_at(Instant::now() + ALIVE_EVERY, ALIVE_EVERY);
        let mut queue = tokio::time::interval(hub::QUEUE_EVERY);
        loop {
            let turn = tokio::select! {
                said = stream.next() => match said {
                    Some(Ok(Message::Text(text))) => self.take(&text).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => Err(Ending::Wrong),
                },
                heard = news.recv() => match heard {
                    Ok(News::Changed(changed)) if changed.tenant != self.actor.tenant => Ok(()),
                    Ok(News::Changed(changed)) => self.pass_on(&changed).await,
                    Ok(News::Missed) | Err(RecvError::Lagged(_)) => self.missed().await,
                    Err(RecvError::Closed) => Err(Ending::Away),
                },
                _ = queue.tick(), if self.queue_changed.is_some() && self.has_queue() => self.look_at_queue().await,
                _ = alive.tick() => self.is_alive(writer).await,
                () = change(&mut self.forgotten) => self.look_again().await,
                () = end(&mut ending) => Err(Ending::Away),
            };
            if let Err(ending) = turn {
                return Some(ending);
            }
        }
    }

    /// Tells something in its turn; none when nobody takes it any more.
    async fn tell(&self, message: Value) -> Option<()> {
        self.out.send(message).await.ok()
    }

    /// Tells something soon, or finds that the client does not keep up.
    async fn tell_soon(&self, message: Value) -> Result<(), Ending> {
        self.out.send_timeout(message, TURN_WITHIN).await.map_err(|_| Ending::Slow)
    }

    /// Tells something to each of these lists.
    async fn tell_all(&self, messages: Vec<Value>) -> Result<(), Ending> {
        for message in messages {
            self.tell_soon(message).await?;
        }
        Ok(())
    }

    async fn is_alive(&mut self, writer: &JoinHandle<()>) -> Result<(), Ending> {
        if writer.is_finished() {
            return Err(Ending::Slow);
        }
        self.look_again().await?;
        self.forget_ended();
        self.tell_soon(json!({"type": "alive"})).await
    }

    /// Looks again first, where something was decided since that may be about whoever asked.
    async fn look_first(&mut self) -> Result<(), Ending> {
        match self.forgotten.has_changed() {
            Ok(true) => {
                self.forgotten.mark_unchanged();
                self.look_again().await
            }
            _ => Ok(()),
        }
    }

    /// Whether whoever asked may still hear what is told.
    async fn look_again(&mut self) -> Result<(), Ending> {
        let actor = guard::actor(&self.app, self.credential.clone()).await.map_err(|_| Ending::Refused)?;
        if actor.tenant != self.actor.tenant {
            return Err(Ending::Refused);
        }
        // What it may has perhaps become less.
        self.actor = actor;
        let allowed = |what: &What| self.actor.may(what.needs());
        if !self.lists.values().all(allowed) || (!self.streams.is_empty() && !allowed(&What::Execution)) {
            return Err(Ending::Refused);
        }
        Ok(())
    }

    async fn take(&mut self, text: &str) -> Result<(), Ending> {
        self.look_first().await?;
        let said: Said = serde_json::from_str(text).map_err(|_| Ending::Wrong)?;
        match said {
            Said::Hello { .. } => Err(Ending::Wrong),
            Said::Ping => self.tell_soon(json!({"type": "pong"})).await,
            Said::Unsubscribe { id } => {
                self.lists.remove(&id);
                if let Some(stream) = self.streams.remove(&id) {
                    stream.task.abort();
                }
                self.tell_soon(json!({"type": "unsubscribed", "id": id})).await
            }
            Said::Subscribe { id, what, execution, after, live } => {
                let subscribed = self.subscribe(&id, what, execution, after, live).await;
                match subscribed {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        let (code, message) = (error.code.as_str(), error.message);
                        self.tell_soon(json!({"type": "error", "id": id, "code": code, "message": message})).await
                    }
                }
            }
        }
    }

    async fn subscribe(
        &mut self,
        id: &str,
        what: What,
        execution: Option<String>,
        after: Option<String>,
        live: bool,
    ) -> Result<(), Error> {
        self.forget_ended();
        if !is_id(id) || self.lists.contains_key(id) || self.streams.contains_key(id) {
            return Err(Error::invalid("`id` is empty, too long, or has a subscription already"));
        }
        if self.lists.len() + self.streams.len() >= SUBSCRIPTIONS_MAX {
            return Err(Error::invalid(format!("one connection has at most {SUBSCRIPTIONS_MAX} subscriptions")));
        }
        if !self.actor.may(what.needs()) {
            let message = format!("this needs the permission `{}`", what.needs());
            return Err(Error::new(akao_platform::Code::Forbidden, message));
        }
        if what == What::Execution {
            let execution = execution.ok_or_else(|| Error::invalid("`execution` is missing"))?;
            return self.follow(id, execution, after, live).await;
        }
        let since = after.map(|text| text.parse::<i64>().map_err(|_| Error::invalid("`after` is not a cursor")));
        let since = since.transpose()?;
        self.lists.insert(id.to_owned(), what);
        let _ = self.tell(json!({"type": "subscribed", "id": id})).await;
        match (what, since) {
            (What::Queue, _) => (self.queue, self.queue_changed) = (None, Some(Instant::now())),
            (_, Some(since)) => self.take_up(id, what, since).await?,
            (_, None) => {}
        }
        Ok(())
    }

    /// Tells what a list has missed since it was left.
    async fn take_up(&mut self, id: &str, what: What, since: i64) -> Result<(), Error> {
        let actor = Arc::clone(&self.actor);
        let found =
            self.app.platform.blocking(move |platform| platform.changed_since(&actor, since, TAKEN_UP_MAX)).await?;
        let Some((lsn, rows)) = found else {
            let _ = self.tell(json!({"type": "missed", "id": id})).await;
            return Ok(());
        };
        let end = Instant::now() + TAKEN_UP_WITHIN;
        for (row, tasks) in rows {
            let changed = Changed {
                tenant: row.tenant.clone(),
                lsn,
                execution: crate::documents::execution(&row),
                tasks: tasks.map(|tasks| tasks.iter().map(crate::documents::task).collect()),
            };
            let Some(message) = event(id, what, &changed) else { continue };
            // Whoever takes this slowly is not asked meanwhile whether they may still hear it.
            if tokio::time::timeout_at(end, self.tell(message)).await.is_err() {
                let _ = self.tell_soon(json!({"type": "missed", "id": id})).await;
                break;
            }
        }
        Ok(())
    }

    /// Follows an execution's events in a task of their own, as fast as they are taken.
    async fn follow(&mut self, id: &str, execution: String, after: Option<String>, live: bool) -> Result<(), Error> {
        let after: Option<Cursor> = after.map(|text| text.parse()).transpose()?;
        let (actor, named) = (Arc::clone(&self.actor), execution.clone());
        let events = self.app.platform.blocking(move |platform| platform.events(&actor, &named, after, live)).await?;
        let _ = self.tell(json!({"type": "subscribed", "id": id, "execution": execution})).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let hearer = Hearer::new(&self.app, Some(self.credential.clone()));
        let following = follow(id.to_owned(), events, hearer, self.out.clone(), Arc::clone(&is_over));
        self.streams.insert(id.to_owned(), Stream { task: tokio::spawn(following), is_over });
        Ok(())
    }

    /// Frees the names of executions whose end was told.
    fn forget_ended(&mut self) {
        self.streams.retain(|_, stream| !stream.is_over.load(Ordering::Acquire));
    }

    fn has_queue(&self) -> bool {
        self.lists.values().any(|what| *what == What::Queue)
    }

    async fn pass_on(&mut self, changed: &Changed) -> Result<(), Ending> {
        self.look_first().await?;
        self.queue_changed = Some(Instant::now());
        let messages = self.lists.iter().filter_map(|(id, what)| event(id, *what, changed)).collect();
        self.tell_all(messages).await
    }

    async fn missed(&mut self) -> Result<(), Ending> {
        self.look_first().await?;
        self.queue_changed = Some(Instant::now());
        let lists = self.lists.iter().filter(|(_, what)| **what != What::Queue);
        self.tell_all(lists.map(|(id, _)| json!({"type": "missed", "id": id})).collect()).await
    }

    /// Tells the queue when it is another than was told.
    async fn look_at_queue(&mut self) -> Result<(), Ending> {
        self.look_first().await?;
        let Ok(queues) = hub::queues(&self.app).await else { return Ok(()) };
        // What was read before the change is told, and looked at again.
        self.queue_changed = self.queue_changed.filter(|changed| *changed > queues.read_at);
        let entries = queues.entries.get(&self.actor.tenant).map(Vec::as_slice).unwrap_or_default();
        let places = self.app.platform.places(&self.actor.tenant, queues.limit);
        let queue = history::waiting(entries, places);
        let text = queue.to_string();
        if self.queue.as_ref() == Some(&text) {
            return Ok(());
        }
        self.queue = Some(text);
        let lists = self.lists.iter().filter(|(_, what)| **what == What::Queue);
        let message = |id: &String| json!({"type": "event", "id": id, "event": "queue", "data": queue});
        self.tell_all(lists.map(|(id, _)| message(id)).collect()).await
    }
}

/// What a list is told of a change; none when it is not about that.
fn event(id: &str, what: What, changed: &Changed) -> Option<Value> {
    let cursor = changed.lsn.to_string();
    let (event, data) = match what {
        What::Executions => ("execution", json!(changed.execution)),
        What::Tasks => {
            ("tasks", json!({"execution": changed.execution["execution"], "items": changed.tasks.as_ref()?}))
        }
        What::Execution | What::Queue => return None,
    };
    Some(json!({"type": "event", "id": id, "event": event, "cursor": cursor, "data": data}))
}

/// An execution that is followed.
struct Stream {
    task: JoinHandle<()>,
    /// Set when its last message is about to be told.
    is_over: Arc<AtomicBool>,
}

/// Tells the events of an execution. Whoever may not hear them any more is told so by the connection.
async fn follow(
    id: String,
    mut events: EventStream,
    mut hearer: Hearer,
    out: mpsc::Sender<Value>,
    is_over: Arc<AtomicBool>,
) {
    loop {
        let message = match events.next().await {
            Ok(Some(StreamEvent { cursor, name, data })) => {
                let cursor = cursor.map(|cursor| cursor.to_string());
                json!({"type": "event", "id": id, "event": name, "cursor": cursor, "data": data})
            }
            Ok(None) => json!({"type": "ended", "id": id}),
            Err(error) => {
                json!({"type": "error", "id": id, "code": error.code.as_str(), "message": error.message})
            }
        };
        let is_last = message["type"] != "event";
        // Nobody listens any more when there is no place.
        let Ok(place) = out.reserve().await else { return };
        if !hearer.may_hear().await {
            return;
        }
        // Whoever hears the end may take the name again at once.
        is_over.store(is_last, Ordering::Release);
        place.send(message);
        if is_last {
            return;
        }
    }
}
